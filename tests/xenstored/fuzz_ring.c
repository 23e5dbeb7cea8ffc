/* SPDX-License-Identifier: MIT */
/*
 * Fuzz the rings of domains: ring.c as it is, with pages that the script writes to as a guest may.
 *
 * Two domains have a ring each. One is hostile: indices, buffers, flags and the moments of its
 * requests come from the script. The other keeps to the rules, at the script's pace, beginning with
 * indices that soon wrap: each of its requests must get its one reply, in order, whatever the first
 * one does. The sanitizer watches the edges of the pages.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../xenstored/check.h"
#include "../../xenstored/domain.h"
#include "../../xenstored/log.h"
#include "../../xenstored/wire.h"
#include "../../xenstored/worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOSTILE  1u
#define HONEST   2u
#define STEPS    2000
#define OUT_FULL 16384u

struct script {
	const uint8_t *p, *end;
};

static uint8_t next(struct script *s) { return s->p < s->end ? *s->p++ : 0; }

static uint32_t next_word(struct script *s) {
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) v = v << 8 | next(s);
	return v;
}

/* --- what ring.c asks of its surroundings --- */

static struct xenstore_domain_interface *page[3];

struct xenstore_domain_interface *xen_map(unsigned domid, uint64_t gfn) {
	(void)gfn;
	return domid < 3 ? page[domid] : NULL;
}

struct xenstore_domain_interface *xen_map_dom0(uint32_t *port) {
	*port = 1;
	return NULL;
}

void xen_unmap(unsigned domid, struct xenstore_domain_interface *p) {
	(void)domid;
	(void)p;
}

int xen_bind(unsigned domid, uint32_t port) { return port ? (int)domid + 10 : -EINVAL; }

void xen_unbind(int port) { (void)port; }

void xen_notify(int port) { (void)port; }

void worker_note(struct worker *w, enum record_type type, uint32_t conn, const void *arg, size_t n) {
	struct conn *c = machine_conn(w->m, conn);
	uint32_t word[2] = { 0, 0 };

	memcpy(word, arg, n);
	if (type == REC_RING_RESET) machine_ring_reset(w->m, c, word[0], word[1]);
	if (type == REC_BREAK) machine_break(w->m, c, word[0]);
}

struct peer *peer_new(struct worker *w, struct conn *c) {
	struct peer *p = calloc(1, sizeof(*p));

	(void)w;
	if (!p) abort();
	p->slot = calloc(1, sizeof(*p->slot));
	if (!p->slot) abort();
	p->conn = c;
	list_init(&p->ready);
	c->peer = p;
	return p;
}

static void peer_end(struct peer *p) {
	list_del(&p->ready);
	free(p->slot);
	free(p);
}

static int64_t ask(void *arg, const struct question *q) {
	struct worker *w = arg;
	struct ring *r = ring_find(w, q->arg[0]);

	switch (q->fact) {
	case FACT_ATTACH: return ring_attach(w, q->arg[0], q->arg[1], q->arg[2]);
	case FACT_RING_CONS: return r ? r->page->req_cons : 0;
	case FACT_RING_PROD: return r ? r->page->rsp_prod : 0;
	case FACT_DOMAIN_EXISTS: return 1;
	default: return 0;
	}
}

static void gone(void *arg, struct conn *c) {
	struct peer *p = c->peer;

	if (p && p->ring) ring_detach(arg, p->ring);
	if (p) peer_end(p);
	c->peer = NULL;
}

/* --- the daemon's turn, as worker.c has it --- */

static void serve_input(struct worker *w, struct peer *p) {
	/* Of the very size, so that one byte too much is seen. */
	char *room = malloc(XENSTORE_RING_SIZE);
	ssize_t n = room ? ring_read(w, p, room, XENSTORE_RING_SIZE) : -EAGAIN;
	struct conn *c = p->conn;

	if (n > (ssize_t)XENSTORE_RING_SIZE) abort();
	if (n == -EPROTO) machine_break(w->m, c, CONN_RINGIDX);
	if (n > 0) {
		machine_input(w->m, c, room, n);
		ring_taken(p);
	}
	free(room);
}

static void serve(struct worker *w, unsigned domid) {
	struct domain *d = domain_find(w->m, domid);
	struct conn *c = d ? d->conn : NULL;
	struct peer *p = c ? c->peer : NULL;

	w->m->answers.len = 0;
	if (!p) return;
	p->blocked = false;
	ring_reconnect(w, p);
	if (!c->broken && conn_backlog(c))
		machine_input(w->m, c, NULL, 0);
	else if (!c->broken && conn_queued(c) < OUT_FULL)
		serve_input(w, p);
	if (!c->broken && conn_queued(c) < OUT_FULL) machine_flush(w->m, c);
	if (!c->broken && ring_send(p) == -EPROTO) machine_break(w->m, c, CONN_RINGIDX);
	if (c->broken) ring_show_error(p, c->broken);
}

/* --- guests --- */

