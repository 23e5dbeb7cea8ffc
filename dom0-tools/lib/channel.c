/* SPDX-License-Identifier: MIT */
/* Channels: named extra consoles, served by tl-consoled. */
#include "device.h"

int tl_channel_attach(struct tl_ctx *ctx, uint32_t domid, unsigned devid, const struct tl_channel *ch) {
	struct tl_device d = { .kind = "console", .domid = domid, .devid = devid };
	struct tl_kv front = { 0 }, back = { 0 };
	int e = tl_backend_domid(ctx, ch->backend, &d.backend);

	if (e) return e;
	tl_kv_add(&front, "limit", "1048576");
	tl_kv_add(&front, "type", "xenconsoled");
	tl_kv_add(&front, "output", "%s", ch->connection);
	tl_kv_add(&front, "name", "%s", ch->name);
	tl_kv_add(&back, "name", "%s", ch->name);
	tl_kv_add(&back, "connection", "%s", ch->connection);
	if (ch->path) tl_kv_add(&back, "path", "%s", ch->path);
	tl_kv_add(&back, "online", "1");
	tl_kv_add(&back, "protocol", "vt100");
	tl_kv_add(&front, "state", "%d", TL_XS_INITIALISING);
	tl_kv_add(&back, "state", "%d", TL_XS_INITIALISING);
	e = tl_device_publish_free(ctx, &d, &front, &back);
	return e;
}
