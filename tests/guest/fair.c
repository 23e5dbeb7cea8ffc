/* SPDX-License-Identifier: MIT */
/* guest-boot: smp=2 vcpus=1 mem=160 dom0_mem=32M qemu="-icount shift=3,sleep=off -cpu max,-x2apic" */
/*
 * (Time is counted in instructions, so that other work on the machine that runs the test does not count.)
 *
 * Domains that take all they can get. Those that share a processor with them keep their share, within 5% of
 * their weight; what has a limit ends there with an error; and calls that are dom0's are refused.
 */
#define __XEN_TOOLS__ 1
#include <kit/smp.h>
#include "child.h"
#include "tap.h"
#include <xen/domctl.h>
#include <xen/sysctl.h>

#define CPU_B 2UL /* dom0 stays on the other one */

/* -- roles -- */

static void spin(void) {
	child_own_box->state = 1;
	for (;;) child_own_box->count[0]++;
}

static void nothing(unsigned int port) { (void)port; }

/* Sends itself and its parent events without end. */
static void flood_events(void) {
	long port = kit_event_alloc_unbound(DOMID_SELF, DOMID_SELF);
	long other = kit_event_bind_interdomain(DOMID_SELF, (unsigned int)port);

	kit_event_handle((unsigned int)other, nothing);
	child_own_box->state = 1;
	for (;;) {
		kit_event_send((unsigned int)port);
		child_own_box->count[0]++;
	}
}

/* Gives memory back and takes it again without end. */
static void churn_memory(void) {
	xen_pfn_t pages[16];
	struct xen_memory_reservation r = { .nr_extents = 16, .domid = DOMID_SELF };

	child_own_box->state = 1;
	for (unsigned int i = 0; i < 16; i++) {
		pages[i] = kit_mfn(i);
		kit_page_protect(i, 0);
	}
	set_xen_guest_handle(r.extent_start, pages);
	for (;;) {
		if (hv_memory_op(XENMEM_decrease_reservation, &r) != 16) kit_panic("# pages are not taken back");
		for (unsigned int i = 0; i < 16; i++) pages[i] = i;
		if (hv_memory_op(XENMEM_populate_physmap, &r) != 16) kit_panic("# pages are not given");
		child_own_box->count[0]++;
	}
}

/* Page tables up and down without end. */
static void churn_tables(void) {
	unsigned long pfn = kit_table_alloc();

	child_own_box->state = 1;
	for (;;) {
		kit_mmuext(MMUEXT_PIN_L1_TABLE, kit_mfn(pfn), NULL);
		kit_mmuext(MMUEXT_UNPIN_TABLE, kit_mfn(pfn), NULL);
		child_own_box->count[0]++;
	}
}

/* Sleeps nearly all the time, and notes by how much it woke too late at worst. */
static void sleep_lightly(void) {
	uint64_t at = kit_time();

	child_own_box->state = 1;
	for (;;) {
		uint64_t late;

		at += 20 * MS;
		while (kit_time() < at) child_sleep(at - kit_time());
		late = kit_time() - at;
		if (late > child_own_box->out[0]) child_own_box->out[0] = late;
		child_own_box->count[0]++;
		at = kit_time();
	}
}

#define VCPUS 8

static void spin_vcpu(void) {
	for (;;) child_own_box->count[kit_vcpu_id()]++;
}

static void all_spin(void) {
	for (unsigned int i = 1; i < VCPUS; i++) child_own_box->out[0] += kit_vcpu_start(i, spin_vcpu) == 0;
	child_own_box->state = 1;
	spin_vcpu();
}

/* -- limits -- */

