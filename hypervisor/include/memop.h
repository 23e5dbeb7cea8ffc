/* SPDX-License-Identifier: MIT */
/* The objects behind XENMEM_*: reservations, exchange, memory maps. See mm/memop.c. */
#ifndef TENON_MEMOP_H
#define TENON_MEMOP_H

#include "domain.h"

#include <xen/memory.h>

#define MEMOP_ORDER_MAX 9 /* extents of at most 2 MiB */

/*
 * One extent of increase_reservation, decrease_reservation or populate_physmap for d; i is its
 * index in the list. 0, or an error that ends the operation.
 */
typedef int memop_extent(struct domain *d, const struct xen_memory_reservation *r, uint64_t i);
memop_extent memop_increase, memop_decrease, memop_populate;

/* XENMEM_exchange of the next chunk, from *done input extents on. 0 (*done advanced), -EINVAL,
 * -ENOMEM, -EFAULT, -EPERM. On an error nothing of this chunk has changed. */
int memop_exchange_chunk(struct domain *d, const struct xen_memory_exchange *x, uint64_t *done) __must_check;
/* The two sides describe the same amount of memory in extents we can handle. */
bool memop_exchange_valid(const struct xen_memory_exchange *x);

/* XENMEM_set_memory_map, XENMEM_memory_map. 0, -EINVAL, -ENOMEM, -EFAULT, -ENOSYS (none set). */
int memop_map_set(struct domain *d, const struct xen_memory_map *map) __must_check;
int memop_map_get(struct domain *d, struct xen_memory_map *map) __must_check;
/* XENMEM_machine_memory_map; with a NULL buffer counts. 0, -EFAULT, -EINVAL (buffer too small). */
int memop_machine_map_get(struct xen_memory_map *map) __must_check;

#endif
