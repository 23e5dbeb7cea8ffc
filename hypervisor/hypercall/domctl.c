/* SPDX-License-Identifier: MIT */
/*
 * XEN_DOMCTL_*: one domain manages another. Privilege and the interface version are checked here
 * and nowhere else; one domctl runs at a time, and a caller that finds another under way tries
 * again.
 */
#include "domctl.h"

#define DEFAULT_GRANT_FRAMES    64
#define DEFAULT_MAPTRACK_FRAMES 1024

static struct spinlock domctl_lock = SPINLOCK_INIT(RANK_DOMCTL);

/*
 * Define the handler of a sub-operation on its member of the argument's union. It has a reference to
 * d and returns 0, a positive result, a negative errno, or -ERESTART to be called again with *a as
 * it left it. DOMCTL_VCPU: one whose member names a vCPU, v.
 */
#define DOMCTL(name, member)                                                                              \
	static long name##_op(struct domain *d __unused, struct xen_domctl_##member *a __unused);         \
	static long name(struct domain *d, struct xen_domctl *op) { return name##_op(d, &op->u.member); } \
	static long name##_op(struct domain *d __unused, struct xen_domctl_##member *a __unused)
#define DOMCTL_VCPU(name, member)                                               \
	static long name##_vcpu(struct vcpu *v, struct xen_domctl_##member *a); \
	DOMCTL(name, member) {                                                  \
		struct vcpu *v;                                                 \
		int err = domctl_vcpu(d, a->vcpu, &v);                          \
		return err ? err : name##_vcpu(v, a);                           \
	}                                                                       \
	static long name##_vcpu(struct vcpu *v __unused, struct xen_domctl_##member *a)

/* The vCPU of that number: 0, -EINVAL (above the maximum), -ESRCH (not created). */
static int domctl_vcpu(struct domain *d, uint32_t id, struct vcpu **out) {
	if (id >= d->max_vcpus) return -EINVAL;
	*out = d->vcpu[index_nospec(id, d->max_vcpus)];
	return *out ? 0 : -ESRCH;
}

static int bitmap_from_guest(const struct xenctl_bitmap *map, uint64_t *out) {
	unsigned bits = MIN(map->nr_bits, 64);

	*out = 0;
	if (copy_from_guest(out, guest_ptr(map->bitmap.p), (bits + 7) / 8)) return -EFAULT;
	if (bits < 64) *out &= (1ULL << bits) - 1;
	return 0;
}

int bitmap_to_guest(const struct xenctl_bitmap *map, uint64_t bits) {
	unsigned bytes = (MIN(map->nr_bits, 8192u) + 7) / 8;

	for (unsigned i = 0; i < bytes; i++, bits >>= 8)
		if (copy_to_guest(guest_at(guest_ptr(map->bitmap.p), i, 1), &bits, 1)) return -EFAULT;
	return 0;
}

/* -- creation -- */

/* The next free id after the last one given out, so that an id is not soon seen again; 0: none. */
static domid_t id_choose(void) {
	static domid_t last;

	for (unsigned i = 0; i < DOMID_FIRST_RESERVED; i++) {
		last = last + 1u < DOMID_FIRST_RESERVED ? (domid_t)(last + 1) : 1;
		if (!domain_by_id(last)) return last;
	}
	return 0;
}

static int create_check(const struct xen_domctl_createdomain *c) {
	uint32_t allowed = XEN_DOMCTL_CDF_xs_domain | XEN_DOMCTL_CDF_s3_integrity | XEN_DOMCTL_CDF_oos_off;

	if (c->flags & ~allowed || c->arch.misc_flags & ~XEN_X86_MSR_RELAXED || c->iommu_opts || c->vmtrace_size)
		return -EINVAL;
	if (c->arch.emulation_flags) return -EOPNOTSUPP;
	if (c->cpupool_id) return -ESRCH;
	if (c->grant_opts & ~XEN_DOMCTL_GRANT_version_mask) return -EINVAL;
	return 0;
}

static long createdomain(struct xen_domctl *op) {
	struct domain_params p = { .id = op->domain, .config = op->u.createdomain };
	struct domain *d;
	int err = create_check(&p.config);

	if (p.config.max_grant_frames < 0) p.config.max_grant_frames = DEFAULT_GRANT_FRAMES;
	if (p.config.max_maptrack_frames < 0) p.config.max_maptrack_frames = DEFAULT_MAPTRACK_FRAMES;
	if (!err && (p.id == 0 || p.id >= DOMID_FIRST_RESERVED)) p.id = id_choose();
	if (!err) err = p.id ? domain_create(&p, &d) : -ENOMEM;
	if (err) return err;
	d->pause_count = 1; /* the pause it is born with is the toolstack's to end */
	op->domain = p.id;
	return 0;
}

DOMCTL(max_vcpus, max_vcpus) {
	int err = 0;

	if (a->max != d->max_vcpus) return -EINVAL;
	for (unsigned i = 0; i < a->max && !err; i++) {
		if (d->vcpu[i]) continue;
		if (i && hypercall_preempt()) return -ERESTART;
		err = vcpu_create(d, i);
	}
	return err;
}

/* -- information -- */

static void info_vcpus(struct domain *d, struct xen_domctl_getdomaininfo *info) {
	bool all_blocked = true;
	struct vcpu *v;

	info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
	for_each_vcpu (d, v) {
		uint32_t flags = READ_ONCE(v->pause_flags);

		info->cpu_time += vcpu_cpu_time(v);
		info->max_vcpu_id = v->id;
		if (flags & VPF_DOWN) continue;
		info->nr_online_vcpus++;
		all_blocked = all_blocked && flags & (VPF_BLOCKED | VPF_POLL);
		if (READ_ONCE(v->running)) info->flags |= XEN_DOMINF_running;
	}
	if (all_blocked) info->flags |= XEN_DOMINF_blocked;
}

static void info_fill(struct domain *d, struct xen_domctl_getdomaininfo *info) {
	*info = (struct xen_domctl_getdomaininfo){
		.domain = d->id,
		.tot_pages = d->tot_pages,
		.max_pages = d->max_pages,
		.shared_info_frame = mfn_x(own_mfn(d->shared_info)),
		.arch_config = d->config.arch,
		.gpaddr_bits = (uint8_t)(bit_last(frame_limit) + PAGE_SHIFT),
	};
	info_vcpus(d, info);
	if (d->state >= DOM_DYING) info->flags |= XEN_DOMINF_dying;
	if (d->shutdown_code >= 0) info->flags |= XEN_DOMINF_shutdown;
	info->flags |= (uint32_t)d->shutdown_code << XEN_DOMINF_shutdownshift;
	if (d->pause_count) info->flags |= XEN_DOMINF_paused;
	if (d->config.flags & XEN_DOMCTL_CDF_xs_domain) info->flags |= XEN_DOMINF_xs_domain;
	memcpy(info->handle, d->config.handle, sizeof(info->handle));
}

long domctl_getdomaininfo(struct xen_domctl *op) {
	SPIN_GUARD(&domlist_lock);
	struct domain *d = domain_next(op->domain);

	if (!d) return -ESRCH;
	info_fill(d, &op->u.getdomaininfo);
	op->domain = d->id;
	return 0;
}

/* -- life -- */

static long destroydomain(struct domain *d, struct xen_domctl *op __unused) { return domain_destroy(d); }

static long pausedomain(struct domain *d, struct xen_domctl *op __unused) {
	if (d->pause_count == UINT8_MAX) return -EINVAL;
	d->pause_count++;
	domain_pause(d);
	return 0;
}

static long unpausedomain(struct domain *d, struct xen_domctl *op __unused) {
	if (!d->pause_count) return -EINVAL;
	d->pause_count--;
	domain_unpause(d);
	return 0;
}

static long resumedomain(struct domain *d, struct xen_domctl *op __unused) { return domain_resume(d), 0; }

/* -- properties -- */

DOMCTL(max_mem, max_mem) {
	SPIN_GUARD(&d->page_lock);

	d->max_pages = a->max_memkb >> (PAGE_SHIFT - 10);
	return 0;
}

DOMCTL(setdomainhandle, setdomainhandle) {
	memcpy(d->config.handle, a->handle, sizeof(d->config.handle));
	return 0;
}

DOMCTL(settimeoffset, settimeoffset) {
	if (a->time_offset_seconds != (int32_t)a->time_offset_seconds) return -EINVAL;
	d->time_offset = (int32_t)a->time_offset_seconds;
	domain_wallclock_update(d);
	return 0;
}

DOMCTL(subscribe, subscribe) {
	d->suspend_port = a->port;
	return 0;
}

/* There is no debugger stub for a PV guest: its breakpoints are its own. */
DOMCTL(setdebugging, setdebugging) { return a->enable ? -EOPNOTSUPP : 0; }

/* A domain is 64-bit. */
DOMCTL(set_address_size, address_size) { return a->size == 64 ? 0 : a->size == 32 ? -EOPNOTSUPP : -EINVAL; }

DOMCTL(get_address_size, address_size) {
	a->size = 64;
	return 0;
}

/* One memory node: any set that has it will do. */
DOMCTL(setnodeaffinity, nodeaffinity) {
	uint64_t nodes;

	return bitmap_from_guest(&a->nodemap, &nodes) ?: nodes & 1 ? 0 : -EINVAL;
}

DOMCTL(getnodeaffinity, nodeaffinity) { return bitmap_to_guest(&a->nodemap, 1); }

/* The TSC is never emulated: its rate is that of the machine, which every mode promises unless the
 * guest came from a machine with another one. */
DOMCTL(settscinfo, tsc_info) {
	if (a->tsc_mode > 2) return -EINVAL;
	d->tsc = *a;
	return 0;
}

DOMCTL(gettscinfo, tsc_info) {
	*a = d->tsc;
	a->elapsed_nsec = now_ns();
	return 0;
}

DOMCTL(hypercall_init, hypercall_init) {
	mfn_t m = mfn(a->gmfn);
	int err = frame_get_as(m, d, FT_WRITABLE);
	uint8_t *page;

	if (err) return err == -EPERM ? -EINVAL : -EPERM;
	page = frame_map(m);
	arch_hypercall_page_fill(page);
	frame_unmap(page);
	frame_put_as(m);
	return 0;
}

DOMCTL(get_cpu_policy, cpu_policy) { return arch_cpu_policy_get(d, a); }

DOMCTL(set_cpu_policy, cpu_policy) { return arch_cpu_policy_set(d, a); }

/* -- register state -- */

/* A NULL context puts the vCPU back to where it was created: down, without one. */
static long context_clear(struct vcpu *v) {
	int err = vcpu_release(v);

	if (err) return err;
	v->initialised = false;
	vcpu_block_flag(v, VPF_DOWN);
	vcpu_kick(v); /* it waits for nothing any more */
	return 0;
}

static long context_set(struct vcpu *v, gvaddr_t from) {
	struct vcpu_guest_context *ctx = heap_alloc(sizeof(*ctx));
	int err;

	if (!ctx) return -ENOMEM;
	err = copy_from_guest(ctx, from, sizeof(*ctx)) ?: arch_vcpu_set_context(v, ctx);
	if (!err) {
		if (v->id == 0) domain_wallclock_update(v->domain);
		if (ctx->flags & VGCF_online)
			vcpu_unblock_flag(v, VPF_DOWN);
		else
			vcpu_block_flag(v, VPF_DOWN);
	}
	heap_free(ctx);
	return err;
}

DOMCTL_VCPU(setvcpucontext, vcpucontext) {
	gvaddr_t from = guest_ptr(a->ctxt.p);
	long ret;

	domain_pause(v->domain);
	ret = from.a ? context_set(v, from) : context_clear(v);
	domain_unpause(v->domain);
	return ret;
}

DOMCTL_VCPU(getvcpucontext, vcpucontext) {
	struct vcpu_guest_context *ctx;
	int err;

	if (!v->initialised) return -ENODATA;
	/* What is not filled in must not tell of ring 0's past: heap_alloc() zeroes. */
	ctx = heap_alloc(sizeof(*ctx));
	if (!ctx) return -ENOMEM;
	vcpu_pause(v);
	arch_vcpu_get_context(v, ctx);
	if (!(READ_ONCE(v->pause_flags) & VPF_DOWN)) ctx->flags |= VGCF_online;
	vcpu_unpause(v);
	err = copy_to_guest(guest_ptr(a->ctxt.p), ctx, sizeof(*ctx));
	heap_free(ctx);
	return err;
}

DOMCTL_VCPU(getvcpuinfo, getvcpuinfo) {
	uint32_t flags = READ_ONCE(v->pause_flags);

	a->online = !(flags & VPF_DOWN);
	a->blocked = !!(flags & (VPF_BLOCKED | VPF_POLL));
	a->running = READ_ONCE(v->running);
	a->cpu_time = vcpu_cpu_time(v);
	a->cpu = v->processor;
	return 0;
}

DOMCTL_VCPU(sendtrigger, sendtrigger) {
	if (a->trigger != XEN_DOMCTL_SENDTRIGGER_NMI) return -ENOSYS;
	vcpu_nmi_send(v);
	return 0;
}

/* -- scheduling -- */

static int affinity_to_guest(const struct xen_domctl_vcpuaffinity *a, cpumask_t hard, cpumask_t soft) {
	int err = a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT) ? 0 : -EINVAL;

	if (a->flags & XEN_VCPUAFFINITY_HARD) err = bitmap_to_guest(&a->cpumap_hard, hard & cpus_online);
	if (!err && a->flags & XEN_VCPUAFFINITY_SOFT) err = bitmap_to_guest(&a->cpumap_soft, soft & cpus_online);
	return err;
}

