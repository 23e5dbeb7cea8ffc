/* SPDX-License-Identifier: MIT */
/* Page-table updates: mmu_update, update_va_mapping, mmuext_op, emulated stores; who may do what. */
#include "mm_fixture.h"

/* A tree in use as the guest's root; its L1 maps va 0. */
static struct tree running_tree(struct domain *d) {
	struct tree t = tree_of(d);

	run_as(d);
	assert_int_equal(ext(MMUEXT_NEW_BASEPTR, t.l[4], 0), 0);
	host_journal_clear();
	return t;
}

static uint32_t foreign(domid_t tables, domid_t frames) { return (uint32_t)(tables + 1) << 16 | frames; }

static uint64_t norm(uint64_t p) { return p | MMU_NORMAL_PT_UPDATE; }

static void entries_carry_references(void **state) {
	struct tree t = running_tree(guest);
	mfn_t a = page_of(guest), b = page_of(guest);

	assert_int_equal(set_pte(t.l[1], 0, pte(a, RW)), 0);
	assert_int_equal(set_pte(t.l[1], 1, pte(a, RO)), 0);
	assert_int_equal(ref_count(a), 3);
	assert_int_equal(type_count(a), 1);
	/* same frame, other flags: nothing moves */
	assert_int_equal(set_pte(t.l[1], 0, pte(a, RW | PTE_A | PTE_D)), 0);
	assert_int_equal(type_count(a), 1);
	assert_int_equal(at(t.l[1])[0], pte(a, RW | PTE_A | PTE_D | PTE_US));
	/* RW to RO and back */
	assert_int_equal(set_pte(t.l[1], 0, pte(a, RO)), 0);
	assert_int_equal(type_count(a), 0);
	assert_int_equal(ref_count(a), 3);
	assert_int_equal(set_pte(t.l[1], 0, pte(a, RW)), 0);
	assert_int_equal(type_count(a), 1);
	/* another frame, a swap entry, nothing */
	assert_int_equal(set_pte(t.l[1], 0, pte(b, RW)), 0);
	assert_int_equal(ref_count(a), 2);
	assert_int_equal(ref_count(b), 2);
	assert_int_equal(set_pte(t.l[1], 0, 0x000fffffffffe000ULL | PTE_D), 0);
	assert_int_equal(at(t.l[1])[0], 0x000fffffffffe000ULL | PTE_D);
	assert_int_equal(ref_count(b), 1);
	assert_int_equal(set_pte(t.l[1], 0, 0), 0);
}

/* The frame stays, the right to write goes or comes: its use is counted, the reference does not move. */
static void the_right_to_write_alone(void **state) {
	struct tree own = running_tree(dom0), t = running_tree(guest);
	mfn_t a = page_of(guest);
	struct mmu_update u[8];

	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(set_pte(t.l[1], i, pte(a, RW | PTE_A | PTE_D)), 0);
		u[i] = (struct mmu_update){ ptr(t.l[1], i, MMU_PT_UPDATE_PRESERVE_AD), pte(a, RO) };
	}
	arg_put(0, u, sizeof(u));
	assert_int_equal(do_mmu_update(ARG_VA, 8, 0, DOMID_SELF, 0, 0), 0);
	assert_int_equal(type_count(a), 0);
	assert_int_equal(ref_count(a), 9);
	assert_int_equal(at(t.l[1])[7], pte(a, RO | PTE_A | PTE_D | PTE_US));
	for (unsigned i = 0; i < 8; i++) u[i].val = pte(a, RW);
	arg_put(0, u, sizeof(u));
	assert_int_equal(do_mmu_update(ARG_VA, 8, 0, DOMID_SELF, 0, 0), 0);
	assert_int_equal(type_count(a), 8);
	assert_int_equal(ref_count(a), 9);
	assert_int_equal(at(t.l[1])[7], pte(a, RW | PTE_A | PTE_D | PTE_US));
	/* never on a table */
	assert_int_equal(set_pte(t.l[1], 9, pte(t.l[1], RO)), 0);
	assert_int_equal(set_pte(t.l[1], 9, pte(t.l[1], RW)), -EBUSY);
	assert_int_equal(at(t.l[1])[9], pte(t.l[1], RO | PTE_US));
	/* nor by a domain that may only map another's page so */
	run_as(dom0);
	assert_int_equal(update(ptr(own.l[1], 0, 0), pte(a, RO), guest->id), 0);
	assert_int_equal(update(ptr(own.l[1], 0, 0), pte(a, RW), DOMID_SELF), -EBUSY);
	assert_int_equal(update(ptr(own.l[1], 0, 0), pte(a, RW), guest->id), 0);
	assert_true(frame_of(a)->refs & FRAME_FOREIGN);
	assert_int_equal(type_count(a), 9);
	assert_int_equal(update(ptr(own.l[1], 0, 0), pte(a, RO), DOMID_SELF), -EBUSY);
	assert_int_equal(set_pte(own.l[1], 0, 0), 0);
	assert_int_equal(type_count(a), 8);
}

