/* SPDX-License-Identifier: MIT */
/* What domctl shares with sysctl and the arch. */
#pragma once

#include "frame.h"
#include "hypercall.h"
#include "sched.h"

#include <xen/domctl.h>

/* Store an object as element i of a guest's array. 0, -EFAULT. */
#define array_to_guest(array, i, object) \
	copy_to_guest(guest_at(guest_ptr(array), i, sizeof(*(object))), object, sizeof(*(object)))

/* The first domain with this id or a higher one. 0, -ESRCH. */
long domctl_getdomaininfo(struct xen_domctl *op);

/* A public bitmap of CPUs or nodes; bits beyond its length are dropped, beyond 64 all are 0. 0, -EFAULT. */
int bitmap_to_guest(const struct xenctl_bitmap *map, uint64_t bits) __must_check;