DOMCTL_VCPU(setvcpuaffinity, vcpuaffinity) {
	cpumask_t hard = v->sched.hard, soft = v->sched.soft; /* his own, also while they are overridden */
	int err = a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT) ? 0 : -EINVAL;

	if (a->flags & XEN_VCPUAFFINITY_HARD) err = bitmap_from_guest(&a->cpumap_hard, &hard);
	if (!err && a->flags & XEN_VCPUAFFINITY_SOFT) err = bitmap_from_guest(&a->cpumap_soft, &soft);
	if (!err) err = vcpu_set_affinity(v, hard, soft);
	/* Tell what is in effect. */
	vcpu_get_affinity(v, &hard, &soft);
	return err ?: affinity_to_guest(a, hard, soft & hard);
}

DOMCTL_VCPU(getvcpuaffinity, vcpuaffinity) {
	cpumask_t hard, soft;

	vcpu_get_affinity(v, &hard, &soft);
	return affinity_to_guest(a, hard, soft);
}

/* The scheduler has credit2's parameters and goes by its name. */
DOMCTL(scheduler_op, scheduler_op) {
	struct xen_domctl_sched_credit2 *p = &a->u.credit2;

	if (a->sched_id != XEN_SCHEDULER_CREDIT2) return -EINVAL;
	if (a->cmd == XEN_DOMCTL_SCHEDOP_putinfo) return sched_domain_set(d, p->weight ?: d->sched.weight, p->cap);
	if (a->cmd != XEN_DOMCTL_SCHEDOP_getinfo) return -EINVAL;
	p->weight = d->sched.weight;
	p->cap = d->sched.cap;
	return 0;
}

