/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#include "conn.h"
#include "tx.h"

static struct wpath **wpath_slot(struct machine *m, uint64_t hash) {
	return &m->wpath_hash[path_hash_slot(hash, WPATH_HASH)];
}

static struct wpath *wpath_find(struct machine *m, uint64_t hash, const char *path, size_t len) {
	struct wpath *w = *wpath_slot(m, hash);

	while (w && (w->hash != hash || w->len != len || memcmp(w->path, path, len))) w = w->hash_next;
	return w;
}

static struct wpath *wpath_get(struct machine *m, const char *path, size_t len) {
	uint64_t hash = path_hash(path, len);
	struct wpath *w = wpath_find(m, hash, path, len), **slot = wpath_slot(m, hash);

	if (w) return w;
	w = talloc_zero(m, struct wpath);
	if (!w) return NULL;
	w->path = talloc_strndup(w, path, len);
	if (!w->path) {
		talloc_free(w);
		return NULL;
	}
	w->len = len;
	w->hash = hash;
	list_init(&w->watches);
	w->hash_next = *slot;
	*slot = w;
	return w;
}

static void wpath_put(struct machine *m, struct wpath *w) {
	struct wpath **slot = wpath_slot(m, w->hash);

	if (!list_empty(&w->watches)) return;
	while (*slot != w) slot = &(*slot)->hash_next;
	*slot = w->hash_next;
	talloc_free(w);
}

/* --- events --- */

void watch_event_done(struct event *e) {
	e->watch->n_events--;
	e->watch->conn->n_events--;
	list_del(&e->of_conn);
	list_del(&e->of_watch);
	talloc_free(e);
}

static void watch_drop_events(struct watch *w) {
	struct list *l, *tmp;

	list_each_safe(l, tmp, &w->events) watch_event_done(list_entry(l, struct event, of_watch));
}

/* Whether an equal event waits among the last few (which is where a busy path's would be). */
static bool event_waits(const struct watch *w, const char *path) {
	const struct list *l = w->events.prev;

	for (int i = 0; i < 16 && l != &w->events; i++, l = l->prev)
		if (!strcmp(list_entry(l, struct event, of_watch)->path, path)) return true;
	return false;
}

static void event_add(struct watch *w, const char *path) {
	struct event *e = talloc_zero(w, struct event);

	if (e) e->path = talloc_strdup(e, path);
	if (!e || !e->path) machine_out_of_memory();
	e->watch = w;
	list_add_tail(&w->conn->events, &e->of_conn);
	list_add_tail(&w->events, &e->of_watch);
	w->n_events++;
	w->conn->n_events++;
	conn_active(w->conn);
}

/* An event for the watch; `path` as the tree names it. */
static void watch_event(struct watch *w, const char *path) {
	const char *shown = path + w->rel;

	if (event_waits(w, shown)) return;
	if (w->n_events >= WATCH_EVENTS_MAX || w->conn->n_events >= CONN_EVENTS_MAX) {
		watch_drop_events(w);
		shown = w->where->path + w->rel;
	}
	event_add(w, shown);
}

void watch_restore_event(struct watch *w, const char *path) { event_add(w, path); }

/* --- watches --- */

struct watch *watch_restore(struct machine *m, struct conn *c, const char *path, size_t len, uint32_t rel,
			    const char *token, int32_t depth) {
	struct watch *w = talloc_zero(c, struct watch);

	if (w) {
		w->token = talloc_strdup(w, token);
		w->where = w->token ? wpath_get(m, path, len) : NULL;
	}
	if (!w || !w->where) {
		talloc_free(w);
		return NULL;
	}
	w->conn = c;
	w->rel = rel;
	w->depth = depth;
	list_init(&w->events);
	list_add_tail(&c->watches, &w->of_conn);
	list_add_tail(&w->where->watches, &w->of_path);
	c->n_watch++;
	c->dom->n_watch++;
	m->n_watch++;
	return w;
}

static struct watch *watch_find(struct machine *m, struct conn *c, const struct path *p, const char *token) {
	struct wpath *where = wpath_find(m, path_hash(p->s, p->len), p->s, p->len);

