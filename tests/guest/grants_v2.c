/* SPDX-License-Identifier: MIT */
/*
 * Grant tables of version 2, of a domain to itself: status frames, the flags of use apart from the entry,
 * grants of a part of a page, and the ways between the versions.
 */
#include <kit/pt.h>
#include <kit/shared.h>
#include "tap.h"

#define REF  20   /* the first eight are reserved */
#define FAR  1500 /* in the sixth frame of the table */
#define PART 512  /* where the grant of a part begins */

static char table_pages[8][PAGE_SIZE] __attribute__((aligned(4096)));
static char status_page[PAGE_SIZE] __attribute__((aligned(4096)));
static char window[PAGE_SIZE] __attribute__((aligned(4096)));
static volatile union grant_entry_v2 *table = (void *)table_pages;
static volatile grant_status_t *in_use = (void *)status_page;
static unsigned long page_a, page_b;

static long set_version(unsigned int version) {
	struct gnttab_set_version v = { .version = version };

	return hv_grant_table_op(GNTTABOP_set_version, &v, 1);
}

static unsigned int version(void) {
	struct gnttab_get_version got = { .dom = DOMID_SELF };

	return hv_grant_table_op(GNTTABOP_get_version, &got, 1) ? 0 : got.version;
}

/* The call's error, else its status. */
static long status_frames(uint64_t *frames, unsigned int n) {
	struct gnttab_get_status_frames get = { .nr_frames = n, .dom = DOMID_SELF, .status = 99 };
	long rc;

	set_xen_guest_handle(get.frame_list, frames);
	rc = hv_grant_table_op(GNTTABOP_get_status_frames, &get, 1);
	return rc ? rc : get.status;
}

static void show(void *va, unsigned long mfn, const char *name) {
	is(hv_update_va_mapping(va, mfn << PAGE_SHIFT | PTE_DATA, UVMF_INVLPG), 0, name);
}

static void hide(void *va) { hv_update_va_mapping(va, 0, UVMF_INVLPG); }

static void grant(unsigned int ref, unsigned int flags) {
	table[ref].hdr.domid = 0;
	table[ref].full_page.frame = kit_mfn(page_a);
	barrier(); /* the flags make the entry valid */
	table[ref].hdr.flags = flags;
}

static void grant_part(unsigned int ref, unsigned int off, unsigned int length, unsigned int flags) {
	table[ref].hdr.domid = 0;
	table[ref].sub_page.page_off = off;
	table[ref].sub_page.length = length;
	table[ref].sub_page.frame = kit_mfn(page_a);
	barrier(); /* as above */
	table[ref].hdr.flags = flags | GTF_sub_page;
}

static struct gnttab_map_grant_ref map(unsigned int ref, unsigned int flags) {
	struct gnttab_map_grant_ref m = { .host_addr = (unsigned long)window,
					  .flags = GNTMAP_host_map | flags,
					  .ref = ref };

	if (hv_grant_table_op(GNTTABOP_map_grant_ref, &m, 1)) m.status = -1000;
	return m;
}

static int unmap(unsigned int handle) {
	struct gnttab_unmap_grant_ref u = { .host_addr = (unsigned long)window, .handle = handle };

	return hv_grant_table_op(GNTTABOP_unmap_grant_ref, &u, 1) ? -1000 : u.status;
}

/* Copies `len` bytes of the grant, from `off` of its page. */
static int copy(unsigned int ref, unsigned int off, unsigned int len) {
	struct gnttab_copy c = { .flags = GNTCOPY_source_gref, .len = len };

	c.source.u.ref = ref;
	c.source.domid = DOMID_SELF;
	c.source.offset = off;
	c.dest.u.gmfn = kit_mfn(page_b);
	c.dest.domid = DOMID_SELF;
	return hv_grant_table_op(GNTTABOP_copy, &c, 1) ? -1000 : c.status;
}

static void test_switch(void) {
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 8 };
	xen_pfn_t frames[8] = { 0 };
	uint64_t status[2] = { 0 };

	ok(status_frames(status, 1) != GNTST_okay, "version 1 has no status frames");
	is(set_version(2), 0, "version 2");
	is(version(), 2, "is what there is now");
	set_xen_guest_handle(setup.frame_list, frames);
	hv_grant_table_op(GNTTABOP_setup_table, &setup, 1);
	is(setup.status, GNTST_okay, "a table of eight frames");
	for (unsigned int i = 0; i < 8; i++) show(table_pages[i], frames[i], "a frame of the table");
	is(status_frames(status, 1), GNTST_okay, "its status frame");
	ok(status[0] && status[0] != frames[0], "is another page");
	show(status_page, status[0], "which can be mapped");
	is(kit_mmuext(MMUEXT_PIN_L1_TABLE, status[0], NULL), KIT_ERRNO(EINVAL), "it cannot be a page table");
	is(status_frames(status, 2), GNTST_general_error, "there is no second one");
	value("status frames into the hypervisor's range", status_frames((void *)HYPERVISOR_VIRT_START, 1));
	value("status frames to where nothing is mapped", status_frames((void *)0x7000000000UL, 1));
}

