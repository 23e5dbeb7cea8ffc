/* SPDX-License-Identifier: MIT */
/* domctl and sysctl as dom0's toolstack uses them, and as others may not. */
#include "machine_fixture.h"

#define BUF_VA (ARG_VA + 0x4000)
#define BUF    (arg_page + 0x4000)

static struct xen_domctl ctl(uint32_t cmd, domid_t id) {
	return (struct xen_domctl){ .cmd = cmd, .interface_version = XEN_DOMCTL_INTERFACE_VERSION, .domain = id };
}

/* Issue it, as often as it is preempted; *op is what came back. */
static long run(struct xen_domctl *op) {
	long ret;

	memcpy(arg_page, op, sizeof(*op));
	while ((ret = do_domctl(ARG_VA, 0, 0, 0, 0, 0)) == -ERESTART)
		assert_int_equal(this_cpu()->restart.op, __HYPERVISOR_domctl);
	memcpy(op, arg_page, sizeof(*op));
	return ret;
}

static long simple(uint32_t cmd, domid_t id) {
	struct xen_domctl op = ctl(cmd, id);

	return run(&op);
}

static struct xen_domctl create_op(domid_t id, unsigned vcpus) {
	struct xen_domctl op = ctl(XEN_DOMCTL_createdomain, id);

	op.u.createdomain = (struct xen_domctl_createdomain){ .max_vcpus = vcpus,
							      .max_evtchn_port = 1023,
							      .max_grant_frames = -1,
							      .max_maptrack_frames = -1,
							      .grant_opts = 2,
							      .handle = { 1, 2, 3 } };
	return op;
}

static domid_t create(unsigned vcpus) {
	struct xen_domctl op = create_op(DOMID_INVALID, vcpus);

	assert_int_equal(run(&op), 0);
	op = ctl(XEN_DOMCTL_max_vcpus, op.domain);
	op.u.max_vcpus.max = vcpus;
	assert_int_equal(run(&op), 0);
	op = ctl(XEN_DOMCTL_max_mem, op.domain);
	op.u.max_mem.max_memkb = 400;
	assert_int_equal(run(&op), 0);
	return op.domain;
}

static struct xen_domctl_getdomaininfo info_of(domid_t id) {
	struct xen_domctl op = ctl(XEN_DOMCTL_getdomaininfo, id);

	assert_int_equal(run(&op), 0);
	assert_int_equal(op.domain, id);
	return op.u.getdomaininfo;
}

/* -- who and how -- */

static void version_and_privilege(void **state) {
	struct xen_domctl op = ctl(XEN_DOMCTL_getdomaininfo, 0);
	struct xen_sysctl s = { .cmd = XEN_SYSCTL_sched_id, .interface_version = XEN_SYSCTL_INTERFACE_VERSION + 1 };
	struct domain *d = domain_make(1);

	op.interface_version++;
	assert_int_equal(run(&op), -EACCES);
	memcpy(arg_page, &s, sizeof(s));
	assert_int_equal(do_sysctl(ARG_VA, 0, 0, 0, 0, 0), -EACCES);
	assert_int_equal(do_domctl(1, 0, 0, 0, 0, 0), -EFAULT);
	assert_int_equal(simple(XEN_DOMCTL_pausedomain, 3), -ESRCH);
	assert_int_equal(simple(XEN_DOMCTL_gethvmcontext, 1), -ENOSYS);
	assert_int_equal(simple(999999, 1), -ENOSYS);
	run_as(d);
	for (uint32_t cmd = 0; cmd < 1010; cmd++) assert_int_equal(simple(cmd, DOMID_SELF), -EPERM);
	for (s.cmd = 0; s.cmd < 40; s.cmd++) {
		memcpy(arg_page, &s, sizeof(s));
		assert_int_equal(do_sysctl(ARG_VA, 0, 0, 0, 0, 0), -EPERM);
	}
	assert_int_equal(d->state, DOM_CREATING);
}

