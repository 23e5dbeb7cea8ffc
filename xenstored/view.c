/* SPDX-License-Identifier: MIT */
#include "tx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#include "quota.h"
#include "watch.h"

/* The youngest transaction whose snapshot is still kept. */
static const struct tx *newest_tx(const struct machine *m) {
	for (const struct list *l = m->txs.prev; l != &m->txs; l = l->prev) {
		const struct tx *tx = list_entry(l, struct tx, of_machine);

		if (!tx->given_up) return tx;
	}
	return NULL;
}

void view_keep(struct machine *m, const struct node *n, uint64_t until, bool removed) {
	const struct tx *newest = newest_tx(m);

	if (!newest || newest->start < (removed ? n->birth : n->gen)) return;
	if (!history_keep(&m->history, n, until, removed)) machine_out_of_memory();
	tx_bound_history(m);
}

/* --- the transaction's entries --- */

static struct tx_entry *entry_find(struct tx *tx, const char *path, size_t len) {
	uint64_t h = path_hash(path, len);
	struct tx_entry *e = tx->by_hash[path_hash_slot(h, TX_HASH)];

	while (e && (e->hash != h || e->len != len || memcmp(e->path, path, len))) e = e->hash_next;
	return e;
}

bool tx_had(struct tx *tx, const char *path, size_t len) {
	const struct tx_entry *e = entry_find(tx, path, len);

	return e && e->base_exists;
}

struct tx_entry *tx_entry_new(struct tx *tx, const char *path, size_t len) {
	struct tx_entry *e = talloc_zero_size(tx, sizeof(*e) + len + 1);
	struct tx_entry **slot;

	if (!e) return NULL;
	e->hash = path_hash(path, len);
	e->len = len;
	memcpy(e->path, path, len);
	slot = &tx->by_hash[path_hash_slot(e->hash, TX_HASH)];
	e->hash_next = *slot;
	*slot = e;
	list_add_tail(&tx->entries, &e->link);
	tx->n_entry++;
	return e;
}

/* The node as it was when the transaction began. */
static void base_get(const struct view *v, const char *path, size_t len, struct image *img) {
	const struct node *n = tree_find(&v->m->tree, path, len);
	const struct version *old;

	if (n && n->gen <= v->tx->start) {
		*img = (struct image){ true, node_value(n), n->value_len, n->perms, node_changed(n) };
		return;
	}
	old = history_find(&v->m->history, path, len, v->tx->start);
	if (old)
		*img = (struct image){ true, old->data + old->path_len, old->value_len, old->perms,
				       old->gen > old->cgen ? old->gen : old->cgen };
	else
		*img = (struct image){ 0 };
}

/* The entry of a path, made if need be; *err says why there is none. */
static struct tx_entry *entry_get(struct view *v, const char *path, size_t len, int *err) {
	struct tx_entry *e = entry_find(v->tx, path, len);
	struct image base;

	*err = 0;
	if (e) return e;
	if (!quota_allows(v->m, v->tx->conn->dom, QUOTA_TX_NODES, v->tx->n_entry + 1)) {
		*err = v->tx->failed = -ENOSPC;
		return NULL;
	}
	e = tx_entry_new(v->tx, path, len);
	if (!e) {
		*err = -ENOMEM;
		return NULL;
	}
	base_get(v, path, len, &base);
	e->base_exists = base.exists;
	e->know = TX_EXIST;
	return e;
}

/* --- reading --- */

int view_get(struct view *v, const char *path, size_t len, unsigned know, struct image *img) {
	const struct node *n;
	struct tx_entry *e;
	int err;

	if (!v->tx) {
		n = tree_find(&v->m->tree, path, len);
		*img = (struct image){ 0 };
		if (n) *img = (struct image){ true, node_value(n), n->value_len, n->perms, node_changed(n) };
		return 0;
	}
	e = entry_get(v, path, len, &err);
	if (!e) return err;
	e->know |= know;
	if (!e->written) {
		base_get(v, path, len, img);
		return 0;
	}
	*img = (struct image){ e->exists, e->value, e->value_len, e->perms, v->m->tree.generation };
	return 0;
}

