/* SPDX-License-Identifier: MIT */
/*
 * XEN_DOMCTL_*: one domain manages another. Privilege and the interface version are checked here
 * and nowhere else; one domctl runs at a time, and a caller that finds another under way tries
 * again.
 */
#include "domctl.h"

#define COPY_BACK (1u << 0) /* the guest gets *op back */
#define NOT_SELF  (1u << 1) /* not on the running domain */
#define LIVE      (1u << 2) /* not on a dying domain */

static struct spinlock domctl_lock = SPINLOCK_INIT(RANK_DOMCTL);

static const struct domctl_entry {
	domctl_fn *fn;
	unsigned flags;
} domctl_table[] = {
	[XEN_DOMCTL_destroydomain] = { domctl_destroydomain, NOT_SELF },
	[XEN_DOMCTL_pausedomain] = { domctl_pausedomain, NOT_SELF | LIVE },
	[XEN_DOMCTL_unpausedomain] = { domctl_unpausedomain, LIVE },
	[XEN_DOMCTL_resumedomain] = { domctl_resumedomain, NOT_SELF | LIVE },
	[XEN_DOMCTL_max_vcpus] = { domctl_max_vcpus, NOT_SELF | LIVE },
	[XEN_DOMCTL_max_mem] = { domctl_max_mem, LIVE },
	[XEN_DOMCTL_setdomainhandle] = { domctl_setdomainhandle, 0 },
	[XEN_DOMCTL_settimeoffset] = { domctl_settimeoffset, LIVE },
	[XEN_DOMCTL_subscribe] = { domctl_subscribe, LIVE },
	[XEN_DOMCTL_setdebugging] = { domctl_setdebugging, NOT_SELF },
	[XEN_DOMCTL_set_address_size] = { domctl_set_address_size, NOT_SELF | LIVE },
	[XEN_DOMCTL_get_address_size] = { domctl_get_address_size, COPY_BACK },
	[XEN_DOMCTL_setnodeaffinity] = { domctl_set_nodeaffinity, 0 },
	[XEN_DOMCTL_getnodeaffinity] = { domctl_get_nodeaffinity, COPY_BACK },
	[XEN_DOMCTL_settscinfo] = { domctl_settscinfo, LIVE },
	[XEN_DOMCTL_gettscinfo] = { domctl_gettscinfo, COPY_BACK },

	[XEN_DOMCTL_setvcpucontext] = { domctl_setvcpucontext, NOT_SELF | LIVE },
	[XEN_DOMCTL_getvcpucontext] = { domctl_getvcpucontext, NOT_SELF | LIVE },
	[XEN_DOMCTL_getvcpuinfo] = { domctl_getvcpuinfo, COPY_BACK },
	[XEN_DOMCTL_setvcpuaffinity] = { domctl_set_vcpuaffinity, LIVE },
	[XEN_DOMCTL_getvcpuaffinity] = { domctl_get_vcpuaffinity, 0 },
	[XEN_DOMCTL_scheduler_op] = { domctl_scheduler_op, COPY_BACK },
	[XEN_DOMCTL_sendtrigger] = { domctl_sendtrigger, LIVE },

	[XEN_DOMCTL_getpageframeinfo3] = { domctl_getpageframeinfo3, NOT_SELF | LIVE },
	[XEN_DOMCTL_shadow_op] = { domctl_shadow_op, NOT_SELF | COPY_BACK },
	[XEN_DOMCTL_irq_permission] = { domctl_irq_permission, LIVE },
	[XEN_DOMCTL_iomem_permission] = { domctl_iomem_permission, LIVE },
	[XEN_DOMCTL_ioport_permission] = { domctl_ioport_permission, LIVE },
	[XEN_DOMCTL_memory_mapping] = { domctl_memory_mapping, LIVE },
};

/* The handler's flags, or those of a sub-operation that only the arch may know. */
static struct domctl_entry entry_of(uint32_t cmd) {
	if (cmd < ARRAY_SIZE(domctl_table)) {
		cmd = (uint32_t)index_nospec(cmd, ARRAY_SIZE(domctl_table));
		if (domctl_table[cmd].fn) return domctl_table[cmd];
	}
	return (struct domctl_entry){ arch_domctl, COPY_BACK | LIVE };
}

static long domctl_on_domain(struct xen_domctl *op, bool *copy_back) {
	struct domctl_entry entry = entry_of(op->cmd);
	struct domain *d;
	long ret = domain_find(op->domain, &d);

	if (ret) return ret;
	ret = domain_may_control(d);
	if (!ret && (entry.flags & NOT_SELF) && d == current->domain) ret = -EINVAL;
	if (!ret && (entry.flags & LIVE) && d->state >= DOM_DYING) ret = -EINVAL;
	if (!ret) ret = entry.fn(d, op);
	domain_put(d);
	*copy_back = entry.flags & COPY_BACK && (ret >= 0 || ret == -ERESTART || ret == -ENOBUFS);
	return ret;
}

static long domctl_run(struct xen_domctl *op, bool *copy_back) {
	switch (op->cmd) {
	case XEN_DOMCTL_createdomain: *copy_back = true; return domctl_createdomain(op);
	case XEN_DOMCTL_getdomaininfo: *copy_back = true; return domctl_getdomaininfo(op);
	default: return domctl_on_domain(op, copy_back);
	}
}

HYPERCALL(do_domctl) {
	struct xen_domctl op;
	bool copy_back = false;
	long ret;

	if (!current->domain->privileged) return -EPERM;
	if (copy_from_guest(&op, gvaddr(a1), sizeof(op))) return -EFAULT;
	if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION) return -EACCES;
	domains_reap();
	if (!spin_trylock(&domctl_lock)) return hypercall_restart(__HYPERVISOR_domctl, 1, a1);
	ret = domctl_run(&op, &copy_back);
	spin_unlock(&domctl_lock);
	if (copy_back && copy_to_guest(gvaddr(a1), &op, sizeof(op))) return -EFAULT;
	return ret == -ERESTART ? hypercall_restart(__HYPERVISOR_domctl, 1, a1) : ret;
}

int domctl_vcpu(struct domain *d, uint32_t id, struct vcpu **out) {
	if (id >= d->max_vcpus) return -EINVAL;
	*out = d->vcpu[index_nospec(id, d->max_vcpus)];
	return *out ? 0 : -ESRCH;
}

int bitmap_from_guest(const struct xenctl_bitmap *map, uint64_t *out) {
	unsigned bits = MIN(map->nr_bits, 64);

	*out = 0;
	if (copy_from_guest(out, guest_ptr(map->bitmap.p), (bits + 7) / 8)) return -EFAULT;
	if (bits < 64) *out &= (1ULL << bits) - 1;
	return 0;
}

int bitmap_to_guest(const struct xenctl_bitmap *map, uint64_t bits, unsigned nr) {
	unsigned have = (MIN(nr, 64) + 7) / 8, room = map->nr_bits / 8 + !!(map->nr_bits % 8);
	uint8_t zero = 0;

	if (copy_to_guest(guest_ptr(map->bitmap.p), &bits, MIN(have, room))) return -EFAULT;
	for (unsigned i = have; i < MIN(room, 1024); i++)
		if (copy_to_guest(guest_at(guest_ptr(map->bitmap.p), i, 1), &zero, 1)) return -EFAULT;
	return 0;
}