/* What PV domains here have not: log-dirty, HVM, sharing, device assignment, virtual NUMA. */
static void what_is_not_offered_is_refused(void **state) {
	static const uint32_t cmds[] = {
		XEN_DOMCTL_sethvmcontext,   XEN_DOMCTL_assign_device, XEN_DOMCTL_deassign_device,
		XEN_DOMCTL_mem_sharing_op,  XEN_DOMCTL_setvnumainfo,  XEN_DOMCTL_getpageframeinfo3,
		XEN_DOMCTL_setvcpuextstate, XEN_DOMCTL_bind_pt_irq,   XEN_DOMCTL_vm_event_op,
		XEN_DOMCTL_set_target,      XEN_DOMCTL_debug_op,      6 /* getmemlist, once */,
	};
	static const uint32_t shadow[] = { XEN_DOMCTL_SHADOW_OP_ENABLE_TEST, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY,
					   XEN_DOMCTL_SHADOW_OP_ENABLE, XEN_DOMCTL_SHADOW_OP_CLEAN };
	struct domain *d = domain_make(1);

	for (unsigned i = 0; i < ARRAY_SIZE(cmds); i++) assert_int_equal(simple(cmds[i], 1), -ENOSYS);
	for (unsigned i = 0; i < ARRAY_SIZE(shadow); i++) {
		struct xen_domctl op = ctl(XEN_DOMCTL_shadow_op, 1);

		op.u.shadow_op.op = shadow[i];
		assert_true(run(&op) < 0);
	}
	domain_end(d);
}

static void not_on_oneself(void **state) {
	static const uint32_t cmds[] = { XEN_DOMCTL_destroydomain, XEN_DOMCTL_pausedomain, XEN_DOMCTL_setvcpucontext,
					 XEN_DOMCTL_getvcpucontext, XEN_DOMCTL_resumedomain };

	for (unsigned i = 0; i < ARRAY_SIZE(cmds); i++) {
		assert_int_equal(simple(cmds[i], 0), -EINVAL);
		assert_int_equal(simple(cmds[i], DOMID_SELF), -ESRCH);
	}
	assert_int_equal(dom0->state, DOM_RUNNING);
}

/* -- life -- */

static void create_gives_ids_and_limits(void **state) {
	domid_t a = create(2), b = create(1);
	struct xen_domctl_getdomaininfo i = info_of(a);
	struct xen_domctl op;

	assert_int_equal(b, a + 1);
	assert_int_equal(i.flags, XEN_DOMINF_paused | XEN_DOMINF_blocked | 0xffff0000); /* no reason of a shutdown */
	assert_int_equal(i.max_vcpu_id, 1);
	assert_int_equal(i.nr_online_vcpus, 0);
	assert_int_equal(i.max_pages, 100);
	assert_int_equal(i.handle[2], 3);
	assert_int_equal(i.shared_info_frame, mfn_x(own_mfn(domain_by_id(a)->shared_info)));
	assert_int_equal(grant_frame_limit(domain_by_id(a), false), 64);
	op = create_op(a, 1);
	assert_int_equal(run(&op), -EEXIST);
	op = create_op(300, 1);
	assert_int_equal(run(&op), 0);
	assert_int_equal(op.domain, 300);
}

static void create_refuses_what_pv_has_not(void **state) {
	struct xen_domctl ok = create_op(50, 1), op;

	op = ok;
	op.u.createdomain.flags = XEN_DOMCTL_CDF_hvm;
	assert_int_equal(run(&op), -EINVAL);
	op = ok;
	op.u.createdomain.flags = 1u << 20;
	assert_int_equal(run(&op), -EINVAL);
	op = ok;
	op.u.createdomain.arch.emulation_flags = XEN_X86_EMU_LAPIC;
	assert_int_equal(run(&op), -EOPNOTSUPP);
	op = ok;
	op.u.createdomain.cpupool_id = 1;
	assert_int_equal(run(&op), -ESRCH);
	op = ok;
	op.u.createdomain.grant_opts = 3;
	assert_int_equal(run(&op), -EINVAL);
	op = ok;
	op.u.createdomain.max_vcpus = 100000;
	assert_int_equal(run(&op), -EINVAL);
	op = ok;
	op.u.createdomain.vmtrace_size = 4096;
	assert_int_equal(run(&op), -EINVAL);
	assert_int_equal(simple(XEN_DOMCTL_unpausedomain, 50), -ESRCH);
	op = ok;
	assert_int_equal(run(&op), 0);
	op = ctl(XEN_DOMCTL_max_vcpus, 50);
	op.u.max_vcpus.max = 2;
	assert_int_equal(run(&op), -EINVAL);
}

