/* SPDX-License-Identifier: MIT */
/* Units of the store: paths, permissions, journal, database, snapshots, events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../xenstored/check.h"
#include "../../xenstored/conn.h"
#include "../../xenstored/db.h"
#include "../../xenstored/domain.h"
#include "../../xenstored/journal.h"
#include "../../xenstored/log.h"
#include "../../xenstored/request.h"
#include "../../xenstored/sandbox.h"
#include "../../xenstored/watch.h"

static int64_t no_ask(void *arg, const struct question *q) {
	(void)arg;
	return q->fact == FACT_DOMAIN_EXISTS;
}

static void no_gone(void *arg, struct conn *c) {
	(void)arg;
	(void)c;
}

static const struct outside nobody = { no_ask, no_gone, NULL };
static char scratch[] = "/tmp/xsd-unit-XXXXXX";

static struct machine *machine(void) {
	struct machine *m = machine_new(&nobody);

	assert_non_null(m);
	assert_true(machine_boot(m));
	return m;
}

static void canon(const char *in, int err, const char *out) {
	struct path p;

	assert_int_equal(path_canon(in, strlen(in), 7, false, &p), err);
	if (!err) assert_string_equal(p.s, out);
}

static void test_path(void **state) {
	char longest[XENSTORE_ABS_PATH_MAX + 2];

	(void)state;
	canon("/", 0, "/");
	canon("/a/b-c_d@E9", 0, "/a/b-c_d@E9");
	canon("rel/x", 0, "/local/domain/7/rel/x");
	canon("", -EINVAL, NULL);
	canon("//", -EINVAL, NULL);
	canon("/a/", -EINVAL, NULL);
	canon("a/", -EINVAL, NULL);
	canon("/a.b", -EINVAL, NULL);
	canon("@x", -EINVAL, NULL);
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[XENSTORE_ABS_PATH_MAX] = '\0';
	canon(longest, 0, longest);
	longest[XENSTORE_ABS_PATH_MAX] = 'x';
	longest[XENSTORE_ABS_PATH_MAX + 1] = '\0';
	canon(longest, -EINVAL, NULL);
}

static void test_path_parts(void **state) {
	struct path p;

	(void)state;
	assert_int_equal(path_canon("/local/domain/12/abc", 20, 0, false, &p), 0);
	assert_int_equal(path_own_len(&p), 3);
	assert_string_equal(path_leaf(&p), "abc");
	assert_true(path_parent(&p));
	assert_string_equal(p.s, "/local/domain/12");
	while (path_parent(&p))
		;
	assert_string_equal(p.s, "/");
	assert_int_equal(path_hash_more(path_hash("/a", 2), "/b", 2), path_hash("/a/b", 4));
	assert_int_equal(path_hash_more(path_hash("/", 1), "/b", 2), path_hash("/b", 2));
}

static void test_perms(void **state) {
	struct perm list[3], bad;
	struct perms_table t;
	struct perms *a, *b;

	(void)state;
	assert_int_equal(perms_table_init(&t), 0);
	assert_true(perm_parse("n5", &list[0]));
	assert_true(perm_parse("r6", &list[1]));
	assert_true(perm_parse("b7", &list[2]));
	assert_false(perm_parse("x5", &bad));
	assert_false(perm_parse("r", &bad));
	assert_false(perm_parse("r5x", &bad));
	assert_false(perm_parse("r65536", &bad));
	a = perms_get(&t, list, 3);
	b = perms_get(&t, list, 3);
	assert_ptr_equal(a, b);
	assert_int_equal(perms_allow(a, 5, PERM_NO_TARGET), PERM_READ | PERM_WRITE | PERM_OWNER);
	assert_int_equal(perms_allow(a, 6, PERM_NO_TARGET), PERM_READ);
	assert_int_equal(perms_allow(a, 7, PERM_NO_TARGET), PERM_READ | PERM_WRITE);
	assert_int_equal(perms_allow(a, 8, PERM_NO_TARGET), 0);
	assert_int_equal(perms_allow(a, 8, 5), PERM_READ | PERM_WRITE | PERM_OWNER);
	assert_int_equal(perms_allow(a, 8, 6), PERM_READ);
	assert_true(perms_names(a, 6));
	perms_put(&t, a);
	perms_put(&t, b);
	list[1].bits |= PERM_STALE;
	a = perms_get(&t, list, 2);
	assert_int_equal(perms_allow(a, 6, PERM_NO_TARGET), 0);
	assert_false(perms_names(a, 6));
	perms_put(&t, a);
	assert_int_equal(t.n, 0);
	perms_table_free(&t);
}

/* --- journal --- */

