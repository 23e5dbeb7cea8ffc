/* SPDX-License-Identifier: MIT */
/*
 * The memory of a domain: a list of its frames, each with an allocation reference until the domain
 * or its toolstack gives the frame up, and freed when the last reference of all has gone.
 *
 * tot_pages counts the frames that carry the domain's id (not ring 0's pages shown to it); while it
 * is above 0 they hold one reference of the domain together, so the id stays valid. A dying domain
 * gets no frames any more: checked under page_lock both when pages are counted and when they are
 * linked, so that domain_relinquish_memory() meets every frame.
 *
 * given_up_head is the head of a second list: frames that have been given up but are still mapped
 * by others.
 */
#include "frame.h"
#include "hypercall.h"
#include "pt.h"

/* Count n frames in. 0, -EINVAL, -E2BIG. */
static int pages_reserve(struct domain *d, uint64_t n) {
	SPIN_GUARD(&d->page_lock);

	if (domain_is_dying(d)) return -EINVAL;
	if (d->tot_pages + n > d->max_pages) return -E2BIG;
	if (d->tot_pages == 0) domain_get(d);
	d->tot_pages += n;
	return 0;
}

/* Count n frames out, and take f, if there is one, off the list. After the last of them d may be gone. */
static void pages_unreserve(struct domain *d, uint64_t n, struct frame *f) {
	bool last;

	spin_lock(&d->page_lock);
	if (f) frame_list_remove(frame_of(mfn(d->given_up_head)) == f ? &d->given_up_head : &d->page_head, f);
	d->tot_pages -= n;
	last = n && d->tot_pages == 0;
	spin_unlock(&d->page_lock);
	if (last) domain_put(d);
}

int domain_frames_assign(struct domain *d, mfn_t first, unsigned order) {
	struct frame *start = frame_of(first), *end = start + (1UL << order), *f;
	bool dying;

	for (f = start; f < end; f++) {
		frame_clear(frame_mfn(f));
		/* most will be mapped writable: the allocator has flushed what was before */
		f->type = FTF_TYPE(FT_WRITABLE);
		f->partial = 0;
		f->owner = d->id;
	}
	spin_lock(&d->page_lock);
	dying = domain_is_dying(d);
	for (f = start; f < end && !dying; f++) {
		frame_list_add(&d->page_head, f);
		/* from here on others may take references */
		__atomic_store_n(&f->refs, FRAME_ALLOCATED | 1, __ATOMIC_RELEASE);
	}
	spin_unlock(&d->page_lock);
	if (!dying) return 0;
	for (f = start; f < end; f++) m2p_set(frame_mfn(f), M2P_INVALID);
	frame_free_raw(first, order);
	pages_unreserve(d, 1UL << order, NULL);
	return -EINVAL;
}

int domain_frames_alloc(struct domain *d, unsigned order, unsigned address_bits, mfn_t *first) {
	uint64_t n = 1ULL << order;
	int rc = pages_reserve(d, n);

	if (rc) return rc;
	*first = frame_alloc_raw(order, address_bits);
	if (!mfn_eq(*first, INVALID_MFN)) return domain_frames_assign(d, *first, order);
	pages_unreserve(d, n, NULL);
	return -ENOMEM;
}

static int allocation_drop(mfn_t m) {
	uint64_t r = __atomic_fetch_and(&frame_of(m)->refs, ~FRAME_ALLOCATED, __ATOMIC_ACQ_REL);

	if (!(r & FRAME_ALLOCATED)) return -EINVAL;
	frame_put(m);
	return 0;
}

int domain_frame_release(struct domain *d, mfn_t m) {
	int rc;

	if (!frame_get(m, d)) return -EINVAL;
	rc = allocation_drop(m);
	frame_put(m);
	return rc;
}

bool domain_frame_steal(struct domain *d, mfn_t m) {
	struct frame *f;
	uint64_t only;

	if (!frame_get(m, d)) return false;
	f = frame_of(m);
	only = (__atomic_load_n(&f->refs, __ATOMIC_RELAXED) & ~FRAME_COUNT) | 2;
	/* Nobody but the owner's allocation and we: no mapping, no type in use, none can begin. */
	if (only & FRAME_ALLOCATED &&
	    __atomic_compare_exchange_n(&f->refs, &only, only & ~(FRAME_ALLOCATED | FRAME_COUNT), false,
					__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return true;
	frame_put(m);
	return false;
}

void domain_frame_unsteal(mfn_t m) { __atomic_fetch_or(&frame_of(m)->refs, FRAME_ALLOCATED | 1, __ATOMIC_RELEASE); }

/* No reference, no use: back to the free frames. It stays counted if the caller replaced it. */
void domain_frame_free(struct domain *d, mfn_t m, bool replaced) {
	struct frame *f = frame_of(m);

	pages_unreserve(d, !replaced, f);
	m2p_set(m, M2P_INVALID);
	if (f->refs & FRAME_UNCACHED) arch_frame_flush(m);
	frame_free_raw(m, 0);
}

void frame_last_put(mfn_t m) {
	struct frame *f = frame_of(m);

	if (f->refs & FRAME_RING0)
		heap_free(own_va(m));
	else
		domain_frame_free(domain_by_id(f->owner), m, false);
}

/* -- the end of a domain -- */

static void frame_give_up(struct domain *d, mfn_t m) {
	struct frame *f = frame_of(m);

	spin_lock(&d->page_lock);
	frame_list_remove(&d->page_head, f);
	frame_list_add(&d->given_up_head, f);
	spin_unlock(&d->page_lock);
	(void)allocation_drop(m); /* the guest may have given it up itself */
}

/* The first frame of the list, referenced; one that is just being freed is waited for. */
static bool first_frame(struct domain *d, mfn_t *m) {
	uint32_t n;

	do {
		spin_lock(&d->page_lock);
		n = d->page_head;
		spin_unlock(&d->page_lock);
		if (n == FRAME_NONE) return false;
		arch_spin_wait();
	} while (!frame_get(mfn(n), d));
	*m = mfn(n);
	return true;
}

int domain_relinquish_memory(struct domain *d) {
	mfn_t m;

	while (first_frame(d, &m)) {
		/* what holds a frame by itself: a pin, or a table left half-done */
		bool held = type_load(frame_of(m)) & (FTF_PINNED | FTF_PARTIAL);
		int rc = held ? table_unpin(d, m) : 0;

		if (rc != -ERESTART) frame_give_up(d, m);
		frame_put(m);
		if (rc == -ERESTART || hypercall_preempt()) return -ERESTART;
	}
	return 0;
}

/* -- ring 0's pages shown to a domain -- */

void frame_share(void *page, struct domain *d, bool readonly) {
	struct frame *f = frame_of(own_mfn(page));

	ASSERT(f->refs == (FRAME_RING0 | 1) && f->owner == DOMID_XEN);
	m2p_set(own_mfn(page), M2P_INVALID);
	f->type = FTF_TYPE(readonly ? FT_SHARED : FT_WRITABLE) | 1;
	__atomic_store_n(&f->owner, d->id, __ATOMIC_RELEASE);
}

void frame_unshare(void *page) {
	mfn_t m = own_mfn(page);

	/* Those who map it keep it; nobody gets a new reference. */
	__atomic_store_n(&frame_of(m)->owner, DOMID_XEN, __ATOMIC_RELEASE);
	type_put(frame_of(m));
	frame_put(m);
}
