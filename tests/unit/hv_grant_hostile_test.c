/* SPDX-License-Identifier: MIT */
/*
 * Grant tables against domains that mean harm, by the classes of docs/advisories.md: entries rewritten in
 * use, mappings reached by other ways, versions switched under mappings, status pages that outlive their
 * version or domain, numbers out of bounds, calls that are not offered.
 */
#include "grant_fixture.h"

/* -- entries in use -- */

/* Each mapping knows its frame: what is written into the entry later is for later mappings. */
static void an_entry_in_use_that_changes_its_frame(void **state) {
	mfn_t a = page_of(guest), b = page_of(guest);
	struct gnttab_map_grant_ref first, second;

	grant(REF, a, 0);
	first = map_op(REF, VA, GNTMAP_host_map);
	v1(REF)->frame = (uint32_t)mfn_x(b);
	second = map_op(REF, VA + PAGE_SIZE, GNTMAP_host_map | GNTMAP_device_map);
	assert_int_equal(second.status, GNTST_okay);
	assert_int_equal(second.dev_bus_addr, mfn_to_maddr(b).a);
	assert_int_equal(ref_count(a), 2);
	assert_int_equal(ref_count(b), 3);
	assert_int_equal(unmap_op(first.handle, VA, 0), GNTST_okay);
	assert_int_equal(ref_count(a), 1);
	assert_int_equal(ref_count(b), 3);
	assert_int_equal(v1(REF)->flags & GTF_writing, GTF_writing);
	assert_int_equal(unmap_op(second.handle, VA + PAGE_SIZE, second.dev_bus_addr), GNTST_okay);
	assert_unused(REF, a);
	assert_unused(REF, b);
}

/* The guest clears the bits that say the entry is in use: the pins are counted beside it. */
static void an_entry_in_use_that_is_cleared(void **state) {
	mfn_t m = page_of(guest);
	struct gnttab_map_grant_ref op;

	grant(REF, m, 0);
	op = map_op(REF, VA, GNTMAP_host_map);
	*v1(REF) = (struct grant_entry_v1){ 0 };
	assert_int_equal(guest->grant->pinned, 1);
	assert_int_equal(grant_set_version(guest, 2), -EBUSY);
	assert_int_equal(domain_frame_release(guest, m), 0);
	assert_int_equal(frame_of(m)->owner, guest->id); /* nobody else's while it is mapped */
	assert_int_equal(unmap_op(op.handle, VA, 0), GNTST_okay);
	assert_int_equal(frame_of(m)->owner, DOMID_INVALID);
	assert_int_equal(guest->grant->pinned, 0);
}

/* The frame is given up by its owner while only the handle is left of the mapping, and becomes another's. */
static void a_handle_whose_frame_changed_hands(void **state) {
	mfn_t m = page_of(guest), mine;
	struct gnttab_map_grant_ref op;

	grant(REF, m, 0);
	op = map_op(REF, VA, GNTMAP_host_map);
	assert_int_equal(set_pte(tree.l[1], IDX, 0), 0);
	assert_int_equal(domain_frame_release(guest, m), 0);
	do mine = page_of(dom0);
	while (!mfn_eq(mine, m));
	assert_int_equal(set_pte(tree.l[1], IDX + 1, pte(mine, RW)), 0);
	assert_int_equal(unmap_op(op.handle, VA, 0), GNTST_okay);
	assert_int_equal(ref_count(mine), 2); /* the other entry's stays */
	assert_int_equal(guest->grant->pinned, 0);
}

/*
 * The mapper begins to take the table down that holds the mapping, unmaps, and takes the table into use again:
 * the part that was not taken down comes back as it is.
 */
static void an_unmap_from_a_table_half_taken_down(void **state) {
	mfn_t m = page_of(guest);
	struct mmuext_op unpin = { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = mfn_x(tree.l[1]) };
	struct gnttab_map_grant_ref op;

	grant(REF, m, 0);
	op = map_op(REF, VA, GNTMAP_host_map);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, tree.l[1], 0), 0);
	assert_int_equal(set_pte(tree.l[2], 0, 0), 0);
	arg_put(0, &unpin, sizeof(unpin));
	hypercall_preempt_units = 1;
	assert_int_equal(do_mmuext_op(ARG_VA, 1, 0, DOMID_SELF, 0, 0), -ERESTART);
	hypercall_preempt_units = 1000000;
	assert_true(frame_of(tree.l[1])->type & FTF_PARTIAL);
	assert_int_equal(unmap_op(op.handle, VA, 0), GNTST_okay);
	assert_int_equal(set_pte(tree.l[2], 0, pte(tree.l[1], TAB)), 0);
	assert_int_equal(entry(IDX), 0);
	assert_unused(REF, m);
}

