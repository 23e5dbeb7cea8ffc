/* SPDX-License-Identifier: MIT */
/*
 * memory_op. The command's low six bits are the operation, the rest is the extent where a preempted
 * reservation change goes on, as in the public ABI's result: the number of extents done.
 */
#include "e820.h"
#include "frame.h"
#include "grant.h"
#include "hypercall.h"
#include "memop.h"

#define OP_BITS 6
#define OP_MASK ((1u << OP_BITS) - 1)

/* A domain named in an operation: with a reference, and under the caller's control. */
static int domain_named(domid_t id, struct domain **out) {
	int rc = domain_find(id, out);

	if (rc) return rc;
	rc = *out == current->domain ? 0 : domain_may_control(*out);
	if (rc) domain_put(*out);
	return rc;
}

static memop_extent *extent_function(unsigned op) {
	switch (op) {
	case XENMEM_increase_reservation: return memop_increase;
	case XENMEM_decrease_reservation: return memop_decrease;
	default: return memop_populate;
	}
}

static bool address_bits_ok(uint32_t mem_flags) {
	unsigned bits = XENMEMF_get_address_bits(mem_flags);

	return bits == 0 || bits > PAGE_SHIFT;
}

static long extents_apply(struct domain *d, const struct xen_memory_reservation *r, uint64_t cmd,
			  gvaddr_t arg) {
	memop_extent *apply = extent_function(cmd & OP_MASK);
	uint64_t i = cmd >> OP_BITS;

	while (i < r->nr_extents && !apply(d, r, i)) {
		i++;
		this_cpu()->preempt_budget += 1u << r->extent_order;
		if (i < r->nr_extents && hypercall_preempt())
			return hypercall_restart(__HYPERVISOR_memory_op, 2, (cmd & OP_MASK) | i << OP_BITS,
						 arg.a);
	}
	return (long)i;
}

/* Increase, decrease, populate: the result is the number of extents done, also when none were. */
static long reservation_op(uint64_t cmd, gvaddr_t arg) {
	struct xen_memory_reservation r;
	uint64_t start = cmd >> OP_BITS;
	struct domain *d;
	long rc;

	if (copy_from_guest(&r, arg, sizeof(r))) return -EFAULT;
	if (r.nr_extents > ~0UL >> (OP_BITS + 1) || start >= r.nr_extents ||
	    r.extent_order > MEMOP_ORDER_MAX || !address_bits_ok(r.mem_flags) ||
	    r.mem_flags & XENMEMF_populate_on_demand)
		return (long)start;
	if ((cmd & OP_MASK) != XENMEM_increase_reservation && !r.extent_start.p) return (long)start;
	rc = domain_named(r.domid, &d);
	if (rc) return rc == -ESRCH ? (long)start : rc;
	rc = extents_apply(d, &r, cmd, arg);
	domain_put(d);
	return rc;
}

static long exchange_run(struct domain *d, struct xen_memory_exchange *x, gvaddr_t arg) {
	gvaddr_t counter = gvaddr(arg.a + offsetof(struct xen_memory_exchange, nr_exchanged));
	unsigned larger = MAX(x->in.extent_order, x->out.extent_order);
	uint64_t done = x->nr_exchanged;
	bool preempted = false;
	int rc = 0;

	while (!rc && !preempted && done < x->in.nr_extents) {
		rc = memop_exchange_chunk(d, x, &done);
		this_cpu()->preempt_budget += 1u << larger;
		preempted = done < x->in.nr_extents && hypercall_preempt();
	}
	if (copy_to_guest(counter, &done, sizeof(done))) return -EFAULT;
	if (!rc && preempted)
		return hypercall_restart(__HYPERVISOR_memory_op, 2, (uint64_t)XENMEM_exchange, arg.a);
	return rc;
}

static long exchange_op(gvaddr_t arg) {
	struct xen_memory_exchange x;
	struct domain *d;
	long rc;

	if (copy_from_guest(&x, arg, sizeof(x))) return -EFAULT;
	if (!memop_exchange_valid(&x) || !address_bits_ok(x.out.mem_flags)) return -EINVAL;
	if (x.in.domid != DOMID_SELF && x.in.domid != current->domain->id) return -EPERM;
	rc = domain_named(x.in.domid, &d);
	if (rc) return rc;
	rc = exchange_run(d, &x, arg);
	domain_put(d);
	return rc;
}

/* What the guest says; 0 before it has said anything, when a restorer asks. */
static long guest_last_pfn(const struct domain *d) {
	uint64_t pfns = READ_ONCE(d->shared_info->arch.max_pfn);

	return pfns ? (long)((pfns - 1) & INT64_MAX) : 0;
}

static long reservation_query(unsigned op, gvaddr_t arg) {
	struct xen_memory_domain who;
	struct domain *d;
	long rc;

	if (copy_from_guest(&who, arg, sizeof(who))) return -EFAULT;
	rc = domain_named(who.domid, &d);
	if (rc) return rc;
	if (op == XENMEM_current_reservation)
		rc = (long)READ_ONCE(d->tot_pages);
	else if (op == XENMEM_maximum_reservation)
		rc = (long)READ_ONCE(d->max_pages);
	else
		rc = guest_last_pfn(d);
	domain_put(d);
	return rc;
}

