/* SPDX-License-Identifier: MIT */
/* A domain builder for guests of the kit; see child.h. */
#define __XEN_TOOLS__ 1
#include "child.h"
#include <xen/domctl.h>
#include <xen/io/console.h>
#include <xen/sysctl.h>

/* Where things lie in a child, in page frame numbers. */
#define FIRST   256UL /* the image: 1 MiB */
#define P2M     496UL /* two pages */
#define INFO    498UL
#define CONSOLE 499UL
#define BOX     500UL
#define SPARE   501UL /* not used by the child: the test's */
#define L4      502UL
#define END                                                                                            \
	512UL /* of the boot mapping: the pages from the tables to here are for the child's direct map \
	       */
#define WINDOW 0xffffc10000000000UL
#define SLOTS  64U

extern char kit_data_start[], kit_data_end[];

volatile struct child_box *const child_own_box = (void *)(KIT_VIRT_BASE + (BOX << PAGE_SHIFT));
const struct child_limits child_usual = { .vcpus = 1, .ports = 1023, .grant_frames = 4, .maptrack_frames = 4 };

static char pristine[PAGE_SIZE];
static xen_pfn_t mfns[CHILD_PAGES];
static struct vcpu_guest_context context;
static volatile unsigned int ticks;

/* -- calls -- */

long child_domctl(unsigned int cmd, unsigned int domid, struct xen_domctl *op) {
	op->cmd = cmd;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = (domid_t)domid;
	return hypercall1(__HYPERVISOR_domctl, op);
}

long child_sysctl(unsigned int cmd, struct xen_sysctl *op) {
	op->cmd = cmd;
	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return hypercall1(__HYPERVISOR_sysctl, op);
}

static long simple_domctl(unsigned int cmd, unsigned int domid) {
	struct xen_domctl op = { 0 };

	return child_domctl(cmd, domid, &op);
}

uint64_t child_free_pages(void) {
	struct xen_sysctl op = { 0 };

	if (child_sysctl(XEN_SYSCTL_physinfo, &op)) kit_panic("# no physinfo");
	return op.u.physinfo.free_pages + op.u.physinfo.scrub_pages;
}

long child_map_foreign(const volatile void *va, uint64_t pte, unsigned int domid) {
	return hypercall4(__HYPERVISOR_update_va_mapping_otherdomain, va, pte, UVMF_INVLPG | UVMF_LOCAL, domid);
}

/* -- building -- */

/* Window 0 is for building; a child has two others while it exists. */
static volatile void *window(unsigned int n) { return (void *)(WINDOW + ((unsigned long)n << PAGE_SHIFT)); }

static long write_page(unsigned int domid, unsigned long pfn, const void *from, size_t size) {
	long rc = child_map_foreign(window(0), mfns[pfn] << PAGE_SHIFT | PTE_DATA, domid);

	if (rc) return rc;
	memcpy((void *)window(0), from, size);
	return child_map_foreign(window(0), 0, DOMID_SELF);
}

static long copy_image(unsigned int domid) {
	const char *at = kit_image_start;
	unsigned long pfn = FIRST;
	long rc = 0;

	for (; !rc && at < kit_data_start; at += PAGE_SIZE) rc = write_page(domid, pfn++, at, PAGE_SIZE);
	return rc ? rc : write_page(domid, pfn, pristine, (size_t)(kit_data_end - kit_data_start));
}

static long write_tables(unsigned int domid) {
	static uint64_t table[512];
	long rc = 0;

	for (unsigned int level = 4; !rc && level > 1; level--) {
		unsigned long slot = KIT_VIRT_BASE >> (12 + 9 * (level - 1)) & 511;

		memset(table, 0, sizeof(table));
		table[slot] = mfns[L4 + 5 - level] << PAGE_SHIFT | PTE_TABLE;
		rc = write_page(domid, L4 + 4 - level, table, sizeof(table));
	}
	memset(table, 0, sizeof(table));
	for (unsigned long pfn = FIRST; pfn < END; pfn++)
		table[pfn] = mfns[pfn] << PAGE_SHIFT | (pfn >= L4 && pfn < L4 + 4 ? PTE_RO : PTE_DATA);
	return rc ? rc : write_page(domid, L4 + 3, table, sizeof(table));
}

static long write_info(struct child *c) {
	static struct start_info info;

	memset(&info, 0, sizeof(info));
	info.nr_pages = CHILD_PAGES;
	info.shared_info = c->shared_mfn << PAGE_SHIFT;
	info.console.domU.mfn = mfns[CONSOLE];
	info.pt_base = KIT_VIRT_BASE + (L4 << PAGE_SHIFT);
	info.nr_pt_frames = 4;
	info.mfn_list = KIT_VIRT_BASE + (P2M << PAGE_SHIFT);
	return write_page(c->id, INFO, &info, sizeof(info));
}

