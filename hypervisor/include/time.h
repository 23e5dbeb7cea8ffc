/* SPDX-License-Identifier: MIT */
/* Software timers on per-CPU queues, guest-visible time (pvclock), wall clock and runstate. */
#pragma once

#include "addr.h"
#include "lib.h"

struct domain;
struct vcpu;

/*
 * A one-shot timer. Its function runs on the CPU of its queue, interrupts off, no lock held, in
 * interrupts and on the way out of ring 0. Zeroed memory is not a timer: timer_init().
 */
struct timer {
	uint64_t expires; /* now_ns() time; kept when it has fired or been stopped */
	void (*fn)(void *arg);
	void *arg;
	/* timer queue's lock: */
	struct timer *left, *right, **link; /* heap; link: the pointer that leads here, NULL: unset */
	uint16_t cpu;                       /* queue it is on or was on last */
};

void timers_init_cpu(void);
void timer_init(struct timer *t, void (*fn)(void *), void *arg);
/* (Re)arm for an absolute time on a CPU's queue. Any context below RANK_TIMER. */
void timer_set(struct timer *t, unsigned cpu, uint64_t expires);
/* Disarm. After return the function does not run any more unless it is running now on another CPU.
 * True if it was armed. */
bool timer_stop(struct timer *t);
static inline bool timer_pending(const struct timer *t) { return READ_ONCE(t->link) != NULL; }
/* Move it to another CPU's queue if it is armed. Nobody else arms or stops it meanwhile. */
void timer_migrate(struct timer *t, unsigned cpu);
/* Disarm and wait out a run in progress elsewhere. Not from the timer's own function. */
void timer_kill(struct timer *t);
/* Timer interrupt or CPU_WORK_TIMER: run what has expired, program the hardware for the next. */
void timers_run(void);

/* Update a vCPU's pvclock (vcpu_info and its registered copy); called when it is switched in. */
void vcpu_time_update(struct vcpu *v);
/* VCPUOP_register_vcpu_time_memory_area: fill it now and keep it up to date. v belongs to the
 * running domain. */
void vcpu_time_area_set(struct vcpu *v, gvaddr_t at);
/* Write the wall clock (wc_*) into a domain's shared_info. */
void domain_wallclock_update(struct domain *d);
/* XENPF_settime: set the wall clock for all domains. */
void wallclock_set(uint64_t sec, uint32_t nsec, uint64_t system_time);

/* Account a change of state (RUNSTATE_*); caller holds the run-queue lock of the vCPU. */
void runstate_change(struct vcpu *v, int state, uint64_t now);
/* The present runstate with the time since the last change added. */
struct vcpu_runstate_info;
void runstate_get(const struct vcpu *v, struct vcpu_runstate_info *out);
/* Copy the runstate to the guest's registered area; v is current and its address space loaded. */
void runstate_publish(struct vcpu *v);

/* VCPUOP_set_singleshot_timer: arm for an absolute system time; 0 disarms. v is current. */
void vcpu_singleshot_set(struct vcpu *v, uint64_t timeout);
/* The periodic tick; 0 stops it. v is any vCPU of the running domain. A new vCPU ticks every 10 ms. */
void vcpu_periodic_set(struct vcpu *v, uint64_t period);
/* v was switched in or out: its periodic tick runs only while it runs. */
void vcpu_periodic_resume(struct vcpu *v, uint64_t now);
void vcpu_periodic_suspend(struct vcpu *v);

void vcpu_timers_create(struct vcpu *v);
void vcpu_timers_destroy(struct vcpu *v);
