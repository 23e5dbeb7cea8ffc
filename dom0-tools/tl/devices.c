/* SPDX-License-Identifier: MIT */
/* Attaching, listing, detaching. */
#include "cmd.h"
#include "../lib/device.h"
#include "../lib/domain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* Arguments from the second on, joined by commas. */
static char *join(struct cmd *c) {
	char *text = strdup(""), *more;
	int i;

	for (i = 1; i < c->args && text; i++) {
		more = NULL;
		if (asprintf(&more, "%s%s%s", text, *text ? "," : "", c->arg[i]) < 0) more = NULL;
		free(text);
		text = more;
	}
	return text;
}

static int timeout_ms(struct cmd *c, int *ms) {
	const char *text = opt_value(c, 't');
	long s = TL_GUEST_MS / 1000;
	int e = text ? cmd_number(c, text, 0, 3600, &s) : 0;

	*ms = s * 1000;
	if (text && s) c->ctx.plug_ms = s * 1000;
	return e;
}

/* A guest that is paused or has not begun cannot answer: do not wait for it then. */
static int can_answer(struct cmd *c, uint32_t domid) {
	struct xen_domctl_getdomaininfo i;

	return tl_dom_info(c->ctx.h, domid, &i) == 0 &&
	       !(i.flags & (XEN_DOMINF_paused | XEN_DOMINF_shutdown | XEN_DOMINF_dying));
}

static int attach(struct cmd *c, int (*fn)(struct cmd *c, uint32_t domid, const char *spec, int ms)) {
	char *spec;
	uint32_t domid;
	int ms, e = cmd_domain(c, 0, &domid);

	if (!e) e = timeout_ms(c, &ms);
	if (e) return e;
	if (domid == 0) return cmd_error(c, "domain 0 takes no devices");
	if (!can_answer(c, domid)) ms = 0;
	spec = join(c);
	e = spec ? fn(c, domid, spec, ms) : cmd_error(c, "out of memory");
	free(spec);
	return e ? e : cmd_done(c, domid);
}

static int attach_disk(struct cmd *c, uint32_t domid, const char *spec, int ms) {
	struct tl_config config = { 0 };
	struct tl_diag d = { .file = "command line" };
	struct tl_disk disk;
	int e = tl_disk_parse(&config, spec, 1, &disk, &d);

	if (d.text) fputs(d.text, stderr);
	if (e)
		e = cmd_error(c, "the disk is not understood");
	else if (c->dry_run)
		printf("vdev %s (%u): %s\n", disk.vdev, disk.devid, disk.target);
	else if (tl_vbd_attach(&c->ctx, domid, &disk, ms))
		e = cmd_failed(c);
	tl_config_free(&config);
	tl_diag_free(&d);
	return e;
}

static int attach_vif(struct cmd *c, uint32_t domid, const char *spec, int ms) {
	struct tl_config config = { 0 };
	struct tl_diag d = { .file = "command line" };
	struct tl_vif vif;
	int e = tl_vif_parse(&config, spec, 1, &vif, &d);

	if (d.text) fputs(d.text, stderr);
	if (e)
		e = cmd_error(c, "the device is not understood");
	else if (!c->dry_run && tl_vif_attach(&c->ctx, domid, &vif, ms))
		e = cmd_failed(c);
	tl_config_free(&config);
	tl_diag_free(&d);
	return e;
}

int cmd_block_attach(struct cmd *c) { return attach(c, attach_disk); }

int cmd_network_attach(struct cmd *c) { return attach(c, attach_vif); }

static int detach(struct cmd *c, const struct tl_device *d) {
	int ms, force = opt(c, 'f') || c->force || (c->args > 2 && strcmp(c->arg[2], "--force") == 0);

	if (timeout_ms(c, &ms)) return EXIT_FAILED;
	return tl_device_remove(&c->ctx, d, force, ms) ? cmd_failed(c) : cmd_done(c, d->domid);
}

