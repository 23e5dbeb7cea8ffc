/* SPDX-License-Identifier: MIT */
/* The scheduler: proportional share with weights, caps, hard and soft affinity; a run queue per
 * CPU. See sched/sched.c. */
#ifndef TENON_SCHED_H
#define TENON_SCHED_H

#include "domain.h"

void sched_init(void);
void sched_init_cpu(void);
int sched_vcpu_create(struct vcpu *v) __must_check;
void sched_vcpu_destroy(struct vcpu *v);

/*
 * Exit path to a guest, CPU_WORK_SCHEDULE set: pick the next vCPU and switch to it with
 * arch_context_switch(). Idles in arch_idle() while there is none. No lock held, no window open.
 */
void schedule(void);

/* Runnable again (event, timer, unpause): queue it and preempt if it deserves so. Any context below
 * RANK_SCHED. */
void vcpu_wake(struct vcpu *v);
/* Set pause_flags bits / clear them and wake. */
void vcpu_block_flag(struct vcpu *v, uint32_t flag);
void vcpu_unblock_flag(struct vcpu *v, uint32_t flag);
/* Stop running it and wait until it is off its CPU (sync) or only ask for it (nosync). Nests. */
void vcpu_pause(struct vcpu *v);
void vcpu_pause_nosync(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);
bool vcpu_runnable(const struct vcpu *v);

/* SCHEDOP_block: block unless an event is pending. SCHEDOP_yield. SCHEDOP_poll with checked ports.
 */
void vcpu_block(void);
void vcpu_yield(void);

struct sched_params {
	uint16_t weight; /* 1..65535, default 256 */
	uint16_t cap;    /* percent of a CPU, 0: none */
};
int sched_domain_set(struct domain *d, const struct sched_params *p) __must_check;
void sched_domain_get(struct domain *d, struct sched_params *p);
int vcpu_set_affinity(struct vcpu *v, cpumask_t hard, cpumask_t soft) __must_check;
void vcpu_get_affinity(const struct vcpu *v, cpumask_t *hard, cpumask_t *soft);

#endif
