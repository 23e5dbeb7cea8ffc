/* SPDX-License-Identifier: MIT */
/* guest-boot: mem=160 dom0_mem=32M */
/*
 * domctl and sysctl, one after the other, and what other hypercalls do to another domain, with good and bad
 * arguments: mostly values that the runner compares with the other hypervisor's. What they are for is tested
 * by the programs that need it.
 */
#define __XEN_TOOLS__ 1
#include "child.h"
#include "tap.h"
#include <xen/domctl.h>
#include <xen/physdev.h>
#include <xen/sysctl.h>

#define NOBODY 77

static struct child c;
static struct xen_domctl op;
static struct xen_sysctl sys;
static uint64_t words[64];

static void idle(void) {
	child_own_box->state = 1;
	for (;;) child_sleep(SECOND);
}

/* One domctl on the child, its result as a value. */
static long ctl(const char *name, unsigned int cmd) {
	long rc = child_domctl(cmd, c.id, &op);

	value(name, rc);
	return rc;
}

/* The same on other domains: dom0 itself, a number nobody has. */
static void ctl_others(const char *name, unsigned int cmd) {
	struct xen_domctl keep = op;
	char text[80];

	kit_snprintf(text, sizeof(text), "%s: of nobody", name);
	value(text, child_domctl(cmd, NOBODY, &op));
	op = keep;
	kit_snprintf(text, sizeof(text), "%s: of an impossible number", name);
	value(text, child_domctl(cmd, 0x7ffe, &op));
}

static long sysctl(const char *name, unsigned int cmd) {
	long rc = child_sysctl(cmd, &sys);

	value(name, rc);
	return rc;
}

static void bitmap(struct xenctl_bitmap *map, uint64_t bits, unsigned int n) {
	words[0] = bits;
	map->nr_bits = n;
	set_xen_guest_handle(map->bitmap, (uint8_t *)words);
}

/* -- creation -- */

static struct xen_domctl_createdomain usual(void) {
	return (struct xen_domctl_createdomain){ .max_vcpus = 1,
						 .max_evtchn_port = 127,
						 .max_grant_frames = 2,
						 .max_maptrack_frames = 2,
						 .grant_opts = XEN_DOMCTL_GRANT_version(1) };
}

/* A domain with these settings; it goes again. */
static void created(const char *name, unsigned int id) {
	long rc = child_domctl(XEN_DOMCTL_createdomain, id, &op);

	value(name, rc);
	if (rc) return;
	if (id && id < DOMID_FIRST_RESERVED) is(op.domain, id, "it has the number asked for");
	child_domctl(XEN_DOMCTL_destroydomain, op.domain, &op);
}

static void test_creation(void) {
	struct xen_domctl_createdomain *d = &op.u.createdomain;

	*d = usual();
	created("create: any number", 0);
	*d = usual();
	created("create: number 500", 500);
	*d = usual();
	created("create: a number in use", c.id);
	*d = usual();
	created("create: a reserved number", DOMID_FIRST_RESERVED);
	*d = usual();
	d->max_vcpus = 0;
	created("create: no vCPUs", 0);
	d->max_vcpus = 8193;
	created("create: too many vCPUs", 0);
	*d = usual();
	d->flags = 1U << 31;
	created("create: an unknown flag", 0);
	*d = usual();
	d->flags = XEN_DOMCTL_CDF_iommu;
	created("create: with an IOMMU", 0);
	*d = usual();
	d->flags = XEN_DOMCTL_CDF_hap;
	created("create: with HAP", 0);
	*d = usual();
	d->grant_opts = XEN_DOMCTL_GRANT_version(3);
	created("create: grants of version 3", 0);
	*d = usual();
	d->grant_opts = 1U << 31;
	created("create: an unknown grant option", 0);
	*d = usual();
	d->arch.emulation_flags = XEN_X86_EMU_LAPIC;
	created("create: with an emulated APIC", 0);
	*d = usual();
	d->arch.misc_flags = 1U << 31;
	created("create: an unknown arch flag", 0);
	*d = usual();
	d->cpupool_id = 7;
	created("create: in a pool that is not there", 0);
	*d = usual();
	d->vmtrace_size = 4096;
	created("create: with tracing", 0);
	*d = usual();
	d->max_grant_frames = d->max_maptrack_frames = -1;
	created("create: usual grant limits", 0);
	*d = usual();
	d->max_grant_frames = 0;
	created("create: no grant frames", 0);
}

/* -- life -- */

static void test_life(void) {
	ctl("unpause of one not paused again", XEN_DOMCTL_unpausedomain);
	ctl("pause", XEN_DOMCTL_pausedomain);
	ctl("unpause", XEN_DOMCTL_unpausedomain);
	ctl("unpause once too often", XEN_DOMCTL_unpausedomain);
	ctl("resume of one that runs", XEN_DOMCTL_resumedomain);
	ctl_others("pause", XEN_DOMCTL_pausedomain);
	ctl_others("unpause", XEN_DOMCTL_unpausedomain);
	ctl_others("resume", XEN_DOMCTL_resumedomain);
	ctl_others("destroy", XEN_DOMCTL_destroydomain);
	value("pause of oneself", child_domctl(XEN_DOMCTL_pausedomain, 0, &op));
	value("resume of oneself", child_domctl(XEN_DOMCTL_resumedomain, 0, &op));
	value("destroy of oneself", child_domctl(XEN_DOMCTL_destroydomain, 0, &op));
	value("pause of SELF", child_domctl(XEN_DOMCTL_pausedomain, DOMID_SELF, &op));
	ctl("no such operation", 999);
	value("no such operation: of nobody", child_domctl(999, NOBODY, &op));
	op.interface_version = 3;
	op.cmd = XEN_DOMCTL_pausedomain;
	op.domain = (domid_t)c.id;
	value("another interface version", hypercall1(__HYPERVISOR_domctl, &op));
	value("an argument at a bad address", hypercall1(__HYPERVISOR_domctl, 0x800000000000UL));
}

