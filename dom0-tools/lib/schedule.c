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

/* Point a domctl's bitmap at a pinned copy of the set. */
static uint8_t *pin_map(struct tl_ctx *ctx, const char *text, struct xenctl_bitmap *map) {
	struct tl_cpuset set;
	uint8_t *buf = tl_hbuf(ctx->h, sizeof(set.bits));

	if (!buf || tl_cpuset_parse(text, &set)) {
		if (buf) tl_hbuf_free(ctx->h, buf);
		return NULL;
	}
	memcpy(buf, set.bits, sizeof(set.bits));
	set_xen_guest_handle(map->bitmap, buf);
	map->nr_bits = TL_CPUS_MAX;
	return buf;
}

int tl_vcpu_pin(struct tl_ctx *ctx, uint32_t domid, unsigned vcpu, const char *hard, const char *soft, int force) {
	struct xen_domctl op = { .u.vcpuaffinity.vcpu = vcpu };
	uint8_t *h = NULL, *s = NULL;
	int e = 0;

	if (hard) {
		h = pin_map(ctx, hard, &op.u.vcpuaffinity.cpumap_hard);
		op.u.vcpuaffinity.flags |= XEN_VCPUAFFINITY_HARD;
		e = h ? 0 : -EINVAL;
	}
	if (soft && !e) {
		s = pin_map(ctx, soft, &op.u.vcpuaffinity.cpumap_soft);
		op.u.vcpuaffinity.flags |= XEN_VCPUAFFINITY_SOFT;
		e = s ? 0 : -EINVAL;
	}
	if (force) op.u.vcpuaffinity.flags |= XEN_VCPUAFFINITY_FORCE;
	if (!e) e = tl_domctl(ctx->h, XEN_DOMCTL_setvcpuaffinity, domid, &op);
	if (h) tl_hbuf_free(ctx->h, h);
	if (s) tl_hbuf_free(ctx->h, s);
	return e;
}

/* cpus="..." is for every vCPU; cpus=[...] gives one item to each vCPU in turn. */
static const char *cpus_of(const struct tl_cfg_value *v, unsigned vcpu) {
	if (!v) return NULL;
	if (v->type != TL_CFG_LIST) return v->text;
	return vcpu < v->items ? v->item[vcpu].text : NULL;
}

int tl_domain_schedule(struct tl_ctx *ctx, uint32_t domid, const struct tl_config *c) {
	const char *hard, *soft;
	unsigned i;
	int e = set_weight(ctx, domid, c);

	if (e) return tl_fail(ctx, e, "setting the scheduling parameters: %s", strerror(-e));
	for (i = 0; i < c->maxvcpus && (c->cpus || c->cpus_soft); i++) {
		hard = cpus_of(c->cpus, i);
		soft = cpus_of(c->cpus_soft, i);
		e = hard || soft ? tl_vcpu_pin(ctx, domid, i, hard, soft, 0) : 0;
		if (e)
			return tl_fail(ctx, e, "pinning vCPU %u to CPUs %s: %s", i, hard ? hard : soft,
				       e == -EINVAL ? "no such CPUs are online" : strerror(-e));
	}
	return 0;
}