struct child {
	uint64_t birth;
	const char *name;
	uint32_t len;
};

struct child_list {
	struct child *a;
	size_t n, cap;
	bool bad, mixed;
};

static void child_add(struct child_list *l, uint64_t birth, const char *name, uint32_t len) {
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct child *a = realloc(l->a, cap * sizeof(*a));

		if (!a) {
			l->bad = true;
			return;
		}
		l->a = a;
		l->cap = cap;
	}
	l->a[l->n++] = (struct child){ birth, name, len };
}

static void child_add_old(void *arg, const struct version *old) {
	struct child_list *l = arg;
	uint32_t skip = old->parent_len == 1 ? 1 : old->parent_len + 1u;

	child_add(l, old->birth, old->data + skip, old->path_len - skip);
	l->mixed = true;
}

static int by_birth(const void *a, const void *b) {
	const struct child *x = a, *y = b;

	return x->birth < y->birth ? -1 : x->birth > y->birth;
}

/* Children at the start of the transaction. */
static void base_children(struct view *v, const char *path, size_t len, struct child_list *l) {
	const struct node *n = tree_find(&v->m->tree, path, len);

	for (n = n ? node_first(n) : NULL; n; n = n->next)
		if (n->birth <= v->tx->start) child_add(l, n->birth, n->name, n->name_len);
	history_children(&v->m->history, path, len, v->tx->start, child_add_old, l);
	if (l->mixed && l->n) qsort(l->a, l->n, sizeof(*l->a), by_birth);
}

static bool entry_is_child(const struct tx_entry *e, const char *path, size_t len) {
	size_t skip = len == 1 ? 0 : len;

	return e->len > skip + 1 && e->path[skip] == '/' && !memcmp(e->path, path, skip) &&
	       !memchr(e->path + skip + 1, '/', e->len - skip - 1);
}

/* The transaction's own children: those it made. */
static void own_children(struct view *v, const char *path, size_t len, struct child_list *l) {
	uint32_t skip = len == 1 ? 1 : len + 1;

	for (struct list *p = v->tx->entries.next; p != &v->tx->entries; p = p->next) {
		struct tx_entry *e = list_entry(p, struct tx_entry, link);

		if (!e->written || !e->exists || (e->base_exists && !e->base_removed)) continue;
		if (entry_is_child(e, path, len)) child_add(l, UINT64_MAX / 2 + e->seq, e->path + skip, e->len - skip);
	}
}

/* Whether the transaction left a child of its base alone. */
static bool base_child_stays(struct view *v, const char *path, size_t len, const struct child *c) {
	char name[PATH_BUF];
	struct tx_entry *e;
	size_t n = len == 1 ? 0 : len;

	memcpy(name, path, n);
	name[n++] = '/';
	memcpy(name + n, c->name, c->len);
	e = entry_find(v->tx, name, n + c->len);
	return !e || !e->written || (e->exists && !e->base_removed);
}

static int tx_children(struct view *v, const char *path, size_t len, struct buf *names) {
	struct child_list l = { 0 };
	struct tx_entry *self = entry_find(v->tx, path, len);
	size_t n_base;

	if (!self || !self->base_removed) base_children(v, path, len, &l);
	n_base = l.n;
	own_children(v, path, len, &l);
	if (l.n > n_base) qsort(l.a + n_base, l.n - n_base, sizeof(*l.a), by_birth);
	for (size_t i = 0; i < l.n; i++) {
		if (i < n_base && !base_child_stays(v, path, len, &l.a[i])) continue;
		buf_put(names, l.a[i].name, l.a[i].len);
		buf_u8(names, 0);
	}
	free(l.a);
	return l.bad || names->bad ? -ENOMEM : 0;
}