static void test_info(void) {
	const struct xen_domctl_getdomaininfo *i = &op.u.getdomaininfo;

	ctl("info", XEN_DOMCTL_getdomaininfo);
	is(op.domain, c.id, "info: the number");
	value("info: flags", i->flags & ~(XEN_DOMINF_running | XEN_DOMINF_blocked));
	value("info: pages", (long)i->tot_pages);
	value("info: limit", (long)i->max_pages);
	value("info: outstanding, shared, paged",
	      (long)(i->outstanding_pages << 32 | i->shr_pages << 16 | i->paged_pages));
	same(i->shared_info_frame, c.shared_mfn, "info: shared_info");
	value("info: vCPUs on line", i->nr_online_vcpus);
	value("info: highest vCPU", i->max_vcpu_id);
	value("info: pool", i->cpupool);
	value("info: address bits", i->gpaddr_bits);
	value("info: emulated devices", i->arch_config.emulation_flags);
	value("info: from the next number on", child_domctl(XEN_DOMCTL_getdomaininfo, c.id + 1, &op));
	value("info: number 0", child_domctl(XEN_DOMCTL_getdomaininfo, 0, &op));
	value("info: dom0's flags", i->flags & ~(XEN_DOMINF_running | XEN_DOMINF_blocked));
}

/* -- properties -- */

static void test_properties(void) {
	op.u.max_vcpus.max = 9;
	ctl("max_vcpus: another number", XEN_DOMCTL_max_vcpus);
	op.u.max_vcpus.max = 2;
	ctl("max_vcpus: the same number", XEN_DOMCTL_max_vcpus);
	value("max_vcpus: of oneself", child_domctl(XEN_DOMCTL_max_vcpus, 0, &op));
	op.u.max_mem.max_memkb = 4;
	ctl("max_mem: less than it has", XEN_DOMCTL_max_mem);
	op.u.max_mem.max_memkb = CHILD_PAGES * 4;
	ctl("max_mem", XEN_DOMCTL_max_mem);
	ctl_others("max_mem", XEN_DOMCTL_max_mem);
	op.u.setdomainhandle.handle[0] = 0xab;
	ctl("handle", XEN_DOMCTL_setdomainhandle);
	child_domctl(XEN_DOMCTL_getdomaininfo, c.id, &op);
	is(op.u.getdomaininfo.handle[0], 0xab, "handle: it is told");
	op.u.settimeoffset.time_offset_seconds = 3600;
	ctl("time offset", XEN_DOMCTL_settimeoffset);
	op.u.settimeoffset.time_offset_seconds = 0;
	ctl("time offset: none", XEN_DOMCTL_settimeoffset);
	op.u.subscribe.port = 5;
	ctl("subscribe", XEN_DOMCTL_subscribe);
	op.u.subscribe.port = 0;
	ctl("subscribe: no more", XEN_DOMCTL_subscribe);
	op.u.setdebugging.enable = 0;
	ctl("debugging: off", XEN_DOMCTL_setdebugging);
	op.u.setdebugging.enable = 1;
	ctl("debugging: on", XEN_DOMCTL_setdebugging);
	op.u.setdebugging.enable = 0;
	child_domctl(XEN_DOMCTL_setdebugging, c.id, &op);
	value("debugging: oneself", child_domctl(XEN_DOMCTL_setdebugging, 0, &op));
	op.u.address_size.size = 9;
	ctl("address size: read", XEN_DOMCTL_get_address_size);
	value("address size", op.u.address_size.size);
	ctl("address size: the same", XEN_DOMCTL_set_address_size);
	op.u.address_size.size = 32;
	ctl("address size: of one with memory", XEN_DOMCTL_set_address_size);
	op.u.address_size.size = 48;
	ctl("address size: an odd one", XEN_DOMCTL_set_address_size);
}

static void test_nodes_and_clocks(void) {
	bitmap(&op.u.nodeaffinity.nodemap, ~0UL, 64);
	ctl("nodes: read", XEN_DOMCTL_getnodeaffinity);
	value("nodes", (long)words[0]);
	bitmap(&op.u.nodeaffinity.nodemap, 1, 64);
	ctl("nodes: the only one", XEN_DOMCTL_setnodeaffinity);
	bitmap(&op.u.nodeaffinity.nodemap, 0, 64);
	ctl("nodes: none", XEN_DOMCTL_setnodeaffinity);
	bitmap(&op.u.nodeaffinity.nodemap, 2, 64);
	ctl("nodes: another", XEN_DOMCTL_setnodeaffinity);
	bitmap(&op.u.nodeaffinity.nodemap, 3, 64);
	ctl("nodes: also another", XEN_DOMCTL_setnodeaffinity);
	op.u.tsc_info = (struct xen_domctl_tsc_info){ 0 };
	ctl("TSC: read", XEN_DOMCTL_gettscinfo);
	value("TSC: mode", op.u.tsc_info.tsc_mode);
	value("TSC: incarnation", op.u.tsc_info.incarnation);
	for (unsigned int mode = 0; mode < 5; mode++) {
		char name[32];

		kit_snprintf(name, sizeof(name), "TSC: set mode %u", mode);
		op.u.tsc_info = (struct xen_domctl_tsc_info){ .tsc_mode = mode };
		ctl(name, XEN_DOMCTL_settscinfo);
	}
}

