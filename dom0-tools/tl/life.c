/* SPDX-License-Identifier: MIT */
/* create, destroy, shutdown, reboot, pause, unpause, rename and small relatives. */
#include "cmd.h"
#include "../lib/device.h"
#include "../lib/domain.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *read_text(const char *path, size_t *len) {
	char *text = malloc(TL_CFG_SIZE_MAX + 2);
	FILE *f = text ? fopen(path, "re") : NULL;

	if (!f) {
		free(text);
		return NULL;
	}
	*len = fread(text, 1, TL_CFG_SIZE_MAX + 1, f);
	if (ferror(f)) {
		fclose(f);
		free(text);
		errno = EIO;
		return NULL;
	}
	fclose(f);
	text[*len] = 0;
	return text;
}

/* Join KEY=VALUE words to lines; words without quotes around a plain string get them. */
static char *join_overrides(struct cmd *c, int from) {
	char *text = strdup(""), *more, *eq;
	int i;

	for (i = from; i < c->args && text; i++) {
		eq = strchr(c->arg[i], '=');
		more = NULL;
		if (eq && (isalpha((unsigned char)eq[1]) || eq[1] == '/') && !strpbrk(eq, "\"';[")) {
			if (asprintf(&more, "%s%.*s=\"%s\"\n", text, (int)(eq - c->arg[i]), c->arg[i], eq + 1) < 0)
				more = NULL;
		} else if (asprintf(&more, "%s%s\n", text, c->arg[i]) < 0) {
			more = NULL;
		}
		free(text);
		text = more;
	}
	return text;
}

/* What a create-like command was given. */
struct given {
	const char *file;
	char *text, *overrides;
	size_t len;
	struct tl_config config;
	struct tl_diag diag;
};

static void given_free(struct given *g) {
	tl_config_free(&g->config);
	tl_diag_free(&g->diag);
	free(g->text);
	free(g->overrides);
}

/* Read file and overrides, starting at argument `first`; prints diagnostics. */
static int given_read(struct cmd *c, int first, struct given *g) {
	memset(g, 0, sizeof(*g));
	g->file = opt_value(c, 'f');
	if (!g->file && first < c->args && !strchr(c->arg[first], '=')) g->file = c->arg[first++];
	g->text = g->file ? read_text(g->file, &g->len) : strdup("");
	if (!g->text) return cmd_error(c, "%s: %s", g->file, strerror(errno));
	g->overrides = join_overrides(c, first);
	g->diag.file = g->file ? g->file : "command line";
	tl_config_parse(g->text, g->len, g->overrides, &g->config, &g->diag);
	if (g->diag.text && (g->diag.errors || !opt(c, 'q'))) fputs(g->diag.text, stderr);
	if (!g->diag.errors) return 0;
	return cmd_error(c, "%d error%s in the configuration", g->diag.errors, g->diag.errors > 1 ? "s" : "");
}

static void pair_text(struct tl_report *r, const char *key, const char *value) {
	if (value) tl_pair(r, key, TL_TEXT, "%s", value);
}

/* The configuration as understood. */
static void show_config(const struct tl_config *c) {
	struct tl_report *r = tl_pairs("config");
	char key[24];
	int i;

	tl_pair(r, "name", TL_TEXT, "%s", c->name);
	tl_pair(r, "type", TL_TEXT, "pv");
	tl_pair(r, "memory", TL_NUM, "%u", c->memory);
	tl_pair(r, "maxmem", TL_NUM, "%u", c->maxmem);
	tl_pair(r, "vcpus", TL_NUM, "%u", c->vcpus);
	tl_pair(r, "maxvcpus", TL_NUM, "%u", c->maxvcpus);
	pair_text(r, "uuid", c->uuid_text);
	pair_text(r, "kernel", c->kernel);
	pair_text(r, "ramdisk", c->ramdisk);
	pair_text(r, "cmdline", c->cmdline);
	pair_text(r, "bootloader", c->bootloader);
	tl_pair(r, "on_poweroff", TL_TEXT, "%s", tl_action_names[c->on_poweroff]);
	tl_pair(r, "on_reboot", TL_TEXT, "%s", tl_action_names[c->on_reboot]);
	tl_pair(r, "on_crash", TL_TEXT, "%s", tl_action_names[c->on_crash]);
	tl_pair(r, "on_watchdog", TL_TEXT, "%s", tl_action_names[c->on_watchdog]);
	for (i = 0; i < c->disks; i++) {
		snprintf(key, sizeof(key), "disk%d", i);
		tl_pair(r, key, TL_TEXT, "%s as %s (%u), %s", c->disk[i].target, c->disk[i].vdev, c->disk[i].devid,
			c->disk[i].readonly ? "ro" : "rw");
	}
	for (i = 0; i < c->vifs; i++) {
		snprintf(key, sizeof(key), "vif%d", i);
		tl_pair(r, key, TL_TEXT, "%s", c->vif[i].spec);
	}
	for (i = 0; i < c->channels; i++) {
		snprintf(key, sizeof(key), "channel%d", i);
		tl_pair(r, key, TL_TEXT, "%s", c->channel[i].name);
	}
	tl_report_print(r, stdout, 1);
}

