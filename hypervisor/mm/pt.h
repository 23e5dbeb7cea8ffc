/* SPDX-License-Identifier: MIT */
/*
 * Inside mm/: page-table entries as the processor reads them, and the steps that pagetype.c,
 * table.c, entry.c and pt_update.c share. See pagetype.c for the model.
 */
#pragma once

#include "domain.h"
#include "frame.h"
#include "hypercall.h"
#include "pte.h"

#define MAX_ORDER   18
#define PT_ENTRIES  512u
#define HV_L4_FIRST 256u /* L4 entries that are ring 0's (the PV ABI's hole) */
#define HV_L4_END   272u

static inline mfn_t pte_mfn(uint64_t e) { return mfn(e << 12 >> 24); }
static inline bool l4_index_is_hv(unsigned index) { return index >= HV_L4_FIRST && index < HV_L4_END; }
static inline unsigned type_level(uint64_t type_word) {
	enum frame_type t = frame_type_of(type_word);

	return t >= FT_L1 && t <= FT_L4 ? (unsigned)t : 0;
}
static inline uint64_t type_load(const struct frame *f) { return __atomic_load_n(&f->type, __ATOMIC_ACQUIRE); }

/* Entries (or tables) looked at under one hold of mm_lock. */
#define PT_WORK 512u
/* As an entry is about half a unit of hypercall_preempt(), a full table goes in one turn. Tests with
 * lower limits cut after each entry. */
static inline unsigned pt_work(void) {
	return hypercall_preempt_units < PT_WORK / 2 ? hypercall_preempt_units : PT_WORK;
}
/*
 * PT_STEP(s, d) among a scope's declarations holds d's mm_lock to the end of the scope, with s.left
 * units of work to spend, which hypercall_preempt() will count.
 */
struct pt_step {
	struct domain *d;
	unsigned work, left;
};
static inline struct pt_step pt_step_begin(struct domain *d) {
	spin_lock(&d->mm_lock);
	return (struct pt_step){ d, pt_work(), pt_work() };
}
static inline void pt_step_end(struct pt_step *s) {
	spin_unlock(&s->d->mm_lock);
	this_cpu()->preempt_budget += (s->work - s->left) / 2;
}
#define PT_STEP(s, dom) struct pt_step s __attribute__((cleanup(pt_step_end))) = pt_step_begin(dom)

/* -- pagetype.c */

/* The latest clock value whose low half is the stamp: never older than the moment it was taken. */
static inline uint64_t tlb_stamp_full(uint32_t stamp) {
	uint64_t now = __atomic_load_n(&tlb_clock, __ATOMIC_SEQ_CST);

	return now - (uint32_t)((uint32_t)now - stamp);
}
/* Those of the CPUs that have not flushed everything since the stamp. */
cpumask_t tlb_lagging(cpumask_t cpus, uint64_t stamp);
/* A use as writable page that is not simply one more: 0, -EBUSY. */
int type_get_writable_slow(struct frame *f) __must_check;
/* True: the frame had no use, and has one now as type t, with these flags. False: it has uses
 * already; *now is its type word. Waits while it is BUSY. */
bool type_begin_unused(struct frame *f, enum frame_type t, uint64_t flags, uint64_t *now) __must_check;
/* The last reference is gone (domain_pages.c). */
void frame_last_put(mfn_t m);

/* -- lists of frames through next and prev; the list's lock held */

static inline void frame_list_add(uint32_t *head, struct frame *f) {
	uint32_t n = (uint32_t)mfn_x(frame_mfn(f));

	f->next = *head;
	f->prev = FRAME_NONE;
	if (*head != FRAME_NONE) frame_table[*head].prev = n;
	*head = n;
}
static inline void frame_list_remove(uint32_t *head, struct frame *f) {
	if (f->next != FRAME_NONE) frame_table[f->next].prev = f->prev;
	if (f->prev != FRAME_NONE)
		frame_table[f->prev].next = f->next;
	else
		*head = f->next;
	f->next = f->prev = FRAME_NONE;
}

/* -- the common steps, short and in line */

#define TYPE_COUNT_MAX 0x7fffffffu

static inline bool ref_take(struct frame *f) {
	uint64_t r = __atomic_load_n(&f->refs, __ATOMIC_RELAXED);

	do {
		/* free? the low half alone is seldom 0 while there are references */
		if (unlikely(!(uint32_t)r) && !(r & FRAME_COUNT)) return false;
	} while (
		unlikely(!__atomic_compare_exchange_n(&f->refs, &r, r + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)));
	return true;
}

static inline void ref_drop(struct frame *f) {
	uint64_t was = __atomic_fetch_sub(&f->refs, 1, __ATOMIC_ACQ_REL);

	if (unlikely((uint32_t)was == 1) && (was & FRAME_COUNT) == 1) frame_last_put(frame_mfn(f));
}

/* Reference frame m if `id` (a domain's, or DOMID_XEN) owns it; NULL if not. */
static inline struct frame *frame_take(mfn_t m, domid_t id) {
	uint64_t bound = frame_count;
	struct frame *f;

	if (unlikely(mfn_x(m) >= bound)) return NULL;
	f = &frame_table[index_nospec(mfn_x(m), bound)];
	if (unlikely(READ_ONCE(f->owner) != id) || unlikely(!ref_take(f))) return NULL;
	/* It may have changed hands before the reference pinned it down. */
	if (likely(READ_ONCE(f->owner) == id)) return f;
	ref_drop(f);
	return NULL;
}

