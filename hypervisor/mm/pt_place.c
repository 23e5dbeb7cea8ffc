/* SPDX-License-Identifier: MIT */
/*
 * Entries that grant mappings make and remove. A place is a table and an index, remembered over
 * time, so each use checks under mm_lock that the table is (still, or again) an L1 table of the
 * domain: as long as the lock is held it stays one. An entry's references are those of any entry.
 */
#include "pt.h"

int l1_place_find(struct vcpu *v, uint64_t addr, bool is_pte, struct l1_place *out)
{
	struct guest_walk w;
	int rc;

	if (is_pte) {
		if (addr % sizeof(uint64_t))
			return -EINVAL;
		*out = (struct l1_place){ mfn(addr >> PAGE_SHIFT), addr >> 3 & (PT_ENTRIES - 1) };
		return 0;
	}
	if (addr & (PAGE_SIZE - 1))
		return -EINVAL;
	rc = guest_walk(v, gvaddr(addr), &w);
	*out = (struct l1_place){ w.l1_mfn, w.l1_index };
	return rc;
}

/* The frame of an L1 table of d in use, or NULL. mm_lock held: it stays one, without our reference.
 */
static struct frame *place_frame(const struct domain *d, const struct l1_place *at)
{
	uint64_t t;

	/* d's for sure only while referenced: else it could change hands between two looks */
	if (!frame_get(at->table, d))
		return NULL;
	t = type_load(frame_of(at->table));
	frame_put(at->table);
	return t & FTF_VALIDATED && type_level(t) == 1 ? frame_of(at->table) : NULL;
}

int l1_place_map(struct vcpu *v, const struct l1_place *at, const struct domain *owner, uint64_t e)
{
	struct pt_context c = { .d = v->domain, .frames = owner->id, .io = v->domain, .giver = v };
	struct pt_change change = { .e = e };
	struct frame *f;
	int rc = -EINVAL;

	spin_lock(&c.d->mm_lock);
	f = place_frame(c.d, at);
	if (f) {
		uint64_t *table = frame_map(at->table);

		rc = pt_entry_set(&c, f, &table[at->index], at->index, &change);
		frame_unmap(table);
	}
	spin_unlock(&c.d->mm_lock);
	return rc;
}

/* Exchanged, not stored: the processor may set A and D until the flush. */
static void entry_clear(uint64_t *slot, mfn_t m, bool writable)
{
	uint64_t e = READ_ONCE(*slot);

	if (!(e & PTE_P) || !mfn_eq(pte_mfn(e), m) || !!(e & PTE_RW) != writable)
		return;
	l1e_put(__atomic_exchange_n(slot, 0, __ATOMIC_SEQ_CST));
}

void l1_place_unmap(struct domain *d, const struct l1_place *at, mfn_t m, bool writable)
{
	uint64_t *table;

	spin_lock(&d->mm_lock);
	if (place_frame(d, at)) {
		table = frame_map(at->table);
		entry_clear(&table[at->index], m, writable);
		frame_unmap(table);
	}
	spin_unlock(&d->mm_lock);
}
