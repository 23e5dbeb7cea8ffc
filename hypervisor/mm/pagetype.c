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
 * Types of tables and SEGDESC change under the owner's mm_lock only; WRITABLE is counted without
 * locks. BUSY marks the short times when a stamp is stored or CPUs are flushed; others wait.
 */
#include "frame.h"
#include "pt.h"

/* -- references -- */

bool frame_get(mfn_t m, const struct domain *d) { return frame_take(m, d->id); }

void frame_put(mfn_t m) { ref_drop(frame_of(m)); }

/* -- flushes -- */

void tlb_flush_lagging(uint64_t stamp) {
	cpumask_t lagging = 0;
	unsigned c;

	for_each_cpu (c, cpus_online)
		if (READ_ONCE(cpu_of(c)->tlb_time) <= stamp) lagging |= cpumask_of(c);
	if (lagging) arch_tlb_flush(lagging, TLB_FLUSH_ALL);
}

/* -- types -- */

static inline bool type_cas(struct frame *f, uint64_t *old, uint64_t t) {
	return __atomic_compare_exchange_n(&f->type, old, t, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/*
 * The flush comes while BUSY keeps everybody off: a new writable use must not begin while some CPU
 * still walks the frame as a table, nor a table be validated while some CPU can write to it.
 */
bool type_begin(struct frame *f, uint64_t old, enum frame_type t, uint64_t flags) {
	uint64_t fresh = FTF_TYPE(t) | flags | 1;
	enum frame_type was = frame_type_of(old);

	if (was == t) return type_cas(f, &old, fresh);
	if (!type_cas(f, &old, fresh | FTF_BUSY)) return false;
	if (was != FT_NONE) tlb_flush_lagging(tlb_stamp_full(f->tlb_stamp));
	if (t != FT_WRITABLE && __atomic_load_n(&f->refs, __ATOMIC_RELAXED) & FRAME_UNCACHED)
		arch_cache_flush(CPUMASK_ALL);
	__atomic_store_n(&f->type, fresh, __ATOMIC_RELEASE);
	return true;
}

int type_get_writable_slow(struct frame *f) {
	uint64_t t = __atomic_load_n(&f->type, __ATOMIC_RELAXED);

	for (;;) {
		if ((t & ~(uint64_t)FTF_COUNT) == FTF_TYPE(FT_WRITABLE)) {
			if ((t & FTF_COUNT) >= TYPE_COUNT_MAX) return -EBUSY;
			if (type_cas(f, &t, t + 1)) return 0;
		} else if (t & FTF_BUSY) {
			arch_spin_wait();
			t = type_load(f);
		} else if (t & FTF_COUNT) {
			return -EBUSY;
		} else if (type_begin(f, t, FT_WRITABLE, 0)) {
			return 0;
		} else {
			t = type_load(f);
		}
	}
}

static bool descriptors_valid(const struct domain *d, mfn_t m) {
	uint64_t *desc = frame_map(m);
	bool ok = true;

	for (unsigned i = 0; ok && i < PAGE_SIZE / sizeof(*desc); i++) ok = arch_descriptor_fix(d, &desc[i]);
	frame_unmap(desc);
	return ok;
}

static int segdesc_get_locked(struct domain *d, mfn_t m, struct frame *f) {
	uint64_t t = type_load(f);

	while (t & FTF_BUSY || !(t & FTF_COUNT)) {
		if (!(t & FTF_COUNT) && !(t & FTF_BUSY) && type_begin(f, t, FT_SEGDESC, 0)) {
			if (descriptors_valid(d, m)) return 0;
			type_put(f);
			return -EINVAL;
		}
		arch_spin_wait();
		t = type_load(f);
	}
	if (frame_type_of(t) != FT_SEGDESC) return -EINVAL;
	if ((t & FTF_COUNT) >= TYPE_COUNT_MAX) return -EBUSY;
	__atomic_store_n(&f->type, t + 1, __ATOMIC_RELEASE);
	return 0;
}

/* Under the owner's mm_lock: nobody sees the type before the descriptors are checked. */
static int segdesc_get(mfn_t m) {
	struct frame *f = frame_of(m);
	struct domain *d = domain_by_id(f->owner);
	int rc;

	if (!d) return -EINVAL;
	spin_lock(&d->mm_lock);
	rc = segdesc_get_locked(d, m, f);
	spin_unlock(&d->mm_lock);
	return rc;
}

int frame_type_get(mfn_t m, enum frame_type t) {
	if (t == FT_WRITABLE) return type_get_writable(frame_of(m));
	return t == FT_SEGDESC ? segdesc_get(m) : -EINVAL;
}

void frame_type_put(mfn_t m) {
	struct frame *f = frame_of(m);
	struct domain *d;

	if (frame_type_of(type_load(f)) != FT_SEGDESC) {
		type_put(f);
		return;
	}
	d = domain_by_id(f->owner);
	spin_lock(&d->mm_lock);
	type_put(f);
	spin_unlock(&d->mm_lock);
}

int frame_get_as(mfn_t m, const struct domain *d, enum frame_type t) {
	int rc;

	if (!frame_get(m, d)) return -EPERM;
	rc = frame_type_get(m, t);
	if (rc) frame_put(m);
	return rc;
}

void frame_put_as(mfn_t m) {
	frame_type_put(m);
	frame_put(m);
}