static char *in_scratch(const char *name) {
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", scratch, name);
	return path;
}

static void put_record(struct journal *j, const char *text) {
	uint64_t answer = strlen(text);
	char *room = journal_room(j, strlen(text));

	assert_non_null(room);
	memcpy(room, text, strlen(text));
	journal_append(j, REC_INPUT, 9, strlen(text), &answer, sizeof(answer));
}

static bool count_record(void *arg, const struct record *r) {
	unsigned *n = arg;
	uint64_t answer;

	memcpy(&answer, r->answers, sizeof(answer));
	assert_int_equal(r->conn, 9);
	assert_int_equal(answer, r->len);
	++*n;
	return true;
}

static void test_journal(void **state) {
	struct journal j;
	unsigned n = 0;

	(void)state;
	assert_int_equal(journal_open(&j, in_scratch("j1"), 1 << 20), 0);
	journal_reset(&j, "boot", 1);
	put_record(&j, "one");
	put_record(&j, "two two two");
	assert_true(journal_rotate(&j));
	put_record(&j, "three");
	assert_false(journal_rotate(&j));
	journal_close(&j);

	assert_int_equal(journal_open(&j, in_scratch("j1"), 0), 0);
	assert_int_equal(journal_replay(&j, 0, count_record, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(j.next, 4);
	n = 0;
	assert_int_equal(journal_replay(&j, 2, count_record, &n), 0);
	assert_int_equal(n, 1);
	journal_covered(&j, 1);
	assert_false(journal_rotate(&j));
	journal_covered(&j, 2);
	assert_true(journal_rotate(&j));
	journal_close(&j);
}

static void test_journal_torn(void **state) {
	struct journal j;
	unsigned n = 0;

	(void)state;
	assert_int_equal(journal_open(&j, in_scratch("j2"), 1 << 20), 0);
	journal_reset(&j, "boot", 1);
	put_record(&j, "good");
	put_record(&j, "torn");
	j.half[0][j.head->tail[0] - 16] ^= 1;
	assert_int_equal(journal_replay(&j, 0, count_record, &n), -EIO);
	assert_int_equal(n, 1);
	journal_close(&j);
	assert_int_equal(truncate(in_scratch("j2"), 4096), 0);
	assert_int_equal(journal_open(&j, in_scratch("j2"), 1 << 20), -EINVAL);
}

static void test_journal_full(void **state) {
	struct journal j;
	int before = 0;

	(void)state;
	assert_int_equal(journal_open(&j, in_scratch("j3"), 1 << 20), 0);
	journal_reset(&j, "boot", 1);
	while (journal_room(&j, 4096))
		put_record(&j, "filling filling filling filling filling filling filling filling"), before++;
	assert_true(journal_used(&j) >= 60 && journal_used(&j) <= 75);
	j.use_reserve = true;
	assert_non_null(journal_room(&j, 4096));
	journal_close(&j);
}

static void test_slots(void **state) {
	struct journal j;
	struct journal_slot *s;

	(void)state;
	assert_int_equal(journal_open(&j, in_scratch("j4"), 1 << 20), 0);
	for (uint32_t i = 1; i <= 4000; i++) {
		s = journal_slot_get(&j, i);
		assert_non_null(s);
		s->sent = i;
	}
	for (uint32_t i = 1; i <= 4000; i++) assert_int_equal(journal_slot_find(&j, i)->sent, i);
	journal_slot_free(journal_slot_find(&j, 77));
	assert_null(journal_slot_find(&j, 77));
	assert_int_equal(journal_slot_get(&j, 77)->sent, 0);
	journal_close(&j);
}

/* --- the machine --- */

static void request(struct machine *m, struct conn *c, uint32_t type, uint32_t tx, const char *data, size_t n) {
	char buf[512];
	struct xsd_sockmsg h = { type, 1, tx, n };

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), data, n);
	machine_input(m, c, buf, sizeof(h) + n);
}

/* The only reply that waits, as text; it is taken. */
static const char *reply(struct conn *c) {
	static char text[8192];
	struct xsd_sockmsg h;

	memcpy(&h, c->out + c->out_head, sizeof(h));
	memcpy(text, c->out + c->out_head + sizeof(h), h.len);
	text[h.len] = '\0';
	conn_sent(c, sizeof(h) + h.len);
	return text;
}

