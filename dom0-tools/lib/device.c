/* SPDX-License-Identifier: MIT */
/* Publishing, waiting, removing; see device.h. */
#include "device.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const tl_xs_state_names[9] = { "unknown", "initialising", "init-wait",     "initialised", "connected",
					   "closing", "closed",       "reconfiguring", "reconfigured" };

#define PATH 160

void tl_kv_add(struct tl_kv *kv, const char *key, const char *fmt, ...) {
	va_list ap;

	if (kv->n == TL_KV_MAX) {
		kv->bad = 1;
		return;
	}
	va_start(ap, fmt);
	if (vasprintf(&kv->value[kv->n], fmt, ap) < 0)
		kv->bad = 1;
	else
		kv->key[kv->n++] = key;
	va_end(ap);
}

void tl_kv_free(struct tl_kv *kv) {
	while (kv->n) free(kv->value[--kv->n]);
}

void tl_front_path(const struct tl_device *d, char *out, size_t n) {
	if (strcmp(d->kind, "console") == 0 && d->devid == 0)
		snprintf(out, n, "/local/domain/%u/console", d->domid);
	else
		snprintf(out, n, "/local/domain/%u/device/%s/%u", d->domid, d->kind, d->devid);
}

void tl_back_path(const struct tl_device *d, char *out, size_t n) {
	snprintf(out, n, "/local/domain/%u/backend/%s/%u/%u", d->backend, d->kind, d->domid, d->devid);
}

static void record_path(const struct tl_device *d, char *out, size_t n) {
	snprintf(out, n, "/libxl/%u/device/%s/%u", d->domid, d->kind, d->devid);
}

static int put_all(struct tl_store *s, const char *dir, const struct tl_kv *kv) {
	int i, e = kv->bad ? -ENOMEM : 0;

	for (i = 0; i < kv->n && !e; i++) e = tl_store_put(s, dir, kv->key[i], kv->value[i]);
	return e;
}

/* The node pairs that link the three directories. */
static int put_links(struct tl_store *s, const struct tl_device *d, const char *front, const char *back,
		     const char *record) {
	int e = tl_store_put(s, front, "backend", back);

	if (!e) e = tl_store_putf(s, front, "backend-id", "%u", d->backend);
	if (!e) e = tl_store_put(s, back, "frontend", front);
	if (!e) e = tl_store_putf(s, back, "frontend-id", "%u", d->domid);
	if (!e) e = tl_store_put(s, record, "frontend", front);
	if (!e) e = tl_store_put(s, record, "backend", back);
	if (!e) e = tl_store_putf(s, record, "frontend-id", "%u", d->domid);
	return e;
}

static int publish_once(struct tl_ctx *ctx, const struct tl_device *d, const struct tl_kv *fkv,
			const struct tl_kv *bkv) {
	char front[PATH], back[PATH], record[PATH];
	struct tl_store *s = ctx->s;
	int e = tl_store_begin(s);

	if (e) return e;
	tl_front_path(d, front, sizeof(front));
	tl_back_path(d, back, sizeof(back));
	record_path(d, record, sizeof(record));
	if (tl_store_exists(s, "%s/backend", front) || tl_store_exists(s, "%s/frontend", record)) return -EEXIST;
	e = tl_store_mkdir(s, front, d->domid, d->backend);
	if (!e) e = tl_store_mkdir(s, back, d->backend, d->domid);
	if (!e) e = put_links(s, d, front, back, record);
	if (!e) e = put_all(s, front, fkv);
	if (!e) e = put_all(s, back, bkv);
	return e ? e : tl_store_commit(s);
}

int tl_device_publish(struct tl_ctx *ctx, const struct tl_device *d, const struct tl_kv *front,
		      const struct tl_kv *back) {
	int e, tries = 0;

	do {
		e = publish_once(ctx, d, front, back);
		tl_store_abort(ctx->s);
	} while (e == -EAGAIN && ++tries < 100);
	if (e == -EEXIST) return tl_fail(ctx, e, "the guest already has %s %u", d->kind, d->devid);
	if (e) return tl_fail(ctx, e, "writing %s %u to the store: %s", d->kind, d->devid, strerror(-e));
	return 0;
}

