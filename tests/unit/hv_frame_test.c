/* SPDX-License-Identifier: MIT */
/* Free frames, a domain's frames, ring 0's heap. */
#include "mm_fixture.h"

#define HELD 2048

static uint64_t zone_free(void) { return frames_free; }

static void blocks_split_and_merge(void **state) {
	uint64_t before = zone_free();
	mfn_t held[HELD];
	unsigned n = 0;

	/* take all there is, one by one, in the order given; give it back otherwise */
	while (n < HELD && !mfn_eq(held[n] = frame_alloc_raw(0, 64), INVALID_MFN)) n++;
	assert_int_equal(n, before);
	assert_int_equal(zone_free(), 0);
	for (unsigned i = 0; i < n; i += 2) frame_free_raw(held[i], 0);
	for (unsigned i = 1; i < n; i += 2) frame_free_raw(held[i], 0);
	assert_int_equal(zone_free(), before);
	host_frames_check();
	/* merged again: the largest block below the ones in use */
	held[0] = frame_alloc_raw(9, 64);
	assert_int_equal(mfn_x(held[0]) % 512, 0);
	frame_free_raw(held[0], 9);
}

static void address_bits_bound_the_frame(void **state) {
	mfn_t m = frame_alloc_raw(2, 20);

	assert_true(mfn_x(m) + 4 <= 256 && mfn_x(m) % 4 == 0);
	frame_free_raw(m, 2);
	m = frame_alloc_raw(0, 13);
	assert_int_equal(mfn_x(m), 1);
	assert_true(mfn_eq(frame_alloc_raw(0, 13), INVALID_MFN)); /* frame 0 is never given out */
	assert_true(mfn_eq(frame_alloc_raw(0, 12), INVALID_MFN));
	assert_true(mfn_eq(frame_alloc_raw(0, 0), INVALID_MFN));
	assert_true(mfn_eq(frame_alloc_raw(MAX_ORDER + 1, 64), INVALID_MFN));
	frame_free_raw(m, 0);
	/* high memory first */
	m = frame_alloc_raw(0, 64);
	assert_true(mfn_x(m) >= 1024);
	frame_free_raw(m, 0);
}

/* Whoever had the frame, and whether that domain still exists: no CPU keeps a translation. */
static void reuse_waits_for_every_cpu_to_flush(void **state) {
	mfn_t m = page_of(guest), again;

	assert_int_equal(domain_frame_release(guest, m), 0);
	arch_tlb_flush(cpumask_of(0), TLB_FLUSH_ALL);
	host_journal_clear();
	assert_int_equal(domain_frames_alloc(dom0, 0, 64, &again), 0);
	assert_true(mfn_eq(m, again));
	assert_int_equal(host_journal_find(HOST_TLB_FLUSH), 1);
	assert_int_equal(host_journal[0].a, cpumask_of(1));
	assert_int_equal(domain_frame_release(dom0, again), 0);
	arch_tlb_flush(CPUMASK_ALL, TLB_FLUSH_ALL);
	host_journal_clear();
	m = page_of(guest);
	assert_int_equal(host_journal_find(HOST_TLB_FLUSH), 0);
}

static void frames_of_a_domain_are_counted_and_owned(void **state) {
	mfn_t m, other = page_of(dom0);

	assert_int_equal(domain_frames_alloc(guest, 3, 64, &m), 0);
	assert_int_equal(guest->tot_pages, 8);
	assert_false(frame_get(m, dom0));
	assert_true(frame_get(m, guest));
	assert_int_equal(domain_frame_release(dom0, m), -EINVAL);
	assert_int_equal(domain_frame_release(guest, other), -EINVAL);
	assert_int_equal(domain_frame_release(guest, m), 0);
	assert_int_equal(domain_frame_release(guest, m), -EINVAL);
	assert_int_equal(guest->tot_pages, 8); /* we hold one */
	frame_put(m);
	assert_int_equal(guest->tot_pages, 7);
	assert_false(frame_get(m, guest));
	guest->max_pages = 7;
	assert_int_equal(domain_frames_alloc(guest, 0, 64, &m), -E2BIG);
	guest->max_pages = 1000;
	host_fail_allocation(1);
	assert_int_equal(domain_frames_alloc(guest, 0, 64, &m), -ENOMEM);
	assert_int_equal(guest->tot_pages, 7);
	guest->state = DOM_DYING;
	assert_int_equal(domain_frames_alloc(guest, 0, 64, &m), -EINVAL);
	assert_int_equal(table_pin(guest, page_of(dom0), 1), -EINVAL);
}

