/* SPDX-License-Identifier: MIT */
/* domctl: life and properties of a domain as a whole. */
#include "domctl.h"

#define DEFAULT_GRANT_FRAMES    64
#define DEFAULT_MAPTRACK_FRAMES 1024

/* -- creation -- */

/* The next free id after the last one given out, so that an id is not soon seen again. */
static int id_choose(domid_t *out) {
	static domid_t last;

	for (unsigned i = 0; i < DOMID_FIRST_RESERVED; i++) {
		last = last + 1u < DOMID_FIRST_RESERVED ? (domid_t)(last + 1) : 1;
		if (!domain_by_id(last)) {
			*out = last;
			return 0;
		}
	}
	return -ENOMEM;
}

static int create_check(const struct xen_domctl_createdomain *c) {
	uint32_t allowed = XEN_DOMCTL_CDF_xs_domain | XEN_DOMCTL_CDF_s3_integrity | XEN_DOMCTL_CDF_oos_off;

	if (c->flags & ~allowed || c->iommu_opts || c->vmtrace_size || c->cpupool_id) return -EINVAL;
	if (c->arch.emulation_flags || c->arch.misc_flags & ~XEN_X86_MSR_RELAXED) return -EINVAL;
	if (c->grant_opts & ~XEN_DOMCTL_GRANT_version_mask) return -EINVAL;
	return 0;
}

static unsigned limit_of(int32_t asked, unsigned fallback) { return asked < 0 ? fallback : (unsigned)asked; }

long domctl_createdomain(struct xen_domctl *op) {
	const struct xen_domctl_createdomain *c = &op->u.createdomain;
	struct domain_params p = {
		.id = op->domain,
		.max_vcpus = c->max_vcpus,
		.max_grant_frames = limit_of(c->max_grant_frames, DEFAULT_GRANT_FRAMES),
		.max_maptrack_frames = limit_of(c->max_maptrack_frames, DEFAULT_MAPTRACK_FRAMES),
		.max_evtchn_port = c->max_evtchn_port,
		.grant_version = XEN_DOMCTL_GRANT_version(c->grant_opts),
		.createflags = c->flags,
	};
	struct domain *d;
	int err = create_check(c);

	memcpy(p.handle, c->handle, sizeof(p.handle));
	if (!err && (p.id == 0 || p.id >= DOMID_FIRST_RESERVED)) err = id_choose(&p.id);
	if (!err) err = domain_create(&p, &d);
	if (err) return err;
	d->arch_config = c->arch;
	d->pause_count = 1; /* the pause it is born with is the toolstack's to end */
	op->domain = p.id;
	return 0;
}

