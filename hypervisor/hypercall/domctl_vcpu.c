/* SPDX-License-Identifier: MIT */
/* domctl: state, affinity and scheduling of a domain's vCPUs. */
#include "domctl.h"

/* -- register state -- */

/* A NULL context puts the vCPU back to where it was created: down, without one. */
static long context_clear(struct vcpu *v) {
	int err = arch_vcpu_release(v);

	if (err) return err;
	vcpu_info_release(v);
	v->initialised = false;
	vcpu_block_flag(v, VPF_DOWN);
	return 0;
}

static long context_set(struct vcpu *v, gvaddr_t from) {
	struct vcpu_guest_context *ctx = heap_alloc(sizeof(*ctx));
	int err;

	if (!ctx) return -ENOMEM;
	err = copy_from_guest(ctx, from, sizeof(*ctx));
	if (!err) err = arch_vcpu_set_context(v, ctx);
	if (!err) {
		v->initialised = true;
		if (v->id == 0) domain_wallclock_update(v->domain);
		if (ctx->flags & VGCF_online)
			vcpu_unblock_flag(v, VPF_DOWN);
		else
			vcpu_block_flag(v, VPF_DOWN);
	}
	heap_free(ctx);
	return err;
}

long domctl_setvcpucontext(struct domain *d, struct xen_domctl *op) {
	gvaddr_t from = guest_ptr(op->u.vcpucontext.ctxt.p);
	struct vcpu *v;
	long ret = domctl_vcpu(d, op->u.vcpucontext.vcpu, &v);

	if (ret) return ret;
	domain_pause(d);
	arch_vcpu_sync(v);
	ret = from.a ? context_set(v, from) : context_clear(v);
	domain_unpause(d);
	return ret;
}

long domctl_getvcpucontext(struct domain *d, struct xen_domctl *op) {
	struct vcpu_guest_context *ctx;
	struct vcpu *v;
	long ret = domctl_vcpu(d, op->u.vcpucontext.vcpu, &v);

	if (ret) return ret;
	if (!v->initialised) return -ENODATA;
	/* What is not filled in must not tell of ring 0's past: heap_alloc() zeroes. */
	ctx = heap_alloc(sizeof(*ctx));
	if (!ctx) return -ENOMEM;
	vcpu_pause(v);
	arch_vcpu_sync(v);
	arch_vcpu_get_context(v, ctx);
	if (!(READ_ONCE(v->pause_flags) & VPF_DOWN)) ctx->flags |= VGCF_online;
	vcpu_unpause(v);
	ret = copy_to_guest(guest_ptr(op->u.vcpucontext.ctxt.p), ctx, sizeof(*ctx));
	heap_free(ctx);
	return ret;
}

long domctl_getvcpuinfo(struct domain *d, struct xen_domctl *op) {
	struct xen_domctl_getvcpuinfo *info = &op->u.getvcpuinfo;
	struct vcpu *v;
	uint32_t flags;
	int err = domctl_vcpu(d, info->vcpu, &v);

	if (err) return err;
	flags = READ_ONCE(v->pause_flags);
	*info = (struct xen_domctl_getvcpuinfo){
		.vcpu = info->vcpu,
		.online = !(flags & VPF_DOWN),
		.blocked = !!(flags & (VPF_BLOCKED | VPF_POLL)),
		.running = READ_ONCE(v->running),
		.cpu_time = vcpu_cpu_time(v),
		.cpu = v->processor,
	};
	return 0;
}

long domctl_sendtrigger(struct domain *d, struct xen_domctl *op) {
	struct vcpu *v;
	int err;

	if (op->u.sendtrigger.trigger != XEN_DOMCTL_SENDTRIGGER_NMI) return -ENOSYS;
	err = domctl_vcpu(d, op->u.sendtrigger.vcpu, &v);
	if (err) return err;
	vcpu_nmi_send(v);
	return 0;
}

/* -- scheduling -- */

long domctl_set_vcpuaffinity(struct domain *d, struct xen_domctl *op) {
	struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
	cpumask_t hard, soft;
	struct vcpu *v;
	int err = domctl_vcpu(d, a->vcpu, &v);

	if (!err && !(a->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT))) err = -EINVAL;
	if (err) return err;
	vcpu_get_affinity(v, &hard, &soft);
	if (a->flags & XEN_VCPUAFFINITY_HARD) err = bitmap_from_guest(&a->cpumap_hard, &hard);
	if (!err && a->flags & XEN_VCPUAFFINITY_SOFT) err = bitmap_from_guest(&a->cpumap_soft, &soft);
	if (!err) err = vcpu_set_affinity(v, hard, soft);
	if (err) return err;
	/* Tell what is in effect. */
	if (a->flags & XEN_VCPUAFFINITY_HARD)
		err = bitmap_to_guest(&a->cpumap_hard, hard & cpus_online, MAX_CPUS);
	if (!err && a->flags & XEN_VCPUAFFINITY_SOFT)
		err = bitmap_to_guest(&a->cpumap_soft, soft & hard & cpus_online, MAX_CPUS);
	return err;
}

long domctl_get_vcpuaffinity(struct domain *d, struct xen_domctl *op) {
	struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
	cpumask_t hard, soft;
	struct vcpu *v;
	int err = domctl_vcpu(d, a->vcpu, &v);

	if (err) return err;
	vcpu_get_affinity(v, &hard, &soft);
	if (a->flags & XEN_VCPUAFFINITY_HARD) err = bitmap_to_guest(&a->cpumap_hard, hard, MAX_CPUS);
	if (!err && a->flags & XEN_VCPUAFFINITY_SOFT) err = bitmap_to_guest(&a->cpumap_soft, soft, MAX_CPUS);
	return err;
}

/* The scheduler has credit2's parameters and goes by its name. */
long domctl_scheduler_op(struct domain *d, struct xen_domctl *op) {
	struct xen_domctl_scheduler_op *s = &op->u.scheduler_op;
	struct sched_params p;

	if (s->sched_id != XEN_SCHEDULER_CREDIT2) return -EINVAL;
	sched_domain_get(d, &p);
	switch (s->cmd) {
	case XEN_DOMCTL_SCHEDOP_getinfo:
		s->u.credit2.weight = p.weight;
		s->u.credit2.cap = p.cap;
		return 0;
	case XEN_DOMCTL_SCHEDOP_putinfo:
		if (s->u.credit2.weight) p.weight = s->u.credit2.weight;
		if (s->u.credit2.cap != (uint16_t)~0U) p.cap = s->u.credit2.cap;
		return sched_domain_set(d, &p);
	default: return -EINVAL;
	}
}
