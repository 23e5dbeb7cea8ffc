/* SPDX-License-Identifier: MIT */
/* XEN_SYSCTL_*: the machine as dom0's tools see it. */
#include "console.h"
#include "domctl.h"

#include <xen/sysctl.h>

static long sysctl_readconsole(struct xen_sysctl *op) {
	struct xen_sysctl_readconsole *r = &op->u.readconsole;
	uint32_t index = r->incremental ? r->index : console_ring_start(), done = 0;
	char buf[256];

	while (done < r->count) {
		size_t n = console_ring_read(&index, buf, MIN(sizeof(buf), r->count - done));

		if (!n) break;
		if (copy_to_guest(guest_at(guest_ptr(r->buffer.p), done, 1), buf, n)) return -EFAULT;
		done += (uint32_t)n;
	}
	if (r->clear) console_ring_clear();
	r->index = index;
	r->count = done;
	return 0;
}

static long sysctl_physinfo(struct xen_sysctl *op) {
	op->u.physinfo = (struct xen_sysctl_physinfo){
		.threads_per_core = 1,
		.cores_per_socket = bit_count(cpus_online),
		.nr_cpus = bit_count(cpus_online),
		.max_cpu_id = bit_last(cpus_online),
		.nr_nodes = 1,
		.capabilities =
			XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1 | XEN_SYSCTL_PHYSCAP_gnttab_v2,
		.total_pages = frames_total,
		.free_pages = frames_free,
		.max_mfn = frame_count - 1,
	};
	return arch_sysctl(op);
}

static long sysctl_sched_id(struct xen_sysctl *op) {
	op->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
	return 0;
}

/* The domain list cannot be held while a guest's buffer is written in full, so each domain is
 * looked up by its id. */
static long sysctl_getdomaininfolist(struct xen_sysctl *op) {
	struct xen_sysctl_getdomaininfolist *list = &op->u.getdomaininfolist;
	struct xen_domctl one = { .domain = list->first_domain };
	uint32_t n = 0;

	for (; n < list->max_domains; n++, one.domain++) {
		if (domctl_getdomaininfo(&one)) break;
		if (copy_to_guest(guest_at(guest_ptr(list->buffer.p), n, sizeof(one.u.getdomaininfo)),
				  &one.u.getdomaininfo, sizeof(one.u.getdomaininfo)))
			return -EFAULT;
	}
	list->num_domains = n;
	return 0;
}

static long sysctl_debug_keys(struct xen_sysctl *op) {
	char key;

	for (uint32_t i = 0; i < MIN(op->u.debug_keys.nr_keys, 64); i++) {
		if (copy_from_guest(&key, guest_at(guest_ptr(op->u.debug_keys.keys.p), i, 1), 1))
			return -EFAULT;
		debug_key(key);
	}
	return 0;
}

static long sysctl_availheap(struct xen_sysctl *op) {
	if (op->u.availheap.node > 0) return -EINVAL;
	op->u.availheap.avail_bytes = frames_free << PAGE_SHIFT;
	return 0;
}

/* All CPUs are reported as cores of one socket: the scheduler makes no other use of them. */
static long sysctl_cputopoinfo(struct xen_sysctl *op) {
	struct xen_sysctl_cputopoinfo *t = &op->u.cputopoinfo;
	uint32_t nr = bit_last(cpus_online) + 1;

	for (uint32_t i = 0; t->cputopo.p && i < MIN(nr, t->num_cpus); i++) {
		struct xen_sysctl_cputopo topo = { .core = i };

		if (!(cpus_online & cpumask_of(i))) topo.core = topo.socket = topo.node = ~0u;
		if (copy_to_guest(guest_at(guest_ptr(t->cputopo.p), i, sizeof(topo)), &topo, sizeof(topo)))
			return -EFAULT;
	}
	t->num_cpus = nr;
	return 0;
}

/* One memory node. */
static long sysctl_numainfo(struct xen_sysctl *op) {
	struct xen_sysctl_numainfo *n = &op->u.numainfo;
	struct xen_sysctl_meminfo mem = { frames_total << PAGE_SHIFT, frames_free << PAGE_SHIFT };
	uint32_t distance = 10;

	if (n->meminfo.p && n->num_nodes && copy_to_guest(guest_ptr(n->meminfo.p), &mem, sizeof(mem)))
		return -EFAULT;
	if (n->distance.p && n->num_nodes &&
	    copy_to_guest(guest_ptr(n->distance.p), &distance, sizeof(distance)))
		return -EFAULT;
	n->num_nodes = 1;
	return 0;
}

