/* SPDX-License-Identifier: MIT */
/*
 * Permission lists. Most nodes of a tree share a handful of lists, so equal lists are one object
 * (interned, counted): equality is pointer equality, and a domain's death is found by looking at
 * the few lists instead of at every node.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

#define PERM_READ  1u
#define PERM_WRITE 2u
/* The list's owner, or whoever acts for it: may do anything with the node. */
#define PERM_OWNER 4u
/* In struct perm only: the domain is dead, the entry counts for nothing. */
#define PERM_STALE 0x80u

#define PERMS_MAX 512

struct perm {
	uint16_t domid;
	uint8_t bits;
};

/* p[0] names the owner, its bits are everybody else's default. */
struct perms {
	struct perms *hash_next;
	uint64_t hash;
	unsigned ref;
	unsigned n;
	struct perm p[];
};

struct perms_table {
	struct perms **bucket;
	unsigned n_bucket, n;
};

/* Returns 0 or -ENOMEM. */
int perms_table_init(struct perms_table *t);
/* All references must have been dropped by then. */
void perms_table_free(struct perms_table *t);
/* The one object for this list, with a new reference; NULL without memory. n is 1..PERMS_MAX. */
struct perms *perms_get(struct perms_table *t, const struct perm *p, unsigned n);
struct perms *perms_ref(struct perms *p);
/* Drop a reference; NULL is allowed. */
void perms_put(struct perms_table *t, struct perms *p);
/*
 * What `domid`, acting also for `target` (or for nobody: PERM_NO_TARGET), may do: PERM_ bits.
 * Domain 0 may do everything.
 */
#define PERM_NO_TARGET 0xffffu
unsigned perms_allow(const struct perms *p, unsigned domid, unsigned target);
/* Whether the list names the domain at all, as owner or in an entry that counts. */
bool perms_names(const struct perms *p, unsigned domid);
/* Parse "r5" and the like. */
bool perm_parse(const char *s, struct perm *out);
/* Append "n0\0r5\0". */
void perms_format(const struct perms *p, struct buf *out);

/* Write a list out (NULL is allowed) and read it back with a reference; false on nonsense. */
void perms_save(const struct perms *p, struct buf *b);
bool perms_load(struct perms_table *t, struct cursor *c, struct perms **out);
