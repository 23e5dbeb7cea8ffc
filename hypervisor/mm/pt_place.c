/* SPDX-License-Identifier: MIT */
/*
 * Entries that grant mappings make and remove. A place is a table and an index, remembered over
 * time, so each use checks under mm_lock that the table is (still, or again) an L1 table of the
 * domain: as long as the lock is held it stays one. An entry's references are those of any entry.
 */
#include "pt.h"

/* The frame is an L1 table of d in use. mm_lock held: it stays one, without our reference. */
static bool l1_in_use(const struct domain *d, mfn_t m) {
	struct frame *f = frame_take(m, d->id);
	uint64_t t;

	/* d's for sure only while referenced: else it could change hands between two looks */
	if (!f) return false;
	t = type_load(f);
	ref_drop(f);
	return t & FTF_VALIDATED && type_level(t) == 1;
}

/* Where `addr` says that the entry is. mm_lock held. What a walk finds may be an upper table, through a
 * linear map. */
static int place_find(const struct vcpu *v, uint64_t addr, bool is_pte, struct l1_place *at) {
	at->index = (is_pte ? addr >> 3 : addr >> PAGE_SHIFT) & (PT_ENTRIES - 1);
	if (addr & (is_pte ? sizeof(uint64_t) - 1 : PAGE_SIZE - 1)) return -EINVAL;
	if (is_pte)
		at->table = mfn(addr >> PAGE_SHIFT);
	else if (walk_to_l1(v, addr, &at->table))
		return -EFAULT;
	return l1_in_use(v->domain, at->table) ? 0 : -EINVAL;
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
	uint64_t *table;
	int rc;
	SPIN_GUARD(&v->domain->mm_lock);

	rc = place_find(v, addr, is_pte, at);
	if (!rc) rc = entry_get(e, owner);
	if (rc) return rc;
	if (e & PTE_RW && owner != v->domain) foreign_note(frame_of(pte_mfn(e)));
	table = frame_map(at->table);
	l1e_put(__atomic_exchange_n(&table[at->index], e, __ATOMIC_SEQ_CST));
	frame_unmap(table);
	return 0;
}

void l1_place_unmap(struct domain *d, const struct l1_place *at, mfn_t m, bool writable) {
	uint64_t *table, e;
	SPIN_GUARD(&d->mm_lock);

	if (!l1_in_use(d, at->table)) return;
	table = frame_map(at->table);
	e = READ_ONCE(table[at->index]);
	/* exchanged, not stored: the processor may set A and D until the flush */
	if (e & PTE_P && mfn_eq(pte_mfn(e), m) && !!(e & PTE_RW) == writable)
		l1e_put(__atomic_exchange_n(&table[at->index], 0, __ATOMIC_SEQ_CST));
	frame_unmap(table);
}