static void refused_update_changes_nothing(void **state) {
	struct tree t = running_tree(guest);
	mfn_t a = page_of(guest);

	assert_int_equal(set_pte(t.l[1], 0, pte(a, RW)), 0);
	assert_int_equal(set_pte(t.l[1], 0, pte(page_of(dom0), RO)), -EBUSY);
	assert_int_equal(set_pte(t.l[1], 0, pte(t.l[2], RW)), -EBUSY);
	assert_int_equal(set_pte(t.l[2], 0, pte(a, TAB)), -EINVAL);
	assert_int_equal(at(t.l[1])[0], pte(a, RW | PTE_US));
	assert_int_equal(ref_count(a), 2);
	assert_int_equal(update(norm(ptr(page_of(dom0), 0, 0)), 0, DOMID_SELF), -EINVAL);
	assert_int_equal(update(norm(~7ULL), 0, DOMID_SELF), -EINVAL);
	assert_int_equal(update(ptr(t.l[1], 0, 0) | 4, 0, DOMID_SELF), -ENOSYS);
	assert_int_equal(do_mmu_update(0x666000, 1, 0, DOMID_SELF, 0, 0), -EFAULT);
}

/* XSA-109: a target that is no page table is an ordinary page, or nothing. */
static void plain_page_is_stored_to(void **state) {
	mfn_t a = page_of(guest);

	assert_int_equal(set_pte(a, 5, 0x1234567890), 0);
	assert_int_equal(at(a)[5], 0x1234567890);
	assert_int_equal(type_count(a), 0);
	assert_int_equal(frame_get_as(a, guest, FT_SEGDESC), 0);
	host_frame_hold(a, 1, 1);
	assert_int_equal(set_pte(a, 5, 0), -EINVAL);
	frame_put_as(a);
	host_frame_hold(a, -1, -1);
}

static void accessed_and_dirty_are_preserved(void **state) {
	struct tree t = running_tree(guest);
	mfn_t a = page_of(guest);

	assert_int_equal(set_pte(t.l[1], 0, pte(a, RW | PTE_A | PTE_D)), 0);
	assert_int_equal(update(ptr(t.l[1], 0, MMU_PT_UPDATE_PRESERVE_AD), pte(a, RO), DOMID_SELF), 0);
	assert_int_equal(at(t.l[1])[0], pte(a, RO | PTE_A | PTE_D | PTE_US));
	assert_int_equal(update(ptr(t.l[1], 0, MMU_NORMAL_PT_UPDATE), pte(a, RO), DOMID_SELF), 0);
	assert_int_equal(at(t.l[1])[0], pte(a, RO | PTE_US));
}

/* XSA-113: no reference is kept. */
static void machphys_update_sets_the_table(void **state) {
	mfn_t a = page_of(guest), b = page_of(dom0);
	uint64_t pa = mfn_to_maddr(a).a | MMU_MACHPHYS_UPDATE, pb = mfn_to_maddr(b).a | MMU_MACHPHYS_UPDATE;

	assert_int_equal(m2p_get(a), M2P_INVALID);
	assert_int_equal(update(pa, 77, DOMID_SELF), 0);
	assert_int_equal(m2p_get(a), 77);
	assert_int_equal(ref_count(a), 1);
	assert_int_equal(update(pb, 77, DOMID_SELF), -EINVAL);
	assert_int_equal(update(pb, 77, 0), -EPERM);
	assert_int_equal(update(~7ULL | MMU_MACHPHYS_UPDATE, 0, DOMID_SELF), -EINVAL);
	run_as(dom0);
	assert_int_equal(update(pa, 78, guest->id), 0);
	assert_int_equal(m2p_get(a), 78);
	assert_int_equal(update(pa, 79, DOMID_XEN), -EINVAL);
}

