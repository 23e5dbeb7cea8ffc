/* SPDX-License-Identifier: MIT */
/* Grant tables of a domain to itself: the table, versions, mapping, copying, and what is refused. */
#include <kit/pt.h>
#include <kit/shared.h>
#include "tap.h"

#define NOWHERE ((void *)0x7000000000UL)
#define REF     20 /* the first eight are reserved */

static char table_page[PAGE_SIZE] __attribute__((aligned(4096)));
static char window[2][PAGE_SIZE] __attribute__((aligned(4096)));
static volatile struct grant_entry_v1 *table = (void *)table_page;
static unsigned long page_a, page_b;

static long query(struct gnttab_query_size *q, unsigned int dom) {
	memset(q, 0, sizeof(*q));
	q->dom = dom;
	return hv_grant_table_op(GNTTABOP_query_size, q, 1);
}

static void test_setup(void) {
	struct gnttab_query_size q;
	struct gnttab_set_version version = { .version = 1 };
	struct gnttab_get_version got = { .dom = DOMID_SELF };
	xen_pfn_t frames[8] = { 0 };
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1 };

	is(query(&q, DOMID_SELF), 0, "query_size");
	is(q.status, GNTST_okay, "succeeds");
	value("frames", q.nr_frames);
	value("most frames", q.max_nr_frames);
	query(&q, 1234);
	is(q.status, GNTST_bad_domain, "query_size of no domain");
	is(hv_grant_table_op(GNTTABOP_set_version, &version, 1), 0, "set_version 1");
	is(version.version, 1, "tells the version");
	is(hv_grant_table_op(GNTTABOP_get_version, &got, 1), 0, "get_version");
	is(got.version, 1, "tells it too");
	version.version = 3;
	is(hv_grant_table_op(GNTTABOP_set_version, &version, 1), KIT_ERRNO(EINVAL), "set_version 3");
	set_xen_guest_handle(setup.frame_list, frames);
	is(hv_grant_table_op(GNTTABOP_setup_table, &setup, 1), 0, "setup_table");
	is(setup.status, GNTST_okay, "succeeds");
	ok(frames[0] != 0, "and gives a frame");
	is(hv_update_va_mapping(table_page, frames[0] << PAGE_SHIFT | PTE_DATA, UVMF_INVLPG), 0, "which can be mapped");
	is_hex(table[REF].flags, 0, "its entries are empty");
	is(kit_mmuext(MMUEXT_PIN_L1_TABLE, frames[0], NULL), KIT_ERRNO(EINVAL), "it cannot be a page table");
	setup.nr_frames = 8;
	hv_grant_table_op(GNTTABOP_setup_table, &setup, 1);
	is(setup.status, GNTST_okay, "the table grows");
	ok(frames[7] && frames[7] != frames[0], "to eight frames");
	setup.nr_frames = 100000;
	hv_grant_table_op(GNTTABOP_setup_table, &setup, 1);
	value("setup_table of too many frames: status", setup.status);
	setup.nr_frames = 1;
	set_xen_guest_handle(setup.frame_list, (void *)HYPERVISOR_VIRT_START);
	value("setup_table into the hypervisor's range", hv_grant_table_op(GNTTABOP_setup_table, &setup, 1));
	value("its status", setup.status);
	setup.dom = 1234;
	set_xen_guest_handle(setup.frame_list, frames);
	hv_grant_table_op(GNTTABOP_setup_table, &setup, 1);
	is(setup.status, GNTST_bad_domain, "setup_table of no domain");
}

static void grant(unsigned int ref, unsigned long pfn, unsigned int flags) {
	table[ref].domid = 0;
	table[ref].frame = kit_mfn(pfn);
	barrier(); /* the flags make the entry valid */
	table[ref].flags = flags;
}

static struct gnttab_map_grant_ref map(unsigned int ref, void *va, unsigned int flags) {
	struct gnttab_map_grant_ref m = { .host_addr = (unsigned long)va, .flags = flags, .ref = ref, .dom = 0 };
	long rc = hv_grant_table_op(GNTTABOP_map_grant_ref, &m, 1);