static void pause_counts(void **state) {
	domid_t id = create(1);

	assert_int_equal(simple(XEN_DOMCTL_pausedomain, id), 0);
	assert_int_equal(simple(XEN_DOMCTL_unpausedomain, id), 0);
	assert_true(info_of(id).flags & XEN_DOMINF_paused);
	assert_int_equal(simple(XEN_DOMCTL_unpausedomain, id), 0);
	assert_false(info_of(id).flags & XEN_DOMINF_paused);
	assert_int_equal(simple(XEN_DOMCTL_unpausedomain, id), -EINVAL);
	for (unsigned i = 0; i < UINT8_MAX; i++) assert_int_equal(simple(XEN_DOMCTL_pausedomain, id), 0);
	assert_int_equal(simple(XEN_DOMCTL_pausedomain, id), -EINVAL);
}

static void shutdown_is_reported_and_resumed(void **state) {
	domid_t id = create(1);

	assert_int_equal(simple(XEN_DOMCTL_unpausedomain, id), 0);
	assert_int_equal(simple(XEN_DOMCTL_resumedomain, id), 0);
	assert_int_equal(domain_by_id(id)->state, DOM_RUNNING);
	domain_shutdown(domain_by_id(id), SHUTDOWN_suspend);
	assert_int_equal(info_of(id).flags &
				 (XEN_DOMINF_shutdown | XEN_DOMINF_shutdownmask << XEN_DOMINF_shutdownshift),
			 XEN_DOMINF_shutdown | SHUTDOWN_suspend << XEN_DOMINF_shutdownshift);
	assert_int_equal(simple(XEN_DOMCTL_resumedomain, id), 0);
	assert_false(info_of(id).flags & XEN_DOMINF_shutdown);
}

/* A domain with everything, taken down with every loop cut after each turn. */
static void destroy_in_pieces(void **state) {
	for (unsigned round = 0; round < 10; round++) {
		domid_t id = create(2);
		struct domain *d = domain_by_id(id);
		mfn_t m;

		for (unsigned i = 0; i < 50; i++) assert_int_equal(domain_frames_alloc(d, 0, 64, &m), 0);
		assert_int_equal(vcpu_info_register(d->vcpu[1], m, 0), 0);
		hypercall_preempt_units = round % 2;
		assert_int_equal(simple(XEN_DOMCTL_destroydomain, id), 0);
		hypercall_preempt_units = 1000000;
		assert_int_equal(simple(XEN_DOMCTL_destroydomain, id), -ESRCH);
		assert_null(domain_by_id(id));
	}
}

static void nothing_but_destroy_on_the_dying(void **state) {
	domid_t id = create(1);
	struct domain *d = domain_by_id(id);
	mfn_t m;

	for (unsigned i = 0; i < 50; i++) assert_int_equal(domain_frames_alloc(d, 0, 64, &m), 0);
	hypercall_preempt_units = 0;
	assert_int_equal(domain_destroy(d), -ERESTART);
	hypercall_preempt_units = 1000000;
	assert_true(info_of(id).flags & XEN_DOMINF_dying);
	assert_int_equal(simple(XEN_DOMCTL_unpausedomain, id), -EINVAL);
	assert_int_equal(simple(XEN_DOMCTL_max_mem, id), -EINVAL);
	assert_int_equal(simple(XEN_DOMCTL_destroydomain, id), 0);
}

/* -- vCPUs -- */

static void vcpu_properties(void **state) {
	domid_t id = create(2);
	struct xen_domctl op = ctl(XEN_DOMCTL_getvcpuinfo, id);
	uint64_t *map = (uint64_t *)BUF;

	op.u.getvcpuinfo.vcpu = 1;
	assert_int_equal(run(&op), 0);
	assert_int_equal(op.u.getvcpuinfo.online, 0);
	op.u.getvcpuinfo.vcpu = 2;
	assert_int_equal(run(&op), -EINVAL);
	op = ctl(XEN_DOMCTL_setvcpuaffinity, id);
	op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	op.u.vcpuaffinity.cpumap_hard.bitmap.p = (void *)BUF_VA;
	op.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
	map[0] = 0xf0;
	assert_int_equal(run(&op), -EINVAL); /* no such CPUs */
	map[0] = 0xff;
	assert_int_equal(run(&op), 0);
	assert_int_equal(map[0], 3); /* in effect */
	op.cmd = XEN_DOMCTL_getvcpuaffinity;
	map[0] = map[1] = ~0ull;
	op.u.vcpuaffinity.cpumap_hard.nr_bits = 100;
	assert_int_equal(run(&op), 0);
	assert_int_equal(map[0], 3);           /* of the CPUs that there are */
	assert_int_equal(map[1], ~0ull << 40); /* 100 bits are 13 bytes */
	op = ctl(XEN_DOMCTL_sendtrigger, id);
	op.u.sendtrigger.vcpu = 1;
	assert_int_equal(run(&op), 0);
	assert_int_equal(domain_by_id(id)->vcpu[1]->pending_traps, VCPU_TRAP_NMI);
	op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_POWER;
	assert_int_equal(run(&op), -ENOSYS);
}