/* -- mappings reached by other ways -- */

static unsigned flushes_of(uint64_t va) {
	unsigned n = 0;

	for (unsigned i = 0; i < host_journal_count; i++)
		n += host_journal[i].kind == HOST_TLB_FLUSH && host_journal[i].b == va;
	return n;
}

/*
 * The mapper's table is linked at two addresses: the translation of the second would outlive an unmap
 * that flushes the first alone, and the granter takes the page for its own again. Only dom0, who may map
 * any page, is taken at its word.
 */
static void unmap_flushes_all_addresses_of_the_entry(void **state) {
	struct tree t = tree_of(guest);
	mfn_t m = page_of(dom0);
	struct grant_entry_v1 *e = (struct grant_entry_v1 *)dom0->grant->shared[0] + REF;
	struct gnttab_map_grant_ref op = { .flags = GNTMAP_host_map, .host_addr = VA, .ref = REF };

	*e = (struct grant_entry_v1){ GTF_permit_access, guest->id, (uint32_t)mfn_x(m) };
	at(t.l[2])[1] = pte(t.l[1], TAB);
	run_as(guest);
	assert_int_equal(vcpu_root_set(guest->vcpu[0], t.l[4], false), 0);
	arg_put(0, &op, sizeof(op));
	assert_int_equal(op_run(GNTTABOP_map_grant_ref, 1), 0);
	memcpy(&op, arg_page, sizeof(op));
	assert_int_equal(op.status, GNTST_okay);
	host_journal_clear();
	assert_int_equal(unmap_op(op.handle, VA, 0), GNTST_okay);
	assert_int_equal(flushes_of(TLB_FLUSH_ALL), 1);
	assert_int_equal(flushes_of(VA), 0);
}

/* The table leaves the tree, and with it the entries' references; the handle is still good for the pin. */
static void a_table_taken_away_under_its_mapping(void **state) {
	mfn_t m = page_of(guest);
	struct gnttab_map_grant_ref op;

	grant(REF, m, 0);
	op = map_op(REF, VA, GNTMAP_host_map);
	assert_int_equal(set_pte(tree.l[2], 0, 0), 0);
	assert_int_equal(ref_count(m), 1);
	at(tree.l[1])[IDX] = 0x1234; /* an ordinary page now: nobody else's to write */
	assert_int_equal(unmap_op(op.handle, VA, 0), GNTST_okay);
	assert_int_equal(at(tree.l[1])[IDX], 0x1234);
	assert_unused(REF, m);
}

/*
 * L4[300] = L4: at this address the L1 level shows the L2 table. A granted frame in one of its entries
 * would be a page table that the granter writes as it likes.
 */
static void an_upper_table_in_the_place_of_an_l1(void **state) {
	uint64_t window = 300ULL << 39 | 0xffff000000000000;
	mfn_t m = page_of(guest);

	grant(REF, m, 0);
	assert_int_equal(set_pte(tree.l[4], 300, pte(tree.l[4], RO)), 0);
	assert_int_equal(map_op(REF, window | VA, GNTMAP_host_map).status, GNTST_general_error);
	assert_int_equal(map_op(REF, mfn_to_maddr(tree.l[2]).a, GNTMAP_host_map | GNTMAP_contains_pte).status,
			 GNTST_general_error);
	assert_int_equal(at(tree.l[2])[IDX], 0);
	assert_unused(REF, m);
}

/* -- statuses -- */

/* Cut after each operation, every one has its own status, and the call's result is never positive. */
static void every_operation_of_a_cut_array_has_its_status(void **state) {
	enum { N = 24 };
	struct gnttab_copy *op = (void *)arg_page;
	mfn_t m = page_of(guest), mine = page_of(dom0);

	grant(REF, m, 0);
	for (unsigned units = 0; units < 3; units++) {
		hypercall_preempt_units = units;
		for (unsigned i = 0; i < N; i++) {
			op[i] = copy_args(0, 0, 16);
			op[i].dest.u.gmfn = mfn_x(mine);
			source_ref(&op[i], i % 3 == 1 ? REF + 1 : REF);
			if (i % 3 == 2) op[i].source.offset = PAGE_SIZE;
			op[i].status = 99;
		}
		assert_int_equal(op_run(GNTTABOP_copy, N), 0);
		for (unsigned i = 0; i < N; i++)
			assert_int_equal(op[i].status, i % 3 == 0   ? GNTST_okay
						       : i % 3 == 1 ? GNTST_general_error
								    : GNTST_bad_copy_arg);
		assert_unused(REF, m);
	}
	hypercall_preempt_units = 1000000;
}

