/* SPDX-License-Identifier: MIT */
/*
 * The committed tree.
 *
 * A node is one allocation with its name at the end; a short value is inside, what only parents need
 * is outside, for there may be very many nodes. Children form a list in the order of their birth; `birth`
 * also tells a node from a later one of the same path. Generations come from one counter that grows with
 * every change: birth  when the node was made gen    last change of value or permissions      (birth <= gen)
 *   pgen   last change of permissions
 *   cgen   last change of the list of children
 * A transaction begun at generation G conflicts exactly with what has a generation above G.
 *
 * Nodes are found by the hash of their full path; no path is stored, a hit is proved by walking
 * up. Every change enters the node into the dirty list, which the next checkpoint writes out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "path.h"
#include "perms.h"

/* The children of a node that has, or had, some. */
struct kids {
	struct node *first, *last;
	uint64_t cgen;
	uint32_t n;
	/* Sum of their names, each with its NUL. */
	uint32_t bytes;
};

#define VALUE_INSIDE 16u
/* What a node counts for in quotas, without its name, value and permissions. */
#define NODE_COST 128u

struct node {
	struct node *hash_next;
	uint64_t hash;
	struct node *parent, *next, *prev;
	struct kids *kids;
	uint64_t birth, gen, pgen;
	struct perms *perms;
	/* See node_value(). */
	union {
		char inside[VALUE_INSIDE];
		char *outside;
	} value;
	/* Index + 1 in the dirty list, 0 when clean. */
	uint32_t dirty;
	/* At most XENSTORE_PAYLOAD_MAX. */
	uint16_t value_len;
	uint16_t name_len;
	char name[];
};

static inline struct node *node_first(const struct node *n) { return n->kids ? n->kids->first : NULL; }
static inline struct node *node_last(const struct node *n) { return n->kids ? n->kids->last : NULL; }
static inline uint64_t node_cgen(const struct node *n) { return n->kids ? n->kids->cgen : n->birth; }

/* Last change of any kind. */
static inline uint64_t node_changed(const struct node *n) { return n->gen > node_cgen(n) ? n->gen : node_cgen(n); }

static inline const char *node_value(const struct node *n) {
	return n->value_len > VALUE_INSIDE ? n->value.outside : n->value.inside;
}

/* A changed node, or (n NULL) the path of a removed one, or (both NULL) nothing any more. */
struct dirty {
	struct node *n;
	char *path;
};

struct tree {
	struct node **bucket;
	size_t n_bucket, n_node;
	struct node *root;
	uint64_t generation;
	struct perms_table perms;
	struct dirty *dirty;
	uint32_t n_dirty, cap_dirty;
	/* Generation when the list was last taken: no database has heard of who was born after it. */
	uint64_t clean;
	/* The dirty list is not complete: the next checkpoint must write everything. */
	bool dirty_all;
	/* Told of every change in what a domain owns. */
	void (*account)(void *arg, unsigned domid, int nodes, long bytes);
	void *account_arg;
};

/* An empty tree (no root yet). Returns 0 or -ENOMEM. */
int tree_init(struct tree *t);
void tree_free(struct tree *t);
/* The node of a canonical absolute path, or NULL. */
struct node *tree_find(const struct tree *t, const char *path, size_t len);
/*
 * Make a node (parent NULL: the root) with an empty value; a reference to perms is taken.
 * The caller has seen that it does not exist. NULL without memory: nothing changed.
 */
struct node *tree_add(struct tree *t, struct node *parent, const char *name, size_t len, struct perms *perms,
		      uint64_t gen);
/* Remove a node that has no children. */
void tree_remove(struct tree *t, struct node *n, uint64_t gen);
/* Replace the value; false without memory (nothing changed). */
bool tree_set_value(struct tree *t, struct node *n, const void *value, uint32_t len, uint64_t gen);
/* Set the generations of a node that is read back; false without memory. */
bool tree_set_generations(struct node *n, uint64_t gen, uint64_t pgen, uint64_t cgen);
void tree_set_perms(struct tree *t, struct node *n, struct perms *perms, uint64_t gen);
/* The path of a node; returns its length. */
size_t node_path(const struct node *n, char out[PATH_BUF]);
/* What the node counts for in its owner's memory quota. */
long node_bytes(const struct node *n);
static inline long node_bytes_of(size_t name_len, size_t value_len, const struct perms *perms) {
	return (long)(NODE_COST + name_len + value_len + perms->n * sizeof(struct perm));
}
/* Next node in a walk that visits parents before children; NULL after the last below `top`. */
struct node *tree_next(const struct node *n, const struct node *top);
/* Forget the dirty list (a checkpoint has taken it). */
void tree_clean(struct tree *t);