int tl_device_publish_free(struct tl_ctx *ctx, const struct tl_device *d, struct tl_kv *front, struct tl_kv *back) {
	int e = tl_device_publish(ctx, d, front, back);

	tl_kv_free(front);
	tl_kv_free(back);
	return e;
}

/* Remove a node, and the two directories above it (kind, device) when it was the last in them. */
static void erase_with_parents(struct tl_ctx *ctx, char *path) {
	char **names;
	int up, n = 0;

	tl_store_rm(ctx->s, "%s", path);
	for (up = 0; up < 2 && n == 0; up++) {
		*strrchr(path, '/') = 0;
		n = tl_store_list(ctx->s, &names, "%s", path);
		free(names);
		if (n == 0) tl_store_rm(ctx->s, "%s", path);
	}
}

void tl_device_erase(struct tl_ctx *ctx, const struct tl_device *d) {
	char path[PATH];

	tl_front_path(d, path, sizeof(path));
	erase_with_parents(ctx, path);
	tl_back_path(d, path, sizeof(path));
	erase_with_parents(ctx, path);
	record_path(d, path, sizeof(path));
	erase_with_parents(ctx, path);
}

struct wait {
	struct tl_ctx *ctx;
	char path[PATH];
	int state;
	uint64_t last;
};

static int reached(void *arg) {
	struct wait *w = arg;

	w->last = tl_store_num(w->ctx->s, 99, "%s/state", w->path);
	if (w->last == 99) return w->state == TL_XS_CLOSED ? 1 : -ENOENT; /* the node is gone */
	if ((int)w->last == w->state || (w->state < TL_XS_CONNECTED && w->last == TL_XS_CONNECTED)) return 1;
	if (w->state <= TL_XS_CONNECTED && (w->last == TL_XS_CLOSING || w->last == TL_XS_CLOSED)) return -ECONNABORTED;
	return 0;
}

static const char *state_name(uint64_t state) { return state < 9 ? tl_xs_state_names[state] : "absent"; }

static int explain_wait(struct tl_ctx *ctx, const struct tl_device *d, int front, const struct wait *w, int e) {
	char back[PATH], *error;

	tl_back_path(d, back, sizeof(back));
	error = tl_store_get(ctx->s, "%s/hotplug-error", back);
	if (error) tl_fail(ctx, e, "%s %u: %s", d->kind, d->devid, error);
	free(error);
	if (front)
		return tl_fail(ctx, e,
			       "%s %u: the guest (domain %u) did not answer: its driver's state is "
			       "\"%s\", "
			       "expected \"%s\"",
			       d->kind, d->devid, d->domid, state_name(w->last), tl_xs_state_names[w->state]);
	return tl_fail(ctx, e,
		       "%s %u: the backend (domain %u) did not answer: its state is \"%s\", "
		       "expected \"%s\" "
		       "(is the backend driver or daemon running there?)",
		       d->kind, d->devid, d->backend, state_name(w->last), tl_xs_state_names[w->state]);
}

int tl_device_wait(struct tl_ctx *ctx, const struct tl_device *d, int front, int state, int ms) {
	struct wait w = { .ctx = ctx, .state = state };
	int e;

	if (front)
		tl_front_path(d, w.path, sizeof(w.path));
	else
		tl_back_path(d, w.path, sizeof(w.path));
	e = tl_store_watch(ctx->s, w.path, "wait");
	if (e) return tl_fail(ctx, e, "watching %s: %s", w.path, strerror(-e));
	e = tl_store_wait(ctx->s, ms, reached, &w);
	tl_store_unwatch(ctx->s, w.path, "wait");
	return e > 0 ? 0 : explain_wait(ctx, d, front, &w, e);
}

