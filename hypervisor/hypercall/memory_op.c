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

static bool address_bits_ok(uint32_t mem_flags) {
	unsigned bits = XENMEMF_get_address_bits(mem_flags);

	return bits == 0 || bits > PAGE_SHIFT;
}

/* Increase, decrease, populate: the result is the number of extents done, also when none were. */
static long reservation_op(unsigned op, uint64_t done, gvaddr_t arg) {
	struct xen_memory_reservation r;
	DOMAIN_REF(d);
	int err;

	if (copy_from_guest(&r, arg, sizeof(r))) return -EFAULT;
	if (r.nr_extents > ~0UL >> (OP_BITS + 1) || done >= r.nr_extents || r.extent_order > MEMOP_ORDER_MAX ||
	    !address_bits_ok(r.mem_flags) || r.mem_flags & XENMEMF_populate_on_demand ||
	    (op != XENMEM_increase_reservation && !r.extent_start.p))
		return (long)done;
	err = domain_find_controlled(r.domid, &d);
	if (err) return err == -ESRCH ? (long)done : err;
	while (done < r.nr_extents && !memop_extent(d, op, &r, done)) {
		done++;
		this_cpu()->preempt_budget += 1u << r.extent_order;
		if (done < r.nr_extents && hypercall_preempt())
			return hypercall_restart(__HYPERVISOR_memory_op, 2, op | done << OP_BITS, arg.a);
	}
	return (long)done;
}

SUBOP(exchange, struct xen_memory_exchange) {
	gvaddr_t counter = gvaddr(at.a + offsetof(struct xen_memory_exchange, nr_exchanged));
	int rc;

	if (!memop_exchange_valid(a) || !address_bits_ok(a->out.mem_flags)) return -EINVAL;
	if (a->in.domid != DOMID_SELF && a->in.domid != v->domain->id) return -EPERM;
	rc = memop_exchange(v->domain, a, &a->nr_exchanged);
	if (copy_to_guest(counter, &a->nr_exchanged, sizeof(a->nr_exchanged))) return -EFAULT;
	if (rc != -ERESTART) return rc;
	return hypercall_restart(__HYPERVISOR_memory_op, 2, (uint64_t)XENMEM_exchange, at.a);
}

/* -- queries -- */

SUBOP(maximum_ram_page, void) { return (long)frame_count - 1; }

SUBOP(current_reservation, struct xen_memory_domain) {
	DOMAIN_REF(d);

	return domain_find_controlled(a->domid, &d) ?: (long)READ_ONCE(d->tot_pages);
}

SUBOP(maximum_reservation, struct xen_memory_domain) {
	DOMAIN_REF(d);

	return domain_find_controlled(a->domid, &d) ?: (long)READ_ONCE(d->max_pages);
}

/* What the guest says; 0 before it has said anything, when a restorer asks. */
SUBOP(maximum_gpfn, struct xen_memory_domain) {
	DOMAIN_REF(d);
	int err = domain_find_controlled(a->domid, &d);
	uint64_t pfns = err ? 0 : READ_ONCE(d->shared_info->arch.max_pfn);

	return pfns ? (long)((pfns - 1) & INT64_MAX) : err;
}

SUBOP(machphys_mapping, struct xen_machphys_mapping) {
	*a = (struct xen_machphys_mapping){ MACH2PHYS_VIRT_START, MACH2PHYS_VIRT_END, frame_count - 1 };
	return 0;
}

/* Store frame number i of a list. */
static int list_store(const void *list, unsigned i, mfn_t m) {
	return copy_to_guest(guest_at(guest_ptr(list), i, sizeof(m.n)), &m.n, sizeof(m.n));
}

SUBOP(machphys_mfn_list, struct xen_machphys_mfn_list) {
	uint64_t pieces = DIV_ROUND_UP(frame_count * sizeof(uint64_t), 2UL << 20);

	a->nr_extents = (unsigned)MIN(pieces, (uint64_t)a->max_extents);
	for (unsigned i = 0; i < a->nr_extents; i++)
		if (list_store(a->extent_start.p, i, arch_m2p_frame(i))) return -EFAULT;
	return 0;
}

SUBOP(memory_map, struct xen_memory_map) {
	struct domain *d = v->domain;
	SPIN_GUARD(&d->page_lock);

	if (!d->e820) return -ENOSYS;
	a->nr_entries = MIN(a->nr_entries, d->e820_count);
	return copy_to_guest(guest_ptr(a->buffer.p), d->e820, a->nr_entries * sizeof(*d->e820));
}

