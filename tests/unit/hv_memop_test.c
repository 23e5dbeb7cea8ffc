/* SPDX-License-Identifier: MIT */
/* memory_op: reservations, exchange, maps; failing allocations; work cut into pieces. */
#include "mm_fixture.h"

#define LIST 0x1000u /* offset of the extent list in the argument area */
#define OUT  0x4000u

static uint64_t list_at(unsigned offset, unsigned i) {
	uint64_t v;

	memcpy(&v, arg_page + offset + i * 8, 8);
	return v;
}

static void list_put(unsigned offset, unsigned i, uint64_t v) { memcpy(arg_page + offset + i * 8, &v, 8); }

static struct xen_memory_reservation reservation(uint64_t n, unsigned order) {
	struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order, .domid = DOMID_SELF };

	r.extent_start.p = (xen_pfn_t *)(ARG_VA + LIST);
	return r;
}

static long change(unsigned cmd, const struct xen_memory_reservation *r) {
	arg_put(0, r, sizeof(*r));
	return finish(do_memory_op(cmd, ARG_VA, 0, 0, 0, 0));
}

static void populate_and_decrease(void **state) {
	struct xen_memory_reservation r = reservation(8, 0);

	for (unsigned i = 0; i < 8; i++) list_put(LIST, i, 100 + i);
	assert_int_equal(change(XENMEM_populate_physmap, &r), 8);
	assert_int_equal(guest->tot_pages, 8);
	for (unsigned i = 0; i < 8; i++) {
		mfn_t m = mfn(list_at(LIST, i));

		assert_int_equal(frame_of(m)->owner, guest->id);
		assert_int_equal(m2p_get(m), 100 + i);
		assert_int_equal(at(m)[17], 0);
		at(m)[17] = 0x5ec4e7;
	}
	host_frames_check();
	assert_int_equal(change(XENMEM_decrease_reservation, &r), 8);
	assert_int_equal(guest->tot_pages, 0);
	assert_int_equal(m2p_get(mfn(list_at(LIST, 0))), M2P_INVALID);
	/* twice is once */
	assert_int_equal(change(XENMEM_decrease_reservation, &r), 0);
	/* XSA-100: what others left is gone */
	assert_int_equal(change(XENMEM_populate_physmap, &r), 8);
	for (unsigned i = 0; i < 8; i++) assert_int_equal(at(mfn(list_at(LIST, i)))[17], 0);
}

static void cut_populate_ends_as_uncut(void **state) {
	struct xen_memory_reservation r = reservation(20, 1);

	for (unsigned i = 0; i < 20; i++) list_put(LIST, i, i * 2);
	hypercall_preempt_units = 1;
	restarts = 0;
	assert_int_equal(change(XENMEM_populate_physmap, &r), 20);
	assert_true(restarts >= 19);
	assert_int_equal(guest->tot_pages, 40);
	assert_int_equal(m2p_get(mfn(list_at(LIST, 19) + 1)), 39);
	restarts = 0;
	assert_int_equal(change(XENMEM_decrease_reservation, &r), 20);
	assert_true(restarts >= 19);
	assert_int_equal(guest->tot_pages, 0);
}

/* XSA-31, 158, 231: hostile sizes. */
static void hostile_reservations_do_nothing(void **state) {
	struct xen_memory_reservation r = reservation(1, MEMOP_ORDER_MAX + 1);

	assert_int_equal(change(XENMEM_populate_physmap, &r), 0);
	r.extent_order = 63;
	assert_int_equal(change(XENMEM_decrease_reservation, &r), 0);
	r.extent_order = 0x100000;
	assert_int_equal(change(XENMEM_increase_reservation, &r), 0);
	r = reservation(~0ULL, 0);
	assert_int_equal(change(XENMEM_populate_physmap, &r), 0);
	r = reservation(~0ULL >> 7, 0);
	list_put(LIST, 0, ~0ULL);
	assert_int_equal(change(XENMEM_decrease_reservation, &r), 0);
	r = reservation(1, 0);
	r.domid = 4321;
	assert_int_equal(change(XENMEM_populate_physmap, &r), 0);
	r.domid = 0;
	assert_int_equal(change(XENMEM_populate_physmap, &r), -EPERM);
	r = reservation(1, 0);
	r.mem_flags = XENMEMF_address_bits(12);
	assert_int_equal(change(XENMEM_populate_physmap, &r), 0);
	r.mem_flags = XENMEMF_populate_on_demand;
	assert_int_equal(change(XENMEM_populate_physmap, &r), 0);
	r = reservation(1, 0);
	r.extent_start.p = (xen_pfn_t *)0x666000;
	assert_int_equal(change(XENMEM_populate_physmap, &r), 0);
	assert_int_equal(change(XENMEM_increase_reservation, &r), 0);
	assert_int_equal(change(XENMEM_decrease_reservation, &r), 0);
	assert_int_equal(do_memory_op(XENMEM_populate_physmap, 0x666000, 0, 0, 0, 0), -EFAULT);
	assert_int_equal(guest->tot_pages, 0);
	/* a start beyond the end is an end */
	r = reservation(3, 0);
	assert_int_equal(change(XENMEM_populate_physmap | 5 << 6, &r), 5);
	/* node numbers mean nothing here */
	r.nr_extents = 1;
	r.mem_flags = XENMEMF_exact_node(200);
	assert_int_equal(change(XENMEM_populate_physmap, &r), 1);
}