	if (rc) m.status = -1000;
	return m;
}

static int unmap(unsigned int handle, void *va) {
	struct gnttab_unmap_grant_ref u = { .host_addr = (unsigned long)va, .handle = handle };

	return hv_grant_table_op(GNTTABOP_unmap_grant_ref, &u, 1) ? -1000 : u.status;
}

static void test_map(void) {
	struct gnttab_map_grant_ref m, second;

	grant(REF, page_a, GTF_permit_access);
	m = map(REF, window[0], GNTMAP_host_map);
	is(m.status, GNTST_okay, "a grant is mapped");
	is_hex(*(volatile uint64_t *)window[0], 0xaaaa, "it shows the frame");
	is_hex(table[REF].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing,
	       "the entry tells that it is in use");
	*(volatile uint64_t *)window[0] = 0xa1a1;
	is_hex(*(uint64_t *)kit_page(page_a), 0xa1a1, "it is writable");
	is(kit_page_protect(page_a, PTE_RO), 0, "the owner drops its own writable mapping");
	is(kit_mmuext(MMUEXT_PIN_L1_TABLE, kit_mfn(page_a), NULL), KIT_ERRNO(EINVAL),
	   "but the frame cannot be a page table while the grant is mapped");
	second = map(REF, window[1], GNTMAP_host_map | GNTMAP_readonly);
	is(second.status, GNTST_okay, "it is mapped once more, read-only");
	TRAP_TRY("movb $1, (%0)", ::"r"(window[1]) : "memory");
	trapped(VEC_PF, 3, "a write there faults");
	is(unmap(m.handle, window[0]), GNTST_okay, "the writable mapping goes");
	is_hex(table[REF].flags & (GTF_reading | GTF_writing), GTF_reading, "the entry is in use for reading only");
	is(unmap(second.handle, window[1]), GNTST_okay, "the other goes");
	is_hex(table[REF].flags, GTF_permit_access, "the entry is not in use");
	is(unmap(second.handle, window[1]), GNTST_bad_handle, "a handle is good once");
	TRAP_TRY("movb (%0), %%cl", ::"r"(window[0]) : "rcx", "memory");
	trapped(VEC_PF, 0, "nothing is mapped there now");
	is(kit_mmuext(MMUEXT_PIN_L1_TABLE, kit_mfn(page_a), NULL), 0, "the frame can be a page table now");
	kit_mmuext(MMUEXT_UNPIN_TABLE, kit_mfn(page_a), NULL);
	kit_page_protect(page_a, PTE_DATA);
	*(uint64_t *)kit_page(page_a) = 0xaaaa;
}

static void test_map_refused(void) {
	struct gnttab_map_grant_ref m;

	grant(REF + 1, page_a, 0);
	is(map(REF + 1, window[0], GNTMAP_host_map).status, GNTST_general_error, "an empty entry");
	grant(REF + 1, page_a, GTF_permit_access | GTF_readonly);
	is(map(REF + 1, window[0], GNTMAP_host_map).status, GNTST_general_error, "a read-only entry, for writing");
	m = map(REF + 1, window[0], GNTMAP_host_map | GNTMAP_readonly);
	is(m.status, GNTST_okay, "for reading");
	unmap(m.handle, window[0]);
	table[REF + 1].domid = 77;
	is(map(REF + 1, window[0], GNTMAP_host_map | GNTMAP_readonly).status, GNTST_general_error,
	   "an entry for another domain");
	grant(REF + 1, page_a, GTF_permit_access);
	is(map(1000000, window[0], GNTMAP_host_map).status, GNTST_bad_gntref, "a reference beyond the table");
	is(map(REF + 1, NOWHERE, GNTMAP_host_map).status, GNTST_general_error, "an address without tables");
	is(map(REF + 1, (void *)HYPERVISOR_VIRT_START, GNTMAP_host_map).status, GNTST_general_error,
	   "an address of the hypervisor's");
	value("map with no flags: status", map(REF + 1, window[0], 0).status);
	m = (struct gnttab_map_grant_ref){ .host_addr = (unsigned long)window[0],
					   .flags = GNTMAP_host_map,
					   .dom = 1234 };
	hv_grant_table_op(GNTTABOP_map_grant_ref, &m, 1);
	is(m.status, GNTST_bad_domain, "a domain that does not exist");
	grant(REF + 2, kit_root_pfn, GTF_permit_access);
	is(map(REF + 2, window[0], GNTMAP_host_map).status, GNTST_general_error, "a writable mapping of a page table");
	table[REF + 2].frame = 0xfffffff;
	is(map(REF + 2, window[0], GNTMAP_host_map).status, GNTST_bad_page, "a frame beyond memory");
	is(unmap(99999, window[0]), GNTST_bad_handle, "unmap of no handle");
	is(hv_grant_table_op(GNTTABOP_map_grant_ref, NOWHERE, 1), KIT_ERRNO(EFAULT), "an unmapped request");
	is(hv_grant_table_op(GNTTABOP_map_grant_ref, (void *)HYPERVISOR_VIRT_START, 1), KIT_ERRNO(EFAULT),
	   "a request in the hypervisor's range");
	is(hv_grant_table_op(GNTTABOP_map_grant_ref, &m, 0), 0, "no request");
	is_hex(table[REF + 1].flags, GTF_permit_access, "refused maps leave the entry as it was");
}

