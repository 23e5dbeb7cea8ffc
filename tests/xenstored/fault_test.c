/* SPDX-License-Identifier: MIT */
/*
 * Every request with its n-th allocation failing, n = 1, 2, ... until it succeeds.
 *
 * Either the client is told ENOMEM and the store is exactly as before, or the machine gives itself
 * up (the process then restarts from the journal, where the request is not). Nothing between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../../xenstored/check.h"
#include "../../xenstored/conn.h"
#include "../../xenstored/log.h"
#include "../../xenstored/state.h"
#include "../../xenstored/wire.h"

static long fail_at = -1;
static jmp_buf given_up;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __wrap_machine_out_of_memory(void) __attribute__((noreturn));

static int fails(void) { return fail_at > 0 && --fail_at == 0; }

void *__wrap_malloc(size_t n) { return fails() ? NULL : __real_malloc(n); }

void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : __real_calloc(n, size); }

void *__wrap_realloc(void *p, size_t n) { return fails() ? NULL : __real_realloc(p, n); }

void __wrap_machine_out_of_memory(void) { longjmp(given_up, 1); }

static int64_t no_ask(void *arg, const struct question *q) {
	(void)arg;
	(void)q;
	return 0;
}

static void no_gone(void *arg, struct conn *c) {
	(void)arg;
	(void)c;
}

static const struct outside nobody = { no_ask, no_gone, NULL };

static void send_request(struct machine *m, uint32_t type, uint32_t tx, const char *data, size_t n) {
	char buf[256];
	struct xsd_sockmsg h = { type, 1, tx, n };

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), data, n);
	machine_input(m, machine_conn(m, 1), buf, sizeof(h) + n);
}

#define SEND(m, type, tx, text) send_request(m, type, tx, text, sizeof(text))

/* A store with a transaction under way and a client that has nothing left to read. */
static struct machine *store(void) {
	struct machine *m = machine_new(&nobody);
	struct conn *c;

	machine_boot(m);
	c = machine_open(m, 1);
	SEND(m, XS_WRITE, 0, "/a/b\0value");
	SEND(m, XS_WATCH, 0, "/a\0t");
	SEND(m, XS_TRANSACTION_START, 0, "");
	SEND(m, XS_WRITE, 1, "/a/in/tx\0value");
	machine_flush(m, c);
	conn_sent(c, conn_queued(c));
	return m;
}

static void tree_image(const struct machine *m, struct buf *b) {
	char path[PATH_BUF];

	for (const struct node *n = m->tree.root; n; n = tree_next(n, m->tree.root)) {
		buf_blob(b, path, node_path(n, path));
		node_save(n, b);
	}
}

static void must_be_as_before(const struct machine *m, const struct buf *before) {
	struct buf now = { 0 }, why = { 0 };

	tree_image(m, &now);
	assert_int_equal(now.len, before->len);
	assert_memory_equal(now.p, before->p, now.len);
	assert_int_equal(machine_check(m, &why), 0);
	buf_free(&now);
}

static const struct {
	uint32_t type, tx;
	const char *data;
	size_t n;
} requests[] = {
#define R(type, tx, text) \
	{ type, tx, text, sizeof(text) }
	R(XS_READ, 0, "/a/b"),
	R(XS_DIRECTORY, 0, "/a"),
	R(XS_GET_PERMS, 0, "/a"),
	R(XS_WRITE, 0, "/a/b\0a longer value than before"),
	R(XS_WRITE, 0, "/new/deep/path\0value"),
	R(XS_MKDIR, 0, "/new/dir"),
	R(XS_RM, 0, "/a"),
	R(XS_SET_PERMS, 0, "/a\0n0\0r5"),
	R(XS_READ, 1, "/a/in/tx"),
	R(XS_WRITE, 1, "/a/other/tx\0value"),
	R(XS_RM, 1, "/a/b"),
	R(XS_DIRECTORY, 1, "/a"),
	R(XS_TRANSACTION_END, 1, "T"),
	R(XS_DIRECTORY_PART, 0, "/a\0000"),
	R(XS_CONTROL, 0, "quota"),
#undef R
};

static bool says_no_memory(const struct conn *c) {
	struct xsd_sockmsg h;

	memcpy(&h, c->out + c->out_head, sizeof(h));
	return h.type == XS_ERROR && !strcmp(c->out + c->out_head + sizeof(h), "ENOMEM");
}

/* False when the allocation to fail was never reached. */
static bool with_failure(size_t which, long at) {
	struct machine *m = store();
	struct buf before = { 0 };
	bool reached;

	tree_image(m, &before);
	fail_at = at;
	if (setjmp(given_up) == 0) {
		send_request(m, requests[which].type, requests[which].tx, requests[which].data, requests[which].n);
		reached = fail_at == 0;
		fail_at = -1;
		if (says_no_memory(machine_conn(m, 1))) must_be_as_before(m, &before);
		machine_free(m);
	} else {
		/* Given up: this memory is the dead process's. */
		reached = true;
	}
	fail_at = -1;
	buf_free(&before);
	return reached;
}

static void test_each(void **state) {
	long total = 0;

	(void)state;
	log_mute(true);
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		long at = 1;

		while (with_failure(i, at)) at++;
		total += at - 1;
	}
	assert_true(total > 20);
}

int main(void) {
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_each) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
