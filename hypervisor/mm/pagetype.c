/* SPDX-License-Identifier: MIT */
/*
 * References and types of frames: the security core.
 *
 * A frame has an owner, a reference count and a type with a count of uses.
 *
 *	     uses = 0                         uses > 0
 *	any type --type_begin()--> WRITABLE   mapped writable, by page tables or grants
 *	                           L1..L4     page table of its owner
 *	                           SEGDESC    GDT or LDT page
 *	                           SHARED     ring 0's, shown read-only
 *
 * The type stays when the count falls to 0, so the same use again costs one atomic operation; to
 * change it, CPUs that may still translate by the old one are flushed first.
 *
 * I1  A frame with refs 0 is free: owner DOMID_INVALID, no type use.
 * I2  Each use of a type, each present L1 entry of a RAM frame and each present upper entry holds
 *     one reference; a writable L1 entry one use as WRITABLE, an upper entry one use of its table.
 * I3  A frame changes type only at count 0. So a frame with a writable mapping is no table, and a
 *     table, a descriptor page or a SHARED page has no writable mapping in any guest.
 * I4  A table of level n maps only frames that I2 accounts for, and for n > 1 tables of level n-1
 *     of the same owner; or, without RW, a table of level n (linear map) which has no linear
 *     entries itself: depth 1. Slots 256-271 of an L4 are ring 0's.
 * I5  A table becomes usable (VALIDATED) only with all entries checked; then only checked changes
 *     are made, under the owner's mm_lock.
 * I6  PARTIAL (table.c): count 1, not VALIDATED, not PINNED; exactly the first `partial` entries
 *     hold references.
 * I7  PINNED holds one use. ALLOCATED holds one reference.
 * I8  A stale TLB entry never outlives the type it was made under: see type_begin(), and
 *     frame_alloc.c for references.
 *
 * Uses of tables change, and types of tables and SEGDESC begin, under the owner's mm_lock only;
 * other uses are counted without locks. BUSY marks the short times when a stamp is stored or CPUs
 * are flushed; others wait.
 */
#include "frame.h"
#include "pt.h"

/* -- references -- */

bool frame_get(mfn_t m, const struct domain *d) { return frame_take(m, d->id); }

void frame_put(mfn_t m) { ref_drop(frame_of(m)); }

/* -- flushes -- */

cpumask_t tlb_lagging(cpumask_t cpus, uint64_t stamp) {
	cpumask_t lagging = 0;
	unsigned c;

	for_each_cpu (c, cpus)
		if (READ_ONCE(cpu_of(c)->tlb_time) <= stamp) lagging |= cpumask_of(c);
	return lagging;
}

/*
 * CPUs that may translate by the type that f, which is BUSY, gives up. Only the owner's tables lead
 * to it, and CPUs where the owner does not run have dropped what they knew of them; but for a frame
 * that other domains mapped writable (FRAME_FOREIGN is set after the use is taken, so not now) or
 * that ring 0 shows.
 */
static cpumask_t type_cpus(struct frame *f) {
	uint64_t refs = __atomic_load_n(&f->refs, __ATOMIC_SEQ_CST);
	const struct domain *d = domain_by_id(f->owner);

	if (refs & FRAME_FOREIGN) __atomic_fetch_and(&f->refs, ~FRAME_FOREIGN, __ATOMIC_RELAXED);
	if (refs & (FRAME_FOREIGN | FRAME_RING0) || !d) return cpus_online;
	return __atomic_load_n(&d->dirty_cpus, __ATOMIC_SEQ_CST) & cpus_online;
}

/* -- types -- */

static bool type_cas(struct frame *f, uint64_t *old, uint64_t t) {
	return __atomic_compare_exchange_n(&f->type, old, t, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/*
 * Move a frame without uses to type t with one use, flushing what a former type left behind. False:
 * its type word was not `old` any more. The flush comes while BUSY keeps everybody off: a new writable use
 * must not begin while some CPU still walks the frame as a table, nor a table be validated while some CPU can
 * write to it.
 */
static bool type_begin(struct frame *f, uint64_t old, enum frame_type t, uint64_t flags) {
	uint64_t fresh = FTF_TYPE(t) | flags | 1;
	enum frame_type was = frame_type_of(old);
	cpumask_t lagging;

	if (was == t) return type_cas(f, &old, fresh);
	if (!type_cas(f, &old, fresh | FTF_BUSY)) return false;
	if (was != FT_NONE) {
		lagging = tlb_lagging(type_cpus(f), tlb_stamp_full(f->tlb_stamp));
		if (lagging) arch_tlb_flush(lagging, TLB_FLUSH_ALL);
	}
	if (t != FT_WRITABLE && __atomic_load_n(&f->refs, __ATOMIC_RELAXED) & FRAME_UNCACHED)
		arch_frame_flush(frame_mfn(f));
	__atomic_store_n(&f->type, fresh, __ATOMIC_RELEASE);
	return true;
}

bool type_begin_unused(struct frame *f, enum frame_type t, uint64_t flags, uint64_t *now) {
	for (;;) {
		*now = type_load(f);
		if (*now & FTF_BUSY)
			arch_spin_wait();
		else if (*now & FTF_COUNT)
			return false;
		else if (type_begin(f, *now, t, flags))
			return true;
	}
}

/* Nothing but more uses of type t: none of its tables is half-done, nor is its count full. */
static bool type_may_add(uint64_t now, enum frame_type t) {
	return (now & ~(uint64_t)FTF_COUNT) == FTF_TYPE(t) && (now & FTF_COUNT) < TYPE_COUNT_MAX;
}

/* One more use of type t: 0, -EINVAL (of another type), -EBUSY. *first: there was none before. */
static int type_get(struct frame *f, enum frame_type t, bool *first) {
	uint64_t now;

	do {
		*first = type_begin_unused(f, t, 0, &now);
		if (*first) return 0;
		if (!type_may_add(now, t)) return frame_type_of(now) == t ? -EBUSY : -EINVAL;
	} while (!type_cas(f, &now, now + 1));
	return 0;
}

int type_get_writable_slow(struct frame *f) {
	bool first;

	return type_get(f, FT_WRITABLE, &first) ? -EBUSY : 0;
}

static bool descriptors_valid(mfn_t m) {
	uint64_t *desc = frame_map(m);
	bool ok = true;

	for (unsigned i = 0; ok && i < PAGE_SIZE / sizeof(*desc); i++) ok = arch_descriptor_fix(&desc[i]);
	frame_unmap(desc);
	return ok;
}

/* Under the owner's mm_lock: nobody sees the type before the descriptors are checked. */
static int segdesc_get(struct domain *d, mfn_t m) {
	struct frame *f = frame_of(m);
	bool first;
	int rc;
	SPIN_GUARD(&d->mm_lock);

	rc = type_get(f, FT_SEGDESC, &first);
	if (rc || !first || descriptors_valid(m)) return rc;
	type_put(f);
	return -EINVAL;
}

int frame_get_as(mfn_t m, struct domain *d, enum frame_type t) {
	int rc;

	if (!frame_get(m, d)) return -EPERM;
	rc = t == FT_SEGDESC ? segdesc_get(d, m) : type_get_writable(frame_of(m));
	if (rc) frame_put(m);
	return rc;
}

void frame_put_as(mfn_t m) {
	type_put(frame_of(m));
	frame_put(m);
}