int tl_device_ask_close(struct tl_ctx *ctx, const struct tl_device *d) {
	char back[PATH];
	int e;

	tl_back_path(d, back, sizeof(back));
	do {
		e = tl_store_begin(ctx->s);
		if (!e && !tl_store_exists(ctx->s, "%s/state", back)) e = -ENOENT;
		if (!e) e = tl_store_put(ctx->s, back, "online", "0");
		if (!e && tl_store_num(ctx->s, 0, "%s/state", back) != TL_XS_CLOSED)
			e = tl_store_putf(ctx->s, back, "state", "%d", TL_XS_CLOSING);
		if (!e) e = tl_store_commit(ctx->s);
		tl_store_abort(ctx->s);
	} while (e == -EAGAIN);
	return e;
}

void tl_device_close_for_guest(struct tl_ctx *ctx, const struct tl_device *d) {
	char front[PATH];

	tl_front_path(d, front, sizeof(front));
	if (tl_store_exists(ctx->s, "%s/state", front)) tl_store_putf(ctx->s, front, "state", "%d", TL_XS_CLOSED);
}

/* A guest that is paused or no more cannot close anything. */
static int guest_is_still(struct tl_ctx *ctx, uint32_t domid) {
	struct xen_domctl_getdomaininfo i;

	return !ctx->h || tl_dom_info(ctx->h, domid, &i) ||
	       i.flags & (XEN_DOMINF_paused | XEN_DOMINF_shutdown | XEN_DOMINF_dying);
}

static int why_not_closed(struct tl_ctx *ctx, const struct tl_device *d, int e) {
	char front[PATH];
	uint64_t state;

	tl_front_path(d, front, sizeof(front));
	state = tl_store_num(ctx->s, 99, "%s/state", front);
	ctx->err[0] = 0;
	if (state == TL_XS_CONNECTED || state == TL_XS_CLOSING)
		return tl_fail(ctx, e,
			       "%s %u: the guest has not let go of the device (its state is "
			       "\"%s\"): it is "
			       "in use there, or the guest stands still. It goes away once released; "
			       "--force takes "
			       "it away now",
			       d->kind, d->devid, state_name(state));
	return tl_fail(ctx, e,
		       "%s %u: the guest's side is \"%s\", but the backend in domain %u has not closed; "
		       "--force takes the device away",
		       d->kind, d->devid, state_name(state), d->backend);
}

int tl_device_remove(struct tl_ctx *ctx, const struct tl_device *d, int force, int ms) {
	int e = tl_device_ask_close(ctx, d);

	if (!e) {
		if (force && guest_is_still(ctx, d->domid)) tl_device_close_for_guest(ctx, d);
		e = tl_device_wait(ctx, d, 0, TL_XS_CLOSED, ms);
		if (e && !force) return why_not_closed(ctx, d, e);
		ctx->err[0] = 0;
		if (e) {
			tl_device_close_for_guest(ctx, d);
			tl_device_wait(ctx, d, 0, TL_XS_CLOSED, 1000);
			ctx->err[0] = 0;
		}
	} else if (e != -ENOENT) {
		return tl_fail(ctx, e, "%s %u: asking the backend to close: %s", d->kind, d->devid, strerror(-e));
	}
	if (d->backend == 0) tl_device_unplug(ctx, d);
	tl_device_erase(ctx, d);
	return 0;
}

void tl_device_undo(struct tl_ctx *ctx, const struct tl_device *d) {
	char reason[sizeof(ctx->err)];

	memcpy(reason, ctx->err, sizeof(reason));
	tl_device_remove(ctx, d, 1, 1000);
	memcpy(ctx->err, reason, sizeof(reason));
}

struct remote {
	struct tl_ctx *ctx;
	char back[PATH];
};

