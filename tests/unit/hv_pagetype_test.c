/* SPDX-License-Identifier: MIT */
/*
 * Types and references of frames: promotion, demotion, pins, linear tables, work cut into pieces.
 * The whole frame table is recounted after each test and at each preemption.
 */
#define FRAMES 512u
#include "mm_fixture.h"

static void pin(struct tree *t) { assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, t->l[4], 0), 0); }

static long unpin(mfn_t m) { return ext(MMUEXT_UNPIN_TABLE, m, 0); }

static void assert_idle(mfn_t m) {
	assert_int_equal(type_count(m), 0);
	assert_int_equal(ref_count(m), 1);
}

static void tree_assert_idle(const struct tree *t) {
	for (unsigned level = 1; level <= 4; level++) assert_idle(t->l[level]);
}

static void pin_validates_a_tree(void **state) {
	struct tree t = tree_of(guest);
	mfn_t data = page_of(guest);

	at(t.l[1])[7] = pte(data, RW | PTE_G);
	pin(&t);
	for (unsigned level = 1; level <= 4; level++) {
		assert_int_equal(type_is(t.l[level]), (enum frame_type)level);
		assert_int_equal(type_count(t.l[level]), 1);
	}
	assert_int_equal(type_is(data), FT_WRITABLE);
	assert_int_equal(type_count(data), 1);
	/* the stored form: user bit, no global bit */
	assert_int_equal(at(t.l[1])[7], pte(data, RW | PTE_US));
	host_frames_check();
	assert_int_equal(unpin(t.l[4]), 0);
	tree_assert_idle(&t);
	assert_idle(data);
}

static void pin_twice_is_refused(void **state) {
	struct tree t = tree_of(guest);

	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, t.l[1], 0), 0);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, t.l[1], 0), -EINVAL);
	assert_int_equal(unpin(t.l[1]), 0);
	assert_int_equal(unpin(t.l[1]), -EINVAL);
}

static void frames_that_are_not_the_guests_are_refused(void **state) {
	mfn_t foreign = page_of(dom0);

	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, foreign, 0), -EINVAL);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, mfn(FRAMES - 1), 0), -EINVAL);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, mfn(FRAMES), 0), -EINVAL);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, mfn(~0ULL >> 12), 0), -EINVAL);
	assert_int_equal(unpin(foreign), -EINVAL);
	assert_int_equal(ext(MMUEXT_NEW_BASEPTR, mfn(~0ULL), 0), -EINVAL);
	/* ring 0's own page */
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, own_mfn(guest->shared_info), 0), -EINVAL);
}

static void writable_page_is_no_table_and_table_no_writable_page(void **state) {
	struct tree t = tree_of(guest);
	mfn_t data = page_of(guest), other = page_of(guest);

	at(t.l[1])[0] = pte(data, RW);
	pin(&t);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, data, 0), -EINVAL);
	assert_int_equal(set_pte(t.l[1], 1, pte(t.l[1], RW)), -EBUSY);
	assert_int_equal(set_pte(t.l[1], 1, pte(t.l[4], RW)), -EBUSY);
	assert_int_equal(set_pte(t.l[1], 1, pte(t.l[4], RO)), 0);
	/* a table that maps itself writable cannot come to be */
	at(other)[3] = pte(other, RW);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, other, 0), -EBUSY);
	assert_idle(other);
	/* a frame has one type at a time */
	assert_int_equal(ext(MMUEXT_PIN_L2_TABLE, t.l[1], 0), -EINVAL);
	/* the page is free for another use when its mapping is gone */
	assert_int_equal(set_pte(t.l[1], 0, 0), 0);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, data, 0), 0);
	assert_int_equal(set_pte(t.l[1], 0, pte(data, RW)), -EBUSY);
}

