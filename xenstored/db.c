/* SPDX-License-Identifier: MIT */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tdb.h>
#include <unistd.h>

#include "log.h"
#include "state.h"

#define DB_HASH_SIZE 32768
#define DB_STATE_KEY "!state"

static TDB_DATA db_key(const char *s, size_t n) { return (TDB_DATA){ (unsigned char *)s, n }; }

static uint64_t db_sum(TDB_DATA key, const char *p, size_t n) {
	uint64_t h = path_hash_more(PATH_HASH_INIT, (const char *)key.dptr, key.dsize);

	return path_hash_more(h, p, n);
}

static void db_log(struct tdb_context *tdb, enum tdb_debug_level level, const char *fmt, ...) {
	char text[512];
	va_list ap;

	(void)tdb;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text[strcspn(text, "\n")] = '\0';
	log_msg(level == TDB_DEBUG_FATAL || level == TDB_DEBUG_ERROR ? LOG_WARNING : LOG_DEBUG, "%s", text);
}

static struct tdb_context *db_open(const char *path, int flags, bool sync) {
	struct tdb_logging_context log = { db_log, NULL };

	/* Nobody else has it open (recover.c holds the directory's lock), so no locks per record. */
	return tdb_open_ex(path, DB_HASH_SIZE,
			   TDB_INCOMPATIBLE_HASH | TDB_DISALLOW_NESTING | TDB_NOLOCK | (sync ? 0 : TDB_NOSYNC),
			   flags | O_CLOEXEC, 0600, &log, NULL);
}

/* --- reading --- */

struct loader {
	struct machine *m;
	struct node_record *r;
	size_t n, cap;
	/* The records' bytes, which r points into. */
	char **blob;
	char *state;
	size_t state_len;
	size_t damaged;
	bool no_memory;
};

static bool loader_room(struct loader *l) {
	size_t cap = l->cap ? l->cap * 2 : 1024;
	struct node_record *r;
	char **blob;

	if (l->n < l->cap) return true;
	r = realloc(l->r, cap * sizeof(*r));
	if (r) l->r = r;
	blob = realloc(l->blob, cap * sizeof(*blob));
	if (blob) l->blob = blob;
	l->no_memory = !r || !blob;
	if (!l->no_memory) l->cap = cap;
	return !l->no_memory;
}

static void loader_node(struct loader *l, TDB_DATA key, TDB_DATA data) {
	struct cursor c;
	char *copy;

	if (!loader_room(l)) return;
	copy = malloc(key.dsize + data.dsize);
	if (!copy) {
		l->no_memory = true;
		return;
	}
	memcpy(copy, key.dptr, key.dsize);
	memcpy(copy + key.dsize, data.dptr, data.dsize);
	c = (struct cursor){ copy + key.dsize + 8, copy + key.dsize + data.dsize, false };
	if (!node_record_load(l->m, copy, key.dsize, &c, &l->r[l->n])) {
		free(copy);
		l->damaged++;
		return;
	}
	l->blob[l->n++] = copy;
}

/* One record of the file, checked. */
static void loader_record(TDB_DATA key, TDB_DATA data, void *arg) {
	struct loader *l = arg;
	uint64_t sum;

	if (data.dsize < 8) {
		l->damaged++;
		return;
	}
	memcpy(&sum, data.dptr, 8);
	if (sum != db_sum(key, (char *)data.dptr + 8, data.dsize - 8)) {
		l->damaged++;
		return;
	}
	if (key.dsize != strlen(DB_STATE_KEY) || memcmp(key.dptr, DB_STATE_KEY, key.dsize)) {
		loader_node(l, key, data);
		return;
	}
	l->state = malloc(data.dsize);
	if (!l->state) {
		l->no_memory = true;
		return;
	}
	l->state_len = data.dsize - 8;
	memcpy(l->state, data.dptr + 8, l->state_len);
}

static int loader_traverse(struct tdb_context *tdb, TDB_DATA key, TDB_DATA data, void *arg) {
	(void)tdb;
	loader_record(key, data, arg);
	return 0;
}

static void loader_free(struct loader *l) {
	for (size_t i = 0; i < l->n; i++) free(l->blob[i]);
	free(l->blob);
	free(l->r);
	free(l->state);
}

/* Make the machine of what was read; *lost counts nodes that should have been there. */
static int loader_finish(struct loader *l, bool lenient, uint64_t *seq, long *lost) {
	struct cursor c = { l->state, l->state + l->state_len, false };
	uint64_t count;

	if (l->no_memory) return -ENOMEM;
	if (!l->state) return -EIO;
	*seq = cur_u64(&c);
	count = cur_u64(&c);
	if (!tree_build(l->m, l->r, l->n, lenient) || !state_load(l->m, &c)) return -EIO;
	if (l->m->tree.n_node > count) return -EIO;
	*lost = (long)(count - l->m->tree.n_node);
	tree_clean(&l->m->tree);
	return 0;
}

