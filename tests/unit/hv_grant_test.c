/* SPDX-License-Identifier: MIT */
/* Grant tables: entries and pins, mappings and their references, copies, versions, limits, death of
 * either side. dom0 maps what the guest grants. */
#include "grant_fixture.h"

/* -- mapping -- */

static void map_by_address_and_by_entry(void **state) {
	mfn_t m = page_of(guest);
	uint64_t places[] = { VA, ptr(tree.l[1], IDX, 0) };
	uint32_t kind[] = { GNTMAP_host_map,
			    GNTMAP_host_map | GNTMAP_application_map | GNTMAP_contains_pte | 5u << 16 };

	for (unsigned i = 0; i < 2; i++) {
		struct gnttab_map_grant_ref op;

		grant(REF, m, 0);
		op = map_op(REF, places[i], kind[i]);
		assert_int_equal(op.status, GNTST_okay);
		assert_int_equal(op.dev_bus_addr, mfn_to_maddr(m).a);
		assert_int_equal(v1(REF)->flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
		assert_int_equal(entry(IDX), pte(m, RW | PTE_US | PTE_A | PTE_D | (i ? 5ull << 9 : 0)));
		assert_int_equal(ref_count(m), 2);
		assert_int_equal(type_count(m), 1);
		host_frames_check();
		assert_int_equal(unmap_op(op.handle, places[i], 0), GNTST_okay);
		assert_int_equal(entry(IDX), 0);
		assert_unused(REF, m);
	}
}

static void readonly_map_takes_no_writable_use(void **state) {
	mfn_t m = page_of(guest);
	struct gnttab_map_grant_ref op;

	grant(REF, m, GTF_readonly);
	assert_int_equal(map_op(REF, VA, GNTMAP_host_map).status, GNTST_general_error);
	op = map_op(REF, VA, GNTMAP_host_map | GNTMAP_readonly);
	assert_int_equal(op.status, GNTST_okay);
	assert_int_equal(v1(REF)->flags & (GTF_reading | GTF_writing), GTF_reading);
	assert_int_equal(entry(IDX) & PTE_RW, 0);
	assert_int_equal(type_count(m), 0);
	assert_int_equal(unmap_op(op.handle, VA, 0), GNTST_okay);
	assert_unused(REF, m);
}

static void refused_maps_leave_nothing(void **state) {
	struct tree t = tree_of(guest);
	mfn_t m = page_of(guest), mine = page_of(dom0);

	run_as(guest);
	assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, t.l[4], 0), 0);
	run_as(dom0);
	assert_int_equal(map_op(REF, VA, GNTMAP_host_map).status, GNTST_general_error); /* invalid */
	grant(REF, m, 0);
	assert_int_equal(map_op(100000, VA, GNTMAP_host_map).status, GNTST_bad_gntref);
	assert_int_equal(map_op(REF, VA, 0).status, GNTST_bad_gntref);
	assert_int_equal(map_op(REF, VA + 1, GNTMAP_host_map).status, GNTST_general_error);
	assert_int_equal(map_op(REF, 1ull << 45, GNTMAP_host_map).status, GNTST_general_error);
	assert_int_equal(map_op(REF, ptr(tree.l[1], 1, 4), GNTMAP_host_map | GNTMAP_contains_pte).status,
			 GNTST_general_error);
	/* entries that are not in an L1 table of the mapper */
	assert_int_equal(map_op(REF, ptr(tree.l[2], 1, 0), GNTMAP_host_map | GNTMAP_contains_pte).status,
			 GNTST_general_error);
	assert_int_equal(map_op(REF, ptr(t.l[1], 1, 0), GNTMAP_host_map | GNTMAP_contains_pte).status,
			 GNTST_general_error);
	assert_int_equal(map_op(REF, ptr(mine, 1, 0), GNTMAP_host_map | GNTMAP_contains_pte).status,
			 GNTST_general_error);
	assert_unused(REF, m);
	v1(REF)->domid = 3;
	assert_int_equal(map_op(REF, VA, GNTMAP_host_map).status, GNTST_general_error);
	/* not the granter's memory: somebody else's, device registers, no such frame */
	grant(REF, mine, 0);
	assert_int_equal(map_op(REF, VA, GNTMAP_host_map).status, GNTST_bad_page);
	grant(REF, mfn(FRAMES - 1), 0);
	assert_int_equal(map_op(REF, VA, GNTMAP_host_map).status, GNTST_bad_page);
	assert_int_equal(map_op(REF, VA, GNTMAP_device_map).status, GNTST_bad_page);
	grant(REF, mfn(0xfffffffe), 0);
	assert_int_equal(map_op(REF, VA, GNTMAP_host_map).status, GNTST_bad_page);
	/* a page table is nobody's to write */
	grant(REF, t.l[1], 0);
	assert_int_not_equal(map_op(REF, VA, GNTMAP_host_map).status, GNTST_okay);
	assert_int_equal(v1(REF)->flags, GTF_permit_access);
	assert_int_equal(guest->grant->pinned, 0);
	assert_int_equal(entry(IDX), 0);
	run_as(guest);
	assert_int_equal(ext(MMUEXT_UNPIN_TABLE, t.l[4], 0), 0);
}