/* XSA-58: references taken before the refused entry. */
static void refused_entry_leaves_no_reference(void **state) {
	struct tree t = tree_of(guest);
	mfn_t data = page_of(guest), foreign = page_of(dom0);

	for (unsigned i = 0; i < 300; i++) at(t.l[1])[i] = pte(data, i % 2 ? RW : RO);
	at(t.l[1])[300] = pte(foreign, RO);
	assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, t.l[4], 0), -EBUSY);
	tree_assert_idle(&t);
	assert_idle(data);
	assert_idle(foreign);
}

/* XSA-148, 167, 176: superpages, at any level, by validation and by update. */
static void superpages_are_refused(void **state) {
	for (unsigned level = 2; level <= 4; level++) {
		struct tree t = tree_of(guest);

		at(t.l[level])[1] = pte(t.l[level - 1], TAB | PTE_PSE);
		assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, t.l[4], 0), -EINVAL);
		tree_assert_idle(&t);
		at(t.l[level])[1] = 0;
		pin(&t);
		assert_int_equal(set_pte(t.l[level], 0, pte(t.l[level - 1], TAB | PTE_PSE)), -EINVAL);
		assert_int_equal(set_pte(t.l[level], 0, pte(t.l[level - 1], TAB | PTE_PCD)), -EINVAL);
	}
	assert_int_equal(ext(MMUEXT_MARK_SUPER, mfn(512), 0), -EOPNOTSUPP);
	assert_int_equal(ext(MMUEXT_UNMARK_SUPER, mfn(~0ULL), 0), -EOPNOTSUPP);
}

static void ring0_slots_are_out_of_reach(void **state) {
	struct tree t = tree_of(guest);

	/* what the guest left there is neither looked at nor kept */
	for (unsigned i = 256; i < 272; i++) at(t.l[4])[i] = 0x123456789ULL << 12 | TAB;
	pin(&t);
	for (unsigned i = 256; i < 272; i++) {
		assert_int_equal(at(t.l[4])[i], 0);
		assert_int_equal(set_pte(t.l[4], i, pte(t.l[3], TAB)), -EINVAL);
		assert_int_equal(set_pte(t.l[4], i, 0), -EINVAL);
	}
	assert_int_equal(set_pte(t.l[4], 255, pte(t.l[3], TAB)), 0);
	assert_int_equal(set_pte(t.l[4], 272, pte(t.l[3], TAB)), 0);
	/* unpinned, it is the guest's page again, without ring 0's entries */
	at(t.l[4])[260] = 0x1000 | TAB;
	assert_int_equal(unpin(t.l[4]), 0);
	assert_int_equal(at(t.l[4])[260], 0);
}

/* -- linear tables: XSA-182, 185, 240, 309 */

static void self_map_is_read_only(void **state) {
	struct tree t = tree_of(guest);

	at(t.l[4])[300] = pte(t.l[4], TAB);
	assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, t.l[4], 0), -EINVAL);
	at(t.l[4])[300] = pte(t.l[4], RO);
	pin(&t);
	assert_int_equal(type_count(t.l[4]), 1);
	/* no path to RW: changed flags, same frame */
	assert_int_equal(set_pte(t.l[4], 300, pte(t.l[4], TAB)), -EINVAL);
	assert_int_equal(set_pte(t.l[4], 301, pte(t.l[4], TAB)), -EINVAL);
	assert_int_equal(set_pte(t.l[4], 300, pte(t.l[4], RO | PTE_US | PTE_A)), 0);
	host_frames_check();
	assert_int_equal(unpin(t.l[4]), 0);
	tree_assert_idle(&t);
}

