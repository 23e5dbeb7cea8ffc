/* SPDX-License-Identifier: MIT */
/* list, vm-list, domid, domname, uptime, claims. */
#include "cmd.h"
#include "../lib/device.h"
#include "../lib/domain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

typedef struct xen_domctl_getdomaininfo info_t;

static void state_letters(const info_t *i, char out[7]) {
	unsigned code = i->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
	int down = (i->flags & XEN_DOMINF_shutdown) != 0, crashed = down && code == 3;

	out[0] = i->flags & XEN_DOMINF_running ? 'r' : '-';
	out[1] = i->flags & XEN_DOMINF_blocked ? 'b' : '-';
	out[2] = i->flags & XEN_DOMINF_paused ? 'p' : '-';
	out[3] = down && !crashed ? 's' : '-';
	out[4] = crashed ? 'c' : '-';
	out[5] = i->flags & XEN_DOMINF_dying ? 'd' : '-';
	out[6] = 0;
}

static const char *shutdown_reason(const info_t *i) {
	static const char *const names[] = { "poweroff", "reboot", "suspend", "crash", "watchdog", "soft_reset" };
	unsigned code = i->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;

	if (!(i->flags & XEN_DOMINF_shutdown)) return "";
	return code < 6 ? names[code] : "unknown";
}

/* The domains named by the arguments, or all; returns a count or -1 with an exit code in *exit. */
static int selected(struct cmd *c, info_t **list, int *exit_code) {
	uint32_t domid;
	int i, n;

	*exit_code = 0;
	if (!c->args) {
		n = tl_dom_list(c->ctx.h, list);
		if (n < 0) *exit_code = cmd_error(c, "listing the domains: %s", strerror(-n));
		return n;
	}
	*list = calloc(c->args, sizeof(**list));
	for (i = 0; *list && i < c->args; i++) {
		*exit_code = cmd_domain(c, i, &domid);
		if (!*exit_code && tl_dom_info(c->ctx.h, domid, &(*list)[i]))
			*exit_code = cmd_error(c, "there is no domain %s", c->arg[i]);
		if (*exit_code) {
			free(*list);
			return -1;
		}
	}
	return c->args;
}

static const struct tl_column list_columns[] = {
	{ "name", "Name", TL_TEXT, 40, 0 },
	{ "domid", "ID", TL_NUM, 5, TL_RIGHT },
	{ "memory_mib", "Mem", TL_NUM, 5, TL_RIGHT },
	{ "vcpus", "VCPUs", TL_NUM, 5, TL_RIGHT },
	{ "state", "State", TL_TEXT, 6, 0 },
	{ "cpu_seconds", "Time(s)", TL_NUM, 9, TL_RIGHT },
	{ "uuid", "UUID", TL_TEXT, 36, 0 },
	{ "shutdown_reason", "Reason", TL_TEXT, 8, 0 },
	{ "cpupool", "Cpupool", TL_NUM, 7, TL_RIGHT },
	{ "maxmem_mib", "MaxMem", TL_NUM, 6, TL_RIGHT | TL_JSON_ONLY },
	{ "paused", "", TL_BOOL, 0, TL_JSON_ONLY },
	{ "dying", "", TL_BOOL, 0, TL_JSON_ONLY },
};

static void list_row(struct cmd *c, struct tl_report *r, const info_t *i) {
	char *name = tl_domain_name(&c->ctx, i->domain), state[7], uuid[37];

	if (i->flags & XEN_DOMINF_dying && strcmp(name, "(none)") == 0) strcpy(name, "(dead)");
	state_letters(i, state);
	tl_uuid_format(i->handle, uuid);
	tl_cell(r, "%s", name);
	tl_cell(r, "%u", i->domain);
	tl_cell(r, "%llu", (unsigned long long)(i->tot_pages + i->outstanding_pages) / 256);
	tl_cell(r, "%u", i->nr_online_vcpus);
	tl_cell(r, "%s", state);
	tl_cell(r, "%.1f", i->cpu_time / 1e9);
	tl_cell(r, "%s", uuid);
	tl_cell(r, "%s", shutdown_reason(i));
	tl_cell(r, "%u", i->cpupool);
	tl_cell(r, "%llu", (unsigned long long)i->max_pages / 256);
	tl_cell(r, "%d", (i->flags & XEN_DOMINF_paused) != 0);
	tl_cell(r, "%d", (i->flags & XEN_DOMINF_dying) != 0);
	free(name);
}

int cmd_list(struct cmd *c) {
	struct tl_column cols[COUNT(list_columns)];
	int json = c->json || opt(c, 'l'), e, n, i;
	struct tl_report *r;
	info_t *list;

	memcpy(cols, list_columns, sizeof(cols));
	if (!opt(c, 'v')) cols[6].flags = cols[7].flags = TL_JSON_ONLY;
	if (!opt(c, 'c')) cols[8].flags |= TL_JSON_ONLY;
	n = selected(c, &list, &e);
	if (n < 0) return e;
	r = tl_table("list", cols, COUNT(cols));
	for (i = 0; i < n; i++) list_row(c, r, &list[i]);
	tl_report_print(r, stdout, json);
	free(list);
	return EXIT_OK;
}

static const struct tl_column vm_columns[] = {
	{ "uuid", "UUID", TL_TEXT, 36, 0 },
	{ "domid", "ID", TL_NUM, 4, 0 },
	{ "name", "name", TL_TEXT, 0, 0 },
};