/* -- foreign domains: XSA-217, 494 */

static void only_dom0_reaches_other_domains(void **state) {
	struct tree own = running_tree(dom0), other;
	mfn_t theirs = page_of(guest), mine = page_of(dom0);

	assert_int_equal(update(ptr(own.l[1], 0, 0), pte(theirs, RW), guest->id), 0);
	assert_int_equal(type_count(theirs), 1);
	assert_int_equal(update(ptr(own.l[1], 1, 0), pte(mine, RW), guest->id), -EBUSY);
	assert_int_equal(update(ptr(own.l[1], 1, 0), pte(theirs, RW), DOMID_SELF), -EBUSY);
	assert_int_equal(update(ptr(own.l[1], 1, 0), pte(theirs, RW), 1234), -ESRCH);
	/* the other domain's own tables */
	other = running_tree(guest);
	run_as(dom0);
	assert_int_equal(update(ptr(other.l[1], 0, 0), pte(theirs, RW), foreign(guest->id, guest->id)), 0);
	assert_int_equal(type_count(theirs), 2);
	assert_int_equal(update(ptr(own.l[1], 1, 0), 0, foreign(guest->id, guest->id)), -EINVAL);
	/* a foreign mapping keeps the page from becoming a table, and alive */
	run_as(guest);
	assert_int_equal(set_pte(other.l[1], 0, 0), 0);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, theirs, 0), -EINVAL);
	assert_int_equal(domain_frame_release(guest, theirs), 0);
	assert_int_equal(frame_of(theirs)->owner, guest->id);
	assert_int_equal(update(ptr(other.l[1], 0, 0), pte(mine, RO), 0), -EPERM);
	assert_int_equal(update(ptr(other.l[1], 0, 0), pte(mine, RO), foreign(0, 1)), -ESRCH);
	assert_int_equal(update(ptr(other.l[1], 0, 0), pte(mine, RO), DOMID_XEN), -EPERM);
	run_as(dom0);
	assert_int_equal(set_pte(own.l[1], 0, 0), 0);
	assert_int_equal(frame_of(theirs)->owner, DOMID_INVALID);
}

static void pins_of_another_domain(void **state) {
	struct tree t = tree_of(guest);
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = mfn_x(t.l[4]) };

	run_as(dom0);
	arg_put(0, &op, sizeof(op));
	assert_int_equal(finish(do_mmuext_op(ARG_VA, 1, 0, guest->id, 0, 0)), 0);
	assert_int_equal(type_is(t.l[1]), FT_L1);
	op.cmd = MMUEXT_NEW_BASEPTR;
	arg_put(0, &op, sizeof(op));
	assert_int_equal(do_mmuext_op(ARG_VA, 1, 0, guest->id, 0, 0), -EPERM);
	op.cmd = MMUEXT_UNPIN_TABLE;
	arg_put(0, &op, sizeof(op));
	run_as(guest);
	assert_int_equal(do_mmuext_op(ARG_VA, 1, 0, 0, 0, 0), -EPERM);
	assert_int_equal(do_mmuext_op(ARG_VA, 1, 0, DOMID_IO, 0, 0), -EPERM);
	assert_int_equal(do_mmuext_op(ARG_VA, 1, 0, DOMID_INVALID, 0, 0), -ESRCH);
}

/* -- device memory and cache attributes: XSA-154, 402 */

