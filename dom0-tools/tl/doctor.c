/* SPDX-License-Identifier: MIT */
/*
 * tl doctor: one row per thing that guests need from this host. Exit code 1 when something needed
 * is missing, 0 with warnings.
 */
#include "cmd.h"

#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const struct tl_column columns[] = {
	{ "check", "Check", TL_TEXT, 18, 0 },
	{ "result", "Result", TL_TEXT, 7, 0 }, /* ok, warning, missing */
	{ "text", "", TL_TEXT, 0, 0 },
};

struct exam {
	struct cmd *c;
	struct tl_report *r;
	int missing;
	struct tl_hyper *h;
	struct tl_store *s;
};

enum grade { GOOD, WARN, MISSING };

static TL_PRINTF(4, 5) void note(struct exam *x, const char *check, enum grade g, const char *fmt, ...) {
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tl_cell(x->r, "%s", check);
	tl_cell(x->r, "%s", g == GOOD ? "ok" : g == WARN ? "warning" : "missing");
	tl_cell(x->r, "%s", text);
	x->missing += g == MISSING;
}

static void check_file(struct exam *x, const char *check, const char *path, enum grade bad, const char *remedy) {
	if (access(path, F_OK) == 0)
		note(x, check, GOOD, "%s is there", path);
	else
		note(x, check, bad, "%s is not there: %s", path, remedy);
}

static void check_hypervisor(struct exam *x) {
	struct xen_sysctl op = { 0 };
	struct xen_sysctl_physinfo *p = &op.u.physinfo;
	unsigned long long mib;
	int e;

	check_file(x, "privcmd", "/dev/xen/privcmd", MISSING, "load xen-privcmd (modprobe xenfs)");
	check_file(x, "event channels", "/dev/xen/evtchn", MISSING, "modprobe xen-evtchn");
	check_file(x, "grants", "/dev/xen/gntdev", WARN, "modprobe xen-gntdev (console and store daemons need it)");
	e = tl_hyper_open(&x->h);
	if (!e) e = tl_sysctl(x->h, XEN_SYSCTL_physinfo, &op);
	if (e) {
		note(x, "hypervisor", MISSING, "it does not answer: %s", strerror(-e));
		return;
	}
	mib = (p->free_pages + p->scrub_pages) / 256;
	note(x, "hypervisor", GOOD, "answers; %u CPUs, %llu MiB", p->nr_cpus, (unsigned long long)p->total_pages / 256);
	note(x, "free memory", mib < 64 ? WARN : GOOD, "%llu MiB for new guests%s", mib,
	     mib < 64 ? ": start the host with dom0_mem=, or shrink domain 0 (tl mem-set 0 ...)" : "");
}

static void check_store(struct exam *x) {
	int e = tl_store_open(&x->s);
	char *name;

	if (e) {
		note(x, "store", MISSING, "xenstored does not answer: %s", strerror(-e));
		return;
	}
	note(x, "store", GOOD, "xenstored answers");
	name = tl_store_get(x->s, "/local/domain/0/name");
	note(x, "domain 0", name ? GOOD : WARN, "%s",
	     name ? "has its entries in the store" : "has no name in the store: run tl-dom0-init");
	free(name);
}

static int process_runs(const char *name) {
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "pidof %s >/dev/null 2>&1", name);
	return system(cmd) == 0;
}

static void check_daemons(struct exam *x) {
	if (process_runs("tl-consoled"))
		note(x, "console daemon", GOOD, "tl-consoled runs");
	else if (process_runs("xenconsoled"))
		note(x, "console daemon", GOOD, "xenconsoled runs");
	else
		note(x, "console daemon", WARN, "none runs: guests' output is lost; start tl-consoled");
}

static void check_backends(struct exam *x) {
	check_file(x, "disk backend", "/sys/bus/xen-backend/drivers/vbd", WARN, "modprobe xen-blkback");
	check_file(x, "network backend", "/sys/bus/xen-backend/drivers/vif", WARN, "modprobe xen-netback");
	check_file(x, "loop devices", "/dev/loop-control", WARN, "modprobe loop (for disks in files)");
	if (if_nametoindex(x->c->ctx.host.vif_bridge))
		note(x, "bridge", GOOD, "%s exists", x->c->ctx.host.vif_bridge);
	else
		note(x, "bridge", WARN,
		     "%s does not exist: guests' networks need it, or another named by "
		     "vif.default.bridge",
		     x->c->ctx.host.vif_bridge);
}

static void check_places(struct exam *x) {
	struct statvfs v;

	if (access("/run", W_OK)) note(x, "/run", MISSING, "cannot write there: run as root");
	if (statvfs("/var/log", &v) == 0 && (unsigned long long)v.f_bavail * v.f_frsize < (16ull << 20))
		note(x, "/var/log", WARN, "less than 16 MiB free for the guests' console logs");
	if (access(TL_CACHE_DIR, F_OK))
		note(x, "kernel cache", WARN, "%s does not exist: every start unpacks its kernel", TL_CACHE_DIR);
	else
		note(x, "kernel cache", GOOD, "%s exists", TL_CACHE_DIR);
}

int cmd_doctor(struct cmd *c) {
	struct exam x = { .c = c, .r = tl_table("doctor", columns, 3) };

	if (geteuid()) note(&x, "user", WARN, "not root: most checks will fail");
	check_hypervisor(&x);
	check_store(&x);
	check_daemons(&x);
	check_backends(&x);
	check_places(&x);
	tl_report_print(x.r, stdout, c->json);
	tl_store_close(x.s);
	tl_hyper_close(x.h);
	return x.missing ? EXIT_FAILED : EXIT_OK;
}
