/* SPDX-License-Identifier: MIT */
/*
 * Hypercall wrappers.
 *
 * Model: struct tl_hyper owns one pinned page used as the argument buffer of every call that is not
 * nested, so that a call costs one ioctl and no allocation.
 */
#include "hyper.h"
#include "fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xen/grant_table.h>
#include <xen/physdev.h>
#include <xen/version.h>
#include <xencall.h>
#include <xenforeignmemory.h>

struct tl_hyper {
	xencall_handle *call;
	xenforeignmemory_handle *fmem;
	void *arg; /* one pinned page */
};

#define ARG_SIZE 4096

_Static_assert(sizeof(struct xen_domctl) <= ARG_SIZE, "domctl fits the argument page");
_Static_assert(sizeof(struct xen_sysctl) <= ARG_SIZE, "sysctl fits the argument page");

int tl_hyper_open(struct tl_hyper **out) {
	struct tl_hyper *h = calloc(1, sizeof(*h));
	int e;

	*out = NULL;
	if (!h) return -ENOMEM;
	h->call = xencall_open(NULL, XENCALL_OPENFLAG_NON_REENTRANT);
	if (h->call) h->fmem = xenforeignmemory_open(NULL, 0);
	if (h->fmem) h->arg = xencall_alloc_buffer_pages(h->call, 1);
	if (!h->arg) {
		e = errno ? -errno : -ENODEV;
		tl_hyper_close(h);
		return e;
	}
	*out = h;
	return 0;
}

void tl_hyper_close(struct tl_hyper *h) {
	if (!h) return;
	if (h->arg) xencall_free_buffer_pages(h->call, h->arg, 1);
	if (h->fmem) xenforeignmemory_close(h->fmem);
	if (h->call) xencall_close(h->call);
	free(h);
}

static int result(int r) { return r < 0 ? -errno : r; }

/* Hypercall nr with a structure copied through the argument page, in and out. */
static int call_arg(struct tl_hyper *h, unsigned nr, long cmd, void *arg, size_t n) {
	int r = tl_fault_step();

	if (r) return r;
	do {
		memcpy(h->arg, arg, n);
		r = cmd < 0 ? xencall1(h->call, nr, (uintptr_t)h->arg) : xencall2(h->call, nr, cmd, (uintptr_t)h->arg);
	} while (r < 0 && (errno == ERESTART || errno == EAGAIN));
	r = result(r);
	memcpy(arg, h->arg, n);
	return r;
}

int tl_domctl(struct tl_hyper *h, uint32_t cmd, uint32_t domid, struct xen_domctl *op) {
	op->cmd = cmd;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = domid;
	return call_arg(h, __HYPERVISOR_domctl, -1, op, sizeof(*op));
}

int tl_sysctl(struct tl_hyper *h, uint32_t cmd, struct xen_sysctl *op) {
	op->cmd = cmd;
	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return call_arg(h, __HYPERVISOR_sysctl, -1, op, sizeof(*op));
}

void *tl_hbuf(struct tl_hyper *h, size_t n) { return tl_fault_step() ? NULL : xencall_alloc_buffer(h->call, n); }

void tl_hbuf_free(struct tl_hyper *h, void *p) { xencall_free_buffer(h->call, p); }

static int simple(struct tl_hyper *h, uint32_t cmd, uint32_t domid) {
	struct xen_domctl op = { 0 };

	return tl_domctl(h, cmd, domid, &op);
}

int tl_dom_destroy(struct tl_hyper *h, uint32_t domid) { return simple(h, XEN_DOMCTL_destroydomain, domid); }

int tl_dom_pause(struct tl_hyper *h, uint32_t domid) { return simple(h, XEN_DOMCTL_pausedomain, domid); }

int tl_dom_unpause(struct tl_hyper *h, uint32_t domid) { return simple(h, XEN_DOMCTL_unpausedomain, domid); }

int tl_dom_max_mem(struct tl_hyper *h, uint32_t domid, uint64_t kib) {
	struct xen_domctl op = { .u.max_mem.max_memkb = kib };

	return tl_domctl(h, XEN_DOMCTL_max_mem, domid, &op);
}

int tl_dom_max_vcpus(struct tl_hyper *h, uint32_t domid, uint32_t n) {
	struct xen_domctl op = { .u.max_vcpus.max = n };

	return tl_domctl(h, XEN_DOMCTL_max_vcpus, domid, &op);
}

int tl_dom_set_handle(struct tl_hyper *h, uint32_t domid, const uint8_t uuid[16]) {
	struct xen_domctl op = { 0 };

	memcpy(op.u.setdomainhandle.handle, uuid, 16);
	return tl_domctl(h, XEN_DOMCTL_setdomainhandle, domid, &op);
}

int tl_dom_info(struct tl_hyper *h, uint32_t domid, struct xen_domctl_getdomaininfo *info) {
	struct xen_domctl op = { 0 };
	int e = tl_domctl(h, XEN_DOMCTL_getdomaininfo, domid, &op);

	if (e) return e;
	if (op.domain != domid) return -ESRCH;
	*info = op.u.getdomaininfo;
	return 0;
}

#define LIST_BATCH 256