static void device_frames_need_permission(void **state) {
	struct tree t = running_tree(guest), h = running_tree(dom0);
	uint64_t inside = mfn_to_maddr(mfn(FRAMES - 2)).a, beyond = 0xfee00000ULL;

	assert_int_equal(set_pte(h.l[1], 0, inside | RW | PTE_PCD), 0);
	assert_int_equal(set_pte(h.l[1], 1, beyond | RW | PTE_PCD | PTE_PWT), 0);
	assert_int_equal(update(ptr(h.l[1], 2, 0), beyond | RW, DOMID_IO), 0);
	assert_int_equal(update(ptr(h.l[1], 2, 0), pte(page_of(dom0), RW), DOMID_IO), -EBUSY);
	/* another domain's permission counts when it is named */
	assert_int_equal(update(ptr(h.l[1], 3, 0), beyond | RW, guest->id), -EPERM);
	frame_limit = 1ULL << 27; /* 39 address bits */
	assert_int_equal(set_pte(h.l[1], 3, frame_limit << PAGE_SHIFT | RW), -EINVAL);
	assert_int_equal(set_pte(h.l[1], 3, (frame_limit - 1) << PAGE_SHIFT | RW), 0);
	assert_int_equal(set_pte(h.l[1], 0, 0), 0);
	run_as(guest);
	assert_int_equal(set_pte(t.l[1], 0, inside | RO), -EPERM);
	assert_int_equal(set_pte(t.l[1], 0, beyond | RO), -EPERM);
	assert_int_equal(update(ptr(t.l[1], 0, 0), beyond | RO, DOMID_IO), -EPERM);
	/* what it may use it maps as its own; device memory's own name is the privileged domain's */
	assert_int_equal(permit_set(guest, PERMIT_MMIO, FRAMES - 2, 1, true), 0);
	assert_int_equal(set_pte(t.l[1], 0, inside | RO), 0);
	assert_int_equal(update(ptr(t.l[1], 1, 0), inside | RO, DOMID_IO), -EPERM);
	assert_int_equal(set_pte(t.l[1], 0, 0), 0);
	/* frame 0 was never handed out */
	assert_int_equal(set_pte(t.l[1], 0, RO), -EPERM);
}

static void uncached_memory_is_flushed_before_it_is_trusted(void **state) {
	struct tree t = running_tree(guest), h = running_tree(dom0);
	mfn_t a = page_of(dom0), b = page_of(guest);

	assert_int_equal(set_pte(h.l[1], 0, pte(a, RW | PTE_PCD)), 0);
	assert_int_equal(set_pte(h.l[1], 0, 0), 0);
	host_journal_clear();
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, a, 0), 0);
	assert_int_equal(host_journal_find(HOST_FRAME_FLUSH), 1);
	/* TLBs first, then what caches have of that frame */
	assert_int_equal(host_journal[0].kind, HOST_TLB_FLUSH);
	assert_int_equal(host_journal[1].kind, HOST_FRAME_FLUSH);
	assert_int_equal(host_journal[1].a, mfn_x(a));
	assert_int_equal(ext(MMUEXT_UNPIN_TABLE, a, 0), 0);
	host_journal_clear();
	assert_int_equal(domain_frame_release(dom0, a), 0);
	assert_int_equal(host_journal_find(HOST_FRAME_FLUSH), 1);
	assert_int_equal(host_journal_find(HOST_CACHE_FLUSH), 0); /* which would stop all processors */
	run_as(guest);
	assert_int_equal(set_pte(t.l[1], 0, pte(b, RW | PTE_PCD)), -EINVAL);
	assert_int_equal(set_pte(t.l[1], 0, pte(b, RW | PTE_PAT)), -EINVAL);
	assert_int_equal(set_pte(t.l[1], 0, pte(b, RW)), 0);
	assert_int_equal(set_pte(t.l[1], 0, pte(b, RW | PTE_PWT)), -EINVAL);
}

/* XSA-273 */
static void absent_entries_may_not_point_at_cached_memory(void **state) {
	struct tree t = running_tree(guest);

	assert_int_equal(set_pte(t.l[1], 0, pte(mfn(100), 0)), 0);
	assert_int_equal(set_pte(t.l[1], 0, 0), 0);
	l1tf_limit = FRAMES;
	assert_int_equal(set_pte(t.l[1], 0, pte(mfn(100), 0)), -EINVAL);
	assert_int_equal(set_pte(t.l[2], 1, pte(mfn(100), 0)), -EINVAL);
	assert_int_equal(set_pte(t.l[1], 0, PTE_ADDR & ~(5ULL << 12)), 0); /* Linux's swap entries */
	assert_int_equal(set_pte(t.l[1], 0, PTE_D), 0);
	l1tf_limit = 0;
}

/* -- batches */

