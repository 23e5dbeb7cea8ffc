/* SPDX-License-Identifier: MIT */
/*
 * Run queues and where vCPUs go: to an idle CPU if there is one that they like (soft affinity) or
 * may use (hard affinity), else where they are, unless another CPU runs one that has had much more
 * time. An idle CPU takes from the queues of others.
 */
#include "unit.h"

void queue_insert(struct sched_cpu *q, struct sched_unit *u) {
	struct list *at = q->queue.prev;

	while (at != &q->queue && list_entry(at, struct sched_unit, link)->vtime > u->vtime) at = at->prev;
	list_prepend(at, &u->link);
	u->queued = true;
	WRITE_ONCE(q->length, q->length + 1);
}

void queue_remove(struct sched_cpu *q, struct sched_unit *u) {
	list_remove(&u->link);
	u->queued = false;
	WRITE_ONCE(q->length, q->length - 1);
}

/* Virtual time of what a CPU runs; a guess, no lock is held. */
static uint64_t running_vtime(const struct sched_cpu *q, uint64_t now) {
	uint64_t since = READ_ONCE(q->curr_since);

	return READ_ONCE(q->curr_vtime) +
	       (now > since ? virtual_ns(now - since, READ_ONCE(q->curr_rate)) : 0);
}

/* The CPU of the mask that runs what has had the most time, if that is far ahead of u; else `home`. */
static unsigned most_ahead(const struct sched_unit *u, cpumask_t mask, unsigned home, uint64_t now) {
	uint64_t limit = u->vtime + SCHED_PUSH;
	unsigned best = home, c;

	if (cpumask_of(home) & mask) limit = MAX(limit, running_vtime(&sched_cpus[home], now) + SCHED_GRAN);
	for_each_cpu (c, mask & ~cpumask_of(home)) {
		uint64_t t = running_vtime(&sched_cpus[c], now);

		if (t > limit) {
			limit = t;
			best = c;
		}
	}
	return best;
}

unsigned unit_choose_cpu(const struct sched_unit *u, uint64_t now) {
	unsigned home = u->vcpu->processor;
	cpumask_t hard = unit_hard(u), soft = hard & u->soft, idle;

	if (unlikely(!hard)) return home; /* all its CPUs went away: it waits there */
	/* Idle, though it may not have said so yet: where its state is. */
	if (!sched_cpus[home].curr && !sched_cpus[home].length && cpumask_of(home) & (soft ? soft : hard))
		return home;
	idle = READ_ONCE(sched_idle) & hard;
	if (idle) {
		if (idle & soft) idle &= soft;
		return cpumask_of(home) & idle ? home : bit_first(idle);
	}
	if (!soft) soft = hard;
	if (!(cpumask_of(home) & soft)) home = bit_first(soft);
	return most_ahead(u, soft, home, now);
}

/* The first vCPU in a queue that may run on the CPU. Lock held. */
static struct sched_unit *first_for(struct sched_cpu *q, unsigned cpu) {
	for (struct list *l = q->queue.next; l != &q->queue; l = l->next) {
		struct sched_unit *u = list_entry(l, struct sched_unit, link);

		if (unit_hard(u) & cpumask_of(cpu)) return u;
	}
	return NULL;
}

static bool steal_from(struct sched_cpu *from, struct sched_cpu *to, unsigned cpu) {
	struct sched_unit *u;

	spin_lock_both(&from->lock, &to->lock);
	u = first_for(from, cpu);
	if (u) {
		queue_remove(from, u);
		WRITE_ONCE(u->vcpu->processor, cpu);
		u->vtime = MAX(u->vtime, to->vnow > SCHED_LAG ? to->vnow - SCHED_LAG : 0);
		u->vtime = MIN(u->vtime, to->vnow + SCHED_LAG);
		queue_insert(to, u);
	}
	spin_unlock_both(&from->lock, &to->lock);
	return u != NULL;
}

bool queue_steal(unsigned cpu) {
	unsigned c;

	for_each_cpu (c, cpus_online & ~cpumask_of(cpu))
		if (READ_ONCE(sched_cpus[c].length) && steal_from(&sched_cpus[c], &sched_cpus[cpu], cpu))
			return true;
	return READ_ONCE(sched_cpus[cpu].length) != 0;
}
