/* SPDX-License-Identifier: MIT */
/* XEN_SYSCTL_*: the machine as dom0's tools see it. */
#include "console.h"
#include "domctl.h"

#include <xen/sysctl.h>

SUBOP(readconsole, struct xen_sysctl_readconsole) {
	uint32_t index = a->incremental ? a->index : console_ring_start(), done = 0;
	char buf[256];

	while (done < a->count) {
		size_t n = console_ring_read(&index, buf, MIN(sizeof(buf), a->count - done));

		if (!n) break;
		if (copy_to_guest(guest_at(guest_ptr(a->buffer.p), done, 1), buf, n)) return -EFAULT;
		done += (uint32_t)n;
	}
	if (a->clear) console_ring_clear();
	a->index = index;
	a->count = done;
	return 0;
}

SUBOP(physinfo, struct xen_sysctl_physinfo) {
	*a = (struct xen_sysctl_physinfo){
		.threads_per_core = 1,
		.cores_per_socket = bit_count(cpus_online),
		.nr_cpus = bit_count(cpus_online),
		.max_cpu_id = bit_last(cpus_online),
		.nr_nodes = 1,
		.capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1 | XEN_SYSCTL_PHYSCAP_gnttab_v2,
		.total_pages = frames_total,
		.free_pages = frames_free,
		.max_mfn = frame_count - 1,
	};
	return arch_sysctl(container_of(a, struct xen_sysctl, u.physinfo));
}

SUBOP(sched_id, struct xen_sysctl_sched_id) {
	a->sched_id = XEN_SCHEDULER_CREDIT2;
	return 0;
}

/* The domain list cannot be held while a guest's buffer is written in full, so each domain is
 * looked up by its id. */
SUBOP(getdomaininfolist, struct xen_sysctl_getdomaininfolist) {
	struct xen_domctl one = { .domain = a->first_domain };
	uint32_t n = 0;

	for (; n < a->max_domains && !domctl_getdomaininfo(&one); n++, one.domain++)
		if (array_to_guest(a->buffer.p, n, &one.u.getdomaininfo)) return -EFAULT;
	a->num_domains = n;
	return 0;
}

SUBOP(debug_keys, struct xen_sysctl_debug_keys) {
	char key;

	for (uint32_t i = 0; i < MIN(a->nr_keys, 64); i++) {
		if (copy_from_guest(&key, guest_at(guest_ptr(a->keys.p), i, 1), 1)) return -EFAULT;
		debug_key(key);
	}
	return 0;
}

SUBOP(availheap, struct xen_sysctl_availheap) {
	a->avail_bytes = a->node > 0 ? 0 : frames_free << PAGE_SHIFT;
	return 0;
}

/* All CPUs are reported as cores of one socket: the scheduler makes no other use of them. */
SUBOP(cputopoinfo, struct xen_sysctl_cputopoinfo) {
	uint32_t nr = bit_last(cpus_online) + 1;

	for (uint32_t i = 0; a->cputopo.p && i < MIN(nr, a->num_cpus); i++) {
		struct xen_sysctl_cputopo topo = { .core = i };

		if (!(cpus_online & cpumask_of(i))) topo.core = topo.socket = topo.node = ~0u;
		if (array_to_guest(a->cputopo.p, i, &topo)) return -EFAULT;
	}
	a->num_cpus = nr;
	return 0;
}

/* One memory node. */
SUBOP(numainfo, struct xen_sysctl_numainfo) {
	struct xen_sysctl_meminfo mem = { frames_total << PAGE_SHIFT, frames_free << PAGE_SHIFT };
	uint32_t distance = 10;

	if (a->num_nodes && a->meminfo.p && array_to_guest(a->meminfo.p, 0, &mem)) return -EFAULT;
	if (a->num_nodes && a->distance.p && array_to_guest(a->distance.p, 0, &distance)) return -EFAULT;
	a->num_nodes = 1;
	return 0;
}

/* Every device belongs to the one node. */
SUBOP(pcitopoinfo, struct xen_sysctl_pcitopoinfo) {
	uint32_t node = 0;

	if (a->num_devs > 1024) return -E2BIG;
	for (uint32_t i = 0; i < a->num_devs; i++)
		if (array_to_guest(a->nodes.p, i, &node)) return -EFAULT;
	return 0;
}

static uint32_t domains_count(void) {
	SPIN_GUARD(&domlist_lock);
	uint32_t n = 0;

	for_each_domain (d) n++;
	return n;
}

/* One pool, number 0, with all CPUs and all domains. */
SUBOP(cpupool_op, struct xen_sysctl_cpupool_op) {
	switch (a->op) {
	case XEN_SYSCTL_CPUPOOL_OP_INFO:
		if (a->cpupool_id) return -ENOENT;
		a->sched_id = XEN_SCHEDULER_CREDIT2;
		a->n_dom = domains_count();
		return bitmap_to_guest(&a->cpumap, cpus_online);
	case XEN_SYSCTL_CPUPOOL_OP_FREEINFO: return bitmap_to_guest(&a->cpumap, 0);
	case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
		if (!a->domid) return -EPERM;
		return !domain_by_id((domid_t)a->domid) ? -ESRCH : a->cpupool_id ? -ENOENT : 0;
	default: return a->op && a->op <= XEN_SYSCTL_CPUPOOL_OP_FREEINFO ? -EOPNOTSUPP : -ENOSYS;
	}
}

SUBOP(scheduler_op, struct xen_sysctl_scheduler_op) {
	if (a->cpupool_id) return -ESRCH;
	if (a->sched_id != XEN_SCHEDULER_CREDIT2) return -EINVAL;
	if (a->cmd != XEN_SYSCTL_SCHEDOP_getinfo) return -EOPNOTSUPP;
	a->u.sched_credit2.ratelimit_us = 0;
	return 0;
}

static const struct subop ops[] = {
	[XEN_SYSCTL_readconsole] = { readconsole, 0, 0 },
	[XEN_SYSCTL_physinfo] = { physinfo, 0, 0 },
	[XEN_SYSCTL_sched_id] = { sched_id, 0, 0 },
	[XEN_SYSCTL_getdomaininfolist] = { getdomaininfolist, 0, 0 },
	[XEN_SYSCTL_debug_keys] = { debug_keys, 0, 0 },
	[XEN_SYSCTL_availheap] = { availheap, 0, 0 },
	[XEN_SYSCTL_cputopoinfo] = { cputopoinfo, 0, 0 },
	[XEN_SYSCTL_numainfo] = { numainfo, 0, 0 },
	[XEN_SYSCTL_pcitopoinfo] = { pcitopoinfo, 0, 0 },
	[XEN_SYSCTL_cpupool_op] = { cpupool_op, 0, 0 },
	[XEN_SYSCTL_scheduler_op] = { scheduler_op, 0, 0 },
};

HYPERCALL(do_sysctl) {
	struct xen_sysctl op;
	const struct subop *sub;
	long ret;

	if (!current->domain->privileged) return -EPERM;
	if (copy_from_guest(&op, gvaddr(a1), sizeof(op))) return -EFAULT;
	if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION) return -EACCES;
	domains_reap();
	sub = subop_find(ops, ARRAY_SIZE(ops), op.cmd);
	ret = sub ? sub->fn(&op.u, current, gvaddr(a1)) : arch_sysctl(&op);
	if ((ret >= 0 || ret == -ENOBUFS) && copy_to_guest(gvaddr(a1), &op, sizeof(op))) return -EFAULT;
	return ret;
}