static void batch_stops_at_the_refused_request(void **state) {
	struct tree t = running_tree(guest);
	mfn_t a = page_of(guest), b = page_of(dom0);
	struct mmu_update u[100];
	unsigned done;

	for (unsigned i = 0; i < 100; i++)
		u[i] = (struct mmu_update){ ptr(t.l[1], i, i % 3 ? 0 : MMU_PT_UPDATE_PRESERVE_AD),
					    pte(i == 70 ? b : a, RW) };
	u[30] = (struct mmu_update){ mfn_to_maddr(a).a | MMU_MACHPHYS_UPDATE, 5 };
	for (unsigned units = 1; units < 1000; units *= 9) {
		hypercall_preempt_units = units;
		arg_put(0x100, u, sizeof(u));
		done = 4711;
		arg_put(0, &done, sizeof(done));
		assert_int_equal(finish(do_mmu_update(ARG_VA + 0x100, 100, ARG_VA, DOMID_SELF, 0, 0)), -EBUSY);
		memcpy(&done, arg_page, sizeof(done));
		assert_int_equal(done, 70);
		assert_int_equal(type_count(a), 69);
		assert_int_equal(m2p_get(a), 5);
	}
	assert_int_equal(at(t.l[1])[71], 0);
	/* over-long and empty ones */
	assert_int_equal(do_mmu_update(ARG_VA, 0, 0, DOMID_SELF, 0, 0), 0);
	assert_int_equal(do_mmu_update(ARG_VA + ARG_SIZE - 16, 0x7fffffff, 0, DOMID_SELF, 0, 0), -EFAULT);
}

/* A request is fetched once: a guest that rewrites it meanwhile changes nothing. */
static mfn_t flip_to;
static void flip(gvaddr_t src, size_t n) {
	struct mmu_update *u = (struct mmu_update *)arg_page;

	u->val = pte(flip_to, RW);
}

static void request_is_fetched_once(void **state) {
	struct tree t = running_tree(guest);
	mfn_t a = page_of(guest);

	flip_to = t.l[2];
	host_fetch_hook = flip;
	assert_int_equal(set_pte(t.l[1], 0, pte(a, RW)), 0);
	host_fetch_hook = NULL;
	assert_int_equal(at(t.l[1])[0], pte(a, RW | PTE_US));
}

/* Requests that bring whole tables into use, and out of it, count for what they are. */
static void tables_in_upper_entries_are_work(void **state) {
	struct tree t = running_tree(guest);
	mfn_t l1 = page_of(guest);

	for (unsigned i = 0; i < 512; i++) at(l1)[i] = pte(l1, RO);
	this_cpu()->preempt_budget = 0;
	assert_int_equal(set_pte(t.l[2], 1, pte(l1, TAB)), 0);
	assert_in_range(this_cpu()->preempt_budget, 250, 300);
	assert_int_equal(set_pte(t.l[2], 1, 0), 0);
	assert_in_range(this_cpu()->preempt_budget, 500, 600);
}

/* -- by virtual address */