#define ask(m, c, type, tx, text) (request(m, c, type, tx, text, sizeof(text)), reply(c))

static void test_snapshot(void **state) {
	struct machine *m = machine();
	struct conn *a = machine_open(m, 1), *b = machine_open(m, 2);

	(void)state;
	ask(m, a, XS_WRITE, 0, "/x\0old");
	assert_string_equal(ask(m, b, XS_TRANSACTION_START, 0, ""), "1");
	ask(m, a, XS_WRITE, 0, "/x\0new");
	ask(m, a, XS_RM, 0, "/tool");
	ask(m, a, XS_WRITE, 0, "/y\0new");
	assert_string_equal(ask(m, b, XS_READ, 1, "/x"), "old");
	assert_string_equal(ask(m, b, XS_READ, 1, "/y"), "ENOENT");
	assert_string_equal(ask(m, b, XS_DIRECTORY, 1, "/"), "tool");
	assert_string_equal(ask(m, b, XS_DIRECTORY, 1, "/tool"), "xenstored");
	assert_true(m->history.bytes > 0);
	assert_string_equal(ask(m, b, XS_TRANSACTION_END, 1, "T"), "EAGAIN");
	assert_int_equal(m->history.bytes, 0);
	machine_free(m);
}

/* Too much changes below a transaction: it is given up and the memory comes back. */
static void test_history_bound(void **state) {
	struct machine *m = machine();
	struct conn *a = machine_open(m, 1), *b = machine_open(m, 2);
	char data[2000], name[64];

	(void)state;
	log_mute(true);
	memset(data, 'v', sizeof(data));
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 4000; i++) {
			struct path p;
			struct view v = { m, NULL };
			int n = snprintf(name, sizeof(name), "/tool/n%d", i);

			assert_int_equal(path_canon(name, n, 0, false, &p), 0);
			if (!round) assert_int_equal(view_create(&v, &p, m->tree.root->perms), 0);
			assert_int_equal(view_write(&v, &p, data, sizeof(data)), 0);
		}
		if (!round) ask(m, b, XS_TRANSACTION_START, 0, "");
	}
	assert_true(m->history.bytes <= HISTORY_MAX);
	assert_string_equal(ask(m, b, XS_TRANSACTION_END, 1, "T"), "EAGAIN");
	(void)a;
	log_mute(false);
	machine_free(m);
}

/* Two began at 10 and 20. */
static uint64_t last_of_two(void *arg, uint64_t until) {
	(void)arg;
	return until > 20 ? 20 : until > 10 ? 10 : 0;
}

static void test_history_sweep(void **state) {
	struct machine *m = machine();
	struct node *n = tree_find(&m->tree, "/tool", 5);
	unsigned left = 0;

	(void)state;
	n->birth = 5;
	for (uint64_t g = 5; g < 30; g++) {
		n->gen = g;
		assert_true(history_keep(&m->history, n, g + 1, g == 24));
	}
	history_sweep(&m->history, &m->tree.perms, last_of_two, NULL);
	for (const struct version *v = m->history.oldest; v; v = v->younger, left++)
		assert_true(v->gen == 10 || v->gen == 20 || v->gen == 24);
	assert_int_equal(left, 3);
	assert_int_equal(m->history.youngest->gen, 24);
	assert_true(history_keep(&m->history, n, 40, false));
	assert_ptr_equal(m->history.oldest->younger->younger->younger, m->history.youngest);
	machine_free(m);
}

/* A guest may make as many versions of one node as fit: to drop them must not take their square. */
static void test_history_drop(void **state) {
	struct machine *m = machine();
	struct node *n = tree_find(&m->tree, "/tool", 5);
	const struct version *v;
	clock_t start;

	(void)state;
	for (uint64_t g = 1; m->history.bytes < HISTORY_MAX; g++) {
		n->gen = g;
		assert_true(history_keep(&m->history, n, g + 1, false));
	}
	v = history_find(&m->history, "/tool", 5, 2000);
	assert_true(v && v->gen == 2000);
	start = clock();
	history_drop(&m->history, &m->tree.perms, 2000);
	v = history_find(&m->history, "/tool", 5, 2000);
	assert_true(v && v->gen == 2000);
	assert_null(history_find(&m->history, "/tool", 5, 1999));
	history_drop(&m->history, &m->tree.perms, UINT64_MAX);
	assert_true(clock() - start < CLOCKS_PER_SEC / 4);
	assert_int_equal(m->history.bytes, 0);
	machine_free(m);
}