int view_children(struct view *v, const char *path, size_t len, struct buf *names) {
	const struct node *n;
	char *at;

	if (v->tx) return tx_children(v, path, len, names);
	n = tree_find(&v->m->tree, path, len);
	if (!n || !n->kids || !n->kids->n) return 0;
	at = buf_extend(names, n->kids->bytes);
	if (!at) return -ENOMEM;
	for (n = n->kids->first; n; n = n->next) at = mempcpy(at, n->name, n->name_len + 1);
	return 0;
}

/* --- changing --- */

/* An entry ready to be changed: it holds the node's present value and permissions. */
static struct tx_entry *entry_write(struct view *v, const struct path *p, int *err) {
	struct tx_entry *e = entry_get(v, p->s, p->len, err);
	struct image base;

	if (!e) return NULL;
	e->know |= TX_DATA;
	if (e->written) return e;
	base_get(v, p->s, p->len, &base);
	if (base.value_len) {
		e->value = talloc_memdup(e, base.value, base.value_len);
		if (!e->value) {
			*err = v->tx->failed = -ENOMEM;
			return NULL;
		}
	}
	e->value_len = base.value_len;
	e->perms = base.exists ? perms_ref(base.perms) : NULL;
	e->exists = base.exists;
	e->written = true;
	e->seq = ++v->tx->seq;
	return e;
}

static void entry_set_perms(struct view *v, struct tx_entry *e, struct perms *perms) {
	struct perms *old = e->perms;

	e->perms = perms ? perms_ref(perms) : NULL;
	perms_put(&v->m->tree.perms, old);
}

static int tx_create(struct view *v, const struct path *p, struct perms *perms) {
	int err;
	struct tx_entry *e = entry_write(v, p, &err);

	if (!e) return err;
	entry_set_perms(v, e, perms);
	e->exists = true;
	e->value_len = 0;
	e->value_set = e->perms_set = false;
	e->seq = ++v->tx->seq;
	if (perms->p[0].domid == v->tx->conn->dom->domid) v->tx->nodes++;
	return 0;
}

int view_create(struct view *v, const struct path *p, struct perms *perms) {
	struct path up = *p;
	struct node *parent;

	if (v->tx) return tx_create(v, p, perms);
	path_parent(&up);
	parent = tree_find(&v->m->tree, up.s, up.len);
	if (!parent) return -ENOENT;
	if (!tree_add(&v->m->tree, parent, p->s + up.len + (up.len > 1), p->len - up.len - (up.len > 1), perms,
		      machine_tick(v->m)))
		return -ENOMEM;
	return 0;
}

static int tx_write(struct view *v, const struct path *p, const void *value, uint32_t len) {
	int err;
	struct tx_entry *e = entry_write(v, p, &err);
	char *copy;

	if (!e) return err;
	copy = talloc_memdup(e, len ? value : "", len ? len : 1);
	if (!copy) return v->tx->failed = -ENOMEM;
	talloc_free(e->value);
	e->value = copy;
	e->value_len = len;
	e->value_set = true;
	return 0;
}

int view_write(struct view *v, const struct path *p, const void *value, uint32_t len) {
	struct node *n;
	uint64_t gen;

	if (v->tx) return tx_write(v, p, value, len);
	n = tree_find(&v->m->tree, p->s, p->len);
	gen = machine_tick(v->m);
	view_keep(v->m, n, gen, false);
	return tree_set_value(&v->m->tree, n, value, len, gen) ? 0 : -ENOMEM;
}

int view_chmod(struct view *v, const struct path *p, struct perms *perms) {
	struct tx_entry *e;
	struct node *n;
	uint64_t gen;
	int err;

	if (v->tx) {
		e = entry_write(v, p, &err);
		if (!e) return err;
		entry_set_perms(v, e, perms);
		e->perms_set = true;
		return 0;
	}
	n = tree_find(&v->m->tree, p->s, p->len);
	gen = machine_tick(v->m);
	view_keep(v->m, n, gen, false);
	tree_set_perms(&v->m->tree, n, perms, gen);
	return 0;
}

