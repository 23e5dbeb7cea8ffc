/* SPDX-License-Identifier: MIT */
/*
 * A domain's port table and the life of a port.
 *
 *   FREE -> UNBOUND <-> INTERDOMAIN, FREE -> PIRQ, VIRQ, IPI; each -> FREE by close, by reset or
 * with the domain. When one end of an INTERDOMAIN pair is closed, the other becomes UNBOUND. Port 0
 * is RESERVED.
 *
 * Invariants (evtchn_check_invariants()):
 *  I1 a bit in bucket.used is set exactly for the ports that are not FREE; active_ports counts the
 *     open ones
 *  I2 INTERDOMAIN ports come in pairs that name each other
 *  I3 v->virq_port[n] names a port with state VIRQ and virq n, and each such port is named once
 *  I4 an open port's vcpu exists, or is 0
 *  I5 valid_ports only grows, and every bucket below it has its ports
 *
 * Locks: the domain's (RANK_EVTCHN) for opening, closing, binding; two domains' in address order
 * for a pair. Each port has a lock (RANK_PORT) besides, so that sending takes that alone: while the
 * sender holds its own end's lock, its peer can be neither closed nor rebound, which takes both,
 * and the remote domain cannot go away.
 */
#include "hypercall.h"
#include "irq.h"
#include "port.h"

static unsigned bucket_count(uint32_t max_port) { return max_port / PORTS_PER_BUCKET + 1; }

/* Give the first bucket without ports its ports. -ENOMEM. Domain's lock held. */
static int bucket_fill(struct domain *d) {
	struct evtchn *ports = heap_alloc(PORTS_PER_BUCKET * sizeof(*ports));
	uint32_t n = d->evtchn.valid_ports;

	if (!ports) return -ENOMEM;
	for (unsigned i = 0; i < PORTS_PER_BUCKET; i++) spin_init(&ports[i].lock, RANK_PORT);
	d->evtchn.buckets[n / PORTS_PER_BUCKET].ports = ports;
	/* Release: who sees the new limit sees the ports. */
	__atomic_store_n(&d->evtchn.valid_ports, n + PORTS_PER_BUCKET, __ATOMIC_RELEASE);
	return 0;
}

int evtchn_domain_create(struct domain *d, uint32_t max_port) {
	struct evtchn_domain *e = &d->evtchn;

	spin_init(&e->lock, RANK_EVTCHN);
	e->max_port = MIN(max_port, EVTCHN_FIFO_NR_CHANNELS - 1u);
	e->buckets = heap_alloc(bucket_count(e->max_port) * sizeof(*e->buckets));
	if (!e->buckets || bucket_fill(d)) return -ENOMEM; /* evtchn_domain_free() follows */
	e->buckets[0].used = 1;
	e->buckets[0].ports[0].state = PORT_RESERVED;
	return 0;
}

void evtchn_domain_free(struct domain *d) {
	struct evtchn_domain *e = &d->evtchn;

	if (!e->buckets) return;
	for (unsigned b = 0; b < e->valid_ports / PORTS_PER_BUCKET; b++) heap_free(e->buckets[b].ports);
	heap_free(e->buckets);
	e->buckets = NULL;
	e->valid_ports = 0;
}

/* -- opening -- */

static uint32_t port_limit(const struct domain *d) {
	return MIN(d->evtchn.max_port,
		   (d->evtchn.fifo ? EVTCHN_FIFO_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS) - 1u);
}

/* The first free port from `port` on; beyond `limit` if there is none. */
static port_t next_free(const struct domain *d, port_t port, uint32_t limit) {
	for (; port <= limit; port = ROUND_DOWN(port, PORTS_PER_BUCKET) + PORTS_PER_BUCKET) {
		uint64_t free = ~d->evtchn.buckets[port / PORTS_PER_BUCKET].used;

		free &= ~0ULL << port % PORTS_PER_BUCKET;
		if (free) return ROUND_DOWN(port, PORTS_PER_BUCKET) + bit_first(free);
	}
	return port;
}

int port_alloc(struct domain *d, port_t *out) {
	struct evtchn_domain *e = &d->evtchn;
	uint32_t limit = port_limit(d);
	unsigned patience = 2 * PORTS_PER_BUCKET; /* with a guest that keeps closed ports linked */
	port_t port = e->search;

	if (d->state >= DOM_DYING) return -EINVAL;
	e->search = 0;
	for (; (port = next_free(d, port, limit)) <= limit; port++) {
		if (port >= e->valid_ports && bucket_fill(d)) return -ENOMEM;
		*out = port;
		if (!fifo_linked(d, port)) return 0;
		if (--patience) continue;
		e->search = port; /* go on there next time */
		break;
	}
	return -ENOSPC;
}

