/* SPDX-License-Identifier: MIT */
/* The few library functions ring 0 needs: memory, strings, bits, lists, formatted output. */
#pragma once

#include <stdarg.h>

#include "compiler.h"
#include "errors.h"

/* memory and strings: the C standard's meaning, and glibc's of the last */
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchrnul(const char *s, int c);

/* Copy at most size-1 characters and end with NUL (size > 0). */
void str_copy(char *dst, const char *src, size_t size);

/* snprintf with %s %d %u %x %ld %lu %lx and, for numbers, a least number of digits (%04x). */
int vformat(char *buf, size_t size, const char *fmt, va_list ap);
int format(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

/*
 * Parse an unsigned number (0x.. hexadecimal, else decimal). *end is set past the last digit.
 * Returns 0, -EINVAL if there is no digit, -ERANGE on overflow.
 */
int parse_u64(const char *s, const char **end, uint64_t *out) __must_check;
/* The same with an optional suffix K, M, G or T; a bare number counts in KiB, as Xen's dom0_mem
 * does. */
int parse_size(const char *s, const char **end, uint64_t *bytes) __must_check;

/* bits: index of the lowest / highest set bit; v must not be 0 */
static inline unsigned bit_first(uint64_t v) { return (unsigned)__builtin_ctzll(v); }
static inline unsigned bit_last(uint64_t v) { return 63u - (unsigned)__builtin_clzll(v); }
static inline unsigned bit_count(uint64_t v) {
	unsigned n = 0;

	for (; v; v &= v - 1) n++;
	return n;
}

/*
 * Atomic bit operations on memory that others, also guests, change; addr is a multiple of 4. Return
 * the bit's old value; full barriers. Written so that compilers make one lock bts or btr of them.
 */
static inline bool bit_test_and_set(unsigned bit, volatile void *addr) {
	uint32_t mask = 1u << bit % 32;

	return __atomic_fetch_or((volatile uint32_t *)addr + bit / 32, mask, __ATOMIC_SEQ_CST) & mask;
}
static inline bool bit_test_and_clear(unsigned bit, volatile void *addr) {
	uint32_t mask = 1u << bit % 32;

	return __atomic_fetch_and((volatile uint32_t *)addr + bit / 32, ~mask, __ATOMIC_SEQ_CST) & mask;
}
static inline bool bit_test(unsigned bit, const volatile void *addr) {
	return ((const volatile uint8_t *)addr)[bit / 8] >> bit % 8 & 1;
}

/* Doubly linked list with a head; an unlinked node points at itself. */
struct list {
	struct list *next, *prev;
};
static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline void list_insert_after(struct list *at, struct list *node) {
	node->prev = at;
	node->next = at->next;
	at->next->prev = node;
	at->next = node;
}
static inline void list_remove(struct list *node) {
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}
#define list_entry(node, type, member) container_of(node, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)

/* Console log levels; guests' own output and messages about guests have their own threshold
 * (guest_loglvl). */
enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };
struct domain;
/* A line about a domain, prefixed "dN: "; rate-limited. About none (NULL): ring 0's own. */
void gprintk(const struct domain *d, enum log_level level, const char *fmt, ...) __printf(3, 4);
#define printk(level, ...) gprintk(NULL, level, __VA_ARGS__)

/* Stop the machine: prints the line, registers, backtrace and current guest. Only for our own
 * broken state. */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;

/* CHECK: an invariant of ours, always tested; no guest may ever be able to reach one. */
#define CHECK(cond) (likely(cond) ? (void)0 : panic("%s:%d: broken invariant: %s", __FILE__, __LINE__, #cond))
/* ASSERT: as CHECK, in debug and host builds only (DEBUG_BUILD, which the Makefile sets to 0 or 1). */
#define ASSERT(cond) (DEBUG_BUILD ? CHECK(cond) : (void)0)

/*
 * An index that came from a guest and has been compared with its bound, made safe also for a CPU
 * that speculates past the comparison: index if index < bound, else 0. Branch-free.
 */
static inline uint64_t index_nospec(uint64_t index, uint64_t bound) {
	uint64_t mask;

	__asm__("cmp %2, %1; sbb %0, %0" : "=r"(mask) : "r"(index), "r"(bound) : "cc");
	return index & mask;
}
