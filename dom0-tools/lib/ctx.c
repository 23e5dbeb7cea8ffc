/* SPDX-License-Identifier: MIT */
/*
 * Context, host settings, and names.
 *
 * Names: /tool/tl/name/NAME holds the number of the domain that tl created under NAME; it makes
 * lookup and the check for duplicates independent of the number of domains. It is a hint: the
 * answer counts only if the domain's own name node agrees. Domains without a hint (made by other
 * tools) are searched for.
 */
#include "ctx.h"
#include "cfgfile.h"
#include "diag.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tl_fail(struct tl_ctx *ctx, int code, const char *fmt, ...) {
	va_list ap;

	if (ctx->err[0]) return code;
	va_start(ap, fmt);
	vsnprintf(ctx->err, sizeof(ctx->err), fmt, ap);
	va_end(ap);
	tl_tame(ctx->err);
	return code;
}

const char *const tl_part_names[TL_PARTS] = { "kernel_us", "domain_us", "memory_us", "content_us",
					      "tables_us", "pin_us",    "store_us",  "devices_us" };

void tl_part_done(struct tl_ctx *ctx, enum tl_part part) {
	int64_t now = tl_now_us();

	ctx->part_us[part] = now - ctx->part_since;
	ctx->part_since = now;
}

static void host_text(const struct tl_cfg *cfg, const char *key, char *out, size_t n) {
	const struct tl_cfg_entry *e = tl_cfg_find(cfg, key);

	if (e && e->value.type != TL_CFG_LIST) snprintf(out, n, "%s", e->value.text);
}

static void host_number(const struct tl_cfg *cfg, const char *key, unsigned *out) {
	const struct tl_cfg_entry *e = tl_cfg_find(cfg, key);

	if (e && e->value.type == TL_CFG_NUMBER && e->value.num >= 0) *out = e->value.num;
}

static void take_host(struct tl_host *host, const struct tl_cfg *cfg) {
	char text[16] = "auto", format[16] = "";
	unsigned run = 1;

	host_text(cfg, "autoballoon", text, sizeof(text));
	host->autoballoon = strcmp(text, "auto") == 0 ? 2 : strcmp(text, "on") == 0 || strcmp(text, "1") == 0;
	host_number(cfg, "run_hotplug_scripts", &run);
	host->run_hotplug = run != 0;
	host_text(cfg, "output_format", format, sizeof(format));
	host->json = strcmp(format, "json") == 0;
	host_text(cfg, "vif.default.script", host->vif_script, sizeof(host->vif_script));
	host_text(cfg, "vif.default.bridge", host->vif_bridge, sizeof(host->vif_bridge));
	host_text(cfg, "vif.default.gatewaydev", host->vif_gatewaydev, sizeof(host->vif_gatewaydev));
	host_text(cfg, "vif.default.backend", host->vif_backend, sizeof(host->vif_backend));
	host_text(cfg, "vm.cpumask", host->cpumask, sizeof(host->cpumask));
	host_text(cfg, "vm.pv.cpumask", host->pv_cpumask, sizeof(host->pv_cpumask));
	host_number(cfg, "max_grant_frames", &host->max_grant_frames);
	host_number(cfg, "max_maptrack_frames", &host->max_maptrack_frames);
	host_number(cfg, "max_grant_version", &host->max_grant_version);
}

/* A missing or damaged file means defaults: the tools must work when a configuration does not. */
static void load_host(struct tl_host *host) {
	static const char *const files[] = { "/etc/xen/tl.conf", "/etc/xen/xl.conf" };
	struct tl_diag d = { 0 };
	struct tl_cfg cfg = { 0 };
	char text[65536];
	size_t n = 0, i;
	FILE *f = NULL;

	memset(host, 0, sizeof(*host));
	snprintf(host->vif_bridge, sizeof(host->vif_bridge), "xenbr0");
	host->max_grant_frames = 64;
	host->max_maptrack_frames = 1024;
	host->max_grant_version = 2;
	for (i = 0; i < 2 && !f; i++) f = fopen(files[i], "r");
	if (f) {
		n = fread(text, 1, sizeof(text), f);
		fclose(f);
	}
	tl_cfg_parse(text, n, &cfg, &d);
	take_host(host, &cfg);
	tl_cfg_free(&cfg);
	tl_diag_free(&d);
}

int tl_ctx_open(struct tl_ctx *ctx, int need) {
	int e;

	memset(ctx, 0, sizeof(*ctx));
	load_host(&ctx->host);
	if (need & TL_NEED_HYPER) {
		e = tl_hyper_open(&ctx->h);
		if (e)
			return tl_fail(ctx, e,
				       "cannot reach the hypervisor: %s (is this a privileged domain, "
				       "and are xen-privcmd and xenfs loaded?)",
				       strerror(-e));
	}
	if (need & TL_NEED_STORE) {
		e = tl_store_open(&ctx->s);
		if (e) return tl_fail(ctx, e, "cannot reach xenstored: %s (is it running?)", strerror(-e));
	}
	return 0;
}

void tl_ctx_close(struct tl_ctx *ctx) {
	tl_store_close(ctx->s);
	tl_hyper_close(ctx->h);
	ctx->s = NULL;
	ctx->h = NULL;
}

char *tl_domain_name(struct tl_ctx *ctx, uint32_t domid) {
	char *name = tl_store_get(ctx->s, "/local/domain/%u/name", domid);

	return name ? name : strdup("(none)");
}

static int has_name(struct tl_ctx *ctx, uint32_t domid, const char *name) {
	char *found = tl_store_get(ctx->s, "/local/domain/%u/name", domid);
	int same = found && strcmp(found, name) == 0;

	free(found);
	return same;
}

static int search(struct tl_ctx *ctx, const char *name, uint32_t *domid) {
	char **dom;
	int n = tl_store_list(ctx->s, &dom, "/local/domain"), i, found = -ESRCH;

	for (i = 0; i < n && found; i++) {
		*domid = strtoul(dom[i], NULL, 10);
		if (has_name(ctx, *domid, name)) found = 0;
	}
	free(dom);
	return found;
}

int tl_find_domain(struct tl_ctx *ctx, const char *name, uint32_t *domid) {
	unsigned long n;
	char *end;

	if (isdigit((unsigned char)name[0])) {
		n = strtoul(name, &end, 10);
		if (!*end && n < DOMID_FIRST_RESERVED) {
			*domid = n;
			return 0;
		}
	}
	*domid = tl_store_num(ctx->s, DOMID_INVALID, "/tool/tl/name/%s", name);
	if (*domid != DOMID_INVALID && has_name(ctx, *domid, name)) return 0;
	if (search(ctx, name, domid) == 0) return 0;
	return tl_fail(ctx, -ESRCH, "there is no domain \"%s\"", name);
}
