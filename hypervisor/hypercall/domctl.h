/* SPDX-License-Identifier: MIT */
/* Private to the domctl files: a handler per sub-operation, by theme. */
#ifndef TENON_HYPERCALL_DOMCTL_H
#define TENON_HYPERCALL_DOMCTL_H

#include "frame.h"
#include "hypercall.h"
#include "sched.h"

#include <xen/domctl.h>

/* A handler has a reference to d and is alone with its kind; it returns 0, a positive result, a
 * negative errno, or -ERESTART to be called again with *op as it left it. */
typedef long domctl_fn(struct domain *d, struct xen_domctl *op);

domctl_fn domctl_destroydomain, domctl_pausedomain, domctl_unpausedomain, domctl_resumedomain,
	domctl_max_vcpus, domctl_max_mem, domctl_setdomainhandle, domctl_settimeoffset, domctl_subscribe,
	domctl_setdebugging, domctl_set_address_size, domctl_get_address_size, domctl_set_nodeaffinity,
	domctl_get_nodeaffinity, domctl_settscinfo, domctl_gettscinfo;
domctl_fn domctl_setvcpucontext, domctl_getvcpucontext, domctl_getvcpuinfo, domctl_set_vcpuaffinity,
	domctl_get_vcpuaffinity, domctl_scheduler_op, domctl_sendtrigger;
domctl_fn domctl_getpageframeinfo3, domctl_shadow_op, domctl_irq_permission, domctl_iomem_permission,
	domctl_ioport_permission, domctl_memory_mapping;
/* No domain is given. */
long domctl_createdomain(struct xen_domctl *op);
/* The first domain with this id or a higher one. */
long domctl_getdomaininfo(struct xen_domctl *op);

/* What getdomaininfo and getdomaininfolist report. Reference or domlist lock held. */
void domain_info_fill(struct domain *d, struct xen_domctl_getdomaininfo *info);

/* The vCPU of that number: 0, -EINVAL (above the maximum), -ESRCH (not created). */
int domctl_vcpu(struct domain *d, uint32_t id, struct vcpu **out) __must_check;

/* A public bitmap of CPUs or nodes; bits beyond its length are 0 / are dropped. 0, -EFAULT. */
int bitmap_from_guest(const struct xenctl_bitmap *map, uint64_t *out) __must_check;
int bitmap_to_guest(const struct xenctl_bitmap *map, uint64_t bits, unsigned nr) __must_check;

#endif
