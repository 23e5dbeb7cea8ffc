/* SPDX-License-Identifier: MIT */
/* Scheduling parameters and CPU affinity. */
#include "cpuset.h"
#include "domain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tl_pool_find(struct tl_ctx *ctx, const char *name, uint32_t *id) {
	char **ids = NULL, *found;
	int n, i, e = -ESRCH;

	*id = 0;
	if (!name) return 0;
	n = tl_store_list(ctx->s, &ids, "/local/pool");
	for (i = 0; i < n && e; i++) {
		found = tl_store_get(ctx->s, "/local/pool/%s/name", ids[i]);
		if (found && strcmp(found, name) == 0) e = 0;
		if (!e) *id = strtoul(ids[i], NULL, 10);
		free(found);
	}
	free(ids);
	return e ? tl_fail(ctx, e, "pool: there is no CPU pool named \"%s\" (see \"tl cpupool-list\")", name) : 0;
}

static int set_weight(struct tl_ctx *ctx, uint32_t domid, const struct tl_config *c) {
	struct xen_sysctl id = { 0 };
	struct xen_domctl op = { 0 };
	struct xen_domctl_scheduler_op *s = &op.u.scheduler_op;
	int e;

	if (c->cpu_weight == TL_DEFAULT && c->cap == TL_DEFAULT) return 0;
	e = tl_sysctl(ctx->h, XEN_SYSCTL_sched_id, &id);
	if (e) return e;
	s->sched_id = id.u.sched_id.sched_id;
	if (s->sched_id != XEN_SCHEDULER_CREDIT2 && s->sched_id != XEN_SCHEDULER_CREDIT) return 0;
	s->cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	e = tl_domctl(ctx->h, XEN_DOMCTL_scheduler_op, domid, &op);
	if (e) return e;
	s->cmd = XEN_DOMCTL_SCHEDOP_putinfo; /* both schedulers have the same two fields */
	if (c->cpu_weight != TL_DEFAULT) s->u.credit2.weight = c->cpu_weight;
	if (c->cap != TL_DEFAULT) s->u.credit2.cap = c->cap;
	return tl_domctl(ctx->h, XEN_DOMCTL_scheduler_op, domid, &op);
}

/* -- affinity -- */

/* The nodes of the host's CPUs. */
static int host_nodes(struct tl_ctx *ctx, struct tl_nodes *nodes) {
	struct xen_sysctl_cputopo *cpu = tl_hbuf(ctx->h, TL_CPUS_MAX * sizeof(*cpu));
	struct xen_sysctl op = { .u.cputopoinfo.num_cpus = TL_CPUS_MAX };
	unsigned i;
	int e;

	if (!cpu) return -ENOMEM;
	set_xen_guest_handle(op.u.cputopoinfo.cputopo, cpu);
	e = tl_sysctl(ctx->h, XEN_SYSCTL_cputopoinfo, &op);
	for (i = 0; i < TL_CPUS_MAX; i++) nodes->of[i] = !e && i < op.u.cputopoinfo.num_cpus ? cpu[i].node : TL_NO_NODE;
	tl_hbuf_free(ctx->h, cpu);
	return e;
}

static int read_set(struct tl_ctx *ctx, const char *text, struct tl_cpuset *set) {
	struct tl_nodes nodes;
	int by_nodes = strstr(text, "node") != NULL, e = by_nodes ? host_nodes(ctx, &nodes) : 0;

	return e ? e : tl_cpuset_parse(text, by_nodes ? &nodes : NULL, set);
}

static int narrow(struct tl_ctx *ctx, const char *key, const char *mask, struct tl_cpuset *set) {
	struct tl_cpuset allowed;

	if (!*mask) return 0;
	if (read_set(ctx, mask, &allowed))
		return tl_fail(ctx, -EINVAL, "%s=\"%s\" in the host's settings is not a list of CPUs", key, mask);
	if (tl_cpuset_narrow(set, &allowed))
		return tl_fail(ctx, -EINVAL, "%s=\"%s\" in the host's settings leaves no CPU of these", key, mask);
	return 0;
}