static int created(struct cmd *c, uint32_t domid, int64_t us) {
	const int64_t *part = c->ctx.part_us;
	struct tl_report *r;
	int i;

	if (c->json) {
		r = tl_pairs("create");
		tl_pair(r, "domid", TL_NUM, "%u", domid);
		tl_pair(r, "milliseconds", TL_NUM, "%lld", (long long)us / 1000);
		tl_pair(r, "microseconds", TL_NUM, "%lld", (long long)us);
		for (i = 0; i < TL_PARTS; i++) tl_pair(r, tl_part_names[i], TL_NUM, "%lld", (long long)part[i]);
		tl_report_print(r, stdout, 1);
	} else if (opt(c, 'd')) {
		printf("domain %u created in %lld ms\n", domid, (long long)us / 1000);
		for (i = 0; i < TL_PARTS; i++) printf("  %-20s %8.1f ms\n", tl_part_names[i], part[i] / 1000.0);
	}
	return EXIT_OK;
}

/* Wait in the foreground until the domain is gone. */
static int gone(void *arg) {
	struct cmd *c = ((void **)arg)[0];
	struct xen_domctl_getdomaininfo info;

	return tl_dom_info(c->ctx.h, *(uint32_t *)((void **)arg)[1], &info) == -ESRCH;
}

static int start(struct cmd *c, struct given *g) {
	int64_t began = tl_now_us();
	uint32_t domid;
	void *pair[2] = { c, &domid };
	int e;

	if (tl_ctx_open(&c->ctx, TL_NEED_STORE | TL_NEED_HYPER)) return cmd_failed(c);
	if (opt_long(c, "ignore-global-affinity-masks")) tl_host_masks_off(&c->ctx.host);
	if (!opt(c, 'q') && !c->json && isatty(2))
		fprintf(stderr, "creating \"%s\" from %s ...\n", g->config.name, g->diag.file);
	e = tl_domain_create(&c->ctx, &g->config, g->text, g->overrides, &domid);
	if (e) return cmd_failed(c);
	if (!opt(c, 'e')) monitor_ensure();
	if (!opt(c, 'p')) {
		e = tl_dom_unpause(c->ctx.h, domid);
		if (e) {
			tl_domain_destroy(&c->ctx, domid);
			return cmd_error(c, "starting domain %u: %s", domid, strerror(-e));
		}
	}
	created(c, domid, tl_now_us() - began);
	fflush(stdout);
	if (opt(c, 'c')) return console_attach(c, domid, 0);
	if (opt(c, 'F')) {
		tl_store_watch(c->ctx.s, "@releaseDomain", "gone");
		while (!tl_store_wait(c->ctx.s, 3600000, gone, pair))
			;
	}
	return EXIT_OK;
}

int cmd_create(struct cmd *c) {
	struct given g;
	int e = given_read(c, 0, &g);

	if (!e && (opt(c, 'n') || c->dry_run))
		show_config(&g.config);
	else if (!e)
		e = start(c, &g);
	given_free(&g);
	return e;
}

