/* SPDX-License-Identifier: MIT */
/*
 * Software timers: one queue per CPU, a pairing heap through the timers themselves, so that arming
 * one never needs memory.
 *
 * Heap: a node is not later than its children; `child` is the first of them, `next` the next
 * sibling, `link` the pointer that points at the node. Arming is O(1), taking the earliest
 * O(log n) amortised.
 *
 * The hardware is programmed when a queue's earliest expiry moves forward. When it moves back the
 * interrupt comes too early once, finds nothing and programs anew: guests that push one deadline
 * ahead of them pay nothing.
 */
#include "time.h"
#include "cpu.h"
#include "arch.h"
#include "frame.h"

struct timer_cpu {
	struct spinlock lock; /* RANK_TIMER */
	/* lock: */
	struct timer *root;
	struct timer *running; /* its function is being called, or NULL */
	uint64_t programmed;   /* what the hardware is set to; TIMER_NEVER: nothing */
};
#define TIMER_NEVER (~0ULL)

static struct timer_cpu timer_cpus[MAX_CPUS];

void timers_init_cpu(void) {
	struct timer_cpu *q = &timer_cpus[cpu_id()];

	*q = (struct timer_cpu){ .lock = SPINLOCK_INIT(RANK_TIMER), .programmed = TIMER_NEVER };
	this_cpu()->timers = q;
}

/* -- heap -- */

static void put_at(struct timer **link, struct timer *t) {
	*link = t;
	if (t) t->link = link;
}

/* One heap of two; both have next == NULL. The result's link is still to be set. */
static struct timer *meld(struct timer *a, struct timer *b) {
	if (!a || !b) return a ? a : b;
	if (b->expires < a->expires) {
		struct timer *t = a;

		a = b;
		b = t;
	}
	put_at(&b->next, a->child);
	put_at(&a->child, b);
	return a;
}

/* One heap of a list of siblings: in pairs from the left, the results from the right. */
static struct timer *meld_all(struct timer *list) {
	struct timer *done = NULL, *result = NULL;

	while (list) {
		struct timer *a = list, *b = a->next;

		list = b ? b->next : NULL;
		a->next = NULL;
		if (b) b->next = NULL;
		a = meld(a, b);
		a->next = done;
		done = a;
	}
	while (done) {
		struct timer *a = done;

		done = a->next;
		a->next = NULL;
		result = meld(result, a);
	}
	return result;
}

static void heap_insert(struct timer_cpu *q, struct timer *t) {
	t->child = t->next = NULL;
	put_at(&q->root, meld(q->root, t));
}

static void heap_delete(struct timer_cpu *q, struct timer *t) {
	struct timer *below = meld_all(t->child);

	put_at(t->link, t->next);
	t->link = NULL;
	t->child = t->next = NULL;
	if (below) put_at(&q->root, meld(q->root, below));
}

/* -- interface -- */

void timer_init(struct timer *t, void (*fn)(void *), void *arg) { *t = (struct timer){ .fn = fn, .arg = arg }; }

/* The timer's queue, locked. A timer changes its queue only under the old queue's lock. */
static struct timer_cpu *queue_lock(const struct timer *t) {
	for (;;) {
		unsigned cpu = READ_ONCE(t->cpu);
		struct timer_cpu *q = &timer_cpus[cpu];

		spin_lock(&q->lock);
		if (likely(t->cpu == cpu)) return q;
		spin_unlock(&q->lock);
	}
}

/* The queue has a new earliest expiry: see that the CPU's hardware knows. Lock held. */
static void queue_program(struct timer_cpu *q) {
	uint64_t first = q->root ? q->root->expires : TIMER_NEVER;
	unsigned cpu = (unsigned)(q - timer_cpus);

	if (first >= q->programmed) return;
	if (cpu == cpu_id()) {
		q->programmed = first;
		arch_timer_program(first);
	} else {
		cpu_raise(cpu, CPU_WORK_TIMER);
	}
}

void timer_migrate(struct timer *t, unsigned cpu) {
	struct timer_cpu *to = &timer_cpus[cpu];
	unsigned from;

	while ((from = READ_ONCE(t->cpu)) != cpu) {
		struct timer_cpu *q = &timer_cpus[from];

		spin_lock_both(&q->lock, &to->lock);
		if (t->cpu == from) {
			if (t->link) {
				heap_delete(q, t);
				heap_insert(to, t);
				queue_program(to);
			}
			t->cpu = (uint16_t)cpu;
		}
		spin_unlock_both(&q->lock, &to->lock);
	}
}

void timer_set(struct timer *t, unsigned cpu, uint64_t expires) {
	struct timer_cpu *q;

	timer_migrate(t, cpu);
	q = queue_lock(t);
	if (t->link) heap_delete(q, t);
	t->expires = expires;
	heap_insert(q, t);
	queue_program(q);
	spin_unlock(&q->lock);
}

/* True if its function is running now. */
static bool disarm(struct timer *t) {
	struct timer_cpu *q = queue_lock(t);
	bool runs = q->running == t;

	if (t->link) heap_delete(q, t);
	spin_unlock(&q->lock);
	return runs;
}

void timer_stop(struct timer *t) {
	if (READ_ONCE(t->link)) (void)disarm(t);
}

void timer_kill(struct timer *t) {
	while (disarm(t)) arch_spin_wait();
}

bool timer_pending(const struct timer *t) { return READ_ONCE(t->link) != NULL; }

void timers_run(void) {
	struct timer_cpu *q = this_cpu()->timers;
	struct timer *t;

	spin_lock(&q->lock);
	q->programmed = TIMER_NEVER;
	while ((t = q->root) != NULL && t->expires <= now_ns()) {
		heap_delete(q, t);
		q->running = t;
		spin_unlock(&q->lock);
		t->fn(t->arg);
		spin_lock(&q->lock);
		q->running = NULL;
	}
	queue_program(q);
	spin_unlock(&q->lock);
}