/* `id` owns frame m. Certain for as long as something holds a reference to it. */
static inline bool frame_is_of(mfn_t m, domid_t id) {
	uint64_t bound = frame_count;

	return mfn_x(m) < bound && READ_ONCE(frame_table[index_nospec(mfn_x(m), bound)].owner) == id;
}

/* A use as writable page: 0, -EBUSY (of another type). */
static inline int type_get_writable(struct frame *f) {
	uint64_t t = __atomic_load_n(&f->type, __ATOMIC_RELAXED);

	/* the type, no flag, and room in the count */
	if (likely((uint32_t)(t >> 32) == (uint32_t)(FTF_TYPE(FT_WRITABLE) >> 32)) && likely((int32_t)t >= 0) &&
	    likely(__atomic_compare_exchange_n(&f->type, &t, t + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)))
		return 0;
	return type_get_writable_slow(f);
}

/*
 * Drop a use that may be the last and devalidates nothing. (A use that we hold is never BUSY.) The
 * stamp is read after the count has reached 0 and stored before anyone can start another type: an
 * older one would hide a mapping made and dropped in between.
 */
static inline void type_put(struct frame *f) {
	uint64_t t = __atomic_load_n(&f->type, __ATOMIC_RELAXED), less;

	do less = (uint32_t)t == 1 ? (t - 1) | FTF_BUSY : t - 1;
	while (unlikely(!__atomic_compare_exchange_n(&f->type, &t, less, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)));
	if (less & FTF_BUSY) {
		f->tlb_stamp = (uint32_t)__atomic_load_n(&tlb_clock, __ATOMIC_SEQ_CST);
		__atomic_store_n(&f->type, less & FTF_TYPE_MASK, __ATOMIC_RELEASE);
	}
}

/* A reference to frame m of domain id's, with a use as writable page if it is to be written. 0, -EPERM
 * (not its frame), -EBUSY (of another type). */
static inline int page_get(mfn_t m, domid_t id, bool writable) {
	struct frame *f = frame_take(m, id);

	if (unlikely(!f)) return -EPERM;
	if (!writable || likely(!type_get_writable(f))) return 0;
	ref_drop(f);
	return -EBUSY;
}

static inline void page_put(mfn_t m, bool writable) {
	struct frame *f = frame_of(m);

	if (writable) type_put(f);
	ref_drop(f);
}

/* A writable mapping by another domain than the owner, its use taken, is about to be made. */
static inline void foreign_note(struct frame *f) {
	if (!(__atomic_load_n(&f->refs, __ATOMIC_RELAXED) & FRAME_FOREIGN))
		__atomic_fetch_or(&f->refs, FRAME_FOREIGN, __ATOMIC_SEQ_CST);
}

/* -- entry.c: references that entries hold. mm_lock of `d` held. */

/* What is stored for an entry of any level: user bit set, global bit cleared, as the PV ABI has it. */
static inline uint64_t pte_stored(uint64_t e) { return (e & ~PTE_G) | PTE_US; }
/* The rarer entries: not present, foreign frames, device memory, other cache attributes, the
 * machine-to-physical table; and errors. */
int l1e_get_special(const struct pt_context *c, uint64_t e) __must_check;

/* Check an L1 entry, take its references, and give it the form it is stored in. */
static __always_inline int l1e_get(const struct pt_context *c, uint64_t *e) {
	uint64_t v = *e;
	struct frame *f;
	int rc = 0;

	if (likely((v & (PTE_P | PTE_CACHE)) == PTE_P) && likely(f = frame_take(pte_mfn(v), c->plain))) {
		if (v & PTE_RW) rc = type_get_writable(f);
		if (unlikely(rc)) ref_drop(f);
	} else {
		rc = l1e_get_special(c, v);
	}
	*e = v & PTE_P ? pte_stored(v) : v;
	return rc;
}

static inline void l1e_put(uint64_t e) {
	mfn_t m = pte_mfn(e);
	struct frame *f;

	if (!(e & PTE_P) || unlikely(!mfn_valid(m))) return;
	f = frame_of(m);
	/* entries of device frames and of the machine-to-physical table were never counted */
	if (unlikely(!__atomic_load_n(&f->refs, __ATOMIC_RELAXED))) return;
	if (e & PTE_RW) type_put(f);
	ref_drop(f);
}
/* The same for entries of a table `f` of level 2..4. -ERESTART: nothing is held, progress is kept
 * in the child. lne_put: the reference is gone even so. */
int lne_get(struct domain *d, struct frame *f, unsigned level, uint64_t *e, unsigned *left) __must_check;
int lne_put(struct domain *d, struct frame *f, unsigned level, uint64_t e, unsigned *left) __must_check;

/* -- table.c: tables as a whole. mm_lock of `d` held, `left` units of work to spend. */

/* Of a PARTIAL table: how many entries hold references. */
#define PARTIAL_INDEX 0x3ffu
static inline unsigned partial_index(const struct frame *f) { return f->partial & PARTIAL_INDEX; }

int table_ref(struct domain *d, mfn_t m, unsigned level, unsigned *left) __must_check;
int table_drop(struct domain *d, mfn_t m, unsigned *left) __must_check;
