/* SPDX-License-Identifier: MIT */
#include "history.h"

#include <stdlib.h>
#include <string.h>

static size_t parent_len(const char *path, size_t len) {
	while (len > 1 && path[len - 1] != '/') len--;
	return len > 1 ? len - 1 : 1;
}

static size_t version_bytes(const struct version *v) { return sizeof(*v) + v->path_len + v->value_len; }

static void version_link(struct history *h, struct version *v) {
	struct version **p = &h->by_path[path_hash_slot(v->path_hash, HISTORY_HASH)];
	struct version **q = &h->by_parent[path_hash_slot(v->parent_hash, HISTORY_HASH)];

	v->path_next = *p;
	v->path_at = p;
	if (*p) (*p)->path_at = &v->path_next;
	*p = v;
	v->parent_next = *q;
	v->parent_at = q;
	if (*q) (*q)->parent_at = &v->parent_next;
	*q = v;
	v->younger = NULL;
	if (h->youngest)
		h->youngest->younger = v;
	else
		h->oldest = v;
	h->youngest = v;
	h->bytes += version_bytes(v);
}

static struct version *version_new(const char *path, size_t len, const void *value, uint32_t n) {
	struct version *v = calloc(1, sizeof(*v) + len + n);

	if (!v) return NULL;
	v->path_len = len;
	v->parent_len = len > 1 ? parent_len(path, len) : 0;
	v->path_hash = path_hash(path, len);
	v->parent_hash = path_hash(path, v->parent_len);
	v->value_len = n;
	memcpy(v->data, path, len);
	if (n) memcpy(v->data + len, value, n);
	return v;
}

bool history_keep(struct history *h, const struct node *n, uint64_t until, bool removed) {
	char path[PATH_BUF];
	size_t len = node_path(n, path);
	struct version *v = version_new(path, len, node_value(n), n->value_len);

	if (!v) return false;
	v->birth = n->birth;
	v->gen = n->gen;
	v->cgen = node_cgen(n);
	v->until = until;
	v->removed = removed;
	v->perms = perms_ref(n->perms);
	version_link(h, v);
	return true;
}

const struct version *history_find(const struct history *h, const char *path, size_t len, uint64_t g) {
	uint64_t hash = path_hash(path, len);
	const struct version *v = h->by_path[path_hash_slot(hash, HISTORY_HASH)];

	for (; v; v = v->path_next)
		if (v->path_hash == hash && v->gen <= g && g < v->until && v->path_len == len &&
		    !memcmp(v->data, path, len))
			return v;
	return NULL;
}

void history_children(const struct history *h, const char *path, size_t len, uint64_t g,
		      void (*fn)(void *arg, const struct version *v), void *arg) {
	uint64_t hash = path_hash(path, len);
	const struct version *v = h->by_parent[path_hash_slot(hash, HISTORY_HASH)];

	for (; v; v = v->parent_next)
		if (v->removed && v->parent_hash == hash && v->birth <= g && g < v->until && v->parent_len == len &&
		    !memcmp(v->data, path, len))
			fn(arg, v);
}

static void version_unlink(struct history *h, struct version *v) {
	*v->path_at = v->path_next;
	if (v->path_next) v->path_next->path_at = v->path_at;
	*v->parent_at = v->parent_next;
	if (v->parent_next) v->parent_next->parent_at = v->parent_at;
	h->bytes -= version_bytes(v);
}

void history_drop(struct history *h, struct perms_table *perms, uint64_t oldest) {
	struct version *v;

	while ((v = h->oldest) && v->until <= oldest) {
		h->oldest = v->younger;
		if (!h->oldest) h->youngest = NULL;
		version_unlink(h, v);
		perms_put(perms, v->perms);
		free(v);
	}
}

void history_sweep(struct history *h, struct perms_table *perms, uint64_t (*last)(void *arg, uint64_t until),
		   void *arg) {
	struct version **at = &h->oldest, *v;

	h->youngest = NULL;
	while ((v = *at)) {
		/* As view_keep() asks when it keeps one. */
		if (last(arg, v->until) >= (v->removed ? v->birth : v->gen)) {
			h->youngest = v;
			at = &v->younger;
			continue;
		}
		*at = v->younger;
		version_unlink(h, v);
		perms_put(perms, v->perms);
		free(v);
	}
}

void history_save(const struct history *h, struct buf *b) {
	for (const struct version *v = h->oldest; v; v = v->younger) {
		buf_u8(b, 1);
		buf_blob(b, v->data, v->path_len);
		buf_blob(b, v->data + v->path_len, v->value_len);
		buf_u64(b, v->birth);
		buf_u64(b, v->gen);
		buf_u64(b, v->cgen);
		buf_u64(b, v->until);
		buf_u8(b, v->removed);
		perms_save(v->perms, b);
	}
	buf_u8(b, 0);
}

static bool version_load(struct history *h, struct perms_table *perms, struct cursor *c) {
	uint32_t path_len, value_len;
	const char *path = cur_blob(c, &path_len), *value = cur_blob(c, &value_len);
	struct version *v;

	if (c->bad || path_len == 0 || path_len >= PATH_BUF) return false;
	v = version_new(path, path_len, value, value_len);
	if (!v) return false;
	v->birth = cur_u64(c);
	v->gen = cur_u64(c);
	v->cgen = cur_u64(c);
	v->until = cur_u64(c);
	v->removed = cur_u8(c);
	if (!perms_load(perms, c, &v->perms) || !v->perms) {
		free(v);
		return false;
	}
	version_link(h, v);
	return true;
}

bool history_load(struct history *h, struct perms_table *perms, struct cursor *c) {
	while (cur_u8(c) == 1)
		if (!version_load(h, perms, c)) return false;
	return !c->bad;
}