static void limits_hold(void **state) {
	struct xen_memory_reservation r = reservation(20, 0);

	guest->max_pages = 12;
	assert_int_equal(change(XENMEM_populate_physmap, &r), 12);
	assert_int_equal(guest->tot_pages, 12);
	r.extent_order = 9;
	assert_int_equal(change(XENMEM_increase_reservation, &r), 0);
	assert_int_equal(guest->tot_pages, 12);
	guest->max_pages = 1000;
	r = reservation(1, 9);
	assert_int_equal(change(XENMEM_increase_reservation, &r), 1);
	assert_int_equal(list_at(LIST, 0) % 512, 0);
	r = reservation(1, 0);
	r.mem_flags = XENMEMF_address_bits(20);
	assert_int_equal(change(XENMEM_increase_reservation, &r), 1);
	assert_true(list_at(LIST, 0) < 256);
}

/* XSA-252: giving a pinned or mapped page up changes neither pin nor mapping. */
static void decrease_does_not_unpin(void **state) {
	struct tree t = tree_of(guest);
	struct xen_memory_reservation r = reservation(2, 0);
	mfn_t data = page_of(guest);

	at(t.l[1])[0] = pte(data, RW);
	assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, t.l[4], 0), 0);
	list_put(LIST, 0, mfn_x(t.l[1]));
	list_put(LIST, 1, mfn_x(data));
	assert_int_equal(change(XENMEM_decrease_reservation, &r), 2);
	assert_int_equal(type_is(t.l[1]), FT_L1);
	assert_int_equal(type_count(t.l[1]), 1);
	assert_int_equal(frame_of(data)->owner, guest->id);
	host_frames_check();
	/* they go when the last use goes */
	assert_int_equal(ext(MMUEXT_UNPIN_TABLE, t.l[4], 0), 0);
	assert_int_equal(frame_of(t.l[1])->owner, DOMID_INVALID);
	assert_int_equal(frame_of(data)->owner, DOMID_INVALID);
}

/* -- exchange */

static long exchange(unsigned in_n, unsigned in_order, unsigned out_n, unsigned out_order, unsigned bits,
		     uint64_t *done) {
	struct xen_memory_exchange x = { .in = reservation(in_n, in_order), .out = reservation(out_n, out_order) };
	long rc;

	x.out.extent_start.p = (xen_pfn_t *)(ARG_VA + OUT);
	x.out.mem_flags = XENMEMF_address_bits(bits);
	arg_put(0, &x, sizeof(x));
	rc = finish(do_memory_op(XENMEM_exchange, ARG_VA, 0, 0, 0, 0));
	memcpy(done, arg_page + offsetof(struct xen_memory_exchange, nr_exchanged), 8);
	return rc;
}

