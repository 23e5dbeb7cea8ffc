/* SPDX-License-Identifier: MIT */
/* The console ring against a hostile guest, and the rotation of guests' logs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "consoled/guestlog.h"
#include "consoled/ring.h"

#include <xen/io/console.h>

static void put(struct xencons_interface *r, const char *s) {
	for (; *s; s++) r->out[MASK_XENCONS_IDX(r->out_prod++, r->out)] = *s;
}

/* Copy and give back, as the daemon does around its log. */
static size_t ring_take(struct xencons_interface *r, char *out, size_t n, int *broken) {
	size_t got = ring_peek(r, out, n, broken);

	ring_done(r, got);
	return got;
}

static void stays_until_done(void **state) {
	struct xencons_interface r = { 0 };
	char buf[64];
	int broken = 0;

	(void)state;
	put(&r, "hello");
	assert_int_equal(ring_peek(&r, buf, sizeof(buf), &broken), 5);
	assert_int_equal(ring_peek(&r, buf, sizeof(buf), &broken), 5);
	assert_int_equal(r.out_cons, 0);
	ring_done(&r, 5);
	assert_false(ring_pending(&r));
}

static void takes_in_order(void **state) {
	struct xencons_interface r = { 0 };
	char buf[64];
	int broken = 0;

	(void)state;
	r.out_prod = r.out_cons = 0xfffffffe; /* across the wrap of the index */
	put(&r, "hello");
	assert_true(ring_pending(&r));
	assert_int_equal(ring_take(&r, buf, 2, &broken), 2);
	assert_int_equal(ring_take(&r, buf + 2, sizeof(buf), &broken), 3);
	assert_memory_equal(buf, "hello", 5);
	assert_false(ring_pending(&r));
	assert_int_equal(broken, 0);
	assert_int_equal(ring_take(&r, buf, sizeof(buf), &broken), 0);
}

static void full_ring(void **state) {
	struct xencons_interface r = { 0 };
	char buf[4096];
	int broken = 0;

	(void)state;
	r.out_prod = sizeof(r.out);
	assert_int_equal(ring_take(&r, buf, sizeof(buf), &broken), sizeof(r.out));
	assert_int_equal(broken, 0);
}

static void nonsense_is_skipped(void **state) {
	static const uint32_t prods[] = { 2049, 0x80000000, 0xffffffff };
	struct xencons_interface r = { 0 };
	char buf[4096];
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		int broken = 0;

		memset(&r, 0, sizeof(r));
		r.out_prod = prods[i];
		assert_int_equal(ring_take(&r, buf, sizeof(buf), &broken), 0);
		assert_int_equal(broken, 1);
		assert_int_equal(r.out_cons, prods[i]);
		r.in_prod = prods[i];
		assert_int_equal(ring_space(&r), 0);
		assert_int_equal(ring_give(&r, "x", 1), 0);
	}
}

static void gives_what_fits(void **state) {
	struct xencons_interface r = { 0 };
	char text[2000];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(ring_give(&r, text, sizeof(text)), sizeof(r.in));
	assert_int_equal(ring_give(&r, text, 1), 0);
	r.in_cons += 10;
	assert_int_equal(ring_give(&r, text, sizeof(text)), 10);
}

static long size_of(const char *path) {
	struct stat st;

	return stat(path, &st) ? -1 : (long)st.st_size;
}

static void log_rotates(void **state) {
	char dir[] = "/tmp/tl-log-XXXXXX", path[300], text[1000];
	struct guestlog log;
	int i;

	(void)state;
	assert_non_null(mkdtemp(dir));
	guestlog_max = 4096;
	guestlog_keep = 2;
	memset(text, 'x', sizeof(text));
	guestlog_open(&log, dir, "../evil name");
	assert_null(strstr(log.path + strlen(dir) + 1, "/"));
	for (i = 0; i < 30; i++) guestlog_write(&log, text, sizeof(text));
	assert_true(size_of(log.path) > 0 && size_of(log.path) <= 4096);
	for (i = 1; i <= 3; i++) {
		snprintf(path, sizeof(path), "%s.%d", log.path, i);
		assert_int_equal(size_of(path), i <= 2 ? 4000 : -1);
		unlink(path);
	}
	unlink(log.path);
	guestlog_close(&log);
	guestlog_write(&log, text, 1); /* a closed log is no trouble */
	assert_int_equal(rmdir(dir), 0);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_in_order),  cmocka_unit_test(stays_until_done),
		cmocka_unit_test(full_ring),       cmocka_unit_test(nonsense_is_skipped),
		cmocka_unit_test(gives_what_fits), cmocka_unit_test(log_rotates),
	};

	return cmocka_run_group_tests_name("tl-ring", tests, NULL, NULL);
}