static void take_everything(void) {
	volatile struct child_box *box = child_own_box;
	struct gnttab_setup_table setup = { .dom = DOMID_SELF };
	xen_pfn_t frames[32], pages[64];
	struct xen_memory_reservation r = { .nr_extents = 64, .domid = DOMID_SELF };
	long port;

	/* ports */
	while ((port = kit_event_alloc_unbound(DOMID_SELF, 0)) > 0) box->out[0]++;
	box->out[1] = (uint64_t)port;
	/* grant frames */
	set_xen_guest_handle(setup.frame_list, frames);
	do {
		setup.nr_frames++;
		hv_grant_table_op(GNTTABOP_setup_table, &setup, 1);
	} while (setup.status == GNTST_okay && setup.nr_frames < 32);
	box->out[2] = setup.nr_frames - 1;
	box->out[3] = (uint64_t)(int64_t)setup.status;
	/* pages */
	for (unsigned int i = 0; i < 64; i++) pages[i] = CHILD_PAGES + i;
	set_xen_guest_handle(r.extent_start, pages);
	box->out[4] = (uint64_t)hv_memory_op(XENMEM_populate_physmap, &r);
	set_xen_guest_handle(r.extent_start, pages);
	box->out[5] = (uint64_t)hv_memory_op(XENMEM_populate_physmap, &r);
	box->state = 1;
	for (;;) child_sleep(SECOND);
}

/* Maps its own grants until no handle is left. */
static void take_handles(void) {
	volatile struct child_box *box = child_own_box;
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1 };
	volatile struct grant_entry_v1 *table = (void *)0xffffc20000000000UL;
	volatile char *va = (void *)0xffffc20000100000UL;
	struct gnttab_map_grant_ref m = { .flags = GNTMAP_host_map | GNTMAP_readonly, .ref = 9 };
	xen_pfn_t frame = 0;

	set_xen_guest_handle(setup.frame_list, &frame);
	hv_grant_table_op(GNTTABOP_setup_table, &setup, 1);
	kit_map(table, frame << PAGE_SHIFT | PTE_DATA);
	table[9].domid = (domid_t)box->arg[0];
	table[9].frame = (uint32_t)kit_mfn(kit_page_alloc());
	barrier(); /* the flags make the entry valid */
	table[9].flags = GTF_permit_access;
	m.dom = (domid_t)box->arg[0];
	while (box->out[0] < 20000) {
		m.host_addr = (unsigned long)va;
		kit_map(va, 0);
		hv_grant_table_op(GNTTABOP_map_grant_ref, &m, 1);
		if (m.status) break;
		box->out[0]++;
		va += PAGE_SIZE;
	}
	box->out[1] = (uint64_t)(int64_t)m.status;
	box->state = 1;
	for (;;) child_sleep(SECOND);
}

/* -- what is dom0's -- */

static void try_forbidden(void) {
	volatile struct child_box *box = child_own_box;
	struct xen_domctl d = { 0 };
	struct xen_sysctl s = { 0 };
	struct mmu_update u = { .ptr = box->arg[0] << PAGE_SHIFT };
	struct mmuext_op unpin = { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = box->arg[0] };
	struct xen_memory_domain_query {
		domid_t domid;
	} who = { 0 };
	struct evtchn_alloc_unbound alloc = { .dom = 0, .remote_dom = DOMID_SELF };
	struct xen_platform_op p = { .cmd = XENPF_settime64 };
	unsigned int n = 0;

	d.u.max_mem.max_memkb = 1 << 20;
	box->out[n++] = (uint64_t)child_domctl(XEN_DOMCTL_max_mem, 0, &d);
	box->out[n++] = (uint64_t)child_domctl(XEN_DOMCTL_pausedomain, 0, &d);
	box->out[n++] = (uint64_t)child_domctl(XEN_DOMCTL_destroydomain, 0, &d);
	box->out[n++] = (uint64_t)child_domctl(XEN_DOMCTL_createdomain, 0, &d);
	box->out[n++] = (uint64_t)child_sysctl(XEN_SYSCTL_physinfo, &s);
	box->out[n++] = (uint64_t)hv_platform_op(&p);
	box->out[n++] = (uint64_t)hv_mmu_update(&u, 1, NULL, 0);
	box->out[n++] = (uint64_t)hv_mmuext_op(&unpin, 1, NULL, 0);
	box->out[n++] = (uint64_t)child_map_foreign(box, box->arg[0] << PAGE_SHIFT | PTE_DATA, 0);
	box->out[n++] = (uint64_t)hv_memory_op(XENMEM_current_reservation, &who);
	box->out[n++] = (uint64_t)hv_event_channel_op(EVTCHNOP_alloc_unbound, &alloc);
	box->out[n++] = (uint64_t)hv_console_io(CONSOLEIO_read, 1, &n);
	box->state = 1;
	for (;;) child_sleep(SECOND);
}