/* Append up to LIST_BATCH domains from number `first` on; returns how many. */
static int list_batch(struct tl_hyper *h, uint32_t first, struct xen_domctl_getdomaininfo *buf,
		      struct xen_domctl_getdomaininfo **list, size_t have) {
	struct xen_sysctl op = { .u.getdomaininfolist = { .first_domain = first, .max_domains = LIST_BATCH } };
	void *grown;
	size_t n;
	int e;

	set_xen_guest_handle(op.u.getdomaininfolist.buffer, buf);
	e = tl_sysctl(h, XEN_SYSCTL_getdomaininfolist, &op);
	if (e < 0) return e;
	n = op.u.getdomaininfolist.num_domains;
	if (n > LIST_BATCH) return -EPROTO;
	grown = realloc(*list, (have + n + 1) * sizeof(**list));
	if (!grown) return -ENOMEM;
	*list = grown;
	memcpy(*list + have, buf, n * sizeof(**list));
	return n;
}

int tl_dom_list(struct tl_hyper *h, struct xen_domctl_getdomaininfo **list) {
	struct xen_domctl_getdomaininfo *buf = tl_hbuf(h, LIST_BATCH * sizeof(*buf));
	size_t have = 0;
	uint32_t first = 0;
	int n;

	*list = NULL;
	if (!buf) return -ENOMEM;
	do {
		n = list_batch(h, first, buf, list, have);
		if (n > 0) {
			have += n;
			first = (*list)[have - 1].domain + 1;
		}
	} while (n == LIST_BATCH);
	tl_hbuf_free(h, buf);
	if (n < 0) {
		free(*list);
		*list = NULL;
		return n;
	}
	return have;
}

int tl_mem_populate(struct tl_hyper *h, uint32_t domid, const xen_pfn_t *pfn, xen_pfn_t *mfn, size_t n,
		    unsigned order) {
	struct xen_memory_reservation res = { .nr_extents = n, .extent_order = order, .domid = domid };
	xen_pfn_t *buf = tl_hbuf(h, n * sizeof(*buf));
	int r;

	if (!buf) return -ENOMEM;
	memcpy(buf, pfn, n * sizeof(*buf));
	set_xen_guest_handle(res.extent_start, buf);
	r = call_arg(h, __HYPERVISOR_memory_op, XENMEM_populate_physmap, &res, sizeof(res));
	if (r > 0) memcpy(mfn, buf, (size_t)r * sizeof(*mfn));
	tl_hbuf_free(h, buf);
	return r;
}

int tl_mem_set_map(struct tl_hyper *h, uint32_t domid, uint64_t bytes) {
	struct e820 {
		uint64_t addr, size;
		uint32_t type;
	} __attribute__((packed)) *entry = tl_hbuf(h, sizeof(*entry));
	struct xen_foreign_memory_map map = { .domid = domid, .map.nr_entries = 1 };
	int e;

	if (!entry) return -ENOMEM;
	*entry = (struct e820){ 0, bytes, 1 };
	set_xen_guest_handle(map.map.buffer, (void *)entry);
	e = call_arg(h, __HYPERVISOR_memory_op, XENMEM_set_memory_map, &map, sizeof(map));
	tl_hbuf_free(h, entry);
	return e;
}

int tl_mem_pin(struct tl_hyper *h, uint32_t domid, xen_pfn_t mfn, int level) {
	struct mmuext_op op = { .cmd = level == 4 ? MMUEXT_PIN_L4_TABLE : MMUEXT_PIN_L3_TABLE, .arg1.mfn = mfn };
	int e = tl_fault_step();

	if (e) return e;
	memcpy(h->arg, &op, sizeof(op));
	return result(xencall4(h->call, __HYPERVISOR_mmuext_op, (uintptr_t)h->arg, 1, 0, domid));
}

void *tl_mem_map(struct tl_hyper *h, uint32_t domid, const xen_pfn_t *mfn, size_t n) {
	if (tl_fault_step()) return NULL;
	return xenforeignmemory_map(h->fmem, domid, PROT_READ | PROT_WRITE, n, mfn, NULL);
}

void tl_mem_unmap(struct tl_hyper *h, void *p, size_t n) { xenforeignmemory_unmap(h->fmem, p, n); }

int tl_grant_seed(struct tl_hyper *h, uint32_t domid, uint32_t ref, uint32_t to, xen_pfn_t mfn) {
	xenforeignmemory_resource_handle *res;
	void *table = NULL;
	grant_entry_v1_t *entry;
	int e = tl_fault_step();

	if (e) return e;
	res = xenforeignmemory_map_resource(h->fmem, domid, XENMEM_resource_grant_table,
					    XENMEM_resource_grant_table_id_shared, 0, 1, &table, PROT_READ | PROT_WRITE,
					    0);
	if (!res) return -errno;
	entry = (grant_entry_v1_t *)table + ref;
	entry->domid = to;
	entry->frame = mfn;
	/* The guest does not run yet; the order still follows the interface: flags last. */
	__atomic_store_n(&entry->flags, GTF_permit_access, __ATOMIC_RELEASE);
	xenforeignmemory_unmap_resource(h->fmem, res);
	return 0;
}

int tl_pirq_map(struct tl_hyper *h, uint32_t domid, unsigned gsi) {
	struct physdev_map_pirq map = {
		.domid = domid, .type = MAP_PIRQ_TYPE_GSI, .index = (int)gsi, .pirq = (int)gsi
	};

	return call_arg(h, __HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &map, sizeof(map));
}

int tl_evtchn_alloc(struct tl_hyper *h, uint32_t domid, uint32_t remote) {
	struct evtchn_alloc_unbound op = { .dom = domid, .remote_dom = remote };
	int e = call_arg(h, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &op, sizeof(op));

	return e ? e : (int)op.port;
}

int tl_version(struct tl_hyper *h, int cmd, void *arg, size_t n) {
	return n > ARG_SIZE ? -EINVAL : call_arg(h, __HYPERVISOR_xen_version, cmd, arg, n);
}