int cmd_prepare(struct cmd *c) {
	struct tl_loaded kernel;
	int i, e = 0;

	mkdir(TL_CACHE_DIR, 0700);
	for (i = 0; i < c->args && !e; i++) {
		if (tl_kernel_load(&c->ctx, c->arg[i], &kernel))
			e = cmd_failed(c);
		else if (kernel.unpacked.mapped && !kernel.kept)
			e = cmd_error(c,
				      "%s: the unpacked kernel could not be kept in " TL_CACHE_DIR
				      " (does it belong to root alone, and is there room?)",
				      c->arg[i]);
		tl_kernel_release(&kernel);
	}
	return e ? e : cmd_done(c, DOMID_INVALID);
}

int cmd_config_update(struct cmd *c) {
	struct given g;
	uint32_t domid;
	int e = cmd_domain(c, 0, &domid);

	if (e) return e;
	e = given_read(c, 1, &g);
	if (!e && tl_saved_write(domid, g.text, g.overrides)) e = cmd_error(c, "%s: %s", TL_RUN_DIR, strerror(errno));
	given_free(&g);
	return e ? e : cmd_done(c, domid);
}

/* Apply fn to every argument; returns the worst exit code. */
static int each(struct cmd *c, int (*fn)(struct cmd *c, uint32_t domid)) {
	uint32_t domid;
	int i, worst = 0, e;

	for (i = 0; i < c->args; i++) {
		c->ctx.err[0] = 0;
		e = cmd_domain(c, i, &domid);
		if (!e) e = fn(c, domid);
		if (e > worst) worst = e;
	}
	return worst;
}

static int destroy_one(struct cmd *c, uint32_t domid) {
	if (domid == 0) return cmd_error(c, "domain 0 cannot be destroyed");
	return tl_domain_destroy(&c->ctx, domid) ? cmd_failed(c) : cmd_done(c, domid);
}

int cmd_destroy(struct cmd *c) { return each(c, destroy_one); }

static int pause_one(struct cmd *c, uint32_t domid) {
	int e = tl_dom_pause(c->ctx.h, domid);

	return e ? cmd_error(c, "pausing domain %u: %s", domid, strerror(-e)) : cmd_done(c, domid);
}

static int unpause_one(struct cmd *c, uint32_t domid) {
	int e = tl_dom_unpause(c->ctx.h, domid);

	return e ? cmd_error(c, "unpausing domain %u: %s", domid, strerror(-e)) : cmd_done(c, domid);
}

int cmd_pause(struct cmd *c) { return each(c, pause_one); }

int cmd_unpause(struct cmd *c) { return each(c, unpause_one); }

static int ask(struct cmd *c, uint32_t domid, const char *what) {
	char dir[48], *was;
	int e, busy;

	snprintf(dir, sizeof(dir), "/local/domain/%u/control", domid);
	was = tl_store_get(c->ctx.s, "%s/shutdown", dir);
	busy = was && *was;
	free(was);
	if (domid == 0) return cmd_error(c, "domain 0 is shut down with the host's own commands");
	if (!tl_store_exists(c->ctx.s, "%s/feature-%s", dir, what) && c->verbose)
		fprintf(stderr, "tl: domain %u does not announce %s\n", domid, what);
	e = tl_store_put(c->ctx.s, dir, "shutdown", what);
	if (e) return cmd_error(c, "asking domain %u: %s", domid, strerror(-e));
	if (busy)
		fprintf(stderr,
			"tl %s: domain %u has not answered an earlier request; \"tl explain %u\" "
			"says why\n",
			c->def->name, domid, domid);
	return 0;
}

struct waiting {
	struct cmd *c;
	uint32_t domid;
	int death;
};

static int has_ended(void *arg) {
	struct waiting *w = arg;
	struct xen_domctl_getdomaininfo info;
	int e = tl_dom_info(w->c->ctx.h, w->domid, &info);

	if (e) return 1;
	return !w->death && (info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying));
}

static int wait_end(struct cmd *c, uint32_t domid) {
	struct waiting w = { c, domid, opt(c, 'w') > 1 };
	const char *text = opt_value(c, 't');
	long seconds = 86400;

	if (text && cmd_number(c, text, 1, 86400, &seconds)) return EXIT_FAILED;
	tl_store_watch(c->ctx.s, "@releaseDomain", "end");
	if (tl_store_wait(c->ctx.s, seconds * 1000, has_ended, &w) < 0)
		return cmd_error(c, "domain %u did not shut down within %ld s", domid, seconds);
	return 0;
}