/* Unmapping checks that the address still maps the frame. */
static void test_unmap_elsewhere(void) {
	struct gnttab_map_grant_ref m = map(REF, window[0], GNTMAP_host_map);

	is(unmap(m.handle, window[1]), GNTST_general_error, "unmap at another address is refused");
	is_hex(table[REF].flags & GTF_writing, GTF_writing, "and the entry still in use");
	is(unmap(m.handle, window[0]), GNTST_okay, "unmap at the right one");
	is_hex(table[REF].flags, GTF_permit_access, "frees it");
}

/* A mapping by the machine address of a page-table entry, as user processes of dom0 get them. */
static void test_contains_pte(void) {
	struct gnttab_map_grant_ref m = { .flags = GNTMAP_host_map | GNTMAP_contains_pte | GNTMAP_application_map,
					  .ref = REF };
	volatile uint64_t *va = (void *)0xffffc00000000000UL;

	kit_map(va, 0);
	m.host_addr = kit_l1e_maddr(va);
	is(hv_grant_table_op(GNTTABOP_map_grant_ref, &m, 1), 0, "a mapping by its entry");
	is(m.status, GNTST_okay, "succeeds");
	is_hex(*va, 0xaaaa, "and shows the frame");
	is(unmap(m.handle, (void *)m.host_addr), GNTST_okay, "and goes");
	is_hex(kit_entry_read(m.host_addr), 0, "leaving the entry empty");
	m.host_addr += 4;
	hv_grant_table_op(GNTTABOP_map_grant_ref, &m, 1);
	is(m.status, GNTST_general_error, "half an entry is refused");
	m.host_addr = (uint64_t)kit_mfn(page_b) << PAGE_SHIFT;
	hv_grant_table_op(GNTTABOP_map_grant_ref, &m, 1);
	is(m.status, GNTST_general_error, "an entry in no table is refused");
}

static struct gnttab_copy copy_request(unsigned int ref, unsigned long to, unsigned int len) {
	struct gnttab_copy c = { .flags = GNTCOPY_source_gref, .len = len };

	c.source.u.ref = ref;
	c.source.domid = DOMID_SELF;
	c.dest.u.gmfn = kit_mfn(to);
	c.dest.domid = DOMID_SELF;
	return c;
}

static int copy(struct gnttab_copy *c) { return hv_grant_table_op(GNTTABOP_copy, c, 1) ? -1000 : c->status; }

