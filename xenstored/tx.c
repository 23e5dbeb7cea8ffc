/* SPDX-License-Identifier: MIT */
#include "tx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#include "log.h"
#include "quota.h"
#include "watch.h"

#define ERRNO_MAX 4095u

struct tx *tx_start(struct machine *m, struct conn *c) {
	struct tx *tx = talloc_zero(c, struct tx);

	if (!tx) return NULL;
	do tx->id = ++c->next_tx;
	while (tx->id == 0 || tx_find(c, tx->id));
	tx->conn = c;
	tx->start = m->tree.generation;
	list_init(&tx->entries);
	list_init(&tx->events);
	list_add_tail(&c->txs, &tx->of_conn);
	list_add_tail(&m->txs, &tx->of_machine);
	c->n_tx++;
	m->n_tx++;
	c->dom->n_tx++;
	return tx;
}

struct tx *tx_find(struct conn *c, uint32_t id) {
	for (struct list *l = c->txs.next; l != &c->txs; l = l->next) {
		struct tx *tx = list_entry(l, struct tx, of_conn);

		if (tx->id == id) return tx;
	}
	return NULL;
}

/* Start of the oldest transaction whose snapshot must be kept. */
static uint64_t tx_oldest(const struct machine *m) {
	for (struct list *l = m->txs.next; l != &m->txs; l = l->next) {
		const struct tx *tx = list_entry(l, struct tx, of_machine);

		if (!tx->given_up) return tx->start;
	}
	return UINT64_MAX;
}

void tx_drop(struct machine *m, struct tx *tx) {
	struct list *l, *tmp;

	list_each_safe(l, tmp, &tx->entries) perms_put(&m->tree.perms, list_entry(l, struct tx_entry, link)->perms);
	list_each_safe(l, tmp, &tx->events) perms_put(&m->tree.perms, list_entry(l, struct tx_event, link)->before);
	list_del(&tx->of_conn);
	list_del(&tx->of_machine);
	tx->conn->n_tx--;
	tx->conn->dom->n_tx--;
	m->n_tx--;
	talloc_free(tx);
	history_drop(&m->history, &m->tree.perms, tx_oldest(m));
}

void tx_drop_all(struct machine *m, struct conn *c) {
	struct list *l, *tmp;

	list_each_safe(l, tmp, &c->txs) tx_drop(m, list_entry(l, struct tx, of_conn));
}

/* Where in the list of transactions history_sweep() is, and the youngest there that is not given up. */
struct sweep {
	const struct machine *m;
	const struct list *next;
	uint64_t start;
};

static uint64_t last_before(void *arg, uint64_t until) {
	struct sweep *s = arg;

	for (; s->next != &s->m->txs; s->next = s->next->next) {
		const struct tx *tx = list_entry(s->next, struct tx, of_machine);

		if (tx->start >= until) break;
		if (!tx->given_up) s->start = tx->start;
	}
	return s->start;
}

/* The oldest one of a guest's that is not given up, or else of domain 0's. */
static struct tx *tx_victim(const struct machine *m) {
	struct tx *found = NULL;

	for (struct list *l = m->txs.next; l != &m->txs; l = l->next) {
		struct tx *tx = list_entry(l, struct tx, of_machine);

		if (tx->given_up) continue;
		if (tx->conn->dom->domid) return tx;
		if (!found) found = tx;
	}
	return found;
}

static void tx_give_up(struct machine *m, struct tx *tx) {
	struct sweep s = { m, m->txs.next, 0 };

	tx->given_up = true;
	if (log_worth(++tx->conn->dom->n_given_up))
		log_warn("domain %u: transaction %u given up, too much changed since its start", tx->conn->dom->domid,
			 tx->id);
	history_sweep(&m->history, &m->tree.perms, last_before, &s);
}

void tx_bound_history(struct machine *m) {
	struct tx *tx;

	while (m->history.bytes > HISTORY_MAX && (tx = tx_victim(m))) tx_give_up(m, tx);
}

/* Whether what the transaction knows about one path still holds. */
static bool entry_holds(const struct machine *m, const struct tx *tx, const struct tx_entry *e) {
	const struct node *n = tree_find(&m->tree, e->path, e->len);

	if (!n || n->birth > tx->start) return !e->base_exists && !n;
	if (!e->base_exists) return false;
	return !((e->know & TX_DATA) && n->gen > tx->start) && !((e->know & TX_PERM) && n->pgen > tx->start) &&
	       !((e->know & TX_CHILD) && node_cgen(n) > tx->start);
}

static bool owned_by(const struct perms *p, unsigned domid) {
	return p->p[0].domid == domid && !(p->p[0].bits & PERM_STALE);
}

