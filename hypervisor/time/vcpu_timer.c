/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's timers: the single-shot one, which wakes it, and the periodic tick, which only beats
 * while the vCPU runs (a tick that fell due meanwhile comes at once when it is switched in; those
 * missed are dropped). Both raise VIRQ_TIMER. The poll timer belongs to SCHEDOP_poll
 * (sched/poll.c).
 */
#include "arch.h"
#include "domain.h"
#include "sched.h"
#include "time.h"

#define DEFAULT_PERIOD 10000000ULL /* 10 ms, as the PV ABI has it for a new vCPU */

static void singleshot_fired(void *arg) { virq_raise_vcpu(arg, VIRQ_TIMER); }

static void poll_over(void *arg) { vcpu_poll_end(arg); }

static void periodic_fired(void *arg) {
	struct vcpu *v = arg;
	uint64_t period = READ_ONCE(v->periodic_period);

	virq_raise_vcpu(v, VIRQ_TIMER);
	if (period && READ_ONCE(v->running)) timer_set(&v->periodic, v->processor, now_ns() + period);
}

void vcpu_singleshot_set(struct vcpu *v, uint64_t timeout) {
	if (timeout)
		timer_set(&v->singleshot, cpu_id(), timeout);
	else
		timer_stop(&v->singleshot);
}

void vcpu_periodic_set(struct vcpu *v, uint64_t period) {
	uint64_t first = now_ns() + period;

	timer_stop(&v->periodic);
	WRITE_ONCE(v->periodic_period, period);
	/*
	 * A sibling that is being switched meanwhile may tick once too often or too late. It may also arm its timer, so
	 * that `expires` is for the queue alone to change: what does not run is armed, and stopped again.
	 */
	while (period) {
		timer_set(&v->periodic, v->processor, first);
		if (READ_ONCE(v->running) || !timer_stop(&v->periodic) || !READ_ONCE(v->running)) break;
	}
}

void vcpu_periodic_resume(struct vcpu *v, uint64_t now) {
	uint64_t period = READ_ONCE(v->periodic_period), due = READ_ONCE(v->periodic.expires);

	if (likely(!period)) return;
	if (due <= now) {
		virq_raise_vcpu(v, VIRQ_TIMER);
		due = now + period;
	}
	timer_set(&v->periodic, cpu_id(), due);
}

void vcpu_periodic_suspend(struct vcpu *v) {
	if (unlikely(v->periodic_period)) timer_stop(&v->periodic);
}

void vcpu_timers_create(struct vcpu *v) {
	timer_init(&v->singleshot, singleshot_fired, v);
	timer_init(&v->periodic, periodic_fired, v);
	timer_init(&v->poll_timer, poll_over, v);
	v->periodic_period = DEFAULT_PERIOD;
	v->periodic.expires = now_ns() + DEFAULT_PERIOD;
}

void vcpu_timers_destroy(struct vcpu *v) {
	timer_kill(&v->singleshot);
	timer_kill(&v->periodic);
	timer_kill(&v->poll_timer);
}
