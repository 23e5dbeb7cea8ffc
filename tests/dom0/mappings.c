/* SPDX-License-Identifier: MIT */
/*
 * What dom0's kernel maps of a domain keeps just that, and goes with the mapping: a bare domain is made, its
 * pages and grant table are mapped through privcmd, one of its grants through gntdev, and it is destroyed
 * meanwhile. Prints TAP.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xencall.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>
#include <xen/domctl.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sysctl.h>
#include <xen/xen.h>

#define PAGES 64
#define REF   9

static xencall_handle *call;
static xenforeignmemory_handle *fmem;
static xengnttab_handle *gnttab;
static unsigned int tests;

static bool ok(bool good, const char *name) {
	printf("%sok %u - %s\n", good ? "" : "not ", ++tests, name);
	return good;
}

/* -- calls -- */

static int domctl(uint32_t cmd, domid_t id, struct xen_domctl *op) {
	struct xen_domctl *copy = xencall_alloc_buffer(call, sizeof(*copy));
	int rc;

	op->cmd = cmd;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = id;
	*copy = *op;
	rc = xencall1(call, __HYPERVISOR_domctl, (uintptr_t)copy);
	*op = *copy;
	xencall_free_buffer(call, copy);
	return rc;
}

static unsigned long free_pages(void) {
	struct xen_sysctl *op = xencall_alloc_buffer(call, sizeof(*op));
	unsigned long n;

	memset(op, 0, sizeof(*op));
	op->cmd = XEN_SYSCTL_physinfo;
	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	if (xencall1(call, __HYPERVISOR_sysctl, (uintptr_t)op)) perror("physinfo");
	n = (unsigned long)(op->u.physinfo.free_pages + op->u.physinfo.scrub_pages);
	xencall_free_buffer(call, op);
	return n;
}

static bool exists(domid_t id) {
	struct xen_domctl op = { 0 };

	return !domctl(XEN_DOMCTL_getdomaininfo, id, &op) && op.domain == id;
}

/* A domain with pages, all zero, and no vCPU that runs. Its number, or -1. */
static int make(void) {
	struct xen_memory_reservation *r = xencall_alloc_buffer(call, sizeof(*r));
	xen_pfn_t *pfns = xencall_alloc_buffer(call, PAGES * sizeof(*pfns));
	struct xen_domctl op = { 0 };
	int rc;

	op.u.createdomain.max_vcpus = 1;
	op.u.createdomain.max_evtchn_port = 127;
	op.u.createdomain.max_grant_frames = 4;
	op.u.createdomain.max_maptrack_frames = 4;
	op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
	rc = domctl(XEN_DOMCTL_createdomain, 0, &op);
	if (rc) return -1;
	memset(r, 0, sizeof(*r));
	for (unsigned int i = 0; i < PAGES; i++) pfns[i] = i;
	r->nr_extents = PAGES;
	r->domid = op.domain;
	set_xen_guest_handle(r->extent_start, pfns);
	op.u.max_mem.max_memkb = PAGES * 4;
	rc = domctl(XEN_DOMCTL_max_mem, op.domain, &op);
	if (!rc) rc = (int)xencall2(call, __HYPERVISOR_memory_op, XENMEM_populate_physmap, (uintptr_t)r) - PAGES;
	xencall_free_buffer(call, r);
	xencall_free_buffer(call, pfns);
	return rc ? -1 : op.domain;
}

/* One page more for it; its machine frame, by which a PV domain's memory is named. */
static xen_pfn_t one_more_page(domid_t id) {
	struct xen_memory_reservation *r = xencall_alloc_buffer(call, sizeof(*r));
	xen_pfn_t *pfn = xencall_alloc_buffer(call, sizeof(*pfn)), got;
	struct xen_domctl op = { 0 };

	op.u.max_mem.max_memkb = (PAGES + 1) * 4;
	domctl(XEN_DOMCTL_max_mem, id, &op);
	memset(r, 0, sizeof(*r));
	*pfn = PAGES;
	r->nr_extents = 1;
	r->domid = id;
	set_xen_guest_handle(r->extent_start, pfn);
	if (xencall2(call, __HYPERVISOR_memory_op, XENMEM_populate_physmap, (uintptr_t)r) != 1) perror("populate");
	got = *pfn;
	xencall_free_buffer(call, r);
	xencall_free_buffer(call, pfn);
	return got;
}

