/* SPDX-License-Identifier: MIT */
/*
 * Transactions, and the view of the tree that a request works on.
 *
 * A transaction remembers the generation of its start and, per path it touched, what kind of
 * knowledge it gained and what it wants to change (an overlay). Reads see the overlay, then the
 * tree as it was at the start (history.h). It commits if nothing that it knows has changed since:
 *   TX_EXIST  whether the node exists, and that it is the same node
 *   TX_DATA   its value (any write to an existing node implies this)
 *   TX_PERM   its permissions
 *   TX_CHILD  the list of its children
 * Creating a child needs only the parent's existence and permissions, so clients that create
 * different devices below one directory do not disturb each other; and of conflicting
 * transactions the first to end succeeds, so some client always makes progress.
 *
 * Without a transaction a view works directly on the tree.
 */
#pragma once

#include "machine.h"

#define TX_EXIST 1u
#define TX_DATA  2u
#define TX_PERM  4u
#define TX_CHILD 8u

#define TX_HASH 64

struct tx_entry {
	struct list link;
	struct tx_entry *hash_next;
	uint64_t hash;
	unsigned know;
	/* At the start of the transaction. */
	bool base_exists;
	/* What the transaction made of it, if it changed it. */
	bool written, exists, base_removed, value_set, perms_set;
	/* Announced at commit already, to everybody or to watches on this very path. */
	bool event_queued, exact_queued;
	/* Order of creation. */
	uint32_t seq;
	uint32_t value_len;
	char *value;
	struct perms *perms;
	uint32_t len;
	char path[];
};

/* A change to announce when the transaction has committed. */
struct tx_event {
	struct list link;
	bool exact;
	struct perms *before;
	uint32_t len;
	char path[];
};

struct tx {
	struct list of_conn, of_machine;
	uint32_t id;
	struct conn *conn;
	uint64_t start;
	/* Its snapshot had to be given up: it can only fail. */
	bool given_up;
	/* A step failed for want of quota or memory: it can only fail, with this errno. */
	int failed;
	uint32_t n_entry, seq;
	/* Nodes it will add to its own domain. */
	int64_t nodes;
	struct list entries, events;
	struct tx_entry *by_hash[TX_HASH];
};

struct view {
	struct machine *m;
	struct tx *tx;
};

/* A node as a view sees it; valid until the next change. */
struct image {
	bool exists;
	const char *value;
	uint32_t value_len;
	struct perms *perms;
	/* Grows whenever value, permissions or children change. */
	uint64_t gen;
};

/* Start one; NULL without memory. */
struct tx *tx_start(struct machine *m, struct conn *c);
struct tx *tx_find(struct conn *c, uint32_t id);
/* Apply it and announce its changes, or return -EAGAIN, -ENOSPC, -ENOMEM; the caller drops it. */
int tx_commit(struct machine *m, struct tx *tx);
/* Forget one; also what only it could see. */
void tx_drop(struct machine *m, struct tx *tx);
void tx_drop_all(struct machine *m, struct conn *c);
/* Give up snapshots while old versions need too much memory. */
void tx_bound_history(struct machine *m);
void tx_save(const struct tx *tx, struct buf *b);
/* Read one back, appending it to the connection's and the machine's list. */
bool tx_load(struct machine *m, struct conn *c, struct cursor *cur);

/* All views: 0 or -errno (-ENOSPC: too many nodes in the transaction). `know` is TX_ bits. */
int view_get(struct view *v, const char *path, size_t len, unsigned know, struct image *img);
/* Append the names of the children, each with its NUL. */
int view_children(struct view *v, const char *path, size_t len, struct buf *names);
/* Make a node whose parent exists. */
int view_create(struct view *v, const struct path *p, struct perms *perms);
/* Change one that exists. */
int view_write(struct view *v, const struct path *p, const void *value, uint32_t len);
int view_chmod(struct view *v, const struct path *p, struct perms *perms);
/* Remove one that exists with all below it, announcing each removal. */
int view_remove(struct view *v, const struct path *p);
/* Announce a change, now or at commit; `before` are the permissions before it, or NULL. */
void view_announce(struct view *v, const struct path *p, struct perms *before);

/* Whether the transaction touched this path and it existed at its start. */
bool tx_had(struct tx *tx, const char *path, size_t len);

/* For tx.c: a new entry, and keeping an old version (`removed`: the node itself goes). */
struct tx_entry *tx_entry_new(struct tx *tx, const char *path, size_t len);
void tx_event_add(struct tx *tx, const struct path *p, struct perms *before, bool exact);
void view_keep(struct machine *m, const struct node *n, uint64_t until, bool removed);

/* Unrecoverable lack of memory in the middle of a change: the process ends, recovery undoes it. */
void machine_out_of_memory(void) __attribute__((noreturn));