/* -- vCPUs -- */

static union {
	struct vcpu_guest_context c;
	uint8_t room[8192];
} context;

static long context_of(const char *name, unsigned int vcpu, unsigned int cmd) {
	op.u.vcpucontext.vcpu = vcpu;
	set_xen_guest_handle(op.u.vcpucontext.ctxt, &context.c);
	return ctl(name, cmd);
}

static void test_contexts(void) {
	context_of("context: read", 0, XEN_DOMCTL_getvcpucontext);
	value("context: flags", (long)context.c.flags);
	ok(context.c.ctrlreg[3] != 0, "context: it has a root");
	value("context: cr0", (long)context.c.ctrlreg[0]);
	value("context: cs", (long)(context.c.user_regs.cs & 0xffff));
	value("context: ss", (long)(context.c.user_regs.ss & 0xffff));
	context_of("context: of one never set up", 1, XEN_DOMCTL_getvcpucontext);
	context_of("context: of one not created", 2, XEN_DOMCTL_getvcpucontext);
	context_of("context: of a wild number", ~0U, XEN_DOMCTL_getvcpucontext);
	value("context: one's own", child_domctl(XEN_DOMCTL_getvcpucontext, 0, &op));
	context_of("context: set of a wild number", ~0U, XEN_DOMCTL_setvcpucontext);
	context.c.ctrlreg[3] = 0;
	context_of("context: set without a root", 1, XEN_DOMCTL_setvcpucontext);
	op.u.vcpucontext.vcpu = 1;
	set_xen_guest_handle(op.u.vcpucontext.ctxt, (struct vcpu_guest_context *)0x800000000000UL);
	ctl("context: at a bad address", XEN_DOMCTL_setvcpucontext);
	value("context: set of oneself", child_domctl(XEN_DOMCTL_setvcpucontext, 0, &op));
}

static void test_vcpus(void) {
	op.u.getvcpuinfo.vcpu = 0;
	ctl("vCPU info", XEN_DOMCTL_getvcpuinfo);
	value("vCPU info: on line", op.u.getvcpuinfo.online);
	ok(op.u.getvcpuinfo.cpu_time > 0, "vCPU info: it has run");
	op.u.getvcpuinfo.vcpu = 1;
	ctl("vCPU info: of another", XEN_DOMCTL_getvcpuinfo);
	value("vCPU info: on line, of another", op.u.getvcpuinfo.online);
	value("vCPU info: time of another", (long)op.u.getvcpuinfo.cpu_time);
	op.u.getvcpuinfo.vcpu = 2;
	ctl("vCPU info: not created", XEN_DOMCTL_getvcpuinfo);
	op.u.getvcpuinfo.vcpu = ~0U;
	ctl("vCPU info: a wild number", XEN_DOMCTL_getvcpuinfo);
	op.u.sendtrigger = (struct xen_domctl_sendtrigger){ .trigger = XEN_DOMCTL_SENDTRIGGER_RESET };
	ctl("trigger: reset", XEN_DOMCTL_sendtrigger);
	op.u.sendtrigger = (struct xen_domctl_sendtrigger){ .trigger = 99 };
	ctl("trigger: unknown", XEN_DOMCTL_sendtrigger);
	op.u.sendtrigger = (struct xen_domctl_sendtrigger){ .trigger = XEN_DOMCTL_SENDTRIGGER_NMI, .vcpu = 2 };
	ctl("trigger: a vCPU not created", XEN_DOMCTL_sendtrigger);
	op.u.sendtrigger = (struct xen_domctl_sendtrigger){ .trigger = XEN_DOMCTL_SENDTRIGGER_NMI, .vcpu = 1 };
	ctl("trigger: an NMI of one that is down", XEN_DOMCTL_sendtrigger);
}

static void affinity(const char *name, unsigned int cmd, unsigned int vcpu, unsigned int flags, uint64_t hard,
		     uint64_t soft) {
	static uint64_t maps[2];
	char text[80];
	long rc;

	maps[0] = hard;
	maps[1] = soft;
	op.u.vcpuaffinity = (struct xen_domctl_vcpuaffinity){ .vcpu = vcpu, .flags = flags };
	op.u.vcpuaffinity.cpumap_hard.nr_bits = op.u.vcpuaffinity.cpumap_soft.nr_bits = 64;
	set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, (uint8_t *)&maps[0]);
	set_xen_guest_handle(op.u.vcpuaffinity.cpumap_soft.bitmap, (uint8_t *)&maps[1]);
	rc = ctl(name, cmd);
	if (rc) return;
	kit_snprintf(text, sizeof(text), "%s: hard", name);
	value(text, (long)maps[0]);
	kit_snprintf(text, sizeof(text), "%s: soft", name);
	value(text, (long)maps[1]);
}

