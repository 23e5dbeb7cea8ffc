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

static int64_t quota(const struct sched_group *g) {
	return (int64_t)(SCHED_CAP_CYCLE * READ_ONCE(g->cap) / 100);
}

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
	if (left > 0) release_capped(g->domain);
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

static void set(struct sched_group *g, unsigned weight, unsigned cap) {
	WRITE_ONCE(g->rate, (SCHED_WEIGHT << 16) / weight);
	g->weight = (uint16_t)weight;
	WRITE_ONCE(g->cap, (uint16_t)cap);
	__atomic_store_n(&g->budget, quota(g), __ATOMIC_SEQ_CST);
}

static struct sched_group *group_of(const struct domain *d) {
	const struct vcpu *v;

	for_each_vcpu (d, v)
		if (v->sched) return v->sched->group;
	return NULL;
}

static void watchdog_bites(void *arg) {
	struct sched_group *g = arg;

	gprintk(g->domain, LOG_WARN, "watchdog ran out\n");
	domain_shutdown(g->domain, SHUTDOWN_watchdog);
}

int group_join(struct sched_unit *u) {
	struct sched_group *g = group_of(u->vcpu->domain);

	if (!g) {
		g = heap_alloc(sizeof(*g));
		if (!g) return -ENOMEM;
		g->domain = u->vcpu->domain;
		timer_init(&g->refill, refill, g);
		for (unsigned i = 0; i < NR_WATCHDOGS; i++) timer_init(&g->watchdog[i], watchdog_bites, g);
		set(g, SCHED_WEIGHT, 0);
	}
	g->units++;
	u->group = g;
	return 0;
}

void group_leave(struct sched_unit *u) {
	struct sched_group *g = u->group;

	if (--g->units) return;
	timer_kill(&g->refill);
	for (unsigned i = 0; i < NR_WATCHDOGS; i++) timer_kill(&g->watchdog[i]);
	heap_free(g);
}

int sched_domain_set(struct domain *d, const struct sched_params *p) {
	SPIN_GUARD(&d->domain_lock);
	struct sched_group *g = group_of(d);

	if (!g || !p->weight || p->cap > 100 * MIN(d->max_vcpus, 655u)) return -EINVAL;
	set(g, p->weight, p->cap);
	release_capped(d);
	return 0;
}

void sched_domain_get(struct domain *d, struct sched_params *p) {
	const struct sched_group *g = group_of(d);

	p->weight = g ? g->weight : SCHED_WEIGHT;
	p->cap = g ? g->cap : 0;
}

static int watchdog_find(const struct sched_group *g, uint32_t id, uint32_t seconds) {
	if (id) return id <= NR_WATCHDOGS && timer_pending(&g->watchdog[id - 1]) ? (int)id - 1 : -EINVAL;
	if (!seconds) return -EINVAL;
	for (unsigned i = 0; i < NR_WATCHDOGS; i++)
		if (!timer_pending(&g->watchdog[i])) return (int)i;
	return -ENOSPC;
}

int sched_watchdog(struct domain *d, uint32_t id, uint32_t seconds) {
	struct sched_group *g = current->sched->group;
	SPIN_GUARD(&d->domain_lock);
	int i = watchdog_find(g, id, seconds);

	if (i < 0) return i;
	if (seconds)
		timer_set(&g->watchdog[i], cpu_id(), now_ns() + seconds * 1000000000ULL);
	else
		timer_stop(&g->watchdog[i]);
	return id ? 0 : i + 1;
}
