/* SPDX-License-Identifier: MIT */
/* Grants between the domains of mm_fixture.h: the guest's entries, and operations on them by dom0, whose
 * address space is `tree`. */
#pragma once

#include "mm_fixture.h"
#include "../../hypervisor/grant/table.h"

#define REF 9u /* beyond the reserved entries */
#define VA  0x5000ull
#define IDX 5u

static struct tree tree; /* dom0's address space */

static inline struct grant_entry_v1 *v1(unsigned ref) { return (struct grant_entry_v1 *)guest->grant->shared[0] + ref; }

static inline void grant(unsigned ref, mfn_t m, uint16_t flags) {
	*v1(ref) = (struct grant_entry_v1){ GTF_permit_access | flags, 0, (uint32_t)mfn_x(m) };
}

static inline long op_run(unsigned cmd, unsigned count) {
	long ret;
	uint64_t at = ARG_VA;

	while ((ret = do_grant_table_op(cmd, at, count, 0, 0, 0)) == -ERESTART) {
		at = this_cpu()->restart.arg[1];
		count = (unsigned)this_cpu()->restart.arg[2];
	}
	return ret;
}

static inline struct gnttab_map_grant_ref map_op(unsigned ref, uint64_t at, uint32_t flags) {
	struct gnttab_map_grant_ref op = { .host_addr = at, .flags = flags, .ref = ref, .dom = guest->id };

	arg_put(0, &op, sizeof(op));
	assert_int_equal(op_run(GNTTABOP_map_grant_ref, 1), 0);
	memcpy(&op, arg_page, sizeof(op));
	return op;
}

static inline int unmap_op(grant_handle_t handle, uint64_t at, uint64_t bus) {
	struct gnttab_unmap_grant_ref op = { .host_addr = at, .dev_bus_addr = bus, .handle = handle };

	arg_put(0, &op, sizeof(op));
	assert_int_equal(op_run(GNTTABOP_unmap_grant_ref, 1), 0);
	memcpy(&op, arg_page, sizeof(op));
	return op.status;
}

static inline int grant_setup(void **state) {
	mm_setup(state);
	tree = tree_of(dom0);
	run_as(dom0);
	assert_int_equal(vcpu_root_set(dom0->vcpu[0], tree.l[4], false), 0);
	host_journal_clear();
	return 0;
}

static inline uint64_t entry(unsigned index) { return at(tree.l[1])[index]; }

/* Nothing of a use of the page is left. */
static inline void assert_unused(unsigned ref, mfn_t m) {
	assert_int_equal(v1(ref)->flags & (GTF_reading | GTF_writing), 0);
	assert_int_equal(guest->grant->pinned, 0);
	assert_int_equal(ref_count(m), 1);
	assert_int_equal(type_count(m), 0);
}

/* -- copying */

static inline struct gnttab_copy copy_args(uint16_t from, uint16_t to, uint16_t len) {
	return (struct gnttab_copy){ .source = { .domid = DOMID_SELF, .offset = from },
				     .dest = { .domid = DOMID_SELF, .offset = to },
				     .len = len };
}

static inline int copy_op(struct gnttab_copy op) {
	arg_put(0, &op, sizeof(op));
	assert_int_equal(op_run(GNTTABOP_copy, 1), 0);
	memcpy(&op, arg_page, sizeof(op));
	return op.status;
}

static inline void source_ref(struct gnttab_copy *op, unsigned ref) {
	op->source.u.ref = ref;
	op->source.domid = guest->id;
	op->flags |= GNTCOPY_source_gref;
}

static inline void dest_ref(struct gnttab_copy *op, unsigned ref) {
	op->dest.u.ref = ref;
	op->dest.domid = guest->id;
	op->flags |= GNTCOPY_dest_gref;
}

/* -- version 2 */

static inline union grant_entry_v2 *v2(unsigned ref) { return (union grant_entry_v2 *)guest->grant->shared[0] + ref; }

static inline void version_two(void) {
	run_as(guest);
	assert_int_equal(grant_set_version(guest, 2), 0);
	run_as(dom0);
}

static inline int v2_setup(void **state) {
	guest_grant_version = 2;
	grant_setup(state);
	guest_grant_version = 1;
	return 0;
}
