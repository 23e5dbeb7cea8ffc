/* SPDX-License-Identifier: MIT */
/* Memory, vCPUs, scheduling, pools, store quotas. */
#include "cmd.h"
#include "../lib/cpuset.h"
#include "../lib/domain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int cmd_mem_set(struct cmd *c) {
	struct xen_domctl_getdomaininfo info;
	uint32_t domid;
	uint64_t kib, most;
	char dir[48];
	int e = cmd_domain(c, 0, &domid);

	if (!e) e = cmd_size(c, c->arg[1], &kib);
	if (e) return e;
	snprintf(dir, sizeof(dir), "/local/domain/%u/memory", domid);
	most = tl_store_num(c->ctx.s, 0, "%s/static-max", dir);
	if (kib < 1024)
		return cmd_error(c, "%llu KiB is too little (a number without a unit is in KiB)",
				 (unsigned long long)kib);
	if (domid && most && kib > most)
		return cmd_error(c, "the guest's maxmem is %llu MiB", (unsigned long long)most >> 10);
	if (tl_dom_info(c->ctx.h, domid, &info)) return cmd_error(c, "there is no domain %u", domid);
	if (kib > info.tot_pages * 4 && tl_memory_reserve(&c->ctx, kib - info.tot_pages * 4)) return cmd_failed(c);
	/* The limit first when growing: the guest may balloon up as soon as it sees the target. */
	if (domid) e = tl_dom_max_mem(c->ctx.h, domid, kib + 1024);
	if (!e) e = tl_store_putf(c->ctx.s, dir, "target", "%llu", (unsigned long long)kib);
	return e ? cmd_error(c, "%s", strerror(-e)) : cmd_done(c, domid);
}

int cmd_mem_max(struct cmd *c) {
	uint32_t domid;
	uint64_t kib, target;
	int e = cmd_domain(c, 0, &domid);

	if (!e) e = cmd_size(c, c->arg[1], &kib);
	if (e) return e;
	target = tl_store_num(c->ctx.s, 0, "/local/domain/%u/memory/target", domid);
	if (kib < target)
		return cmd_error(c, "the memory target is %llu MiB; lower it first with mem-set",
				 (unsigned long long)target >> 10);
	e = tl_dom_max_mem(c->ctx.h, domid, kib + 1024);
	return e ? cmd_error(c, "%s", strerror(-e)) : cmd_done(c, domid);
}

static const struct tl_column vcpu_columns[] = {
	{ "name", "Name", TL_TEXT, 32, 0 },          { "domid", "ID", TL_NUM, 5, TL_RIGHT },
	{ "vcpu", "VCPU", TL_NUM, 5, TL_RIGHT },     { "cpu", "CPU", TL_NUM, 3, TL_RIGHT },
	{ "state", "State", TL_TEXT, 5, 0 },         { "cpu_seconds", "Time(s)", TL_NUM, 8, TL_RIGHT },
	{ "hard", "Affinity (Hard", TL_TEXT, 0, 0 }, { "soft", "/ Soft)", TL_TEXT, 0, 0 },
};

static unsigned host_cpus(struct cmd *c) {
	struct xen_sysctl op = { 0 };

	return tl_sysctl(c->ctx.h, XEN_SYSCTL_physinfo, &op) ? 1 : op.u.physinfo.nr_cpus;
}

/* Both affinities of a vCPU; empty texts when the hypervisor does not say. */
static void affinity(struct cmd *c, uint32_t domid, unsigned vcpu, unsigned cpus, char *hard, char *soft, size_t n) {
	struct xen_domctl op = { .u.vcpuaffinity = { .vcpu = vcpu,
						     .flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT } };
	struct tl_cpuset *set = tl_hbuf(c->ctx.h, 2 * sizeof(*set));

	hard[0] = soft[0] = 0;
	if (!set) return;
	memset(set, 0, 2 * sizeof(*set));
	set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, set[0].bits);
	set_xen_guest_handle(op.u.vcpuaffinity.cpumap_soft.bitmap, set[1].bits);
	op.u.vcpuaffinity.cpumap_hard.nr_bits = op.u.vcpuaffinity.cpumap_soft.nr_bits = TL_CPUS_MAX;
	if (tl_domctl(c->ctx.h, XEN_DOMCTL_getvcpuaffinity, domid, &op) == 0) {
		tl_cpuset_format(&set[0], cpus, hard, n);
		tl_cpuset_format(&set[1], cpus, soft, n);
	}
	tl_hbuf_free(c->ctx.h, set);
}

