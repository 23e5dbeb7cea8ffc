/* SPDX-License-Identifier: MIT */
/*
 * What every operation of libtl gets: the handles, the host's settings, and a place for the reason
 * of a failure. One context serves one thread.
 */
#pragma once

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
	char cpumask[2048], pv_cpumask[2048]; /* vm.cpumask, vm.pv.cpumask: where guests may run; "": anywhere */
	unsigned max_grant_frames, max_maptrack_frames, max_grant_version;
};

/* For an admin who asks for CPUs that the host's masks would take away. */
static inline void tl_host_masks_off(struct tl_host *host) { host->cpumask[0] = host->pv_cpumask[0] = 0; }

/* The parts of a creation whose time is told. */
enum tl_part {
	TL_PART_KERNEL,  /* reading, unpacking, parsing the kernel; the ramdisk */
	TL_PART_DOMAIN,  /* the domain itself, its limits */
	TL_PART_MEMORY,  /* giving it memory */
	TL_PART_CONTENT, /* mapping it; kernel, ramdisk, p2m, start_info */
	TL_PART_TABLES,  /* building the page tables */
	TL_PART_PIN,     /* the hypervisor's check of them; registers, grants */
	TL_PART_STORE,   /* its nodes */
	TL_PART_DEVICES,
	TL_PARTS
};
extern const char *const tl_part_names[TL_PARTS]; /* "kernel_us" and so on */

struct tl_ctx {
	struct tl_hyper *h;
	struct tl_store *s;
	struct tl_host host;
	int64_t part_us[TL_PARTS], part_since; /* how long the parts of a creation took */
	int plug_ms;                           /* how long the backend's side of a device may take; 0: TL_PLUG_MS */
	char err[1024];                        /* why the last operation failed; the first reason is kept */
};

#define TL_NEED_STORE 1
#define TL_NEED_HYPER 2

/* Open what `need` names. Returns 0 or a negative errno with ctx->err set. */
int tl_ctx_open(struct tl_ctx *ctx, int need);
void tl_ctx_close(struct tl_ctx *ctx);

/* Record why and return code; an earlier reason stays. */
TL_PRINTF(3, 4) int tl_fail(struct tl_ctx *ctx, int code, const char *fmt, ...);

/* A part of a creation has ended: it took the time since the last one did. */
void tl_part_done(struct tl_ctx *ctx, enum tl_part part);

/* The domain of that name or number. Returns its number, or -ESRCH with ctx->err set. */
int tl_find_domain(struct tl_ctx *ctx, const char *name, uint32_t *domid);

/* Name of a domain, for free(); "(none)" when it has none. */
char *tl_domain_name(struct tl_ctx *ctx, uint32_t domid);

#define TL_SCRIPT_DIR "/etc/xen/scripts"
#define TL_RUN_DIR    "/run/tl"
#define TL_LOG_DIR    "/var/log/xen"
#define TL_CACHE_DIR  "/var/cache/tl"
