/* SPDX-License-Identifier: MIT */
/*
 * Traps: exceptions, INT n, and the callbacks for events, system calls and failed returns all
 * arrive in one function, which looks the vector up in a table of handlers. A trap without handler
 * ends the guest, unless TRAP_TRY() awaits it.
 */
#pragma once

#include <kit/guest.h>
#include <kit/stack.h>

enum {
	VEC_DE = 0,
	VEC_DB = 1,
	VEC_NMI = 2,
	VEC_BP = 3,
	VEC_OF = 4,
	VEC_BR = 5,
	VEC_UD = 6,
	VEC_NM = 7,
	VEC_TS = 10,
	VEC_NP = 11,
	VEC_SS = 12,
	VEC_GP = 13,
	VEC_PF = 14,
	VEC_MF = 16,
	VEC_AC = 17,
	VEC_XM = 19,
	/* the callbacks, beyond the processor's vectors */
	VEC_EVENT = 256,
	VEC_FAILSAFE,
	VEC_SYSCALL,
	VEC_SYSENTER,
	VEC_SYSCALL32,
	VEC_COUNT,
};

/* The state of the interrupted code; a handler may change it. Fields from rax on are the iret
 * hypercall's. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r10, r9, r8, rbp, rdi, rsi, rdx, rbx;
	uint64_t rax, r11, rcx;
	uint32_t error_code, vector;
	uint64_t rip;
	uint16_t cs, cs_pad;
	uint8_t saved_upcall_mask, mask_pad[3];
	uint64_t rflags, rsp, ss;
};

_Static_assert(sizeof(struct trap_frame) == 8 * KIT_FRAME_WORDS, "assembler copies frames");

typedef void trap_handler(struct trap_frame *frame);

extern trap_handler *kit_handlers[VEC_COUNT];
extern const uint64_t kit_vector_table[256];

/* As the failsafe callback pushed them: ds, es, fs, gs. */
extern uint64_t kit_failsafe_selectors[4];

/* Entry points for the trap table and the callbacks. */
void kit_callback_event(void);
void kit_callback_failsafe(void);
void kit_callback_syscall(void);
void kit_callback_sysenter(void);
void kit_callback_syscall32(void);

/* Loads `frame` into the processor by the iret hypercall; %rsp must point to it. */
void kit_trap_return(void);

/*
 * Registers all 256 vectors and the event, failsafe and syscall callbacks for the calling vCPU.
 * Vectors 3, 4 and 0x80 may be entered from user mode; events are masked in no trap but NMI.
 */
void kit_traps_init(void);

/* Called by the entry stubs. */
void kit_trap(struct trap_frame *frame);

/* What the last awaited trap was; vector is TRAP_NONE when none came. */
#define TRAP_NONE 0xffffffffu

struct trap_record {
	uint32_t vector, error_code;
	uint64_t cr2;
	struct trap_frame frame;
};

extern struct trap_record kit_trap_record;
extern uint64_t kit_trap_resume;

/*
 * Runs the assembler text `insn` and records the first trap it raises, which then goes on behind
 * `insn` with the registers as they were. After it, kit_trap_record tells what happened. The rest
 * is as in asm() and must not be empty: TRAP_TRY("div %0", : : "r"(0)).
 */
#define TRAP_TRY(insn, ...)                                                            \
	do {                                                                           \
		kit_trap_record.vector = TRAP_NONE;                                    \
		asm volatile("movq $771f, kit_trap_resume(%%rip)\n\t" insn             \
			     "\n771:\n\tmovq $0, kit_trap_resume(%%rip)" __VA_ARGS__); \
		barrier();                                                             \
	} while (0)