int cmd_block_detach(struct cmd *c) {
	struct tl_device *list, found = { 0 };
	uint32_t domid, devid;
	int n, i, e = cmd_domain(c, 0, &domid);

	if (e) return e;
	if (tl_vdev_number(c->arg[1], &devid))
		return cmd_error(c, "\"%s\" is neither a disk name nor a number", c->arg[1]);
	n = tl_device_list(&c->ctx, domid, "vbd", &list);
	for (i = 0; i < n; i++)
		if (list[i].devid == devid) found = list[i];
	free(list);
	return found.kind[0] ? detach(c, &found) : cmd_error(c, "the guest has no disk %s", c->arg[1]);
}

static int vif_matches(struct cmd *c, const struct tl_device *d, const char *what) {
	char back[160], *mac, *end;
	int same;

	if (strtoul(what, &end, 10) == d->devid && !*end && end != what) return 1;
	tl_back_path(d, back, sizeof(back));
	mac = tl_store_get(c->ctx.s, "%s/mac", back);
	same = mac && strcasecmp(mac, what) == 0;
	free(mac);
	return same;
}

int cmd_network_detach(struct cmd *c) {
	struct tl_device *list, found = { 0 };
	uint32_t domid;
	int n, i, e = cmd_domain(c, 0, &domid);

	if (e) return e;
	n = tl_device_list(&c->ctx, domid, "vif", &list);
	for (i = 0; i < n; i++)
		if (vif_matches(c, &list[i], c->arg[1])) found = list[i];
	free(list);
	return found.kind[0] ? detach(c, &found) : cmd_error(c, "the guest has no network device %s", c->arg[1]);
}

/* A node of one side as a cell; empty when absent. */
static void node_cell(struct cmd *c, struct tl_report *r, const char *dir, const char *key) {
	char *v = tl_store_get(c->ctx.s, "%s/%s", dir, key);

	tl_cell(r, "%s", v ? v : "");
	free(v);
}

static const struct tl_column block_columns[] = {
	{ "devid", "Vdev", TL_NUM, 5, 0 },
	{ "backend_domid", "BE", TL_NUM, 3, 0 },
	{ "handle", "handle", TL_NUM, 6, 0 },
	{ "state", "state", TL_NUM, 5, 0 },
	{ "event_channel", "evt-ch", TL_NUM, 6, 0 },
	{ "ring_ref", "ring-ref", TL_NUM, 8, 0 },
	{ "backend_path", "BE-path", TL_TEXT, 0, 0 },
	{ "domid", "", TL_NUM, 0, TL_JSON_ONLY },
	{ "name", "", TL_TEXT, 0, TL_JSON_ONLY },
	{ "target", "", TL_TEXT, 0, TL_JSON_ONLY },
	{ "mode", "", TL_TEXT, 0, TL_JSON_ONLY },
	{ "backend_state", "", TL_NUM, 0, TL_JSON_ONLY },
};

static void block_row(struct cmd *c, struct tl_report *r, const struct tl_device *d) {
	char front[160], back[160];

	tl_front_path(d, front, sizeof(front));
	tl_back_path(d, back, sizeof(back));
	tl_cell(r, "%u", d->devid);
	tl_cell(r, "%u", d->backend);
	tl_cell(r, "%u", d->domid);
	node_cell(c, r, front, "state");
	node_cell(c, r, front, "event-channel");
	node_cell(c, r, front, "ring-ref");
	tl_cell(r, "%s", back);
	tl_cell(r, "%u", d->domid);
	node_cell(c, r, back, "dev");
	node_cell(c, r, back, "params");
	node_cell(c, r, back, "mode");
	node_cell(c, r, back, "state");
}

