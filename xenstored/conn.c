/* SPDX-License-Identifier: MIT */
#include "conn.h"

#include <string.h>
#include <talloc.h>

#include "tx.h"
#include "watch.h"
#include "wire.h"

static struct conn **conn_slot(struct machine *m, uint32_t id) {
	return &m->conn_hash[(id * 2654435761u) >> 22 & (CONN_HASH - 1)];
}

struct conn *machine_conn(const struct machine *m, uint32_t id) {
	struct conn *c = *conn_slot((struct machine *)m, id);

	while (c && c->id != id) c = c->hash_next;
	return c;
}

struct conn *conn_new(struct machine *m, uint32_t id, struct domain *d, bool is_ring) {
	struct conn *c = talloc_zero(m, struct conn), **slot = conn_slot(m, id);

	if (!c) return NULL;
	c->id = id;
	c->dom = d;
	c->is_ring = is_ring;
	list_init(&c->watches);
	list_init(&c->txs);
	list_init(&c->events);
	list_init(&c->active);
	c->machine = m;
	c->hash_next = *slot;
	*slot = c;
	list_add_tail(&m->conns, &c->link);
	m->n_conn++;
	return c;
}

void conn_reset(struct machine *m, struct conn *c) {
	watch_drop_all(m, c);
	tx_drop_all(m, c);
	c->in_len = 0;
	c->in_base = c->in_total;
	c->out_base = c->out_pos += conn_queued(c);
	c->out_head = c->out_len = 0;
	c->broken = CONN_OK;
}

void conn_free(struct machine *m, struct conn *c) {
	struct conn **slot = conn_slot(m, c->id);

	if (!m->replaying) m->outside->gone(m->outside->arg, c);
	conn_reset(m, c);
	while (*slot != c) slot = &(*slot)->hash_next;
	*slot = c->hash_next;
	if (c->is_ring) c->dom->conn = NULL;
	list_del(&c->link);
	list_del(&c->active);
	m->n_conn--;
	talloc_free(c);
}

static void *conn_grow(struct conn *c, char *p, uint32_t *cap, size_t need) {
	uint32_t n = *cap ? *cap : 512;

	while (n < need) n *= 2;
	if (n == *cap) return p;
	p = talloc_realloc(c, p, char, n);
	if (!p) machine_out_of_memory();
	*cap = n;
	return p;
}

void conn_put_raw(struct conn *c, const void *p, size_t n) {
	if (c->out_head && c->out_len + n > c->out_cap) {
		memmove(c->out, c->out + c->out_head, conn_queued(c));
		c->out_len -= c->out_head;
		c->out_head = 0;
	}
	c->out = conn_grow(c, c->out, &c->out_cap, c->out_len + n);
	if (n) memcpy(c->out + c->out_len, p, n);
	c->out_len += n;
	conn_active(c);
}

void conn_active(struct conn *c) {
	if (list_empty(&c->active)) list_add_tail(&c->machine->active, &c->active);
}

void conn_put(struct conn *c, uint32_t type, uint32_t req_id, uint32_t tx_id, const void *data, uint32_t len) {
	struct xsd_sockmsg h = { type, req_id, tx_id, len };

	conn_put_raw(c, &h, sizeof(h));
	conn_put_raw(c, data, len);
}

void conn_sent(struct conn *c, uint32_t n) {
	c->out_head += n;
	c->out_pos += n;
	if (c->out_head < c->out_len) return;
	c->out_head = c->out_len = 0;
	if (c->out_cap > 65536) {
		talloc_free(c->out);
		c->out = NULL;
		c->out_cap = 0;
	}
}

void conn_keep_input(struct conn *c, const char *p, size_t n) {
	c->in = conn_grow(c, c->in, &c->in_cap, c->in_len + n);
	if (n) memcpy(c->in + c->in_len, p, n);
	c->in_len += n;
}

bool conn_backlog(const struct conn *c) {
	struct xsd_sockmsg h;

	if (c->in_len < sizeof(h) || c->broken) return false;
	memcpy(&h, c->in, sizeof(h));
	return h.len > XENSTORE_PAYLOAD_MAX || c->in_len >= sizeof(h) + h.len;
}