#define GET  XEN_DOMCTL_getvcpuaffinity
#define SET  XEN_DOMCTL_setvcpuaffinity
#define HARD XEN_VCPUAFFINITY_HARD
#define SOFT XEN_VCPUAFFINITY_SOFT

static void test_affinity(void) {
	affinity("affinity: read", GET, 0, HARD | SOFT, 0, 0);
	affinity("affinity: read hard", GET, 0, HARD, 0, 0);
	affinity("affinity: read neither", GET, 0, 0, 0, 0);
	affinity("affinity: set", SET, 0, HARD | SOFT, 1, ~0UL);
	affinity("affinity: read again", GET, 0, HARD | SOFT, 0, 0);
	affinity("affinity: hard of no CPU", SET, 0, HARD, 0, 0);
	affinity("affinity: hard of CPUs not there", SET, 0, HARD, 1UL << 40, 0);
	affinity("affinity: soft of no CPU", SET, 0, SOFT, 0, 0);
	affinity("affinity: neither", SET, 0, 0, 1, 1);
	affinity("affinity: read after these", GET, 0, HARD | SOFT, 0, 0);
	affinity("affinity: a vCPU not created", SET, 2, HARD, 1, 1);
	affinity("affinity: a wild vCPU", GET, ~0U, HARD, 1, 1);
	affinity("affinity: set back", SET, 0, HARD | SOFT, ~0UL, ~0UL);
}

static void scheduler(const char *name, unsigned int id, unsigned int cmd, unsigned int weight, unsigned int cap) {
	struct xen_domctl_scheduler_op *s = &op.u.scheduler_op;
	char text[80];

	*s = (struct xen_domctl_scheduler_op){ .sched_id = id, .cmd = cmd };
	s->u.credit2.weight = (uint16_t)weight;
	s->u.credit2.cap = (uint16_t)cap;
	if (ctl(name, XEN_DOMCTL_scheduler_op)) return;
	child_domctl(XEN_DOMCTL_getdomaininfo, c.id, &op);
	*s = (struct xen_domctl_scheduler_op){ .sched_id = id, .cmd = XEN_DOMCTL_SCHEDOP_getinfo };
	child_domctl(XEN_DOMCTL_scheduler_op, c.id, &op);
	kit_snprintf(text, sizeof(text), "%s: weight", name);
	value(text, s->u.credit2.weight);
	kit_snprintf(text, sizeof(text), "%s: cap", name);
	value(text, s->u.credit2.cap);
}

static void test_scheduler(void) {
	const unsigned int id = XEN_SCHEDULER_CREDIT2, put = XEN_DOMCTL_SCHEDOP_putinfo;

	scheduler("scheduler: read", id, XEN_DOMCTL_SCHEDOP_getinfo, 0, 0);
	scheduler("scheduler: weight", id, put, 512, 0);
	scheduler("scheduler: cap", id, put, 0, 50);
	scheduler("scheduler: cap above all CPUs", id, put, 0, 1000);
	scheduler("scheduler: cap of all bits", id, put, 512, 0xffff);
	scheduler("scheduler: both back", id, put, 256, 0);
	scheduler("scheduler: another", XEN_SCHEDULER_CREDIT, put, 256, 0);
	scheduler("scheduler: no such command", id, 9, 256, 0);
}

/* -- permissions -- */

static void frames(const char *name, uint64_t first, uint64_t n, unsigned int allow) {
	op.u.iomem_permission = (struct xen_domctl_iomem_permission){ .first_mfn = first,
								      .nr_mfns = n,
								      .allow_access = (uint8_t)allow };
	ctl(name, XEN_DOMCTL_iomem_permission);
}

static void ports(const char *name, unsigned int first, unsigned int n, unsigned int allow) {
	op.u.ioport_permission = (struct xen_domctl_ioport_permission){ .first_port = first,
									.nr_ports = n,
									.allow_access = (uint8_t)allow };
	ctl(name, XEN_DOMCTL_ioport_permission);
}

static void line(const char *name, unsigned int pirq, unsigned int allow) {
	op.u.irq_permission = (struct xen_domctl_irq_permission){ .pirq = pirq, .allow_access = (uint8_t)allow };
	ctl(name, XEN_DOMCTL_irq_permission);
}

static void handler(const char *name, unsigned int virq) {
	op.u.set_virq_handler.virq = virq;
	ctl(name, XEN_DOMCTL_set_virq_handler);
}