/* XSA-248: a ring-0 page shown to a domain. */
static void shown_pages(void **state) {
	struct tree t = tree_of(guest);
	void *ro = heap_alloc(PAGE_SIZE), *rw = heap_alloc(PAGE_SIZE);
	mfn_t m = own_mfn(ro), w = own_mfn(rw);
	uint64_t pages = guest->tot_pages, used = heap_bytes_used();

	assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, t.l[4], 0), 0);
	assert_int_equal(set_pte(t.l[1], 0, pte(m, RO)), -EBUSY);
	frame_share(ro, guest, true);
	frame_share(rw, guest, false);
	assert_int_equal(guest->tot_pages, pages);
	assert_int_equal(set_pte(t.l[1], 0, pte(m, RO)), 0);
	assert_int_equal(set_pte(t.l[1], 1, pte(m, RW)), -EBUSY);
	assert_int_equal(set_pte(t.l[1], 1, pte(w, RW)), 0);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, w, 0), -EINVAL);
	assert_int_equal(domain_frame_release(guest, w), -EINVAL);
	host_frames_check();
	assert_int_equal(set_pte(t.l[1], 0, 0), 0);
	frame_unshare(ro);
	assert_int_equal(heap_bytes_used(), used - PAGE_SIZE);
	/* still mapped: it stays until the mapping goes, but nobody gets a new one */
	frame_unshare(rw);
	assert_int_equal(heap_bytes_used(), used - PAGE_SIZE);
	assert_int_equal(set_pte(t.l[1], 2, pte(w, RO)), -EBUSY);
	host_frames_check();
	assert_int_equal(set_pte(t.l[1], 1, 0), 0);
	assert_int_equal(heap_bytes_used(), used - 2 * PAGE_SIZE);
}

/* Tables, mappings of others, pins: all goes, in pieces, and foreign mappings survive their owner. */
/* 16 GiB of tables hold 2^31 entries, which may all map one frame: ring 0 still gets at it, as at its domain's end. */
static void references_beyond_31_bits(void **state) {
	static const uint64_t many[] = { 0x7fffffff, 0x80000000, 0xffffffff, 1ULL << 32, 1ULL << 41 };
	mfn_t m = page_of(guest);
	struct frame *f = frame_of(m);

	for (unsigned i = 0; i < ARRAY_SIZE(many); i++) {
		f->refs = FRAME_ALLOCATED | many[i];
		assert_true(frame_get(m, guest));
		assert_false(domain_frame_steal(guest, m));
		frame_put(m);
		assert_int_equal(f->refs, FRAME_ALLOCATED | many[i]);
		assert_int_equal(f->owner, guest->id);
	}
	f->refs = FRAME_ALLOCATED | 1;
}

static void relinquish_is_preemptible(void **state) {
	struct tree t = tree_of(guest), h = tree_of(dom0);
	mfn_t kept = page_of(guest);
	unsigned turns = 0;
	int rc;

	assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, t.l[4], 0), 0);
	run_as(dom0);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, h.l[1], 0), 0);
	assert_int_equal(update(ptr(h.l[1], 0, 0), pte(kept, RW), guest->id), 0);
	hypercall_preempt_units = 1;
	guest->state = DOM_DYING;
	while ((rc = domain_relinquish_memory(guest)) == -ERESTART) {
		turns++;
		host_frames_check();
	}
	assert_int_equal(rc, 0);
	assert_true(turns > 4);
	assert_int_equal(guest->tot_pages, 1);
	assert_int_equal(set_pte(h.l[1], 0, 0), 0);
	assert_int_equal(guest->tot_pages, 0);
}

/* -- heap */

static void objects_are_zeroed_and_accounted(void **state) {
	uint64_t bytes = heap_bytes_used(), frames = frames_free;
	void *p[500];

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 500; i++) {
			size_t size = (i * 37 + round) % 2049;
			uint8_t *q = p[i] = heap_alloc(size);

			assert_non_null(q);
			assert_int_equal((uintptr_t)q % 16, 0);
			for (size_t k = 0; k < size; k++) assert_int_equal(q[k], 0);
			memset(q, 0xa5, size);
		}
		/* nobody's bytes are another's */
		for (unsigned i = 0; i < 500; i++)
			for (size_t k = 0; k < (i * 37 + round) % 2049; k++)
				assert_int_equal(((uint8_t *)p[i])[k], 0xa5);
		for (unsigned i = 0; i < 500; i++) heap_free(p[(i * 7 + 3) % 500]);
		assert_int_equal(heap_bytes_used(), bytes);
	}
	assert_int_equal(frames_free, frames);
	p[0] = heap_alloc(3 * PAGE_SIZE);
	assert_int_equal((uintptr_t)p[0] % PAGE_SIZE, 0);
	assert_int_equal(heap_bytes_used(), bytes + 4 * PAGE_SIZE);
	heap_free(p[0]);
	heap_free(NULL);
	assert_int_equal(frames_free, frames);
}

static void heap_pages_are_flushed_from_ring0_before_they_go(void **state) {
	uint64_t used = heap_bytes_used(), frames = frames_free;
	void *p = heap_alloc(4 * PAGE_SIZE);

	assert_int_equal(heap_bytes_used(), used + 4 * PAGE_SIZE);
	memset(p, 1, 4 * PAGE_SIZE);
	host_journal_clear();
	heap_free(p);
	assert_int_equal(host_journal_find(HOST_TLB_FLUSH_OWN), 1);
	assert_int_equal(heap_bytes_used(), used);
	assert_int_equal(frames_free, frames);
	heap_free(NULL);
	for (unsigned n = 1; n <= 3; n++) {
		host_fail_allocation(n);
		assert_null(heap_alloc(2 * PAGE_SIZE));
		host_fail_allocation(0);
		assert_int_equal(frames_free, frames);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, mm_setup, mm_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(blocks_split_and_merge),
		T(address_bits_bound_the_frame),
		T(reuse_waits_for_every_cpu_to_flush),
		T(frames_of_a_domain_are_counted_and_owned),
		T(shown_pages),
		T(references_beyond_31_bits),
		T(relinquish_is_preemptible),
		T(objects_are_zeroed_and_accounted),
		T(heap_pages_are_flushed_from_ring0_before_they_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
