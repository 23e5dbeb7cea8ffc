/* SPDX-License-Identifier: MIT */
/* The scheduler: proportional share with weights, caps, hard and soft affinity; a run queue per
 * CPU. See sched/sched.c. */
#pragma once

#include "domain.h"

void sched_init_cpu(void);
void sched_vcpu_create(struct vcpu *v);
void sched_domain_create(struct domain *d);
/* None of its vCPUs runs any more. */
void sched_domain_destroy(struct domain *d);

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
static inline bool vcpu_runnable(const struct vcpu *v) {
	return !(READ_ONCE(v->pause_flags) | READ_ONCE(v->pause_count));
}
/* A vCPU by a number that a guest gave; NULL if there is none. */
static inline struct vcpu *domain_vcpu(const struct domain *d, uint32_t id) {
	if (id >= d->max_vcpus) return NULL;
	return __atomic_load_n(&d->vcpu[index_nospec(id, d->max_vcpus)], __ATOMIC_ACQUIRE);
}

/* Something for the vCPU to look at (event, NMI): wake it from block or poll, or interrupt the CPU
 * it runs on. Any context below RANK_SCHED. */
void vcpu_kick(struct vcpu *v);

/* SCHEDOP_poll on ports that have been checked: wait until one is pending, an event can be
 * delivered, or system time `timeout` (0: none). */
void vcpu_poll(const port_t *ports, unsigned n, uint64_t timeout);
/* End v's poll, if it is in one. */
void vcpu_poll_end(struct vcpu *v);
/* A port of d is marked pending: wake the vCPUs that poll it. */
void poll_notify(struct domain *d, port_t port);

/* SCHEDOP_block: block unless an event is pending. SCHEDOP_yield. */
void vcpu_block(void);
void vcpu_yield(void);

/* Weight: at least 1, default 256; cap: percent of a CPU, 0: none. They are read in d->sched. 0,
 * -EINVAL (out of range). */
int sched_domain_set(struct domain *d, uint16_t weight, uint16_t cap) __must_check;
/* 0, -EINVAL if no CPU of `hard` is up. */
int vcpu_set_affinity(struct vcpu *v, cpumask_t hard, cpumask_t soft) __must_check;
void vcpu_get_affinity(const struct vcpu *v, cpumask_t *hard, cpumask_t *soft);
/* SCHEDOP_pin_override: pin to one CPU, or with cpu < 0 undo that. 0, -EINVAL, -EBUSY (is pinned). */
int vcpu_pin_override(struct vcpu *v, int cpu) __must_check;
/* SCHEDOP_watchdog of the running domain: the watchdog's number or 0, -EINVAL, -ENOSPC. */
int sched_watchdog(struct domain *d, uint32_t id, uint32_t seconds) __must_check;