static void test_permissions(void) {
	frames("iomem: VGA", 0xa0, 0x20, 1);
	frames("iomem: VGA again", 0xa0, 0x20, 1);
	frames("iomem: part of it taken back", 0xa8, 1, 0);
	frames("iomem: what it does not have taken back", 0x100, 1, 0);
	frames("iomem: no frames", 0xa0, 0, 1);
	frames("iomem: round the end", ~0UL, 2, 1);
	frames("iomem: beyond the address space", 1UL << 52, 1, 1);
	frames("iomem: the local APIC", 0xfee00, 1, 1);
	ports("ports: keyboard", 0x60, 1, 1);
	ports("ports: taken back", 0x60, 1, 0);
	ports("ports: none", 0x60, 0, 1);
	ports("ports: too many", 0xffff, 2, 1);
	ports("ports: beyond the last", 0x10000, 1, 1);
	ports("ports: the PIC", 0x20, 2, 1);
	ports("ports: the console's", 0x3f8, 8, 1);
	line("line: 5", 5, 1);
	line("line: taken back", 5, 0);
	line("line: the timer's", 0, 1);
	line("line: not there", 100000, 1);
	handler("VIRQ: handled by it", VIRQ_DOM_EXC);
	handler("VIRQ: a vCPU's", VIRQ_TIMER);
	handler("VIRQ: not there", 99);
	op.u.set_virq_handler.virq = VIRQ_DOM_EXC;
	value("VIRQ: back to dom0", child_domctl(XEN_DOMCTL_set_virq_handler, 0, &op));
	op.u.hypercall_init.gmfn = c.spare_mfn;
	ctl("hypercall page", XEN_DOMCTL_hypercall_init);
	op.u.hypercall_init.gmfn = c.root_mfn;
	ctl("hypercall page: a page table", XEN_DOMCTL_hypercall_init);
	op.u.hypercall_init.gmfn = ~0UL;
	ctl("hypercall page: no frame", XEN_DOMCTL_hypercall_init);
	op.u.memory_mapping = (struct xen_domctl_memory_mapping){ .first_mfn = 0xa8, .nr_mfns = 0, .add_mapping = 1 };
	ctl("mapping: of no frames", XEN_DOMCTL_memory_mapping);
	op.u.memory_mapping.nr_mfns = 1;
	ctl("mapping: of a frame that it may not use", XEN_DOMCTL_memory_mapping);
	op.u.shadow_op = (struct xen_domctl_shadow_op){ .op = XEN_DOMCTL_SHADOW_OP_OFF };
	ctl("shadow: off", XEN_DOMCTL_shadow_op);
}

/* -- sysctl -- */

static void pool(const char *name, unsigned int what, unsigned int id, unsigned int dom) {
	static uint64_t cpus;

	cpus = 0;
	sys.u.cpupool_op = (struct xen_sysctl_cpupool_op){ .op = what, .cpupool_id = id, .domid = dom };
	sys.u.cpupool_op.cpumap.nr_bits = 64;
	set_xen_guest_handle(sys.u.cpupool_op.cpumap.bitmap, (uint8_t *)&cpus);
	if (sysctl(name, XEN_SYSCTL_cpupool_op)) return;
	kit_printf("# = %s: CPUs: %lx\n", name, cpus);
	kit_printf("# = %s: number, domains: %u %u\n", name, sys.u.cpupool_op.cpupool_id, sys.u.cpupool_op.n_dom);
}

static void test_machine(void) {
	const struct xen_sysctl_physinfo *p = &sys.u.physinfo;

	sysctl("physinfo", XEN_SYSCTL_physinfo);
	value("physinfo: CPUs", p->nr_cpus);
	value("physinfo: highest CPU", p->max_cpu_id);
	value("physinfo: nodes", p->nr_nodes);
	value("physinfo: threads of a core", p->threads_per_core);
	value("physinfo: capabilities", p->capabilities);
	value("physinfo: outstanding pages", (long)p->outstanding_pages);
	ok(p->total_pages > 30000 && p->free_pages < p->total_pages && p->cpu_khz > 0, "physinfo: memory and clock");
	sysctl("scheduler's number", XEN_SYSCTL_sched_id);
	value("scheduler", sys.u.sched_id.sched_id);
	sys.u.availheap = (struct xen_sysctl_availheap){ .node = -1 };
	sysctl("heap", XEN_SYSCTL_availheap);
	ok(sys.u.availheap.avail_bytes > 1 << 20, "heap: some is there");
	sys.u.availheap = (struct xen_sysctl_availheap){ .node = 9 };
	sysctl("heap: of a node not there", XEN_SYSCTL_availheap);
	sys.u.cputopoinfo = (struct xen_sysctl_cputopoinfo){ .num_cpus = 64 };
	sysctl("CPUs: how many", XEN_SYSCTL_cputopoinfo);
	value("CPUs", sys.u.cputopoinfo.num_cpus);
	set_xen_guest_handle(sys.u.cputopoinfo.cputopo, (struct xen_sysctl_cputopo *)words);
	sys.u.cputopoinfo.num_cpus = 64;
	words[0] = words[1] = ~0UL;
	sysctl("CPUs: list", XEN_SYSCTL_cputopoinfo);
	is((long)(words[0] >> 32), 0, "CPUs: the first is in socket 0");
	sys.u.numainfo = (struct xen_sysctl_numainfo){ .num_nodes = 4 };
	sysctl("nodes: how many", XEN_SYSCTL_numainfo);
	value("nodes: number", sys.u.numainfo.num_nodes);
	sys.u.getdomaininfolist = (struct xen_sysctl_getdomaininfolist){ .first_domain = 0, .max_domains = 0 };
	sysctl("domains: room for none", XEN_SYSCTL_getdomaininfolist);
	value("domains: number", sys.u.getdomaininfolist.num_domains);
}