int db_load(const char *path, struct machine *m, uint64_t *seq) {
	struct loader l = { .m = m };
	struct tdb_context *tdb;
	struct stat st;
	long lost = 0;
	int err;

	*seq = 0;
	if (stat(path, &st)) return errno == ENOENT ? 0 : -errno;
	if (st.st_size == 0) return 0;
	tdb = db_open(path, O_RDWR, false);
	if (!tdb) return -EIO;
	err = tdb_traverse_read(tdb, loader_traverse, &l) < 0 || l.damaged ? -EIO : 0;
	/* No record at all: made, but killed before its first checkpoint (or so it says; the
	 * caller looks at the journal). */
	if (!err && (l.n || l.state)) {
		err = loader_finish(&l, false, seq, &lost);
		if (!err && lost) err = -EIO;
	}
	tdb_close(tdb);
	loader_free(&l);
	return err;
}

long db_salvage(const char *path, struct machine *m, uint64_t *seq) {
	struct loader l = { .m = m };
	struct tdb_context *tdb = db_open(path, O_RDWR, false);
	long lost = 0;
	int err = -EIO;

	*seq = 0;
	if (!tdb) return -EIO;
	if (tdb_rescue(tdb, loader_record, &l) == 0) err = loader_finish(&l, true, seq, &lost);
	tdb_close(tdb);
	loader_free(&l);
	return err ? err : lost;
}

/* --- writing --- */

static int db_errno(struct tdb_context *tdb) {
	switch (tdb_error(tdb)) {
	case TDB_SUCCESS: return 0;
	case TDB_ERR_OOM: return -ENOMEM;
	case TDB_ERR_IO: return errno == ENOSPC || errno == EDQUOT ? -ENOSPC : -EIO;
	default: return -EIO;
	}
}

static int db_put(struct tdb_context *tdb, TDB_DATA key, struct buf *b) {
	uint64_t sum = db_sum(key, b->p + 8, b->len - 8);

	if (b->bad) return -ENOMEM;
	memcpy(b->p, &sum, 8);
	if (tdb_store(tdb, key, db_key(b->p, b->len), TDB_REPLACE)) return db_errno(tdb);
	return 0;
}

static int db_put_node(struct tdb_context *tdb, const struct node *n, struct buf *b) {
	char path[PATH_BUF];
	size_t len = node_path(n, path);

	b->len = 0;
	buf_u64(b, 0);
	node_save(n, b);
	return db_put(tdb, db_key(path, len), b);
}

static int db_put_dirty(struct tdb_context *tdb, const struct machine *m, struct buf *b) {
	const struct tree *t = &m->tree;
	int err = 0;

	for (uint32_t i = 0; i < t->n_dirty && !err; i++) {
		const struct dirty *d = &t->dirty[i];

		if (d->n)
			err = db_put_node(tdb, d->n, b);
		else if (d->path && !tree_find(t, d->path, strlen(d->path)))
			tdb_delete(tdb, db_key(d->path, strlen(d->path)));
	}
	return err;
}

static int db_put_all(struct tdb_context *tdb, const struct machine *m, struct buf *b) {
	const struct node *n;
	int err = 0;

	if (tdb_wipe_all(tdb)) return db_errno(tdb);
	for (n = m->tree.root; n && !err; n = tree_next(n, m->tree.root)) err = db_put_node(tdb, n, b);
	return err;
}

static int db_put_state(struct tdb_context *tdb, const struct machine *m, uint64_t seq, struct buf *b) {
	b->len = 0;
	buf_u64(b, 0);
	buf_u64(b, seq);
	buf_u64(b, m->tree.n_node);
	state_save(m, b);
	return db_put(tdb, db_key(DB_STATE_KEY, strlen(DB_STATE_KEY)), b);
}

static int db_write(const char *path, const struct machine *m, bool all, uint64_t seq, bool sync) {
	struct tdb_context *tdb = db_open(path, O_RDWR | O_CREAT, sync);
	struct buf b = { 0 };
	int err;

	if (!tdb) return errno == ENOSPC ? -ENOSPC : -EIO;
	err = tdb_transaction_start(tdb) ? db_errno(tdb) : 0;
	if (err) goto out;
	err = all ? db_put_all(tdb, m, &b) : db_put_dirty(tdb, m, &b);
	if (!err) err = db_put_state(tdb, m, seq, &b);
	if (err)
		tdb_transaction_cancel(tdb);
	else if (tdb_transaction_commit(tdb))
		err = db_errno(tdb);
out:
	buf_free(&b);
	tdb_close(tdb);
	return err;
}

/* Write everything to a new file, which then takes the old one's place. */
static int db_rewrite(const char *path, const struct machine *m, uint64_t seq, bool sync) {
	char made[320];
	int err;

	snprintf(made, sizeof(made), "%s.new", path);
	if (unlink(made) && errno != ENOENT) return -errno;
	err = db_write(made, m, true, seq, sync);
	if (!err && rename(made, path)) err = -errno;
	if (err) unlink(made);
	return err;
}

int db_checkpoint(const char *path, const struct machine *m, uint64_t seq, bool sync) {
	int err = db_write(path, m, m->tree.dirty_all, seq, sync);

	if (err != -EIO && !(err == -ENOSPC && m->tree.dirty_all)) return err;
	/* The file's structure is damaged, or full of what is no longer: the machine is whole. */
	log_info("%s cannot be written to; writing it anew", path);
	return db_rewrite(path, m, seq, sync);
}