static void vcpu_rows(struct cmd *c, struct tl_report *r, const struct xen_domctl_getdomaininfo *info, unsigned cpus) {
	struct xen_domctl op;
	char hard[128], soft[128], *name = tl_domain_name(&c->ctx, info->domain);
	unsigned v;

	for (v = 0; v <= info->max_vcpu_id && info->max_vcpu_id != XEN_INVALID_MAX_VCPU_ID; v++) {
		memset(&op, 0, sizeof(op));
		op.u.getvcpuinfo.vcpu = v;
		if (tl_domctl(c->ctx.h, XEN_DOMCTL_getvcpuinfo, info->domain, &op)) continue;
		affinity(c, info->domain, v, cpus, hard, soft, sizeof(hard));
		tl_cell(r, "%s", name);
		tl_cell(r, "%u", info->domain);
		tl_cell(r, "%u", v);
		if (op.u.getvcpuinfo.online)
			tl_cell(r, "%u", op.u.getvcpuinfo.cpu);
		else
			tl_cell(r, "%s", "");
		tl_cell(r, "%s",
			!op.u.getvcpuinfo.online   ? "--p"
			: op.u.getvcpuinfo.running ? "r--"
			: op.u.getvcpuinfo.blocked ? "-b-"
						   : "---");
		tl_cell(r, "%.1f", op.u.getvcpuinfo.cpu_time / 1e9);
		tl_cell(r, "%s", hard);
		tl_cell(r, "%s", soft);
	}
	free(name);
}

int cmd_vcpu_list(struct cmd *c) {
	struct tl_report *r = tl_table("vcpu-list", vcpu_columns, COUNT(vcpu_columns));
	struct xen_domctl_getdomaininfo *list = NULL, one;
	unsigned cpus = host_cpus(c);
	uint32_t domid;
	int i, e = 0, n = c->args ? 0 : tl_dom_list(c->ctx.h, &list);

	for (i = 0; i < n; i++) vcpu_rows(c, r, &list[i], cpus);
	for (i = 0; i < c->args && !e; i++) {
		e = cmd_domain(c, i, &domid);
		if (!e && tl_dom_info(c->ctx.h, domid, &one)) e = cmd_error(c, "there is no domain %s", c->arg[i]);
		if (!e) vcpu_rows(c, r, &one, cpus);
	}
	free(list);
	if (e)
		tl_report_free(r);
	else
		tl_report_print(r, stdout, c->json);
	return e;
}

static const char *or_none(const char *s) { return strcmp(s, "-") == 0 ? NULL : s; }

int cmd_vcpu_pin(struct cmd *c) {
	const char *hard = or_none(c->arg[2]), *soft = c->args > 3 ? or_none(c->arg[3]) : NULL;
	struct xen_domctl_getdomaininfo info;
	struct tl_cpuset set;
	uint32_t domid;
	long first = 0, last;
	int e = cmd_domain(c, 0, &domid);

	if (e) return e;
	if (tl_dom_info(c->ctx.h, domid, &info)) return cmd_error(c, "there is no domain %s", c->arg[0]);
	last = info.max_vcpu_id;
	if (strcmp(c->arg[1], "all") != 0) {
		e = cmd_number(c, c->arg[1], 0, last, &first);
		last = first;
	}
	if (e) return e;
	if ((hard && tl_cpuset_parse(hard, NULL, &set)) || (soft && tl_cpuset_parse(soft, NULL, &set)))
		return cmd_error(c, "CPUs are written as in 0-3,^2, all or node:0");
	if (opt_long(c, "ignore-global-affinity-masks")) tl_host_masks_off(&c->ctx.host);
	for (; first <= last && !e; first++)
		e = tl_vcpu_pin(&c->ctx, domid, first, hard, soft, opt(c, 'f') || c->force);
	return e ? cmd_failed(c) : cmd_done(c, domid);
}

int cmd_vcpu_set(struct cmd *c) {
	struct xen_domctl_getdomaininfo info;
	char key[64], dir[40];
	uint32_t domid;
	long n, i;
	int e = cmd_domain(c, 0, &domid);

	if (!e && tl_dom_info(c->ctx.h, domid, &info)) e = cmd_error(c, "there is no domain %s", c->arg[0]);
	if (!e) e = cmd_number(c, c->arg[1], 1, info.max_vcpu_id + 1L, &n);
	if (e) return e;
	if (n > (long)host_cpus(c) && !opt(c, 'i') && !c->force)
		return cmd_error(c, "the host has only %u CPUs; --ignore-host allows more", host_cpus(c));
	snprintf(dir, sizeof(dir), "/local/domain/%u", domid);
	for (i = 0; i <= (long)info.max_vcpu_id && !e; i++) {
		snprintf(key, sizeof(key), "cpu/%ld/availability", i);
		e = tl_store_put(c->ctx.s, dir, key, i < n ? "online" : "offline");
	}
	return e ? cmd_error(c, "%s", strerror(-e)) : cmd_done(c, domid);
}

