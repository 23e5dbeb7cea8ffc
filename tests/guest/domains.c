/* SPDX-License-Identifier: MIT */
/* guest-boot: mem=160 dom0_mem=32M */
/* Life of other domains, from creation to the last page: what is mapped of a dead domain keeps it, and no
 * more; a thousand of them leave nothing; nobody sees what another had in memory; limits hold. */
#define __XEN_TOOLS__ 1
#include "child.h"
#include "tap.h"
#include <xen/domctl.h>

#define SECRET 0x5ec2e7a5a55ec2e7UL
#define CYCLES 1000
#define REF    9
#define VIEW                                                                                          \
	((volatile uint64_t *)0xffffc20000000000UL) /* 16 pages for mappings of other domains' frames \
						     */
#define VIEW_AT(n) (VIEW + (n) * (PAGE_SIZE / 8))

static volatile struct grant_entry_v1 *const own_grants = (void *)0xffffc20000100000UL;

/* -- grants and resources of a child, by its toolstack -- */

/* A frame of the child's grant table, mapped at a view. */
static long view_grants(const struct child *c, unsigned int n) {
	xen_pfn_t frame = 0;
	struct xen_mem_acquire_resource r = { .domid = (domid_t)c->id,
					      .type = XENMEM_resource_grant_table,
					      .id = XENMEM_resource_grant_table_id_shared,
					      .nr_frames = 1 };
	long rc;

	set_xen_guest_handle(r.frame_list, &frame);
	rc = hv_memory_op(XENMEM_acquire_resource, &r);
	return rc ? rc : child_map_foreign(VIEW_AT(n), frame << PAGE_SHIFT | PTE_DATA, c->id);
}

/* Has the child grant its spare page to us, through the view of its table. */
static void child_grants_spare(const struct child *c, unsigned int n) {
	volatile struct grant_entry_v1 *table = (volatile void *)VIEW_AT(n);

	table[REF].domid = 0;
	table[REF].frame = (uint32_t)c->spare_mfn;
	barrier(); /* the flags make the entry valid */
	table[REF].flags = GTF_permit_access;
}

static struct gnttab_map_grant_ref map_grant(unsigned int dom, unsigned int ref, volatile void *va) {
	struct gnttab_map_grant_ref m = {
		.host_addr = (unsigned long)va, .flags = GNTMAP_host_map, .ref = ref, .dom = (domid_t)dom
	};

	if (hv_grant_table_op(GNTTABOP_map_grant_ref, &m, 1)) m.status = -1000;
	return m;
}

static int unmap_grant(unsigned int handle, volatile void *va) {
	struct gnttab_unmap_grant_ref u = { .host_addr = (unsigned long)va, .handle = handle };

	return hv_grant_table_op(GNTTABOP_unmap_grant_ref, &u, 1) ? -1000 : u.status;
}

static void setup(void) {
	xen_pfn_t frame = 0;
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };

	for (unsigned int i = 0; i < 16; i++) kit_map(VIEW_AT(i), 0);
	set_xen_guest_handle(s.frame_list, &frame);
	hv_grant_table_op(GNTTABOP_setup_table, &s, 1);
	kit_map(own_grants, frame << PAGE_SHIFT | PTE_DATA);
	/* one grant of ours to us, for what comes with the first and stays */
	own_grants[REF].frame = (uint32_t)kit_mfn(kit_page_alloc());
	own_grants[REF].flags = GTF_permit_access;
	unmap_grant(map_grant(0, REF, VIEW).handle, VIEW);
	own_grants[REF].flags = 0;
}

/* One test that as many pages are free as once were. A hypervisor may free the last of them a little later.
 */
static void pages_back(uint64_t free, const char *name) {
	for (unsigned int i = 0; i < 100 && child_free_pages() != free; i++) child_sleep(MS);
	same(child_free_pages(), free, name);
}

/* -- roles of children -- */

static void wait_for_ever(void) {
	child_own_box->state = 1;
	for (;;) child_sleep(SECOND);
}

static void crash(void) { asm volatile("ud2"); }

/* Lets an event in without a callback for it. */
static void event_without_callback(void) {
	unsigned int port = (unsigned int)kit_event_bind_ipi(0);

	hv_set_callbacks(0, 0, 0);
	kit_events_off();
	kit_event_unmask(port);
	kit_event_send(port);
	hv_sched_op(SCHEDOP_block, NULL);
	wait_for_ever();
}

/* Fills all memory it has with a secret. */
static void write_secret(void) {
	unsigned long pfn;

	for (pfn = 0; pfn < 256; pfn++) {
		uint64_t *words = kit_page(pfn);

		for (unsigned int i = 0; i < PAGE_SIZE / 8; i++) words[i] = SECRET;
	}
	wait_for_ever();
}