/* As swiotlb-xen does it: single pages for a contiguous low extent, and back. */
static void exchange_for_contiguous_memory_and_back(void **state) {
	uint64_t done;
	mfn_t old[64], first;

	for (unsigned i = 0; i < 64; i++) {
		old[i] = page_of(guest);
		list_put(LIST, i, mfn_x(old[i]));
	}
	list_put(OUT, 0, 640);
	assert_int_equal(exchange(64, 0, 1, 6, 21, &done), 0);
	assert_int_equal(done, 64);
	first = mfn(list_at(OUT, 0));
	assert_true(mfn_x(first) % 64 == 0 && mfn_x(first) < 512);
	assert_int_equal(guest->tot_pages, 64);
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(m2p_get(mfn_add(first, i)), 640 + i);
		assert_int_equal(frame_of(mfn_add(first, i))->owner, guest->id);
	}
	host_frames_check();
	list_put(LIST, 0, mfn_x(first));
	for (unsigned i = 0; i < 64; i++) list_put(OUT, i, 700 + i);
	assert_int_equal(exchange(1, 6, 64, 0, 0, &done), 0);
	assert_int_equal(done, 1);
	assert_int_equal(m2p_get(mfn(list_at(OUT, 63))), 763);
	assert_int_equal(frame_of(first)->owner, DOMID_INVALID);
}

static void exchange_takes_only_what_nothing_holds(void **state) {
	struct tree t = tree_of(guest);
	mfn_t a = page_of(guest), b = page_of(guest);
	uint64_t done, pages = guest->tot_pages;

	at(t.l[1])[0] = pte(b, RO);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, t.l[1], 0), 0);
	list_put(LIST, 0, mfn_x(a));
	list_put(LIST, 1, mfn_x(b));
	assert_int_equal(exchange(2, 0, 1, 1, 0, &done), -EINVAL);
	list_put(LIST, 1, mfn_x(t.l[1]));
	assert_int_equal(exchange(2, 0, 1, 1, 0, &done), -EINVAL);
	list_put(LIST, 1, mfn_x(a)); /* twice the same */
	assert_int_equal(exchange(2, 0, 1, 1, 0, &done), -EINVAL);
	list_put(LIST, 1, mfn_x(page_of(dom0)));
	assert_int_equal(exchange(2, 0, 1, 1, 0, &done), -EINVAL);
	list_put(LIST, 1, ~0ULL);
	assert_int_equal(exchange(2, 0, 1, 1, 0, &done), -EINVAL);
	assert_int_equal(done, 0);
	host_frames_check();
	assert_int_equal(guest->tot_pages, pages);
	assert_int_equal(ref_count(a), 1);
	/* single ones before the bad one go through */
	assert_int_equal(exchange(2, 0, 2, 0, 0, &done), -EINVAL);
	assert_int_equal(done, 1);
	assert_int_equal(guest->tot_pages, pages);
	assert_int_equal(frame_of(a)->owner, DOMID_INVALID);
}

/* XSA-29, 212: sizes and ranges. */
static void hostile_exchanges_are_refused(void **state) {
	uint64_t done;
	struct xen_memory_exchange x;

	assert_int_equal(exchange(2, 0, 1, 0, 0, &done), -EINVAL);
	assert_int_equal(exchange(1, MEMOP_ORDER_MAX + 1, 1, MEMOP_ORDER_MAX + 1, 0, &done), -EINVAL);
	assert_int_equal(exchange(1, 60, 1, 60, 0, &done), -EINVAL);
	memset(&x, 0xff, sizeof(x));
	arg_put(0, &x, sizeof(x));
	assert_int_equal(do_memory_op(XENMEM_exchange, ARG_VA, 0, 0, 0, 0), -EINVAL);
	x = (struct xen_memory_exchange){ .in = reservation(4, 0), .out = reservation(4, 0), .nr_exchanged = 5 };
	arg_put(0, &x, sizeof(x));
	assert_int_equal(do_memory_op(XENMEM_exchange, ARG_VA, 0, 0, 0, 0), -EINVAL);
	x.nr_exchanged = 0;
	x.in.domid = x.out.domid = 0;
	arg_put(0, &x, sizeof(x));
	assert_int_equal(do_memory_op(XENMEM_exchange, ARG_VA, 0, 0, 0, 0), -EPERM);
	assert_int_equal(do_memory_op(XENMEM_exchange, ~0ULL - 8, 0, 0, 0, 0), -EFAULT);
}

static void cut_exchange_ends_as_uncut(void **state) {
	uint64_t done;

	for (unsigned i = 0; i < 32; i++) {
		list_put(LIST, i, mfn_x(page_of(guest)));
		list_put(OUT, i / 4, 1000 + i / 4 * 4);
	}
	hypercall_preempt_units = 1;
	restarts = 0;
	assert_int_equal(exchange(32, 0, 8, 2, 0, &done), 0);
	assert_int_equal(restarts, 7);
	assert_int_equal(done, 32);
	assert_int_equal(m2p_get(mfn(list_at(OUT, 7) + 3)), 1031);
	assert_int_equal(guest->tot_pages, 32);
}

