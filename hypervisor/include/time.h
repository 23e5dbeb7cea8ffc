/* SPDX-License-Identifier: MIT */
/* Software timers on per-CPU queues, guest-visible time (pvclock), wall clock and runstate. */
#ifndef TENON_TIME_H
#define TENON_TIME_H

#include "lib.h"

struct domain;
struct vcpu;

/* A one-shot timer. Its function runs on the CPU of its queue, interrupts off, no lock held. Zeroed
 * memory is not a timer: timer_init(). */
struct timer {
	uint64_t expires; /* now_ns() time */
	void (*fn)(void *arg);
	void *arg;
	uint16_t cpu;   /* queue it is on or was set for last */
	uint32_t index; /* place in the heap + 1; 0: not set */
};

void timers_init_cpu(void);
void timer_init(struct timer *t, void (*fn)(void *), void *arg);
/* (Re)arm for an absolute time on a CPU's queue. Any context below RANK_TIMER. */
void timer_set(struct timer *t, unsigned cpu, uint64_t expires);
/* Disarm. After return the function does not run any more unless it is running now on another CPU.
 */
void timer_stop(struct timer *t);
/* Disarm and wait out a run in progress elsewhere. */
void timer_kill(struct timer *t);
/* Timer interrupt or CPU_WORK_TIMER: run what has expired, program the hardware for the next. */
void timers_run(void);

/* Update a vCPU's pvclock (vcpu_info and its registered copy); called when it is switched in. */
void vcpu_time_update(struct vcpu *v);
/* Write the wall clock (wc_*) into a domain's shared_info. */
void domain_wallclock_update(struct domain *d);
/* XENPF_settime: set the wall clock for all domains. */
void wallclock_set(uint64_t sec, uint32_t nsec, uint64_t system_time);

/* Account a change of state (RUNSTATE_*); caller holds the run-queue lock of the vCPU. */
void runstate_change(struct vcpu *v, int state, uint64_t now);
/* Copy the runstate to the guest's registered area; v is current and its address space loaded. */
void runstate_publish(struct vcpu *v);

int vcpu_timers_create(struct vcpu *v) __must_check;
void vcpu_timers_destroy(struct vcpu *v);
/* Move a vCPU's timers to the queue of the CPU it now runs on. */
void vcpu_timers_migrate(struct vcpu *v, unsigned cpu);

#endif
