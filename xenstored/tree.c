/* SPDX-License-Identifier: MIT */
#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TREE_BUCKETS_MIN 1024
/* Room for so many entries stays with an empty dirty list. */
#define DIRTY_KEPT 1024u

int tree_init(struct tree *t) {
	memset(t, 0, sizeof(*t));
	t->n_bucket = TREE_BUCKETS_MIN;
	t->bucket = calloc(t->n_bucket, sizeof(*t->bucket));
	if (!t->bucket || perms_table_init(&t->perms)) {
		free(t->bucket);
		return -ENOMEM;
	}
	t->dirty_all = true;
	return 0;
}

static void node_free(struct tree *t, struct node *n) {
	perms_put(&t->perms, n->perms);
	if (n->value_len > VALUE_INSIDE) free(n->value.outside);
	free(n->kids);
	free(n);
}

void tree_free(struct tree *t) {
	tree_clean(t);
	free(t->dirty);
	for (size_t i = 0; i < t->n_bucket; i++) {
		struct node *n = t->bucket[i], *next;

		for (; n; n = next) {
			next = n->hash_next;
			node_free(t, n);
		}
	}
	free(t->bucket);
	perms_table_free(&t->perms);
	memset(t, 0, sizeof(*t));
}

/* Whether `path` is the path of n, compared from the end. */
static bool node_is(const struct node *n, const char *path, size_t len) {
	for (; n->parent; n = n->parent) {
		if (len < n->name_len + 1u || memcmp(path + len - n->name_len, n->name, n->name_len) ||
		    path[len - n->name_len - 1] != '/')
			return false;
		len -= n->name_len + 1;
	}
	return len == 0;
}

struct node *tree_find(const struct tree *t, const char *path, size_t len) {
	uint64_t h = path_hash(path, len);
	struct node *n = t->bucket[path_hash_slot(h, t->n_bucket)];

	if (len == 1) return t->root;
	while (n && (n->hash != h || !node_is(n, path, len))) n = n->hash_next;
	return n;
}

/* Double the table; without memory the chains just grow. */
static void tree_grow(struct tree *t) {
	size_t n = t->n_bucket * 2;
	struct node **b = calloc(n, sizeof(*b)), *node, *next;

	if (!b) return;
	for (size_t i = 0; i < t->n_bucket; i++) {
		for (node = t->bucket[i]; node; node = next) {
			struct node **slot = &b[path_hash_slot(node->hash, n)];

			next = node->hash_next;
			node->hash_next = *slot;
			*slot = node;
		}
	}
	free(t->bucket);
	t->bucket = b;
	t->n_bucket = n;
}

static void tree_charge(struct tree *t, const struct node *n, int nodes, long bytes) {
	if (t->account && !(n->perms->p[0].bits & PERM_STALE))
		t->account(t->account_arg, n->perms->p[0].domid, nodes, bytes);
}

long node_bytes(const struct node *n) { return node_bytes_of(n->name_len, n->value_len, n->perms); }

/* One more entry in the dirty list, or NULL (and dirty_all) without memory. */
static struct dirty *dirty_new(struct tree *t) {
	if (t->n_dirty == t->cap_dirty) {
		uint32_t cap = t->cap_dirty ? t->cap_dirty * 2 : 256;
		struct dirty *d = realloc(t->dirty, cap * sizeof(*d));

		if (!d) {
			t->dirty_all = true;
			return NULL;
		}
		t->dirty = d;
		t->cap_dirty = cap;
	}
	return &t->dirty[t->n_dirty++];
}

static void node_dirty(struct tree *t, struct node *n) {
	struct dirty *d;

	if (n->dirty || t->dirty_all) return;
	d = dirty_new(t);
	if (!d) return;
	d->n = n;
	d->path = NULL;
	n->dirty = t->n_dirty;
}

/* Forget entries at the end that say nothing any more. */
static void dirty_trim(struct tree *t) {
	while (t->n_dirty && !t->dirty[t->n_dirty - 1].n && !t->dirty[t->n_dirty - 1].path) t->n_dirty--;
}

/*
 * The node goes away: its entry becomes a path. One that no database has heard of leaves nothing, or who
 * makes and removes deep paths would have all of them remembered; should an older node of its path be in
 * the database, that one's end is in the list.
 */
static void node_dirty_gone(struct tree *t, struct node *n) {
	char path[PATH_BUF];
	struct dirty *d;

	d = n->dirty ? &t->dirty[n->dirty - 1] : NULL;
	if (d) d->n = NULL;
	if (t->dirty_all) return;
	if (n->birth > t->clean) {
		dirty_trim(t);
		return;
	}
	if (!d) d = dirty_new(t);
	if (!d) return;
	node_path(n, path);
	d->n = NULL;
	d->path = strdup(path);
	if (!d->path) t->dirty_all = true;
}

void tree_clean(struct tree *t) {
	for (uint32_t i = 0; i < t->n_dirty; i++) {
		if (t->dirty[i].n) t->dirty[i].n->dirty = 0;
		free(t->dirty[i].path);
	}
	t->n_dirty = 0;
	t->clean = t->generation;
	t->dirty_all = false;
	if (t->cap_dirty <= DIRTY_KEPT) return;
	free(t->dirty);
	t->dirty = NULL;
	t->cap_dirty = 0;
}