long domctl_max_vcpus(struct domain *d, struct xen_domctl *op) {
	uint32_t max = op->u.max_vcpus.max;
	int err = 0;

	if (max != d->max_vcpus) return -EINVAL;
	for (unsigned i = 0; i < max && !err; i++) {
		if (d->vcpu[i]) continue;
		if (i && hypercall_preempt()) return -ERESTART;
		spin_lock(&d->domain_lock);
		err = vcpu_create(d, i);
		spin_unlock(&d->domain_lock);
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

void domain_info_fill(struct domain *d, struct xen_domctl_getdomaininfo *info) {
	*info = (struct xen_domctl_getdomaininfo){
		.domain = d->id,
		.tot_pages = d->tot_pages,
		.max_pages = d->max_pages,
		.shared_info_frame = mfn_x(d->shared_info_mfn),
		.arch_config = d->arch_config,
		.gpaddr_bits = 52,
	};
	info_vcpus(d, info);
	if (d->state >= DOM_DYING) info->flags |= XEN_DOMINF_dying;
	if (d->shut_down)
		info->flags |= XEN_DOMINF_shutdown | (d->shutdown_code & XEN_DOMINF_shutdownmask)
							     << XEN_DOMINF_shutdownshift;
	if (d->pause_count) info->flags |= XEN_DOMINF_paused;
	if (d->createflags & XEN_DOMCTL_CDF_xs_domain) info->flags |= XEN_DOMINF_xs_domain;
	memcpy(info->handle, d->handle, sizeof(info->handle));
}

long domctl_getdomaininfo(struct xen_domctl *op) {
	struct domain *d;
	long ret = -ESRCH;

	domain_list_lock();
	for (d = domain_list; d && d->id < op->domain; d = d->next)
		;
	if (d) {
		domain_info_fill(d, &op->u.getdomaininfo);
		op->domain = d->id;
		ret = 0;
	}
	domain_list_unlock();
	return ret;
}

/* -- life -- */

long domctl_destroydomain(struct domain *d, struct xen_domctl *op __unused) { return domain_destroy(d); }

long domctl_pausedomain(struct domain *d, struct xen_domctl *op __unused) {
	if (d->pause_count == UINT8_MAX) return -EINVAL;
	d->pause_count++;
	domain_pause(d);
	return 0;
}

long domctl_unpausedomain(struct domain *d, struct xen_domctl *op __unused) {
	if (!d->pause_count) return -EINVAL;
	d->pause_count--;
	domain_unpause(d);
	return 0;
}

long domctl_resumedomain(struct domain *d, struct xen_domctl *op __unused) { return domain_resume(d); }

/* -- properties -- */

long domctl_max_mem(struct domain *d, struct xen_domctl *op) {
	uint64_t pages = op->u.max_mem.max_memkb >> (PAGE_SHIFT - 10);

	spin_lock(&d->page_lock);
	d->max_pages = pages;
	spin_unlock(&d->page_lock);
	return 0;
}

long domctl_setdomainhandle(struct domain *d, struct xen_domctl *op) {
	memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
	return 0;
}

long domctl_settimeoffset(struct domain *d, struct xen_domctl *op) {
	int64_t seconds = op->u.settimeoffset.time_offset_seconds;

	if (seconds != (int32_t)seconds) return -EINVAL;
	d->time_offset = (int32_t)seconds;
	domain_wallclock_update(d);
	return 0;
}

long domctl_subscribe(struct domain *d, struct xen_domctl *op) {
	d->suspend_port = op->u.subscribe.port;
	return 0;
}

/* There is no debugger stub for a PV guest: its breakpoints are its own. */
long domctl_setdebugging(struct domain *d __unused, struct xen_domctl *op) {
	return op->u.setdebugging.enable ? -EOPNOTSUPP : 0;
}

/* A domain is 64-bit unless said otherwise before it has memory. */
long domctl_set_address_size(struct domain *d, struct xen_domctl *op) {
	uint32_t size = op->u.address_size.size;

	if (size == (d->pv32 ? 32u : 64u)) return 0;
	return size == 32 && !d->tot_pages ? -EOPNOTSUPP : -EINVAL;
}

long domctl_get_address_size(struct domain *d, struct xen_domctl *op) {
	op->u.address_size.size = d->pv32 ? 32 : 64;
	return 0;
}

/* One memory node: any set that has it will do. */
long domctl_set_nodeaffinity(struct domain *d __unused, struct xen_domctl *op) {
	uint64_t nodes;
	int err = bitmap_from_guest(&op->u.nodeaffinity.nodemap, &nodes);

	if (err) return err;
	return nodes & 1 ? 0 : -EINVAL;
}

long domctl_get_nodeaffinity(struct domain *d __unused, struct xen_domctl *op) {
	return bitmap_to_guest(&op->u.nodeaffinity.nodemap, 1, 1);
}

/* The TSC is never emulated: its rate is that of the machine, which every mode promises unless the
 * guest came from a machine with another one. */
long domctl_settscinfo(struct domain *d, struct xen_domctl *op) {
	const struct xen_domctl_tsc_info *t = &op->u.tsc_info;

	if (t->tsc_mode > 3) return -EINVAL;
	d->tsc = (struct tsc_setting){ t->tsc_mode, t->gtsc_khz, t->incarnation, t->elapsed_nsec };
	return 0;
}

long domctl_gettscinfo(struct domain *d, struct xen_domctl *op) {
	op->u.tsc_info = (struct xen_domctl_tsc_info){ .tsc_mode = d->tsc.mode,
						       .gtsc_khz = d->tsc.khz,
						       .incarnation = d->tsc.incarnation,
						       .elapsed_nsec = now_ns() };
	return 0;
}