static const char *const forbidden[] = {
	"max_mem of dom0",
	"pause of dom0",
	"destruction of dom0",
	"creation of a domain",
	"physinfo",
	"settime",
	"mmu_update of dom0's table",
	"unpin of dom0's table",
	"mapping of dom0's page",
	"dom0's reservation",
	"a port of dom0's",
	"console_io read",
};

/* -- the parent -- */

static bool make(struct child *c, void (*run)(void), unsigned int weight, unsigned int cap, uint64_t cpus) {
	long rc = child_create(c, &child_usual, run);

	if (!rc) rc = child_weight(c, weight, cap);
	if (!rc) rc = child_pin(c, 0, cpus);
	if (!rc) rc = child_start(c);
	if (rc) kit_printf("# error %ld\n", rc);
	return rc == 0;
}

static bool near(uint64_t got, uint64_t want, const char *name) {
	kit_printf("# %s: %lu of %lu per mille\n", name, got, want);
	return ok(got * 100 >= want * 95 && got * 100 <= want * 105, name);
}

/* Two domains on one processor: the first has to get `share` per mille of what both get. */
static void compete(void (*run)(void), unsigned int weight, uint64_t share, const char *name) {
	struct child a, b;
	uint64_t ta, tb;

	if (!make(&a, spin, weight, 0, CPU_B) || !make(&b, run, 256, 0, CPU_B)) {
		ok(false, name);
		return;
	}
	ok(child_wait(&a, 1, 5 * SECOND) && child_wait(&b, 1, 5 * SECOND), "both run");
	ta = child_cpu_time(&a);
	tb = child_cpu_time(&b);
	child_sleep(2 * SECOND);
	ta = child_cpu_time(&a) - ta;
	tb = child_cpu_time(&b) - tb;
	near(ta * 1000 / (ta + tb), share, name);
	kit_printf("# in %lu ms\n", (ta + tb) / MS);
	ok(b.box->count[0] > 0, "the other is busy too");
	child_destroy(&a);
	child_destroy(&b);
}

static void test_shares(void) {
	compete(spin, 256, 500, "a domain beside one that spins");
	compete(spin, 1024, 800, "a domain with four times the weight");
	compete(flood_events, 256, 500, "beside one that floods events");
	compete(churn_memory, 256, 500, "beside one that gives and takes memory");
	compete(churn_tables, 256, 500, "beside one that makes page tables");
}

static void test_three(void) {
	static const unsigned int weights[3] = { 256, 512, 1280 };
	struct child c[3];
	uint64_t t[3], sum = 0;

	for (unsigned int i = 0; i < 3; i++) ok(make(&c[i], spin, weights[i], 0, CPU_B), "a domain spins");
	child_sleep(100 * MS);
	for (unsigned int i = 0; i < 3; i++) t[i] = child_cpu_time(&c[i]);
	child_sleep(3 * SECOND);
	for (unsigned int i = 0; i < 3; i++) sum += t[i] = child_cpu_time(&c[i]) - t[i];
	near(t[0] * 1000 / sum, 125, "weight 256 of 2048");
	near(t[1] * 1000 / sum, 250, "weight 512 of 2048");
	near(t[2] * 1000 / sum, 625, "weight 1280 of 2048");
	for (unsigned int i = 0; i < 3; i++) child_destroy(&c[i]);
}

