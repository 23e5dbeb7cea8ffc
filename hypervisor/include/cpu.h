/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU state. Each CPU has one block: its stacks and this struct. `this_cpu()` finds it from the
 * stack pointer (host port: a thread-local). Other CPUs may touch only the fields marked public.
 */
#pragma once

#include "addr.h"
#include "lib.h"
#include "spinlock.h"

#include <xen/xen.h>

#define MAX_CPUS 64
/* A set of CPUs, bit n for CPU n. */
typedef uint64_t cpumask_t;
#define CPUMASK_ALL (~(cpumask_t)0)

static inline cpumask_t cpumask_of(unsigned cpu) { return (cpumask_t)1 << cpu; }

struct vcpu;
struct sched_cpu;

/* What a CPU has to do before it returns to a guest; bits of cpu->work. */
#define CPU_WORK_SCHEDULE (1u << 0) /* choose a vCPU anew */
#define CPU_WORK_TIMER    (1u << 1) /* run expired timers */
#define CPU_WORK_TRAP     (1u << 3) /* current has an NMI to take (v->pending_traps) */
#define CPU_WORK_RESTART  (1u << 4) /* issue the hypercall just made again (struct restart) */

/* Arguments with which a preempted hypercall is to be issued again. */
struct restart {
	unsigned op;
	unsigned nargs;
	uint64_t arg[6];
};

#include <arch/cpu.h>

struct cpu {
	/* set at bring-up, const after: */
	unsigned id;
	struct sched_cpu *sched; /* scheduler's private data, owned by sched/ */

	/* only this CPU: */
	struct vcpu *vcpu;           /* running vCPU, NULL when idle */
	struct vcpu *loaded;         /* whose page tables and registers are in the CPU (lazily kept while
					idle) */
	struct vcpu_info *vcpu_info; /* current's, mapped */
	struct restart restart;
	unsigned preempt_budget; /* work units left before a preemption point looks up */
	uint32_t lock_ranks;     /* ranks held (debug) */

	/* public: */
	uint32_t work;     /* CPU_WORK_*; set with cpu_raise() */
	uint64_t tlb_time; /* tlb_clock when this CPU last flushed everything */

	ARCH_CPU_FIELDS
};

static inline struct cpu *this_cpu(void) { return arch_this_cpu(); }
static inline unsigned cpu_id(void) { return this_cpu()->id; }
#define current (this_cpu()->vcpu)

/* CPUs that are up. */
extern cpumask_t cpus_online;
/* The block of an online CPU. */
struct cpu *cpu_of(unsigned id);

#define for_each_cpu(c, mask) \
	for (cpumask_t mask_##c = (mask); mask_##c && ((c) = bit_first(mask_##c), 1); mask_##c &= mask_##c - 1)

/* Ask a CPU for work before it next enters a guest; sends an IPI if it is another one. Any context. */
void cpu_raise(unsigned cpu, uint32_t work);