static void unmap_checks_handle_and_place(void **state) {
	mfn_t m = page_of(guest);
	struct gnttab_map_grant_ref op;

	grant(REF, m, 0);
	op = map_op(REF, VA, GNTMAP_host_map);
	assert_int_equal(unmap_op(op.handle + 1, VA, 0), GNTST_bad_handle);
	assert_int_equal(unmap_op(~0u, VA, 0), GNTST_bad_handle);
	assert_int_equal(unmap_op(op.handle, VA + PAGE_SIZE, 0), GNTST_general_error);
	assert_int_equal(unmap_op(op.handle, 0, op.dev_bus_addr), GNTST_general_error);
	assert_int_equal(ref_count(m), 2);
	assert_int_equal(unmap_op(op.handle, VA, 0), GNTST_okay);
	assert_int_equal(unmap_op(op.handle, VA, 0), GNTST_bad_handle);
	assert_unused(REF, m);
}

/* The mapper replaced the entry itself: its references went then, the pin goes with the handle. */
static void entry_replaced_by_other_means(void **state) {
	mfn_t m = page_of(guest), mine = page_of(dom0);
	struct gnttab_map_grant_ref op;

	grant(REF, m, 0);
	op = map_op(REF, VA, GNTMAP_host_map);
	assert_int_equal(set_pte(tree.l[1], IDX, pte(mine, RW)), 0);
	assert_int_equal(ref_count(m), 1);
	assert_int_equal(type_count(m), 0);
	assert_int_equal(guest->grant->pinned, 1);
	assert_int_equal(unmap_op(op.handle, VA, 0), GNTST_okay);
	assert_int_equal(entry(IDX), pte(mine, RW | PTE_US));
	assert_int_equal(ref_count(mine), 2);
	assert_unused(REF, m);
	host_frames_check();
}

/* A mapping of either kind never takes down the other's entry, whatever the guest exchanged. */
static void writable_and_readonly_mappings_stay_apart(void **state) {
	mfn_t m = page_of(guest);
	struct gnttab_map_grant_ref rw, ro;

	grant(REF, m, 0);
	rw = map_op(REF, VA, GNTMAP_host_map);
	ro = map_op(REF, VA, GNTMAP_host_map | GNTMAP_readonly); /* takes the first one's place */
	assert_int_equal(entry(IDX) & PTE_RW, 0);
	assert_int_equal(type_count(m), 0);
	assert_int_equal(unmap_op(rw.handle, VA, 0), GNTST_okay);
	assert_int_equal(mfn_x(pte_mfn(entry(IDX))), mfn_x(m));
	assert_int_equal(v1(REF)->flags & (GTF_reading | GTF_writing), GTF_reading);
	assert_int_equal(unmap_op(ro.handle, VA, 0), GNTST_okay);
	assert_int_equal(entry(IDX), 0);
	assert_unused(REF, m);
}

static void device_and_host_part_separately(void **state) {
	mfn_t m = page_of(guest);
	struct gnttab_map_grant_ref op;

	grant(REF, m, 0);
	op = map_op(REF, VA, GNTMAP_host_map | GNTMAP_device_map);
	assert_int_equal(ref_count(m), 3);
	assert_int_equal(type_count(m), 2);
	assert_int_equal(unmap_op(op.handle, VA, 0), GNTST_okay);
	assert_int_equal(v1(REF)->flags & GTF_writing, GTF_writing);
	assert_int_equal(type_count(m), 1);
	assert_int_equal(unmap_op(op.handle, 0, op.dev_bus_addr), GNTST_okay);
	assert_unused(REF, m);
	op = map_op(REF, 0, GNTMAP_device_map | GNTMAP_readonly);
	assert_int_equal(op.status, GNTST_okay);
	assert_int_equal(ref_count(m), 2);
	assert_int_equal(unmap_op(op.handle, 0, op.dev_bus_addr), GNTST_okay);
	assert_unused(REF, m);
}