/* Bytes that it will add to its own domain. */
static int64_t tx_bytes(const struct machine *m, const struct tx *tx) {
	unsigned domid = tx->conn->dom->domid;
	int64_t sum = 0;

	for (struct list *l = tx->entries.next; l != &tx->entries; l = l->next) {
		const struct tx_entry *e = list_entry(l, struct tx_entry, link);
		const struct node *n = e->written ? tree_find(&m->tree, e->path, e->len) : NULL;

		if (n && owned_by(n->perms, domid)) sum -= node_bytes(n);
		if (e->written && e->exists && owned_by(e->perms, domid))
			sum += node_bytes_of(strlen(strrchr(e->path, '/') + 1), e->value_len, e->perms);
	}
	return sum;
}

static int tx_check(struct machine *m, struct tx *tx) {
	struct domain *d = tx->conn->dom;
	int64_t bytes;

	if (tx->failed) return tx->failed;
	if (tx->given_up) return -EAGAIN;
	for (struct list *l = tx->entries.next; l != &tx->entries; l = l->next)
		if (!entry_holds(m, tx, list_entry(l, struct tx_entry, link))) return -EAGAIN;
	if (tx->nodes > 0 && !quota_allows(m, d, QUOTA_NODES, d->n_node + tx->nodes)) return -ENOSPC;
	if (tx->nodes > 0 && m->no_space) return -ENOSPC;
	bytes = d->domid ? tx_bytes(m, tx) : 0;
	if (bytes > 0 && !quota_allows(m, d, QUOTA_MEMORY, d->bytes + bytes)) return -ENOSPC;
	return 0;
}

static int by_length_down(const void *a, const void *b) {
	const struct tx_entry *const *x = a, *const *y = b;

	if ((*x)->len != (*y)->len) return (*x)->len < (*y)->len ? 1 : -1;
	return memcmp((*x)->path, (*y)->path, (*x)->len);
}

static int by_seq(const void *a, const void *b) {
	const struct tx_entry *const *x = a, *const *y = b;

	return (*x)->seq < (*y)->seq ? -1 : (*x)->seq > (*y)->seq;
}

static bool entry_removes(const struct tx_entry *e) { return e->written && e->base_removed; }

static bool entry_creates(const struct tx_entry *e) {
	return e->written && e->exists && (!e->base_exists || e->base_removed);
}

/* Collect the entries for which `which` holds, in the order of `cmp`; *n is their number. */
static struct tx_entry **tx_pick(struct tx *tx, bool (*which)(const struct tx_entry *),
				 int (*cmp)(const void *, const void *), size_t *n) {
	struct tx_entry **a = talloc_array(tx, struct tx_entry *, tx->n_entry + 1);

	*n = 0;
	if (!a) machine_out_of_memory();
	for (struct list *l = tx->entries.next; l != &tx->entries; l = l->next) {
		struct tx_entry *e = list_entry(l, struct tx_entry, link);

		if (which(e)) a[(*n)++] = e;
	}
	qsort(a, *n, sizeof(*a), cmp);
	return a;
}

static void entry_path(const struct tx_entry *e, struct path *p) {
	memcpy(p->s, e->path, e->len + 1);
	p->len = e->len;
	p->rel = 0;
}

static void apply_remove(struct view *v, const struct tx_entry *e) {
	struct node *n = tree_find(&v->m->tree, e->path, e->len);
	uint64_t gen = machine_tick(v->m);

	if (!n || node_first(n)) abort(); /* tx_check: nobody has added a child since */
	view_keep(v->m, n, gen, true);
	tree_remove(&v->m->tree, n, gen);
}

static void apply_write(struct view *v, const struct tx_entry *e) {
	struct path p;
	int err = 0;

	entry_path(e, &p);
	if (entry_creates(e)) err = view_create(v, &p, e->perms);
	if (!err && e->value_set) err = view_write(v, &p, e->value, e->value_len);
	if (!err && e->perms_set) err = view_chmod(v, &p, e->perms);
	if (err) machine_out_of_memory();
}

static bool entry_modifies(const struct tx_entry *e) {
	return e->written && e->exists && e->base_exists && !e->base_removed;
}

static void tx_apply(struct machine *m, struct tx *tx) {
	struct view v = { m, NULL };
	struct tx_entry **a;
	size_t n, i;

	a = tx_pick(tx, entry_removes, by_length_down, &n);
	for (i = 0; i < n; i++) apply_remove(&v, a[i]);
	a = tx_pick(tx, entry_creates, by_seq, &n);
	for (i = 0; i < n; i++) apply_write(&v, a[i]);
	a = tx_pick(tx, entry_modifies, by_seq, &n);
	for (i = 0; i < n; i++) apply_write(&v, a[i]);
}