/* -- permissions for devices -- */

/* Dirty-page logging is not offered, so it is never on. */
DOMCTL(shadow_op, shadow_op) { return a->op == XEN_DOMCTL_SHADOW_OP_OFF ? -EINVAL : -EOPNOTSUPP; }

DOMCTL(set_virq_handler, set_virq_handler) { return virq_handler_set(d, a->virq); }

/* Nobody gives what he may not use himself. */
static int permission(struct domain *d, enum permit kind, uint64_t first, uint64_t n, bool allow) {
	if (allow && permit_exists(kind, first, n) && !permitted(current->domain, kind, first, n)) return -EPERM;
	return permit_set(d, kind, first, n, allow);
}

DOMCTL(iomem_permission, iomem_permission) {
	return permission(d, PERMIT_MMIO, a->first_mfn, a->nr_mfns, a->allow_access);
}

DOMCTL(ioport_permission, ioport_permission) {
	return permission(d, PERMIT_PORT, a->first_port, a->nr_ports, a->allow_access);
}

DOMCTL(irq_permission, irq_permission) { return permission(d, PERMIT_GSI, a->pirq, 1, a->allow_access); }

/* A PV guest maps device memory itself; there is nothing to set up. */
DOMCTL(memory_mapping, memory_mapping) {
	if (!a->nr_mfns) return -EINVAL;
	return a->add_mapping && !permitted(current->domain, PERMIT_MMIO, a->first_mfn, a->nr_mfns) ? -EPERM : 0;
}

