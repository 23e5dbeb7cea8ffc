/* SPDX-License-Identifier: MIT */
/*
 * Network devices.
 *
 * The host side is plugged by a hot-plug script when one is named (vif's script=,
 * vif.default.script), or when the stock vif-bridge is installed; else by the built-in bridging of
 * netif.c.
 */
#include "device.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define STOCK_SCRIPT TL_SCRIPT_DIR "/vif-bridge"

static const char *choose_script(struct tl_ctx *ctx, const struct tl_vif *vif) {
	if (vif->script) return vif->script;
	if (ctx->host.vif_script[0]) return ctx->host.vif_script;
	return access(STOCK_SCRIPT, X_OK) == 0 && ctx->host.run_hotplug ? STOCK_SCRIPT : "";
}

static void choose_mac(struct tl_vif *vif) {
	static const uint8_t xen[3] = { 0x00, 0x16, 0x3e };

	if (vif->mac_set) return;
	memcpy(vif->mac, xen, 3);
	if (getrandom(vif->mac + 3, 3, 0) != 3) vif->mac[5] = getpid();
	vif->mac[3] &= 0x7f;
	vif->mac_set = 1;
}

static int free_devid(struct tl_ctx *ctx, uint32_t domid) {
	int id = 0;

	while (tl_store_exists(ctx->s, "/libxl/%u/device/vif/%d/backend", domid, id)) id++;
	return id;
}

static void fill(struct tl_ctx *ctx, const struct tl_device *d, const struct tl_vif *vif, struct tl_kv *front,
		 struct tl_kv *back) {
	const uint8_t *m = vif->mac;
	const char *bridge = vif->bridge ? vif->bridge : ctx->host.vif_bridge;
	const char *script = choose_script(ctx, vif);
	struct tl_kv *side;
	int i;

	for (i = 0; i < 2; i++) {
		side = i ? back : front;
		tl_kv_add(side, "handle", "%u", d->devid);
		tl_kv_add(side, "mac", "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
		if (vif->mtu) tl_kv_add(side, "mtu", "%u", vif->mtu);
	}
	tl_kv_add(front, "trusted", "%d", vif->trusted);
	tl_kv_add(back, "type", "vif");
	tl_kv_add(back, "bridge", "%s", bridge);
	/* The kernel's netback refuses to work without a script node, so built-in plugging has one
	 * too. */
	tl_kv_add(back, "script", "%s%s", !*script || *script == '/' ? "" : TL_SCRIPT_DIR "/",
		  *script ? script : STOCK_SCRIPT);
	if (!*script) tl_kv_add(back, "tl-plug", "built-in");
	if (vif->ip) tl_kv_add(back, "ip", "%s", vif->ip);
	if (vif->gatewaydev) tl_kv_add(back, "gatewaydev", "%s", vif->gatewaydev);
	if (vif->vifname) tl_kv_add(back, "vifname", "%s", vif->vifname);
	if (vif->rate_bytes) tl_kv_add(back, "rate", "%llu,%u", (unsigned long long)vif->rate_bytes, vif->rate_usecs);
	tl_kv_add(back, "hotplug-status", "%s", "");
	tl_kv_add(back, "online", "1");
	tl_kv_add(front, "state", "%d", TL_XS_INITIALISING);
	tl_kv_add(back, "state", "%d", TL_XS_INITIALISING);
}

static int plug_built_in(struct tl_ctx *ctx, const struct tl_device *d, const char *netif, const char *back) {
	char *name = tl_store_get(ctx->s, "%s/vifname", back);
	char *bridge = tl_store_get(ctx->s, "%s/bridge", back);
	int e = 0;

	if (name) e = tl_netif_rename(netif, name);
	if (e)
		tl_fail(ctx, e, "vif %u: renaming %s to %s: %s", d->devid, netif, name, strerror(-e));
	else
		e = tl_netif_bridge(name ? name : netif, bridge ? bridge : "", tl_store_num(ctx->s, 0, "%s/mtu", back));
	if (e)
		tl_fail(ctx, e, "vif %u: adding %s to bridge %s: %s", d->devid, netif, bridge ? bridge : "(none)",
			e == -ENODEV ? "there is no such bridge" : strerror(-e));
	free(name);
	free(bridge);
	if (!e) e = tl_store_put(ctx->s, back, "hotplug-status", "connected");
	return e ? tl_fail(ctx, e, "vif %u: writing to the store: %s", d->devid, strerror(-e)) : 0;
}

int tl_vif_plug(struct tl_ctx *ctx, const struct tl_device *d) {
	char back[160], netif[IFNAMSIZ], *script;
	int e = tl_device_wait(ctx, d, 0, TL_XS_INITWAIT, tl_plug_ms(ctx));

	if (e) return e;
	tl_back_path(d, back, sizeof(back));
	snprintf(netif, sizeof(netif), "vif%u.%u", d->domid, d->devid);
	script = tl_store_get(ctx->s, "%s/script", back);
	if (script && !tl_store_exists(ctx->s, "%s/tl-plug", back))
		e = tl_hotplug_run(ctx, d, script, "online", netif, tl_plug_ms(ctx));
	else
		e = plug_built_in(ctx, d, netif, back);
	free(script);
	return e;
}

int tl_vif_attach(struct tl_ctx *ctx, uint32_t domid, struct tl_vif *vif, int wait_ms) {
	const char *name = vif->backend ? vif->backend : ctx->host.vif_backend;
	struct tl_device d = { .kind = "vif", .domid = domid };
	struct tl_kv front = { 0 }, back = { 0 };
	int e = tl_backend_domid(ctx, name, &d.backend);

	if (e) return e;
	if (vif->devid < 0) vif->devid = free_devid(ctx, domid);
	d.devid = vif->devid;
	choose_mac(vif);
	fill(ctx, &d, vif, &front, &back);
	e = tl_device_publish_free(ctx, &d, &front, &back);
	return e ? e : tl_device_bring_up(ctx, &d, wait_ms);
}