static void statuses_are_never_positive(void **state) {
	struct gnttab_map_grant_ref op;
	mfn_t frames[] = { page_of(guest), page_of(dom0), mfn(FRAMES - 1), mfn(FRAMES), tree.l[1] };

	for (unsigned f = 0; f < ARRAY_SIZE(frames); f++)
		for (uint32_t flags = 0; flags < 64; flags++) {
			grant(REF, frames[f], f & 1 ? GTF_readonly : 0);
			op = map_op(REF, VA, flags);
			assert_in_range(-op.status, 0, 13);
			if (op.status) continue;
			assert_int_equal(unmap_op(op.handle, flags & GNTMAP_host_map ? VA : 0,
						  flags & GNTMAP_device_map ? op.dev_bus_addr : 0),
					 GNTST_okay);
		}
	assert_int_equal(guest->grant->pinned, 0);
}

/* -- what is not offered -- */

static void transitive_grants_are_refused(void **state) {
	mfn_t m = page_of(guest), mine = page_of(dom0);
	struct gnttab_copy from = copy_args(0, 0, 8), to = from;

	version_two();
	v2(REF)->transitive.trans_domid = dom0->id;
	v2(REF)->transitive.gref = REF;
	v2(REF)->hdr.flags = GTF_transitive;
	from.dest.u.gmfn = to.source.u.gmfn = mfn_x(mine);
	source_ref(&from, REF);
	dest_ref(&to, REF);
	assert_int_equal(copy_op(from), GNTST_general_error);
	assert_int_equal(copy_op(to), GNTST_general_error);
	assert_int_equal(map_op(REF, VA, GNTMAP_host_map).status, GNTST_general_error);
	assert_int_equal(guest->grant->pinned, 0);
	assert_int_equal(guest->grant->status[0][REF], 0);
	assert_int_equal(ref_count(m), 1);
}

static void calls_that_move_pages_or_entries_are_refused(void **state) {
	static const unsigned cmds[] = { GNTTABOP_transfer, GNTTABOP_dump_table, GNTTABOP_unmap_and_replace,
					 GNTTABOP_swap_grant_ref, GNTTABOP_cache_flush };

	for (unsigned i = 0; i < ARRAY_SIZE(cmds); i++) assert_int_equal(op_run(cmds[i], 1), -ENOSYS);
	for (unsigned i = 0; i < ARRAY_SIZE(cmds); i++) assert_true(op_run(cmds[i], 0) < 0);
	for (unsigned i = 0; i < ARRAY_SIZE(cmds); i++) assert_true(op_run(cmds[i], 2) < 0);
	assert_int_equal(op_run(GNTTABOP_map_grant_ref, 0x80000000u), -EINVAL);
}

/* -- versions and status pages -- */

static int status_list(unsigned n) {
	struct gnttab_get_status_frames op = { .dom = DOMID_SELF, .nr_frames = n };

	op.frame_list.p = (void *)(ARG_VA + 0x100);
	memset(arg_page + 0x100, 0xee, 64);
	arg_put(0, &op, sizeof(op));
	assert_int_equal(op_run(GNTTABOP_get_status_frames, 1), 0);
	memcpy(&op, arg_page, sizeof(op));
	return op.status;
}

static void status_frames_within_bounds(void **state) {
	const uint64_t *list = (const uint64_t *)(arg_page + 0x100);

	run_as(guest);
	assert_int_equal(status_list(1), GNTST_general_error); /* version 1 has none */
	assert_int_equal(grant_set_version(guest, 2), 0);
	assert_int_equal(status_list(1), GNTST_okay);
	assert_int_equal(list[0], mfn_x(own_mfn(guest->grant->status[0])));
	assert_int_equal(status_list(2), GNTST_general_error);
	assert_int_equal(list[1], 0xeeeeeeeeeeeeeeee);
	assert_int_equal(status_list(~0u), GNTST_general_error);
	assert_int_equal(grant_resize(guest, 4), 0);
	assert_int_equal(status_list(status_frames_for(4)), GNTST_okay);
	assert_int_equal(grant_resize(guest, 5), -EINVAL);
	assert_int_equal(grant_resize(guest, ~0u), -EINVAL);
}