/* -- dispatch -- */

#define NOT_SELF (1u << 0) /* not on the running domain */
#define LIVE     (1u << 1) /* not on a dying domain */

static const struct domctl_entry {
	long (*fn)(struct domain *d, struct xen_domctl *op);
	unsigned flags;
} domctl_table[] = {
	[XEN_DOMCTL_destroydomain] = { destroydomain, NOT_SELF },
	[XEN_DOMCTL_pausedomain] = { pausedomain, NOT_SELF | LIVE },
	[XEN_DOMCTL_unpausedomain] = { unpausedomain, LIVE },
	[XEN_DOMCTL_resumedomain] = { resumedomain, NOT_SELF | LIVE },
	[XEN_DOMCTL_max_vcpus] = { max_vcpus, NOT_SELF | LIVE },
	[XEN_DOMCTL_max_mem] = { max_mem, LIVE },
	[XEN_DOMCTL_setdomainhandle] = { setdomainhandle, 0 },
	[XEN_DOMCTL_settimeoffset] = { settimeoffset, LIVE },
	[XEN_DOMCTL_subscribe] = { subscribe, LIVE },
	[XEN_DOMCTL_setdebugging] = { setdebugging, NOT_SELF },
	[XEN_DOMCTL_set_address_size] = { set_address_size, NOT_SELF | LIVE },
	[XEN_DOMCTL_get_address_size] = { get_address_size, 0 },
	[XEN_DOMCTL_setnodeaffinity] = { setnodeaffinity, 0 },
	[XEN_DOMCTL_getnodeaffinity] = { getnodeaffinity, 0 },
	[XEN_DOMCTL_settscinfo] = { settscinfo, LIVE },
	[XEN_DOMCTL_gettscinfo] = { gettscinfo, 0 },
	[XEN_DOMCTL_hypercall_init] = { hypercall_init, LIVE },
	[XEN_DOMCTL_get_cpu_policy] = { get_cpu_policy, LIVE },
	[XEN_DOMCTL_set_cpu_policy] = { set_cpu_policy, LIVE },

	[XEN_DOMCTL_setvcpucontext] = { setvcpucontext, NOT_SELF | LIVE },
	[XEN_DOMCTL_getvcpucontext] = { getvcpucontext, NOT_SELF | LIVE },
	[XEN_DOMCTL_getvcpuinfo] = { getvcpuinfo, 0 },
	[XEN_DOMCTL_setvcpuaffinity] = { setvcpuaffinity, LIVE },
	[XEN_DOMCTL_getvcpuaffinity] = { getvcpuaffinity, 0 },
	[XEN_DOMCTL_scheduler_op] = { scheduler_op, 0 },
	[XEN_DOMCTL_sendtrigger] = { sendtrigger, LIVE },

	[XEN_DOMCTL_shadow_op] = { shadow_op, NOT_SELF },
	[XEN_DOMCTL_irq_permission] = { irq_permission, LIVE },
	[XEN_DOMCTL_set_virq_handler] = { set_virq_handler, LIVE },
	[XEN_DOMCTL_iomem_permission] = { iomem_permission, LIVE },
	[XEN_DOMCTL_ioport_permission] = { ioport_permission, LIVE },
	[XEN_DOMCTL_memory_mapping] = { memory_mapping, LIVE },
};

