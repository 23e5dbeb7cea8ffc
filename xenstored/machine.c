/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#include "conn.h"
#include "domain.h"
#include "log.h"
#include "quota.h"
#include "request.h"
#include "watch.h"

/* One input executes at most this many requests, or until this much output, so that nobody waits
 * long for another; the rest is kept for the next input. */
#define INPUT_REQUESTS 64u
#define INPUT_OUTPUT   32768u

static bool machine_perms(struct machine *m) {
	struct perm none = { 0, 0 };

	m->perms_introduce = perms_get(&m->tree.perms, &none, 1);
	m->perms_release = perms_get(&m->tree.perms, &none, 1);
	return m->perms_introduce && m->perms_release;
}

struct machine *machine_new(const struct outside *outside) {
	struct machine *m = talloc_zero(NULL, struct machine);

	if (!m) return NULL;
	list_init(&m->conns);
	list_init(&m->domains);
	list_init(&m->txs);
	list_init(&m->active);
	m->outside = outside;
	quota_defaults(m->quota);
	m->soft_memory = 2097152;
	if (tree_init(&m->tree)) {
		talloc_free(m);
		return NULL;
	}
	m->tree.account = domain_account;
	m->tree.account_arg = m;
	if (!machine_perms(m) || !domain_get(m, 0)) {
		machine_free(m);
		return NULL;
	}
	return m;
}

void machine_free(struct machine *m) {
	struct list *l, *tmp;

	m->replaying = true;
	list_each_safe(l, tmp, &m->conns) conn_free(m, list_entry(l, struct conn, link));
	m->tree.account = NULL;
	perms_put(&m->tree.perms, m->perms_introduce);
	perms_put(&m->tree.perms, m->perms_release);
	history_drop(&m->history, &m->tree.perms, UINT64_MAX);
	tree_free(&m->tree);
	buf_free(&m->answers);
	talloc_free(m);
}

bool machine_boot(struct machine *m) {
	struct perm dom0 = { 0, 0 };
	struct perms *p = perms_get(&m->tree.perms, &dom0, 1);
	struct node *n;
	bool ok = false;

	if (!p) return false;
	n = tree_add(&m->tree, NULL, "", 0, p, machine_tick(m));
	if (n) n = tree_add(&m->tree, n, "tool", 4, p, machine_tick(m));
	if (n) ok = tree_add(&m->tree, n, "xenstored", 9, p, machine_tick(m));
	perms_put(&m->tree.perms, p);
	return ok;
}

int64_t machine_ask(struct machine *m, const struct question *q) {
	int64_t v;

	if (m->replaying) return cur_u64(&m->replay_answers);
	v = m->outside->ask(m->outside->arg, q);
	buf_u64(&m->answers, v);
	if (m->answers.bad) machine_out_of_memory();
	return v;
}

struct conn *machine_open(struct machine *m, uint32_t id) {
	m->last_open = id;
	return conn_new(m, id, domain_find(m, 0), false);
}

void machine_close(struct machine *m, struct conn *c) { conn_free(m, c); }

/* Length of the message at p if all n bytes of it are there; 0 if not; *bad if it is too long. */
static size_t message_at(const char *p, size_t n, bool *bad) {
	struct xsd_sockmsg h;

	if (n < sizeof(h)) return 0;
	memcpy(&h, p, sizeof(h));
	*bad = h.len > XENSTORE_PAYLOAD_MAX;
	if (*bad || n < sizeof(h) + h.len) return 0;
	return sizeof(h) + h.len;
}

/* Execute messages from p; returns how many bytes were used. */
static size_t execute(struct machine *m, struct conn *c, const char *p, size_t n) {
	uint32_t id = c->id, start = conn_queued(c);
	size_t used = 0, len;
	bool bad = false;

	for (uint32_t i = 0; i < INPUT_REQUESTS && conn_queued(c) < start + INPUT_OUTPUT; i++) {
		len = message_at(p + used, n - used, &bad);
		if (bad) machine_break(m, c, CONN_PROTO);
		if (!len || bad || !quota_allows(m, c->dom, QUOTA_OUTSTANDING, i + 1)) break;
		request_execute(m, c, p + used);
		used += len;
		/* A request may end the connection that it came by. */
		if (machine_conn(m, id) != c || c->broken) break;
	}
	return used;
}

void machine_input(struct machine *m, struct conn *c, const char *p, size_t n) {
	uint32_t id = c->id;
	size_t used;

	if (c->broken) return;
	c->in_total += n;
	if (c->in_len == 0) {
		used = execute(m, c, p, n);
		if (machine_conn(m, id) == c && !c->broken) conn_keep_input(c, p + used, n - used);
		return;
	}
	conn_keep_input(c, p, n);
	used = execute(m, c, c->in, c->in_len);
	if (machine_conn(m, id) != c || c->broken) return;
	memmove(c->in, c->in + used, c->in_len - used);
	c->in_len -= used;
}

void machine_flush(struct machine *m, struct conn *c) {
	struct list *l, *tmp;
	uint32_t n = 0;

	(void)m;
	list_each_safe(l, tmp, &c->events) {
		struct event *e = list_entry(l, struct event, of_conn);
		uint32_t path = strlen(e->path) + 1, token = strlen(e->watch->token) + 1;
		struct xsd_sockmsg h = { .type = XS_WATCH_EVENT, .len = path + token };

		if (n++ == FLUSH_MAX) break;
		if (h.len <= XENSTORE_PAYLOAD_MAX) {
			conn_put_raw(c, &h, sizeof(h));
			conn_put_raw(c, e->path, path);
			conn_put_raw(c, e->watch->token, token);
		}
		watch_event_done(e);
	}
}

void machine_ring_reset(struct machine *m, struct conn *c, uint32_t cons, uint32_t prod) {
	if (log_worth(++c->dom->n_reset)) log_info("domain %u: ring starts anew", c->dom->domid);
	conn_reset(m, c);
	c->dom->ring_cons = cons;
	c->dom->ring_prod = prod;
}

void machine_break(struct machine *m, struct conn *c, enum broken why) {
	if (log_worth(++c->dom->n_broken))
		log_warn("domain %u: connection %x stopped: %s", c->dom->domid, c->id,
			 why == CONN_PROTO     ? "message too long"
			 : why == CONN_RINGIDX ? "ring indices out of range"
					       : "no event channel");
	watch_drop_all(m, c);
	tx_drop_all(m, c);
	c->broken = why;
}

void machine_domain_shutdown(struct machine *m, unsigned domid) {
	struct domain *d = domain_find(m, domid);

	if (!d || !d->introduced || d->shutdown) return;
	d->shutdown = true;
	watch_fire_special(m, "@releaseDomain", domid, m->perms_release);
}

void machine_domain_gone(struct machine *m, unsigned domid) { domain_release(m, domid); }

void machine_dom0(struct machine *m, uint32_t port) {
	struct domain *d = domain_find(m, 0);
	struct question q = { .fact = FACT_RING_CONS };

	if (!d->conn)
		d->conn = conn_new(m, CONN_RING_ID, d, true);
	else
		conn_reset(m, d->conn);
	if (!d->conn) machine_out_of_memory();
	d->introduced = true;
	d->port = port;
	d->ring_cons = machine_ask(m, &q);
	q.fact = FACT_RING_PROD;
	d->ring_prod = machine_ask(m, &q);
}

void machine_no_space(struct machine *m, bool on) { m->no_space = on; }