static void linear_tables_do_not_chain(void **state) {
	for (unsigned level = 2; level <= 4; level++) {
		mfn_t a = page_of(guest), b = page_of(guest), c = page_of(guest);
		unsigned cmd = MMUEXT_PIN_L1_TABLE + level - 1;

		assert_int_equal(ext(cmd, c, 0), 0);
		at(b)[0] = pte(c, RO);
		assert_int_equal(ext(cmd, b, 0), 0);
		/* b maps c: nobody may map b linearly, and c may not map anybody */
		at(a)[0] = pte(b, RO);
		assert_int_equal(ext(cmd, a, 0), -EINVAL);
		assert_int_equal(set_pte(c, 0, pte(b, RO)), -EINVAL);
		host_frames_check();
		/* with b's entry gone both may */
		assert_int_equal(set_pte(b, 0, 0), 0);
		assert_int_equal(ext(cmd, a, 0), 0);
		assert_int_equal(set_pte(b, 0, pte(c, RO)), -EINVAL);
		assert_int_equal(unpin(b), 0);
		assert_int_equal(type_count(b), 1); /* a's entry holds it */
		host_frames_check();
		assert_int_equal(unpin(a), 0);
		assert_idle(a);
		assert_idle(b);
		assert_int_equal(unpin(c), 0);
		assert_idle(c);
	}
}

/* -- preemption: XSA-45, 97, 264, 290, 299, 309, 310 */

/* A wide tree: 3 L3, 3 L2 each, 2 L1 each, some data. */
static mfn_t wide_tree(mfn_t data) {
	mfn_t l4 = page_of(guest);

	for (unsigned i = 0; i < 3; i++) {
		mfn_t l3 = page_of(guest);

		at(l4)[i * 200] = pte(l3, TAB);
		for (unsigned j = 0; j < 3; j++) {
			mfn_t l2 = page_of(guest);

			at(l3)[j * 3] = pte(l2, TAB);
			for (unsigned k = 0; k < 2; k++) {
				mfn_t l1 = page_of(guest);

				at(l2)[k * 511] = pte(l1, TAB);
				at(l1)[5 * k] = pte(data, RW);
				at(l1)[511] = pte(l4, RO);
			}
		}
	}
	return l4;
}

static struct frame *frames_snapshot(void) {
	struct frame *copy = malloc(FRAMES * sizeof(*copy));

	memcpy(copy, frame_table, FRAMES * sizeof(*copy));
	return copy;
}

static void assert_same_frames(const struct frame *a) {
	for (unsigned i = 0; i < FRAMES; i++) {
		assert_int_equal(a[i].refs, frame_table[i].refs);
		assert_int_equal(a[i].type, frame_table[i].type);
		assert_int_equal(a[i].owner, frame_table[i].owner);
	}
}

static void cut_work_ends_as_uncut_work(void **state) {
	mfn_t data = page_of(guest), l4 = wide_tree(data);
	struct frame *pinned, *idle;

	assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, l4, 0), 0);
	pinned = frames_snapshot();
	assert_int_equal(unpin(l4), 0);
	idle = frames_snapshot();
	hypercall_preempt_units = 1;
	restarts = 0;
	assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, l4, 0), 0);
	assert_true(restarts > 50);
	assert_same_frames(pinned);
	restarts = 0;
	assert_int_equal(unpin(l4), 0);
	assert_true(restarts > 50);
	assert_same_frames(idle);
	free(pinned);
	free(idle);
}

static void refused_entry_is_reported_after_cut_work(void **state) {
	mfn_t data = page_of(guest), l4 = wide_tree(data);
	mfn_t l3 = pte_mfn(at(l4)[400]), l2 = pte_mfn(at(l3)[6]), l1 = pte_mfn(at(l2)[511]);
	struct frame *before;

	/* once, so that the types left behind do not differ */
	assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, l4, 0), 0);
	assert_int_equal(unpin(l4), 0);
	at(l1)[510] = pte(page_of(dom0), RO);
	before = frames_snapshot();
	hypercall_preempt_units = 1;
	assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, l4, 0), -EBUSY);
	assert_same_frames(before);
	free(before);
}

/* What another vCPU might do meanwhile to a part of the tree or to its root. */
static void meddle(unsigned turn, mfn_t l4, mfn_t l1) {
	int rc;

	switch (turn % 4) {
	case 0:
		rc = table_pin(guest, l1, 1);
		assert_true(rc == 0 || rc == -EINVAL || rc == -ERESTART);
		break;
	case 1:
		rc = table_unpin(guest, l1);
		assert_true(rc == 0 || rc == -EINVAL || rc == -ERESTART);
		break;
	case 2:
		rc = table_get(guest, l4, 4);
		assert_true(rc == 0 || rc == -ERESTART);
		if (!rc) rc = table_put(guest, l4);
		assert_true(rc == 0 || rc == -ERESTART);
		break;
	case 3:
		rc = table_put_resume(guest, l4);
		assert_true(rc == 0 || rc == -ERESTART);
		break;
	}
	host_frames_check();
}