struct evtchn *port_open(struct domain *d, port_t port, enum port_state state, unsigned vcpu) {
	struct evtchn *c = port_find(d, port);

	CHECK(c && c->state == PORT_FREE);
	spin_lock(&c->lock);
	c->state = (uint8_t)state;
	c->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	c->vcpu = (uint16_t)vcpu;
	d->evtchn.buckets[port / PORTS_PER_BUCKET].used |= 1ULL << port % PORTS_PER_BUCKET;
	d->evtchn.active_ports++;
	return c;
}

/* -- closing -- */

/* Set an open port free; its and the domain's lock held. */
static void port_free(struct domain *d, struct evtchn *c, port_t port) {
	if (d->evtchn.fifo)
		fifo_clear(d, c, port);
	else
		twolevel_clear(d, port);
	c->state = PORT_FREE;
	c->vcpu = 0;
	d->evtchn.buckets[port / PORTS_PER_BUCKET].used &= ~(1ULL << port % PORTS_PER_BUCKET);
	d->evtchn.active_ports--;
}

void port_revert(struct domain *d, port_t port) {
	struct evtchn *c = port_find(d, port);

	spin_lock(&c->lock);
	port_free(d, c, port);
	spin_unlock(&c->lock);
}

/* Close one end of a pair and leave the other waiting. Both domains' locks held. */
static void close_pair(struct domain *d, struct evtchn *c, port_t port) {
	struct evtchn *peer = port_peer(c);

	spin_lock_both(&c->lock, &peer->lock);
	peer->state = PORT_UNBOUND;
	peer->binder = d->id;
	port_free(d, c, port);
	spin_unlock_both(&c->lock, &peer->lock);
}

/* Close any other open port. Domain's lock held. */
static void close_single(struct domain *d, struct evtchn *c, port_t port) {
	if (c->state == PORT_PIRQ) pirq_unbind(d, c->pirq);
	if (c->state == PORT_VIRQ) virq_unbind(d, c, port);
	port_revert(d, port);
}

int evtchn_close(struct domain *d, port_t port) {
	struct evtchn *c = port_find(d, port);
	struct domain *rd = d;
	int err = 0;

	if (!c) return -EINVAL;
	domain_get(rd);
	spin_lock(&d->evtchn.lock);
	while (c->state == PORT_INTERDOMAIN && c->remote.domain != rd) {
		struct domain *old = rd;

		/* The pair keeps the remote domain alive until the lock is dropped. */
		rd = c->remote.domain;
		domain_get(rd);
		spin_unlock_both(&d->evtchn.lock, &old->evtchn.lock);
		domain_put(old);
		spin_lock_both(&d->evtchn.lock, &rd->evtchn.lock);
	}
	if (c->state == PORT_INTERDOMAIN)
		close_pair(d, c, port);
	else if (port_is_open(c))
		close_single(d, c, port);
	else
		err = -EINVAL;
	spin_unlock_both(&d->evtchn.lock, &rd->evtchn.lock);
	domain_put(rd);
	return err;
}

int evtchn_reset(struct domain *d) {
	struct evtchn_domain *e = &d->evtchn;
	struct evtchn_fifo_domain *fifo = NULL;
	bool all;

	for (port_t port = READ_ONCE(e->close_next); port < READ_ONCE(e->valid_ports);) {
		(void)!evtchn_close(d, port++); /* if it is open */
		if (!hypercall_preempt()) continue;
		WRITE_ONCE(e->close_next, port);
		return -ERESTART;
	}
	WRITE_ONCE(e->close_next, 0);
	spin_lock(&e->lock);
	all = !e->active_ports;
	if (all) {
		fifo = e->fifo;
		e->fifo = NULL; /* back to 2-level */
	}
	spin_unlock(&e->lock);
	if (fifo) fifo_free(d, fifo);
	return all ? 0 : -EAGAIN;
}

int evtchn_domain_destroy(struct domain *d) {
	int err;

	if (!d->evtchn.buckets) return 0;
	virq_handler_drop(d);
	/* A reset that was under way may have left ports behind; then another turn. No port is
	 * opened any more once the domain is dying. */
	do err = evtchn_reset(d);
	while (err == -EAGAIN && d->state >= DOM_DYING);
	return err;
}