static void test_cap(void) {
	struct child c;
	uint64_t time, start;

	ok(make(&c, spin, 256, 25, CPU_B), "a domain with a cap of 25%");
	child_sleep(200 * MS);
	start = kit_time();
	time = child_cpu_time(&c);
	child_sleep(3 * SECOND);
	near((child_cpu_time(&c) - time) * 1000 / (kit_time() - start), 250, "it gets no more and no less");
	child_destroy(&c);
}

/* One that wakes now and then is not kept waiting by those that never stop. */
static void test_latency(void) {
	struct child spinners[3], sleeper;

	for (unsigned int i = 0; i < 3; i++) make(&spinners[i], spin, 256, 0, CPU_B);
	ok(make(&sleeper, sleep_lightly, 256, 0, CPU_B), "a domain that wakes now and then");
	child_sleep(2 * SECOND);
	ok(sleeper.box->count[0] > 30, "it does beside three that spin");
	kit_printf("# %lu times, at worst %lu us late\n", sleeper.box->count[0], sleeper.box->out[0] / 1000);
	child_destroy(&sleeper);
	for (unsigned int i = 0; i < 3; i++) child_destroy(&spinners[i]);
}

static void test_limits(void) {
	struct child_limits limits = { 1, 99, 3, 1, CHILD_PAGES + 40 };
	struct child c, other;

	child_create(&c, &limits, take_everything);
	child_start(&c);
	ok(child_wait(&c, 1, 5 * SECOND), "a domain takes all it can get");
	is((long)c.box->out[0], 98, "ports: one is its timer's");
	is((long)c.box->out[1], KIT_ERRNO(ENOSPC), "then an error");
	is((long)c.box->out[2], 3, "frames of its grant table");
	is((long)c.box->out[3], GNTST_general_error, "then an error");
	is((long)c.box->out[4], 40, "pages");
	is((long)c.box->out[5], 0, "then none");
	child_create(&other, &limits, take_handles);
	other.box->arg[0] = other.id;
	child_start(&other);
	ok(child_wait(&other, 1, 20 * SECOND), "another maps its own grants");
	kit_printf("# %lu handles\n", other.box->out[0]);
	ok(other.box->out[0] > 100 && other.box->out[0] < 20000, "there is an end to its handles");
	ok((int64_t)other.box->out[1] < 0, "with an error");
	child_destroy(&other);
	child_destroy(&c);
}

static void test_privilege(void) {
	struct child c;

	child_create(&c, &child_usual, try_forbidden);
	c.box->arg[0] = kit_mfn(kit_root_pfn);
	child_start(&c);
	ok(child_wait(&c, 1, 5 * SECOND), "a domain tries what is dom0's");
	for (unsigned int i = 0; i < ARRAY_SIZE(forbidden); i++)
		is((long)c.box->out[i], KIT_ERRNO(EPERM), forbidden[i]);
	child_destroy(&c);
}

static void test_vcpus(void) {
	const struct child_limits eight = { VCPUS, 1023, 4, 4, 0 };
	uint64_t count[VCPUS], least = ~0UL, most = 0;
	struct child c;

	child_create(&c, &eight, all_spin);
	child_pin(&c, ALL_VCPUS, CPU_B);
	child_start(&c);
	ok(child_wait(&c, 1, 10 * SECOND), "eight vCPUs spin on one processor");
	is((long)c.box->out[0], VCPUS - 1, "all started");
	child_sleep(500 * MS);
	for (unsigned int i = 0; i < VCPUS; i++) count[i] = c.box->count[i];
	child_sleep(2 * SECOND);
	for (unsigned int i = 0; i < VCPUS; i++) {
		count[i] = c.box->count[i] - count[i];
		least = count[i] < least ? count[i] : least;
		most = count[i] > most ? count[i] : most;
	}
	kit_printf("# the slowest counts to %lu, the fastest to %lu\n", least, most);
	near(least * 1000 / most, 1000, "they get on alike");
	is(child_destroy(&c), 0, "they are destroyed while they spin");
}

void guest_main(void) {
	child_init();
	test_privilege();
	test_limits();
	test_shares();
	test_three();
	test_cap();
	test_latency();
	test_vcpus();
	done();
}