/* Looks for anything in the pages that nobody gave it. */
static void look_for_secrets(void) {
	for (unsigned long pfn = 0; pfn < 256; pfn++) {
		const uint64_t *words = kit_page(pfn);

		for (unsigned int i = 0; i < PAGE_SIZE / 8; i++) child_own_box->out[0] += words[i] != 0;
	}
	wait_for_ever();
}

/* Maps the page that its parent granted it, and says how that went. */
static void map_parents_page(void) {
	struct gnttab_map_grant_ref m;

	kit_map(VIEW, 0);
	m = map_grant(0, REF, VIEW);
	child_own_box->out[0] = (uint64_t)m.status;
	if (!m.status) child_own_box->out[1] = *VIEW;
	wait_for_ever();
}

/* -- tests -- */

/* A child that does this ends as one that crashed. */
static void ends_in_crash(void (*run)(void), const char *what) {
	unsigned int reason = 99;
	char name[80];
	struct child c;

	child_create(&c, &child_usual, run);
	child_start(&c);
	child_wait(&c, 1, 50 * MS);
	kit_snprintf(name, sizeof(name), "%s: the domain is shut down", what);
	ok(child_ended(&c, &reason), name);
	kit_snprintf(name, sizeof(name), "%s: the reason is a crash", what);
	is(reason, SHUTDOWN_crash, name);
	child_destroy(&c);
}

static void test_life(void) {
	struct child c;
	uint64_t free;

	/* once first, for what comes with the first domain and stays */
	is(child_create(&c, &child_usual, wait_for_ever), 0, "a first domain");
	child_destroy(&c);
	free = child_free_pages();
	is(child_create(&c, &child_usual, wait_for_ever), 0, "a domain is created");
	ok(free - child_free_pages() >= CHILD_PAGES, "it takes pages");
	kit_printf("# %lu pages beside its own\n", free - child_free_pages() - CHILD_PAGES);
	is(child_tot_pages(&c), CHILD_PAGES, "it has those it was given");
	is(child_cpu_time(&c), 0, "it has not run");
	is(child_start(&c), 0, "it is started");
	ok(child_wait(&c, 1, 5 * SECOND), "it runs");
	ok(child_cpu_time(&c) > 0, "that took time");
	is(child_destroy(&c), 0, "it is destroyed");
	ok(!child_exists(c.id), "it is gone");
	pages_back(free, "all pages are back");
	ends_in_crash(crash, "an exception without a handler");
	ends_in_crash(event_without_callback, "an event without a callback");
	pages_back(free, "all pages are back again");
}

/* The domain is destroyed while something of it is mapped at VIEW; then that goes too. */
static void destroy_mapped(struct child *c, uint64_t free, const char *what, bool kept) {
	char name[80];

	kit_snprintf(name, sizeof(name), "%s: destroyed while mapped", what);
	is(child_destroy(c), 0, name);
	kit_snprintf(name, sizeof(name), "%s: the mapping keeps the domain", what);
	if (kept)
		ok(child_exists(c->id), name);
	else
		value(name, child_exists(c->id));
	kit_snprintf(name, sizeof(name), "%s: nearly all pages are back", what);
	kit_printf("# %lu are not\n", free - child_free_pages());
	if (kept)
		ok(free - child_free_pages() < 40, name);
	else
		value(name, free - child_free_pages() < 40);
}

static void gone(const struct child *c, uint64_t free, const char *what) {
	char name[80];

	child_sleep(5 * MS);
	kit_snprintf(name, sizeof(name), "%s: gone with its last mapping", what);
	ok(!child_exists(c->id), name);
	kit_snprintf(name, sizeof(name), "%s: all pages are back", what);
	pages_back(free, name);
}

static void test_foreign_maps(void) {
	uint64_t free = child_free_pages();
	struct child c;

	child_create(&c, &child_usual, wait_for_ever);
	is(child_map_foreign(VIEW, c.spare_mfn << PAGE_SHIFT | PTE_DATA, c.id), 0, "dom0 maps a domain's page");
	*VIEW = 1234;
	destroy_mapped(&c, free, "a page", true);
	is(*VIEW, 1234, "it can still be read");
	child_map_foreign(VIEW, 0, DOMID_SELF);
	gone(&c, free, "a page");

	child_create(&c, &child_usual, wait_for_ever);
	ok(child_map_foreign(VIEW, c.root_mfn << PAGE_SHIFT | PTE_DATA, c.id) < 0, "a table is not mapped writable");
	is(child_map_foreign(VIEW, c.root_mfn << PAGE_SHIFT | PTE_RO, c.id), 0, "but read-only");
	destroy_mapped(&c, free, "a table", true);
	child_map_foreign(VIEW, 0, DOMID_SELF);
	gone(&c, free, "a table");

	child_create(&c, &child_usual, wait_for_ever);
	is(child_map_foreign(VIEW, c.shared_mfn << PAGE_SHIFT | PTE_DATA, c.id), 0, "dom0 maps shared_info");
	destroy_mapped(&c, free, "shared_info", false);
	child_map_foreign(VIEW, 0, DOMID_SELF);
	gone(&c, free, "shared_info");

	child_create(&c, &child_usual, wait_for_ever);
	is(view_grants(&c, 0), 0, "dom0 maps a grant table frame");
	destroy_mapped(&c, free, "a grant table", false);
	child_map_foreign(VIEW, 0, DOMID_SELF);
	gone(&c, free, "a grant table");
}

