/* SPDX-License-Identifier: MIT */
/* See ring.h. */
#include "ring.h"

#include <xen/io/console.h>

static uint32_t load(const XENCONS_RING_IDX *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }

static void store(XENCONS_RING_IDX *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }

size_t ring_peek(struct xencons_interface *ring, char *out, size_t n, int *broken) {
	uint32_t prod = load(&ring->out_prod), cons = load(&ring->out_cons); /* acquire: bytes after index */
	uint32_t have = prod - cons, i;

	if (have > sizeof(ring->out)) {
		*broken = 1;
		store(&ring->out_cons, prod);
		return 0;
	}
	if (have > n) have = n;
	for (i = 0; i < have; i++) out[i] = ring->out[MASK_XENCONS_IDX(cons + i, ring->out)];
	return have;
}

void ring_done(struct xencons_interface *ring, size_t n) {
	store(&ring->out_cons, load(&ring->out_cons) + n); /* release: the bytes are read before they are given back */
}

int ring_pending(const struct xencons_interface *ring) { return load(&ring->out_prod) != load(&ring->out_cons); }

size_t ring_space(const struct xencons_interface *ring) {
	uint32_t used = load(&ring->in_prod) - load(&ring->in_cons);

	return used > sizeof(ring->in) ? 0 : sizeof(ring->in) - used;
}

size_t ring_give(struct xencons_interface *ring, const char *in, size_t n) {
	uint32_t prod = load(&ring->in_prod);
	size_t space = ring_space(ring), i;

	if (n > space) n = space;
	for (i = 0; i < n; i++) ring->in[MASK_XENCONS_IDX(prod + i, ring->in)] = in[i];
	store(&ring->in_prod, prod + n); /* release: the bytes are there before the index says so */
	return n;
}