int cmd_vm_list(struct cmd *c) {
	struct tl_report *r = tl_table("vm-list", vm_columns, COUNT(vm_columns));
	info_t *list;
	int n = tl_dom_list(c->ctx.h, &list), i;
	char uuid[37], *name;

	for (i = 0; i < n; i++) {
		if (!list[i].domain) continue;
		tl_uuid_format(list[i].handle, uuid);
		name = tl_domain_name(&c->ctx, list[i].domain);
		tl_cell(r, "%s", uuid);
		tl_cell(r, "%u", list[i].domain);
		tl_cell(r, "%s", name);
		free(name);
	}
	free(list);
	tl_report_print(r, stdout, c->json);
	return EXIT_OK;
}

static int print_one(struct cmd *c, const char *schema, uint32_t domid, const char *name, int text_is_name) {
	struct tl_report *r;

	if (!c->json) {
		if (text_is_name)
			printf("%s\n", name);
		else
			printf("%u\n", domid);
		return EXIT_OK;
	}
	r = tl_pairs(schema);
	tl_pair(r, "domid", TL_NUM, "%u", domid);
	tl_pair(r, "name", TL_TEXT, "%s", name);
	tl_report_print(r, stdout, 1);
	return EXIT_OK;
}

int cmd_domid(struct cmd *c) {
	uint32_t domid;
	int e = cmd_domain(c, 0, &domid);

	return e ? e : print_one(c, "domid", domid, c->arg[0], 0);
}

/* All names: for completion. */
static int all_names(struct cmd *c) {
	char **ids, *name;
	int n = tl_store_list(c->ctx.s, &ids, "/local/domain"), i;

	for (i = 0; i < n; i++) {
		name = tl_domain_name(&c->ctx, strtoul(ids[i], NULL, 10));
		printf("%s\n", name);
		free(name);
	}
	free(ids);
	return EXIT_OK;
}

int cmd_domname(struct cmd *c) {
	char *name, *end;
	uint32_t domid;
	int e;

	if (!c->args) return all_names(c);
	domid = strtoul(c->arg[0], &end, 10);
	if (*end) return cmd_error(c, "\"%s\" is not a domain number", c->arg[0]);
	name = tl_store_get(c->ctx.s, "/local/domain/%u/name", domid);
	if (!name) return cmd_error(c, "there is no domain %u", domid);
	e = print_one(c, "domname", domid, name, 1);
	free(name);
	return e;
}

/* Seconds since a domain began to run; for domain 0 since the host did. -1: unknown. */
static long long running_for(struct cmd *c, uint32_t domid) {
	char *vm = tl_store_get(c->ctx.s, "/local/domain/%u/vm", domid), *start = NULL;
	long long t = -1;
	struct timespec up;

	if (domid == 0 && clock_gettime(CLOCK_BOOTTIME, &up) == 0)
		t = up.tv_sec;
	else if (vm)
		start = tl_store_get(c->ctx.s, "%s/start_time", vm);
	if (start) t = time(NULL) - strtoll(start, NULL, 10);
	free(vm);
	free(start);
	return t;
}

static const struct tl_column uptime_columns[] = {
	{ "name", "Name", TL_TEXT, 32, 0 },
	{ "domid", "ID", TL_NUM, 5, TL_RIGHT },
	{ "uptime", "Uptime", TL_TEXT, 0, 0 },
	{ "seconds", "", TL_NUM, 0, TL_JSON_ONLY },
};

int cmd_uptime(struct cmd *c) {
	struct tl_report *r;
	info_t *list;
	long long t;
	char *name;
	int e, i, n = selected(c, &list, &e);

	if (n < 0) return e;
	r = tl_table("uptime", uptime_columns, COUNT(uptime_columns));
	for (i = 0; i < n; i++) {
		name = tl_domain_name(&c->ctx, list[i].domain);
		t = running_for(c, list[i].domain);
		tl_cell(r, "%s", name);
		tl_cell(r, "%u", list[i].domain);
		if (t >= 86400)
			tl_cell(r, "%lld days, %02lld:%02lld:%02lld", t / 86400, t / 3600 % 24, t / 60 % 60, t % 60);
		else if (t >= 0)
			tl_cell(r, "%02lld:%02lld:%02lld", t / 3600, t / 60 % 60, t % 60);
		else
			tl_cell(r, "unknown");
		if (t >= 0)
			tl_cell(r, "%lld", t);
		else
			tl_cell(r, "%s", "");
		free(name);
	}
	free(list);
	tl_report_print(r, stdout, c->json);
	return EXIT_OK;
}

static const struct tl_column claims_columns[] = {
	{ "name", "Name", TL_TEXT, 40, 0 },
	{ "domid", "ID", TL_NUM, 5, TL_RIGHT },
	{ "memory_mib", "Mem", TL_NUM, 5, TL_RIGHT },
	{ "claimed_mib", "Claimed", TL_NUM, 7, TL_RIGHT },
};

int cmd_claims(struct cmd *c) {
	struct tl_report *r = tl_table("claims", claims_columns, COUNT(claims_columns));
	info_t *list;
	int n = tl_dom_list(c->ctx.h, &list), i;
	char *name;

	for (i = 0; i < n; i++) {
		name = tl_domain_name(&c->ctx, list[i].domain);
		tl_cell(r, "%s", name);
		tl_cell(r, "%u", list[i].domain);
		tl_cell(r, "%llu", (unsigned long long)list[i].tot_pages / 256);
		tl_cell(r, "%llu", (unsigned long long)list[i].outstanding_pages / 256);
		free(name);
	}
	free(list);
	tl_report_print(r, stdout, c->json);
	return EXIT_OK;
}
