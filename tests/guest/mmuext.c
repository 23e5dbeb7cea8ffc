/* SPDX-License-Identifier: MIT */
/* mmuext_op: flushes, clearing and copying of frames, the LDT, lists of requests; pins and roots
 * are in pt_types. */
#include <kit/pt.h>
#include <kit/shared.h>
#include "tap.h"

#define WINDOW  ((volatile uint64_t *)0xffffc00000000000UL)
#define NOWHERE ((void *)0x7000000000UL)

static unsigned long page_a, page_b;

static void setup(void) {
	page_a = kit_page_alloc();
	page_b = kit_page_alloc();
	*(uint64_t *)kit_page(page_a) = 0xaaaa;
	*(uint64_t *)kit_page(page_b) = 0xbbbb;
	kit_map(WINDOW, kit_pte(page_a, PTE_DATA));
}

/* Moves WINDOW to the other frame without a flush, then flushes by `cmd` and looks. */
static void check_flush(unsigned int cmd, unsigned long address, const void *mask, const char *name) {
	static bool b_is_next = true;
	char what[80];

	(void)*WINDOW;
	kit_mmu_update(kit_l1e_maddr(WINDOW), kit_pte(b_is_next ? page_b : page_a, PTE_DATA));
	is(kit_mmuext(cmd, address, mask), 0, name);
	kit_snprintf(what, sizeof(what), "%s: the new frame is seen", name);
	is_hex(*WINDOW, b_is_next ? 0xbbbb : 0xaaaa, what);
	b_is_next = !b_is_next;
}

static void test_flushes(void) {
	static const uint64_t all = ~0UL, none;

	check_flush(MMUEXT_TLB_FLUSH_LOCAL, 0, NULL, "TLB_FLUSH_LOCAL");
	check_flush(MMUEXT_INVLPG_LOCAL, (unsigned long)WINDOW, NULL, "INVLPG_LOCAL");
	check_flush(MMUEXT_TLB_FLUSH_MULTI, 0, &all, "TLB_FLUSH_MULTI");
	check_flush(MMUEXT_INVLPG_MULTI, (unsigned long)WINDOW, &all, "INVLPG_MULTI");
	check_flush(MMUEXT_TLB_FLUSH_ALL, 0, NULL, "TLB_FLUSH_ALL");
	check_flush(MMUEXT_INVLPG_ALL, (unsigned long)WINDOW, NULL, "INVLPG_ALL");
	is(kit_mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, &none), 0, "TLB_FLUSH_MULTI of no vCPU");
	is(kit_mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, NOWHERE), KIT_ERRNO(EINVAL), "TLB_FLUSH_MULTI with an unmapped mask");
	is(kit_mmuext(MMUEXT_INVLPG_MULTI, 0, NOWHERE), KIT_ERRNO(EINVAL), "INVLPG_MULTI with an unmapped mask");
	is(kit_mmuext(MMUEXT_INVLPG_LOCAL, 0x800000000000UL, NULL), 0, "INVLPG_LOCAL of a non-canonical address");
	is(kit_mmuext(MMUEXT_INVLPG_LOCAL, HYPERVISOR_VIRT_START, NULL), 0, "INVLPG_LOCAL of a hypervisor's address");
	is(kit_mmuext(MMUEXT_FLUSH_CACHE, 0, NULL), 0, "FLUSH_CACHE");
	is(kit_mmuext(MMUEXT_FLUSH_CACHE_GLOBAL, 0, NULL), 0, "FLUSH_CACHE_GLOBAL");
}

static void test_clear_copy(void) {
	struct mmuext_op op = { .cmd = MMUEXT_COPY_PAGE };
	unsigned long table = kit_table_alloc();

	is(kit_mmuext(MMUEXT_CLEAR_PAGE, kit_mfn(page_b), NULL), 0, "CLEAR_PAGE");
	is_hex(*(uint64_t *)kit_page(page_b), 0, "the frame is clear");
	op.arg1.mfn = kit_mfn(page_b);
	op.arg2.src_mfn = kit_mfn(page_a);
	is(hv_mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "COPY_PAGE");
	is_hex(*(uint64_t *)kit_page(page_b), 0xaaaa, "the frame is copied");
	kit_mmuext(MMUEXT_PIN_L1_TABLE, kit_mfn(table), NULL);
	is(kit_mmuext(MMUEXT_CLEAR_PAGE, kit_mfn(table), NULL), KIT_ERRNO(EINVAL), "CLEAR_PAGE of a table");
	op.arg1.mfn = kit_mfn(table);
	is(hv_mmuext_op(&op, 1, NULL, DOMID_SELF), KIT_ERRNO(EINVAL), "COPY_PAGE to a table");
	op.arg1.mfn = kit_mfn(page_b);
	op.arg2.src_mfn = kit_mfn(table);
	is(hv_mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "COPY_PAGE from a table");
	is_hex(*(uint64_t *)kit_page(page_b), 0, "gives its content");
	op.arg2.src_mfn = 0xfffffff;
	is(hv_mmuext_op(&op, 1, NULL, DOMID_SELF), KIT_ERRNO(EINVAL), "COPY_PAGE from beyond memory");
	is(kit_mmuext(MMUEXT_CLEAR_PAGE, 0xfffffff, NULL), KIT_ERRNO(EINVAL), "CLEAR_PAGE beyond memory");
	is(kit_mmuext(MMUEXT_CLEAR_PAGE, kit_start_info->shared_info >> PAGE_SHIFT, NULL), 0,
	   "CLEAR_PAGE of shared_info");
	kit_mmuext(MMUEXT_UNPIN_TABLE, kit_mfn(table), NULL);
	kit_table_free(table);
}