/* CPU policies and words of features of the machine: how many there are is the hypervisor's own affair. */
static void test_policies(void) {
	char name[64];

	for (unsigned int i = 0; i < 7; i++) {
		sys.u.cpu_policy = (struct xen_sysctl_cpu_policy){ .index = i };
		kit_snprintf(name, sizeof(name), "policy %u: how long", i);
		if (i == XEN_SYSCTL_cpu_policy_hvm_max || i == XEN_SYSCTL_cpu_policy_hvm_default) continue;
		sysctl(name, XEN_SYSCTL_get_cpu_policy);
	}
	sys.u.cpu_policy = (struct xen_sysctl_cpu_policy){ .index = XEN_SYSCTL_cpu_policy_host, .nr_leaves = 1 };
	set_xen_guest_handle(sys.u.cpu_policy.leaves, (xen_cpuid_leaf_t *)words);
	sysctl("policy: no room", XEN_SYSCTL_get_cpu_policy);
	sys.u.cpu_featureset = (struct xen_sysctl_cpu_featureset){ .index = XEN_SYSCTL_cpu_featureset_pv };
	sysctl("features: how many words", XEN_SYSCTL_get_cpu_featureset);
	ok(sys.u.cpu_featureset.nr_features >= 10, "features: there are words");
	sys.u.cpu_featureset = (struct xen_sysctl_cpu_featureset){ .index = 99 };
	sysctl("features: of no such set", XEN_SYSCTL_get_cpu_featureset);
	sys.u.cpu_featureset =
		(struct xen_sysctl_cpu_featureset){ .index = XEN_SYSCTL_cpu_featureset_raw, .nr_features = 1 };
	set_xen_guest_handle(sys.u.cpu_featureset.features, (uint32_t *)words);
	sysctl("features: no room", XEN_SYSCTL_get_cpu_featureset);
	sysctl("levelling", XEN_SYSCTL_get_cpu_levelling_caps);
}

static void test_tools(void) {
	sys.u.readconsole = (struct xen_sysctl_readconsole){ 0 };
	sysctl("console: nothing is read", XEN_SYSCTL_readconsole);
	sys.u.pcitopoinfo = (struct xen_sysctl_pcitopoinfo){ 0 };
	sysctl("PCI: no devices", XEN_SYSCTL_pcitopoinfo);
	sys.u.debug_keys.nr_keys = 0;
	sysctl("debug keys: none", XEN_SYSCTL_debug_keys);
	set_xen_guest_handle(sys.u.debug_keys.keys, (char *)0x800000000000UL);
	sys.u.debug_keys.nr_keys = 1;
	sysctl("debug keys: at a bad address", XEN_SYSCTL_debug_keys);
	pool("pool 0", XEN_SYSCTL_CPUPOOL_OP_INFO, 0, 0);
	pool("pool: the first from any", XEN_SYSCTL_CPUPOOL_OP_INFO, XEN_SYSCTL_CPUPOOL_PAR_ANY, 0);
	pool("pool 1", XEN_SYSCTL_CPUPOOL_OP_INFO, 1, 0);
	pool("pool: free CPUs", XEN_SYSCTL_CPUPOOL_OP_FREEINFO, 0, 0);
	pool("pool: a domain to where it is", XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, c.id);
	pool("pool: a domain to none", XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 9, c.id);
	pool("pool: nobody moves", XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, NOBODY);
	pool("pool: dom0 moves to where it is", XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, 0);
	pool("pool: no such operation", 99, 0, 0);
	sys.u.scheduler_op = (struct xen_sysctl_scheduler_op){ .sched_id = XEN_SCHEDULER_CREDIT2,
							       .cmd = XEN_SYSCTL_SCHEDOP_getinfo };
	sysctl("scheduler's settings", XEN_SYSCTL_scheduler_op);
	sys.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT;
	sysctl("scheduler's settings: of another", XEN_SYSCTL_scheduler_op);
	sys.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
	sys.u.scheduler_op.cpupool_id = 9;
	sysctl("scheduler's settings: of no pool", XEN_SYSCTL_scheduler_op);
	sysctl("no such operation of the machine", 999);
	sys.interface_version = 3;
	sys.cmd = XEN_SYSCTL_physinfo;
	value("the machine: another interface version", hypercall1(__HYPERVISOR_sysctl, &sys));
	value("the machine: an argument at a bad address", hypercall1(__HYPERVISOR_sysctl, 0x800000000000UL));
}

/* -- other hypercalls on the child -- */

static void memory_of(const char *name, unsigned int cmd, unsigned int dom) {
	struct xen_memory_domain m = { .domid = (domid_t)dom };

	value(name, hv_memory_op(cmd, &m));
}

static long reserve(const char *name, unsigned int cmd, unsigned int dom, xen_pfn_t frame, unsigned int order) {
	struct xen_memory_reservation r = { .nr_extents = 1, .extent_order = order, .domid = (domid_t)dom };
	static xen_pfn_t list[1];
	long rc;

	list[0] = frame;
	set_xen_guest_handle(r.extent_start, list);
	rc = hv_memory_op(cmd, &r);
	value(name, rc);
	return rc;
}

static void map_of(const char *name, unsigned int dom, unsigned int entries) {
	struct xen_foreign_memory_map m = { .domid = (domid_t)dom, .map.nr_entries = entries };

	set_xen_guest_handle(m.map.buffer, (void *)words);
	value(name, hv_memory_op(XENMEM_set_memory_map, &m));
}