/* Every entry of every frame that version 2 has is within its status pages and its pins. */
static void every_entry_has_its_status(void **state) {
	mfn_t m = page_of(guest);
	unsigned last;

	assert_int_equal(grant_resize(guest, 4), 0);
	version_two();
	last = 4 * V2_PER_FRAME - 1;
	for (unsigned ref = last - 3; ref <= last + 3; ref++) {
		struct gnttab_map_grant_ref op;

		if (ref <= last) {
			union grant_entry_v2 *e = (union grant_entry_v2 *)guest->grant->shared[3] + ref % V2_PER_FRAME;

			e->full_page.frame = mfn_x(m);
			e->hdr.flags = GTF_permit_access;
		}
		op = map_op(ref, VA, GNTMAP_host_map);
		assert_int_equal(op.status, ref <= last ? GNTST_okay : GNTST_bad_gntref);
		if (op.status) continue;
		assert_int_equal(guest->grant->status[0][ref], GTF_reading | GTF_writing);
		assert_int_equal(unmap_op(op.handle, VA, 0), GNTST_okay);
		assert_int_equal(guest->grant->status[0][ref], 0);
	}
}

/* Mapped status pages stay what they are through all versions, and are shown empty again. */
static void status_pages_stay_through_versions(void **state) {
	struct tree t = tree_of(guest);
	mfn_t status, frame;

	version_two();
	assert_int_equal(grant_frame(guest, true, 0, &status), 0);
	run_as(guest);
	assert_int_equal(vcpu_root_set(guest->vcpu[0], t.l[4], false), 0);
	assert_int_equal(set_pte(t.l[1], 1, pte(status, RW)), 0);
	for (unsigned i = 0; i < 3; i++) {
		guest->grant->status[0][REF] = GTF_reading;
		assert_int_equal(grant_set_version(guest, 1), 0);
		assert_int_equal(grant_frame(guest, true, 0, &frame), -EINVAL);
		assert_int_equal(grant_set_version(guest, 2), 0);
		assert_int_equal(grant_frame(guest, true, 0, &frame), 0);
		assert_true(mfn_eq(frame, status));
		assert_int_equal(guest->grant->status[0][REF], 0);
		host_frames_check();
	}
}

/* dom0 maps the guest's status and entry pages, and keeps them when the guest is gone. */
static void table_pages_outlive_their_domain_while_mapped(void **state) {
	uint64_t before;
	mfn_t m[2];

	version_two();
	assert_int_equal(grant_frame(guest, true, 0, &m[0]), 0);
	assert_int_equal(grant_frame(guest, false, 0, &m[1]), 0);
	for (unsigned i = 0; i < 2; i++) assert_int_equal(update(ptr(tree.l[1], i, 0), pte(m[i], RW), guest->id), 0);
	domain_end(guest);
	domains_reap();
	assert_null(domain_by_id(1));
	run_as(dom0);
	for (unsigned i = 0; i < 2; i++) assert_true(type_count(m[i]) == 1 && ref_count(m[i]) == 1);
	before = frames_free;
	for (unsigned i = 0; i < 2; i++) assert_int_equal(set_pte(tree.l[1], i, 0), 0);
	assert_int_equal(frames_free, before + 2);
	guest = domain_make(1, false);
}

/* -- ends -- */

/* A dying granter's entries serve nobody any more, while old mappings stay. */
static void a_dying_granter_grants_nothing(void **state) {
	mfn_t m = page_of(guest), mine = page_of(dom0);
	struct gnttab_copy copy = copy_args(0, 0, 8);
	struct gnttab_map_grant_ref op;

	grant(REF, m, 0);
	op = map_op(REF, VA, GNTMAP_host_map);
	guest->state = DOM_DYING;
	assert_int_equal(map_op(REF, VA + PAGE_SIZE, GNTMAP_host_map).status, GNTST_bad_gntref);
	copy.dest.u.gmfn = mfn_x(mine);
	source_ref(&copy, REF);
	assert_int_equal(copy_op(copy), GNTST_bad_gntref);
	assert_int_equal(unmap_op(op.handle, VA, 0), GNTST_okay);
	assert_unused(REF, m);
	guest->state = DOM_RUNNING;
}

#define T(name)  cmocka_unit_test_setup_teardown(name, grant_setup, mm_teardown)
#define T2(name) cmocka_unit_test_setup_teardown(name, v2_setup, mm_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(an_entry_in_use_that_changes_its_frame),
		T2(an_entry_in_use_that_is_cleared),
		T(a_handle_whose_frame_changed_hands),
		T(an_unmap_from_a_table_half_taken_down),
		T(unmap_flushes_all_addresses_of_the_entry),
		T(a_table_taken_away_under_its_mapping),
		T(an_upper_table_in_the_place_of_an_l1),
		T(every_operation_of_a_cut_array_has_its_status),
		T(statuses_are_never_positive),
		T2(transitive_grants_are_refused),
		T(calls_that_move_pages_or_entries_are_refused),
		T2(status_frames_within_bounds),
		T2(every_entry_has_its_status),
		T2(status_pages_stay_through_versions),
		T2(table_pages_outlive_their_domain_while_mapped),
		T(a_dying_granter_grants_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