static void test_event_bound(void **state) {
	struct machine *m = machine();
	struct conn *a = machine_open(m, 1);
	char name[64];

	(void)state;
	ask(m, a, XS_WATCH, 0, "/w\0t");
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "/w/n%d", i);
		watch_fire(m, name, strlen(name), NULL, m->tree.root->perms);
	}
	assert_true(a->n_events <= WATCH_EVENTS_MAX);
	watch_fire(m, name, strlen(name), NULL, m->tree.root->perms);
	machine_flush(m, a);
	/* The first says that something below the watch changed. */
	assert_string_equal(reply(a), "/w");
	machine_free(m);
}

/* In a process of its own, for there is no way back: a bit for each thing that is not as it should be. */
static int in_sandbox(bool successor) {
	static const struct options o;
	char *const argv[] = { "false", NULL };
	int wrong = 0;

	if (sandbox_enter(&o, successor)) return 1;
	if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != ENOSYS) wrong |= 2;
	if (socket(AF_UNIX, SOCK_STREAM, 0) < 0) wrong |= 4;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 || errno != ENOSYS) wrong |= 8;
	if (unshare(CLONE_NEWUSER) == 0 || errno != ENOSYS) wrong |= 16;
	if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0) wrong |= 32;
	if (setuid(0) == 0 || errno != ENOSYS) wrong |= 64;
	execv("/no/such/program", argv);
	if (errno != (successor ? ENOENT : ENOSYS)) wrong |= 128;
	return wrong;
}

static void test_sandbox(void **state) {
	int status;

	(void)state;
	for (int successor = 0; successor < 2; successor++) {
		pid_t child = fork();

		/* Not by _exit(), where the sanitizer wants a system call of its own. */
		if (child == 0) syscall(SYS_exit_group, in_sandbox(successor));
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
}

static void test_database(void **state) {
	struct machine *m = machine(), *copy = machine_new(&nobody);
	struct conn *a = machine_open(m, 1);
	char path[64];
	uint64_t seq;

	(void)state;
	strcpy(path, in_scratch("tdb"));
	ask(m, a, XS_WRITE, 0, "/a/b/c\0value");
	ask(m, a, XS_WATCH, 0, "/a\0token");
	assert_int_equal(db_checkpoint(path, m, 41, false), 0);
	tree_clean(&m->tree);
	ask(m, a, XS_RM, 0, "/a/b");
	ask(m, a, XS_WRITE, 0, "/d\0e");
	/* One that is in the database comes again and goes again, one that is not comes and goes. */
	ask(m, a, XS_WRITE, 0, "/a/b/c\0again");
	ask(m, a, XS_WRITE, 0, "/f/g\0h");
	ask(m, a, XS_RM, 0, "/a/b");
	ask(m, a, XS_RM, 0, "/f");
	assert_int_equal(db_checkpoint(path, m, 43, false), 0);
	assert_int_equal(db_load(path, copy, &seq), 0);
	assert_int_equal(seq, 43);
	assert_int_equal(copy->tree.n_node, m->tree.n_node);
	assert_null(tree_find(&copy->tree, "/a/b", 4));
	assert_null(tree_find(&copy->tree, "/f", 2));
	assert_non_null(tree_find(&copy->tree, "/d", 2));
	assert_int_equal(machine_conn(copy, 1)->n_watch, 1);
	assert_int_equal(machine_conn(copy, 1)->n_events, a->n_events);
	machine_free(copy);
	machine_free(m);
}

static int make_scratch(void **state) {
	(void)state;
	return mkdtemp(scratch) ? 0 : -1;
}

static int remove_scratch(void **state) {
	static const char *const made[] = { "j1", "j2", "j3", "j4", "tdb" };

	(void)state;
	for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++) unlink(in_scratch(made[i]));
	return rmdir(scratch);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),          cmocka_unit_test(test_path_parts),
		cmocka_unit_test(test_perms),         cmocka_unit_test(test_journal),
		cmocka_unit_test(test_journal_torn),  cmocka_unit_test(test_journal_full),
		cmocka_unit_test(test_slots),         cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_history_bound), cmocka_unit_test(test_history_drop),
		cmocka_unit_test(test_history_sweep), cmocka_unit_test(test_event_bound),
		cmocka_unit_test(test_database),      cmocka_unit_test(test_sandbox),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