static void test_ldt(void) {
	struct mmuext_op op = { .cmd = MMUEXT_SET_LDT };

	op.arg1.linear_addr = (unsigned long)kit_page(page_a);
	op.arg2.nr_ents = 8;
	is(hv_mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "SET_LDT");
	op.arg2.nr_ents = 8193;
	is(hv_mmuext_op(&op, 1, NULL, DOMID_SELF), KIT_ERRNO(EINVAL), "SET_LDT with too many entries");
	op.arg2.nr_ents = 8;
	op.arg1.linear_addr += 8;
	is(hv_mmuext_op(&op, 1, NULL, DOMID_SELF), KIT_ERRNO(EINVAL), "SET_LDT with an odd address");
	op.arg1.linear_addr = HYPERVISOR_VIRT_START;
	is(hv_mmuext_op(&op, 1, NULL, DOMID_SELF), KIT_ERRNO(EINVAL), "SET_LDT in the hypervisor's range");
	op.arg1.linear_addr = 0;
	op.arg2.nr_ents = 0;
	is(hv_mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "SET_LDT with none");
}

static void test_unknown(void) {
	for (unsigned int cmd = 14; cmd < 24; cmd++) {
		char name[40];

		if (cmd >= 15 && cmd <= 18) continue;
		kit_snprintf(name, sizeof(name), "mmuext command %u", cmd);
		value(name, kit_mmuext(cmd, kit_mfn(page_a), NULL));
	}
	is(kit_mmuext(99, 0, NULL), KIT_ERRNO(ENOSYS), "an unknown command");
	is(kit_mmuext(MMUEXT_MARK_SUPER, kit_mfn(page_a), NULL), KIT_ERRNO(EOPNOTSUPP), "MARK_SUPER");
}

static void test_lists(void) {
	struct mmuext_op ops[3] = {
		{ .cmd = MMUEXT_TLB_FLUSH_LOCAL },
		{ .cmd = 99 },
		{ .cmd = MMUEXT_TLB_FLUSH_LOCAL },
	};
	unsigned int count = 77;

	is(hv_mmuext_op(ops, 3, &count, DOMID_SELF), KIT_ERRNO(ENOSYS), "a bad request in the middle ends the list");
	is(count, 1, "the count says how many were done");
	is(hv_mmuext_op(ops, 1, &count, DOMID_SELF), 0, "a list of one");
	is(count, 1, "is counted");
	is(hv_mmuext_op(ops, 0, &count, DOMID_SELF), 0, "an empty list");
	is(hv_mmuext_op(NOWHERE, 1, &count, DOMID_SELF), KIT_ERRNO(EFAULT), "an unmapped list");
	is(hv_mmuext_op((void *)HYPERVISOR_VIRT_START, 1, &count, DOMID_SELF), KIT_ERRNO(EFAULT),
	   "a list in the hypervisor's range");
	is(hv_mmuext_op(ops, 1, NULL, 1234), KIT_ERRNO(ESRCH), "a domain that does not exist");
	is(hv_mmuext_op(ops, 1, NULL, 0), KIT_ERRNO(ESRCH), "oneself by number is no foreign domain");
	value("mmuext_op on DOMID_IO", hv_mmuext_op(ops, 1, NULL, DOMID_IO));
	value("mmuext_op on DOMID_XEN", hv_mmuext_op(ops, 1, NULL, DOMID_XEN));
	ops[0].cmd = MMUEXT_NEW_BASEPTR;
	ops[0].arg1.mfn = kit_mfn(kit_root_pfn);
	is(hv_mmuext_op(ops, 1, NULL, DOMID_XEN), KIT_ERRNO(EPERM), "a root on behalf of another");
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_mm_init();
	setup();
	test_flushes();
	test_clear_copy();
	test_ldt();
	test_unknown();
	test_lists();
	done();
}
