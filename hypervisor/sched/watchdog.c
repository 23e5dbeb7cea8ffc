/* SPDX-License-Identifier: MIT */
/* SCHEDOP_watchdog: timers that a domain pokes; one that runs out shuts the domain down. */
#include "unit.h"

#include <xen/sched.h>

static void watchdog_bites(void *arg) {
	struct sched_group *g = arg;

	gprintk(g->domain, LOG_WARN, "watchdog ran out\n");
	domain_shutdown(g->domain, SHUTDOWN_watchdog);
}

void watchdogs_init(struct sched_group *g) {
	for (unsigned i = 0; i < NR_WATCHDOGS; i++) timer_init(&g->watchdog[i].timer, watchdog_bites, g);
}

void watchdogs_kill(struct sched_group *g) {
	for (unsigned i = 0; i < NR_WATCHDOGS; i++) timer_kill(&g->watchdog[i].timer);
}

static int find(const struct sched_group *g, uint32_t id, uint32_t seconds) {
	if (id) return id <= NR_WATCHDOGS && g->watchdog[id - 1].used ? (int)id - 1 : -EINVAL;
	if (!seconds) return -EINVAL;
	for (unsigned i = 0; i < NR_WATCHDOGS; i++)
		if (!g->watchdog[i].used) return (int)i;
	return -ENOSPC;
}

int sched_watchdog(struct domain *d, uint32_t id, uint32_t seconds) {
	struct sched_group *g = current->sched->group;
	int i;

	spin_lock(&d->domain_lock);
	i = find(g, id, seconds);
	if (i >= 0) {
		struct watchdog *w = &g->watchdog[i];

		w->used = seconds != 0;
		if (seconds)
			timer_set(&w->timer, cpu_id(), now_ns() + seconds * 1000000000ULL);
		else
			timer_stop(&w->timer);
	}
	spin_unlock(&d->domain_lock);
	return i < 0 ? i : id ? 0 : i + 1;
}
