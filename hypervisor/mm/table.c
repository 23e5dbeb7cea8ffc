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

#define PARTIAL_INDEX 0x3ffu
#define PARTIAL_ERRNO 10 /* shift; error numbers used here are below 64 */

unsigned pt_work(void) { return MIN(PT_WORK, hypercall_preempt_units); }

static unsigned partial_index(const struct frame *f) { return f->partial & PARTIAL_INDEX; }

static int partial_error(const struct frame *f) { return -(f->partial >> PARTIAL_ERRNO); }

static void partial_set(struct frame *f, unsigned index, int error) {
	f->partial = (uint16_t)(index | (unsigned)-error << PARTIAL_ERRNO);
}

/* An entry was dealt with: one unit of work, sixteen absent ones together. True if there is more. */
static inline bool work_left(unsigned *left, uint64_t e, unsigned i) {
	if (*left && (e & PTE_P || i % 16 == 0)) --*left;
	return *left;
}

#define RUN 16u

/* The RUN entries are all zero, as most are in most tables: they hold nothing, whatever the level. */
static inline bool run_empty(const uint64_t *e) {
	uint64_t any = e[0];

	if (likely(any)) return false;
#pragma GCC unroll 16
	for (unsigned k = 1; k < RUN; k++) any |= e[k];
	return !any;
}

/* Pass over such a run in one step; *rc is -ERESTART if work is used up and `more` is to be done. */
static inline bool run_skip(const uint64_t *e, bool more, unsigned *left, int *rc) {
	if (!run_empty(e)) return false;
	if (!work_left(left, 0, 0) && more) *rc = -ERESTART;
	return true;
}

/* Take the references of entries *index.. of an L1 table. */
static int l1_fill(struct domain *d, uint64_t *table, unsigned *index, unsigned *left) {
	const struct pt_context c = { .d = d, .frames = d->id, .io = d };
	unsigned i = *index, work = *left;
	int rc = 0;

	while (i < PT_ENTRIES && !rc) {
		uint64_t e, was;

		if (i % RUN == 0 && run_skip(&table[i], i + RUN < PT_ENTRIES, &work, &rc)) {
			i += RUN;
			continue;
		}
		e = was = READ_ONCE(table[i]);
		rc = e ? l1e_get(&c, &e) : 0;
		if (unlikely(rc)) break;
		if (e != was) table[i] = e;
		if (!work_left(&work, e, i++) && i < PT_ENTRIES) rc = -ERESTART;
	}
	*index = i;
	*left = work;
	return rc;
}

/* Give those of entries ..*index back, downwards. */
static int l1_drain(const uint64_t *table, unsigned *index, unsigned *left) {
	unsigned i = *index, work = *left;
	int rc = 0;

	while (i > 0 && !rc) {
		uint64_t e;

		if (i % RUN == 0 && run_skip(&table[i - RUN], i > RUN, &work, &rc)) {
			i -= RUN;
			continue;
		}
		e = table[--i];
		l1e_put(e);
		if (!work_left(&work, e, i) && i > 0) rc = -ERESTART;
	}
	*index = i;
	*left = work;
	return rc;
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

	if (level == 1 || !(e & PTE_P) || !frame_get(m, d)) return 0;
	child = type_load(frame_of(m)) & FTF_PARTIAL ? type_level(type_load(frame_of(m))) : 0;
	if (child == level - 1)
		rc = table_retreat(d, frame_of(m), true, left);
	else if (child == level && linear && frame_of(m) != f)
		rc = table_retreat(d, frame_of(m), false, left);
	frame_put(m);
	return rc;
}

/* l1_fill() and l1_drain() for the levels above. */
static int upper_fill(struct domain *d, struct frame *f, uint64_t *table, unsigned *index, unsigned *left) {
	unsigned level = type_level(type_load(f)), i = *index;
	int rc = 0;

	while (i < PT_ENTRIES && !rc) {
		uint64_t e, was;

		if (i % RUN == 0 && run_skip(&table[i], i + RUN < PT_ENTRIES, left, &rc)) {
			i += RUN;
			continue;
		}
		e = was = READ_ONCE(table[i]);
		if (is_guest_entry(level, i)) rc = lne_get(d, f, level, &e, left);
		if (rc) break;
		if (e != was) table[i] = e;
		if (!work_left(left, e, i++) && i < PT_ENTRIES) rc = -ERESTART;
	}
	*index = i;
	return rc;
}

static int upper_drain(struct domain *d, struct frame *f, const uint64_t *table, unsigned *index, bool linear,
		       unsigned *left) {
	unsigned level = type_level(type_load(f)), i = *index;
	int rc = 0;

	if (i < PT_ENTRIES && is_guest_entry(level, i)) rc = child_take_down(d, f, table[i], linear, left);
	while (i > 0 && !rc) {
		if (i % RUN == 0 && run_skip(&table[i - RUN], i > RUN, left, &rc)) {
			i -= RUN;
			continue;
		}
		i--;
		if (is_guest_entry(level, i)) rc = lne_put(d, f, level, table[i], left);
		if (!work_left(left, table[i], i) && !rc && i > 0) rc = -ERESTART;
	}
	*index = i;
	return rc;
}