static long write_box(struct child *c, void (*run)(void)) {
	struct child_box box = { .run = run };
	long rc = write_page(c->id, P2M, mfns, PAGE_SIZE);

	if (!rc) rc = write_page(c->id, P2M + 1, (char *)mfns + PAGE_SIZE, sizeof(mfns) - PAGE_SIZE);
	return rc ? rc : write_page(c->id, BOX, &box, sizeof(box));
}

static long set_context(struct child *c) {
	struct mmuext_op pin = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = mfns[L4] };
	struct xen_domctl op = { 0 };
	long rc = hv_mmuext_op(&pin, 1, NULL, c->id);
	extern char _start[];

	if (rc) return rc;
	memset(&context, 0, sizeof(context));
	context.flags = VGCF_in_kernel | VGCF_online;
	context.user_regs.rip = (unsigned long)_start;
	context.user_regs.rsi = KIT_VIRT_BASE + (INFO << PAGE_SHIFT);
	context.user_regs.cs = FLAT_KERNEL_CS;
	context.user_regs.ss = FLAT_KERNEL_SS;
	context.user_regs.rflags = 0x200;
	context.kernel_ss = FLAT_KERNEL_SS;
	context.ctrlreg[0] = 0x80050033;
	context.ctrlreg[3] = xen_pfn_to_cr3(mfns[L4]);
	set_xen_guest_handle(op.u.vcpucontext.ctxt, &context);
	return child_domctl(XEN_DOMCTL_setvcpucontext, c->id, &op);
}

static long populate(struct child *c, unsigned long max_pages) {
	struct xen_memory_reservation r = { .nr_extents = CHILD_PAGES, .domid = (domid_t)c->id };
	struct xen_domctl op = { 0 };
	long rc;

	op.u.max_mem.max_memkb = (max_pages ? max_pages : CHILD_PAGES) * 4;
	rc = child_domctl(XEN_DOMCTL_max_mem, c->id, &op);
	if (rc) return rc;
	for (unsigned long pfn = 0; pfn < CHILD_PAGES; pfn++) mfns[pfn] = pfn;
	set_xen_guest_handle(r.extent_start, mfns);
	rc = hv_memory_op(XENMEM_populate_physmap, &r);
	return rc == CHILD_PAGES ? 0 : rc < 0 ? rc : KIT_ERRNO(ENOMEM);
}

static long create_domain(struct child *c, const struct child_limits *l) {
	struct xen_domctl op = { 0 };
	long rc;

	op.u.createdomain = (struct xen_domctl_createdomain){
		.max_vcpus = l->vcpus,
		.max_evtchn_port = l->ports,
		.max_grant_frames = (int)l->grant_frames,
		.max_maptrack_frames = (int)l->maptrack_frames,
		.grant_opts = XEN_DOMCTL_GRANT_version(2),
	};
	rc = child_domctl(XEN_DOMCTL_createdomain, 0, &op);
	c->id = op.domain;
	return rc;
}

static long build(struct child *c, const struct child_limits *l, void (*run)(void)) {
	struct xen_domctl op = { 0 };
	long rc;

	op.u.max_vcpus.max = l->vcpus;
	rc = child_domctl(XEN_DOMCTL_max_vcpus, c->id, &op);
	if (!rc) rc = populate(c, l->max_pages);
	if (!rc) rc = child_domctl(XEN_DOMCTL_getdomaininfo, c->id, &op);
	c->shared_mfn = op.u.getdomaininfo.shared_info_frame;
	c->root_mfn = mfns[L4];
	c->spare_mfn = mfns[SPARE];
	if (!rc) rc = copy_image(c->id);
	if (!rc) rc = write_info(c);
	if (!rc) rc = write_box(c, run);
	if (!rc) rc = write_tables(c->id);
	return rc ? rc : set_context(c);
}

/* The child's box and console, for as long as it lives. */
static long map_windows(struct child *c) {
	unsigned int slot = 1 + 2 * (c->id % (SLOTS / 2));
	long rc = child_map_foreign(window(slot), mfns[BOX] << PAGE_SHIFT | PTE_DATA, c->id);

	c->box = window(slot);
	c->console = window(slot + 1);
	return rc ? rc : child_map_foreign(c->console, mfns[CONSOLE] << PAGE_SHIFT | PTE_DATA, c->id);
}

long child_create(struct child *c, const struct child_limits *limits, void (*run)(void)) {
	long rc;

	memset(c, 0, sizeof(*c));
	rc = create_domain(c, limits);
	if (rc) return rc;
	rc = build(c, limits, run);
	if (!rc) rc = map_windows(c);
	if (rc) child_destroy(c);
	return rc;
}