static int shutdown_all(struct cmd *c, const char *what) {
	struct xen_domctl_getdomaininfo *list;
	int n = tl_dom_list(c->ctx.h, &list), i, worst = 0;

	for (i = 0; i < n; i++)
		if (list[i].domain && ask(c, list[i].domain, what)) worst = EXIT_FAILED;
	for (i = 0; i < n && opt(c, 'w') && strcmp(what, "poweroff") == 0; i++)
		if (list[i].domain && wait_end(c, list[i].domain)) worst = EXIT_FAILED;
	free(list);
	return worst ? worst : cmd_done(c, DOMID_INVALID);
}

static int poweroff_one(struct cmd *c, uint32_t domid) {
	int e = ask(c, domid, "poweroff");

	if (!e && opt(c, 'w')) e = wait_end(c, domid);
	return e ? e : cmd_done(c, domid);
}

static int reboot_one(struct cmd *c, uint32_t domid) {
	int e = ask(c, domid, "reboot");

	return e ? e : cmd_done(c, domid);
}

int cmd_shutdown(struct cmd *c) {
	if (opt(c, 'a')) return shutdown_all(c, "poweroff");
	return c->args ? each(c, poweroff_one) : cmd_usage(c, "name a domain, or give -a");
}

int cmd_reboot(struct cmd *c) {
	if (opt(c, 'a')) return shutdown_all(c, "reboot");
	return c->args ? each(c, reboot_one) : cmd_usage(c, "name a domain, or give -a");
}

int cmd_rename(struct cmd *c) {
	const char *name = c->arg[1];
	char dir[48], *vm, *old;
	uint32_t domid, other;
	int e = cmd_domain(c, 0, &domid);

	if (e) return e;
	if (!*name || strlen(name) > 64 || strchr(name, '/') || isdigit((unsigned char)*name))
		return cmd_error(c, "\"%s\" cannot be a name", name);
	if (tl_find_domain(&c->ctx, name, &other) == 0) return cmd_error(c, "there is already a domain \"%s\"", name);
	c->ctx.err[0] = 0;
	snprintf(dir, sizeof(dir), "/local/domain/%u", domid);
	old = tl_domain_name(&c->ctx, domid);
	vm = tl_store_get(c->ctx.s, "%s/vm", dir);
	e = tl_store_put(c->ctx.s, dir, "name", name);
	if (!e && vm) e = tl_store_put(c->ctx.s, vm, "name", name);
	if (!e) e = tl_store_putf(c->ctx.s, "/tool/tl/name", name, "%u", domid);
	if (!e) e = tl_store_rm(c->ctx.s, "/tool/tl/name/%s", old);
	free(vm);
	free(old);
	return e ? cmd_error(c, "writing to the store: %s", strerror(-e)) : cmd_done(c, domid);
}

int cmd_sysrq(struct cmd *c) {
	uint32_t domid;
	char dir[48];
	int e = cmd_domain(c, 0, &domid);

	if (e) return e;
	if (strlen(c->arg[1]) != 1) return cmd_usage(c, "a request is one letter");
	snprintf(dir, sizeof(dir), "/local/domain/%u/control", domid);
	e = tl_store_put(c->ctx.s, dir, "sysrq", c->arg[1]);
	return e ? cmd_error(c, "%s", strerror(-e)) : cmd_done(c, domid);
}

int cmd_trigger(struct cmd *c) {
	struct xen_domctl op = { .u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_NMI };
	uint32_t domid;
	long vcpu = 0;
	int e = cmd_domain(c, 0, &domid);

	if (!e && strcmp(c->arg[1], "nmi") != 0) return cmd_error(c, "PV guests know only the trigger nmi");
	if (!e && c->args > 2) e = cmd_number(c, c->arg[2], 0, 8191, &vcpu);
	if (e) return e;
	op.u.sendtrigger.vcpu = vcpu;
	e = tl_domctl(c->ctx.h, XEN_DOMCTL_sendtrigger, domid, &op);
	return e ? cmd_error(c, "%s", strerror(-e)) : cmd_done(c, domid);
}
