/* SPDX-License-Identifier: MIT */
/*
 * Changing a domain's memory on request. A PV domain knows machine frames and keeps its own
 * pseudo-physical table; ours is the machine-to-physical table, written when frames are handed out.
 *
 * An extent either succeeds as a whole or leaves nothing behind, but for a decrease, whose frames
 * go one by one: a bad frame number ends it there.
 */
#include "hypercall.h"
#include "memop.h"
#include "frame.h"

static unsigned address_bits_of(const struct xen_memory_reservation *r) {
	unsigned bits = XENMEMF_get_address_bits(r->mem_flags);

	return bits ? bits : 64;
}

static int extent_read(const struct xen_memory_reservation *r, uint64_t i, uint64_t *n) {
	return copy_from_guest(n, guest_at(guest_ptr(r->extent_start.p), i, sizeof(*n)), sizeof(*n));
}

static int extent_write(const struct xen_memory_reservation *r, uint64_t i, mfn_t m) {
	uint64_t n = mfn_x(m);

	return copy_to_guest(guest_at(guest_ptr(r->extent_start.p), i, sizeof(n)), &n, sizeof(n));
}

static void extent_name(mfn_t first, unsigned order, uint64_t gpfn, bool valid) {
	for (uint64_t k = 0; k < 1UL << order; k++) m2p_set(mfn_add(first, k), valid ? gpfn + k : M2P_INVALID);
}

static void extent_release(struct domain *d, mfn_t first, unsigned order) {
	for (uint64_t i = 0; i < 1UL << order; i++)
		if (domain_frame_release(d, mfn_add(first, i)))
			gprintk(d, LOG_DEBUG, "frame %lx went while it was handed out", mfn_x(first) + i);
}

static int extent_hand_out(struct domain *d, const struct xen_memory_reservation *r, uint64_t i, mfn_t *first) {
	int rc = domain_frames_alloc(d, r->extent_order, address_bits_of(r), first);

	if (!rc && r->extent_start.p && extent_write(r, i, *first)) {
		extent_release(d, *first, r->extent_order);
		rc = -EFAULT;
	}
	return rc;
}

int memop_extent(struct domain *d, unsigned op, const struct xen_memory_reservation *r, uint64_t i) {
	uint64_t n = 0;
	mfn_t m;
	int rc = op == XENMEM_increase_reservation ? 0 : extent_read(r, i, &n);

	if (op == XENMEM_decrease_reservation) {
		for (uint64_t k = 0; !rc && k < 1UL << r->extent_order; k++) rc = domain_frame_release(d, mfn(n + k));
		return rc;
	}
	if (!rc) rc = extent_hand_out(d, r, i, &m);
	if (!rc && op == XENMEM_populate_physmap) extent_name(m, r->extent_order, n, true);
	return rc;
}

/* -- exchange -- */

/*
 * One chunk: as many extents of each side as make one of the larger side. The new frames are found
 * and given their machine-to-physical entries first; then the old ones are taken, each only if
 * nothing but the domain's allocation holds it; from there on nothing fails.
 */
struct exchange {
	struct domain *d;
	const struct xen_memory_reservation *in, *out;
	uint64_t in_at, out_at; /* first extents of the chunk */
	unsigned frames;        /* of each side */
	unsigned stolen, made;  /* so far: old frames, new extents */
	uint32_t *old, *fresh;  /* them: frames, first frames of extents */
};

bool memop_exchange_valid(const struct xen_memory_exchange *x) {
	const struct xen_memory_reservation *in = &x->in, *out = &x->out;

	return in->extent_order <= MEMOP_ORDER_MAX && out->extent_order <= MEMOP_ORDER_MAX &&
	       in->nr_extents <= ~0UL >> MEMOP_ORDER_MAX && out->nr_extents <= ~0UL >> MEMOP_ORDER_MAX &&
	       in->nr_extents << in->extent_order == out->nr_extents << out->extent_order &&
	       x->nr_exchanged <= in->nr_extents && in->domid == out->domid;
}

static int exchange_steal(struct exchange *e) {
	unsigned order = e->in->extent_order;
	uint64_t n = 0;

	for (; e->stolen < e->frames; e->stolen++, n++) {
		bool first = e->stolen % (1u << order) == 0;

		if (first && extent_read(e->in, e->in_at + (e->stolen >> order), &n)) return -EFAULT;
		if (!domain_frame_steal(e->d, mfn(n))) return -EINVAL;
		e->old[e->stolen] = (uint32_t)n;
	}
	return 0;
}

static int exchange_allocate(struct exchange *e) {
	unsigned order = e->out->extent_order, bits = address_bits_of(e->out);

	for (; e->made < e->frames >> order; e->made++) {
		uint64_t gpfn;
		mfn_t m;

		if (extent_read(e->out, e->out_at + e->made, &gpfn)) return -EFAULT;
		m = frame_alloc_raw(order, bits);
		if (mfn_eq(m, INVALID_MFN)) return -ENOMEM;
		extent_name(m, order, gpfn, true);
		e->fresh[e->made] = (uint32_t)mfn_x(m);
	}
	return 0;
}

static void exchange_undo(struct exchange *e) {
	unsigned order = e->out->extent_order;

	while (e->stolen > 0) domain_frame_unsteal(mfn(e->old[--e->stolen]));
	while (e->made > 0) {
		mfn_t m = mfn(e->fresh[--e->made]);

		extent_name(m, order, 0, false);
		frame_free_raw(m, order);
	}
}

/* A guest that takes its list away meanwhile only loses sight of its own frames; a dying domain has no
 * use for new ones: those are counted out again by domain_frames_assign(). */
static int exchange_commit(struct exchange *e) {
	int rc = 0;

	for (unsigned i = 0; i < e->made; i++) {
		mfn_t m = mfn(e->fresh[i]);

		if (!domain_frames_assign(e->d, m, e->out->extent_order) && extent_write(e->out, e->out_at + i, m))
			rc = -EFAULT;
	}
	while (e->stolen > 0) domain_frame_free(e->d, mfn(e->old[--e->stolen]), true);
	return rc;
}

/* The next chunk, from *done input extents on. On an error but -EFAULT nothing of it has changed. */
static int exchange_chunk(struct domain *d, const struct xen_memory_exchange *x, uint64_t *done) {
	unsigned in = x->in.extent_order, out = x->out.extent_order;
	struct exchange e = { .d = d,
			      .in = &x->in,
			      .out = &x->out,
			      .in_at = *done,
			      .out_at = *done << in >> out,
			      .frames = 1u << MAX(in, out) };
	int rc;

	e.old = heap_alloc(2 * e.frames * sizeof(*e.old));
	if (!e.old) return -ENOMEM;
	e.fresh = e.old + e.frames;
	rc = exchange_allocate(&e) ?: exchange_steal(&e);
	if (rc) {
		exchange_undo(&e);
	} else {
		rc = exchange_commit(&e);
		*done += e.frames >> in;
	}
	heap_free(e.old);
	return rc;
}

int memop_exchange(struct domain *d, const struct xen_memory_exchange *x, uint64_t *done) {
	int rc = 0;

	while (!rc && *done < x->in.nr_extents) {
		rc = exchange_chunk(d, x, done);
		this_cpu()->preempt_budget += 1u << MAX(x->in.extent_order, x->out.extent_order);
		if (!rc && *done < x->in.nr_extents && hypercall_preempt()) rc = -ERESTART;
	}
	return rc;
}
