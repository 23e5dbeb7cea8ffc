/* SPDX-License-Identifier: MIT */
/*
 * Old versions of nodes, for the snapshots that transactions read.
 *
 * A transaction begun at generation G sees each node as it was at G. Most nodes have not changed
 * since, so the tree itself answers. Only when a change overwrites something that an open
 * transaction can still see is the old version kept here: valid from its own `gen` until the
 * generation of the change. Versions leave when the last transaction that could see them ends.
 * The whole is bounded: beyond HISTORY_MAX bytes the oldest transactions are given up (they get
 * EAGAIN at their end), those of guests first: what a guest makes and removes again stays only for those
 * who began in between, and no guest shall end domain 0's transactions with its own.
 */
#pragma once

#include <stdint.h>

#include "buf.h"
#include "tree.h"

#define HISTORY_HASH 256
#define HISTORY_MAX  (4u << 20)

struct version {
	/* By path, by parent's path, and by age (`until` ascending). */
	struct version *path_next, *parent_next, *younger;
	/* What points to it in the first two: the oldest is the last of a long chain. */
	struct version **path_at, **parent_at;
	uint64_t path_hash, parent_hash;
	uint64_t birth, gen, cgen, until;
	/* The node itself ended at `until`; else only this version did. */
	bool removed;
	struct perms *perms;
	uint32_t value_len;
	uint16_t path_len, parent_len;
	/* The path, then the value. */
	char data[];
};

struct history {
	struct version *by_path[HISTORY_HASH], *by_parent[HISTORY_HASH];
	struct version *oldest, *youngest;
	size_t bytes;
};

/* Keep the node as it is now, before a change at generation `until`. False without memory. */
bool history_keep(struct history *h, const struct node *n, uint64_t until, bool removed);
/* The version of `path` that was valid at generation g, or NULL. */
const struct version *history_find(const struct history *h, const char *path, size_t len, uint64_t g);
/*
 * Call fn for each child of `path` that existed at g and has been removed since (oldest birth
 * first is not promised).
 */
void history_children(const struct history *h, const char *path, size_t len, uint64_t g,
		      void (*fn)(void *arg, const struct version *v), void *arg);
/* Drop what nobody who started at or after `oldest` can see. */
void history_drop(struct history *h, struct perms_table *perms, uint64_t oldest);
/*
 * Drop what nobody can see of those who are left. last() is asked with growing numbers for the start of the
 * youngest who began before that generation, 0 for nobody.
 */
void history_sweep(struct history *h, struct perms_table *perms, uint64_t (*last)(void *arg, uint64_t until),
		   void *arg);
/* Write out and read back. The read fails on nonsense or without memory. */
void history_save(const struct history *h, struct buf *b);
bool history_load(struct history *h, struct perms_table *perms, struct cursor *c);