/* What dom0 pinned for a while is not what the toolstack set. */
static void an_override_is_not_stored(void **state) {
	domid_t id = create(1);
	struct vcpu *v = domain_by_id(id)->vcpu[0];
	struct xen_domctl op = ctl(XEN_DOMCTL_setvcpuaffinity, id);
	uint64_t *map = (uint64_t *)BUF;

	assert_int_equal(vcpu_pin_override(v, 1), 0);
	op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_SOFT;
	op.u.vcpuaffinity.cpumap_soft.bitmap.p = (void *)BUF_VA;
	op.u.vcpuaffinity.cpumap_soft.nr_bits = 64;
	map[0] = 3;
	assert_int_equal(run(&op), 0);
	assert_int_equal(map[0], 2); /* in effect */
	assert_int_equal(vcpu_pin_override(v, -1), 0);
	op = ctl(XEN_DOMCTL_getvcpuaffinity, id);
	op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	op.u.vcpuaffinity.cpumap_hard.bitmap.p = (void *)BUF_VA;
	op.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
	assert_int_equal(run(&op), 0);
	assert_int_equal(map[0], 3);
}

/* -- a vCPU put back to where it was created -- */

static long reset_context(struct vcpu *v) {
	struct xen_domctl op = ctl(XEN_DOMCTL_setvcpucontext, v->domain->id);

	op.u.vcpucontext.vcpu = v->id;
	return run(&op);
}

static void a_reset_vcpu_waits_for_nothing(void **state) {
	struct vcpu *v = domain_by_id(create(2))->vcpu[1];

	v->pause_flags = VPF_BLOCKED | VPF_POLL;
	v->domain->evtchn.poll_mask[0] = 2;
	assert_int_equal(reset_context(v), 0);
	assert_int_equal(v->pause_flags, VPF_DOWN);
	assert_int_equal(v->domain->evtchn.poll_mask[0], 0);
}

static struct vcpu *reset_vcpu;
static mfn_t info_frame;
static cpumask_t flushed;

static void while_the_info_goes(cpumask_t cpus, uint64_t va) {
	if (!mfn_eq(reset_vcpu->info_mfn, INVALID_MFN) || va != TLB_FLUSH_ALL) return;
	assert_int_equal(frame_of(info_frame)->owner, reset_vcpu->domain->id);
	flushed |= cpus;
}

/* Other CPUs may be raising events there: its vcpu_info's frame, which nothing else holds, is freed after they are
 * through. */
static void a_reset_vcpus_info_is_left_first(void **state) {
	struct vcpu *v = reset_vcpu = domain_by_id(create(2))->vcpu[1];

	assert_int_equal(domain_frames_alloc(v->domain, 0, 64, &info_frame), 0);
	assert_int_equal(vcpu_info_register(v, info_frame, 0), 0);
	assert_int_equal(domain_frame_release(v->domain, info_frame), 0);
	host_flush_hook = while_the_info_goes;
	assert_int_equal(reset_context(v), 0);
	host_flush_hook = NULL;
	assert_int_equal(flushed, cpus_online);
	assert_int_equal(frame_of(info_frame)->owner, DOMID_INVALID);
}

