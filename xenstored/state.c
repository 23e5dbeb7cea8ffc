/* SPDX-License-Identifier: MIT */
#include "state.h"

#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#include "conn.h"
#include "domain.h"
#include "tx.h"
#include "watch.h"

#define STATE_VERSION 1u

/* --- nodes --- */

void node_save(const struct node *n, struct buf *b) {
	buf_u64(b, n->birth);
	buf_u64(b, n->gen);
	buf_u64(b, n->pgen);
	buf_u64(b, node_cgen(n));
	perms_save(n->perms, b);
	buf_blob(b, node_value(n), n->value_len);
}

bool node_record_load(struct machine *m, const char *path, uint32_t path_len, struct cursor *c,
		      struct node_record *out) {
	if (!path_len || path_len >= PATH_BUF || path[0] != '/') return false;
	out->path = path;
	out->path_len = path_len;
	out->birth = cur_u64(c);
	out->gen = cur_u64(c);
	out->pgen = cur_u64(c);
	out->cgen = cur_u64(c);
	if (!perms_load(&m->tree.perms, c, &out->perms)) return false;
	out->value = cur_blob(c, &out->value_len);
	if (!c->bad && c->p == c->end && out->perms) return true;
	perms_put(&m->tree.perms, out->perms);
	return false;
}

static int record_by_birth(const void *a, const void *b) {
	const struct node_record *x = a, *y = b;

	return x->birth < y->birth ? -1 : x->birth > y->birth;
}

static bool record_add(struct machine *m, struct node_record *r) {
	struct node *parent = NULL;
	uint32_t up = r->path_len;

	while (up && r->path[up - 1] != '/') up--;
	if (r->path_len > 1) {
		parent = tree_find(&m->tree, r->path, up > 1 ? up - 1 : 1);
		if (!parent || tree_find(&m->tree, r->path, r->path_len)) return false;
	} else if (m->tree.root) {
		return false;
	}
	r->node = tree_add(&m->tree, parent, r->path + up, r->path_len - up, r->perms, r->birth);
	return r->node && r->value_len <= UINT16_MAX &&
	       tree_set_value(&m->tree, r->node, r->value, r->value_len, r->gen);
}

bool tree_build(struct machine *m, struct node_record *r, size_t n, bool lenient) {
	bool ok = true;

	qsort(r, n, sizeof(*r), record_by_birth);
	for (size_t i = 0; i < n; i++) {
		r[i].node = NULL;
		ok = ok && (record_add(m, &r[i]) || lenient);
		perms_put(&m->tree.perms, r[i].perms);
	}
	for (size_t i = 0; ok && i < n; i++) {
		if (r[i].node) ok = tree_set_generations(r[i].node, r[i].gen, r[i].pgen, r[i].cgen);
	}
	return ok && m->tree.root;
}

/* --- domains --- */

static void domain_save(const struct domain *d, struct buf *b) {
	buf_u8(b, 1);
	buf_u16(b, d->domid);
	buf_u16(b, d->target);
	buf_u8(b, d->introduced | d->shutdown << 1 | d->soft_warned << 2);
	buf_u64(b, d->gfn);
	buf_u32(b, d->port);
	buf_u32(b, d->ring_cons);
	buf_u32(b, d->ring_prod);
	buf_u32(b, d->features);
	for (int i = 0; i < QUOTA_COUNT; i++) {
		buf_u32(b, d->quota[i]);
		buf_u32(b, d->hits[i]);
	}
}

static bool domain_load(struct machine *m, struct cursor *c) {
	struct domain *d = domain_get(m, cur_u16(c));
	uint8_t flags;

	if (!d) return false;
	/* Their order in the list is that of the blob. */
	list_del(&d->link);
	list_add_tail(&m->domains, &d->link);
	d->target = cur_u16(c);
	flags = cur_u8(c);
	d->introduced = flags & 1;
	d->shutdown = flags & 2;
	d->soft_warned = flags & 4;
	d->gfn = cur_u64(c);
	d->port = cur_u32(c);
	d->ring_cons = cur_u32(c);
	d->ring_prod = cur_u32(c);
	d->features = cur_u32(c);
	for (int i = 0; i < QUOTA_COUNT; i++) {
		d->quota[i] = cur_u32(c);
		d->hits[i] = cur_u32(c);
	}
	return !c->bad;
}

/* --- connections --- */

static void watches_save(const struct conn *c, struct buf *b) {
	for (const struct list *l = c->watches.next; l != &c->watches; l = l->next) {
		const struct watch *w = list_entry(l, struct watch, of_conn);

		buf_u8(b, 1);
		buf_blob(b, w->where->path, w->where->len);
		buf_u32(b, w->rel);
		buf_u32(b, w->depth);
		buf_str(b, w->token);
	}
	buf_u8(b, 0);
}

static uint32_t watch_index(const struct conn *c, const struct watch *which) {
	uint32_t i = 0;

	for (const struct list *l = c->watches.next; l != &which->of_conn; l = l->next) i++;
	return i;
}

static void events_save(const struct conn *c, struct buf *b) {
	for (const struct list *l = c->events.next; l != &c->events; l = l->next) {
		const struct event *e = list_entry(l, struct event, of_conn);

		buf_u8(b, 1);
		buf_u32(b, watch_index(c, e->watch));
		buf_str(b, e->path);
	}
	buf_u8(b, 0);
}

