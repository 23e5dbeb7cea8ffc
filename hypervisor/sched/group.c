/* SPDX-License-Identifier: MIT */
/*
 * A domain's share of the machine: weight and cap. All its vCPUs have the domain's weight. The cap
 * is a budget for the domain as a whole, refilled once per cycle; it may be overdrawn by the time
 * between two looks, and pays that back. The refill timer beats only while the budget is in use.
 *
 * And its watchdogs: timers that it pokes; one that runs out shuts it down.
 */
#include "unit.h"

#include <xen/sched.h>

static int64_t quota(const struct sched_group *g) { return (int64_t)(SCHED_CAP_CYCLE * READ_ONCE(g->cap) / 100); }

static void release_capped(struct domain *d) {
	struct vcpu *v;

	for_each_vcpu (d, v) vcpu_unblock_flag(v, VPF_CAPPED);
}

static void refill(void *arg) {
	struct sched_group *g = arg;
	int64_t full = quota(g), left;

	if (!full) return;
	left = __atomic_add_fetch(&g->budget, full, __ATOMIC_SEQ_CST);
	/* Two cycles' worth at most: what runs now is charged later, and must not be lost here. */
	if (left > 2 * full) __atomic_fetch_sub(&g->budget, left - 2 * full, __ATOMIC_SEQ_CST);
	if (left > 0) release_capped(container_of(g, struct domain, sched));
	if (left < 3 * full) timer_set(&g->refill, cpu_id(), now_ns() + SCHED_CAP_CYCLE);
}

bool group_charge(struct sched_group *g, uint64_t ns) {
	int64_t left = __atomic_sub_fetch(&g->budget, (int64_t)ns, __ATOMIC_SEQ_CST);

	if (!timer_pending(&g->refill)) timer_set(&g->refill, cpu_id(), now_ns() + SCHED_CAP_CYCLE);
	return left <= 0;
}

uint64_t group_slice(const struct sched_group *g) {
	int64_t left;

	if (likely(!READ_ONCE(g->cap))) return SCHED_SLICE;
	left = READ_ONCE(g->budget);
	return left < (int64_t)SCHED_GRAN / 4 ? SCHED_GRAN / 4 : MIN((uint64_t)left, SCHED_SLICE);
}

static void set(struct sched_group *g, uint16_t weight, uint16_t cap) {
	WRITE_ONCE(g->rate, (SCHED_WEIGHT << 16) / weight);
	g->weight = weight;
	WRITE_ONCE(g->cap, cap);
	__atomic_store_n(&g->budget, quota(g), __ATOMIC_SEQ_CST);
}

static void watchdog_bites(void *arg) {
	gprintk(arg, LOG_WARN, "watchdog ran out\n");
	domain_shutdown(arg, SHUTDOWN_watchdog);
}

void sched_domain_create(struct domain *d) {
	timer_init(&d->sched.refill, refill, &d->sched);
	for (unsigned i = 0; i < NR_WATCHDOGS; i++) timer_init(&d->sched.watchdog[i], watchdog_bites, d);
	set(&d->sched, SCHED_WEIGHT, 0);
}

void sched_domain_destroy(struct domain *d) {
	timer_kill(&d->sched.refill);
	for (unsigned i = 0; i < NR_WATCHDOGS; i++) timer_kill(&d->sched.watchdog[i]);
}

int sched_domain_set(struct domain *d, uint16_t weight, uint16_t cap) {
	SPIN_GUARD(&d->domain_lock);

	if (!weight || cap > 100 * MIN(d->max_vcpus, 655u)) return -EINVAL;
	set(&d->sched, weight, cap);
	release_capped(d);
	return 0;
}

int sched_watchdog(struct domain *d, uint32_t id, uint32_t seconds) {
	struct timer *w = d->sched.watchdog;
	unsigned i = id ? id - 1 : 0;
	SPIN_GUARD(&d->domain_lock);

	if (id > NR_WATCHDOGS || (id ? !timer_pending(&w[i]) : !seconds)) return -EINVAL;
	while (!id && i < NR_WATCHDOGS && timer_pending(&w[i])) i++;
	if (i == NR_WATCHDOGS) return -ENOSPC;
	if (seconds)
		timer_set(&w[i], cpu_id(), now_ns() + seconds * 1000000000ULL);
	else
		timer_stop(&w[i]);
	return id ? 0 : (int)i + 1;
}