static long machphys_mapping(gvaddr_t arg) {
	struct xen_machphys_mapping map = { MACH2PHYS_VIRT_START, MACH2PHYS_VIRT_END, frame_count - 1 };

	return copy_to_guest(arg, &map, sizeof(map));
}

static long machphys_mfn_list(gvaddr_t arg) {
	struct xen_machphys_mfn_list list;
	uint64_t pieces = DIV_ROUND_UP(frame_count * sizeof(uint64_t), 2UL << 20);

	if (copy_from_guest(&list, arg, sizeof(list))) return -EFAULT;
	list.nr_extents = (unsigned)MIN(pieces, (uint64_t)list.max_extents);
	for (unsigned i = 0; i < list.nr_extents; i++) {
		mfn_t m = arch_m2p_frame(i);

		if (copy_to_guest(guest_at(guest_ptr(list.extent_start.p), i, sizeof(m.n)), &m.n,
				  sizeof(m.n)))
			return -EFAULT;
	}
	return copy_to_guest(arg, &list, sizeof(list));
}

static long memory_map_get(unsigned op, gvaddr_t arg) {
	struct xen_memory_map map;
	long rc;

	if (op == XENMEM_machine_memory_map && !current->domain->privileged) return -EPERM;
	if (copy_from_guest(&map, arg, sizeof(map))) return -EFAULT;
	rc = op == XENMEM_machine_memory_map ? memop_machine_map_get(&map)
					     : memop_map_get(current->domain, &map);
	return rc ? rc : copy_to_guest(arg, &map, sizeof(map));
}

static long memory_map_set(gvaddr_t arg) {
	struct xen_foreign_memory_map map;
	struct domain *d;
	long rc;

	if (copy_from_guest(&map, arg, sizeof(map))) return -EFAULT;
	rc = domain_named(map.domid, &d);
	if (rc) return rc;
	rc = domain_may_control(d);
	if (!rc) rc = memop_map_set(d, &map.map);
	domain_put(d);
	return rc;
}

/* -- acquire_resource: frames of a grant table, for a toolstack to map */

static long grant_frames_list(struct domain *d, const struct xen_mem_acquire_resource *r) {
	for (unsigned i = 0; i < r->nr_frames; i++) {
		mfn_t m;
		int rc = r->frame + i > UINT32_MAX
				 ? -EINVAL
				 : grant_frame_grow(d, r->id == XENMEM_resource_grant_table_id_status,
						    (unsigned)(r->frame + i), &m);

		if (rc) return rc;
		if (copy_to_guest(guest_at(guest_ptr(r->frame_list.p), i, sizeof(m.n)), &m.n, sizeof(m.n)))
			return -EFAULT;
	}
	return 0;
}

static long acquire_resource(gvaddr_t arg) {
	struct xen_mem_acquire_resource r;
	struct domain *d;
	long rc;

	if (copy_from_guest(&r, arg, sizeof(r))) return -EFAULT;
	if (r.pad != 0 || r.type != XENMEM_resource_grant_table ||
	    r.id > XENMEM_resource_grant_table_id_status)
		return r.pad ? -EINVAL : -EOPNOTSUPP;
	rc = domain_find(r.domid, &d);
	if (rc) return rc;
	rc = domain_may_control(d);
	if (!rc && !r.frame_list.p) {
		r.nr_frames = grant_frame_limit(d, r.id == XENMEM_resource_grant_table_id_status);
		rc = copy_to_guest(arg, &r, sizeof(r));
	} else if (!rc) {
		rc = r.nr_frames > 64 ? -E2BIG : grant_frames_list(d, &r);
	}
	domain_put(d);
	return rc;
}

HYPERCALL(do_memory_op) {
	unsigned op = a1 & OP_MASK;

	switch (op) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap: return reservation_op(a1, gvaddr(a2));
	case XENMEM_exchange: return exchange_op(gvaddr(a2));
	case XENMEM_maximum_ram_page: return (long)frame_count - 1;
	case XENMEM_current_reservation:
	case XENMEM_maximum_reservation:
	case XENMEM_maximum_gpfn: return reservation_query(op, gvaddr(a2));
	case XENMEM_machphys_mapping: return machphys_mapping(gvaddr(a2));
	case XENMEM_machphys_mfn_list: return machphys_mfn_list(gvaddr(a2));
	case XENMEM_memory_map:
	case XENMEM_machine_memory_map: return memory_map_get(op, gvaddr(a2));
	case XENMEM_set_memory_map: return memory_map_set(gvaddr(a2));
	case XENMEM_acquire_resource: return acquire_resource(gvaddr(a2));
	case XENMEM_get_vnumainfo:
		/* no domain has virtual NUMA nodes; a saver asks */
		return -EOPNOTSUPP;
	default: return -ENOSYS;
	}
}