static void test_copy(void) {
	struct gnttab_copy c = copy_request(REF, page_b, 8);

	grant(REF, page_a, GTF_permit_access);
	is(copy(&c), GNTST_okay, "a copy from a grant");
	is_hex(*(uint64_t *)kit_page(page_b), 0xaaaa, "arrives");
	c.source.offset = 4092;
	is(copy(&c), GNTST_bad_copy_arg, "a copy over the end of the source");
	c.source.offset = 0;
	c.dest.offset = 4092;
	is(copy(&c), GNTST_bad_copy_arg, "a copy over the end of the destination");
	c.dest.offset = 16;
	is(copy(&c), GNTST_okay, "a copy with an offset");
	is_hex(((uint64_t *)kit_page(page_b))[2], 0xaaaa, "arrives there");
	c.source.u.ref = 1000000;
	is(copy(&c), GNTST_bad_gntref, "a reference beyond the table");
	c = copy_request(REF, page_b, 8);
	c.source.domid = 1234;
	is(copy(&c), GNTST_bad_domain, "a domain that does not exist");
	c = copy_request(REF, kit_root_pfn, 8);
	is(copy(&c), GNTST_general_error, "a copy into a page table");
	c = copy_request(REF, page_b, 8);
	c.dest.u.gmfn = 0xfffffff;
	is(copy(&c), GNTST_bad_page, "a copy beyond memory");
	c = (struct gnttab_copy){ .flags = GNTCOPY_dest_gref, .len = 8 };
	c.source.u.gmfn = kit_mfn(page_b);
	c.source.domid = DOMID_SELF;
	c.dest.u.ref = REF;
	c.dest.domid = DOMID_SELF;
	*(uint64_t *)kit_page(page_b) = 0xbbbb;
	is(copy(&c), GNTST_okay, "a copy to a grant");
	is_hex(*(uint64_t *)kit_page(page_a), 0xbbbb, "arrives");
	table[REF].flags = GTF_permit_access | GTF_readonly;
	is(copy(&c), GNTST_general_error, "a copy to a read-only grant");
	is_hex(table[REF].flags, GTF_permit_access | GTF_readonly, "the entry is not in use afterwards");
	c.flags = 0;
	c.dest.u.gmfn = kit_mfn(page_a);
	*(uint64_t *)kit_page(page_b) = 0xcccc;
	is(copy(&c), GNTST_okay, "a copy between own frames");
	is_hex(*(uint64_t *)kit_page(page_a), 0xcccc, "arrives");
}

static void test_others(void) {
	struct gnttab_transfer transfer = { .mfn = kit_mfn(page_b), .domid = 1234, .ref = 1 };
	struct gnttab_unmap_and_replace replace = { .handle = 99999 };
	struct gnttab_swap_grant_ref swap = { .ref_a = REF + 8, .ref_b = REF + 9 };
	struct gnttab_cache_flush flush = { .op = GNTTAB_CACHE_CLEAN, .length = 8 };
	struct gnttab_dump_table dump = { .dom = 1234 };
	struct gnttab_get_status_frames status = { .nr_frames = 1, .dom = DOMID_SELF };
	static uint64_t list[1];

	value("transfer to no domain", hv_grant_table_op(GNTTABOP_transfer, &transfer, 1));
	value("its status", transfer.status);
	value("unmap_and_replace of no handle", hv_grant_table_op(GNTTABOP_unmap_and_replace, &replace, 1));
	value("its status", replace.status);
	value("swap_grant_ref", hv_grant_table_op(GNTTABOP_swap_grant_ref, &swap, 1));
	value("its status", swap.status);
	value("cache_flush", hv_grant_table_op(GNTTABOP_cache_flush, &flush, 1));
	value("dump_table of no domain", hv_grant_table_op(GNTTABOP_dump_table, &dump, 1));
	value("its status", dump.status);
	set_xen_guest_handle(status.frame_list, list);
	value("get_status_frames with version 1", hv_grant_table_op(GNTTABOP_get_status_frames, &status, 1));
	value("its status", status.status);
	is(hv_grant_table_op(99, &status, 1), KIT_ERRNO(ENOSYS), "an unknown operation");
	ok(true, "rare operations were tried");
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_mm_init();
	page_a = kit_page_alloc();
	page_b = kit_page_alloc();
	*(uint64_t *)kit_page(page_a) = 0xaaaa;
	*(uint64_t *)kit_page(page_b) = 0xbbbb;
	test_setup();
	test_map();
	test_map_refused();
	test_unmap_elsewhere();
	test_contains_pte();
	test_copy();
	test_others();
	done();
}