static void unmap_flushes_before_the_pin_goes(void **state) {
	mfn_t m = page_of(guest);
	struct gnttab_map_grant_ref op;
	struct gnttab_unmap_grant_ref u;
	struct unmap_batch b = { .n = 0 };

	grant(REF, m, 0);
	op = map_op(REF, VA, GNTMAP_host_map);
	u = (struct gnttab_unmap_grant_ref){ .host_addr = VA, .handle = op.handle };
	host_journal_clear();
	assert_int_equal(grant_unmap_begin(&b, &u), GNTST_okay);
	assert_int_equal(entry(IDX), 0);
	assert_int_equal(v1(REF)->flags & GTF_writing, GTF_writing);
	grant_unmap_finish(&b);
	assert_int_equal(host_journal_find(HOST_TLB_FLUSH), 1);
	assert_int_equal(host_journal[0].a, dom0->dirty_cpus);
	assert_int_equal(host_journal[0].b, VA);
	assert_unused(REF, m);
}

/* Arrays of operations, in one piece and cut after every operation. */
static void batches_preempted_anywhere(void **state) {
	enum { N = 40 };
	struct gnttab_map_grant_ref *map = (void *)arg_page;
	struct gnttab_unmap_grant_ref *unmap = (void *)arg_page;
	grant_handle_t handle[N];
	mfn_t m = page_of(guest);

	grant(REF, m, 0);
	for (unsigned units = 0; units < 50; units += 7) {
		hypercall_preempt_units = units;
		memset(arg_page, 0, sizeof(arg_page));
		for (unsigned i = 0; i < N; i++)
			map[i] = (struct gnttab_map_grant_ref){
				.host_addr = (i + 1) * PAGE_SIZE, .flags = GNTMAP_host_map, .ref = REF, .dom = guest->id
			};
		assert_int_equal(op_run(GNTTABOP_map_grant_ref, N), 0);
		for (unsigned i = 0; i < N; i++) {
			assert_int_equal(map[i].status, GNTST_okay);
			handle[i] = map[i].handle;
		}
		assert_int_equal(guest->grant->pinned, N);
		assert_int_equal(type_count(m), N);
		for (unsigned i = 0; i < N; i++)
			unmap[i] = (struct gnttab_unmap_grant_ref){ .host_addr = (i + 1) * PAGE_SIZE,
								    .handle = handle[i] };
		assert_int_equal(op_run(GNTTABOP_unmap_grant_ref, N), 0);
		for (unsigned i = 0; i < N; i++) assert_int_equal(unmap[i].status, GNTST_okay);
		assert_unused(REF, m);
	}
	hypercall_preempt_units = 1000000;
}

static void handles_run_out(void **state) {
	unsigned limit = dom0->grant->max_handles;
	mfn_t m = page_of(guest);

	grant(REF, m, 0);
	for (unsigned i = 0; i < limit; i++)
		assert_int_equal(map_op(REF, 0, GNTMAP_device_map | GNTMAP_readonly).status, GNTST_okay);
	assert_int_equal(map_op(REF, VA, GNTMAP_host_map).status, GNTST_no_space);
	assert_int_equal(guest->grant->pinned, limit);
	assert_int_equal(entry(IDX), 0);
	for (unsigned i = 0; i < limit; i++) assert_int_equal(unmap_op(i, 0, mfn_to_maddr(m).a), GNTST_okay);
	assert_unused(REF, m);
}

/* -- copying -- */

