/* SPDX-License-Identifier: MIT */
/*
 * Every step of create fails once, in turn; after each failure the host must be as before.
 *
 * usage: tl_faults CONFIG
 *
 * Model: one process, so that a step costs what it costs and not a shell. A snapshot of the host is the
 * text of everything that a guest could leave behind: names of the store, network interfaces, devices of
 * the back ends, loop devices, domains, and this process's own descriptors and mappings. The kernel's
 * back ends let go a moment later than the store's nodes, so a difference counts when it stays.
 */
#include "lib/config.h"
#include "lib/domain.h"
#include "lib/fault.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEPS_MAX 400
#define SETTLE_MS 3000
#define SNAPSHOT  65536

struct snapshot {
	char text[SNAPSHOT];
	size_t len;
};

static struct tl_ctx ctx;
static char *text;
static size_t text_len;

static TL_PRINTF(2, 3) void line(struct snapshot *s, const char *fmt, ...) {
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s->text + s->len, SNAPSHOT - s->len, fmt, ap);
	va_end(ap);
	if (n < 0 || s->len + n >= SNAPSHOT) {
		fprintf(stderr, "tl_faults: the host has more in it than fits a snapshot\n");
		exit(1);
	}
	s->len += n;
}

/* Nodes that come with the first guest and stay, or change by themselves. */
static int passing(const char *path) {
	static const char *const prefix[] = { "/local/domain/0/memory", "/tool/xenstored" };
	static const char *const same[] = { "/tool/tl",
					    "/tool/tl/name",
					    "/vm",
					    "/libxl",
					    "/local/domain/0/backend",
					    "/local/domain/0/backend/vbd",
					    "/local/domain/0/backend/vif",
					    "/local/domain/0/backend/console" };
	size_t i;

	for (i = 0; i < sizeof(prefix) / sizeof(prefix[0]); i++)
		if (strncmp(path, prefix[i], strlen(prefix[i])) == 0) return 2;
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (strcmp(path, same[i]) == 0) return 1;
	return 0;
}

static void store_below(struct snapshot *s, const char *path) {
	char **names, sub[512];
	int n = tl_store_list(ctx.s, &names, "%s", *path ? path : "/"), i;

	for (i = 0; i < n; i++) {
		snprintf(sub, sizeof(sub), "%s/%s", path, names[i]);
		if (passing(sub) == 2) continue;
		if (!passing(sub)) line(s, "%s\n", sub);
		store_below(s, sub);
	}
	free(names);
}

static void folder(struct snapshot *s, const char *path) {
	struct dirent **list;
	int n = scandir(path, &list, NULL, alphasort), i;

	line(s, "%s:", path);
	for (i = 0; i < n; i++) {
		if (strcmp(path, "/proc/self/fd") != 0) line(s, " %s", list[i]->d_name);
		free(list[i]);
	}
	line(s, " (%d)\n", n);
	if (n >= 0) free(list);
}

static void loops(struct snapshot *s) {
	char path[64], file[128] = "";
	FILE *f;
	int i;

	for (i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "/sys/block/loop%d/loop/backing_file", i);
		f = fopen(path, "re");
		if (f && fgets(file, sizeof(file), f)) line(s, "loop%d %s", i, file);
		if (f) fclose(f);
	}
}

static int domains(void) {
	struct xen_domctl_getdomaininfo *list;
	int n = tl_dom_list(ctx.h, &list);

	free(list);
	return n;
}

static void take(struct snapshot *s) {
	s->len = 0;
	store_below(s, "");
	folder(s, "/sys/class/net");
	folder(s, "/sys/bus/xen-backend/devices");
	folder(s, TL_RUN_DIR);
	folder(s, "/proc/self/fd");
	loops(s);
	line(s, "domains: %d\n", domains());
}

/* The first line of b that a has not; for the message. */
static void first_difference(const struct snapshot *a, const struct snapshot *b, char *out, size_t n) {
	const char *x = a->text, *y = b->text, *end;

	while (*x && *x == *y) x++, y++;
	while (y > b->text && y[-1] != '\n') y--;
	end = strchr(y, '\n');
	snprintf(out, n, "%.*s", end ? (int)(end - y) : (int)strlen(y), y);
}

