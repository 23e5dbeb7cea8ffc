/* SPDX-License-Identifier: MIT */
/*
 * Tables as a whole: validation on first use, devalidation after the last.
 *
 *	idle (count 0) --table_ref--> PARTIAL --all entries held--> VALIDATED, count n
 *	     ^                          |  ^                              |
 *	     '------no entry held-------'  '-------last use dropped-------'
 *
 * Both may take long (a whole tree), so both stop when their work is used up, return -ERESTART and
 * leave the table PARTIAL: its first `index` entries hold references. A PARTIAL table keeps itself:
 * its one use and one reference belong to nobody else. Whoever next needs the table goes up from
 * there and, done, takes that use and reference for his own; whoever wants to be rid of it goes
 * down. So nobody need remember anything across a preemption, and any vCPU can finish the work of
 * any other. A child that is left PARTIAL does not count as held by its parent's entry; on its way
 * down a parent looks at the entry where it stopped and takes such a child down first.
 *
 * When an entry is refused, `partial` keeps the error beside the index: the table can then only go
 * down, and the error is reported when it has.
 *
 * Depth of recursion: four levels, and at each of them at most one linear step.
 */
#include "frame.h"
#include "hypercall.h"
#include "pt.h"

#define PARTIAL_ERRNO 10 /* shift; error numbers used here are below 64 */

static int partial_error(const struct frame *f) { return -(f->partial >> PARTIAL_ERRNO); }

static void partial_set(struct frame *f, unsigned index, int error) {
	f->partial = (uint16_t)(index | (unsigned)-error << PARTIAL_ERRNO);
}

/* An entry, or a whole run of absent ones, was dealt with: one unit of work. True if there is more to spend. */
static inline bool work_left(unsigned *left) {
	if (*left) --*left;
	return *left;
}

#define RUN 16u

/* These RUN entries are all zero, as most are in most tables: they hold nothing, at any level. */
static inline bool run_empty(const uint64_t *e) {
	uint64_t any = e[0];

	if (likely(any)) return false;
#pragma GCC unroll 16
	for (unsigned k = 1; k < RUN; k++) any |= e[k];
	return !any;
}

static bool is_guest_entry(unsigned level, unsigned i) { return level != 4 || !l4_index_is_hv(i); }

static int table_retreat(struct domain *d, struct frame *f, bool linear, unsigned *left);

/*
 * The entry where a table stopped may lead to a child that stopped, too: one of the level below, or
 * (`linear`) one of the same level. From the latter there is no further linear step, however the
 * guest has knotted its half-done tables.
 */
static int child_take_down(struct domain *d, struct frame *f, uint64_t e, bool linear, unsigned *left) {
	unsigned level = type_level(type_load(f)), child;
	mfn_t m = pte_mfn(e);
	int rc = 0;

	if (!(e & PTE_P) || !frame_get(m, d)) return 0;
	child = type_load(frame_of(m)) & FTF_PARTIAL ? type_level(type_load(frame_of(m))) : 0;
	if (child == level - 1)
		rc = table_retreat(d, frame_of(m), true, left);
	else if (child == level && linear && frame_of(m) != f)
		rc = table_retreat(d, frame_of(m), false, left);
	frame_put(m);
	return rc;
}

/* Take the references of entries *index.. Compiled once for L1 tables and once for the others. */
static __always_inline int fill(struct domain *d, struct frame *f, unsigned level, uint64_t *table, unsigned *index,
				unsigned *left) {
	const struct pt_context c = { d, d->id, d, NULL, d->id };
	unsigned i = *index, work = *left;
	int rc = 0;

	for (; i < PT_ENTRIES && !rc; i++) {
		uint64_t e, was;

		if (i % RUN == 0 && run_empty(&table[i])) {
			i += RUN - 1;
			if (!work_left(&work)) rc = -ERESTART;
			continue;
		}
		e = was = READ_ONCE(table[i]);
		if (!e) continue;
		if (level == 1)
			rc = l1e_get(&c, &e);
		else if (is_guest_entry(level, i))
			rc = lne_get(d, f, level, &e, &work);
		if (unlikely(rc)) break;
		if (e != was) table[i] = e;
		if (!work_left(&work)) rc = -ERESTART;
	}
	*index = i;
	*left = work;
	return i < PT_ENTRIES ? rc : 0;
}

/* Give those of entries ..*index back, downwards. */
static __always_inline int drain(struct domain *d, struct frame *f, unsigned level, const uint64_t *table,
				 unsigned *index, unsigned *left) {
	unsigned i = *index, work = *left;
	int rc = 0;

	while (i > 0 && !rc) {
		uint64_t e;

		if (i % RUN == 0 && run_empty(&table[i - RUN])) {
			i -= RUN;
			if (!work_left(&work) && i > 0) rc = -ERESTART;
			continue;
		}
		e = table[--i];
		if (!(e & PTE_P)) continue;
		if (level == 1)
			l1e_put(e);
		else if (is_guest_entry(level, i))
			rc = lne_put(d, f, level, e, &work);
		if (!work_left(&work) && !rc && i > 0) rc = -ERESTART;
	}
	*index = i;
	*left = work;
	return rc;
}