/* Remove one node of the transaction's view; its children are gone already. */
static int tx_remove_one(struct view *v, const struct path *p) {
	int err;
	struct tx_entry *e = entry_write(v, p, &err);

	if (!e) return err;
	if (e->perms && e->perms->p[0].domid == v->tx->conn->dom->domid) v->tx->nodes--;
	e->know |= TX_CHILD;
	e->exists = false;
	e->base_removed |= e->base_exists;
	return 0;
}

/* Announce at commit that the node went away with a parent. */
static void tx_announce_exact(struct view *v, const struct path *p, struct perms *before) {
	struct tx_entry *e = entry_find(v->tx, p->s, p->len);

	if (!e->exact_queued) tx_event_add(v->tx, p, before, true);
	e->exact_queued = true;
}

static int tx_remove(struct view *v, struct path *p, bool top) {
	struct buf names = { 0 };
	size_t len = p->len, slash = len > 1;
	struct image img;
	struct perms *before = NULL;
	int err = view_get(v, p->s, p->len, TX_EXIST | TX_CHILD, &img);

	if (!err && img.exists) before = perms_ref(img.perms);
	if (!err) err = view_children(v, p->s, p->len, &names);
	for (size_t i = 0; !err && i < names.len; i += strlen(names.p + i) + 1) {
		p->s[len] = '/';
		strcpy(p->s + len + slash, names.p + i);
		p->len = len + slash + strlen(names.p + i);
		err = tx_remove(v, p, false);
	}
	buf_free(&names);
	p->len = len;
	p->s[len] = '\0';
	if (!err) err = tx_remove_one(v, p);
	if (!err && !top) tx_announce_exact(v, p, before);
	perms_put(&v->m->tree.perms, before);
	return err;
}

/* Deepest last child below n. */
static struct node *node_bottom(struct node *n) {
	while (node_last(n)) n = node_last(n);
	return n;
}

static void tree_remove_below(struct machine *m, struct node *top) {
	struct node *n, *stop = top->parent;
	char path[PATH_BUF];

	for (n = node_bottom(top); n != stop;) {
		struct node *prev = n->prev && n != top ? node_bottom(n->prev) : n->parent;
		struct perms *before = perms_ref(n->perms);
		size_t len = node_path(n, path);
		uint64_t gen = machine_tick(m);
		bool is_top = n == top;

		view_keep(m, n, gen, true);
		tree_remove(&m->tree, n, gen);
		if (!is_top) watch_fire_exact(m, path, len, before);
		perms_put(&m->tree.perms, before);
		n = prev;
	}
}

int view_remove(struct view *v, const struct path *p) {
	struct path copy = *p;
	struct node *n;

	if (v->tx) return tx_remove(v, &copy, true);
	n = tree_find(&v->m->tree, p->s, p->len);
	tree_remove_below(v->m, n);
	return 0;
}

void tx_event_add(struct tx *tx, const struct path *p, struct perms *before, bool exact) {
	struct tx_event *ev = talloc_zero_size(tx, sizeof(*ev) + p->len + 1);

	if (!ev) {
		tx->failed = -ENOMEM;
		return;
	}
	memcpy(ev->path, p->s, p->len + 1);
	ev->len = p->len;
	ev->exact = exact;
	ev->before = before ? perms_ref(before) : NULL;
	list_add_tail(&tx->events, &ev->link);
}

void view_announce(struct view *v, const struct path *p, struct perms *before) {
	struct tx_entry *e;
	struct node *n;

	if (!v->tx) {
		n = tree_find(&v->m->tree, p->s, p->len);
		watch_fire(v->m, p->s, p->len, before, n ? n->perms : NULL);
		return;
	}
	e = entry_find(v->tx, p->s, p->len);
	if (e && e->event_queued) return;
	if (e) e->event_queued = true;
	tx_event_add(v->tx, p, before, false);
}