static void test_map(unsigned int ref) {
	struct gnttab_map_grant_ref m;

	grant(ref, GTF_permit_access);
	m = map(ref, 0);
	is(m.status, GNTST_okay, "a grant is mapped");
	is_hex(*(volatile uint64_t *)window, 0xaaaa, "it shows the frame");
	is_hex(in_use[ref], GTF_reading | GTF_writing, "its status tells that it is in use");
	is_hex(table[ref].hdr.flags, GTF_permit_access, "its entry is the guest's alone");
	is(set_version(1), KIT_ERRNO(EBUSY), "no other version while it is mapped");
	is(version(), 2, "so it stays 2");
	is(unmap(m.handle), GNTST_okay, "it is unmapped");
	is_hex(in_use[ref], 0, "its status tells that too");
	grant(ref, GTF_permit_access | GTF_readonly);
	is(map(ref, 0).status, GNTST_general_error, "read-only: not for writing");
	is_hex(in_use[ref], 0, "the refusal leaves no trace");
	m = map(ref, GNTMAP_readonly);
	is(m.status, GNTST_okay, "read-only: for reading");
	is_hex(in_use[ref], GTF_reading, "its status tells how");
	is(unmap(m.handle), GNTST_okay, "it is unmapped again");
	grant(ref, 0);
	is(map(ref, 0).status, GNTST_general_error, "an empty entry");
}

static void test_part(void) {
	grant_part(REF, PART, 16, GTF_permit_access);
	ok(map(REF, GNTMAP_readonly).status != GNTST_okay, "a part of a page cannot be mapped");
	is(copy(REF, PART, 16), GNTST_okay, "it can be copied");
	is_hex(*(uint64_t *)kit_page(page_b), 0xa512, "from its page");
	ok(copy(REF, PART, 17) != GNTST_okay, "not a byte more");
	ok(copy(REF, PART - 1, 4) != GNTST_okay, "nor one before it");
	ok(copy(REF, 0, 4) != GNTST_okay, "nor any other");
	is_hex(in_use[REF], 0, "it is not in use afterwards");
	grant_part(REF, 4090, 16, GTF_permit_access);
	ok(copy(REF, 4090, 16) != GNTST_okay, "a part beyond its page");
	is_hex(in_use[REF], 0, "is not in use either");
}

/* A transitive grant to ourselves: what a hypervisor does with it is compared, not asked for. */
static void test_transitive(void) {
	grant(REF, GTF_permit_access);
	table[REF + 1].transitive.trans_domid = 0;
	table[REF + 1].transitive.gref = REF;
	barrier(); /* as above */
	table[REF + 1].hdr.flags = GTF_transitive;
	ok(map(REF + 1, GNTMAP_readonly).status != GNTST_okay, "a transitive grant cannot be mapped");
	value("copy from a transitive grant", copy(REF + 1, 0, 8));
	is_hex(in_use[REF] | in_use[REF + 1], 0, "nothing is in use afterwards");
	table[REF + 1].hdr.flags = 0;
}

static void test_and_back(void) {
	volatile struct grant_entry_v1 *one = (void *)table_pages;
	struct gnttab_map_grant_ref m;
	uint64_t status[1];

	hide(status_page);
	is(set_version(1), 0, "version 1 again");
	is(version(), 1, "is what there is now");
	ok(status_frames(status, 1) != GNTST_okay, "without status frames");
	is_hex(one[REF].flags, 0, "its entries are empty");
	one[REF].domid = 0;
	one[REF].frame = kit_mfn(page_a);
	barrier(); /* as above */
	one[REF].flags = GTF_permit_access;
	m = map(REF, 0);
	is(m.status, GNTST_okay, "a grant is mapped in version 1");
	is_hex(one[REF].flags, GTF_permit_access | GTF_reading | GTF_writing, "its entry tells that it is in use");
	is(set_version(2), KIT_ERRNO(EBUSY), "no other version now");
	is(unmap(m.handle), GNTST_okay, "it is unmapped");
	is_hex(one[REF].flags, GTF_permit_access, "its entry tells that too");
	is(set_version(2), 0, "version 2 once more");
	is(status_frames(status, 1), GNTST_okay, "with its status frame");
	show(status_page, status[0], "which can be mapped");
	is_hex(table[REF].hdr.flags | in_use[REF], 0, "and all entries empty");
	test_map(REF);
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_mm_init();
	page_a = kit_page_alloc();
	page_b = kit_page_alloc();
	*(uint64_t *)kit_page(page_a) = 0xaaaa;
	*(uint64_t *)(kit_page(page_a) + PART) = 0xa512;
	test_switch();
	test_map(REF);
	test_map(FAR);
	test_part();
	test_transitive();
	test_and_back();
	done();
}