static void others_may_meddle_with_cut_work(void **state) {
	mfn_t data = page_of(guest), l4 = wide_tree(data);
	mfn_t l1 = pte_mfn(at(pte_mfn(at(pte_mfn(at(l4)[200]))[3]))[0]);

	for (unsigned quantum = 1; quantum < 40; quantum += 7) {
		hypercall_preempt_units = quantum;
		/* each may undo what the other does: a number of turns, then alone */
		for (unsigned i = 0; i < 30; i++) {
			int rc = table_pin(guest, l4, 4);

			host_frames_check();
			if (rc == 0) assert_int_not_equal(table_unpin(guest, l4), -EINVAL);
			meddle(quantum + i, l4, l1);
		}
		while (table_put_resume(guest, l4) == -ERESTART)
			;
	}
	hypercall_preempt_units = 1000000;
	while (table_unpin(guest, l1) == 0)
		;
	assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, l4, 0), 0);
	assert_int_equal(unpin(l4), 0);
	assert_int_equal(type_count(l4), 0);
}

/* Two half-done tables that lead to each other: taking one down must not run in circles. */
static void knotted_partial_tables_come_apart(void **state) {
	mfn_t a = page_of(guest), b = page_of(guest), c = page_of(guest);

	at(c)[1] = at(c)[2] = pte(page_of(guest), RO);
	at(a)[0] = at(b)[0] = pte(c, TAB);
	at(a)[1] = pte(b, RO);
	at(b)[1] = pte(a, RO);
	hypercall_preempt_units = 1;
	/* both stop at entry 1 */
	while (table_pin(guest, b, 2) == -ERESTART && (frame_of(b)->partial & 0x3ff) != 1)
		;
	assert_int_equal(frame_of(b)->partial & 0x3ff, 1);
	assert_int_equal(ext(MMUEXT_PIN_L2_TABLE, a, 0), -EINVAL);
	assert_idle(a);
	assert_idle(b);
	assert_idle(c);
}

/* A guest that never comes back to its preempted operation: the teardown finds the partial tables. */
static void abandoned_work_is_cleaned_up(void **state) {
	mfn_t data = page_of(guest), l4 = wide_tree(data), other = wide_tree(data);

	hypercall_preempt_units = 3;
	assert_int_equal(table_pin(guest, l4, 4), -ERESTART);
	host_frames_check();
	assert_int_equal(type_is(l4), FT_L4);
	hypercall_preempt_units = 1000000;
	while (table_pin(guest, other, 4) == -ERESTART)
		;
	hypercall_preempt_units = 3;
	assert_int_equal(table_unpin(guest, other), -ERESTART);
	host_frames_check();
}

static void partial_table_is_not_usable_otherwise(void **state) {
	mfn_t data = page_of(guest), l4 = wide_tree(data);
	struct tree t = tree_of(guest);

	pin(&t);
	hypercall_preempt_units = 3;
	assert_int_equal(table_pin(guest, l4, 4), -ERESTART);
	assert_int_equal(set_pte(t.l[1], 0, pte(l4, RW)), -EBUSY);
	assert_int_equal(set_pte(l4, 3, 0), -EINVAL);
	assert_int_equal(table_pin(guest, l4, 3), -EINVAL);
	assert_int_equal(frame_get_as(l4, guest, FT_SEGDESC), -EINVAL);
}

/* -- roots */

