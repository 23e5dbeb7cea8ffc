/* SPDX-License-Identifier: MIT */
/*
 * tl devd: the hot-plug side of a driver domain. It needs the store only.
 *
 * Model: the backends' part of the store is watched; a device that its backend driver has picked up
 * and that carries no mark of ours is plugged and marked (hotplug-tl), one that is closed for good
 * is unplugged and the mark removed. The marks live in the store, so the daemon may be restarted at
 * any time.
 */
#include "cmd.h"
#include "../lib/device.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void serve(struct cmd *c, struct tl_device *d) {
	char back[160];
	uint64_t state;
	int marked, e;

	tl_back_path(d, back, sizeof(back));
	state = tl_store_num(c->ctx.s, 99, "%s/state", back);
	marked = tl_store_exists(c->ctx.s, "%s/hotplug-tl", back);
	if (!marked && state >= TL_XS_INITIALISING && state <= TL_XS_INITWAIT &&
	    tl_store_num(c->ctx.s, 0, "%s/online", back) == 1) {
		c->ctx.err[0] = 0;
		e = strcmp(d->kind, "vif") == 0 ? tl_vif_plug(&c->ctx, d) : tl_vbd_plug(&c->ctx, d);
		if (e) {
			tl_store_put(c->ctx.s, back, "hotplug-error", c->ctx.err);
			fprintf(stderr, "tl devd: %s\n", c->ctx.err);
		}
		/* after the reason: who sees the mark without one takes the device for plugged */
		tl_store_put(c->ctx.s, back, "hotplug-tl", e ? "failed" : "plugged");
	} else if (marked && state == TL_XS_CLOSED && tl_store_num(c->ctx.s, 1, "%s/online", back) == 0) {
		tl_device_unplug(&c->ctx, d);
		tl_store_rm(c->ctx.s, "%s/hotplug-tl", back);
	}
}

static void serve_kind(struct cmd *c, uint32_t self, const char *kind) {
	char **doms, **ids;
	struct tl_device d = { .backend = self };
	int nd = tl_store_list(c->ctx.s, &doms, "/local/domain/%u/backend/%s", self, kind), ni, i, k;

	snprintf(d.kind, sizeof(d.kind), "%s", kind);
	for (i = 0; i < nd; i++) {
		d.domid = strtoul(doms[i], NULL, 10);
		ni = tl_store_list(c->ctx.s, &ids, "/local/domain/%u/backend/%s/%u", self, kind, d.domid);
		for (k = 0; k < ni; k++) {
			d.devid = strtoul(ids[k], NULL, 10);
			serve(c, &d);
		}
		free(ids);
	}
	free(doms);
}

int cmd_devd(struct cmd *c) {
	uint32_t self;
	const char *pidfile = opt_value(c, 'p');
	char path[256], token[32];
	struct pollfd p;
	FILE *f;

	self = tl_store_num(c->ctx.s, DOMID_INVALID, "domid");
	if (self == DOMID_INVALID) return cmd_error(c, "the store does not say which domain this is");
	if (self == 0) return cmd_error(c, "this is domain 0, where tl create plugs devices itself");
	if (!opt(c, 'F')) {
		mkdir(TL_LOG_DIR, 0755);
		tl_ctx_close(&c->ctx);
		go_background(TL_LOG_DIR "/tl-devd.log");
		if (tl_ctx_open(&c->ctx, TL_NEED_STORE)) return cmd_failed(c);
	}
	if (pidfile && (f = fopen(pidfile, "we"))) {
		fprintf(f, "%d\n", (int)getpid());
		fclose(f);
	}
	snprintf(path, sizeof(path), "/local/domain/%u/backend", self);
	if (tl_store_watch(c->ctx.s, path, "devd")) return cmd_error(c, "cannot watch %s", path);
	p = (struct pollfd){ .fd = tl_store_fd(c->ctx.s), .events = POLLIN };
	for (;;) {
		while (tl_store_event(c->ctx.s, path, sizeof(path), token, sizeof(token)) > 0)
			;
		serve_kind(c, self, "vif");
		serve_kind(c, self, "vbd");
		poll(&p, 1, 5000);
	}
}