/* -- allocations fail one after the other: the state is as before, or the operation is done */

static void failing_allocations(void **state) {
	struct xen_memory_reservation r = reservation(4, 0);
	uint64_t done, bytes = heap_bytes_used();
	unsigned n;

	for (n = 1;; n++) {
		long got;

		host_fail_allocation(n);
		got = change(XENMEM_populate_physmap, &r);
		host_fail_allocation(0);
		host_frames_check();
		assert_int_equal(guest->tot_pages, got);
		r.nr_extents = (uint64_t)got;
		assert_int_equal(change(XENMEM_decrease_reservation, &r), got);
		r.nr_extents = 4;
		if (got == 4) break;
	}
	assert_int_equal(n, 5);
	for (unsigned i = 0; i < 4; i++) list_put(LIST, i, mfn_x(page_of(guest)));
	for (n = 1;; n++) {
		long rc;

		host_fail_allocation(n);
		rc = exchange(4, 0, 4, 0, 0, &done);
		host_fail_allocation(0);
		host_frames_check();
		assert_int_equal(guest->tot_pages, 4);
		assert_int_equal(heap_bytes_used(), bytes);
		if (!rc) break;
		assert_int_equal(rc, -ENOMEM);
		for (unsigned i = 0; i < done; i++) /* what is done stays: exchange the new ones */
			list_put(LIST, i, list_at(OUT, i));
	}
	assert_true(n > 4);
}

/* -- queries and maps */

static void queries(void **state) {
	struct xen_memory_domain who = { .domid = DOMID_SELF };
	struct xen_machphys_mapping map;
	struct xen_machphys_mfn_list list = { .max_extents = 9 };

	page_of(guest);
	arg_put(0, &who, sizeof(who));
	assert_int_equal(do_memory_op(XENMEM_current_reservation, ARG_VA, 0, 0, 0, 0), 1);
	assert_int_equal(do_memory_op(XENMEM_maximum_reservation, ARG_VA, 0, 0, 0, 0), 1000);
	guest->shared_info->arch.max_pfn = 55;
	assert_int_equal(do_memory_op(XENMEM_maximum_gpfn, ARG_VA, 0, 0, 0, 0), 54);
	assert_int_equal(do_memory_op(XENMEM_maximum_ram_page, 0, 0, 0, 0, 0), FRAMES - 1);
	who.domid = 0;
	arg_put(0, &who, sizeof(who));
	assert_int_equal(do_memory_op(XENMEM_current_reservation, ARG_VA, 0, 0, 0, 0), -EPERM);
	assert_int_equal(do_memory_op(XENMEM_machphys_mapping, ARG_VA, 0, 0, 0, 0), 0);
	memcpy(&map, arg_page, sizeof(map));
	assert_int_equal(map.v_start, 0xffff800000000000);
	assert_int_equal(map.max_mfn, FRAMES - 1);
	list.extent_start.p = (xen_pfn_t *)(ARG_VA + LIST);
	arg_put(0, &list, sizeof(list));
	assert_int_equal(do_memory_op(XENMEM_machphys_mfn_list, ARG_VA, 0, 0, 0, 0), 0);
	memcpy(&list, arg_page, sizeof(list));
	assert_int_equal(list.nr_extents, 1);
	assert_int_equal(do_memory_op(XENMEM_add_to_physmap, ARG_VA, 0, 0, 0, 0), -ENOSYS);
	assert_int_equal(do_memory_op(63, ARG_VA, 0, 0, 0, 0), -ENOSYS);
}