static void conn_save(const struct conn *c, struct buf *b) {
	buf_u8(b, 1);
	buf_u32(b, c->id);
	buf_u16(b, c->dom->domid);
	buf_u8(b, c->is_ring);
	buf_u8(b, c->broken);
	buf_blob(b, c->in, c->in_len);
	buf_u64(b, c->in_total);
	buf_blob(b, conn_queued(c) ? c->out + c->out_head : NULL, conn_queued(c));
	buf_u64(b, c->out_pos);
	buf_u64(b, c->in_base);
	buf_u64(b, c->out_base);
	buf_u32(b, c->next_tx);
	watches_save(c, b);
	events_save(c, b);
}

static bool watches_load(struct machine *m, struct conn *c, struct cursor *cur) {
	while (cur_u8(cur) == 1) {
		uint32_t len, rel;
		const char *path = cur_blob(cur, &len);
		int32_t depth;
		char *token;
		bool ok;

		rel = cur_u32(cur);
		depth = cur_u32(cur);
		token = cur_str(cur, c);
		ok = token && path && rel <= len && len < PATH_BUF && watch_restore(m, c, path, len, rel, token, depth);
		talloc_free(token);
		if (!ok) return false;
	}
	return !cur->bad;
}

static bool events_load(struct conn *c, struct cursor *cur) {
	while (cur_u8(cur) == 1) {
		uint32_t i = cur_u32(cur);
		char *path = cur_str(cur, c);
		struct list *l = c->watches.next;

		if (!path) return false;
		while (i-- && l != &c->watches) l = l->next;
		if (l == &c->watches) return false;
		watch_restore_event(list_entry(l, struct watch, of_conn), path);
		talloc_free(path);
	}
	return !cur->bad;
}

static bool conn_load(struct machine *m, struct cursor *cur) {
	uint32_t id = cur_u32(cur), n;
	struct domain *d = domain_find(m, cur_u16(cur));
	bool is_ring = cur_u8(cur);
	enum broken broken = cur_u8(cur);
	struct conn *c = d && !cur->bad ? conn_new(m, id, d, is_ring) : NULL;
	const char *p;

	if (!c) return false;
	if (is_ring) d->conn = c;
	p = cur_blob(cur, &n);
	if (p) conn_keep_input(c, p, n);
	c->in_total = cur_u64(cur);
	p = cur_blob(cur, &n);
	if (p) conn_put_raw(c, p, n);
	c->out_pos = cur_u64(cur);
	c->in_base = cur_u64(cur);
	c->out_base = cur_u64(cur);
	c->next_tx = cur_u32(cur);
	c->broken = broken;
	return watches_load(m, c, cur) && events_load(c, cur);
}

/* --- all --- */

static void globals_save(const struct machine *m, struct buf *b) {
	buf_u32(b, STATE_VERSION);
	buf_u64(b, m->tree.generation);
	buf_u64(b, m->n_request);
	buf_u32(b, m->last_open);
	buf_u32(b, m->soft_memory);
	buf_u8(b, m->no_space);
	buf_u8(b, m->keep_orphans);
	for (int i = 0; i < QUOTA_COUNT; i++) buf_u32(b, m->quota[i]);
	perms_save(m->perms_introduce, b);
	perms_save(m->perms_release, b);
}

static bool globals_load(struct machine *m, struct cursor *c) {
	if (cur_u32(c) != STATE_VERSION) return false;
	m->tree.generation = cur_u64(c);
	m->n_request = cur_u64(c);
	m->last_open = cur_u32(c);
	m->soft_memory = cur_u32(c);
	m->no_space = cur_u8(c);
	m->keep_orphans = cur_u8(c);
	for (int i = 0; i < QUOTA_COUNT; i++) m->quota[i] = cur_u32(c);
	perms_put(&m->tree.perms, m->perms_introduce);
	perms_put(&m->tree.perms, m->perms_release);
	m->perms_introduce = m->perms_release = NULL;
	return perms_load(&m->tree.perms, c, &m->perms_introduce) && m->perms_introduce &&
	       perms_load(&m->tree.perms, c, &m->perms_release) && m->perms_release;
}

void state_save(const struct machine *m, struct buf *b) {
	const struct list *l;

	globals_save(m, b);
	for (l = m->domains.next; l != &m->domains; l = l->next) domain_save(list_entry(l, struct domain, link), b);
	buf_u8(b, 0);
	for (l = m->conns.next; l != &m->conns; l = l->next) conn_save(list_entry(l, struct conn, link), b);
	buf_u8(b, 0);
	for (l = m->txs.next; l != &m->txs; l = l->next) {
		const struct tx *tx = list_entry(l, struct tx, of_machine);

		buf_u8(b, 1);
		buf_u32(b, tx->conn->id);
		tx_save(tx, b);
	}
	buf_u8(b, 0);
	history_save(&m->history, b);
}

bool state_load(struct machine *m, struct cursor *c) {
	if (!globals_load(m, c)) return false;
	while (cur_u8(c) == 1)
		if (!domain_load(m, c)) return false;
	while (cur_u8(c) == 1)
		if (!conn_load(m, c)) return false;
	while (cur_u8(c) == 1) {
		struct conn *conn = machine_conn(m, cur_u32(c));

		if (!conn || !tx_load(m, conn, c)) return false;
	}
	return history_load(&m->history, &m->tree.perms, c) && !c->bad && c->p == c->end;
}