static void root_is_held_and_given_back(void **state) {
	struct tree a = tree_of(guest), b = tree_of(guest);
	struct vcpu *v = guest->vcpu[0];

	assert_int_equal(ext(MMUEXT_NEW_BASEPTR, a.l[4], 0), 0);
	assert_true(mfn_eq(v->root_kernel, a.l[4]));
	assert_int_equal(host_journal_find(HOST_ROOT_LOAD), 1);
	assert_int_equal(ext(MMUEXT_NEW_USER_BASEPTR, b.l[4], 0), 0);
	assert_int_equal(host_journal_find(HOST_ROOT_LOAD), 1); /* not the present mode's */
	host_frames_check();
	assert_int_equal(ext(MMUEXT_NEW_USER_BASEPTR, mfn(0), 0), 0);
	tree_assert_idle(&b);
	assert_int_equal(ext(MMUEXT_NEW_BASEPTR, b.l[4], 0), 0);
	tree_assert_idle(&a);
	assert_int_equal(ext(MMUEXT_NEW_BASEPTR, a.l[1], 0), 0); /* an empty page will do */
	assert_int_equal(ext(MMUEXT_NEW_BASEPTR, page_of(dom0), 0), -EINVAL);
}

static void root_change_is_preemptible(void **state) {
	mfn_t data = page_of(guest), a = wide_tree(data), b = wide_tree(data);

	hypercall_preempt_units = 1;
	assert_int_equal(ext(MMUEXT_NEW_BASEPTR, a, 0), 0);
	restarts = 0;
	assert_int_equal(ext(MMUEXT_NEW_BASEPTR, b, 0), 0);
	assert_true(restarts > 100); /* validates b and gives a back */
	assert_idle(a);
	assert_int_equal(guest->vcpu[0]->table_giveup, 0);
}

/* XSA-286, 290: an upper entry's tree is given back within the hypercall, in pieces. */
static void replaced_tree_is_given_back(void **state) {
	mfn_t data = page_of(guest), l4 = wide_tree(data);
	mfn_t l3 = pte_mfn(at(l4)[0]), l3b = pte_mfn(at(l4)[200]);

	assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, l4, 0), 0);
	hypercall_preempt_units = 1;
	restarts = 0;
	assert_int_equal(set_pte(l4, 0, 0), 0);
	assert_true(restarts > 10);
	assert_idle(l3);
	host_frames_check();
	assert_int_equal(set_pte(l4, 0, pte(l3, TAB)), 0);
	assert_int_equal(type_count(l3), 1);
	assert_int_equal(set_pte(l4, 0, pte(l3b, TAB)), 0);
	assert_int_equal(type_count(l3b), 2);
	assert_idle(l3);
}

/* -- flushes: XSA-217, 241, 286, 401, 408 */

static void everyone_flushed(void) {
	arch_tlb_flush(CPUMASK_ALL, TLB_FLUSH_ALL);
	host_journal_clear();
}

static void type_change_flushes_stale_cpus_only(void **state) {
	struct tree t = tree_of(guest);
	mfn_t data = page_of(guest);

	pin(&t);
	assert_int_equal(set_pte(t.l[1], 0, pte(data, RW)), 0);
	assert_int_equal(set_pte(t.l[1], 0, 0), 0);
	/* the same type again: no flush */
	host_journal_clear();
	assert_int_equal(set_pte(t.l[1], 0, pte(data, RW)), 0);
	assert_int_equal(host_journal_find(HOST_TLB_FLUSH), 0);
	assert_int_equal(set_pte(t.l[1], 0, 0), 0);
	/* only CPU 1 may still have the writable translation */
	arch_tlb_flush(cpumask_of(0), TLB_FLUSH_ALL);
	host_journal_clear();
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, data, 0), 0);
	assert_int_equal(host_journal_find(HOST_TLB_FLUSH), 1);
	assert_int_equal(host_journal[0].a, cpumask_of(1));
	assert_int_equal(host_journal[0].b, TLB_FLUSH_ALL);
	assert_int_equal(unpin(data), 0);
	/* from table to writable page: CPUs that walked it must forget it */
	host_journal_clear();
	assert_int_equal(set_pte(t.l[1], 0, pte(data, RW)), 0);
	assert_int_equal(host_journal_find(HOST_TLB_FLUSH), 1);
	assert_int_equal(host_journal[0].a, cpumask_of(0) | cpumask_of(1));
	assert_int_equal(set_pte(t.l[1], 0, 0), 0);
	/* everyone flushed since: nothing to do */
	everyone_flushed();
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, data, 0), 0);
	assert_int_equal(host_journal_find(HOST_TLB_FLUSH), 0);
}