static const struct tl_column sched_columns[] = {
	{ "name", "Name", TL_TEXT, 32, 0 },
	{ "domid", "ID", TL_NUM, 5, TL_RIGHT },
	{ "weight", "Weight", TL_NUM, 6, TL_RIGHT },
	{ "cap", "Cap", TL_NUM, 4, TL_RIGHT },
};

static int sched_get(struct cmd *c, uint32_t domid, uint32_t id, struct xen_domctl *op) {
	memset(op, 0, sizeof(*op));
	op->u.scheduler_op.sched_id = id;
	op->u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	return tl_domctl(c->ctx.h, XEN_DOMCTL_scheduler_op, domid, op);
}

static int sched_set(struct cmd *c, uint32_t domid, uint32_t id) {
	struct xen_domctl op;
	long weight = 0, cap = 0;
	int e = sched_get(c, domid, id, &op);

	if (e) return cmd_error(c, "%s", strerror(-e));
	if (opt(c, 'w') && cmd_number(c, opt_value(c, 'w'), 1, 65535, &weight)) return EXIT_FAILED;
	if (opt(c, 'c') && cmd_number(c, opt_value(c, 'c'), 0, 65535, &cap)) return EXIT_FAILED;
	if (opt(c, 'w')) op.u.scheduler_op.u.credit2.weight = weight;
	if (opt(c, 'c')) op.u.scheduler_op.u.credit2.cap = cap;
	op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	e = tl_domctl(c->ctx.h, XEN_DOMCTL_scheduler_op, domid, &op);
	return e ? cmd_error(c, "%s", strerror(-e)) : cmd_done(c, domid);
}

static void sched_row(struct cmd *c, struct tl_report *r, uint32_t domid, uint32_t id) {
	char *name = tl_domain_name(&c->ctx, domid);
	struct xen_domctl op;

	if (sched_get(c, domid, id, &op) == 0) {
		tl_cell(r, "%s", name);
		tl_cell(r, "%u", domid);
		tl_cell(r, "%u", op.u.scheduler_op.u.credit2.weight);
		tl_cell(r, "%u", op.u.scheduler_op.u.credit2.cap);
	}
	free(name);
}

/* The scheduler's own parameters: which members of the operation they are depends on the scheduler. */
static int sched_params(struct cmd *c, uint32_t id) {
	struct xen_sysctl op = { .u.scheduler_op = { .sched_id = id, .cmd = XEN_SYSCTL_SCHEDOP_getinfo } };
	struct xen_sysctl_credit_schedule *credit = &op.u.scheduler_op.u.sched_credit;
	struct xen_sysctl_credit2_schedule *credit2 = &op.u.scheduler_op.u.sched_credit2;
	struct tl_report *r;
	long rate = -1, slice = -1, delay = -1;
	int e;

	if ((opt(c, 'r') && cmd_number(c, opt_value(c, 'r'), 0, 500000, &rate)) ||
	    (opt(c, 't') && cmd_number(c, opt_value(c, 't'), 1, 1000, &slice)) ||
	    (opt(c, 'm') && cmd_number(c, opt_value(c, 'm'), 0, 100000, &delay)))
		return EXIT_FAILED;
	if (id != XEN_SCHEDULER_CREDIT && (slice >= 0 || delay >= 0))
		return cmd_error(c, "-t and -m are parameters of the credit scheduler, the host runs credit2");
	e = tl_sysctl(c->ctx.h, XEN_SYSCTL_scheduler_op, &op);
	if (!e && (rate >= 0 || slice >= 0 || delay >= 0)) {
		if (rate >= 0 && id == XEN_SCHEDULER_CREDIT) credit->ratelimit_us = rate;
		if (rate >= 0 && id == XEN_SCHEDULER_CREDIT2) credit2->ratelimit_us = rate;
		if (slice >= 0) credit->tslice_ms = slice;
		if (delay >= 0) credit->vcpu_migr_delay_us = delay;
		op.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
		e = tl_sysctl(c->ctx.h, XEN_SYSCTL_scheduler_op, &op);
	}
	if (e == -ENOSYS || e == -EOPNOTSUPP)
		return cmd_error(c, "this hypervisor's scheduler has no parameters of its own");
	if (e) return cmd_error(c, "%s", strerror(-e));
	r = tl_pairs("sched-params");
	tl_pair(r, "ratelimit_us", TL_NUM, "%u",
		id == XEN_SCHEDULER_CREDIT ? credit->ratelimit_us : credit2->ratelimit_us);
	if (id == XEN_SCHEDULER_CREDIT) tl_pair(r, "tslice_ms", TL_NUM, "%u", credit->tslice_ms);
	tl_report_print(r, stdout, c->json);
	return EXIT_OK;
}