static void resource(const char *name, struct xen_mem_acquire_resource r, bool list) {
	static xen_pfn_t frames_of[4];

	if (list) set_xen_guest_handle(r.frame_list, frames_of);
	value(name, hv_memory_op(XENMEM_acquire_resource, &r));
}

static void test_memory(void) {
	struct xen_mem_acquire_resource r = { .domid = (domid_t)c.id,
					      .type = XENMEM_resource_grant_table,
					      .id = XENMEM_resource_grant_table_id_shared,
					      .nr_frames = 1 };

	memory_of("memory: has", XENMEM_current_reservation, c.id);
	memory_of("memory: may have", XENMEM_maximum_reservation, c.id);
	memory_of("memory: nobody has", XENMEM_current_reservation, NOBODY);
	memory_of("memory: nobody may have", XENMEM_maximum_reservation, NOBODY);
	memory_of("memory: highest frame of nobody", XENMEM_maximum_gpfn, NOBODY);
	reserve("memory: more than it may have", XENMEM_populate_physmap, c.id, CHILD_PAGES, 0);
	reserve("memory: for nobody", XENMEM_populate_physmap, NOBODY, 1, 0);
	reserve("memory: taken, a frame not its own", XENMEM_decrease_reservation, c.id, 0, 0);
	reserve("memory: taken", XENMEM_decrease_reservation, c.id, c.spare_mfn, 0);
	reserve("memory: taken again", XENMEM_decrease_reservation, c.id, c.spare_mfn, 0);
	memory_of("memory: has one less", XENMEM_current_reservation, c.id);
	reserve("memory: given back", XENMEM_populate_physmap, c.id, 700, 0);
	reserve("memory: a page table taken", XENMEM_decrease_reservation, c.id, c.root_mfn, 0);
	memory_of("memory: has as much after all", XENMEM_current_reservation, c.id);
	words[0] = 0;
	words[1] = 1UL << 20;
	words[2] = 1;
	map_of("map: of nobody", NOBODY, 1);
	map_of("map: too long", c.id, 100000);
	map_of("map", c.id, 1);
	resource("resource", r, true);
	resource("resource: how long, with a number", r, false);
	r.nr_frames = 0;
	resource("resource: how long", r, false);
	resource("resource: no frames", r, true);
	r.nr_frames = 1;
	r.frame = 100;
	resource("resource: beyond its limit", r, true);
	r.frame = 0;
	r.pad = 1;
	resource("resource: padding", r, true);
	r.pad = 0;
	r.type = 77;
	resource("resource: of no type", r, true);
	r.type = XENMEM_resource_grant_table;
	r.id = 7;
	resource("resource: of no such part", r, true);
	r.id = 0;
	r.domid = NOBODY;
	resource("resource: of nobody", r, true);
}

static long pirq(const char *name, unsigned int dom, int type, int index, int number) {
	struct physdev_map_pirq m = { .domid = (domid_t)dom, .type = type, .index = index, .pirq = number };
	long rc = hv_physdev_op(PHYSDEVOP_map_pirq, &m);

	value(name, rc);
	return rc ? rc : m.pirq;
}

static void no_pirq(const char *name, unsigned int dom, int number) {
	struct physdev_unmap_pirq m = { .domid = (domid_t)dom, .pirq = number };

	value(name, hv_physdev_op(PHYSDEVOP_unmap_pirq, &m));
}

static void test_lines(void) {
	pirq("pirq: line 5", c.id, MAP_PIRQ_TYPE_GSI, 5, 5);
	pirq("pirq: the same", c.id, MAP_PIRQ_TYPE_GSI, 5, 5);
	pirq("pirq: the same by another number", c.id, MAP_PIRQ_TYPE_GSI, 5, 6);
	pirq("pirq: another by its number", c.id, MAP_PIRQ_TYPE_GSI, 7, 5);
	pirq("pirq: not there", c.id, MAP_PIRQ_TYPE_GSI, 100000, 8);
	pirq("pirq: below zero", c.id, MAP_PIRQ_TYPE_GSI, -1, 8);
	pirq("pirq: of no type", c.id, 77, 5, 5);
	pirq("pirq: for nobody", NOBODY, MAP_PIRQ_TYPE_GSI, 9, 9);
	no_pirq("pirq: taken", c.id, 5);
	no_pirq("pirq: taken again", c.id, 5);
	no_pirq("pirq: a wild one taken", c.id, 100000);
	no_pirq("pirq: of nobody taken", NOBODY, 5);
}

static void port_status(const char *name, unsigned int dom, unsigned int port) {
	struct evtchn_status s = { .dom = (domid_t)dom, .port = port };
	char text[80];
	long rc = hv_event_channel_op(EVTCHNOP_status, &s);

	value(name, rc);
	if (rc) return;
	kit_snprintf(text, sizeof(text), "%s: state", name);
	value(text, s.status);
}

static void reset_ports(const char *name, unsigned int dom) {
	struct evtchn_reset r = { .dom = (domid_t)dom };

	value(name, hv_event_channel_op(EVTCHNOP_reset, &r));
}