static void hostile_step(struct script *s) {
	struct xenstore_domain_interface *g = page[HOSTILE];
	uint32_t *const index[] = { &g->req_cons, &g->req_prod, &g->rsp_cons, &g->rsp_prod };
	uint8_t what = next(s), n;

	switch (what % 6) {
	case 0: *index[what / 6 % 4] = next_word(s); break;
	case 1: *index[what / 6 % 4] += (int8_t)next(s); break;
	case 2: g->connection = next(s) & 3; break;
	case 3:
		for (n = next(s) % 64; n; n--) ((uint8_t *)g)[next_word(s) % sizeof(*g)] = next(s);
		break;
	case 4: /* bytes where they belong, of any kind */
		for (n = next(s); n; n--) g->req[g->req_prod++ & (XENSTORE_RING_SIZE - 1)] = next(s);
		break;
	case 5: g->rsp_cons = g->rsp_prod; break;
	}
}

struct honest {
	uint32_t sent, seen;
	char in[4096 + 16];
	uint32_t n;
};

static void honest_send(struct honest *h, uint8_t size) {
	static const char text[] = "honest/some/node";
	struct xenstore_domain_interface *g = page[HONEST];
	uint32_t value = size % 200;
	struct xsd_sockmsg m = { .type = size & 1 ? XS_WRITE : XS_READ, .req_id = h->sent + 1, .len = sizeof(text) };
	char msg[sizeof(m) + sizeof(text) + 200];
	uint32_t len = sizeof(m) + sizeof(text) + (size & 1 ? value : 0);

	if (XENSTORE_RING_SIZE - (g->req_prod - g->req_cons) < len) return;
	m.len = len - sizeof(m);
	memset(msg, 'v', sizeof(msg));
	memcpy(msg, &m, sizeof(m));
	memcpy(msg + sizeof(m), text, sizeof(text));
	for (uint32_t i = 0; i < len; i++) g->req[g->req_prod++ & (XENSTORE_RING_SIZE - 1)] = msg[i];
	h->sent++;
}

static void honest_receive(struct honest *h, uint32_t most) {
	struct xenstore_domain_interface *g = page[HONEST];
	struct xsd_sockmsg m;

	for (; most && g->rsp_cons != g->rsp_prod; most--) {
		h->in[h->n++] = g->rsp[g->rsp_cons++ & (XENSTORE_RING_SIZE - 1)];
		if (h->n < sizeof(m)) continue;
		memcpy(&m, h->in, sizeof(m));
		if (m.len > XENSTORE_PAYLOAD_MAX) abort();
		if (h->n < sizeof(m) + m.len) continue;
		if (m.req_id != ++h->seen) abort();
		h->n = 0;
	}
}

static void step(struct worker *w, struct script *s, struct honest *h) {
	uint8_t what = next(s);

	switch (what % 8) {
	case 0: honest_send(h, next(s)); break;
	case 1: honest_receive(h, next(s)); break;
	case 2: serve(w, HONEST); break;
	case 3:
		if (what == 3) domain_release(w->m, HOSTILE);
		if (what < 32) domain_introduce(w->m, HOSTILE, 1, 1);
		ring_adopt(w);
		break;
	case 4:
	case 5: serve(w, HOSTILE); break;
	default: hostile_step(s);
	}
}

/* --- a run --- */

static void start(struct worker *w, struct outside *outside, uint32_t first) {
	struct perm open = { 0, PERM_READ | PERM_WRITE };
	struct perms *perms;

	memset(w, 0, sizeof(*w));
	w->have_xen = true;
	list_init(&w->ready);
	list_init(&w->rings);
	*outside = (struct outside){ ask, gone, w };
	w->m = machine_new(outside);
	if (!w->m || !machine_boot(w->m)) abort();
	perms = perms_get(&w->m->tree.perms, &open, 1);
	tree_set_perms(&w->m->tree, w->m->tree.root, perms, machine_tick(w->m));
	perms_put(&w->m->tree.perms, perms);
	for (unsigned i = HOSTILE; i <= HONEST; i++) {
		struct xenstore_domain_interface *g = page[i] = calloc(1, sizeof(*g));

		if (!g) abort();
		g->req_cons = g->req_prod = g->rsp_cons = g->rsp_prod = i == HONEST ? first : 0;
		if (domain_introduce(w->m, i, 1, 1)) abort();
	}
	ring_adopt(w);
}

static void finish(struct worker *w, struct honest *h) {
	struct buf why = { 0 };

	for (int i = 0; i < 2000 && h->seen < h->sent; i++) {
		serve(w, HONEST);
		honest_receive(h, UINT32_MAX);
	}
	if (h->seen != h->sent || machine_check(w->m, &why)) abort();
	for (unsigned i = HOSTILE; i <= HONEST; i++) {
		domain_release(w->m, i);
		free(page[i]);
	}
	machine_free(w->m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct script s = { data, data + size };
	struct outside outside;
	struct honest h = { 0 };
	struct worker w;

	log_mute(true);
	start(&w, &outside, next_word(&s) | 0xfffff000);
	for (int i = 0; i < STEPS && s.p < s.end; i++) step(&w, &s, &h);
	finish(&w, &h);
	return 0;
}