static void update_va_mapping_and_flush(void **state) {
	struct tree t = running_tree(guest);
	mfn_t a = page_of(guest);
	uint64_t mask = 1;

	assert_int_equal(do_update_va_mapping(0x5000, pte(a, RW), UVMF_NONE, 0, 0, 0), 0);
	assert_int_equal(at(t.l[1])[5], pte(a, RW | PTE_US));
	assert_int_equal(host_journal_find(HOST_TLB_FLUSH), 0);
	assert_int_equal(do_update_va_mapping(0x5000, 0, UVMF_INVLPG | UVMF_LOCAL, 0, 0, 0), 0);
	assert_int_equal(host_journal[0].a, cpumask_of(0));
	assert_int_equal(host_journal[0].b, 0x5000);
	assert_int_equal(do_update_va_mapping(0x5000, 0, UVMF_TLB_FLUSH | UVMF_ALL, 0, 0, 0), 0);
	assert_int_equal(host_journal[1].a, guest->dirty_cpus);
	assert_int_equal(host_journal[1].b, TLB_FLUSH_ALL);
	guest->vcpu[0]->processor = 1;
	arg_put(0, &mask, sizeof(mask));
	assert_int_equal(do_update_va_mapping(0x5000, 0, UVMF_TLB_FLUSH | ARG_VA, 0, 0, 0), 0);
	assert_int_equal(host_journal[2].a, cpumask_of(1));
	assert_int_equal(do_update_va_mapping(0x5000, 0, UVMF_INVLPG | 0x66600, 0, 0, 0), -EFAULT);
	/* no table there; ring 0's part; not canonical */
	assert_int_equal(do_update_va_mapping(0x40000000, 0, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(do_update_va_mapping(0xffff800000000000, 0, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(do_update_va_mapping(0x8000000000000000, 0, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(do_update_va_mapping_otherdomain(0x5000, pte(page_of(dom0), RO), 0, 0, 0, 0), -EPERM);
}

/* Through a self-map the "L1 table" is an upper one: its own rules hold. */
static void update_va_mapping_through_a_linear_map(void **state) {
	struct tree t = tree_of(guest);
	mfn_t l1 = page_of(guest), data = page_of(guest);
	/* L4[300] = L4: the L2 table of va 0 is seen at this address's L1 level */
	uint64_t l4 = 300ULL << 39 | 0xffff000000000000, va = l4 | 300ULL << 30 | 0 << 21;

	run_as(guest);
	at(t.l[4])[300] = pte(t.l[4], RO);
	assert_int_equal(ext(MMUEXT_NEW_BASEPTR, t.l[4], 0), 0);
	/* L4 -> L4 -> L3 is "L2", its entry 0 leads to the real L2: index 1 of it */
	assert_int_equal(finish(do_update_va_mapping(va | 1 << 12, pte(l1, TAB), 0, 0, 0, 0)), 0);
	assert_true(type_is(l1) == FT_L1 || type_is(l1) == FT_L2);
	host_frames_check();
	assert_int_equal(do_update_va_mapping(va | 2 << 12, pte(data, TAB | PTE_PSE), 0, 0, 0, 0), -EINVAL);
}

/* Ring 0's slots of a root are seen through its link to itself as well: what they lead to is no table of the guest's.
 */
static void update_va_mapping_of_ring0_through_a_linear_map(void **state) {
	struct tree t = tree_of(guest);
	mfn_t data = page_of(guest);
	uint64_t *l3 = heap_alloc(PAGE_SIZE), *l2 = heap_alloc(PAGE_SIZE);
	uint64_t link = 300ULL << 39 | 0xffff000000000000, to_l2 = link | 264ULL << 30,
		 to_l3 = link | 300ULL << 30 | 264ULL << 21;

	run_as(guest);
	at(t.l[4])[300] = pte(t.l[4], RO);
	assert_int_equal(ext(MMUEXT_NEW_BASEPTR, t.l[4], 0), 0);
	at(t.l[4])[264] = pte(own_mfn(l3), RW);
	l3[0] = l3[7] = pte(own_mfn(l2), RW);
	l2[7] = pte(mfn(1), RW);
	assert_int_equal(do_update_va_mapping(to_l2 | 7 << 12, 0, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(do_update_va_mapping(to_l2 | 8 << 12, pte(data, TAB), 0, 0, 0, 0), -EINVAL);
	assert_int_equal(do_update_va_mapping(to_l3 | 7 << 12, 0, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(l3[7], pte(own_mfn(l2), RW));
	assert_int_equal(l2[7], pte(mfn(1), RW));
	assert_int_equal(l2[8], 0);
	heap_free(l2);
	heap_free(l3);
}

/* A vCPU that is queued on another CPU than the one that keeps it loaded may come back there. */
static void flush_of_one_that_is_kept_loaded(void **state) {
	struct mmuext_op op = { .cmd = MMUEXT_TLB_FLUSH_MULTI };
	uint64_t bitmap = 1;

	run_as(guest);
	guest->dirty_cpus = cpumask_of(0) | cpumask_of(1);
	set_xen_guest_handle_raw(op.arg2.vcpumask, (void *)(ARG_VA + 0x100));
	arg_put(0x100, &bitmap, sizeof(bitmap));
	arg_put(0, &op, sizeof(op));
	guest->vcpu[0]->processor = 1;
	host_journal_clear();
	assert_int_equal(do_mmuext_op(ARG_VA, 1, 0, DOMID_SELF, 0, 0), 0);
	assert_int_equal(host_journal[0].a, cpumask_of(1));
	guest->vcpu[0]->arch.loaded_after = 1;
	host_journal_clear();
	assert_int_equal(do_mmuext_op(ARG_VA, 1, 0, DOMID_SELF, 0, 0), 0);
	assert_int_equal(host_journal[0].a, cpumask_of(0) | cpumask_of(1));
}

static void flushes_of_mmuext_op(void **state) {
	struct mmuext_op op = { .cmd = MMUEXT_INVLPG_ALL, .arg1.linear_addr = 0x7000 };

	arg_put(0, &op, sizeof(op));
	assert_int_equal(do_mmuext_op(ARG_VA, 1, 0, DOMID_SELF, 0, 0), 0);
	assert_int_equal(host_journal[0].a, guest->dirty_cpus);
	assert_int_equal(host_journal[0].b, 0x7000);
	assert_int_equal(ext(MMUEXT_TLB_FLUSH_LOCAL, mfn(0), 0), 0);
	assert_int_equal(host_journal[1].a, cpumask_of(0));
	assert_int_equal(ext(MMUEXT_TLB_FLUSH_MULTI, mfn(0), 0x6660000), -EINVAL);
	assert_int_equal(ext(MMUEXT_FLUSH_CACHE, mfn(0), 0), -EACCES);
	assert_int_equal(ext(99, mfn(0), 0), -ENOSYS);
	run_as(dom0);
	assert_int_equal(ext(MMUEXT_FLUSH_CACHE_GLOBAL, mfn(0), 0), 0);
	assert_int_equal(host_journal_find(HOST_CACHE_FLUSH), 1);
	/* no two in one go */
	op.cmd = MMUEXT_FLUSH_CACHE;
	arg_put(0, &op, sizeof(op));
	arg_put(sizeof(op), &op, sizeof(op));
	this_cpu()->preempt_budget = 0;
	assert_int_equal(do_mmuext_op(ARG_VA, 2, 0, DOMID_SELF, 0, 0), -ERESTART);
	assert_int_equal(host_journal_find(HOST_CACHE_FLUSH), 2);
}

static void pages_are_cleared_and_copied(void **state) {
	struct tree t = running_tree(guest);
	mfn_t a = page_of(guest), b = page_of(guest);

	at(a)[10] = 99;
	assert_int_equal(ext(MMUEXT_COPY_PAGE, b, mfn_x(a)), 0);
	assert_int_equal(at(b)[10], 99);
	assert_int_equal(ext(MMUEXT_CLEAR_PAGE, a, 0), 0);
	assert_int_equal(at(a)[10], 0);
	assert_int_equal(ext(MMUEXT_CLEAR_PAGE, t.l[1], 0), -EINVAL);
	assert_int_equal(ext(MMUEXT_COPY_PAGE, t.l[1], mfn_x(a)), -EINVAL);
	assert_int_equal(ext(MMUEXT_COPY_PAGE, b, mfn_x(page_of(dom0))), -EINVAL);
	assert_int_equal(ext(MMUEXT_CLEAR_PAGE, page_of(dom0), 0), -EINVAL);
}

/* -- emulated stores */

static bool is_table(struct vcpu *v, uint64_t va) {
	mfn_t table;
	uint64_t entry;

	return pt_store_target(v, gvaddr(va), &table, &entry);
}

static int store(struct vcpu *v, uint64_t va, const uint64_t *expect, uint64_t value) {
	mfn_t table;
	uint64_t entry;

	if (!pt_store_target(v, gvaddr(va), &table, &entry)) return -EFAULT;
	assert_int_equal(entry, at(table)[va % PAGE_SIZE / 8]);
	return pt_store(v, table, gvaddr(va), expect, value);
}

static void stores_to_tables_are_emulated(void **state) {
	struct tree t = running_tree(guest);
	struct vcpu *v = guest->vcpu[0];
	mfn_t a = page_of(guest);
	uint64_t l1_at = 0x3000, plain = 0x4000;
	uint64_t old, e;

	assert_int_equal(set_pte(t.l[1], 3, pte(t.l[1], RO)), 0);
	assert_int_equal(set_pte(t.l[1], 4, pte(a, RO)), 0);
	assert_true(is_table(v, l1_at));
	assert_false(is_table(v, plain));
	assert_int_equal(set_pte(t.l[1], 8, pte(t.l[2], RO)), 0);
	assert_false(is_table(v, 0x8000)); /* an upper one */
	assert_false(is_table(v, 0x5000));
	assert_false(is_table(v, 0x123450000000));
	e = pte(a, RW);
	assert_int_equal(store(v, 0x3000 + 8 * 9, NULL, e), 0);
	assert_int_equal(at(t.l[1])[9], e | PTE_US);
	assert_int_equal(type_count(a), 1);
	/* compare and exchange: not equal, equal */
	old = 5;
	assert_int_equal(store(v, 0x3000 + 8 * 9, &old, 0), -EAGAIN);
	assert_int_equal(at(t.l[1])[9], e | PTE_US);
	old = e | PTE_US;
	assert_int_equal(store(v, 0x3000 + 8 * 9, &old, pte(a, RO)), 0);
	assert_int_equal(at(t.l[1])[9], pte(a, RO | PTE_US));
	assert_int_equal(type_count(a), 0);
	assert_int_equal(store(v, 0x3000 + 8 * 9, &old, e), -EAGAIN);
	assert_int_equal(at(t.l[1])[9], pte(a, RO | PTE_US));
	assert_int_equal(type_count(a), 0);
	old = pte(a, RO | PTE_US);
	assert_int_equal(store(v, 0x3000 + 8 * 9, &old, 0), 0);
	assert_int_equal(at(t.l[1])[9], 0);
	assert_int_equal(ref_count(a), 2);
	/* refused: the table itself writable, another's frame, no table there or any more */
	assert_int_equal(store(v, 0x3000 + 8 * 3, NULL, pte(t.l[1], TAB)), -EBUSY);
	assert_int_equal(store(v, l1_at, NULL, pte(page_of(dom0), RO)), -EBUSY);
	assert_int_equal(store(v, plain, NULL, 0), -EFAULT);
	assert_int_equal(pt_store(v, a, gvaddr(l1_at), NULL, 0), -EFAULT);
	assert_int_equal(pt_store(v, t.l[2], gvaddr(l1_at), NULL, 0), -EFAULT);
}

/* One of the two domains does not exist: the other's reference goes back. */
static void a_bad_pair_of_domains_holds_nothing(void **state) {
	uint32_t refs = guest->refs;

	run_as(dom0);
	assert_int_equal(do_mmu_update(ARG_VA, 1, 0, 78u << 16 | guest->id, 0, 0), -ESRCH);
	assert_int_equal(guest->refs, refs);
}

static void walk_finds_the_entry(void **state) {
	struct tree t = running_tree(guest);
	mfn_t a = page_of(guest);

	assert_int_equal(set_pte(t.l[1], 6, pte(a, RO)), 0);
	assert_int_equal(guest_walk(guest->vcpu[0], gvaddr(0x6123)), pte(a, RO | PTE_US));
	assert_int_equal(guest_walk(guest->vcpu[0], gvaddr(0xffff800000000000)), 0);
	assert_int_equal(guest_walk(dom0->vcpu[0], gvaddr(0x6123)), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, mm_setup, mm_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(entries_carry_references),
		T(the_right_to_write_alone),
		T(refused_update_changes_nothing),
		T(plain_page_is_stored_to),
		T(accessed_and_dirty_are_preserved),
		T(machphys_update_sets_the_table),
		T(only_dom0_reaches_other_domains),
		T(pins_of_another_domain),
		T(device_frames_need_permission),
		T(uncached_memory_is_flushed_before_it_is_trusted),
		T(absent_entries_may_not_point_at_cached_memory),
		T(batch_stops_at_the_refused_request),
		T(request_is_fetched_once),
		T(tables_in_upper_entries_are_work),
		T(update_va_mapping_and_flush),
		T(update_va_mapping_through_a_linear_map),
		T(update_va_mapping_of_ring0_through_a_linear_map),
		T(flush_of_one_that_is_kept_loaded),
		T(flushes_of_mmuext_op),
		T(pages_are_cleared_and_copied),
		T(stores_to_tables_are_emulated),
		T(walk_finds_the_entry),
		T(a_bad_pair_of_domains_holds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
