/* SPDX-License-Identifier: MIT */
#include "perms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t perms_hash(const struct perm *p, unsigned n) {
	uint64_t h = 0x9e3779b97f4a7c15ull ^ n;

	for (unsigned i = 0; i < n; i++) {
		h ^= ((uint64_t)p[i].domid << 8) | p[i].bits;
		h *= 0xff51afd7ed558ccdull;
		h ^= h >> 32;
	}
	return h;
}

static bool perms_equal(const struct perms *a, const struct perm *p, unsigned n) {
	if (a->n != n) return false;
	for (unsigned i = 0; i < n; i++)
		if (a->p[i].domid != p[i].domid || a->p[i].bits != p[i].bits) return false;
	return true;
}

int perms_table_init(struct perms_table *t) {
	t->n_bucket = 1024;
	t->n = 0;
	t->bucket = calloc(t->n_bucket, sizeof(*t->bucket));
	return t->bucket ? 0 : -ENOMEM;
}

void perms_table_free(struct perms_table *t) {
	free(t->bucket);
	t->bucket = NULL;
}

struct perms *perms_get(struct perms_table *t, const struct perm *p, unsigned n) {
	uint64_t h = perms_hash(p, n);
	struct perms **slot = &t->bucket[h % t->n_bucket], *s;

	for (s = *slot; s; s = s->hash_next)
		if (s->hash == h && perms_equal(s, p, n)) return perms_ref(s);
	s = malloc(sizeof(*s) + n * sizeof(*p));
	if (!s) return NULL;
	s->hash = h;
	s->ref = 1;
	s->n = n;
	memcpy(s->p, p, n * sizeof(*p));
	s->hash_next = *slot;
	*slot = s;
	t->n++;
	return s;
}

struct perms *perms_ref(struct perms *p) {
	p->ref++;
	return p;
}

void perms_put(struct perms_table *t, struct perms *p) {
	struct perms **s;

	if (!p || --p->ref) return;
	for (s = &t->bucket[p->hash % t->n_bucket]; *s != p; s = &(*s)->hash_next)
		;
	*s = p->hash_next;
	t->n--;
	free(p);
}

unsigned perms_allow(const struct perms *p, unsigned domid, unsigned target) {
	unsigned owner = p->p[0].bits & PERM_STALE ? PERM_NO_TARGET : p->p[0].domid;

	if (domid == 0 || domid == owner || (target != PERM_NO_TARGET && target == owner))
		return PERM_READ | PERM_WRITE | PERM_OWNER;
	for (unsigned i = 1; i < p->n; i++) {
		if (p->p[i].bits & PERM_STALE) continue;
		if (p->p[i].domid == domid || (target != PERM_NO_TARGET && p->p[i].domid == target))
			return p->p[i].bits & (PERM_READ | PERM_WRITE);
	}
	return p->p[0].bits & (PERM_READ | PERM_WRITE);
}

bool perms_names(const struct perms *p, unsigned domid) {
	for (unsigned i = 0; i < p->n; i++)
		if (p->p[i].domid == domid && !(p->p[i].bits & PERM_STALE)) return true;
	return false;
}

bool perm_parse(const char *s, struct perm *out) {
	static const struct {
		char c;
		uint8_t bits;
	} letter[] = { { 'n', 0 }, { 'r', PERM_READ }, { 'w', PERM_WRITE }, { 'b', PERM_READ | PERM_WRITE } };
	char *end;
	unsigned long id;

	if (s[0] == '\0' || s[1] < '0' || s[1] > '9') return false;
	errno = 0;
	id = strtoul(s + 1, &end, 10);
	if (errno || *end || id > 0xffff) return false;
	for (unsigned i = 0; i < sizeof(letter) / sizeof(*letter); i++) {
		if (letter[i].c != s[0]) continue;
		out->domid = id;
		out->bits = letter[i].bits;
		return true;
	}
	return false;
}

void perms_format(const struct perms *p, struct buf *out) {
	for (unsigned i = 0; i < p->n; i++) {
		buf_printf(out, "%c%u", "nrwb"[p->p[i].bits & 3], p -> p[i].domid);
		buf_u8(out, 0);
	}
}

void perms_save(const struct perms *p, struct buf *b) {
	buf_u16(b, p ? p->n : 0);
	for (unsigned i = 0; p && i < p->n; i++) {
		buf_u16(b, p->p[i].domid);
		buf_u8(b, p->p[i].bits);
	}
}

bool perms_load(struct perms_table *t, struct cursor *c, struct perms **out) {
	struct perm list[PERMS_MAX];
	unsigned n = cur_u16(c);

	*out = NULL;
	if (c->bad || n > PERMS_MAX) return false;
	for (unsigned i = 0; i < n; i++) {
		list[i].domid = cur_u16(c);
		list[i].bits = cur_u8(c);
	}
	if (c->bad) return false;
	if (n) *out = perms_get(t, list, n);
	return !n || *out;
}
