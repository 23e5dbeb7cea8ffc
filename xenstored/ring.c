/* SPDX-License-Identifier: MIT */
/*
 * The rings of domains. The page is the guest's as much as ours and nothing in it is believed:
 * our own indices follow from the machine (bytes consumed) and the slot (bytes sent) and are only
 * ever written to the page; the guest's are read once, checked against ours, and used masked.
 * So recovery is to write our indices again.
 */
#include "worker.h"

#include <errno.h>
#include <string.h>
#include <talloc.h>

#include "domain.h"

#define RING XENSTORE_RING_SIZE

static uint32_t load(const volatile uint32_t *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }

static void store(volatile uint32_t *p, uint32_t v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }

static uint32_t our_cons(const struct conn *c) { return c->dom->ring_cons + (uint32_t)(c->in_total - c->in_base); }

static uint32_t our_prod(const struct conn *c, const struct journal_slot *s) {
	return c->dom->ring_prod + (uint32_t)(s->sent - c->out_base);
}

struct ring *ring_find(struct worker *w, unsigned domid) {
	for (struct list *l = w->rings.next; l != &w->rings; l = l->next) {
		struct ring *r = list_entry(l, struct ring, link);

		if (r->domid == domid) return r;
	}
	return NULL;
}

struct ring *ring_by_port(struct worker *w, int port) {
	for (struct list *l = w->rings.next; l != &w->rings; l = l->next) {
		struct ring *r = list_entry(l, struct ring, link);

		if (r->port == port) return r;
	}
	return NULL;
}

void ring_detach(struct worker *w, struct ring *r) {
	(void)w;
	list_del(&r->link);
	xen_unbind(r->port);
	xen_unmap(r->domid, r->page);
	talloc_free(r);
}

/* Let go of a ring that is to be attached anew. */
static void ring_forget(struct worker *w, unsigned domid) {
	struct ring *r = ring_find(w, domid);
	const struct domain *d = domain_find(w->m, domid);

	if (!r) return;
	if (d && d->conn && d->conn->peer) ((struct peer *)d->conn->peer)->ring = NULL;
	ring_detach(w, r);
}

int64_t ring_attach(struct worker *w, unsigned domid, uint64_t gfn, uint32_t port) {
	struct ring *r;
	int err;

	if (!w->have_xen) return -ENODEV;
	ring_forget(w, domid);
	r = talloc_zero(NULL, struct ring);
	if (!r) return -ENOMEM;
	r->domid = domid;
	r->page = domid ? xen_map(domid, gfn) : xen_map_dom0(&port);
	if (!r->page) {
		err = errno ? -errno : -EINVAL;
		goto err_free;
	}
	r->port = xen_bind(domid, port);
	if (r->port < 0) {
		err = r->port;
		goto err_unmap;
	}
	list_add_tail(&w->rings, &r->link);
	w->new_rings = true;
	return 0;
err_unmap:
	xen_unmap(domid, r->page);
err_free:
	talloc_free(r);
	return err;
}

void ring_restore(struct peer *p) {
	struct xenstore_domain_interface *page = p->ring->page;

	store(&page->req_cons, our_cons(p->conn));
	store(&page->rsp_prod, our_prod(p->conn, p->slot));
	store(&page->server_features, p->conn->dom->features);
	p->ring->notify = true;
}

void ring_adopt(struct worker *w) {
	w->new_rings = false;
	for (struct list *l = w->rings.next; l != &w->rings; l = l->next) {
		struct ring *r = list_entry(l, struct ring, link);
		struct domain *d = domain_find(w->m, r->domid);
		struct peer *p;

		if (!d || !d->conn) continue;
		p = d->conn->peer ? d->conn->peer : peer_new(w, d->conn);
		if (!p || p->ring == r) continue;
		p->ring = r;
		p->blocked = false;
		if (p->slot->sent < d->conn->out_base) p->slot->sent = d->conn->out_base;
		ring_restore(p);
		if (list_empty(&p->ready)) list_add_tail(&w->ready, &p->ready);
	}
}

/* Copy n bytes out of a ring buffer from index i. */
static void ring_out(char *dst, const char *ring, uint32_t i, uint32_t n) {
	uint32_t at = i & (RING - 1), first = n < RING - at ? n : RING - at;

	memcpy(dst, ring + at, first);
	memcpy(dst + first, ring, n - first);
}

static void ring_in(char *ring, uint32_t i, const char *src, uint32_t n) {
	uint32_t at = i & (RING - 1), first = n < RING - at ? n : RING - at;

	memcpy(ring + at, src, first);
	memcpy(ring, src + first, n - first);
}

ssize_t ring_read(struct worker *w, struct peer *p, char *buf, size_t n) {
	struct xenstore_domain_interface *page = p->ring ? p->ring->page : NULL;
	uint32_t cons = our_cons(p->conn), avail;

	(void)w;
	if (!page) return -EAGAIN;
	avail = load(&page->req_prod) - cons;
	if (avail > RING) return -EPROTO;
	if (!avail) return -EAGAIN;
	if (avail > n) avail = n;
	ring_out(buf, page->req, cons, avail);
	return avail;
}

void ring_taken(struct peer *p) {
	if (!p->ring) return;
	store(&p->ring->page->req_cons, our_cons(p->conn));
	p->ring->notify = true;
}

int ring_send(struct peer *p) {
	struct conn *c = p->conn;
	struct xenstore_domain_interface *page = p->ring ? p->ring->page : NULL;
	uint32_t prod = our_prod(c, p->slot), used, n;

	if (!page || p->blocked || !conn_queued(c)) return 0;
	used = prod - load(&page->rsp_cons);
	if (used > RING) return -EPROTO;
	n = RING - used < conn_queued(c) ? RING - used : conn_queued(c);
	ring_in(page->rsp, prod, c->out + c->out_head, n);
	p->slot->sent += n;
	store(&page->rsp_prod, prod + n);
	conn_sent(c, n);
	p->blocked = conn_queued(c) > 0;
	p->ring->notify |= n > 0;
	return 0;
}

void ring_notify_all(struct worker *w) {
	for (struct list *l = w->rings.next; l != &w->rings; l = l->next) {
		struct ring *r = list_entry(l, struct ring, link);

		if (r->notify) xen_notify(r->port);
		r->notify = false;
	}
}

bool ring_reconnect(struct worker *w, struct peer *p) {
	struct xenstore_domain_interface *page = p->ring ? p->ring->page : NULL;
	uint32_t zero[2] = { 0, 0 };

	if (!page || load(&page->connection) != XENSTORE_RECONNECT) return false;
	worker_note(w, REC_RING_RESET, p->conn->id, zero, sizeof(zero));
	p->slot->sent = p->conn->out_base;
	p->blocked = p->stalled = false;
	store(&page->req_cons, 0);
	store(&page->req_prod, 0);
	store(&page->rsp_cons, 0);
	store(&page->rsp_prod, 0);
	store(&page->error, XENSTORE_ERROR_NONE);
	store(&page->connection, XENSTORE_CONNECTED);
	p->ring->notify = true;
	return true;
}

void ring_show_error(struct peer *p, uint32_t error) {
	if (!p->ring) return;
	store(&p->ring->page->error, error);
	p->ring->notify = true;
}
