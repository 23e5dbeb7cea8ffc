/* SPDX-License-Identifier: MIT */
/*
 * What a single page-table entry may say, and the references it holds (I2, I4 of pagetype.c).
 *
 * L1, RAM          one reference; with RW one use as WRITABLE
 * L1, device       frame that is no RAM: permission of the domain, no reference
 * L1, DOMID_XEN    the machine-to-physical table, read-only, no reference
 * L2..L4           one reference and one use of the table of the level below
 * L2..L4, linear   without RW, a table of the same level: one reference and use, both sides' linear
 *                  counts; the table itself: nothing
 * not present      nothing; see absent_ok()
 */
#include "frame.h"
#include "pt.h"

uint64_t l1tf_limit;

/*
 * L1TF: some CPUs load through entries that are not present what the cache holds at their address.
 * Guests may not leave such entries with addresses of RAM there; l1tf_limit is the first frame that
 * no cache line belongs to, 0 on CPUs that are immune. Linux keeps swap entries inverted, above it.
 */
static bool absent_ok(uint64_t e) { return likely(!(e & PTE_ADDR)) || mfn_x(pte_mfn(e)) >= l1tf_limit; }

/* -- L1 -- */

static bool frame_is_device(mfn_t m) {
	return !mfn_valid(m) || frame_table[index_nospec(mfn_x(m), frame_count)].owner == DOMID_IO;
}

static bool frame_is_m2p(mfn_t m) {
	unsigned long pieces = DIV_ROUND_UP(frame_count * sizeof(uint64_t), 2UL << 20);

	for (unsigned long i = 0; i < pieces; i++)
		if (mfn_x(m) - mfn_x(arch_m2p_frame(i)) < PT_ENTRIES) return true;
	return false;
}

/* Memory that devices read past the caches: only for a domain that has devices. */
static int uncached_note(const struct pt_context *c, struct frame *f) {
	if (!c->d->privileged && !c->d->permits[PERMIT_MMIO]) return -EINVAL;
	__atomic_fetch_or(&f->refs, FRAME_UNCACHED, __ATOMIC_RELAXED);
	return 0;
}

static int l1e_get_ram(const struct pt_context *c, uint64_t e) {
	struct frame *f = frame_take(pte_mfn(e), c->frames);
	int rc = 0;

	if (!f) return -EBUSY;
	if (e & PTE_CACHE) rc = uncached_note(c, f);
	if (!rc && e & PTE_RW) rc = type_get_writable(f);
	if (rc)
		ref_drop(f);
	else if (e & PTE_RW && c->frames != c->d->id)
		foreign_note(f);
	return rc;
}

int l1e_get_special(const struct pt_context *c, uint64_t e) {
	mfn_t m = pte_mfn(e);

	if (!(e & PTE_P)) return absent_ok(e) ? 0 : -EINVAL;
	if (mfn_x(m) >= frame_limit) return -EINVAL;
	if (frame_is_device(m)) return permitted(c->io, PERMIT_MMIO, mfn_x(m), 1) ? 0 : -EPERM;
	if (c->frames == DOMID_XEN) return !(e & PTE_RW) && frame_is_m2p(m) ? 0 : -EBUSY;
	return l1e_get_ram(c, e);
}

/* -- L2..L4 -- */

/* A table of the same level, seen through this entry as a table of the level below. */
static int linear_get(struct domain *d, struct frame *f, unsigned level, uint64_t e) {
	mfn_t m = pte_mfn(e);
	struct frame *to = frame_of(m);
	uint64_t t;

	if (e & PTE_RW) return -EINVAL;
	if (to == f) return 0;
	if (!frame_get(m, d)) return -EINVAL;
	t = type_load(to);
	if (type_level(t) != level || !(t & FTF_VALIDATED) || t & FTF_LINEAR_ENTRYS || type_load(f) & FTF_LINEAR_USES ||
	    (t & FTF_LINEAR_USES) == FTF_LINEAR_USES) {
		frame_put(m);
		return -EINVAL;
	}
	__atomic_store_n(&to->type, t + FTF_LINEAR_USE + 1, __ATOMIC_RELEASE);
	__atomic_fetch_add(&f->type, FTF_LINEAR_ENTRY, __ATOMIC_RELAXED);
	return 0;
}

static bool in_use_as_level(mfn_t m, unsigned level) {
	uint64_t t = mfn_valid(m) ? type_load(frame_of(m)) : 0;

	return t & FTF_COUNT && type_level(t) == level;
}

int lne_get(struct domain *d, struct frame *f, unsigned level, uint64_t *e, unsigned *left) {
	mfn_t m = pte_mfn(*e);
	int rc;

	if (!(*e & PTE_P)) return absent_ok(*e) ? 0 : -EINVAL;
	if (*e & (PTE_PSE | PTE_PCD | PTE_PWT | PTE_G)) return -EINVAL;
	if (in_use_as_level(m, level))
		rc = linear_get(d, f, level, *e);
	else
		rc = table_ref(d, m, level - 1, left);
	if (!rc) *e = pte_stored(*e);
	return rc;
}

int lne_put(struct domain *d, struct frame *f, unsigned level, uint64_t e, unsigned *left) {
	mfn_t m = pte_mfn(e);
	struct frame *to = frame_of(m);

	if (!(e & PTE_P) || to == f) return 0;
	/* The entry's own use keeps the type: it tells which kind of entry this was. */
	if (type_level(type_load(to)) == level) {
		__atomic_fetch_sub(&to->type, FTF_LINEAR_USE, __ATOMIC_RELAXED);
		__atomic_fetch_sub(&f->type, FTF_LINEAR_ENTRY, __ATOMIC_RELAXED);
	}
	return table_drop(d, m, left);
}
