/* SPDX-License-Identifier: MIT */
/*
 * Ticket spinlocks with a rank. A CPU takes locks in rising rank only; two of one rank only through
 * spin_lock_both(), which orders them. Debug and host builds panic on inversion, re-entry and
 * release by a CPU that does not hold the lock. Ring 0 runs with interrupts off, so no lock needs
 * an irq-safe variant; a CPU that waits for a lock serves TLB-flush requests meanwhile
 * (arch_spin_wait), so a flush may be awaited with locks held. docs/locking.md has the owners.
 */
#pragma once

#include "compiler.h"

enum lock_rank {
	RANK_DOMCTL,   /* one domctl at a time */
	RANK_DOMLIST,  /* list of domains */
	RANK_DOMAIN,   /* domain life cycle, vCPU up/down */
	RANK_GRANT,    /* a domain's grant table */
	RANK_MAPTRACK, /* a domain's map-tracking table */
	RANK_MM,       /* a domain's page tables: validation, updates, pins */
	RANK_PAGES,    /* a domain's page list and counts */
	RANK_PERMIT,   /* a domain's ranges of device memory, ports and GSIs */
	RANK_EVTCHN,   /* a domain's port table */
	RANK_PIRQ,     /* pirq tables and bindings of all domains, vector tables */
	RANK_IRQ,      /* an irq descriptor */
	RANK_VIRQ,     /* who handles global VIRQs */
	RANK_PORT,     /* one event channel */
	RANK_FIFO,     /* a vCPU's FIFO event queues */
	RANK_SCHED,    /* a CPU's run queue */
	RANK_TIMER,    /* a CPU's timer queue */
	RANK_OWNMAP,   /* ring 0's own page tables */
	RANK_FRAMES,   /* the machine's free frames */
	RANK_HEAP,     /* small allocations */
	RANK_PCI,      /* configuration ports cf8/cfc */
	RANK_CONSOLE,  /* serial line and console ring */
	RANK_LEAF,     /* takes no other lock */
	RANK_COUNT
};

struct spinlock {
	uint16_t head; /* ticket being served */
	uint16_t tail; /* next ticket to hand out */
	uint16_t rank;
	uint16_t owner; /* CPU number + 1, 0 if free (debug) */
};

#define SPINLOCK_INIT(r) \
	{ .rank = (r) }
static inline void spin_init(struct spinlock *l, enum lock_rank rank) {
	*l = (struct spinlock){ .rank = (uint16_t)rank };
}
void spin_lock(struct spinlock *l);
bool spin_trylock(struct spinlock *l) __must_check;
void spin_unlock(struct spinlock *l);
/* Two locks of one rank, lowest address first; a == b takes it once. */
void spin_lock_both(struct spinlock *a, struct spinlock *b);
void spin_unlock_both(struct spinlock *a, struct spinlock *b);
/* SPIN_GUARD(&lock) among a scope's declarations holds the lock, if one is given, to the end of the scope. */
#define SPIN_GUARD(l) struct spinlock *spin_guard __attribute__((cleanup(spin_guard_end), unused)) = spin_guard_begin(l)
static inline struct spinlock *spin_guard_begin(struct spinlock *l) {
	if (l) spin_lock(l);
	return l;
}
static inline void spin_guard_end(struct spinlock **l) {
	if (*l) spin_unlock(*l);
}
/* True if this CPU holds the lock (only meaningful in debug and host builds; else true). */
bool spin_is_mine(const struct spinlock *l);
