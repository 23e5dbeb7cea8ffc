/* SPDX-License-Identifier: MIT */
/*
 * A growing byte buffer to serialize into, and a bounded cursor to read back from.
 * Both are sticky on failure: after the first failed step `bad` is set and every later step does
 * nothing, so a caller checks once at the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *p;
	size_t len, cap;
	bool bad;
};

struct cursor {
	const char *p, *end;
	bool bad;
};

/* Append n bytes. */
void buf_put(struct buf *b, const void *p, size_t n);
/* Room for n bytes more, which the caller fills; NULL without memory. */
char *buf_extend(struct buf *b, size_t n);
/* Append one little-endian integer. */
void buf_u8(struct buf *b, uint8_t v);
void buf_u16(struct buf *b, uint16_t v);
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
/* Append a 32-bit length and the bytes. */
void buf_blob(struct buf *b, const void *p, uint32_t n);
void buf_str(struct buf *b, const char *s);
/* Append formatted text without its NUL. */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Free the memory; the buffer is empty and usable again. */
void buf_free(struct buf *b);

/* Take n bytes; NULL (and `bad`) when fewer are left. */
const char *cur_take(struct cursor *c, size_t n);
uint8_t cur_u8(struct cursor *c);
uint16_t cur_u16(struct cursor *c);
uint32_t cur_u32(struct cursor *c);
uint64_t cur_u64(struct cursor *c);
/* Take a length-prefixed blob; *n is its length. Never NULL unless `bad`. */
const char *cur_blob(struct cursor *c, uint32_t *n);
/* Take a length-prefixed string as a new talloc string below ctx; NULL when bad. */
char *cur_str(struct cursor *c, const void *ctx);
