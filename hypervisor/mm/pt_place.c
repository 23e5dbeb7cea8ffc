/* SPDX-License-Identifier: MIT */
/*
 * Entries that grant mappings make and remove. A place is a table and an index, remembered over
 * time, so each use checks under mm_lock that the table is (still, or again) an L1 table of the
 * domain: as long as the lock is held it stays one. An entry's references are those of any entry.
 */
#include "pt.h"

/* The frame of an L1 table of d in use, or NULL. mm_lock held: it stays one, without our reference. */
static struct frame *place_frame(const struct domain *d, const struct l1_place *at) {
	uint64_t t;

	/* d's for sure only while referenced: else it could change hands between two looks */
	if (!frame_get(at->table, d)) return NULL;
	t = type_load(frame_of(at->table));
	frame_put(at->table);
	return t & FTF_VALIDATED && type_level(t) == 1 ? frame_of(at->table) : NULL;
}

/* Where `addr` says that the entry is. mm_lock held. */
static int place_find(const struct vcpu *v, uint64_t addr, bool is_pte, struct l1_place *at) {
	at->index = (is_pte ? addr >> 3 : addr >> PAGE_SHIFT) & (PT_ENTRIES - 1);
	if (addr & (is_pte ? sizeof(uint64_t) - 1 : PAGE_SIZE - 1)) return -EINVAL;
	if (!is_pte) return walk_to_l1(v, addr, &at->table);
	at->table = mfn(addr >> PAGE_SHIFT);
	return place_frame(v->domain, at) ? 0 : -EINVAL;
}

/* Take the references of entry e: it is in the form that is stored, and maps RAM if anything. */
static int entry_get(uint64_t e, const struct domain *owner) {
	struct frame *f = frame_take(pte_mfn(e), owner->id);

	if (unlikely(!f)) return -EPERM;
	if (!(e & PTE_RW) || likely(!type_get_writable(f))) return 0;
	frame_put(pte_mfn(e));
	return -EBUSY;
}

int l1_place_map(struct vcpu *v, uint64_t addr, bool is_pte, const struct domain *owner, uint64_t e,
		 struct l1_place *at) {
	struct spinlock *lock = &v->domain->mm_lock;
	uint64_t *table;
	int rc;

	spin_lock(lock);
	rc = place_find(v, addr, is_pte, at);
	if (!rc) rc = entry_get(e, owner);
	if (!rc) {
		table = frame_map(at->table);
		l1e_put(__atomic_exchange_n(&table[at->index], e, __ATOMIC_SEQ_CST));
		frame_unmap(table);
	}
	spin_unlock(lock);
	return rc;
}

/* Exchanged, not stored: the processor may set A and D until the flush. */
static void entry_clear(uint64_t *slot, mfn_t m, bool writable) {
	uint64_t e = READ_ONCE(*slot);

	if (!(e & PTE_P) || !mfn_eq(pte_mfn(e), m) || !!(e & PTE_RW) != writable) return;
	l1e_put(__atomic_exchange_n(slot, 0, __ATOMIC_SEQ_CST));
}

void l1_place_unmap(struct domain *d, const struct l1_place *at, mfn_t m, bool writable) {
	uint64_t *table;

	spin_lock(&d->mm_lock);
	if (place_frame(d, at)) {
		table = frame_map(at->table);
		entry_clear(&table[at->index], m, writable);
		frame_unmap(table);
	}
	spin_unlock(&d->mm_lock);
}
