/* SPDX-License-Identifier: MIT */
/*
 * The machine as bytes, for checkpoints: each node as one record, everything else (connections,
 * watches, transactions, old versions, domains, quotas) as one blob. Books that follow from the
 * nodes are not written.
 */
#pragma once

#include "machine.h"

/* Write all but the nodes. */
void state_save(const struct machine *m, struct buf *b);
/*
 * Read it back into a new machine that has its nodes already. False on nonsense or without
 * memory; the machine is then good for nothing but machine_free().
 */
bool state_load(struct machine *m, struct cursor *c);

/* Write one node. */
void node_save(const struct node *n, struct buf *b);

/* Nodes come back in any order; collect them, then build the tree in order of birth. */
struct node_record {
	uint64_t birth, gen, pgen, cgen;
	const char *path, *value;
	struct perms *perms;
	uint32_t path_len, value_len;
	struct node *node;
};

/* Read one; its path and value point into the bytes given, which must stay. */
bool node_record_load(struct machine *m, const char *path, uint32_t path_len, struct cursor *c,
		      struct node_record *out);
/*
 * Build the tree of n records (sorting them) and drop their permissions' references. False when
 * they are no tree (a parent is missing, a path is double) or without memory; with `lenient`,
 * nodes that do not fit are left out.
 */
bool tree_build(struct machine *m, struct node_record *r, size_t n, bool lenient);
