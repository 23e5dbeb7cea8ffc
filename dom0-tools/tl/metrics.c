/* SPDX-License-Identifier: MIT */
/* tl metrics: the Prometheus text format, for a node exporter's textfile collector or a cron job. */
#include "cmd.h"
#include "../lib/device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct xen_domctl_getdomaininfo info_t;

struct domain_metric {
	const char *name, *type, *help;
	double (*value)(const info_t *i);
};

static double cpu_seconds(const info_t *i) { return i->cpu_time / 1e9; }

static double memory_bytes(const info_t *i) { return i->tot_pages * 4096.0; }

static double memory_limit(const info_t *i) {
	/* Domain 0's limit may be "none". */
	return i->max_pages > (1ull << 31) ? 0 : i->max_pages * 4096.0;
}

static double vcpus_online(const info_t *i) { return i->nr_online_vcpus; }

static double paused(const info_t *i) { return (i->flags & XEN_DOMINF_paused) != 0; }

static double crashed(const info_t *i) {
	return i->flags & XEN_DOMINF_shutdown && (i->flags >> XEN_DOMINF_shutdownshift & 255) == 3;
}

static double dying(const info_t *i) { return (i->flags & XEN_DOMINF_dying) != 0; }

static const struct domain_metric metrics[] = {
	{ "tl_domain_cpu_seconds_total", "counter", "CPU time used by all vCPUs.", cpu_seconds },
	{ "tl_domain_memory_bytes", "gauge", "Memory that the domain has now.", memory_bytes },
	{ "tl_domain_memory_limit_bytes", "gauge", "Memory that it may have, 0: no limit.", memory_limit },
	{ "tl_domain_vcpus_online", "gauge", "vCPUs online.", vcpus_online },
	{ "tl_domain_paused", "gauge", "1 while paused.", paused },
	{ "tl_domain_crashed", "gauge", "1 after a crash.", crashed },
	{ "tl_domain_dying", "gauge", "1 while being torn down.", dying },
};

/* A label's value: quotes, backslashes and newlines escaped. */
static void label(const char *s) {
	for (; *s; s++) {
		if (*s == '"' || *s == '\\') putchar('\\');
		putchar(*s == '\n' ? ' ' : *s);
	}
}

static void head(const char *name, const char *type, const char *help) {
	printf("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void gauge(const char *name, const char *help, double v) {
	head(name, "gauge", help);
	printf("%s %.17g\n", name, v);
}

static void host_metrics(struct cmd *c, int domains) {
	struct xen_sysctl op = { 0 };
	struct xen_sysctl_physinfo *p = &op.u.physinfo;

	gauge("tl_domains", "Domains, domain 0 included.", domains);
	if (tl_sysctl(c->ctx.h, XEN_SYSCTL_physinfo, &op)) return;
	gauge("tl_host_memory_bytes", "Memory of the host.", p->total_pages * 4096.0);
	gauge("tl_host_memory_free_bytes", "Memory not given to any domain.",
	      (p->free_pages + p->scrub_pages) * 4096.0);
	gauge("tl_host_cpus", "CPUs online.", p->nr_cpus);
}

static void device_metrics(struct cmd *c, const info_t *list, int n, char *const *name) {
	struct tl_device *dev;
	char back[160];
	int i, k, count;

	head("tl_device_backend_state", "gauge", "xenbus state of a device's backend (4: connected).");
	for (i = 0; i < n; i++) {
		count = list[i].domain ? tl_device_list(&c->ctx, list[i].domain, NULL, &dev) : 0;
		for (k = 0; k < count; k++) {
			tl_back_path(&dev[k], back, sizeof(back));
			printf("tl_device_backend_state{domain=\"");
			label(name[i]);
			printf("\",domid=\"%u\",kind=\"%s\",device=\"%u\"} %llu\n", list[i].domain, dev[k].kind,
			       dev[k].devid, (unsigned long long)tl_store_num(c->ctx.s, 0, "%s/state", back));
		}
		if (list[i].domain) free(dev);
	}
}

static const struct tl_column columns[] = {
	{ "metric", "Metric", TL_TEXT, 0, 0 },
	{ "name", "Name", TL_TEXT, 0, 0 },
	{ "domid", "ID", TL_NUM, 0, 0 },
	{ "value", "Value", TL_NUM, 0, 0 },
};

static void json_metrics(const info_t *list, int n, char *const *name) {
	struct tl_report *r = tl_table("metrics", columns, 4);
	size_t m;
	int i;

	for (m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
		for (i = 0; i < n; i++) {
			tl_cell(r, "%s", metrics[m].name);
			tl_cell(r, "%s", name[i]);
			tl_cell(r, "%u", list[i].domain);
			tl_cell(r, "%.17g", metrics[m].value(&list[i]));
		}
	}
	tl_report_print(r, stdout, 1);
}

static void release(info_t *list, int n, char **name) {
	while (n > 0) free(name[--n]);
	free(name);
	free(list);
}

int cmd_metrics(struct cmd *c) {
	info_t *list;
	int n = tl_dom_list(c->ctx.h, &list), i;
	char **name = n > 0 ? calloc(n, sizeof(*name)) : NULL;
	size_t m;

	if (!name) return cmd_error(c, "listing the domains: %s", n < 0 ? strerror(-n) : "no memory");
	for (i = 0; i < n; i++) name[i] = tl_domain_name(&c->ctx, list[i].domain);
	if (c->json) {
		json_metrics(list, n, name);
		release(list, n, name);
		return EXIT_OK;
	}
	host_metrics(c, n);
	for (m = 0; m < sizeof(metrics) / sizeof(metrics[0]); m++) {
		head(metrics[m].name, metrics[m].type, metrics[m].help);
		for (i = 0; i < n; i++) {
			printf("%s{domain=\"", metrics[m].name);
			label(name[i]);
			printf("\",domid=\"%u\"} %.17g\n", list[i].domain, metrics[m].value(&list[i]));
		}
	}
	device_metrics(c, list, n, name);
	release(list, n, name);
	return EXIT_OK;
}