static void memory_maps(void **state) {
	struct e820entry e[2] = { { 0, 4096, 1 }, { 8192, 4096, 2 } }, got;
	struct xen_memory_map map = { .nr_entries = 10 };
	struct xen_foreign_memory_map set = { .domid = 1, .map.nr_entries = 2 };

	map.buffer.p = set.map.buffer.p = (void *)(ARG_VA + LIST);
	arg_put(0, &map, sizeof(map));
	assert_int_equal(do_memory_op(XENMEM_memory_map, ARG_VA, 0, 0, 0, 0), -ENOSYS);
	assert_int_equal(do_memory_op(XENMEM_machine_memory_map, ARG_VA, 0, 0, 0, 0), -EPERM);
	arg_put(LIST, e, sizeof(e));
	arg_put(0, &set, sizeof(set));
	assert_int_equal(do_memory_op(XENMEM_set_memory_map, ARG_VA, 0, 0, 0, 0), -EPERM);
	run_as(dom0);
	for (unsigned n = 1; n < 3; n++) { /* the old one is freed */
		assert_int_equal(do_memory_op(XENMEM_set_memory_map, ARG_VA, 0, 0, 0, 0), 0);
	}
	set.map.nr_entries = E820_MAX + 1;
	arg_put(0, &set, sizeof(set));
	assert_int_equal(do_memory_op(XENMEM_set_memory_map, ARG_VA, 0, 0, 0, 0), -EINVAL);
	arg_put(0, &map, sizeof(map));
	assert_int_equal(do_memory_op(XENMEM_machine_memory_map, ARG_VA, 0, 0, 0, 0), 0);
	memcpy(&map, arg_page, sizeof(map));
	assert_int_equal(map.nr_entries, e820_count);
	run_as(guest);
	memset(arg_page + LIST, 0, 100);
	map.nr_entries = 10;
	arg_put(0, &map, sizeof(map));
	assert_int_equal(do_memory_op(XENMEM_memory_map, ARG_VA, 0, 0, 0, 0), 0);
	memcpy(&map, arg_page, sizeof(map));
	assert_int_equal(map.nr_entries, 2);
	memcpy(&got, arg_page + LIST + sizeof(got), sizeof(got));
	assert_int_equal(got.addr, 8192);
}

/* XSA-159: a dying domain gets no frames for those it gives, and those are counted out: the domain can end.
 */
static void exchange_of_a_dying_domain(void **state) {
	uint64_t done, before = frames_free;
	mfn_t old[4], kept = page_of(guest);

	for (unsigned i = 0; i < 4; i++) {
		old[i] = page_of(guest);
		list_put(LIST, i, mfn_x(old[i]));
	}
	list_put(OUT, 0, 640);
	guest->state = DOM_DYING;
	(void)exchange(4, 0, 1, 2, 0, &done);
	host_frames_check(); /* tot_pages counts what there is */
	assert_int_equal(frames_free + guest->tot_pages, before);
	assert_int_equal(ref_count(kept), 1);
	guest->state = DOM_RUNNING;
}

/* XSA-334: whatever is wrong with the request, no reference to the domain is left behind. */
static void acquire_resource_keeps_no_reference(void **state) {
	struct xen_mem_acquire_resource good = { .domid = 1, .nr_frames = 1 }, r;
	uint32_t refs = guest->refs;

	good.frame_list.p = (xen_pfn_t *)(ARG_VA + LIST);
	for (unsigned i = 0; i < 16; i++) {
		r = good;
		r.pad = i == 1;
		r.type = i == 2 ? 7 : XENMEM_resource_grant_table;
		r.id = i == 3 ? 7 : i & 1;
		if (i == 4) r.nr_frames = 65;
		if (i == 5) r.frame = ~0ULL;
		if (i == 6) r.frame = 1ULL << 32;
		if (i == 7) r.frame_list.p = (xen_pfn_t *)0x10;
		if (i == 8) r.frame_list.p = NULL;
		run_as(i == 9 ? guest : dom0);
		arg_put(0, &r, sizeof(r));
		(void)do_memory_op(XENMEM_acquire_resource, ARG_VA, 0, 0, 0, 0);
		assert_int_equal(guest->refs, refs);
	}
	run_as(guest);
	assert_int_equal(do_memory_op(XENMEM_acquire_resource, ARG_VA, 0, 0, 0, 0), -EPERM);
}

#define T(name) cmocka_unit_test_setup_teardown(name, mm_setup, mm_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(populate_and_decrease),
		T(cut_populate_ends_as_uncut),
		T(hostile_reservations_do_nothing),
		T(limits_hold),
		T(decrease_does_not_unpin),
		T(exchange_for_contiguous_memory_and_back),
		T(exchange_takes_only_what_nothing_holds),
		T(hostile_exchanges_are_refused),
		T(cut_exchange_ends_as_uncut),
		T(exchange_of_a_dying_domain),
		T(acquire_resource_keeps_no_reference),
		T(failing_allocations),
		T(queries),
		T(memory_maps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