/* With a NULL buffer counts. */
SUBOP(machine_memory_map, struct xen_memory_map) {
	if (a->buffer.p && a->nr_entries < e820_count) return -EINVAL;
	a->nr_entries = e820_count;
	if (!a->buffer.p) return 0;
	return copy_to_guest(guest_ptr(a->buffer.p), e820_map, e820_count * sizeof(e820_map[0]));
}

SUBOP(set_memory_map, struct xen_foreign_memory_map) {
	size_t bytes = a->map.nr_entries * sizeof(struct e820entry);
	struct e820entry *fresh, *unused;
	DOMAIN_REF(d);
	int rc = domain_find(a->domid, &d) ?: domain_may_control(d);

	if (rc) return rc;
	if (a->map.nr_entries == 0 || a->map.nr_entries > E820_MAX) return -EINVAL;
	unused = fresh = heap_alloc(bytes);
	if (!fresh) return -ENOMEM;
	rc = copy_from_guest(fresh, guest_ptr(a->map.buffer.p), bytes);
	if (!rc) {
		spin_lock(&d->page_lock);
		unused = d->e820;
		d->e820 = fresh;
		d->e820_count = a->map.nr_entries;
		spin_unlock(&d->page_lock);
	}
	heap_free(unused);
	return rc;
}

/* Frames of a grant table, for a toolstack to map. */
static int grant_frames_list(struct domain *d, const struct xen_mem_acquire_resource *r, bool status) {
	if (r->nr_frames > 64) return -E2BIG;
	for (unsigned i = 0; i < r->nr_frames; i++) {
		mfn_t m;
		int err = grant_frame_grow(d, status, r->frame + i, &m) ?: list_store(r->frame_list.p, i, m);

		if (err) return err;
	}
	return 0;
}

SUBOP(acquire_resource, struct xen_mem_acquire_resource) {
	bool status = a->id == XENMEM_resource_grant_table_id_status;
	DOMAIN_REF(d);
	int err;

	if (a->pad || !a->frame_list.p != !a->nr_frames || a->id > XENMEM_resource_grant_table_id_status)
		return -EINVAL;
	if (a->type != XENMEM_resource_grant_table) return -EOPNOTSUPP;
	err = domain_find(a->domid, &d) ?: domain_may_control(d);
	if (err) return err;
	if (a->frame_list.p) return grant_frames_list(d, a, status);
	a->nr_frames = grant_frame_limit(d, status);
	return 0;
}

static const struct subop ops[] = {
	[XENMEM_exchange] = { exchange, sizeof(struct xen_memory_exchange), 0 },
	[XENMEM_maximum_ram_page] = { maximum_ram_page, 0, 0 },
	[XENMEM_current_reservation] = { current_reservation, sizeof(struct xen_memory_domain), 0 },
	[XENMEM_maximum_reservation] = { maximum_reservation, sizeof(struct xen_memory_domain), 0 },
	[XENMEM_maximum_gpfn] = { maximum_gpfn, sizeof(struct xen_memory_domain), 0 },
	[XENMEM_machphys_mapping] = { machphys_mapping, sizeof(struct xen_machphys_mapping), SUBOP_OUT },
	[XENMEM_machphys_mfn_list] = { machphys_mfn_list, sizeof(struct xen_machphys_mfn_list), SUBOP_OUT },
	[XENMEM_memory_map] = { memory_map, sizeof(struct xen_memory_map), SUBOP_OUT },
	[XENMEM_machine_memory_map] = { machine_memory_map, sizeof(struct xen_memory_map), SUBOP_DOM0 | SUBOP_OUT },
	[XENMEM_set_memory_map] = { set_memory_map, sizeof(struct xen_foreign_memory_map), 0 },
	[XENMEM_acquire_resource] = { acquire_resource, sizeof(struct xen_mem_acquire_resource), SUBOP_OUT },
};

HYPERCALL(do_memory_op) {
	unsigned op = a1 & OP_MASK;

	if (op == XENMEM_increase_reservation || op == XENMEM_decrease_reservation || op == XENMEM_populate_physmap)
		return reservation_op(op, a1 >> OP_BITS, gvaddr(a2));
	return subop_call(ops, ARRAY_SIZE(ops), op, current, gvaddr(a2));
}
