/* SPDX-License-Identifier: MIT */
/*
 * The store, as the tools use it: formatted paths, transactions, waiting with a deadline.
 *
 * Functions return 0 or a negative errno unless stated. Paths are printf formats, at most 3071
 * bytes. While a transaction is open (begin .. commit/abort), reads and writes belong to it.
 */
#pragma once

#include <stdint.h>

struct tl_store;

int tl_store_open(struct tl_store **out);
void tl_store_close(struct tl_store *s);

#define TL_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* The value at a path, for free(); NULL with errno (ENOENT: no such node). */
TL_PRINTF(2, 3) char *tl_store_get(struct tl_store *s, const char *path, ...);

/* The same as a decimal number; fallback when absent or not a number. */
TL_PRINTF(3, 4) uint64_t tl_store_num(struct tl_store *s, uint64_t fallback, const char *path, ...);
TL_PRINTF(2, 3) int tl_store_exists(struct tl_store *s, const char *path, ...);

/* Write `value` at dir/key; and the same with a formatted value. */
int tl_store_put(struct tl_store *s, const char *dir, const char *key, const char *value);
TL_PRINTF(4, 5)
int tl_store_putf(struct tl_store *s, const char *dir, const char *key, const char *fmt, ...);

/* Create a node owned by `owner`, readable by `reader`; what is created below inherits this. */
int tl_store_mkdir(struct tl_store *s, const char *path, unsigned owner, unsigned reader);

/* Remove a subtree; not an error when there is none. */
TL_PRINTF(2, 3) int tl_store_rm(struct tl_store *s, const char *path, ...);

/* Names below a path: *names is one allocation for free(). Returns how many; 0 also when absent. */
TL_PRINTF(3, 4) int tl_store_list(struct tl_store *s, char ***names, const char *path, ...);

int tl_store_begin(struct tl_store *s);
int tl_store_commit(struct tl_store *s); /* -EAGAIN: somebody interfered; do it again */
void tl_store_abort(struct tl_store *s);

int tl_store_watch(struct tl_store *s, const char *path, const char *token);
void tl_store_unwatch(struct tl_store *s, const char *path, const char *token);
int tl_store_fd(struct tl_store *s);

/*
 * One event that has arrived: fills path and token (sizes as given), returns 1; 0 when there is
 * none. Never blocks.
 */
int tl_store_event(struct tl_store *s, char *path, unsigned path_size, char *token, unsigned token_size);

/*
 * Wait until done(arg) returns non-zero, looking again after each event of the watches set and at
 * least every 200 ms. Returns done's value, or -ETIMEDOUT after `ms` milliseconds.
 */
int tl_store_wait(struct tl_store *s, int ms, int (*done)(void *), void *arg);

int tl_store_introduce(struct tl_store *s, uint32_t domid, uint64_t mfn, uint32_t port);
/* 1 while xenstored serves the domain; 0 once it is dying or gone. */
int tl_store_introduced(struct tl_store *s, uint32_t domid);
int tl_store_release(struct tl_store *s, uint32_t domid);

/* One control command (words separated by NUL, len counts the last NUL). The answer, for free(), or
 * NULL. */
char *tl_store_control(struct tl_store *s, const char *words, unsigned len);

/* Monotonic milliseconds, for deadlines; and microseconds. */
int64_t tl_now_ms(void);
int64_t tl_now_us(void);
