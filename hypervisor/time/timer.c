/* SPDX-License-Identifier: MIT */
/*
 * Software timers: one queue per CPU, a skew heap through the timers themselves, so that arming
 * one never needs memory.
 *
 * Heap: a node is not later than its children `left` and `right`; `link` is the pointer that points
 * at the node. Everything is melding, O(log n) amortised.
 *
 * The hardware is programmed when a queue's earliest expiry moves forward. When it moves back the
 * interrupt comes too early once, finds nothing and programs anew: guests that push one deadline
 * ahead of them pay nothing.
 */
#include "time.h"
#include "cpu.h"
#include "arch.h"

struct timer_cpu {
	struct spinlock lock; /* RANK_TIMER */
	/* lock: */
	struct timer *root;
	struct timer *running; /* its function is being called, or NULL; read by others too */
	uint64_t programmed;   /* what the hardware is set to; TIMER_NEVER: nothing */
};
#define TIMER_NEVER (~0ULL)

static struct timer_cpu timer_cpus[MAX_CPUS];

void timers_init_cpu(void) {
	timer_cpus[cpu_id()] = (struct timer_cpu){ .lock = SPINLOCK_INIT(RANK_TIMER), .programmed = TIMER_NEVER };
}

/* -- heap -- */

static void put_at(struct timer **link, struct timer *t) {
	*link = t;
	if (t) t->link = link;
}

/* Make one heap of two and put it at *link: the earlier root goes there, on its right the two go on
 * melding, and its sides change places. */
static void meld(struct timer **link, struct timer *a, struct timer *b) {
	while (a && b) {
		struct timer *first = b->expires < a->expires ? b : a;

		b = first == a ? b : a;
		a = first->right;
		put_at(link, first);
		put_at(&first->right, first->left);
		link = &first->left;
	}
	put_at(link, a ? a : b);
}

static void heap_insert(struct timer_cpu *q, struct timer *t) {
	t->left = t->right = NULL;
	meld(&q->root, q->root, t);
}

static void heap_delete(struct timer *t) {
	meld(t->link, t->left, t->right);
	t->link = NULL;
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

void timer_set(struct timer *t, unsigned cpu, uint64_t expires) {
	struct timer_cpu *q;

	for (;;) {
		q = queue_lock(t);
		if (t->link) heap_delete(t);
		if (likely(t->cpu == cpu)) break;
		t->cpu = (uint16_t)cpu;
		spin_unlock(&q->lock);
	}
	t->expires = expires;
	heap_insert(q, t);
	queue_program(q);
	spin_unlock(&q->lock);
}

bool timer_stop(struct timer *t) {
	bool armed = timer_pending(t);
	struct timer_cpu *q;

	if (!armed) return false;
	q = queue_lock(t);
	armed = t->link;
	if (armed) heap_delete(t);
	spin_unlock(&q->lock);
	return armed;
}

void timer_migrate(struct timer *t, unsigned cpu) {
	if (READ_ONCE(t->cpu) != cpu && timer_stop(t)) timer_set(t, cpu, t->expires);
}

/*
 * Disarm; true if its function runs anywhere: it may have moved the timer from the queue it was called for. It
 * was called under the lock of the queue that the timer had then, and cannot arm it anew without the one held here.
 */
static bool disarmed_runs(struct timer *t) {
	struct timer_cpu *q = queue_lock(t);
	bool runs = false;
	unsigned c;

	if (t->link) heap_delete(t);
	for_each_cpu (c, cpus_online) runs |= __atomic_load_n(&timer_cpus[c].running, __ATOMIC_ACQUIRE) == t;
	spin_unlock(&q->lock);
	return runs;
}

void timer_kill(struct timer *t) {
	while (disarmed_runs(t)) arch_spin_wait();
}

void timers_run(void) {
	struct timer_cpu *q = &timer_cpus[cpu_id()];
	struct timer *t;

	spin_lock(&q->lock);
	q->programmed = TIMER_NEVER;
	while ((t = q->root) != NULL && t->expires <= now_ns()) {
		heap_delete(t);
		WRITE_ONCE(q->running, t);
		spin_unlock(&q->lock);
		t->fn(t->arg);
		spin_lock(&q->lock);
		WRITE_ONCE(q->running, NULL);
	}
	queue_program(q);
	spin_unlock(&q->lock);
}