/* -- life -- */

long child_start(struct child *c) { return simple_domctl(XEN_DOMCTL_unpausedomain, c->id); }

long child_destroy(struct child *c) {
	long rc;

	if (c->box) {
		child_console(c);
		child_map_foreign(c->box, 0, DOMID_SELF);
		child_map_foreign(c->console, 0, DOMID_SELF);
		c->box = NULL;
	}
	do {
		rc = simple_domctl(XEN_DOMCTL_destroydomain, c->id);
	} while (rc == KIT_ERRNO(EAGAIN));
	/* its last parts may be freed behind the call */
	for (unsigned int i = 0; !rc && i < 50 && child_exists(c->id); i++) child_sleep(MS);
	return rc;
}

static bool info_of(unsigned int id, struct xen_domctl *op) {
	memset(op, 0, sizeof(*op));
	return !child_domctl(XEN_DOMCTL_getdomaininfo, id, op) && op->domain == id;
}

bool child_exists(unsigned int id) {
	struct xen_domctl op;

	return info_of(id, &op);
}

uint64_t child_cpu_time(const struct child *c) {
	struct xen_domctl op;

	return info_of(c->id, &op) ? op.u.getdomaininfo.cpu_time : 0;
}

uint64_t child_tot_pages(const struct child *c) {
	struct xen_domctl op;

	return info_of(c->id, &op) ? op.u.getdomaininfo.tot_pages : 0;
}

bool child_ended(const struct child *c, unsigned int *reason) {
	struct xen_domctl op;

	if (!info_of(c->id, &op) || !(op.u.getdomaininfo.flags & XEN_DOMINF_shutdown)) return false;
	*reason = op.u.getdomaininfo.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
	return true;
}

void child_console(struct child *c) {
	volatile struct xencons_interface *r = c->console;
	char line[128];
	unsigned int n = 0;

	while (r->out_cons != r->out_prod) {
		line[n++] = r->out[MASK_XENCONS_IDX(r->out_cons, r->out)];
		r->out_cons++;
		if (n < sizeof(line) && line[n - 1] != '\n') continue;
		kit_printf("# domain %u: ", c->id);
		kit_console_write(line, n);
		n = 0;
	}
	if (n) kit_console_write(line, n);
}

bool child_wait(struct child *c, uint64_t state, uint64_t ns) {
	uint64_t end = kit_time() + ns;

	while (c->box->state < state && kit_time() < end) {
		child_console(c);
		child_sleep(MS);
	}
	child_console(c);
	return c->box->state >= state;
}

/* -- scheduling -- */

long child_pin(const struct child *c, unsigned int vcpu, uint64_t cpus) {
	struct xen_domctl op = { 0 };
	long rc;

	if (vcpu == ALL_VCPUS) {
		for (vcpu = 0; (rc = child_pin(c, vcpu, cpus)) == 0; vcpu++)
			;
		return vcpu ? 0 : rc;
	}
	op.u.vcpuaffinity.vcpu = vcpu;
	op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, (uint8_t *)&cpus);
	op.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
	return child_domctl(XEN_DOMCTL_setvcpuaffinity, c->id, &op);
}

long child_weight(const struct child *c, unsigned int weight, unsigned int cap) {
	struct xen_domctl op = { 0 };

	op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
	op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	op.u.scheduler_op.u.credit2.weight = (uint16_t)weight;
	op.u.scheduler_op.u.credit2.cap = (uint16_t)cap;
	return child_domctl(XEN_DOMCTL_scheduler_op, c->id, &op);
}

static void tick(unsigned int port) {
	(void)port;
	ticks++;
}

void child_sleep(uint64_t ns) {
	uint64_t end = kit_time() + ns;

	while (kit_time() < end) {
		kit_events_off();
		kit_timer_set(end);
		hv_sched_op(SCHEDOP_block, NULL); /* opens events too */
	}
}

/* -- start -- */

void child_init(void) {
	bool first = kit_start_info->flags & SIF_INITDOMAIN;

	if (kit_data_end - kit_data_start > (long)sizeof(pristine)) kit_panic("# too much initialised data");
	memcpy(pristine, kit_data_start, (size_t)(kit_data_end - kit_data_start));
	kit_shared_init();
	kit_traps_init();
	kit_events_init();
	kit_mm_init();
	kit_event_handle((unsigned int)kit_event_bind_virq(VIRQ_TIMER, 0), tick);
	kit_events_on();
	if (!first) {
		child_own_box->run();
		kit_poweroff();
	}
	for (unsigned int i = 0; i <= SLOTS; i++)
		if (kit_map(window(i), 0)) kit_panic("# no window");
}
