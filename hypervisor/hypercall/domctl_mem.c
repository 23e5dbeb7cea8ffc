/* SPDX-License-Identifier: MIT */
/* domctl: a domain's frames as a saver sees them, and its permissions for devices. */
#include "domctl.h"

#define PFN_BATCH 64

/* The XEN_DOMCTL_PFINFO_* of a frame. */
static uint64_t frame_info(struct domain *d, mfn_t m) {
	uint64_t type, info = XEN_DOMCTL_PFINFO_NOTAB;

	if (!frame_get(m, d)) return XEN_DOMCTL_PFINFO_XTAB;
	type = __atomic_load_n(&frame_of(m)->type, __ATOMIC_ACQUIRE);
	switch (frame_type_of(type)) {
	case FT_L1: info = XEN_DOMCTL_PFINFO_L1TAB; break;
	case FT_L2: info = XEN_DOMCTL_PFINFO_L2TAB; break;
	case FT_L3: info = XEN_DOMCTL_PFINFO_L3TAB; break;
	case FT_L4: info = XEN_DOMCTL_PFINFO_L4TAB; break;
	default: break;
	}
	/* A table that nobody uses any more is an ordinary page. */
	if (!(type & FTF_COUNT)) info = XEN_DOMCTL_PFINFO_NOTAB;
	if (type & FTF_PINNED) info |= XEN_DOMCTL_PFINFO_LPINTAB;
	frame_put(m);
	return info;
}

long domctl_getpageframeinfo3(struct domain *d, struct xen_domctl *op) {
	struct xen_domctl_getpageframeinfo3 *info = &op->u.getpageframeinfo3;
	uint64_t batch[PFN_BATCH];

	if (info->num > 1024) return -E2BIG;
	for (uint64_t done = 0; done < info->num; done += PFN_BATCH) {
		uint64_t n = MIN(info->num - done, PFN_BATCH);
		gvaddr_t at = guest_at(guest_ptr(info->array.p), done, sizeof(batch[0]));

		if (copy_from_guest(batch, at, n * sizeof(batch[0]))) return -EFAULT;
		for (unsigned i = 0; i < n; i++) batch[i] = frame_info(d, mfn(batch[i]));
		if (copy_to_guest(at, batch, n * sizeof(batch[0]))) return -EFAULT;
	}
	return 0;
}

/* Dirty-page logging is not offered: a toolstack saves a domain that is stopped. */
long domctl_shadow_op(struct domain *d __unused, struct xen_domctl *op) {
	return op->u.shadow_op.op == XEN_DOMCTL_SHADOW_OP_OFF ? 0 : -EOPNOTSUPP;
}

long domctl_irq_permission(struct domain *d, struct xen_domctl *op) {
	const struct xen_domctl_irq_permission *p = &op->u.irq_permission;

	return irq_permit(d, p->pirq, p->allow_access);
}

long domctl_iomem_permission(struct domain *d, struct xen_domctl *op) {
	const struct xen_domctl_iomem_permission *p = &op->u.iomem_permission;
	mfn_t first = mfn(p->first_mfn);
	int err;

	if (p->allow_access && !iomem_allowed(current->domain, first, p->nr_mfns)) return -EPERM;
	spin_lock(&d->domain_lock);
	err = iomem_permit(d, first, p->nr_mfns, p->allow_access);
	spin_unlock(&d->domain_lock);
	return err;
}

long domctl_ioport_permission(struct domain *d, struct xen_domctl *op) {
	const struct xen_domctl_ioport_permission *p = &op->u.ioport_permission;
	int err;

	if (!p->nr_ports) return 0;
	if (p->allow_access && !ioport_allowed(current->domain, p->first_port, p->nr_ports)) return -EPERM;
	spin_lock(&d->domain_lock);
	err = ioport_permit(d, p->first_port, p->nr_ports, p->allow_access);
	spin_unlock(&d->domain_lock);
	return err;
}

/* A PV guest maps device memory itself; there is nothing to set up, the range must only be its own. */
long domctl_memory_mapping(struct domain *d, struct xen_domctl *op) {
	const struct xen_domctl_memory_mapping *m = &op->u.memory_mapping;

	if (!m->nr_mfns) return -EINVAL;
	if (m->add_mapping && !iomem_allowed(d, mfn(m->first_mfn), m->nr_mfns)) return -EPERM;
	return 0;
}
