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
 * relinquish_at is the head (frame + 1) of a second list: frames that have been given up but are
 * still mapped by others.
 */
#include "frame.h"
#include "hypercall.h"
#include "pt.h"

/* -- the list, under page_lock
 * --------------------------------------------------------------------------------- */

static void list_link(uint32_t *head, uint32_t n) {
	struct frame *f = &frame_table[n];

	f->next = *head;
	f->prev = FRAME_NONE;
	if (*head != FRAME_NONE) frame_table[*head].prev = n;
	*head = n;
}

static void list_unlink(struct domain *d, uint32_t n) {
	struct frame *f = &frame_table[n];

	if (f->next != FRAME_NONE) frame_table[f->next].prev = f->prev;
	if (f->prev != FRAME_NONE)
		frame_table[f->prev].next = f->next;
	else if (d->page_head == n)
		d->page_head = f->next;
	else
		d->relinquish_at = f->next == FRAME_NONE ? 0 : f->next + 1ULL;
	f->next = f->prev = FRAME_NONE;
}

static bool is_dying(const struct domain *d) { return READ_ONCE(d->state) >= DOM_DYING; }

/* Count n frames in. 0, -EINVAL, -E2BIG. */
static int pages_reserve(struct domain *d, uint64_t n) {
	int rc = 0;

	spin_lock(&d->page_lock);
	if (is_dying(d))
		rc = -EINVAL;
	else if (d->tot_pages + n > d->max_pages)
		rc = -E2BIG;
	else if (d->tot_pages == 0)
		domain_get(d);
	if (!rc) d->tot_pages += n;
	spin_unlock(&d->page_lock);
	return rc;
}

static void pages_unreserve(struct domain *d, uint64_t n) {
	bool last;

	spin_lock(&d->page_lock);
	d->tot_pages -= n;
	last = d->tot_pages == 0;
	spin_unlock(&d->page_lock);
	if (last) domain_put(d);
}

static void frame_scrub(mfn_t m) {
	void *p = frame_map(m);

	memset(p, 0, PAGE_SIZE);
	frame_unmap(p);
}

/* Make fresh frames d's. (Free frames have no entry in the machine-to-physical table.) */
int domain_frames_assign(struct domain *d, mfn_t first, unsigned order) {
	int rc = 0;

	for (uint64_t i = 0; i < 1UL << order; i++) {
		struct frame *f = frame_of(mfn_add(first, i));

		frame_scrub(mfn_add(first, i));
		/* most will be mapped writable: the allocator has flushed what was before */
		f->type = FTF_TYPE(FT_WRITABLE);
		f->partial = 0;
		f->owner = d->id;
	}
	spin_lock(&d->page_lock);
	if (is_dying(d)) rc = -EINVAL;
	for (uint64_t i = 0; !rc && i < 1UL << order; i++) {
		list_link(&d->page_head, (uint32_t)mfn_x(mfn_add(first, i)));
		/* from here on others may take references */
		__atomic_store_n(&frame_of(mfn_add(first, i))->refs, FRAME_ALLOCATED | 1, __ATOMIC_RELEASE);
	}
	spin_unlock(&d->page_lock);
	return rc;
}

int domain_frames_alloc(struct domain *d, unsigned order, unsigned address_bits, mfn_t *first) {
	uint64_t n = 1ULL << order;
	int rc = pages_reserve(d, n);

	if (rc) return rc;
	*first = frame_alloc_raw(order, MIN(address_bits, d->address_bits));
	if (mfn_eq(*first, INVALID_MFN)) {
		pages_unreserve(d, n);
		return -ENOMEM;
	}
	rc = domain_frames_assign(d, *first, order);
	if (rc) {
		frame_free_raw(*first, order);
		pages_unreserve(d, n);
	}
	return rc;
}

int domain_frame_release(struct domain *d, mfn_t m) {
	uint64_t r;

	if (!frame_get(m, d)) return -EINVAL;
	r = __atomic_fetch_and(&frame_of(m)->refs, ~FRAME_ALLOCATED, __ATOMIC_ACQ_REL);
	if (r & FRAME_ALLOCATED) frame_put(m);
	frame_put(m);
	return r & FRAME_ALLOCATED ? 0 : -EINVAL;
}

bool domain_frame_steal(struct domain *d, mfn_t m) {
	uint64_t only = FRAME_ALLOCATED | 1;
	struct frame *f;

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

void domain_frame_unsteal(mfn_t m) {
	__atomic_fetch_or(&frame_of(m)->refs, FRAME_ALLOCATED | 1, __ATOMIC_RELEASE);
}

/* No reference, no use: back to the free frames. It stays counted if the caller replaced it. */
void domain_frame_free(struct domain *d, mfn_t m, bool replaced) {
	struct frame *f = frame_of(m);
	bool last;

	spin_lock(&d->page_lock);
	list_unlink(d, (uint32_t)mfn_x(m));
	d->tot_pages -= !replaced;
	last = d->tot_pages == 0;
	spin_unlock(&d->page_lock);
	m2p_set(m, M2P_INVALID);
	if (f->refs & FRAME_UNCACHED) arch_cache_flush(CPUMASK_ALL);
	frame_free_raw(m, 0);
	if (last) domain_put(d);
}

void frame_last_put(mfn_t m) {
	struct frame *f = frame_of(m);

	if (f->refs & FRAME_RING0)
		heap_page_last_put(m);
	else
		domain_frame_free(domain_by_id(f->owner), m, false);
}

/* -- the end of a domain
 * ---------------------------------------------------------------------------------------- */

/* Take down what holds a frame by itself: a pin, or a table left half-done. */
static int frame_let_go(struct domain *d, mfn_t m) {
	uint64_t t = type_load(frame_of(m));

	if (t & FTF_PINNED) return table_unpin(d, m);
	return t & FTF_PARTIAL ? table_put_resume(d, m) : 0;
}

static void frame_give_up(struct domain *d, mfn_t m) {
	uint32_t n = (uint32_t)mfn_x(m), left;
	uint64_t r;

	spin_lock(&d->page_lock);
	list_unlink(d, n);
	left = d->relinquish_at ? (uint32_t)(d->relinquish_at - 1) : FRAME_NONE;
	list_link(&left, n);
	d->relinquish_at = left + 1ULL;
	spin_unlock(&d->page_lock);
	r = __atomic_fetch_and(&frame_of(m)->refs, ~FRAME_ALLOCATED, __ATOMIC_ACQ_REL);
	if (r & FRAME_ALLOCATED) frame_put(m);
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
		int rc = frame_let_go(d, m);

		if (!rc) frame_give_up(d, m);
		frame_put(m);
		if (rc == -ERESTART || hypercall_preempt()) return -ERESTART;
	}
	heap_free(d->e820);
	d->e820 = NULL;
	return 0;
}

/* -- ring 0's pages shown to a domain
 * -------------------------------------------------------------------------- */

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