static void scheduling_parameters(void **state) {
	struct xen_domctl op = ctl(XEN_DOMCTL_scheduler_op, create(1));

	op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
	op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	assert_int_equal(run(&op), 0);
	assert_int_equal(op.u.scheduler_op.u.credit2.weight, 256);
	assert_int_equal(op.u.scheduler_op.u.credit2.cap, 0);
	op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	op.u.scheduler_op.u.credit2.weight = 512;
	op.u.scheduler_op.u.credit2.cap = 50;
	assert_int_equal(run(&op), 0);
	op.u.scheduler_op.u.credit2.weight = 0; /* as it is */
	assert_int_equal(run(&op), 0);
	op.u.scheduler_op.u.credit2.cap = 0xffff;
	assert_int_equal(run(&op), -EINVAL);
	op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	assert_int_equal(run(&op), 0);
	assert_int_equal(op.u.scheduler_op.u.credit2.weight, 512);
	assert_int_equal(op.u.scheduler_op.u.credit2.cap, 50);
	op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT;
	assert_int_equal(run(&op), -EINVAL);
}

/* -- memory and devices -- */

static void permissions(void **state) {
	domid_t id = create(1);
	int pirq = -1;
	struct domain *d = domain_by_id(id);
	struct xen_domctl op = ctl(XEN_DOMCTL_iomem_permission, id);

	op.u.iomem_permission = (struct xen_domctl_iomem_permission){ .first_mfn = 0x90000, .nr_mfns = 2, 1 };
	assert_int_equal(run(&op), 0);
	assert_true(permitted(d, PERMIT_MMIO, 0x90000, 2));
	op = ctl(XEN_DOMCTL_ioport_permission, id);
	op.u.ioport_permission = (struct xen_domctl_ioport_permission){ .first_port = 0x70, .nr_ports = 2, 1 };
	assert_int_equal(run(&op), 0);
	assert_true(permitted(d, PERMIT_PORT, 0x70, 2));
	op.u.ioport_permission.nr_ports = 0x10000;
	assert_int_equal(run(&op), -EINVAL);
	op.u.ioport_permission.nr_ports = 0;
	assert_int_equal(run(&op), -EINVAL);
	op = ctl(XEN_DOMCTL_iomem_permission, id);
	op.u.iomem_permission = (struct xen_domctl_iomem_permission){ .first_mfn = frame_limit, .nr_mfns = 1, 1 };
	assert_int_equal(run(&op), -EPERM); /* the processor cannot reach it */
	op.u.iomem_permission = (struct xen_domctl_iomem_permission){ .first_mfn = ~0ull, .nr_mfns = 2, 1 };
	assert_int_equal(run(&op), -EINVAL);
	op = ctl(XEN_DOMCTL_irq_permission, id);
	op.u.irq_permission = (struct xen_domctl_irq_permission){ .pirq = 12, .allow_access = 1 };
	assert_int_equal(run(&op), 0);
	assert_true(permitted(d, PERMIT_GSI, 12, 1));
	assert_int_equal(pirq_map_gsi(d, 12, &pirq), 0);
	assert_false(permitted(d, PERMIT_GSI, 13, 1));
	op = ctl(XEN_DOMCTL_set_virq_handler, id);
	op.u.set_virq_handler.virq = VIRQ_DOM_EXC;
	assert_int_equal(run(&op), 0);
	op.u.set_virq_handler.virq = VIRQ_TIMER; /* a vCPU's, not the machine's */
	assert_int_equal(run(&op), -EINVAL);
}

/* -- sysctl -- */

static long sys(struct xen_sysctl *op) {
	long ret;

	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	memcpy(arg_page, op, sizeof(*op));
	ret = do_sysctl(ARG_VA, 0, 0, 0, 0, 0);
	memcpy(op, arg_page, sizeof(*op));
	return ret;
}

static void lists_of_domains(void **state) {
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_getdomaininfolist };
	const struct xen_domctl_getdomaininfo *list = (void *)BUF;
	domid_t a = create(1), b = create(1);
	struct xen_domctl next = ctl(XEN_DOMCTL_getdomaininfo, (domid_t)(b + 1));

	op.u.getdomaininfolist.max_domains = 10;
	op.u.getdomaininfolist.buffer.p = (void *)BUF_VA;
	assert_int_equal(sys(&op), 0);
	assert_int_equal(op.u.getdomaininfolist.num_domains, 3);
	assert_int_equal(list[0].domain, 0);
	assert_int_equal(list[1].domain, a);
	assert_int_equal(list[2].domain, b);
	op.u.getdomaininfolist.first_domain = (domid_t)(a + 1);
	op.u.getdomaininfolist.max_domains = 1;
	assert_int_equal(sys(&op), 0);
	assert_int_equal(op.u.getdomaininfolist.num_domains, 1);
	assert_int_equal(list[0].domain, b);
	assert_int_equal(run(&next), -ESRCH);
	next.domain = (domid_t)(a + 1);
	assert_int_equal(run(&next), 0); /* the next one there is */
	assert_int_equal(next.domain, b);
}

