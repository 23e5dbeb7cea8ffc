/* SPDX-License-Identifier: MIT */
/* Ticket locks with rank checks; the model is in spinlock.h. */
#include "arch.h"
#include "cpu.h"

static void rank_check(const struct spinlock *l, const struct cpu *cpu) {
	CHECK(l->owner != cpu->id + 1);
	CHECK((cpu->lock_ranks >> l->rank) == 0);
}

static void note_taken(struct spinlock *l) {
	struct cpu *cpu = this_cpu();

	if (!DEBUG_BUILD) return;
	l->owner = (uint16_t)(cpu->id + 1);
	cpu->lock_ranks |= 1u << l->rank;
}

static __noinline void wait_turn(struct spinlock *l, uint16_t ticket) {
	while (__atomic_load_n(&l->head, __ATOMIC_ACQUIRE) != ticket) arch_spin_wait();
}

/* Without a frame of its own when the lock is free. */
static inline void take(struct spinlock *l) {
	uint16_t ticket = __atomic_fetch_add(&l->tail, 1, __ATOMIC_RELAXED);

	if (unlikely(__atomic_load_n(&l->head, __ATOMIC_ACQUIRE) != ticket)) wait_turn(l, ticket);
	note_taken(l);
}

void spin_lock(struct spinlock *l) {
	if (DEBUG_BUILD) rank_check(l, this_cpu());
	take(l);
}

bool spin_trylock(struct spinlock *l) {
	uint16_t free = __atomic_load_n(&l->head, __ATOMIC_RELAXED), next = (uint16_t)(free + 1);

	if (!__atomic_compare_exchange_n(&l->tail, &free, next, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	note_taken(l);
	return true;
}

void spin_unlock(struct spinlock *l) {
	if (DEBUG_BUILD) {
		struct cpu *cpu = this_cpu();

		CHECK(l->owner == cpu->id + 1);
		l->owner = 0;
		cpu->lock_ranks &= ~(1u << l->rank);
	}
	/* The holder alone moves head; release orders the critical section before the next
	 * holder's. */
	__atomic_store_n(&l->head, (uint16_t)(l->head + 1), __ATOMIC_RELEASE);
}

void spin_lock_both(struct spinlock *a, struct spinlock *b) {
	struct spinlock *first = a < b ? a : b;

	spin_lock(first);
	if (a != b) take(first == a ? b : a);
}

void spin_unlock_both(struct spinlock *a, struct spinlock *b) {
	spin_unlock(a);
	if (a != b) spin_unlock(b);
}

bool spin_is_mine(const struct spinlock *l) { return !DEBUG_BUILD || l->owner == cpu_id() + 1; }
