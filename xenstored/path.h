/* SPDX-License-Identifier: MIT */
/* Paths: what is allowed in one, how a relative one becomes absolute, and their hash. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for any canonical path with its NUL. */
#define PATH_BUF 3200
/* "/local/domain/65535/" */
#define PATH_DOMAIN_MAX 24

/* A canonical path: absolute (or a special @name), without doubled or trailing slashes. */
struct path {
	char s[PATH_BUF];
	size_t len;
	/* Bytes of s that were not in the caller's relative path; 0 for an absolute one. */
	size_t rel;
};

/*
 * Make `in` (n bytes, no NUL among them) canonical for a caller in domain `domid`.
 * Names beginning with '@' are accepted only with `special`. Returns 0 or -EINVAL.
 */
int path_canon(const char *in, size_t n, unsigned domid, bool special, struct path *out);
/* Length of `path` apart from a leading /local/domain/N/, which quotas do not count. */
size_t path_own_len(const struct path *p);
/* Cut the last component; false at the root. */
bool path_parent(struct path *p);
/* The last component. */
const char *path_leaf(const struct path *p);

/* Hash of a string, byte by byte, so that the hash of a path continues that of its parent. */
#define PATH_HASH_INIT 0xcbf29ce484222325ull
extern uint64_t path_hash_seed;
uint64_t path_hash_more(uint64_t h, const char *s, size_t n);
/* The root hashes as the empty string, so that "/a" continues it. */
uint64_t path_hash(const char *s, size_t n);
/* Spread a hash over a table of 2^n slots. */
static inline size_t path_hash_slot(uint64_t h, size_t n_slot) {
	return (size_t)((h ^ (h >> 29)) * 0xbf58476d1ce4e5b9ull >> 20) & (n_slot - 1);
}
