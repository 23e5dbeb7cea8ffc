/* SPDX-License-Identifier: MIT */
/* What domctl shares with sysctl and with the arch's sub-operations. */
#ifndef TENON_HYPERCALL_DOMCTL_H
#define TENON_HYPERCALL_DOMCTL_H

#include "frame.h"
#include "hypercall.h"
#include "sched.h"

#include <xen/domctl.h>

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

/* Store an object as element i of a guest's array. 0, -EFAULT. */
#define array_to_guest(array, i, object) \
	copy_to_guest(guest_at(guest_ptr(array), i, sizeof(*(object))), object, sizeof(*(object)))

/* The first domain with this id or a higher one. 0, -ESRCH. */
long domctl_getdomaininfo(struct xen_domctl *op);

/* The vCPU of that number: 0, -EINVAL (above the maximum), -ESRCH (not created). */
int domctl_vcpu(struct domain *d, uint32_t id, struct vcpu **out) __must_check;

/* A public bitmap of CPUs or nodes; bits beyond its length are 0 / are dropped, beyond 64 all are 0. 0,
 * -EFAULT. */
int bitmap_from_guest(const struct xenctl_bitmap *map, uint64_t *out) __must_check;
int bitmap_to_guest(const struct xenctl_bitmap *map, uint64_t bits) __must_check;

#endif