/* The driver domain says how plugging went: tl devd by a mark, stock scripts by hotplug-status. */
static int remote_plugged(void *arg) {
	struct remote *r = arg;
	char *status = tl_store_get(r->ctx->s, "%s/hotplug-status", r->back);
	int done = status && strcmp(status, "connected") == 0;

	free(status);
	if (done || tl_store_exists(r->ctx->s, "%s/hotplug-tl", r->back)) done = 1;
	return tl_store_exists(r->ctx->s, "%s/hotplug-error", r->back) ? -EIO : done;
}

static int wait_remote(struct tl_ctx *ctx, const struct tl_device *d) {
	struct remote r = { .ctx = ctx };
	char *error;
	int e = tl_device_wait(ctx, d, 0, TL_XS_INITWAIT, tl_plug_ms(ctx));

	if (e) return e;
	tl_back_path(d, r.back, sizeof(r.back));
	e = tl_store_watch(ctx->s, r.back, "remote");
	if (e) return tl_fail(ctx, e, "watching %s: %s", r.back, strerror(-e));
	e = tl_store_wait(ctx->s, tl_plug_ms(ctx), remote_plugged, &r);
	tl_store_unwatch(ctx->s, r.back, "remote");
	if (e > 0) return 0;
	error = tl_store_get(ctx->s, "%s/hotplug-error", r.back);
	tl_fail(ctx, e, "%s %u: driver domain %u did not plug it: %s", d->kind, d->devid, d->backend,
		error ? error : "it has the driver, but nobody there runs \"tl devd\"");
	free(error);
	return e;
}

int tl_device_bring_up(struct tl_ctx *ctx, const struct tl_device *d, int wait_ms) {
	int e;

	if (d->backend != 0)
		e = wait_remote(ctx, d);
	else
		e = strcmp(d->kind, "vif") == 0 ? tl_vif_plug(ctx, d) : tl_vbd_plug(ctx, d);
	if (!e && wait_ms) e = tl_device_wait(ctx, d, 1, TL_XS_CONNECTED, wait_ms);
	if (e) tl_device_undo(ctx, d);
	return e;
}

/* Fill one device from its record; returns 0 when the record is usable. */
static int read_record(struct tl_ctx *ctx, uint32_t domid, const char *kind, const char *id, struct tl_device *d) {
	char *back = tl_store_get(ctx->s, "/libxl/%u/device/%s/%s/backend", domid, kind, id);
	int ok = 0;

	if (back && strlen(kind) < sizeof(d->kind) && sscanf(back, "/local/domain/%u/backend/", &d->backend) == 1) {
		strcpy(d->kind, kind);
		d->domid = domid;
		d->devid = strtoul(id, NULL, 10);
		ok = 1;
	}
	free(back);
	return ok ? 0 : -ENOENT;
}

static int list_kind(struct tl_ctx *ctx, uint32_t domid, const char *kind, struct tl_device **list, int have) {
	char **ids;
	int n = tl_store_list(ctx->s, &ids, "/libxl/%u/device/%s", domid, kind), i;
	struct tl_device *grown = realloc(*list, (have + (n > 0 ? n : 0) + 1) * sizeof(*grown));

	if (grown) *list = grown;
	for (i = 0; grown && i < n; i++)
		if (read_record(ctx, domid, kind, ids[i], &grown[have]) == 0) have++;
	free(ids);
	return have;
}

int tl_device_list(struct tl_ctx *ctx, uint32_t domid, const char *kind, struct tl_device **list) {
	char **kinds;
	int n, i, have = 0;

	*list = NULL;
	if (kind) return list_kind(ctx, domid, kind, list, 0);
	n = tl_store_list(ctx->s, &kinds, "/libxl/%u/device", domid);
	for (i = 0; i < n; i++) have = list_kind(ctx, domid, kinds[i], list, have);
	free(kinds);
	return have;
}

int tl_backend_domid(struct tl_ctx *ctx, const char *name, uint32_t *domid) {
	*domid = 0;
	return name && *name ? tl_find_domain(ctx, name, domid) : 0;
}
