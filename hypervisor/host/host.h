/* SPDX-License-Identifier: MIT */
/*
 * The host port: the arch contract on a Linux process, for unit tests. What the machine would do
 * and a process cannot is appended to a journal that tests assert on.
 */
#pragma once

#include "arch.h"
#include "domain.h"

#include <xen/domctl.h>

enum host_event_kind {
	HOST_TLB_FLUSH, /* a: cpumask, b: va */
	HOST_TLB_FLUSH_OWN,
	HOST_CACHE_FLUSH, /* a: cpumask */
	HOST_FRAME_FLUSH, /* a: mfn */
	HOST_ROOT_LOAD,   /* a: mfn */
	HOST_KICK,        /* a: cpu */
	HOST_TIMER,       /* a: deadline */
	HOST_SWITCH,      /* a: vcpu pointer */
	HOST_SYNC,        /* a: vcpu pointer */
	HOST_STOP,        /* a: machine_action */
};
struct host_event {
	enum host_event_kind kind;
	uint64_t a, b;
};
#define HOST_JOURNAL_MAX 4096
extern struct host_event host_journal[HOST_JOURNAL_MAX];
extern unsigned host_journal_count;
void host_journal_clear(void);
/* If set, runs before a flush is done. */
extern void (*host_flush_hook)(cpumask_t cpus, uint64_t va);
/* Events of a kind in the journal. */
unsigned host_journal_find(enum host_event_kind kind);

/* Lay a fresh machine: `frames` frames of RAM, `cpus` CPUs, empty journal, time 1 s. CPU 0 is
 * current. */
void host_machine_init(unsigned frames, unsigned cpus);
void host_machine_free(void);
/* Make another CPU the running one. */
void host_cpu_set(unsigned cpu);
/* The clock stands still unless a test moves it. */
void host_time_advance(uint64_t ns);
/* Allocation number n from now (1: the next) of heap_alloc, frame_alloc_raw or
 * own_map fails; 0: none. */
void host_fail_allocation(unsigned n);
/* For the allocators: true if this allocation is to fail. */
bool host_should_fail(void);

/*
 * Whole-state check of the frame table against page tables, vCPU roots and the free lists:
 * invariants I1..I7 of mm/pagetype.c, counts exactly. host_frame_hold() announces `refs` references
 * and `uses` uses that the test itself holds (negative: no longer). Aborts when one is broken.
 */
void host_frames_check(void);
void host_frame_hold(mfn_t m, int refs, int uses);
void host_frames_check_reset(void);
/* Set: writable frames may have more uses, each with a reference, than page tables account for
 * (event-channel pages and the like). */
extern bool host_frames_slack;

/*
 * Guest memory for copy_*_guest: guest virtual addresses are offsets into a buffer that the test
 * gives; anything else faults. The hook, if set, runs after each fetch with the address fetched (to
 * change bytes between fetches).
 */
void host_guest_memory(void *base, uint64_t va, size_t size);
extern void (*host_fetch_hook)(gvaddr_t src, size_t n);

/* What went out on the serial line since uart_init(), ended by NUL. */
#define HOST_SERIAL_MAX 65536
extern char host_serial[HOST_SERIAL_MAX];
extern size_t host_serial_len;

/* The IO-APIC's pins as last programmed, and interrupts acknowledged. */
#define HOST_PINS 24
struct host_pin {
	uint8_t vector, cpu;
	bool level, active_low, masked;
};
extern struct host_pin host_pins[HOST_PINS];
extern unsigned host_irq_acks;

/* The one PCI function, 00:05.0, its configuration space and MSI-X table (at BAR 1 + 0x40). */
#define host_pci_dev sbdf(0, 0, 0x28)
#define HOST_BAR     0xfebd0000ULL
extern uint8_t host_pci_config[256];
extern uint32_t host_msix_table[64];
void host_pci_reset(void);

/* The processor: CPUID leaves it has (others are zero), MSRs it has (others fault). */
#define HOST_CPUID_MAX 16
#define HOST_MSRS_MAX  8
struct host_msr {
	uint32_t msr;
	uint64_t value;
};
extern struct xen_cpuid_leaf host_cpuid[HOST_CPUID_MAX];
extern struct host_msr host_msrs[HOST_MSRS_MAX];