static void tx_announce(struct machine *m, struct tx *tx) {
	for (struct list *l = tx->events.next; l != &tx->events; l = l->next) {
		struct tx_event *e = list_entry(l, struct tx_event, link);
		struct node *n = tree_find(&m->tree, e->path, e->len);

		/* Neither there before nor now: nothing has happened. */
		if (!n && !tx_had(tx, e->path, e->len)) continue;
		if (e->exact)
			watch_fire_exact(m, e->path, e->len, e->before);
		else
			watch_fire(m, e->path, e->len, e->before, n ? n->perms : NULL);
	}
}

int tx_commit(struct machine *m, struct tx *tx) {
	int err = tx_check(m, tx);

	if (err) return err;
	tx_apply(m, tx);
	tx_announce(m, tx);
	return 0;
}

static void entry_save(const struct tx_entry *e, struct buf *b) {
	buf_u8(b, 1);
	buf_blob(b, e->path, e->len);
	buf_u8(b, e->know);
	buf_u8(b, e->base_exists | e->written << 1 | e->exists << 2 | e->base_removed << 3 | e->value_set << 4 |
			  e->perms_set << 5 | e->event_queued << 6 | e->exact_queued << 7);
	buf_u32(b, e->seq);
	buf_blob(b, e->value, e->value_len);
	perms_save(e->perms, b);
}

void tx_save(const struct tx *tx, struct buf *b) {
	buf_u32(b, tx->id);
	buf_u64(b, tx->start);
	buf_u8(b, tx->given_up);
	buf_u32(b, -tx->failed);
	buf_u32(b, tx->seq);
	buf_u64(b, tx->nodes);
	for (struct list *l = tx->entries.next; l != &tx->entries; l = l->next)
		entry_save(list_entry(l, struct tx_entry, link), b);
	buf_u8(b, 0);
	for (struct list *l = tx->events.next; l != &tx->events; l = l->next) {
		const struct tx_event *e = list_entry(l, struct tx_event, link);

		buf_u8(b, 1);
		buf_blob(b, e->path, e->len);
		buf_u8(b, e->exact);
		perms_save(e->before, b);
	}
	buf_u8(b, 0);
}

static bool entry_load(struct machine *m, struct tx *tx, struct cursor *cur) {
	uint32_t len, n;
	const char *path = cur_blob(cur, &len), *value;
	struct tx_entry *e = path && len < PATH_BUF ? tx_entry_new(tx, path, len) : NULL;
	uint8_t flags;

	if (!e) return false;
	e->know = cur_u8(cur);
	flags = cur_u8(cur);
	e->base_exists = flags & 1;
	e->written = flags & 2;
	e->exists = flags & 4;
	e->base_removed = flags & 8;
	e->value_set = flags & 16;
	e->perms_set = flags & 32;
	e->event_queued = flags & 64;
	e->exact_queued = flags & 128;
	e->seq = cur_u32(cur);
	value = cur_blob(cur, &n);
	e->value = n && value ? talloc_memdup(e, value, n) : NULL;
	e->value_len = n;
	return perms_load(&m->tree.perms, cur, &e->perms) && (!n || e->value);
}

static bool event_load(struct machine *m, struct tx *tx, struct cursor *cur) {
	uint32_t len;
	const char *path = cur_blob(cur, &len);
	struct tx_event *e;

	e = path && len < PATH_BUF ? talloc_zero_size(tx, sizeof(*e) + len + 1) : NULL;
	if (!e) return false;
	memcpy(e->path, path, len);
	e->len = len;
	e->exact = cur_u8(cur);
	list_add_tail(&tx->events, &e->link);
	return perms_load(&m->tree.perms, cur, &e->before);
}

bool tx_load(struct machine *m, struct conn *c, struct cursor *cur) {
	uint32_t next = c->next_tx, failed;
	struct tx *tx = tx_start(m, c);

	if (!tx) return false;
	c->next_tx = next;
	tx->id = cur_u32(cur);
	tx->start = cur_u64(cur);
	tx->given_up = cur_u8(cur);
	failed = cur_u32(cur);
	if (failed > ERRNO_MAX) return false;
	tx->failed = -(int)failed;
	tx->seq = cur_u32(cur);
	tx->nodes = cur_u64(cur);
	while (cur_u8(cur) == 1)
		if (!entry_load(m, tx, cur)) return false;
	while (cur_u8(cur) == 1)
		if (!event_load(m, tx, cur)) return false;
	return !cur->bad;
}
