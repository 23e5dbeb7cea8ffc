/* SPDX-License-Identifier: MIT */
/*
 * Free frames: a buddy allocator in zones.
 *
 * A free block is 2^order aligned frames, all owned by DOMID_INVALID with refs 0; its first frame
 * carries FREE_HEAD | order in `partial` and is linked into the list of its zone and order. Zone z
 * holds the frames whose number has z significant bits, so memory below 2^b bytes is zones 0..b-12
 * and memory that few devices reach is given away last. Frame 0 is never free, hence no block
 * crosses zones.
 *
 * A frame's tlb_stamp is taken when it is freed. Before it is handed out again every CPU that has
 * not flushed since then does so, whoever the old owner was: nobody keeps a translation of it.
 */
#include "frame.h"
#include "pt.h"

#define ZONES     41
#define FREE_HEAD 0x8000u

struct frame *frame_table;
uint64_t frame_count;
uint64_t frames_total, frames_free;
uint64_t frame_limit = 1ULL << 40;

static struct spinlock frames_lock = SPINLOCK_INIT(RANK_FRAMES);
/* frames_lock: */
static uint32_t free_head[ZONES][MAX_ORDER + 1];
static uint32_t zone_orders[ZONES]; /* bit o: the list of order o is not empty */

static unsigned zone_of(uint64_t n) { return bit_last(n) + 1; }

static void block_link(uint64_t n, unsigned order) {
	unsigned z = zone_of(n);

	frame_table[n].partial = (uint16_t)(FREE_HEAD | order);
	frame_list_add(&free_head[z][order], &frame_table[n]);
	zone_orders[z] |= 1u << order;
}

static void block_unlink(uint64_t n, unsigned order) {
	unsigned z = zone_of(n);

	frame_table[n].partial = 0;
	frame_list_remove(&free_head[z][order], &frame_table[n]);
	if (free_head[z][order] == FRAME_NONE) zone_orders[z] &= ~(1u << order);
}

static bool block_is_free(uint64_t n, unsigned order) {
	return n < frame_count && frame_table[n].owner == DOMID_INVALID &&
	       frame_table[n].partial == (FREE_HEAD | order);
}

/* Put a block into the lists, merged with its free buddies. */
static void block_free(uint64_t n, unsigned order) {
	frames_free += 1UL << order;
	while (order < MAX_ORDER && block_is_free(n ^ (1UL << order), order)) {
		block_unlink(n ^ (1UL << order), order);
		n &= ~(1UL << order);
		order++;
	}
	block_link(n, order);
}

void frames_init(void) {
	for (uint64_t n = 0; n < frame_count; n++) frame_table[n] = (struct frame){ .owner = DOMID_IO };
	memset(free_head, 0, sizeof(free_head));
	memset(zone_orders, 0, sizeof(zone_orders));
	frames_total = frames_free = 0;
}

void frames_reserve(mfn_t first, unsigned long n) {
	for (uint64_t i = mfn_x(first); i < mfn_x(first) + n && i < frame_count; i++) frame_table[i].owner = DOMID_XEN;
}

void frames_add(mfn_t first, unsigned long n) {
	uint64_t at = mfn_x(first), end = at + n;

	CHECK(end <= frame_count);
	if (at == 0 && n) at++;
	spin_lock(&frames_lock);
	frames_total += end - at;
	for (uint64_t i = at; i < end; i++) frame_table[i] = (struct frame){ .owner = DOMID_INVALID };
	while (at < end) {
		unsigned order = MIN(bit_first(at), bit_last(end - at));

		order = MIN(order, (unsigned)MAX_ORDER);
		block_free(at, order);
		at += 1UL << order;
	}
	spin_unlock(&frames_lock);
}

/* The smallest sufficient block of the highest zone allowed; FRAME_NONE if there is none. */
static uint32_t block_take(unsigned order, unsigned zones) {
	for (unsigned z = zones; z-- > 0;) {
		uint32_t fits = zone_orders[z] >> order << order;

		if (fits) {
			unsigned found = bit_first(fits);
			uint32_t n = free_head[z][found];

			block_unlink(n, found);
			while (found > order) {
				found--;
				block_link(n + (1UL << found), found);
			}
			frames_free -= 1UL << order;
			return n;
		}
	}
	return FRAME_NONE;
}

/* Take the block out of the free state: ring 0's until the caller says otherwise. The latest stamp. */
static uint64_t block_claim(uint32_t n, unsigned order) {
	uint64_t newest = 0;

	for (struct frame *f = &frame_table[n]; f < &frame_table[n + (1UL << order)]; f++) {
		f->owner = DOMID_XEN;
		newest = MAX(newest, tlb_stamp_full(f->tlb_stamp));
	}
	return newest;
}

mfn_t frame_alloc_raw(unsigned order, unsigned address_bits) {
	unsigned zones = address_bits < PAGE_SHIFT ? 0 : MIN(address_bits - PAGE_SHIFT + 1, (unsigned)ZONES);
	uint64_t newest = 0;
	cpumask_t lagging;
	uint32_t n;

	if (order > MAX_ORDER || arch_alloc_fails()) return INVALID_MFN;
	spin_lock(&frames_lock);
	n = block_take(order, zones);
	if (n != FRAME_NONE) newest = block_claim(n, order);
	spin_unlock(&frames_lock);
	if (n == FRAME_NONE) return INVALID_MFN;
	lagging = tlb_lagging(cpus_online, newest);
	if (lagging) arch_tlb_flush(lagging, TLB_FLUSH_ALL);
	return mfn(n);
}

void frame_free_raw(mfn_t m, unsigned order) {
	uint32_t stamp = (uint32_t)__atomic_load_n(&tlb_clock, __ATOMIC_SEQ_CST);

	for (uint64_t i = mfn_x(m); i < mfn_x(m) + (1UL << order); i++) {
		struct frame *f = &frame_table[i];

		CHECK((f->refs & FRAME_COUNT) == 0 && (f->type & FTF_COUNT) == 0);
		CHECK(f->owner != DOMID_INVALID);
		f->refs = f->type = 0;
		f->tlb_stamp = stamp;
		f->partial = 0;
		f->owner = DOMID_INVALID;
	}
	spin_lock(&frames_lock);
	block_free(mfn_x(m), order);
	spin_unlock(&frames_lock);
}
