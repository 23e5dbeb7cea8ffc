/* SPDX-License-Identifier: MIT */
/*
 * Over libxenstore, but transactions over a pipelined connection (wire.h) where there is a socket;
 * see store.h. In a pipelined transaction writes are only queued: the first refusal shows at the
 * commit, which then commits nothing. Every write is a fault-injection step.
 */
#include "store.h"
#include "fault.h"
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xen/io/xs_wire.h>
#include <xenstore.h>

#define PATH_SIZE 3072

struct tl_store {
	struct xs_handle *xs;
	xs_transaction_t t; /* of libxenstore, or of the wire when wt is set */
	struct wire *wire;
	int no_wire; /* tried, there is none */
	int wt;
};

int tl_store_open(struct tl_store **out) {
	struct tl_store *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (!s) return -ENOMEM;
	s->xs = xs_open(0);
	if (!s->xs) {
		int e = errno ? -errno : -ECONNREFUSED;

		free(s);
		return e;
	}
	*out = s;
	return 0;
}

void tl_store_close(struct tl_store *s) {
	if (!s) return;
	wire_close(s->wire);
	xs_close(s->xs);
	free(s);
}

static int make_path(char *out, const char *fmt, va_list ap) {
	int n = vsnprintf(out, PATH_SIZE, fmt, ap);

	if (n < 0 || n >= PATH_SIZE) {
		errno = ENAMETOOLONG;
		return -ENAMETOOLONG;
	}
	return 0;
}

static char *read_node(struct tl_store *s, const char *path) {
	size_t len;
	unsigned n;

	if (s->wt) return wire_ask(s->wire, XS_READ, s->t, path, strlen(path) + 1, &len);
	return xs_read(s->xs, s->t, path, &n);
}

char *tl_store_get(struct tl_store *s, const char *path, ...) {
	char p[PATH_SIZE];
	va_list ap;
	int e;

	va_start(ap, path);
	e = make_path(p, path, ap);
	va_end(ap);
	return e ? NULL : read_node(s, p);
}

uint64_t tl_store_num(struct tl_store *s, uint64_t fallback, const char *path, ...) {
	char p[PATH_SIZE], *text = NULL, *end;
	uint64_t v = fallback;
	va_list ap;

	va_start(ap, path);
	if (make_path(p, path, ap) == 0) text = read_node(s, p);
	va_end(ap);
	if (!text) return fallback;
	v = strtoull(text, &end, 10);
	if (end == text || *end) v = fallback;
	free(text);
	return v;
}

int tl_store_exists(struct tl_store *s, const char *path, ...) {
	char p[PATH_SIZE], *text = NULL;
	va_list ap;

	va_start(ap, path);
	if (make_path(p, path, ap) == 0) text = read_node(s, p);
	va_end(ap);
	free(text);
	return text != NULL;
}

static int write_node(struct tl_store *s, const char *path, const char *value, size_t n) {
	char msg[PATH_SIZE + 1024];
	size_t len = strlen(path) + 1;

	if (!s->wt) return xs_write(s->xs, s->t, path, value, n) ? 0 : -errno;
	if (len + n > sizeof(msg)) return -E2BIG;
	memcpy(msg, path, len);
	memcpy(msg + len, value, n);
	return wire_queue(s->wire, XS_WRITE, s->t, msg, len + n, 0);
}

static int put(struct tl_store *s, const char *dir, const char *key, const char *value, size_t n) {
	char p[PATH_SIZE];
	int e = tl_fault_step();

	if (e) return e;
	if (snprintf(p, sizeof(p), "%s%s%s", dir, key ? "/" : "", key ? key : "") >= PATH_SIZE) return -ENAMETOOLONG;
	return write_node(s, p, value, n);
}

int tl_store_put(struct tl_store *s, const char *dir, const char *key, const char *value) {
	return put(s, dir, key, value, strlen(value));
}

int tl_store_putf(struct tl_store *s, const char *dir, const char *key, const char *fmt, ...) {
	char *value;
	va_list ap;
	int n, e;

	va_start(ap, fmt);
	n = vasprintf(&value, fmt, ap);
	va_end(ap);
	if (n < 0) return -ENOMEM;
	e = put(s, dir, key, value, n);
	free(value);
	return e;
}

static int queue_mkdir(struct tl_store *s, const char *path, unsigned owner, unsigned reader) {
	char msg[PATH_SIZE + 32];
	int n = snprintf(msg, sizeof(msg), "%s%cn%u%cr%u", path, 0, owner, 0, reader), e;

	if (n >= (int)sizeof(msg)) return -ENAMETOOLONG;
	if (owner == reader) n = strlen(path) + 1 + snprintf(msg + strlen(path) + 1, 16, "n%u", owner);
	e = wire_queue(s->wire, XS_MKDIR, s->t, path, strlen(path) + 1, 0);
	return e ? e : wire_queue(s->wire, XS_SET_PERMS, s->t, msg, n + 1, 0);
}

int tl_store_mkdir(struct tl_store *s, const char *path, unsigned owner, unsigned reader) {
	struct xs_permissions perms[2] = { { owner, XS_PERM_NONE }, { reader, XS_PERM_READ } };
	int e = tl_fault_step();

	if (e) return e;
	if (s->wt) return queue_mkdir(s, path, owner, reader);
	if (!xs_mkdir(s->xs, s->t, path)) return -errno;
	return xs_set_permissions(s->xs, s->t, path, perms, owner == reader ? 1 : 2) ? 0 : -errno;
}