/* Map data writable and not any more, then make it an L1: the CPUs flushed for it, 0 if none. */
static uint64_t flushed_for_pin(mfn_t l1, mfn_t data, cpumask_t owner_on) {
	uint64_t cpus;

	assert_int_equal(set_pte(l1, 0, pte(data, RW)), 0);
	assert_int_equal(set_pte(l1, 0, 0), 0);
	guest->dirty_cpus = owner_on;
	host_journal_clear();
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, data, 0), 0);
	assert_true(host_journal_find(HOST_TLB_FLUSH) <= 1);
	cpus = host_journal_find(HOST_TLB_FLUSH) ? host_journal[0].a : 0;
	assert_int_equal(unpin(data), 0);
	guest->dirty_cpus = cpus_online;
	return cpus;
}

static uint64_t type_at_flush;
static mfn_t flushed_frame;
static void note_type(cpumask_t cpus, uint64_t va) { type_at_flush = frame_of(flushed_frame)->type; }

static void type_change_flushes_the_owners_cpus_only(void **state) {
	struct tree t = tree_of(guest), other = tree_of(dom0);
	mfn_t data = page_of(guest);
	const uint32_t theirs = guest->id;

	pin(&t);
	assert_int_equal(flushed_for_pin(t.l[1], data, cpumask_of(1)), cpumask_of(1));
	assert_int_equal(flushed_for_pin(t.l[1], data, cpumask_of(0)), cpumask_of(0));
	assert_int_equal(flushed_for_pin(t.l[1], data, 0), 0);
	/* nobody sees the new type before the flush */
	flushed_frame = data;
	host_flush_hook = note_type;
	assert_int_equal(flushed_for_pin(t.l[1], data, cpumask_of(1)), cpumask_of(1));
	host_flush_hook = NULL;
	assert_true(type_at_flush & FTF_BUSY);
	/* a page that another domain had mapped writable: anywhere, once */
	run_as(dom0);
	pin(&other);
	assert_int_equal(update(ptr(other.l[1], 0, 0), pte(data, RW), theirs), 0);
	assert_int_equal(update(ptr(other.l[1], 0, 0), 0, theirs), 0);
	run_as(guest);
	assert_int_equal(flushed_for_pin(t.l[1], data, 0), cpus_online);
	assert_int_equal(flushed_for_pin(t.l[1], data, 0), 0);
	/* read-only did no harm */
	run_as(dom0);
	assert_int_equal(update(ptr(other.l[1], 0, 0), pte(data, RO), theirs), 0);
	run_as(guest);
	assert_int_equal(flushed_for_pin(t.l[1], data, 0), 0);
	run_as(dom0);
	assert_int_equal(update(ptr(other.l[1], 0, 0), 0, theirs), 0);
	run_as(guest);
}

/* A flush that came before the last use went does not count. */
static void stamp_is_of_the_last_use(void **state) {
	struct tree t = tree_of(guest);
	mfn_t data = page_of(guest);

	pin(&t);
	assert_int_equal(set_pte(t.l[1], 0, pte(data, RW)), 0);
	assert_int_equal(set_pte(t.l[1], 1, pte(data, RW)), 0);
	assert_int_equal(set_pte(t.l[1], 0, 0), 0);
	everyone_flushed();
	assert_int_equal(set_pte(t.l[1], 1, 0), 0);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, data, 0), 0);
	assert_int_equal(host_journal_find(HOST_TLB_FLUSH), 1);
}