static long on_domain(struct xen_domctl *op) {
	/* a number beyond the table gives entry 0, which is none */
	const struct domctl_entry *e = &domctl_table[index_nospec(op->cmd, ARRAY_SIZE(domctl_table))];
	DOMAIN_REF(d);
	long ret = op->domain == DOMID_SELF ? -ESRCH : domain_find(op->domain, &d) ?: domain_may_control(d);

	if (ret) return ret;
	if (!e->fn) return -ENOSYS;
	if (e->flags & NOT_SELF && d == current->domain) return -EINVAL;
	if (e->flags & LIVE && d->state >= DOM_DYING) return -EINVAL;
	return e->fn(d, op);
}

static long domctl_run(struct xen_domctl *op) {
	switch (op->cmd) {
	case XEN_DOMCTL_createdomain: return createdomain(op);
	case XEN_DOMCTL_getdomaininfo: return domctl_getdomaininfo(op);
	default: return on_domain(op);
	}
}

HYPERCALL(do_domctl) {
	struct xen_domctl op;
	long ret;

	if (!current->domain->privileged) return -EPERM;
	if (copy_from_guest(&op, gvaddr(a1), sizeof(op))) return -EFAULT;
	if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION) return -EACCES;
	domains_reap();
	if (!spin_trylock(&domctl_lock)) return hypercall_restart(__HYPERVISOR_domctl, 1, a1);
	ret = domctl_run(&op);
	spin_unlock(&domctl_lock);
	if (copy_to_guest(gvaddr(a1), &op, sizeof(op))) return -EFAULT;
	return ret == -ERESTART ? hypercall_restart(__HYPERVISOR_domctl, 1, a1) : ret;
}