int tl_store_rm(struct tl_store *s, const char *path, ...) {
	char p[PATH_SIZE];
	va_list ap;
	int e;

	va_start(ap, path);
	e = make_path(p, path, ap);
	va_end(ap);
	if (e) return e;
	if (s->wt) return wire_queue(s->wire, XS_RM, s->t, p, strlen(p) + 1, 1);
	return xs_rm(s->xs, s->t, p) || errno == ENOENT ? 0 : -errno;
}

int tl_store_list(struct tl_store *s, char ***names, const char *path, ...) {
	char p[PATH_SIZE];
	unsigned n = 0;
	va_list ap;
	int e;

	*names = NULL;
	va_start(ap, path);
	e = make_path(p, path, ap);
	va_end(ap);
	if (e) return e;
	/* Lists are hints here, never part of a transaction. */
	*names = xs_directory(s->xs, s->wt ? XBT_NULL : s->t, p, &n);
	if (!*names) return errno == ENOENT ? 0 : -errno;
	return n;
}

/* Start a transaction on the pipelined connection; returns 0, or a negative errno. */
static int wire_begin(struct tl_store *s) {
	size_t len;
	char *id;

	if (!s->wire && wire_open(&s->wire)) {
		s->no_wire = 1;
		return -ENOENT;
	}
	id = wire_ask(s->wire, XS_TRANSACTION_START, 0, "", 1, &len);
	if (!id && (errno == EPIPE || errno == ECONNRESET)) {
		/* The daemon was restarted since the last transaction. */
		wire_close(s->wire);
		s->wire = NULL;
		if (wire_open(&s->wire) == 0) id = wire_ask(s->wire, XS_TRANSACTION_START, 0, "", 1, &len);
	}
	if (!id) return -errno;
	s->t = strtoul(id, NULL, 10);
	s->wt = s->t != 0;
	free(id);
	return s->wt ? 0 : -EPROTO;
}

static int wire_end(struct tl_store *s, int commit) {
	xs_transaction_t t = s->t;
	size_t len;
	char *ok;
	int e = wire_settle(s->wire);

	s->wt = 0;
	s->t = XBT_NULL;
	ok = wire_ask(s->wire, XS_TRANSACTION_END, t, commit && !e ? "T" : "F", 2, &len);
	if (!ok && !e) e = -errno;
	free(ok);
	return e;
}

int tl_store_begin(struct tl_store *s) {
	int e = tl_fault_step();

	if (e) return e;
	if (!s->no_wire) {
		e = wire_begin(s);
		if (!s->no_wire) return e;
	}
	s->t = xs_transaction_start(s->xs);
	return s->t ? 0 : -errno;
}

int tl_store_commit(struct tl_store *s) {
	xs_transaction_t t = s->t;
	int e = tl_fault_step();

	if (e) return e; /* the caller aborts */
	if (s->wt) return wire_end(s, 1);
	s->t = XBT_NULL;
	return xs_transaction_end(s->xs, t, false) ? 0 : -errno;
}

void tl_store_abort(struct tl_store *s) {
	if (s->wt)
		wire_end(s, 0);
	else if (s->t)
		xs_transaction_end(s->xs, s->t, true);
	s->t = XBT_NULL;
}

int tl_store_watch(struct tl_store *s, const char *path, const char *token) {
	int e = tl_fault_step();

	if (e) return e;
	return xs_watch(s->xs, path, token) ? 0 : -errno;
}

void tl_store_unwatch(struct tl_store *s, const char *path, const char *token) { xs_unwatch(s->xs, path, token); }

int tl_store_fd(struct tl_store *s) { return xs_fileno(s->xs); }

int tl_store_event(struct tl_store *s, char *path, unsigned path_size, char *token, unsigned token_size) {
	char **v = xs_check_watch(s->xs);

	if (!v) return 0;
	snprintf(path, path_size, "%s", v[XS_WATCH_PATH]);
	snprintf(token, token_size, "%s", v[XS_WATCH_TOKEN]);
	free(v);
	return 1;
}

char *tl_store_control(struct tl_store *s, const char *words, unsigned len) {
	return xs_control_command(s->xs, words, (void *)(words + strlen(words) + 1), len - (unsigned)strlen(words) - 1);
}

int64_t tl_now_ms(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * (int64_t)1000 + t.tv_nsec / 1000000;
}

int64_t tl_now_us(void) {
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * (int64_t)1000000 + t.tv_nsec / 1000;
}

int tl_store_wait(struct tl_store *s, int ms, int (*done)(void *), void *arg) {
	struct pollfd p = { .fd = xs_fileno(s->xs), .events = POLLIN };
	int64_t end = tl_now_ms() + ms, left;
	char path[PATH_SIZE], token[64];
	int r;

	for (;;) {
		while (tl_store_event(s, path, sizeof(path), token, sizeof(token)))
			;
		r = done(arg);
		if (r) return r;
		left = end - tl_now_ms();
		if (left <= 0) return -ETIMEDOUT;
		poll(&p, 1, left < 200 ? (int)left : 200);
	}
}

int tl_store_introduce(struct tl_store *s, uint32_t domid, uint64_t mfn, uint32_t port) {
	int e = tl_fault_step();

	if (e) return e;
	return xs_introduce_domain(s->xs, domid, mfn, port) ? 0 : -errno;
}

int tl_store_release(struct tl_store *s, uint32_t domid) { return xs_release_domain(s->xs, domid) ? 0 : -errno; }

int tl_store_introduced(struct tl_store *s, uint32_t domid) { return xs_is_domain_introduced(s->xs, domid); }
