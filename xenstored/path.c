/* SPDX-License-Identifier: MIT */
#include "path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "wire.h"

uint64_t path_hash_seed = PATH_HASH_INIT;

static bool path_char(unsigned char c) {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       c == '@' || c == '/';
}

static bool path_chars(const char *s, size_t n) {
	for (size_t i = 0; i < n; i++)
		if (!path_char(s[i]) || (s[i] == '/' && i + 1 < n && s[i + 1] == '/')) return false;
	return true;
}

int path_canon(const char *in, size_t n, unsigned domid, bool special, struct path *out) {
	size_t max = XENSTORE_ABS_PATH_MAX;

	if (n == 0 || !path_chars(in, n)) return -EINVAL;
	if (in[0] == '@' && !special) return -EINVAL;
	out->rel = 0;
	if (in[0] != '/' && in[0] != '@') {
		max = XENSTORE_REL_PATH_MAX;
		out->rel = snprintf(out->s, PATH_DOMAIN_MAX, "/local/domain/%u/", domid);
	}
	if (n > max || (n > 1 && in[n - 1] == '/')) return -EINVAL;
	memcpy(out->s + out->rel, in, n);
	out->len = out->rel + n;
	out->s[out->len] = '\0';
	return 0;
}

size_t path_own_len(const struct path *p) {
	static const char prefix[] = "/local/domain/";
	size_t i = sizeof(prefix) - 1;

	if (strncmp(p->s, prefix, i)) return p->len;
	while (p->s[i] >= '0' && p->s[i] <= '9') i++;
	return p->s[i] == '/' ? p->len - i - 1 : p->len;
}

bool path_parent(struct path *p) {
	char *slash = strrchr(p->s, '/');

	if (!slash || p->len == 1) return false;
	p->len = slash == p->s ? 1 : slash - p->s;
	p->s[p->len] = '\0';
	return true;
}

const char *path_leaf(const struct path *p) { return strrchr(p->s, '/') + 1; }

uint64_t path_hash_more(uint64_t h, const char *s, size_t n) {
	for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 0x100000001b3ull;
	return h;
}

uint64_t path_hash(const char *s, size_t n) { return path_hash_more(path_hash_seed, s, n == 1 && s[0] == '/' ? 0 : n); }
