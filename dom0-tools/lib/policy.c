/* SPDX-License-Identifier: MIT */
/* What a new domain's processors show by CPUID, and what of the machine it may use. */
#include "cpuid.h"
#include "domain.h"
#include "range.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* -- CPUID -- */

/* Lists of leaves and MSRs in memory that hypercalls may point into. */
struct room {
	xen_cpuid_leaf_t *host, *guest;
	xen_msr_entry_t *msrs;
	uint32_t leaves, nr_msrs;
};

static int host_policy(struct tl_ctx *ctx, struct room *r, struct tl_cpuid_leaves *host) {
	struct xen_sysctl op = {
		.u.cpu_policy = { .index = XEN_SYSCTL_cpu_policy_host, .nr_leaves = r->leaves, .nr_msrs = r->nr_msrs }
	};
	int e;

	set_xen_guest_handle(op.u.cpu_policy.leaves, r->host);
	set_xen_guest_handle(op.u.cpu_policy.msrs, r->msrs);
	e = tl_sysctl(ctx->h, XEN_SYSCTL_get_cpu_policy, &op);
	*host = (struct tl_cpuid_leaves){ r->host, op.u.cpu_policy.nr_leaves };
	return e;
}

/* Read the domain's leaves, change them, and give them back; its MSRs stay. */
static int change_policy(struct tl_ctx *ctx, uint32_t domid, const struct tl_config *c, struct room *r) {
	struct xen_domctl op = { .u.cpu_policy = { .nr_leaves = r->leaves, .nr_msrs = r->nr_msrs } };
	struct xen_domctl_cpu_policy *p = &op.u.cpu_policy;
	struct tl_cpuid_leaves host, guest;
	uint32_t bad;
	int e = host_policy(ctx, r, &host);

	set_xen_guest_handle(p->leaves, r->guest);
	set_xen_guest_handle(p->msrs, r->msrs);
	if (!e) e = tl_domctl(ctx->h, XEN_DOMCTL_get_cpu_policy, domid, &op);
	if (e) return tl_fail(ctx, e, "reading the CPUID policy: %s", strerror(-e));
	guest = (struct tl_cpuid_leaves){ r->guest, p->nr_leaves };
	if (tl_cpuid_apply(c, &host, &guest, &bad))
		return tl_fail(ctx, -EINVAL, "cpuid: a guest on this hypervisor has no leaf 0x%x to change", bad);
	p->nr_msrs = 0;
	e = tl_domctl(ctx->h, XEN_DOMCTL_set_cpu_policy, domid, &op);
	if (e && p->err_leaf != ~0u)
		return tl_fail(ctx, e, "cpuid: the hypervisor refuses what leaf 0x%x would be: %s", p->err_leaf,
			       strerror(-e));
	return e ? tl_fail(ctx, e, "setting the CPUID policy: %s", strerror(-e)) : 0;
}

static int room_get(struct tl_ctx *ctx, struct room *r) {
	struct xen_sysctl op = { .u.cpu_policy.index = XEN_SYSCTL_cpu_policy_host };
	int e = tl_sysctl(ctx->h, XEN_SYSCTL_get_cpu_policy, &op); /* without addresses: how long lists get */

	if (e) return tl_fail(ctx, e, "cpuid: the hypervisor has no CPUID policies: %s", strerror(-e));
	r->leaves = op.u.cpu_policy.nr_leaves;
	r->nr_msrs = op.u.cpu_policy.nr_msrs;
	r->host = tl_hbuf(ctx->h, 2 * r->leaves * sizeof(*r->host));
	r->msrs = tl_hbuf(ctx->h, r->nr_msrs * sizeof(*r->msrs));
	if (!r->host || !r->msrs) return tl_fail(ctx, -ENOMEM, "cpuid: out of memory");
	r->guest = r->host + r->leaves;
	return 0;
}

int tl_domain_cpuid(struct tl_ctx *ctx, uint32_t domid, const struct tl_config *c) {
	struct room r = { 0 };
	int e;

	if (!c->cpuids) return 0;
	e = room_get(ctx, &r);
	if (!e) e = change_policy(ctx, domid, c, &r);
	if (r.host) tl_hbuf_free(ctx->h, r.host);
	if (r.msrs) tl_hbuf_free(ctx->h, r.msrs);
	return e;
}

/* -- ports, device memory, interrupts -- */

static int permit_ports(struct tl_ctx *ctx, uint32_t domid, const struct tl_range *r) {
	struct xen_domctl op = { .u.ioport_permission = {
					 .first_port = r->first, .nr_ports = r->n, .allow_access = 1 } };
	int e = tl_domctl(ctx->h, XEN_DOMCTL_ioport_permission, domid, &op);

	return e ? tl_fail(ctx, e, "ioports: %llx-%llx: %s", (unsigned long long)r->first,
			   (unsigned long long)(r->first + r->n - 1), strerror(-e))
		 : 0;
}

static int permit_frames(struct tl_ctx *ctx, uint32_t domid, const struct tl_range *r) {
	struct xen_domctl op = { .u.iomem_permission = { .first_mfn = r->first, .nr_mfns = r->n, .allow_access = 1 } };
	int e = tl_domctl(ctx->h, XEN_DOMCTL_iomem_permission, domid, &op);

	return e ? tl_fail(ctx, e, "iomem: %llx,%llx: %s", (unsigned long long)r->first, (unsigned long long)r->n,
			   strerror(-e))
		 : 0;
}

static int permit_line(struct tl_ctx *ctx, uint32_t domid, const struct tl_range *r) {
	struct xen_domctl op = { .u.irq_permission = { .pirq = r->first, .allow_access = 1 } };
	int e = tl_pirq_map(ctx->h, domid, r->first);

	if (!e) e = tl_domctl(ctx->h, XEN_DOMCTL_irq_permission, domid, &op);
	return e ? tl_fail(ctx, e, "irqs: %llu: %s", (unsigned long long)r->first, strerror(-e)) : 0;
}

int tl_domain_permit(struct tl_ctx *ctx, uint32_t domid, const struct tl_config *c) {
	int i, e = 0;

	for (i = 0; i < c->ioports.n && !e; i++) e = permit_ports(ctx, domid, &c->ioports.range[i]);
	for (i = 0; i < c->iomem.n && !e; i++) e = permit_frames(ctx, domid, &c->iomem.range[i]);
	for (i = 0; i < c->irqs.n && !e; i++) e = permit_line(ctx, domid, &c->irqs.range[i]);
	return e;
}