/* PARTIAL, downwards: give all references back, then the table's own use and reference. */
static int table_retreat(struct domain *d, struct frame *f, bool linear, unsigned *left) {
	unsigned level = type_level(type_load(f)), i = partial_index(f);
	int error = partial_error(f), rc = 0;
	mfn_t m = frame_mfn(f);
	uint64_t *table = frame_map(m);

	rc = level == 1 ? l1_drain(table, &i, left) : upper_drain(d, f, table, &i, linear, left);
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
		rc = level == 1 ? l1_fill(d, table, &i, left) : upper_fill(d, f, table, &i, left);
		if (!rc && level == 4) arch_root_install(d, table);
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

/* A reference to the frame is held by the caller; on 0 a use as well. */
static int table_type_get(struct domain *d, struct frame *f, unsigned level, unsigned *left) {
	uint64_t t = type_load(f);
	int rc;

	while (!(t & FTF_COUNT) || t & FTF_BUSY) {
		if (t & FTF_BUSY) {
			arch_spin_wait();
		} else if (type_begin(f, t, (enum frame_type)level, FTF_PARTIAL)) {
			/* the table's own; the caller's keeps the frame from going meanwhile */
			__atomic_fetch_add(&f->refs, 1, __ATOMIC_RELAXED);
			partial_set(f, 0, 0);
		}
		t = type_load(f);
	}
	if (type_level(t) != level) return -EINVAL;
	if (t & FTF_VALIDATED) {
		if ((t & FTF_COUNT) >= 0x7fffffffu) return -EBUSY;
		__atomic_store_n(&f->type, t + 1, __ATOMIC_RELEASE);
		return 0;
	}
	rc = table_advance(d, f, left);
	if (!rc) frame_put(frame_mfn(f)); /* two in hand now: the table's own and the caller's */
	return rc;
}

/* Take a reference and a use of m as table of a level. */
int table_ref(struct domain *d, mfn_t m, unsigned level, unsigned *left) {
	int rc;

	if (!frame_get(m, d)) return -EINVAL;
	rc = table_type_get(d, frame_of(m), level, left);
	if (rc) frame_put(m);
	return rc;
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

int table_take_down(struct domain *d, mfn_t m, unsigned *left) {
	int rc = 0;

	if (!frame_get(m, d)) return 0;
	if (type_load(frame_of(m)) & FTF_PARTIAL) rc = table_retreat(d, frame_of(m), true, left);
	frame_put(m);
	return rc;
}

/* -- operations under no lock
 * ---------------------------------------------------------------------------------- */

/* Work done under the lock counts as units of hypercall_preempt(): an entry is about half of one. */
static int step_end(struct domain *d, unsigned left, int rc) {
	spin_unlock(&d->mm_lock);
	this_cpu()->preempt_budget += (pt_work() - left) / 2;
	return rc;
}

static bool is_dying(const struct domain *d) { return READ_ONCE(d->state) >= DOM_DYING; }

int table_get(struct domain *d, mfn_t m, unsigned level) {
	unsigned left = pt_work();
	int rc;

	spin_lock(&d->mm_lock);
	rc = is_dying(d) ? -EINVAL : table_ref(d, m, level, &left);
	return step_end(d, left, rc);
}

int table_put(struct domain *d, mfn_t m) {
	unsigned left = pt_work();
	int rc;

	spin_lock(&d->mm_lock);
	rc = table_drop(d, m, &left);
	return step_end(d, left, rc);
}

int table_put_resume(struct domain *d, mfn_t m) {
	unsigned left = pt_work();
	int rc;

	spin_lock(&d->mm_lock);
	rc = table_take_down(d, m, &left);
	return step_end(d, left, rc);
}

static int pin_locked(struct domain *d, mfn_t m, unsigned level, unsigned *left) {
	struct frame *f = frame_of(m);
	int rc = is_dying(d) ? -EINVAL : table_ref(d, m, level, left);

	if (rc) return rc;
	if (type_load(f) & FTF_PINNED) {
		rc = table_drop(d, m, left); /* not the last: the pin's is left */
		return rc ? rc : -EINVAL;
	}
	__atomic_fetch_or(&f->type, FTF_PINNED, __ATOMIC_RELAXED);
	return 0;
}

int table_pin(struct domain *d, mfn_t m, unsigned level) {
	unsigned left = pt_work();
	int rc;

	spin_lock(&d->mm_lock);
	rc = pin_locked(d, m, level, &left);
	return step_end(d, left, rc);
}

/* A table without pin that is PARTIAL is one whose unpinning was preempted, or may be treated so. */
static int unpin_locked(struct domain *d, mfn_t m, unsigned *left) {
	struct frame *f = frame_of(m);
	uint64_t t = type_load(f);

	if (t & FTF_PINNED) {
		__atomic_fetch_and(&f->type, ~FTF_PINNED, __ATOMIC_RELAXED);
		return table_drop(d, m, left);
	}
	return t & FTF_PARTIAL ? table_retreat(d, f, true, left) : -EINVAL;
}

int table_unpin(struct domain *d, mfn_t m) {
	unsigned left = pt_work();
	int rc;

	if (!frame_get(m, d)) return -EINVAL;
	spin_lock(&d->mm_lock);
	rc = unpin_locked(d, m, &left);
	rc = step_end(d, left, rc);
	frame_put(m);
	return rc;
}
