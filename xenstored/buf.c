/* SPDX-License-Identifier: MIT */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

static bool buf_room(struct buf *b, size_t n) {
	size_t cap = b->cap ? b->cap : 256;
	char *p;

	if (b->bad) return false;
	if (b->cap - b->len >= n) return true;
	while (cap - b->len < n) cap *= 2;
	p = realloc(b->p, cap);
	if (!p) {
		b->bad = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

char *buf_extend(struct buf *b, size_t n) {
	if (!buf_room(b, n)) return NULL;
	b->len += n;
	return b->p + b->len - n;
}

void buf_put(struct buf *b, const void *p, size_t n) {
	char *at = n ? buf_extend(b, n) : NULL;

	if (at) memcpy(at, p, n);
}

void buf_u8(struct buf *b, uint8_t v) { buf_put(b, &v, sizeof(v)); }

void buf_u16(struct buf *b, uint16_t v) { buf_put(b, &v, sizeof(v)); }

void buf_u32(struct buf *b, uint32_t v) { buf_put(b, &v, sizeof(v)); }

void buf_u64(struct buf *b, uint64_t v) { buf_put(b, &v, sizeof(v)); }

void buf_blob(struct buf *b, const void *p, uint32_t n) {
	buf_u32(b, n);
	buf_put(b, p, n);
}

void buf_str(struct buf *b, const char *s) { buf_blob(b, s, strlen(s)); }

void buf_printf(struct buf *b, const char *fmt, ...) {
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !buf_room(b, (size_t)n + 1)) return;
	va_start(ap, fmt);
	vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += n;
}

void buf_free(struct buf *b) {
	free(b->p);
	memset(b, 0, sizeof(*b));
}

const char *cur_take(struct cursor *c, size_t n) {
	const char *p = c->p;

	if (c->bad || (size_t)(c->end - c->p) < n) {
		c->bad = true;
		return NULL;
	}
	c->p += n;
	return p;
}

static uint64_t cur_int(struct cursor *c, size_t n) {
	const char *p = cur_take(c, n);
	uint64_t v = 0;

	if (p) memcpy(&v, p, n);
	return v;
}

uint8_t cur_u8(struct cursor *c) { return cur_int(c, 1); }

uint16_t cur_u16(struct cursor *c) { return cur_int(c, 2); }

uint32_t cur_u32(struct cursor *c) { return cur_int(c, 4); }

uint64_t cur_u64(struct cursor *c) { return cur_int(c, 8); }

const char *cur_blob(struct cursor *c, uint32_t *n) {
	*n = cur_u32(c);
	return cur_take(c, *n);
}

char *cur_str(struct cursor *c, const void *ctx) {
	uint32_t n;
	const char *p = cur_blob(c, &n);
	char *s = p ? talloc_strndup(ctx, p, n) : NULL;

	if (!s || strlen(s) != n) c->bad = true;
	return c->bad ? NULL : s;
}