/* The stamp is half a clock: it must hold when the low half has wrapped, once or often. */
static void stamp_survives_a_wrap_of_its_half(void **state) {
	struct tree t = tree_of(guest);
	mfn_t data = page_of(guest);

	pin(&t);
	tlb_clock = (5ULL << 32) - 2;
	everyone_flushed();
	assert_int_equal(set_pte(t.l[1], 0, pte(data, RW)), 0);
	assert_int_equal(set_pte(t.l[1], 0, 0), 0);
	for (unsigned i = 0; i < 4; i++) arch_tlb_flush(cpumask_of(0), TLB_FLUSH_ALL);
	assert_true((uint32_t)tlb_clock < 8);
	host_journal_clear();
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, data, 0), 0);
	assert_int_equal(host_journal_find(HOST_TLB_FLUSH), 1);
	assert_int_equal(host_journal[0].a, cpumask_of(1));
	/* a CPU that has not flushed for more than a whole turn */
	assert_int_equal(unpin(data), 0);
	tlb_clock += 7ULL << 32;
	arch_tlb_flush(cpumask_of(0), TLB_FLUSH_ALL);
	host_journal_clear();
	assert_int_equal(set_pte(t.l[1], 0, pte(data, RW)), 0);
	assert_true(host_journal_find(HOST_TLB_FLUSH) == 1);
	assert_true(host_journal[0].a & cpumask_of(1));
}

/* -- segment descriptor pages: XSA-214, 242 */

static void descriptor_page_is_a_type_of_its_own(void **state) {
	struct tree t = tree_of(guest);
	mfn_t gdt = page_of(guest);

	pin(&t);
	at(gdt)[1] = 1ULL << 47 | 1ULL << 44; /* present, code or data, ring 0 */
	assert_int_equal(frame_get_as(gdt, guest, FT_SEGDESC), 0);
	assert_int_equal(at(gdt)[1] >> 45 & 3, 3);
	host_frame_hold(gdt, 1, 1);
	assert_int_equal(set_pte(t.l[1], 0, pte(gdt, RW)), -EBUSY);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, gdt, 0), -EINVAL);
	assert_int_equal(frame_get_as(t.l[1], guest, FT_SEGDESC), -EINVAL);
	frame_put_as(gdt);
	host_frame_hold(gdt, -1, -1);
	assert_int_equal(set_pte(t.l[1], 0, pte(gdt, RW)), 0);
	assert_int_equal(frame_get_as(gdt, guest, FT_SEGDESC), -EINVAL);
	assert_int_equal(set_pte(t.l[1], 0, 0), 0);
	/* a system descriptor among them */
	at(gdt)[9] = 1ULL << 47;
	assert_int_equal(frame_get_as(gdt, guest, FT_SEGDESC), -EINVAL);
	assert_int_equal(frame_get_as(gdt, dom0, FT_SEGDESC), -EPERM);
}

#define T(name) cmocka_unit_test_setup_teardown(name, mm_setup, mm_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(pin_validates_a_tree),
		T(pin_twice_is_refused),
		T(frames_that_are_not_the_guests_are_refused),
		T(writable_page_is_no_table_and_table_no_writable_page),
		T(refused_entry_leaves_no_reference),
		T(superpages_are_refused),
		T(ring0_slots_are_out_of_reach),
		T(self_map_is_read_only),
		T(linear_tables_do_not_chain),
		T(cut_work_ends_as_uncut_work),
		T(refused_entry_is_reported_after_cut_work),
		T(others_may_meddle_with_cut_work),
		T(knotted_partial_tables_come_apart),
		T(abandoned_work_is_cleaned_up),
		T(partial_table_is_not_usable_otherwise),
		T(root_is_held_and_given_back),
		T(root_change_is_preemptible),
		T(replaced_tree_is_given_back),
		T(type_change_flushes_stale_cpus_only),
		T(type_change_flushes_the_owners_cpus_only),
		T(stamp_is_of_the_last_use),
		T(stamp_survives_a_wrap_of_its_half),
		T(descriptor_page_is_a_type_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