static void copy_every_combination(void **state) {
	mfn_t mine = page_of(dom0), mine2 = page_of(dom0), theirs = page_of(guest), theirs2 = page_of(guest);

	memset(at(mine), 0x11, PAGE_SIZE);
	memset(at(theirs), 0x22, PAGE_SIZE);
	grant(REF, theirs, GTF_readonly);
	grant(REF + 1, theirs2, 0);
	for (unsigned i = 0; i < 4; i++) {
		struct gnttab_copy op = copy_args(100, 200, 300);
		uint8_t *to = (uint8_t *)at(i & 2 ? theirs2 : mine2);

		op.source.u.gmfn = mfn_x(mine);
		op.dest.u.gmfn = mfn_x(mine2);
		if (i & 1) source_ref(&op, REF);
		if (i & 2) dest_ref(&op, REF + 1);
		memset(to, 0, PAGE_SIZE);
		assert_int_equal(copy_op(op), GNTST_okay);
		for (unsigned b = 0; b < PAGE_SIZE; b++)
			assert_int_equal(to[b], b >= 200 && b < 500 ? (i & 1 ? 0x22 : 0x11) : 0);
		assert_unused(REF, theirs);
		assert_unused(REF + 1, theirs2);
	}
}

static void copy_limits_and_refusals(void **state) {
	mfn_t mine = page_of(dom0), theirs = page_of(guest);
	struct gnttab_copy op = copy_args(0, 0, PAGE_SIZE);

	op.source.u.gmfn = op.dest.u.gmfn = mfn_x(mine);
	grant(REF, theirs, GTF_readonly);
	assert_int_equal(copy_op(op), GNTST_okay);
	op.source.offset = 1;
	assert_int_equal(copy_op(op), GNTST_bad_copy_arg);
	op = copy_args(0, 0xffff, 1);
	assert_int_equal(copy_op(op), GNTST_bad_copy_arg);
	op = copy_args(PAGE_SIZE, PAGE_SIZE, 0);
	op.source.u.gmfn = op.dest.u.gmfn = mfn_x(mine);
	assert_int_equal(copy_op(op), GNTST_okay);
	op = copy_args(0, 0, 8);
	op.source.u.gmfn = mfn_x(mine);
	dest_ref(&op, REF); /* read-only */
	assert_int_equal(copy_op(op), GNTST_general_error);
	op = copy_args(0, 0, 8);
	op.source.u.gmfn = mfn_x(theirs);
	op.dest.u.gmfn = mfn_x(mine);
	assert_int_equal(copy_op(op), GNTST_bad_page);
	op.source.domid = guest->id;
	assert_int_equal(copy_op(op), GNTST_permission_denied);
	op.dest.u.gmfn = mfn_x(tree.l[1]); /* a page table in use */
	op.source.domid = DOMID_SELF;
	op.source.u.gmfn = mfn_x(mine);
	assert_int_equal(copy_op(op), GNTST_general_error);
	source_ref(&op, REF);
	op.source.domid = 77;
	assert_int_equal(copy_op(op), GNTST_bad_domain);
	op.flags = 4;
	assert_int_equal(copy_op(op), GNTST_general_error);
	assert_unused(REF, theirs);
	assert_int_equal(ref_count(mine), 1);
}

/* -- version 2 -- */

static void version_switch_keeps_reserved_entries(void **state) {
	mfn_t m = page_of(guest);

	grant(GNTTAB_RESERVED_XENSTORE, m, 0);
	grant(REF, m, 0);
	version_two();
	assert_int_equal(v2(GNTTAB_RESERVED_XENSTORE)->full_page.frame, mfn_x(m));
	assert_int_equal(v2(GNTTAB_RESERVED_XENSTORE)->hdr.flags, GTF_permit_access);
	assert_int_equal(v2(REF)->hdr.flags, 0);
	assert_int_equal(grant_set_version(guest, 1), 0);
	assert_int_equal(v1(GNTTAB_RESERVED_XENSTORE)->frame, mfn_x(m));
	assert_int_equal(v1(REF)->flags, 0);
	assert_int_equal(grant_set_version(guest, 3), -EINVAL);
	assert_int_equal(grant_set_version(dom0, 2), -EINVAL);
}

static void version_switch_waits_for_pins(void **state) {
	mfn_t m = page_of(guest);
	struct gnttab_map_grant_ref op;

	grant(REF, m, 0);
	op = map_op(REF, VA, GNTMAP_host_map);
	assert_int_equal(grant_set_version(guest, 2), -EBUSY);
	assert_int_equal(unmap_op(op.handle, VA, 0), GNTST_okay);
	assert_int_equal(grant_set_version(guest, 2), 0);
}

