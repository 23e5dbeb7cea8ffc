/* SPDX-License-Identifier: MIT */
/* The objects behind XENMEM_*: reservations and exchange. See mm/memop.c. */
#pragma once

#include "domain.h"

#include <xen/memory.h>

#define MEMOP_ORDER_MAX 9 /* extents of at most 2 MiB */

/*
 * One extent of increase_reservation, decrease_reservation or populate_physmap (op) for d; i is its
 * index in the list. 0, or an error that ends the operation.
 */
int memop_extent(struct domain *d, unsigned op, const struct xen_memory_reservation *r, uint64_t i) __must_check;
/* The two sides describe the same amount of memory in extents we can handle. */
bool memop_exchange_valid(const struct xen_memory_exchange *x);
/* XENMEM_exchange of the extents from *done on, which advances. 0, -EINVAL, -ENOMEM, -EFAULT, -EPERM,
 * -ERESTART. */
int memop_exchange(struct domain *d, const struct xen_memory_exchange *x, uint64_t *done) __must_check;