static const struct tl_column net_columns[] = {
	{ "devid", "Idx", TL_NUM, 3, 0 },
	{ "backend_domid", "BE", TL_NUM, 3, 0 },
	{ "mac", "Mac Addr.", TL_TEXT, 17, 0 },
	{ "handle", "handle", TL_NUM, 6, 0 },
	{ "state", "state", TL_NUM, 5, 0 },
	{ "event_channel_tx", "evt-ch-tx", TL_NUM, 9, 0 },
	{ "event_channel_rx", "rx", TL_NUM, 5, 0 },
	{ "backend_path", "BE-path", TL_TEXT, 0, 0 },
	{ "domid", "", TL_NUM, 0, TL_JSON_ONLY },
	{ "bridge", "", TL_TEXT, 0, TL_JSON_ONLY },
	{ "backend_state", "", TL_NUM, 0, TL_JSON_ONLY },
};

static void net_row(struct cmd *c, struct tl_report *r, const struct tl_device *d) {
	char front[160], back[160], *one;

	tl_front_path(d, front, sizeof(front));
	tl_back_path(d, back, sizeof(back));
	tl_cell(r, "%u", d->devid);
	tl_cell(r, "%u", d->backend);
	node_cell(c, r, front, "mac");
	node_cell(c, r, front, "handle");
	node_cell(c, r, front, "state");
	one = tl_store_get(c->ctx.s, "%s/event-channel", front);
	node_cell(c, r, front, one ? "event-channel" : "event-channel-tx");
	node_cell(c, r, front, one ? "event-channel" : "event-channel-rx");
	free(one);
	tl_cell(r, "%s", back);
	tl_cell(r, "%u", d->domid);
	node_cell(c, r, back, "bridge");
	node_cell(c, r, back, "state");
}

static const struct tl_column channel_columns[] = {
	{ "devid", "Idx", TL_NUM, 3, 0 },
	{ "backend_domid", "BE", TL_NUM, 3, 0 },
	{ "state", "state", TL_NUM, 5, 0 },
	{ "name", "Name", TL_TEXT, 12, 0 },
	{ "connection", "connection", TL_TEXT, 10, 0 },
	{ "path", "path", TL_TEXT, 0, 0 },
	{ "domid", "", TL_NUM, 0, TL_JSON_ONLY },
};

static void channel_row(struct cmd *c, struct tl_report *r, const struct tl_device *d) {
	char front[160], back[160], *path;

	if (d->devid == 0) return;
	tl_front_path(d, front, sizeof(front));
	tl_back_path(d, back, sizeof(back));
	tl_cell(r, "%u", d->devid);
	tl_cell(r, "%u", d->backend);
	node_cell(c, r, front, "state");
	node_cell(c, r, front, "name");
	node_cell(c, r, back, "connection");
	path = tl_store_get(c->ctx.s, "%s/path", back);
	node_cell(c, r, back, path ? "path" : "tty");
	free(path);
	tl_cell(r, "%u", d->domid);
}

static int list_devices(struct cmd *c, const char *kind, struct tl_report *r,
			void (*row)(struct cmd *, struct tl_report *, const struct tl_device *)) {
	struct tl_device *list;
	uint32_t domid;
	int i, k, n, e = 0;

	for (i = 0; i < c->args && !e; i++) {
		e = cmd_domain(c, i, &domid);
		n = e ? 0 : tl_device_list(&c->ctx, domid, kind, &list);
		for (k = 0; k < n; k++) row(c, r, &list[k]);
		if (!e) free(list);
	}
	if (e)
		tl_report_free(r);
	else
		tl_report_print(r, stdout, c->json);
	return e;
}

int cmd_block_list(struct cmd *c) {
	return list_devices(c, "vbd", tl_table("block-list", block_columns, COUNT(block_columns)), block_row);
}

int cmd_network_list(struct cmd *c) {
	return list_devices(c, "vif", tl_table("network-list", net_columns, COUNT(net_columns)), net_row);
}

int cmd_channel_list(struct cmd *c) {
	return list_devices(c, "console", tl_table("channel-list", channel_columns, COUNT(channel_columns)),
			    channel_row);
}