/* PARTIAL, downwards: give all references back, then the table's own use and reference. */
static int table_retreat(struct domain *d, struct frame *f, bool linear, unsigned *left) {
	unsigned level = type_level(type_load(f)), i = partial_index(f);
	int error = partial_error(f), rc = 0;
	mfn_t m = frame_mfn(f);
	uint64_t *table = frame_map(m);

	if (level == 1) {
		rc = drain(d, f, 1, table, &i, left);
	} else {
		if (i < PT_ENTRIES && is_guest_entry(level, i)) rc = child_take_down(d, f, table[i], linear, left);
		if (!rc) rc = drain(d, f, level, table, &i, left);
	}
	if (!rc && level == 4) memset(&table[HV_L4_FIRST], 0, (HV_L4_END - HV_L4_FIRST) * sizeof(*table));
	frame_unmap(table);
	partial_set(f, rc ? i : 0, rc ? error : 0);
	if (rc) return rc;
	__atomic_store_n(&f->type, FTF_TYPE(level) | 1, __ATOMIC_RELEASE);
	type_put(f);
	frame_put(m);
	return 0;
}

/* PARTIAL, upwards. 0: VALIDATED, and the table's own use and reference are the caller's. */
static int table_advance(struct domain *d, struct frame *f, unsigned *left) {
	unsigned level = type_level(type_load(f)), i = partial_index(f);
	int error = partial_error(f), rc = 0;
	uint64_t *table;

	if (!error) {
		table = frame_map(frame_mfn(f));
		rc = level == 1 ? fill(d, f, 1, table, &i, left) : fill(d, f, level, table, &i, left);
		if (!rc && level == 4) arch_root_install(table);
		frame_unmap(table);
		error = rc == -ERESTART ? 0 : rc;
		partial_set(f, rc ? i : 0, error);
	}
	if (error) {
		rc = table_retreat(d, f, true, left);
		return rc ? rc : error;
	}
	if (!rc) __atomic_store_n(&f->type, (type_load(f) & ~FTF_PARTIAL) | FTF_VALIDATED, __ATOMIC_RELEASE);
	return rc;
}

/* Take a reference and a use of m as table of a level. */
int table_ref(struct domain *d, mfn_t m, unsigned level, unsigned *left) {
	struct frame *f = frame_take(m, d->id);
	uint64_t t;

	if (!f) return -EINVAL;
	t = type_load(f);
	if (likely(type_level(t) == level && t & FTF_VALIDATED && (t & FTF_COUNT) < TYPE_COUNT_MAX)) {
		__atomic_store_n(&f->type, t + 1, __ATOMIC_RELEASE);
		return 0;
	}
	/* The table's own reference, and ours when it is whole: until then it is not ours to drop. */
	if (type_begin_unused(f, (enum frame_type)level, FTF_PARTIAL, &t)) {
		partial_set(f, 0, 0);
		return table_advance(d, f, left);
	}
	ref_drop(f); /* a PARTIAL table has one already */
	if (type_level(t) != level) return -EINVAL;
	return t & FTF_VALIDATED ? -EBUSY : table_advance(d, f, left);
}

/* Drop both. -ERESTART: they are gone, but the table is left PARTIAL. */
int table_drop(struct domain *d, mfn_t m, unsigned *left) {
	struct frame *f = frame_of(m);
	uint64_t t = type_load(f);

	ASSERT(spin_is_mine(&d->mm_lock) && t & FTF_VALIDATED && f->owner == d->id);
	if ((t & FTF_COUNT) > 1) {
		__atomic_store_n(&f->type, t - 1, __ATOMIC_RELEASE);
		frame_put(m);
		return 0;
	}
	partial_set(f, PT_ENTRIES, 0);
	__atomic_store_n(&f->type, (t & ~FTF_VALIDATED) | FTF_PARTIAL, __ATOMIC_RELEASE);
	return table_retreat(d, f, true, left);
}

/* -- operations under no lock -- */

int table_get(struct domain *d, mfn_t m, unsigned level) {
	PT_STEP(s, d);

	return domain_is_dying(d) ? -EINVAL : table_ref(d, m, level, &s.left);
}

int table_put(struct domain *d, mfn_t m) {
	PT_STEP(s, d);

	return table_drop(d, m, &s.left);
}

int table_put_resume(struct domain *d, mfn_t m) {
	struct frame *f;
	int rc = 0;
	PT_STEP(s, d);

	f = frame_take(m, d->id);
	if (!f) return 0;
	if (type_load(f) & FTF_PARTIAL) rc = table_retreat(d, f, true, &s.left);
	ref_drop(f);
	return rc;
}

/* The type word of a table in use changes under mm_lock only. */
int table_pin(struct domain *d, mfn_t m, unsigned level) {
	struct frame *f = frame_of(m);
	int rc;
	PT_STEP(s, d);

	rc = domain_is_dying(d) ? -EINVAL : table_ref(d, m, level, &s.left);
	if (rc) return rc;
	if (type_load(f) & FTF_PINNED) return table_drop(d, m, &s.left) ?: -EINVAL; /* the pin's use is left */
	__atomic_store_n(&f->type, type_load(f) | FTF_PINNED, __ATOMIC_RELEASE);
	return 0;
}

/* A table without pin that is PARTIAL is one whose unpinning was preempted, or may be treated so. */
int table_unpin(struct domain *d, mfn_t m) {
	struct frame *f;
	uint64_t t;
	int rc = -EINVAL;
	PT_STEP(s, d);

	f = frame_take(m, d->id);
	if (!f) return -EINVAL;
	t = type_load(f);
	if (t & FTF_PINNED) {
		__atomic_store_n(&f->type, t & ~FTF_PINNED, __ATOMIC_RELEASE);
		rc = table_drop(d, m, &s.left);
	} else if (t & FTF_PARTIAL) {
		rc = table_retreat(d, f, true, &s.left);
	}
	ref_drop(f);
	return rc;
}