static void the_machine(void **state) {
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo };
	struct xen_sysctl_cputopo *topo = (void *)BUF;
	struct xen_sysctl_meminfo *mem = (void *)BUF;

	assert_int_equal(sys(&op), 0);
	assert_int_equal(op.u.physinfo.nr_cpus, CPUS);
	assert_int_equal(op.u.physinfo.max_cpu_id, CPUS - 1);
	assert_int_equal(op.u.physinfo.total_pages, frames_total);
	assert_int_equal(op.u.physinfo.free_pages, frames_free);
	assert_true(op.u.physinfo.capabilities & XEN_SYSCTL_PHYSCAP_pv);
	op.cmd = XEN_SYSCTL_sched_id;
	assert_int_equal(sys(&op), 0);
	assert_int_equal(op.u.sched_id.sched_id, XEN_SCHEDULER_CREDIT2);
	op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_cputopoinfo };
	assert_int_equal(sys(&op), 0);
	assert_int_equal(op.u.cputopoinfo.num_cpus, CPUS);
	op.u.cputopoinfo.cputopo.p = (void *)BUF_VA;
	assert_int_equal(sys(&op), 0);
	assert_int_equal(topo[1].core, 1);
	op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_numainfo };
	assert_int_equal(sys(&op), 0);
	assert_int_equal(op.u.numainfo.num_nodes, 1);
	op.u.numainfo.meminfo.p = (void *)BUF_VA;
	assert_int_equal(sys(&op), 0);
	assert_int_equal(mem->memfree, frames_free << PAGE_SHIFT);
	op = (struct xen_sysctl){ .cmd = XEN_SYSCTL_availheap, .u.availheap.node = -1 };
	assert_int_equal(sys(&op), 0);
	assert_int_equal(op.u.availheap.avail_bytes, frames_free << PAGE_SHIFT);
	op.cmd = 39;
	assert_int_equal(sys(&op), -ENOSYS);
	op.cmd = 1u << 31;
	assert_int_equal(sys(&op), -ENOSYS);
}

static void one_cpu_pool(void **state) {
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_cpupool_op };
	uint64_t *map = (uint64_t *)BUF;

	op.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
	op.u.cpupool_op.cpumap.bitmap.p = (void *)BUF_VA;
	op.u.cpupool_op.cpumap.nr_bits = 64;
	assert_int_equal(sys(&op), 0);
	assert_int_equal(op.u.cpupool_op.sched_id, XEN_SCHEDULER_CREDIT2);
	assert_int_equal(op.u.cpupool_op.n_dom, 1);
	assert_int_equal(map[0], 3);
	op.u.cpupool_op.cpupool_id = 1;
	assert_int_equal(sys(&op), -ENOENT);
	op.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_CREATE;
	assert_int_equal(sys(&op), -EOPNOTSUPP);
}

static void past_output(void **state) {
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_readconsole };

	console_log("one\ntwo\n");
	op.u.readconsole.buffer.p = (void *)BUF_VA;
	op.u.readconsole.count = 0x1000;
	assert_int_equal(sys(&op), 0);
	assert_true(op.u.readconsole.count >= 24);
	assert_memory_equal(BUF + op.u.readconsole.count - 24, "(tenon) one\n(tenon) two\n", 24);
	op.u.readconsole.incremental = 1;
	op.u.readconsole.count = 0x1000;
	assert_int_equal(sys(&op), 0);
	assert_int_equal(op.u.readconsole.count, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		T(version_and_privilege),
		T(what_is_not_offered_is_refused),
		T(not_on_oneself),
		T(create_gives_ids_and_limits),
		T(create_refuses_what_pv_has_not),
		T(pause_counts),
		T(shutdown_is_reported_and_resumed),
		T(destroy_in_pieces),
		T(nothing_but_destroy_on_the_dying),
		T(vcpu_properties),
		T(an_override_is_not_stored),
		T(a_reset_vcpu_waits_for_nothing),
		T(a_reset_vcpus_info_is_left_first),
		T(scheduling_parameters),
		T(permissions),
		T(lists_of_domains),
		T(the_machine),
		T(one_cpu_pool),
		T(past_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