/* A domctl's bitmap: the set in memory that hypercalls may point into. */
struct pin {
	struct tl_cpuset set;
	uint8_t *buf;
};

static int pin_put(struct tl_ctx *ctx, struct pin *p, struct xenctl_bitmap *map) {
	p->buf = tl_hbuf(ctx->h, sizeof(p->set.bits));
	if (!p->buf) return -ENOMEM;
	memcpy(p->buf, p->set.bits, sizeof(p->set.bits));
	set_xen_guest_handle(map->bitmap, p->buf);
	map->nr_bits = TL_CPUS_MAX;
	return 0;
}

static int pin_hard(struct tl_ctx *ctx, const char *text, struct pin *p, struct xen_domctl_vcpuaffinity *a) {
	int e = read_set(ctx, text, &p->set);

	if (!e) e = narrow(ctx, "vm.cpumask", ctx->host.cpumask, &p->set);
	if (!e) e = narrow(ctx, "vm.pv.cpumask", ctx->host.pv_cpumask, &p->set);
	a->flags |= XEN_VCPUAFFINITY_HARD;
	return e ? e : pin_put(ctx, p, &a->cpumap_hard);
}

static int pin_soft(struct tl_ctx *ctx, const char *text, struct pin *p, struct xen_domctl_vcpuaffinity *a) {
	int e = read_set(ctx, text, &p->set);

	a->flags |= XEN_VCPUAFFINITY_SOFT;
	return e ? e : pin_put(ctx, p, &a->cpumap_soft);
}

int tl_vcpu_pin(struct tl_ctx *ctx, uint32_t domid, unsigned vcpu, const char *hard, const char *soft, int force) {
	struct xen_domctl op = { .u.vcpuaffinity = { .vcpu = vcpu, .flags = force ? XEN_VCPUAFFINITY_FORCE : 0 } };
	struct pin h = { 0 }, s = { 0 };
	int e = hard ? pin_hard(ctx, hard, &h, &op.u.vcpuaffinity) : 0;

	if (soft && !e) e = pin_soft(ctx, soft, &s, &op.u.vcpuaffinity);
	if (!e) e = tl_domctl(ctx->h, XEN_DOMCTL_setvcpuaffinity, domid, &op);
	if (h.buf) tl_hbuf_free(ctx->h, h.buf);
	if (s.buf) tl_hbuf_free(ctx->h, s.buf);
	return e ? tl_fail(ctx, e, "pinning vCPU %u to CPUs %s: %s", vcpu, hard ? hard : soft,
			   e == -EINVAL ? "none of these CPUs is online" : strerror(-e))
		 : 0;
}

/* cpus="..." is for every vCPU; cpus=[...] gives one item to each vCPU in turn. */
static const char *cpus_of(const struct tl_cfg_value *v, unsigned vcpu) {
	if (!v) return NULL;
	if (v->type != TL_CFG_LIST) return v->text;
	return vcpu < v->items ? v->item[vcpu].text : NULL;
}

int tl_domain_schedule(struct tl_ctx *ctx, uint32_t domid, const struct tl_config *c) {
	int e = set_weight(ctx, domid, c), masked = *ctx->host.cpumask || *ctx->host.pv_cpumask;
	const char *hard, *soft;
	unsigned i;

	if (e) return tl_fail(ctx, e, "setting the scheduling parameters: %s", strerror(-e));
	for (i = 0; i < c->maxvcpus && !e; i++) {
		hard = cpus_of(c->cpus, i);
		soft = cpus_of(c->cpus_soft, i);
		if (!hard && masked) hard = "all";
		if (hard || soft) e = tl_vcpu_pin(ctx, domid, i, hard, soft, 0);
	}
	return e;
}
