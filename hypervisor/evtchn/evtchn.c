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

/* Give bucket `b`, the first without ports, its ports. -ENOMEM. Domain's lock held. */
static int bucket_fill(struct domain *d, unsigned b) {
	struct evtchn *ports = heap_alloc(PORTS_PER_BUCKET * sizeof(*ports));

	if (!ports) return -ENOMEM;
	for (unsigned i = 0; i < PORTS_PER_BUCKET; i++) spin_init(&ports[i].lock, RANK_PORT);
	d->evtchn.buckets[b].ports = ports;
	/* Release: who sees the new limit sees the ports. */
	__atomic_store_n(&d->evtchn.valid_ports, (b + 1) * PORTS_PER_BUCKET, __ATOMIC_RELEASE);
	return 0;
}

int evtchn_domain_create(struct domain *d, uint32_t max_port) {
	struct evtchn_domain *e = &d->evtchn;

	spin_init(&e->lock, RANK_EVTCHN);
	e->max_port = MIN(max_port, EVTCHN_FIFO_NR_CHANNELS - 1u);
	e->buckets = heap_alloc(bucket_count(e->max_port) * sizeof(*e->buckets));
	if (!e->buckets) return -ENOMEM;
	if (bucket_fill(d, 0)) {
		evtchn_domain_free(d);
		return -ENOMEM;
	}
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

/* The bucket's lowest free port that is in no queue of the guest's; -1 if there is none. */
static int bucket_search(struct domain *d, unsigned b, unsigned *patience) {
	uint64_t free = ~d->evtchn.buckets[b].used;

	for (; free; free &= free - 1) {
		port_t port = b * PORTS_PER_BUCKET + bit_first(free);

		if (!fifo_linked(d, port)) return (int)port;
		if (!--*patience) break;
	}
	return -1;
}

int port_alloc(struct domain *d, port_t *out) {
	struct evtchn_domain *e = &d->evtchn;
	uint32_t limit = port_limit(d);
	unsigned patience = 2 * PORTS_PER_BUCKET; /* with a guest that keeps closed ports linked */
	int port = -1;

	if (d->state >= DOM_DYING) return -EINVAL;
	for (unsigned b = e->search; b <= limit / PORTS_PER_BUCKET; b++) {
		if (!~e->buckets[b].used) continue;
		if (!e->buckets[b].ports && bucket_fill(d, b)) return -ENOMEM;
		port = bucket_search(d, b, &patience);
		if (port >= 0) break;
		if (!patience) {
			e->search = b; /* go on there next time */
			return -ENOSPC;
		}
	}
	e->search = 0;
	if (port < 0 || (uint32_t)port > limit) return -ENOSPC;
	*out = (port_t)port;
	return 0;
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

	if (!c) return -EINVAL;
	spin_lock(&d->evtchn.lock);
	while (c->state == PORT_INTERDOMAIN && c->remote.domain != rd) {
		struct domain *want = c->remote.domain;

		/* The pair keeps the remote domain alive until the lock is dropped. (It may be d itself by
		 * now: nothing to hold then, nor to drop at the end.) */
		if (want != d) domain_get(want);
		spin_unlock_both(&d->evtchn.lock, &rd->evtchn.lock);
		if (rd != d) domain_put(rd);
		rd = want;
		spin_lock_both(&d->evtchn.lock, &rd->evtchn.lock);
	}
	int err = port_is_open(c) ? 0 : -EINVAL;

	if (c->state == PORT_INTERDOMAIN)
		close_pair(d, c, port);
	else if (!err)
		close_single(d, c, port);
	spin_unlock_both(&d->evtchn.lock, &rd->evtchn.lock);
	if (rd != d) domain_put(rd);
	return err;
}

/* The next open port from `port` on; valid_ports if there is none. */
static port_t next_open(const struct domain *d, port_t port) {
	uint32_t n = READ_ONCE(d->evtchn.valid_ports);

	for (; port < n; port = ROUND_DOWN(port, PORTS_PER_BUCKET) + PORTS_PER_BUCKET) {
		uint64_t used = READ_ONCE(d->evtchn.buckets[port / PORTS_PER_BUCKET].used);

		used &= ~0ULL << port % PORTS_PER_BUCKET;
		if (port < PORTS_PER_BUCKET) used &= ~1ULL;
		if (used) return ROUND_DOWN(port, PORTS_PER_BUCKET) + bit_first(used);
	}
	return n;
}

/* Close what is open from close_next on. 0 or -ERESTART. */
static int close_all(struct domain *d) {
	port_t port = READ_ONCE(d->evtchn.close_next);

	while ((port = next_open(d, port)) < READ_ONCE(d->evtchn.valid_ports)) {
		/* another may have closed it meanwhile */
		(void)!evtchn_close(d, port);
		port++;
		if (hypercall_preempt()) {
			WRITE_ONCE(d->evtchn.close_next, port);
			return -ERESTART;
		}
	}
	WRITE_ONCE(d->evtchn.close_next, 0);
	return 0;
}

int evtchn_reset(struct domain *d) {
	struct evtchn_fifo_domain *fifo = NULL;
	int err = close_all(d);

	if (err) return err;
	spin_lock(&d->evtchn.lock);
	if (d->evtchn.active_ports)
		err = -EAGAIN;
	else
		fifo = fifo_detach(d);
	spin_unlock(&d->evtchn.lock);
	fifo_free(fifo);
	return err;
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