static void node_link(struct tree *t, struct node *n) {
	struct node **slot = &t->bucket[path_hash_slot(n->hash, t->n_bucket)];
	struct node *parent = n->parent;

	n->hash_next = *slot;
	*slot = n;
	t->n_node++;
	if (!parent) {
		t->root = n;
		return;
	}
	n->prev = parent->kids->last;
	*(n->prev ? &n->prev->next : &parent->kids->first) = n;
	parent->kids->last = n;
	parent->kids->n++;
	parent->kids->bytes += n->name_len + 1;
}

static bool node_get_kids(struct node *n) {
	if (n->kids) return true;
	n->kids = calloc(1, sizeof(*n->kids));
	if (!n->kids) return false;
	n->kids->cgen = n->birth;
	return true;
}

struct node *tree_add(struct tree *t, struct node *parent, const char *name, size_t len, struct perms *perms,
		      uint64_t gen) {
	struct node *n;

	if (parent && !node_get_kids(parent)) return NULL;
	n = calloc(1, sizeof(*n) + len + 1);
	if (!n) return NULL;
	if (t->n_node >= t->n_bucket) tree_grow(t);
	memcpy(n->name, name, len);
	n->name_len = len;
	n->parent = parent;
	n->hash = path_hash_seed;
	if (parent) n->hash = path_hash_more(path_hash_more(parent->hash, "/", 1), name, len);
	n->birth = n->gen = n->pgen = gen;
	n->perms = perms_ref(perms);
	node_link(t, n);
	if (parent) parent->kids->cgen = gen;
	tree_charge(t, n, 1, node_bytes(n));
	node_dirty(t, n);
	if (parent) node_dirty(t, parent);
	return n;
}

static void node_unlink(struct tree *t, struct node *n) {
	struct node **slot = &t->bucket[path_hash_slot(n->hash, t->n_bucket)];
	struct node *parent = n->parent;

	while (*slot != n) slot = &(*slot)->hash_next;
	*slot = n->hash_next;
	t->n_node--;
	if (!parent) {
		t->root = NULL;
		return;
	}
	*(n->prev ? &n->prev->next : &parent->kids->first) = n->next;
	*(n->next ? &n->next->prev : &parent->kids->last) = n->prev;
	parent->kids->n--;
	parent->kids->bytes -= n->name_len + 1;
}

void tree_remove(struct tree *t, struct node *n, uint64_t gen) {
	tree_charge(t, n, -1, -node_bytes(n));
	node_dirty_gone(t, n);
	if (n->parent) {
		n->parent->kids->cgen = gen;
		node_dirty(t, n->parent);
	}
	node_unlink(t, n);
	node_free(t, n);
}

bool tree_set_value(struct tree *t, struct node *n, const void *value, uint32_t len, uint64_t gen) {
	char *old = n->value_len > VALUE_INSIDE ? n->value.outside : NULL;
	char *v = n->value.inside;

	if (len > VALUE_INSIDE) {
		/* The old room serves if it is large enough and not mostly waste. */
		v = old && len <= n->value_len && len >= n->value_len / 2 ? old : malloc(len);
		if (!v) return false;
	}
	if (old && old != v) free(old);
	if (len) memcpy(v, value, len);
	if (len > VALUE_INSIDE) n->value.outside = v;
	tree_charge(t, n, 0, (long)len - (long)n->value_len);
	n->value_len = len;
	n->gen = gen;
	node_dirty(t, n);
	return true;
}

bool tree_set_generations(struct node *n, uint64_t gen, uint64_t pgen, uint64_t cgen) {
	n->gen = gen;
	n->pgen = pgen;
	if (cgen == node_cgen(n)) return true;
	if (!node_get_kids(n)) return false;
	n->kids->cgen = cgen;
	return true;
}

void tree_set_perms(struct tree *t, struct node *n, struct perms *perms, uint64_t gen) {
	struct perms *old = n->perms;

	tree_charge(t, n, -1, -node_bytes(n));
	n->perms = perms_ref(perms);
	tree_charge(t, n, 1, node_bytes(n));
	perms_put(&t->perms, old);
	n->gen = n->pgen = gen;
	node_dirty(t, n);
}

size_t node_path(const struct node *n, char out[PATH_BUF]) {
	const struct node *i;
	size_t len = 0, pos;

	for (i = n; i->parent; i = i->parent) len += i->name_len + 1;
	pos = len;
	out[len] = '\0';
	for (i = n; i->parent; i = i->parent) {
		pos -= i->name_len;
		memcpy(out + pos, i->name, i->name_len);
		out[--pos] = '/';
	}
	if (!len) memcpy(out, "/", 2);
	return len ? len : 1;
}

struct node *tree_next(const struct node *n, const struct node *top) {
	if (node_first(n)) return node_first(n);
	while (n != top && !n->next) n = n->parent;
	return n == top ? NULL : n->next;
}