static void test_ports_of(void) {
	long theirs = kit_event_alloc_unbound(c.id, 0);

	ok(theirs > 0, "port: of the child's");
	port_status("port: status", c.id, (unsigned int)theirs);
	port_status("port: status of one not there", c.id, 500);
	port_status("port: status of a wild one", c.id, ~0U);
	port_status("port: status of nobody's", NOBODY, 1);
	value("port: of nobody's", kit_event_alloc_unbound(NOBODY, 0));
	ok(kit_event_alloc_unbound(c.id, NOBODY) > 0, "port: for nobody");
	value("port: bind to one not there", kit_event_bind_interdomain(c.id, 500));
	value("port: bind to nobody's", kit_event_bind_interdomain(NOBODY, 1));
	reset_ports("ports: reset of nobody's", NOBODY);
	reset_ports("ports: reset of a child's that runs", c.id);
	port_status("port: status after it", c.id, (unsigned int)theirs);
	child_domctl(XEN_DOMCTL_pausedomain, c.id, &op);
	reset_ports("ports: reset of a paused child's", c.id);
	child_domctl(XEN_DOMCTL_unpausedomain, c.id, &op);
	port_status("port: status after that", c.id, (unsigned int)theirs);
}

static void test_grants_of(void) {
	struct gnttab_query_size q = { .dom = (domid_t)c.id };
	struct gnttab_get_version g = { .dom = (domid_t)c.id };
	struct gnttab_setup_table s = { .dom = (domid_t)c.id, .nr_frames = 1 };
	static xen_pfn_t frame;

	value("grants: size", hv_grant_table_op(GNTTABOP_query_size, &q, 1));
	value("grants: size: status", q.status);
	value("grants: size: most", q.max_nr_frames);
	q.dom = NOBODY;
	value("grants: size of nobody's", hv_grant_table_op(GNTTABOP_query_size, &q, 1));
	value("grants: size of nobody's: status", q.status);
	value("grants: version", hv_grant_table_op(GNTTABOP_get_version, &g, 1));
	value("grants: version: which", (long)g.version);
	g.dom = NOBODY;
	value("grants: version of nobody's", hv_grant_table_op(GNTTABOP_get_version, &g, 1));
	set_xen_guest_handle(s.frame_list, &frame);
	value("grants: table", hv_grant_table_op(GNTTABOP_setup_table, &s, 1));
	value("grants: table: status", s.status);
	s.nr_frames = 1000;
	value("grants: too large a table", hv_grant_table_op(GNTTABOP_setup_table, &s, 1));
	value("grants: too large a table: status", s.status);
	s.dom = NOBODY;
	value("grants: nobody's table", hv_grant_table_op(GNTTABOP_setup_table, &s, 1));
	value("grants: nobody's table: status", s.status);
}

#define VIEW ((volatile uint64_t *)0xffffc20000000000UL)

static long pin(unsigned int cmd, unsigned long mfn, unsigned int dom) {
	struct mmuext_op m = { .cmd = cmd, .arg1.mfn = mfn };

	return hv_mmuext_op(&m, 1, NULL, dom);
}

static void test_tables_of(void) {
	uint64_t pte = c.shared_mfn << PAGE_SHIFT | PTE_DATA;

	kit_map(VIEW, 0);
	value("tables: map its shared_info", child_map_foreign(VIEW, pte, c.id));
	value("tables: as its own frame", child_map_foreign(VIEW, pte, DOMID_SELF));
	value("tables: as nobody's", child_map_foreign(VIEW, pte, NOBODY));
	value("tables: its root, writable", child_map_foreign(VIEW, c.root_mfn << PAGE_SHIFT | PTE_DATA, c.id));
	value("tables: its root, read-only", child_map_foreign(VIEW, c.root_mfn << PAGE_SHIFT | PTE_RO, c.id));
	value("tables: our frame as its", child_map_foreign(VIEW, kit_mfn(0) << PAGE_SHIFT | PTE_RO, c.id));
	value("tables: nothing", child_map_foreign(VIEW, 0, DOMID_SELF));
	value("tables: its root pinned again", pin(MMUEXT_PIN_L4_TABLE, c.root_mfn, c.id));
	value("tables: its root pinned as ours", pin(MMUEXT_PIN_L4_TABLE, c.root_mfn, DOMID_SELF));
	value("tables: its root pinned as an L1", pin(MMUEXT_PIN_L1_TABLE, c.root_mfn, c.id));
	value("tables: nobody's pinned", pin(MMUEXT_PIN_L4_TABLE, c.root_mfn, NOBODY));
	value("tables: its root as ours to run on", pin(MMUEXT_NEW_BASEPTR, c.root_mfn, c.id));
}

void guest_main(void) {
	struct child_limits two = child_usual;

	child_init();
	two.vcpus = 2;
	is(child_create(&c, &two, idle), 0, "a domain");
	child_start(&c);
	ok(child_wait(&c, 1, 5 * SECOND), "it runs");
	test_creation();
	test_life();
	test_info();
	test_properties();
	test_nodes_and_clocks();
	test_contexts();
	test_vcpus();
	test_affinity();
	test_scheduler();
	test_permissions();
	test_machine();
	test_policies();
	test_tools();
	test_memory();
	test_lines();
	test_ports_of();
	test_grants_of();
	test_tables_of();
	ok(child_exists(c.id), "the domain is still there");
	is(child_destroy(&c), 0, "it is destroyed");
	done();
}