static int as_before(const struct snapshot *before, struct snapshot *now) {
	int64_t end = tl_now_ms() + SETTLE_MS;

	for (;;) {
		take(now);
		if (strcmp(before->text, now->text) == 0) return 1;
		if (tl_now_ms() > end) return 0;
		usleep(50000);
	}
}

static int create(uint32_t *domid) {
	struct tl_config c;
	struct tl_diag d = { .file = "tl_faults" };
	int e = tl_config_parse(text, text_len, NULL, &c, &d);

	ctx.err[0] = 0;
	if (!e) e = tl_domain_create(&ctx, &c, text, NULL, domid);
	tl_config_free(&c);
	tl_diag_free(&d);
	return e;
}

static int number;

static void result(int good, const char *what, const char *why) {
	printf("%sok %d - %s\n", good ? "" : "not ", ++number, what);
	if (!good) printf("# %s\n", why);
	fflush(stdout);
}

static void destroy(uint32_t domid) {
	ctx.err[0] = 0;
	if (tl_domain_destroy(&ctx, domid)) printf("# destroy: %s\n", ctx.err);
}

static uint64_t free_pages(void) {
	struct xen_sysctl op = { 0 };

	return tl_sysctl(ctx.h, XEN_SYSCTL_physinfo, &op) ? 0 : op.u.physinfo.free_pages + op.u.physinfo.scrub_pages;
}

/* Fail step n; returns 0 when create had no such step and succeeded. */
static int fail_step(unsigned long n, const struct snapshot *before, int *left, int *silent) {
	static struct snapshot now;
	char what[200];
	uint32_t domid;
	int e;

	int64_t began = tl_now_ms();

	tl_fault_arm(n);
	e = create(&domid);
	tl_fault_arm(0);
	if (tl_now_ms() - began > 2000)
		printf("# step %lu took %lld ms: %s\n", n, (long long)(tl_now_ms() - began), ctx.err);
	fflush(stdout);
	if (!e) {
		destroy(domid);
		return 0;
	}
	if (!ctx.err[0]) {
		printf("# step %lu gave no reason\n", n);
		(*silent)++;
	}
	if (as_before(before, &now)) return 1;
	first_difference(before, &now, what, sizeof(what));
	printf("# step %lu (%s) left: %s\n", n, ctx.err, what);
	(*left)++;
	return 1;
}

static void read_config(const char *path) {
	FILE *f = fopen(path, "re");

	text = calloc(1, 4096);
	text_len = f && text ? fread(text, 1, 4095, f) : 0;
	if (f) fclose(f);
	if (!text_len) {
		fprintf(stderr, "tl_faults: cannot read %s\n", path);
		exit(1);
	}
}

int main(int argc, char **argv) {
	static struct snapshot before;
	unsigned long n = 1;
	uint64_t pages, back = 0;
	int64_t began;
	int left = 0, silent = 0, i;
	uint32_t domid;
	char why[64];

	if (argc != 2 || tl_ctx_open(&ctx, TL_NEED_STORE | TL_NEED_HYPER)) {
		fprintf(stderr, "tl_faults: %s\n", argc != 2 ? "usage: tl_faults CONFIG" : ctx.err);
		return 1;
	}
	read_config(argv[1]);
	/* Once through, so that what comes with the first guest is there. */
	if (create(&domid)) {
		result(0, "create without a fault", ctx.err);
		return 1;
	}
	destroy(domid);
	sleep(1);
	take(&before);
	pages = free_pages();
	began = tl_now_ms();
	while (n < STEPS_MAX && fail_step(n, &before, &left, &silent)) n++;
	snprintf(why, sizeof(why), "%lu steps", n - 1);
	printf("# %s failed one after another, in %lld s\n", why, (long long)(tl_now_ms() - began) / 1000);
	result(n > 100 && n < STEPS_MAX, "more than a hundred steps can fail", why);
	result(!left, "no step left anything behind", "see above");
	result(!silent, "every step gave a reason", "see above");
	for (i = 0; i < 40 && (back = free_pages()) + 64 < pages; i++) usleep(50000);
	snprintf(why, sizeof(why), "%lld pages are missing", (long long)(pages - back));
	result(back + 64 >= pages, "all memory is back", why);
	return 0;
}
