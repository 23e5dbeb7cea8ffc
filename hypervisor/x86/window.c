/* SPDX-License-Identifier: MIT */
/*
 * Frame windows: 64 places per CPU where a guest's frame is mapped while ring 0 looks at it. A
 * window stays mapped after its last user, so that the next use of the frame is free, until the
 * place is needed or the CPU turns to another domain (windows_drop). Entries are not global, so
 * loading a root flushes them with everything else.
 */
#include "frame.h"
#include "x86.h"

#define NO_FRAME (~0ULL)

_Static_assert(WINDOW_FRAME_NR <= 64, "places are the bits of windows_filled");

void *window_set(struct cpu *c, unsigned index, mfn_t m) {
	uint8_t *place = window_place(c, index);
	uint64_t pte = mfn_eq(m, INVALID_MFN) ? 0 : mfn_to_maddr(m).a | PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX;

	if (c->window_ptes[index] != pte) {
		c->window_ptes[index] = pte;
		invlpg((uint64_t)place);
	}
	return place;
}

static void *window_fill(struct cpu *c, unsigned i, mfn_t m) {
	c->window[i] = (struct window){ .mfn = mfn_x(m), .users = 1 };
	c->windows_filled |= 1ULL << i;
	return window_set(c, WINDOW_FRAMES + i, m);
}

/* The frame is not at its first place: it may be in use at a later one; else take the next place
 * without users. */
void *frame_map_slow(mfn_t m) {
	struct cpu *c = this_cpu();
	unsigned first = window_first(m), spare = WINDOW_FRAME_NR;

	ASSERT(mfn_valid(m));
	if (!c->window[first].users) return window_fill(c, first, m);
	for (unsigned k = 1; k < WINDOW_FRAME_NR; k++) {
		unsigned i = (first + k) % WINDOW_FRAME_NR;

		if (c->window[i].mfn == mfn_x(m)) {
			c->window[i].users++;
			return window_place(c, i);
		}
		if (spare == WINDOW_FRAME_NR && !c->window[i].users) spare = i;
	}
	CHECK(spare < WINDOW_FRAME_NR);
	return window_fill(c, spare, m);
}

void windows_init(struct cpu *c) {
	c->window_base = (uint8_t *)WINDOW_BASE + ((uint64_t)c->id << WINDOW_SHIFT);
	c->window_ptes = hv_l1_of((uint64_t)c->window_base);
	for (unsigned i = 0; i < WINDOW_FRAME_NR; i++) c->window[i] = (struct window){ .mfn = NO_FRAME };
}

void windows_drop(struct cpu *c) {
	for (uint64_t left = c->windows_filled; left; left &= left - 1) {
		unsigned i = bit_first(left);

		ASSERT(c->window[i].users == 0);
		c->window[i].mfn = NO_FRAME;
		c->window_ptes[WINDOW_FRAMES + i] = 0;
	}
	c->windows_filled = 0;
}
