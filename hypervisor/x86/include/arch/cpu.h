/* SPDX-License-Identifier: MIT */
/* x86: registers as entry.S stores them, and what a CPU keeps beside the generic part. */
#pragma once

#include "addr.h"
#include "layout.h"
#include "regs.h"

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3], reserved1, ist[7], reserved2;
	uint16_t reserved3, iomap;
} __attribute__((packed));

struct window {
	uint64_t mfn;
	uint32_t users;
};

#define ARCH_CPU_FIELDS                                                        \
	uint32_t apic_id, acpi_id;                                             \
	uint64_t *window_ptes; /* the 512 entries of this CPU's window area */ \
	uint8_t *window_base;  /* address of window 0 */                       \
	struct window window[WINDOW_FRAME_NR];                                 \
	uint64_t windows_filled; /* places of window[] that map a frame */     \
	uint64_t cr3;            /* as loaded */                               \
	struct tss tss;                                                        \
	uint64_t timer_deadline;                                               \
	uint64_t *gdt;      /* ring 0's GDT page */                            \
	uint16_t gdt_shown; /* pages of a guest's GDT that are in view */      \
	uint16_t ldt_shown; /* the same of its LDT: no page behind them is */

struct cpu;
static inline struct cpu *arch_this_cpu(void) {
	uint64_t sp;

	__asm__("mov %%rsp, %0" : "=r"(sp));
	return (struct cpu *)((sp & ~(PERCPU_SIZE - 1)) | PERCPU_STRUCT);
}

/* The running guest's registers on this CPU: right below struct cpu. */
static inline struct regs *guest_regs(void) { return (struct regs *)arch_this_cpu() - 1; }
