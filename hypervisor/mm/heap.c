/* SPDX-License-Identifier: MIT */
/*
 * Ring 0's own memory: pages, and small objects cut from pages.
 *
 * A heap page is a frame of DOMID_XEN with FRAME_RING0 and one reference, mapped at own_va. Its
 * struct frame says what it is: `partial` is the order of a run of pages (first frame), or SLAB and
 * the class of the small objects in it. A page of small objects knows the offset of its first free
 * object (+ 1, in units of 16) and the number in use, and is in its class's list while it has both
 * kinds. Free objects hold the next free offset.
 *
 * A page leaves the heap unmapped and with all CPUs flushed.
 */
#include "frame.h"
#include "pt.h"

#define SLAB 0x8000u
#define UNIT 16u

static const uint16_t class_size[] = { 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048 };
#define CLASSES ARRAY_SIZE(class_size)

static struct spinlock heap_lock = SPINLOCK_INIT(RANK_HEAP);
/* heap_lock: pages with free objects */
static uint32_t slab_list[CLASSES];
/* atomic: */
static uint64_t bytes_used;

/* -- pages -- */

static void *pages_take(unsigned order) {
	mfn_t m = frame_alloc_raw(order, 64);

	if (mfn_eq(m, INVALID_MFN)) return NULL;
	if (own_map(m, 1UL << order)) {
		frame_free_raw(m, order);
		return NULL;
	}
	for (uint64_t i = 0; i < 1UL << order; i++) frame_of(mfn_add(m, i))->refs = FRAME_RING0 | 1;
	frame_of(m)->partial = (uint16_t)order;
	return memset(own_va(m), 0, PAGE_SIZE << order);
}

static void pages_give(mfn_t m, unsigned order) {
	own_unmap(m, 1UL << order);
	for (uint64_t i = 0; i < 1UL << order; i++) frame_of(mfn_add(m, i))->refs = 0;
	frame_free_raw(m, order);
}

/* -- small objects -- */

static unsigned class_of(size_t size) {
	unsigned c = 0;

	while (class_size[c] < size) c++;
	return c;
}

static unsigned order_of(size_t size) { return size <= PAGE_SIZE ? 0 : bit_last(size - 1) + 1 - PAGE_SHIFT; }

/* A fresh page, all objects chained. */
static struct frame *slab_create(unsigned c) {
	uint8_t *page = pages_take(0);
	unsigned step = class_size[c] / UNIT, last = (PAGE_SIZE / class_size[c] - 1) * step;
	struct frame *f;

	if (!page) return NULL;
	for (unsigned at = 0; at < last; at += step) *(uint16_t *)(page + at * UNIT) = (uint16_t)(at + step + 1);
	*(uint16_t *)(page + last * UNIT) = 0;
	f = frame_of(own_mfn(page));
	f->partial = (uint16_t)(SLAB | c);
	f->slab_first = 1;
	f->slab_used = 0;
	return f;
}

/* NULL if no page of the class has a free object; `fresh` joins them first. */
static void *slab_take(unsigned c, struct frame *fresh) {
	struct frame *f;
	uint8_t *p;
	SPIN_GUARD(&heap_lock);

	if (fresh) frame_list_add(&slab_list[c], fresh);
	if (slab_list[c] == FRAME_NONE) return NULL;
	f = &frame_table[slab_list[c]];
	p = (uint8_t *)own_va(frame_mfn(f)) + (f->slab_first - 1) * UNIT;
	f->slab_first = *(uint16_t *)p;
	f->slab_used++;
	if (!f->slab_first) frame_list_remove(&slab_list[c], f);
	return p;
}

/* True if the page is empty now and out of the list. */
static bool slab_give(struct frame *f, void *p) {
	uint32_t *list = &slab_list[f->partial & ~SLAB];
	SPIN_GUARD(&heap_lock);

	CHECK(f->slab_used);
	if (!f->slab_first) frame_list_add(list, f);
	*(uint16_t *)p = f->slab_first;
	f->slab_first = (uint16_t)((uint64_t)p % PAGE_SIZE / UNIT + 1);
	if (--f->slab_used) return false;
	frame_list_remove(list, f);
	return true;
}

static void *small_alloc(unsigned c) {
	void *p = slab_take(c, NULL);
	struct frame *fresh = p ? NULL : slab_create(c);

	if (fresh) p = slab_take(c, fresh);
	return p ? memset(p, 0, class_size[c]) : NULL;
}

/* The size of what the page holds: a run of pages, or small objects. */
static uint64_t object_size(const struct frame *f) {
	return f->partial & SLAB ? class_size[f->partial & ~SLAB] : PAGE_SIZE << f->partial;
}

void *heap_alloc(size_t size) {
	bool small = size <= class_size[CLASSES - 1];
	void *p;

	if (arch_alloc_fails()) return NULL;
	p = small ? small_alloc(class_of(size)) : pages_take(order_of(size));
	if (p) __atomic_fetch_add(&bytes_used, object_size(frame_of(own_mfn(p))), __ATOMIC_RELAXED);
	return p;
}

void heap_free(void *p) {
	struct frame *f = p ? frame_of(own_mfn(p)) : NULL;
	unsigned order;

	if (!f) return;
	/* 0: the last mapping of a shared page went */
	CHECK(f->refs & FRAME_RING0 && (f->refs & FRAME_COUNT) <= 1);
	__atomic_fetch_sub(&bytes_used, object_size(f), __ATOMIC_RELAXED);
	order = f->partial & SLAB ? 0 : f->partial;
	if (!(f->partial & SLAB) || slab_give(f, p)) pages_give(frame_mfn(f), order);
}

uint64_t heap_bytes_used(void) { return __atomic_load_n(&bytes_used, __ATOMIC_RELAXED); }