static int destroy(domid_t id) {
	struct xen_domctl op = { 0 };

	return domctl(XEN_DOMCTL_destroydomain, id, &op);
}

/* Whether the domain is gone and its memory is back, within a second. */
static void gone(domid_t id, unsigned long free, const char *what) {
	char name[100];

	for (int i = 0; i < 100 && (exists(id) || free_pages() != free); i++) usleep(10000);
	snprintf(name, sizeof(name), "%s: the domain is gone with it", what);
	ok(!exists(id), name);
	snprintf(name, sizeof(name), "%s: all pages are back", what);
	if (!ok(free_pages() == free, name)) printf("# %lu of %lu\n", free_pages(), free);
}

/* -- tests -- */

static void test_foreign(unsigned long free) {
	int id = make(), err = 0;
	xen_pfn_t frame = one_more_page((domid_t)id);
	char *page = xenforeignmemory_map(fmem, (uint32_t)id, PROT_READ | PROT_WRITE, 1, &frame, &err);

	if (!ok(page, "privcmd maps a page of a domain")) return;
	strcpy(page, "still here");
	ok(!destroy((domid_t)id), "the domain is destroyed");
	ok(exists((domid_t)id), "the mapping keeps it");
	ok(free_pages() + 40 > free, "but hardly any of its memory");
	ok(!strcmp(page, "still here"), "the page can be read");
	xenforeignmemory_unmap(fmem, page, 1);
	gone((domid_t)id, free, "a page of privcmd");
}

static xenforeignmemory_resource_handle *map_table(int id, void **at) {
	return xenforeignmemory_map_resource(fmem, (domid_t)id, XENMEM_resource_grant_table,
					     XENMEM_resource_grant_table_id_shared, 0, 1, at, PROT_READ | PROT_WRITE,
					     0);
}

static void test_resource(unsigned long free) {
	int id = make();
	void *table = NULL;
	xenforeignmemory_resource_handle *res = map_table(id, &table);

	if (!ok(res, "privcmd maps a grant table")) return;
	((volatile struct grant_entry_v1 *)table)[REF].frame = 77;
	ok(!destroy((domid_t)id), "the domain is destroyed");
	ok(((volatile struct grant_entry_v1 *)table)[REF].frame == 77, "the table can be read");
	ok(free_pages() + 40 > free, "hardly any of its memory is kept");
	xenforeignmemory_unmap_resource(fmem, res);
	gone((domid_t)id, free, "a resource of privcmd");
}

static void test_grant(unsigned long free) {
	int id = make();
	xen_pfn_t frame = one_more_page((domid_t)id);
	volatile struct grant_entry_v1 *table;
	void *at = NULL;
	xenforeignmemory_resource_handle *res = map_table(id, &at);
	char *page;

	if (!res) return;
	table = at;
	table[REF].domid = 0;
	table[REF].frame = (uint32_t)frame;
	__sync_synchronize(); /* the flags make the entry valid */
	table[REF].flags = GTF_permit_access;
	xenforeignmemory_unmap_resource(fmem, res);
	page = xengnttab_map_grant_ref(gnttab, (uint32_t)id, REF, PROT_READ | PROT_WRITE);
	if (!ok(page, "gntdev maps a grant of a domain")) return;
	strcpy(page, "granted");
	ok(!destroy((domid_t)id), "the domain is destroyed");
	ok(exists((domid_t)id), "the grant keeps it");
	ok(!strcmp(page, "granted"), "the page can be read");
	xengnttab_unmap(gnttab, page, 1);
	gone((domid_t)id, free, "a grant of gntdev");
}

/* The kernel's own structures and the hypervisor's for dom0 are there after the first use. */
static void warm_up(void) {
	FILE *out = stdout;

	stdout = fopen("/dev/null", "w");
	test_foreign(0);
	test_resource(0);
	test_grant(0);
	fclose(stdout);
	stdout = out;
	tests = 0;
}

int main(void) {
	call = xencall_open(NULL, 0);
	fmem = xenforeignmemory_open(NULL, 0);
	gnttab = xengnttab_open(NULL, 0);
	if (!call || !fmem || !gnttab) {
		perror("mappings");
		return 1;
	}
	warm_up();
	test_foreign(free_pages());
	test_resource(free_pages());
	test_grant(free_pages());
	return 0;
}