	if (!where) return NULL;
	for (struct list *l = where->watches.next; l != &where->watches; l = l->next) {
		struct watch *w = list_entry(l, struct watch, of_path);

		if (w->conn == c && !strcmp(w->token, token)) return w;
	}
	return NULL;
}

int watch_add(struct machine *m, struct conn *c, const struct path *p, const char *token, int32_t depth) {
	struct watch *w;

	if (watch_find(m, c, p, token)) return -EEXIST;
	w = watch_restore(m, c, p->s, p->len, p->rel, token, depth);
	if (!w) return -ENOMEM;
	watch_event(w, p->s);
	return 0;
}

static void watch_free(struct machine *m, struct watch *w) {
	watch_drop_events(w);
	list_del(&w->of_conn);
	list_del(&w->of_path);
	wpath_put(m, w->where);
	w->conn->n_watch--;
	w->conn->dom->n_watch--;
	m->n_watch--;
	talloc_free(w);
}

int watch_remove(struct machine *m, struct conn *c, const struct path *p, const char *token) {
	struct watch *w = watch_find(m, c, p, token);

	if (!w) return -ENOENT;
	watch_free(m, w);
	return 0;
}

void watch_drop_all(struct machine *m, struct conn *c) {
	struct list *l, *tmp;

	list_each_safe(l, tmp, &c->watches) watch_free(m, list_entry(l, struct watch, of_conn));
}

/* --- firing --- */

static bool may_see(const struct conn *c, const struct perms *before, const struct perms *after) {
	const struct domain *d = c->dom;

	return d->domid == 0 || (before && perms_allow(before, d->domid, d->target) & PERM_READ) ||
	       (after && perms_allow(after, d->domid, d->target) & PERM_READ);
}

/* Tell the watches on one prefix; `below` levels lie between it and the change. */
static void fire_at(struct wpath *where, const char *path, int below, const struct perms *before,
		    const struct perms *after) {
	for (struct list *l = where->watches.next; l != &where->watches; l = l->next) {
		struct watch *w = list_entry(l, struct watch, of_path);

		if (w->depth >= 0 && below > w->depth) continue;
		if (may_see(w->conn, before, after)) watch_event(w, path);
	}
}

static int count_slashes(const char *s) {
	int n = 0;

	for (; *s; s++) n += *s == '/';
	return n;
}

void watch_fire(struct machine *m, const char *path, size_t len, const struct perms *before,
		const struct perms *after) {
	uint64_t h = path_hash_seed;
	int depth = len == 1 ? 0 : count_slashes(path), at = 0;
	struct wpath *where;

	if (m->n_watch == 0) return;
	where = wpath_find(m, h, "/", 1);
	if (where) fire_at(where, path, depth, before, after);
	for (size_t i = 1, start = 0; len > 1 && i <= len; i++) {
		if (i < len && path[i] != '/') continue;
		h = path_hash_more(h, path + start, i - start);
		start = i;
		where = wpath_find(m, h, path, i);
		at++;
		if (where) fire_at(where, path, depth - at, before, after);
	}
}

void watch_fire_exact(struct machine *m, const char *path, size_t len, const struct perms *before) {
	struct wpath *where;

	if (m->n_watch == 0) return;
	where = wpath_find(m, path_hash(path, len), path, len);
	if (where) fire_at(where, path, 0, before, NULL);
}

static void fire_special_at(struct machine *m, const char *name, const char *full, bool exact,
			    const struct perms *perms) {
	struct wpath *where = wpath_find(m, path_hash(name, strlen(name)), name, strlen(name));
	struct list *l;

	if (!where) return;
	for (l = where->watches.next; l != &where->watches; l = l->next) {
		struct watch *w = list_entry(l, struct watch, of_path);

		if (may_see(w->conn, perms, NULL)) watch_event(w, exact || w->depth == 1 ? full : name);
	}
}

void watch_fire_special(struct machine *m, const char *name, unsigned domid, const struct perms *perms) {
	char full[64];

	snprintf(full, sizeof(full), "%s/%u", name, domid);
	fire_special_at(m, name, full, false, perms);
	fire_special_at(m, full, full, true, perms);
}