/* Every device belongs to the one node. */
static long sysctl_pcitopoinfo(struct xen_sysctl *op) {
	struct xen_sysctl_pcitopoinfo *t = &op->u.pcitopoinfo;
	uint32_t node = 0;

	if (t->num_devs > 1024) return -E2BIG;
	for (uint32_t i = 0; i < t->num_devs; i++)
		if (copy_to_guest(guest_at(guest_ptr(t->nodes.p), i, sizeof(node)), &node, sizeof(node)))
			return -EFAULT;
	return 0;
}

static uint32_t domains_count(void) {
	uint32_t n = 0;

	domain_list_lock();
	for (const struct domain *d = domain_list; d; d = d->next) n++;
	domain_list_unlock();
	return n;
}

/* One pool, number 0, with all CPUs and all domains. */
static long sysctl_cpupool_op(struct xen_sysctl *op) {
	struct xen_sysctl_cpupool_op *p = &op->u.cpupool_op;

	switch (p->op) {
	case XEN_SYSCTL_CPUPOOL_OP_INFO:
		/* The pool with this number or the next higher one. */
		if (p->cpupool_id != 0 && p->cpupool_id != XEN_SYSCTL_CPUPOOL_PAR_ANY) return -ENOENT;
		p->cpupool_id = 0;
		p->sched_id = XEN_SCHEDULER_CREDIT2;
		p->n_dom = domains_count();
		return bitmap_to_guest(&p->cpumap, cpus_online, MAX_CPUS);
	case XEN_SYSCTL_CPUPOOL_OP_FREEINFO: return bitmap_to_guest(&p->cpumap, 0, MAX_CPUS);
	case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN: return p->cpupool_id ? -ENOENT : 0;
	default: return -EOPNOTSUPP;
	}
}

static long sysctl_scheduler_op(struct xen_sysctl *op) {
	struct xen_sysctl_scheduler_op *s = &op->u.scheduler_op;

	if (s->cpupool_id) return -ESRCH;
	if (s->sched_id != XEN_SCHEDULER_CREDIT2) return -EINVAL;
	if (s->cmd != XEN_SYSCTL_SCHEDOP_getinfo) return -EOPNOTSUPP;
	s->u.sched_credit2.ratelimit_us = 0;
	return 0;
}

static long (*const sysctl_table[])(struct xen_sysctl *op) = {
	[XEN_SYSCTL_readconsole] = sysctl_readconsole,
	[XEN_SYSCTL_physinfo] = sysctl_physinfo,
	[XEN_SYSCTL_sched_id] = sysctl_sched_id,
	[XEN_SYSCTL_getdomaininfolist] = sysctl_getdomaininfolist,
	[XEN_SYSCTL_debug_keys] = sysctl_debug_keys,
	[XEN_SYSCTL_availheap] = sysctl_availheap,
	[XEN_SYSCTL_cputopoinfo] = sysctl_cputopoinfo,
	[XEN_SYSCTL_numainfo] = sysctl_numainfo,
	[XEN_SYSCTL_pcitopoinfo] = sysctl_pcitopoinfo,
	[XEN_SYSCTL_cpupool_op] = sysctl_cpupool_op,
	[XEN_SYSCTL_scheduler_op] = sysctl_scheduler_op,
};

static long sysctl_run(struct xen_sysctl *op) {
	uint32_t cmd = op->cmd;

	if (cmd < ARRAY_SIZE(sysctl_table)) {
		cmd = (uint32_t)index_nospec(cmd, ARRAY_SIZE(sysctl_table));
		if (sysctl_table[cmd]) return sysctl_table[cmd](op);
	}
	return arch_sysctl(op);
}

HYPERCALL(do_sysctl) {
	struct xen_sysctl op;
	long ret;

	if (!current->domain->privileged) return -EPERM;
	if (copy_from_guest(&op, gvaddr(a1), sizeof(op))) return -EFAULT;
	if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION) return -EACCES;
	domains_reap();
	ret = sysctl_run(&op);
	if ((ret >= 0 || ret == -ENOBUFS) && copy_to_guest(gvaddr(a1), &op, sizeof(op))) return -EFAULT;
	return ret;
}