static void v2_status_and_whole_pages(void **state) {
	mfn_t m = page_of(guest);
	struct gnttab_map_grant_ref op;

	version_two();
	v2(REF)->full_page.frame = mfn_x(m);
	v2(REF)->hdr.flags = GTF_permit_access;
	op = map_op(REF, VA, GNTMAP_host_map);
	assert_int_equal(op.status, GNTST_okay);
	assert_int_equal(guest->grant->status[0][REF], GTF_reading | GTF_writing);
	assert_int_equal(v2(REF)->hdr.flags, GTF_permit_access);
	assert_int_equal(unmap_op(op.handle, VA, 0), GNTST_okay);
	assert_int_equal(guest->grant->status[0][REF], 0);
	v2(REF)->hdr.flags = GTF_transitive;
	assert_int_equal(map_op(REF, VA, GNTMAP_host_map).status, GNTST_general_error);
	assert_int_equal(guest->grant->status[0][REF], 0);
}

static void v2_sub_pages_are_for_copies_within_them(void **state) {
	mfn_t m = page_of(guest), mine = page_of(dom0);
	struct gnttab_copy op = copy_args(100, 0, 50);

	version_two();
	v2(REF)->sub_page.frame = mfn_x(m);
	v2(REF)->sub_page.page_off = 100;
	v2(REF)->sub_page.length = 50;
	v2(REF)->hdr.flags = GTF_permit_access | GTF_sub_page;
	assert_int_equal(map_op(REF, VA, GNTMAP_host_map).status, GNTST_general_error);
	op.dest.u.gmfn = mfn_x(mine);
	source_ref(&op, REF);
	assert_int_equal(copy_op(op), GNTST_okay);
	op.len = 51;
	assert_int_equal(copy_op(op), GNTST_general_error);
	op.len = 50;
	op.source.offset = 99;
	assert_int_equal(copy_op(op), GNTST_general_error);
	v2(REF)->sub_page.page_off = 4090;
	assert_int_equal(copy_op(op), GNTST_general_error);
	assert_int_equal(guest->grant->pinned, 0);
	assert_int_equal(guest->grant->status[0][REF], 0);
	assert_int_equal(ref_count(m), 1);
}

/* -- tables -- */

static void setup_and_query(void **state) {
	uint64_t *list = (uint64_t *)(arg_page + 256);
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 3 };
	struct gnttab_query_size q = { .dom = guest->id };

	s.frame_list.p = (void *)(ARG_VA + 256);
	run_as(guest);
	arg_put(0, &s, sizeof(s));
	assert_int_equal(op_run(GNTTABOP_setup_table, 1), 0);
	memcpy(&s, arg_page, sizeof(s));
	assert_int_equal(s.status, GNTST_okay);
	for (unsigned i = 0; i < 3; i++) assert_int_equal(list[i], mfn_x(own_mfn(guest->grant->shared[i])));
	s.nr_frames = 5; /* of 4 */
	arg_put(0, &s, sizeof(s));
	assert_int_equal(op_run(GNTTABOP_setup_table, 1), 0);
	memcpy(&s, arg_page, sizeof(s));
	assert_int_equal(s.status, GNTST_general_error);
	s.dom = 0; /* not the guest's to ask */
	arg_put(0, &s, sizeof(s));
	assert_int_equal(op_run(GNTTABOP_setup_table, 1), 0);
	memcpy(&s, arg_page, sizeof(s));
	assert_int_equal(s.status, GNTST_permission_denied);
	run_as(dom0);
	arg_put(0, &q, sizeof(q));
	assert_int_equal(op_run(GNTTABOP_query_size, 1), 0);
	memcpy(&q, arg_page, sizeof(q));
	assert_int_equal(q.status, GNTST_okay);
	assert_int_equal(q.nr_frames, 3);
	assert_int_equal(q.max_nr_frames, 4);
	assert_int_equal(op_run(GNTTABOP_transfer, 1), -ENOSYS);
	assert_int_equal(op_run(GNTTABOP_unmap_and_replace, 1), -ENOSYS);
	assert_int_equal(op_run(99, 1), -ENOSYS);
}

/* Growth fails at each allocation in turn and can always be tried again. */
static void growth_without_memory(void **state) {
	int err = -ENOMEM;

	for (unsigned n = 1; err; n++) {
		assert_in_range(n, 1, 30);
		host_fail_allocation(n);
		err = grant_resize(guest, 4);
		host_fail_allocation(0);
		assert_true(err == 0 || err == -ENOMEM);
	}
	assert_int_equal(guest->grant->nr_frames, 4);
}

