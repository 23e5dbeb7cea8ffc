/* SPDX-License-Identifier: MIT */
/* What the files of sched/ share: constants and the run queue. */
#pragma once

#include "cpu.h"
#include "frame.h"
#include "sched.h"

#define SCHED_SLICE     10000000ULL /* ns between looks at who comes next */
#define SCHED_GRAN      1000000ULL  /* virtual ns a vCPU must be behind to preempt another */
#define SCHED_LEAST     1000000ULL  /* ns a vCPU runs before one that wakes may preempt it */
#define SCHED_SLEEPER   5000000ULL  /* virtual ns a sleeper may be behind when it wakes */
#define SCHED_LAG       20000000ULL /* virtual ns a vCPU may be ahead or behind on a new CPU */
#define SCHED_PUSH      15000000ULL /* virtual ns another CPU must be ahead to be sent a vCPU */
#define SCHED_WEIGHT    256         /* default; virtual and real time run alike for it */
#define SCHED_CAP_CYCLE 10000000ULL /* ns in which a capped domain gets its cap of a CPU */

struct sched_cpu {
	struct spinlock lock; /* RANK_SCHED */
	/* lock: */
	struct list queue;  /* runnable vCPUs that run nowhere, by rising vtime */
	struct vcpu *curr;  /* NULL: idle */
	uint64_t vnow;      /* virtual time of the queue: never goes back */
	uint64_t began;     /* when curr was switched to */
	uint64_t slice_end; /* when curr is to be compared with the queue again */
	struct timer slice;
	struct vcpu *leaving; /* no lock: runs here no more, though the CPU still looks at it */
	/* written under lock, read anywhere: */
	uint32_t length;
	uint64_t curr_vtime, curr_since; /* what curr was charged with last, and when */
	uint32_t curr_rate;
};

extern struct sched_cpu sched_cpus[MAX_CPUS];
extern cpumask_t sched_idle; /* atomic: CPUs that have nothing to run */

/* sched/group.c */
/* One of its vCPUs ran for ns: true if the domain's cap is used up. Run queue's lock held. */
bool group_charge(struct sched_group *g, uint64_t ns);
/* The longest that one of its vCPUs may run now. */
uint64_t group_slice(const struct sched_group *g);

/* sched/sched.c: one attempt of schedule(). False if there is nothing to run: the CPU is marked
 * idle. */
bool schedule_round(struct cpu *cpu);