static void test_grant_kept(void) {
	uint64_t free = child_free_pages();
	struct gnttab_map_grant_ref m;
	struct child c;

	child_create(&c, &child_usual, wait_for_ever);
	view_grants(&c, 1);
	child_grants_spare(&c, 1);
	child_map_foreign(VIEW_AT(1), 0, DOMID_SELF);
	m = map_grant(c.id, REF, VIEW);
	is(m.status, GNTST_okay, "dom0 maps a domain's grant");
	*VIEW = 4321;
	destroy_mapped(&c, free, "a grant", true);
	is(*VIEW, 4321, "it can still be read");
	is(unmap_grant(m.handle, VIEW), GNTST_okay, "the grant is unmapped");
	gone(&c, free, "a grant");
}

static void test_grant_given_back(void) {
	uint64_t free = child_free_pages();
	unsigned long pfn = kit_page_alloc();
	struct child c;

	*(uint64_t *)kit_page(pfn) = 76; /* no present entry */
	child_create(&c, &child_usual, map_parents_page);
	own_grants[REF].domid = (domid_t)c.id;
	own_grants[REF].frame = (uint32_t)kit_mfn(pfn);
	barrier(); /* the flags make the entry valid */
	own_grants[REF].flags = GTF_permit_access;
	is(kit_page_protect(pfn, PTE_RO), 0, "we keep a page of ours read-only");
	child_start(&c);
	ok(child_wait(&c, 1, 5 * SECOND), "a domain maps a page of ours");
	is((long)c.box->out[0], GNTST_okay, "it succeeds");
	is((long)c.box->out[1], 76, "it reads it");
	is_hex(own_grants[REF].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing, "the grant is in use");
	is(kit_mmuext(MMUEXT_PIN_L1_TABLE, kit_mfn(pfn), NULL), KIT_ERRNO(EINVAL), "so it cannot be a table");
	child_destroy(&c);
	is_hex(own_grants[REF].flags, GTF_permit_access, "with the domain the use of the grant ends");
	is(kit_mmuext(MMUEXT_PIN_L1_TABLE, kit_mfn(pfn), NULL), 0, "now it can be a table");
	kit_mmuext(MMUEXT_UNPIN_TABLE, kit_mfn(pfn), NULL);
	kit_page_protect(pfn, PTE_DATA);
	own_grants[REF].flags = 0;
	kit_page_free(pfn);
	pages_back(free, "all pages are back");
}

static void test_ports(void) {
	struct evtchn_status status = { .dom = DOMID_SELF };
	struct child c;
	long theirs, ours;

	child_create(&c, &child_usual, wait_for_ever);
	theirs = kit_event_alloc_unbound(c.id, 0);
	ok(theirs > 0, "a port of another domain, for us");
	ours = kit_event_bind_interdomain(c.id, (unsigned int)theirs);
	ok(ours > 0, "is bound");
	child_destroy(&c);
	status.port = (evtchn_port_t)ours;
	is(hv_event_channel_op(EVTCHNOP_status, &status), 0, "our port is there without the domain");
	is(status.status, EVTCHNSTAT_unbound, "it is unbound");
	value("send to nobody", kit_event_send((unsigned int)ours));
	is(kit_event_close((unsigned int)ours), 0, "it closes");
}