int cmd_sched(struct cmd *c) {
	struct xen_domctl_getdomaininfo *list = NULL;
	struct xen_sysctl op = { 0 };
	struct tl_report *r;
	uint32_t domid, id;
	int i, n, e = tl_sysctl(c->ctx.h, XEN_SYSCTL_sched_id, &op);

	id = op.u.sched_id.sched_id;
	if (e || (id != XEN_SCHEDULER_CREDIT && id != XEN_SCHEDULER_CREDIT2))
		return cmd_error(c, "the host's scheduler has no weights");
	if (opt(c, 's') || opt(c, 'r') || opt(c, 't') || opt(c, 'm')) {
		if (!opt(c, 's') || opt(c, 'd')) return cmd_usage(c, "-r, -t and -m go with -s, and without -d");
		return sched_params(c, id);
	}
	if (opt(c, 'd') && tl_find_domain(&c->ctx, opt_value(c, 'd'), &domid)) return cmd_failed(c);
	if (opt(c, 'w') || opt(c, 'c'))
		return opt(c, 'd') ? sched_set(c, domid, id) : cmd_usage(c, "-w and -c need -d");
	r = tl_table("sched", sched_columns, COUNT(sched_columns));
	if (opt(c, 'd')) {
		sched_row(c, r, domid, id);
	} else {
		n = tl_dom_list(c->ctx.h, &list);
		for (i = 0; i < n; i++) sched_row(c, r, list[i].domain, id);
		free(list);
	}
	tl_report_print(r, stdout, c->json);
	return EXIT_OK;
}

static const char *sched_name(uint32_t id) {
	return id == XEN_SCHEDULER_CREDIT2  ? "credit2"
	       : id == XEN_SCHEDULER_CREDIT ? "credit"
	       : id == XEN_SCHEDULER_RTDS   ? "rtds"
	       : id == XEN_SCHEDULER_NULL   ? "null"
					    : "other";
}

static const struct tl_column pool_columns[] = {
	{ "name", "Name", TL_TEXT, 16, 0 },        { "cpus", "CPUs", TL_NUM, 4, TL_RIGHT },
	{ "cpu_list", "CPU list", TL_TEXT, 8, 0 }, { "scheduler", "Sched", TL_TEXT, 8, 0 },
	{ "active", "Active", TL_TEXT, 6, 0 },     { "domains", "Domain count", TL_NUM, 0, TL_RIGHT },
};

/* The pool with the least number >= id; returns 0 or a negative errno when there is none. */
static int pool_info(struct cmd *c, uint32_t id, struct xen_sysctl *op, struct tl_cpuset *set) {
	struct tl_cpuset *buf = tl_hbuf(c->ctx.h, sizeof(*buf));
	int e;

	if (!buf) return -ENOMEM;
	memset(op, 0, sizeof(*op));
	memset(buf, 0, sizeof(*buf));
	op->u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
	op->u.cpupool_op.cpupool_id = id;
	op->u.cpupool_op.cpumap.nr_bits = TL_CPUS_MAX;
	set_xen_guest_handle(op->u.cpupool_op.cpumap.bitmap, buf->bits);
	e = tl_sysctl(c->ctx.h, XEN_SYSCTL_cpupool_op, op);
	*set = *buf;
	tl_hbuf_free(c->ctx.h, buf);
	return e;
}

int cmd_cpupool_list(struct cmd *c) {
	struct tl_report *r = tl_table("cpupool-list", pool_columns, COUNT(pool_columns));
	struct xen_sysctl op;
	struct tl_cpuset set;
	char text[128], *name;
	uint32_t id, i, cpus;

	for (id = 0; pool_info(c, id, &op, &set) == 0; id = op.u.cpupool_op.cpupool_id + 1) {
		for (cpus = i = 0; i < TL_CPUS_MAX; i++) cpus += tl_cpuset_has(&set, i);
		tl_cpuset_format(&set, TL_CPUS_MAX, text, sizeof(text));
		name = tl_store_get(c->ctx.s, "/local/pool/%u/name", op.u.cpupool_op.cpupool_id);
		tl_cell(r, "%s", name ? name : "Pool-0");
		tl_cell(r, "%u", cpus);
		tl_cell(r, "%s", text);
		tl_cell(r, "%s", sched_name(op.u.cpupool_op.sched_id));
		tl_cell(r, "y");
		tl_cell(r, "%u", op.u.cpupool_op.n_dom);
		free(name);
	}
	tl_report_print(r, stdout, c->json);
	return EXIT_OK;
}
