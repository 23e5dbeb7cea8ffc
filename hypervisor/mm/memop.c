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
#include "e820.h"

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
	for (uint64_t k = 0; k < 1UL << order; k++)
		m2p_set(mfn_add(first, k), valid ? gpfn + k : M2P_INVALID);
}

static void extent_release(struct domain *d, mfn_t first, unsigned order) {
	for (uint64_t i = 0; i < 1UL << order; i++)
		if (domain_frame_release(d, mfn_add(first, i)))
			gprintk(d, LOG_DEBUG, "frame %lx went while it was handed out", mfn_x(first) + i);
}

static int extent_hand_out(struct domain *d, const struct xen_memory_reservation *r, uint64_t i,
			   mfn_t *first) {
	int rc = domain_frames_alloc(d, r->extent_order, address_bits_of(r), first);

	if (!rc && r->extent_start.p && extent_write(r, i, *first)) {
		extent_release(d, *first, r->extent_order);
		rc = -EFAULT;
	}
	return rc;
}

int memop_increase(struct domain *d, const struct xen_memory_reservation *r, uint64_t i) {
	mfn_t m;

	return extent_hand_out(d, r, i, &m);
}

int memop_populate(struct domain *d, const struct xen_memory_reservation *r, uint64_t i) {
	uint64_t gpfn;
	mfn_t m;
	int rc = extent_read(r, i, &gpfn);

	if (!rc) rc = extent_hand_out(d, r, i, &m);
	if (!rc) extent_name(m, r->extent_order, gpfn, true);
	return rc;
}

int memop_decrease(struct domain *d, const struct xen_memory_reservation *r, uint64_t i) {
	uint64_t n;
	int rc = extent_read(r, i, &n);

	for (uint64_t k = 0; !rc && k < 1UL << r->extent_order; k++) rc = domain_frame_release(d, mfn(n + k));
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
	const struct xen_memory_exchange *x;
	uint64_t in_at, out_at;       /* first extents of the chunk */
	unsigned in_n, out_n;         /* extents */
	unsigned in_frames, out_done; /* stolen, allocated so far */
	uint32_t *in, *out;           /* them: frames, first frames of extents */
};

bool memop_exchange_valid(const struct xen_memory_exchange *x) {
	const struct xen_memory_reservation *in = &x->in, *out = &x->out;

	return in->extent_order <= MEMOP_ORDER_MAX && out->extent_order <= MEMOP_ORDER_MAX &&
	       in->nr_extents <= ~0UL >> MEMOP_ORDER_MAX && out->nr_extents <= ~0UL >> MEMOP_ORDER_MAX &&
	       in->nr_extents << in->extent_order == out->nr_extents << out->extent_order &&
	       x->nr_exchanged <= in->nr_extents && in->domid == out->domid;
}

static void exchange_size(struct exchange *e, uint64_t done) {
	unsigned in = e->x->in.extent_order, out = e->x->out.extent_order;

	e->in_at = done;
	e->in_n = out > in ? 1u << (out - in) : 1;
	e->out_n = in > out ? 1u << (in - out) : 1;
	e->out_at = (done << in) >> out;
}

static int exchange_steal(struct exchange *e) {
	unsigned order = e->x->in.extent_order;

	for (unsigned i = 0; i < e->in_n; i++) {
		uint64_t n;

		if (extent_read(&e->x->in, e->in_at + i, &n)) return -EFAULT;
		for (unsigned k = 0; k < 1u << order; k++) {
			if (!domain_frame_steal(e->d, mfn(n + k))) return -EINVAL;
			e->in[e->in_frames++] = (uint32_t)(n + k);
		}
	}
	return 0;
}

static int exchange_allocate(struct exchange *e) {
	const struct xen_memory_reservation *out = &e->x->out;
	unsigned bits = MIN(address_bits_of(out), e->d->address_bits);

	for (; e->out_done < e->out_n; e->out_done++) {
		uint64_t gpfn;
		mfn_t m;

		if (extent_read(out, e->out_at + e->out_done, &gpfn)) return -EFAULT;
		m = frame_alloc_raw(out->extent_order, bits);
		if (mfn_eq(m, INVALID_MFN)) return -ENOMEM;
		extent_name(m, out->extent_order, gpfn, true);
		e->out[e->out_done] = (uint32_t)mfn_x(m);
	}
	return 0;
}

static void exchange_undo(struct exchange *e) {
	unsigned order = e->x->out.extent_order;

	while (e->in_frames > 0) domain_frame_unsteal(mfn(e->in[--e->in_frames]));
	while (e->out_done > 0) {
		mfn_t m = mfn(e->out[--e->out_done]);

		extent_name(m, order, 0, false);
		frame_free_raw(m, order);
	}
}

/* A guest that takes its list away meanwhile only loses sight of its own frames; a dying domain has no
 * use for new ones: those are counted out again by domain_frames_assign(). */
static int exchange_commit(struct exchange *e) {
	unsigned order = e->x->out.extent_order;
	int rc = 0;

	for (unsigned i = 0; i < e->out_n; i++) {
		mfn_t m = mfn(e->out[i]);

		if (!domain_frames_assign(e->d, m, order) && extent_write(&e->x->out, e->out_at + i, m))
			rc = -EFAULT;
	}
	while (e->in_frames > 0) domain_frame_free(e->d, mfn(e->in[--e->in_frames]), true);
	return rc;
}

int memop_exchange_chunk(struct domain *d, const struct xen_memory_exchange *x, uint64_t *done) {
	struct exchange e = { .d = d, .x = x };
	int rc = -ENOMEM;

	exchange_size(&e, *done);
	e.in = heap_alloc(((size_t)e.in_n << x->in.extent_order) * sizeof(*e.in));
	e.out = heap_alloc(e.out_n * sizeof(*e.out));
	if (e.in && e.out) rc = exchange_allocate(&e);
	if (!rc) rc = exchange_steal(&e);
	if (rc) {
		exchange_undo(&e);
	} else {
		rc = exchange_commit(&e);
		*done += e.in_n;
	}
	heap_free(e.in);
	heap_free(e.out);
	return rc;
}

/* -- memory maps -- */

int memop_map_set(struct domain *d, const struct xen_memory_map *map) {
	struct e820entry *fresh, *old;
	size_t bytes = map->nr_entries * sizeof(*fresh);

	if (map->nr_entries == 0 || map->nr_entries > E820_MAX) return -EINVAL;
	fresh = heap_alloc(bytes);
	if (!fresh) return -ENOMEM;
	if (copy_from_guest(fresh, guest_ptr(map->buffer.p), bytes)) {
		heap_free(fresh);
		return -EFAULT;
	}
	spin_lock(&d->page_lock);
	old = d->e820;
	d->e820 = fresh;
	d->e820_count = map->nr_entries;
	spin_unlock(&d->page_lock);
	heap_free(old);
	return 0;
}

int memop_map_get(struct domain *d, struct xen_memory_map *map) {
	SPIN_GUARD(&d->page_lock);

	if (!d->e820) return -ENOSYS;
	map->nr_entries = MIN(map->nr_entries, d->e820_count);
	return copy_to_guest(guest_ptr(map->buffer.p), d->e820, map->nr_entries * sizeof(*d->e820));
}

int memop_machine_map_get(struct xen_memory_map *map) {
	if (map->buffer.p && map->nr_entries < e820_count) return -EINVAL;
	if (map->buffer.p &&
	    copy_to_guest(guest_ptr(map->buffer.p), e820_map, e820_count * sizeof(e820_map[0])))
		return -EFAULT;
	map->nr_entries = e820_count;
	return 0;
}