static void map_without_memory(void **state) {
	mfn_t m = page_of(guest);
	struct gnttab_map_grant_ref op = { .status = GNTST_no_space };

	grant(REF, m, 0);
	for (unsigned n = 1; op.status; n++) {
		assert_in_range(n, 1, 10);
		host_fail_allocation(n);
		op = map_op(REF, VA, GNTMAP_host_map);
		host_fail_allocation(0);
		if (op.status) {
			assert_int_equal(op.status, GNTST_no_space);
			assert_unused(REF, m);
		}
	}
	assert_int_equal(unmap_op(op.handle, VA, 0), GNTST_okay);
}

/* -- death -- */

static void granter_dies_first(void **state) {
	mfn_t m = page_of(guest);
	struct gnttab_map_grant_ref op;
	int rc;

	grant(REF, m, 0);
	op = map_op(REF, VA, GNTMAP_host_map);
	memset(at(m), 0x5a, PAGE_SIZE);
	while ((rc = domain_destroy(guest)) == -ERESTART)
		;
	assert_int_equal(rc, 0);
	domains_reap();
	assert_ptr_equal(domain_by_id(1), guest); /* the mapping keeps it */
	assert_int_equal(frame_of(m)->owner, 1);
	assert_int_equal(map_op(REF, VA, GNTMAP_host_map).status, GNTST_bad_domain);
	assert_int_equal(unmap_op(op.handle, VA, 0), GNTST_okay);
	domains_reap();
	assert_null(domain_by_id(1));
	guest = domain_make(1, false);
}

static void mapper_dies_first(void **state) {
	mfn_t m = page_of(dom0);
	struct grant_entry_v1 *e = (struct grant_entry_v1 *)dom0->grant->shared[0] + REF;
	struct gnttab_map_grant_ref op = { .flags = GNTMAP_device_map | GNTMAP_host_map, .host_addr = VA, .ref = REF };
	struct tree t = tree_of(guest);
	int rc;

	*e = (struct grant_entry_v1){ GTF_permit_access, 1, (uint32_t)mfn_x(m) };
	run_as(guest);
	assert_int_equal(vcpu_root_set(guest->vcpu[0], t.l[4], false), 0);
	arg_put(0, &op, sizeof(op));
	assert_int_equal(op_run(GNTTABOP_map_grant_ref, 1), 0);
	memcpy(&op, arg_page, sizeof(op));
	assert_int_equal(op.status, GNTST_okay);
	assert_int_equal(dom0->grant->pinned, 1);
	run_as(NULL);
	assert_int_equal(vcpu_root_set(guest->vcpu[0], INVALID_MFN, false), 0);
	hypercall_preempt_units = 0;
	while ((rc = domain_destroy(guest)) == -ERESTART)
		;
	hypercall_preempt_units = 1000000;
	assert_int_equal(rc, 0);
	domains_reap();
	assert_null(domain_by_id(1));
	assert_int_equal(dom0->grant->pinned, 0);
	assert_int_equal(e->flags, GTF_permit_access);
	assert_int_equal(ref_count(m), 1);
	assert_int_equal(type_count(m), 0);
	guest = domain_make(1, false);
}

#define T(name)  cmocka_unit_test_setup_teardown(name, grant_setup, mm_teardown)
#define T2(name) cmocka_unit_test_setup_teardown(name, v2_setup, mm_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(map_by_address_and_by_entry),
		T(readonly_map_takes_no_writable_use),
		T(refused_maps_leave_nothing),
		T(unmap_checks_handle_and_place),
		T(entry_replaced_by_other_means),
		T(writable_and_readonly_mappings_stay_apart),
		T(device_and_host_part_separately),
		T(unmap_flushes_before_the_pin_goes),
		T(batches_preempted_anywhere),
		T(handles_run_out),
		T(copy_every_combination),
		T(copy_limits_and_refusals),
		T2(version_switch_keeps_reserved_entries),
		T2(version_switch_waits_for_pins),
		T2(v2_status_and_whole_pages),
		T2(v2_sub_pages_are_for_copies_within_them),
		T(setup_and_query),
		T(growth_without_memory),
		T(map_without_memory),
		T(granter_dies_first),
		T(mapper_dies_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