/* One bare domain with everything of everybody's in use. Its number, or an error. */
static long cycle(void) {
	struct child c = { 0 };
	struct xen_domctl op = { 0 };
	struct xen_memory_reservation r = { .nr_extents = 8 };
	xen_pfn_t pages[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	struct gnttab_map_grant_ref m;
	long rc, ours;

	op.u.createdomain = (struct xen_domctl_createdomain){
		.max_vcpus = 2,
		.max_evtchn_port = 127,
		.max_grant_frames = 2,
		.max_maptrack_frames = 2,
		.grant_opts = XEN_DOMCTL_GRANT_version(1),
	};
	rc = child_domctl(XEN_DOMCTL_createdomain, 0, &op);
	if (rc) return rc;
	c.id = op.domain;
	op.u.max_vcpus.max = 2;
	rc = child_domctl(XEN_DOMCTL_max_vcpus, c.id, &op);
	op.u.max_mem.max_memkb = 32;
	if (!rc) rc = child_domctl(XEN_DOMCTL_max_mem, c.id, &op);
	r.domid = (domid_t)c.id;
	set_xen_guest_handle(r.extent_start, pages);
	if (!rc && hv_memory_op(XENMEM_populate_physmap, &r) != 8) rc = -1;
	c.spare_mfn = pages[3];
	if (!rc) rc = child_map_foreign(VIEW_AT(2), pages[5] << PAGE_SHIFT | PTE_DATA, c.id);
	ours = kit_event_alloc_unbound(c.id, 0);
	if (ours > 0) ours = kit_event_bind_interdomain(c.id, (unsigned int)ours);
	if (!rc && ours < 0) rc = ours;
	if (!rc) rc = view_grants(&c, 0);
	child_grants_spare(&c, 0);
	m = map_grant(c.id, REF, VIEW_AT(1));
	if (!rc) rc = m.status;
	/* half of it goes before the domain, half behind it */
	unmap_grant(m.handle, VIEW_AT(1));
	child_map_foreign(VIEW_AT(0), 0, DOMID_SELF);
	if (!rc) rc = child_domctl(XEN_DOMCTL_destroydomain, c.id, &op);
	child_map_foreign(VIEW_AT(2), 0, DOMID_SELF);
	kit_event_close((unsigned int)ours);
	return rc;
}

/* Numbers that tell whether anything was left behind: the next port, the next handle. */
static void next_numbers(long *port, long *handle) {
	struct gnttab_map_grant_ref m;
	struct child c;

	*port = kit_event_alloc_unbound(DOMID_SELF, 0);
	kit_event_close((unsigned int)*port);
	child_create(&c, &child_usual, wait_for_ever);
	view_grants(&c, 0);
	child_grants_spare(&c, 0);
	m = map_grant(c.id, REF, VIEW_AT(1));
	*handle = m.status ? m.status : (long)m.handle;
	unmap_grant(m.handle, VIEW_AT(1));
	child_map_foreign(VIEW_AT(0), 0, DOMID_SELF);
	child_destroy(&c);
}

static void test_cycles(void) {
	long port, handle, port_after, handle_after, rc = 0;
	unsigned int done = 0;
	uint64_t free;

	next_numbers(&port, &handle);
	rc = cycle(); /* once, for what comes with the first */
	free = child_free_pages();
	for (; !rc && done < CYCLES; done++) rc = cycle();
	is(rc, 0, "domains with ports, grants and mappings are made and destroyed");
	is(done, CYCLES, "a thousand of them");
	next_numbers(&port_after, &handle_after);
	is(port_after - port, 0, "all ports are back");
	is(handle_after - handle, 0, "all handles of grants are back");
	pages_back(free, "all pages are back");
}

/* Twenty at once, all running. */
static void test_many(void) {
	static struct child many[20];
	uint64_t free = child_free_pages();
	unsigned int made = 0, run = 0;
	long rc = 0;

	for (; made < 20 && !rc; made += !rc) {
		rc = child_create(&many[made], &child_usual, wait_for_ever);
		if (!rc) rc = child_start(&many[made]);
	}
	is(rc, 0, "domains are made and started");
	is(made, 20, "twenty of them");
	for (unsigned int i = 0; i < made; i++) run += child_wait(&many[i], 1, 5 * SECOND);
	is(run, 20, "they all run");
	for (unsigned int i = 0; i < made; i++) child_destroy(&many[i]);
	pages_back(free, "all pages are back");
}

static void test_scrub(void) {
	static struct child c[8];
	unsigned int i, found = 0;

	for (i = 0; i < 8; i++) {
		child_create(&c[i], &child_usual, write_secret);
		child_start(&c[i]);
	}
	for (i = 0; i < 8; i++) found += child_wait(&c[i], 1, 10 * SECOND);
	is(found, 8, "domains fill their memory with a secret");
	for (i = 0; i < 8; i++) child_destroy(&c[i]);
	found = 0;
	for (i = 0; i < 8; i++) {
		child_create(&c[i], &child_usual, look_for_secrets);
		child_start(&c[i]);
		if (!child_wait(&c[i], 1, 10 * SECOND)) found = 1000;
		found += c[i].box->out[0] != 0;
	}
	is(found, 0, "others that get that memory see nothing of it");
	for (i = 0; i < 8; i++) child_destroy(&c[i]);
}

void guest_main(void) {
	child_init();
	setup();
	test_life();
	test_foreign_maps();
	test_grant_kept();
	test_grant_given_back();
	test_ports();
	test_cycles();
	test_many();
	test_scrub();
	done();
}
