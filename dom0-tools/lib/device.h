/* SPDX-License-Identifier: MIT */
/*
 * Devices as the store sees them: a frontend directory in the guest, a backend directory in the
 * domain that serves it, and the tools' own record under /libxl (the place that xl uses, so that
 * either tool can manage the other's guests).
 *
 * Life: publish (one transaction: all nodes or none) -> backend answers -> host side is plugged ->
 * guest answers; and back: ask both sides to close -> wait -> unplug the host side -> remove the
 * nodes.
 */
#pragma once

#include "config.h"
#include "ctx.h"

struct tl_device {
	char kind[16]; /* vbd, vif, console */
	uint32_t domid, devid, backend;
};

/* Names and values to publish. Values are copied; too many or no memory shows at publishing. */
#define TL_KV_MAX 28

struct tl_kv {
	const char *key[TL_KV_MAX];
	char *value[TL_KV_MAX];
	int n, bad;
};

TL_PRINTF(3, 4) void tl_kv_add(struct tl_kv *kv, const char *key, const char *fmt, ...);
void tl_kv_free(struct tl_kv *kv);

/* xenbus states */
enum {
	TL_XS_UNKNOWN,
	TL_XS_INITIALISING,
	TL_XS_INITWAIT,
	TL_XS_INITIALISED,
	TL_XS_CONNECTED,
	TL_XS_CLOSING,
	TL_XS_CLOSED
};
extern const char *const tl_xs_state_names[9];

void tl_front_path(const struct tl_device *d, char *out, size_t n);
void tl_back_path(const struct tl_device *d, char *out, size_t n);

/* Write all nodes of a device in one transaction; -EEXIST when the guest has such a device. */
int tl_device_publish(struct tl_ctx *ctx, const struct tl_device *d, const struct tl_kv *front,
		      const struct tl_kv *back);

/* The same, and lets go of the values. */
int tl_device_publish_free(struct tl_ctx *ctx, const struct tl_device *d, struct tl_kv *front, struct tl_kv *back);

/* Remove all nodes of a device, without asking anybody. */
void tl_device_erase(struct tl_ctx *ctx, const struct tl_device *d);

/* Wait until the backend (front = 0) or frontend reaches a state; reasons go to ctx->err. */
int tl_device_wait(struct tl_ctx *ctx, const struct tl_device *d, int front, int state, int ms);

/* Ask both sides to close, without waiting. -ENOENT: the backend's directory is not there. */
int tl_device_ask_close(struct tl_ctx *ctx, const struct tl_device *d);

/*
 * Say for a guest that cannot (it is paused, dead, or has not begun) that it has closed the device, so that
 * the backend lets go at once.
 */
void tl_device_close_for_guest(struct tl_ctx *ctx, const struct tl_device *d);

/*
 * Take a device away: both sides are asked to close and given `ms`. With force its nodes are
 * removed even if they do not answer. Returns -ETIMEDOUT (reason names the side) with the device
 * still there.
 */
int tl_device_remove(struct tl_ctx *ctx, const struct tl_device *d, int force, int ms);

/* Remove a device whose attaching failed; the reason of that failure stays. */
void tl_device_undo(struct tl_ctx *ctx, const struct tl_device *d);

/* All devices of a domain, for free(). Returns how many. */
int tl_device_list(struct tl_ctx *ctx, uint32_t domid, const char *kind, struct tl_device **list);

/* Resolve "backend=": NULL is domain 0. */
int tl_backend_domid(struct tl_ctx *ctx, const char *name, uint32_t *domid);

/*
 * Attach. The guest need not run; with wait_ms > 0 the guest's side must connect within that time,
 * or everything is undone.
 */
int tl_vbd_attach(struct tl_ctx *ctx, uint32_t domid, const struct tl_disk *disk, int wait_ms);
int tl_vif_attach(struct tl_ctx *ctx, uint32_t domid, struct tl_vif *vif, int wait_ms);
int tl_channel_attach(struct tl_ctx *ctx, uint32_t domid, unsigned devid, const struct tl_channel *ch);

/*
 * After publishing: plug the host side, or wait until the driver domain has done so; then, with wait_ms,
 * for the guest. A failure undoes the device.
 */
int tl_device_bring_up(struct tl_ctx *ctx, const struct tl_device *d, int wait_ms);

/* Plug and unplug the host side of a device whose backend is this domain (tl devd does this
 * remotely). */
int tl_vbd_plug(struct tl_ctx *ctx, const struct tl_device *d);
int tl_vif_plug(struct tl_ctx *ctx, const struct tl_device *d);
void tl_device_unplug(struct tl_ctx *ctx, const struct tl_device *d);

/*
 * Run a hot-plug script: SCRIPT ACTION with the stock environment. A script that exceeds `ms` is
 * killed. Returns 0; else -EIO or -ETIMEDOUT with the script's own error text in ctx->err.
 */
int tl_hotplug_run(struct tl_ctx *ctx, const struct tl_device *d, const char *script, const char *action,
		   const char *vif, int ms);

/* Network interfaces of this domain. Return 0 or a negative errno. */
int tl_netif_bridge(const char *netif, const char *bridge, unsigned mtu);
int tl_netif_rename(const char *from, const char *to);

#define TL_PLUG_MS 15000 /* backend driver, hot-plug script */
static inline int tl_plug_ms(const struct tl_ctx *ctx) { return ctx->plug_ms ? ctx->plug_ms : TL_PLUG_MS; }

#define TL_GUEST_MS 10000 /* the guest's driver */
