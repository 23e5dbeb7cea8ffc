/* SPDX-License-Identifier: MIT */
/*
 * What every operation of libtl gets: the handles, the host's settings, and a place for the reason
 * of a failure. One context serves one thread.
 */
#ifndef TL_CTX_H
#define TL_CTX_H

#include "hyper.h"
#include "store.h"

/* Settings of /etc/xen/xl.conf (tl.conf first), with xl's names and defaults. */
struct tl_host {
	int autoballoon;      /* 0 off, 1 on, 2 auto (on unless dom0_mem= is given) */
	int run_hotplug;      /* run_hotplug_scripts */
	int json;             /* output_format="json" */
	char vif_script[256]; /* "": built in, unless the stock vif-bridge is installed */
	char vif_bridge[16];
	char vif_gatewaydev[16];
	char vif_backend[64];
	unsigned max_grant_frames, max_maptrack_frames, max_grant_version;
};

struct tl_ctx {
	struct tl_hyper *h;
	struct tl_store *s;
	struct tl_host host;
	int plug_ms;    /* how long the backend's side of a device may take; 0: TL_PLUG_MS */
	char err[1024]; /* why the last operation failed; the first reason is kept */
};

#define TL_NEED_STORE 1
#define TL_NEED_HYPER 2

/* Open what `need` names. Returns 0 or a negative errno with ctx->err set. */
int tl_ctx_open(struct tl_ctx *ctx, int need);
void tl_ctx_close(struct tl_ctx *ctx);

/* Record why and return code; an earlier reason stays. */
TL_PRINTF(3, 4) int tl_fail(struct tl_ctx *ctx, int code, const char *fmt, ...);

/* The domain of that name or number. Returns its number, or -ESRCH with ctx->err set. */
int tl_find_domain(struct tl_ctx *ctx, const char *name, uint32_t *domid);

/* Name of a domain, for free(); "(none)" when it has none. */
char *tl_domain_name(struct tl_ctx *ctx, uint32_t domid);

#define TL_SCRIPT_DIR "/etc/xen/scripts"
#define TL_RUN_DIR    "/run/tl"
#define TL_LOG_DIR    "/var/log/xen"
#define TL_CACHE_DIR  "/var/cache/tl"

#endif
