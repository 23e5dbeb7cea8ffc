/* SPDX-License-Identifier: MIT */
/*
 * A domain's port table and the life of a port.
 *
 *   closed -> unbound <-> interdomain, closed -> pirq, virq, ipi (EVTCHNSTAT_*); each -> closed by
 * close, by reset or with the domain. When one end of an interdomain pair is closed, the other
 * becomes unbound. Port 0 is never opened.
 *
 * Invariants (evtchn_check_invariants()):
 *  I1 a bit in bucket.used is set exactly for port 0 and those that are open; active_ports counts
 *     the open ones
 *  I2 interdomain ports come in pairs that name each other
 *  I3 v->virq_port[n] names a port with state virq and virq n, and each such port is named once
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
	e->buckets = heap_alloc((e->max_port / PORTS_PER_BUCKET + 1) * sizeof(*e->buckets));
	if (!e->buckets || bucket_fill(d)) return -ENOMEM; /* evtchn_domain_free() follows */
	e->buckets[0].used = 1;
	return 0;
}

void evtchn_domain_free(struct domain *d) {
	struct evtchn_domain *e = &d->evtchn;

	for (unsigned b = 0; b < e->valid_ports / PORTS_PER_BUCKET; b++) heap_free(e->buckets[b].ports);
	heap_free(e->buckets);
}

/* -- opening -- */

/* The first port from `port` on that is open, or is not; beyond `limit` if there is none. */
static port_t port_next(const struct domain *d, port_t port, uint32_t limit, bool open) {
	for (; port <= limit; port = ROUND_DOWN(port, PORTS_PER_BUCKET) + PORTS_PER_BUCKET) {
		uint64_t used = READ_ONCE(d->evtchn.buckets[port / PORTS_PER_BUCKET].used);
		uint64_t these = (open ? used : ~used) & ~0ULL << port % PORTS_PER_BUCKET;

		if (these) return ROUND_DOWN(port, PORTS_PER_BUCKET) + bit_first(these);
	}
	return port;
}

/* Find a free port. It stays free: the caller, who holds the domain's lock, opens it. 0, -EINVAL
 * (the domain is dying), -ENOSPC, -ENOMEM. */
static int port_alloc(struct domain *d, port_t *out) {
	struct evtchn_domain *e = &d->evtchn;
	uint32_t limit = MIN(e->max_port, (e->fifo ? EVTCHN_FIFO_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS) - 1u);
	unsigned patience = 2 * PORTS_PER_BUCKET; /* with a guest that keeps closed ports linked */
	port_t port = e->search;

	if (d->state >= DOM_DYING) return -EINVAL;
	e->search = 0;
	for (; (port = port_next(d, port, limit, false)) <= limit; port++) {
		if (port >= e->valid_ports && bucket_fill(d)) return -ENOMEM;
		*out = port;
		if (!fifo_linked(d, port)) return 0;
		if (--patience) continue;
		e->search = port; /* go on there next time */
		break;
	}
	return -ENOSPC;
}

/* Open a port of a kind that is `about` something. Domain's lock held. */
static int port_open(struct domain *d, unsigned state, unsigned vcpu, uint32_t about, port_t *out) {
	int err = port_alloc(d, out);
	struct evtchn *c;

	if (err) return err;
	c = port_find(d, *out);
	CHECK(c && c->state == EVTCHNSTAT_closed);
	spin_lock(&c->lock);
	c->state = (uint8_t)state;
	c->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	c->vcpu = (uint16_t)vcpu;
	c->about = about;
	spin_unlock(&c->lock);
	d->evtchn.buckets[*out / PORTS_PER_BUCKET].used |= 1ULL << *out % PORTS_PER_BUCKET;
	d->evtchn.active_ports++;
	return 0;
}

/* Set an open port free; its peer, if that is not itself, is left waiting. Both domains' locks held. */
static void port_free(struct domain *d, port_t port) {
	struct evtchn *c = port_find(d, port), *peer = c->state == EVTCHNSTAT_interdomain ? port_peer(c) : c;

	spin_lock_both(&c->lock, &peer->lock);
	peer->state = EVTCHNSTAT_unbound;
	peer->binder = d->id;
	if (d->evtchn.fifo)
		fifo_clear(d, c, port);
	else
		twolevel_clear(d, port);
	c->state = EVTCHNSTAT_closed;
	c->vcpu = 0;
	spin_unlock_both(&c->lock, &peer->lock);
	d->evtchn.buckets[port / PORTS_PER_BUCKET].used &= ~(1ULL << port % PORTS_PER_BUCKET);
	d->evtchn.active_ports--;
}

/* -- the kinds of ports: how each comes to be -- */

int evtchn_alloc_unbound(struct domain *d, domid_t remote, port_t *out) {
	SPIN_GUARD(&d->evtchn.lock);

	return port_open(d, EVTCHNSTAT_unbound, 0, remote, out);
}

/* Both ends are there: join them. Both domains' locks held. */
static void join(struct domain *d, port_t port, struct domain *rd, port_t rport) {
	struct evtchn *c = port_find(d, port), *rc = port_find(rd, rport);

	spin_lock_both(&c->lock, &rc->lock);
	c->state = rc->state = EVTCHNSTAT_interdomain;
	c->remote.domain = rd;
	c->remote.port = rport;
	rc->remote.domain = d;
	rc->remote.port = port;
	port_raise(d, c, port); /* the peer may have sent while nobody listened */
	spin_unlock_both(&c->lock, &rc->lock);
}

int evtchn_bind_interdomain(struct domain *d, struct domain *rd, port_t rport, port_t *out) {
	struct evtchn *rc;
	int err;

	spin_lock_both(&d->evtchn.lock, &rd->evtchn.lock);
	rc = port_find(rd, rport);
	err = -EINVAL;
	if (rc && rc->state == EVTCHNSTAT_unbound && rc->binder == d->id)
		err = port_open(d, EVTCHNSTAT_unbound, 0, rd->id, out);
	if (!err) join(d, *out, rd, rport);
	spin_unlock_both(&d->evtchn.lock, &rd->evtchn.lock);
	return err;
}

int evtchn_bind_virq(struct domain *d, unsigned virq, unsigned vcpu, port_t *out) {
	struct vcpu *v = domain_vcpu(d, vcpu);
	int err;
	SPIN_GUARD(&d->evtchn.lock);

	if (virq >= NR_VIRQS || (virq_is_global(virq) && vcpu)) return -EINVAL;
	if (!v) return -ENOENT;
	virq = (unsigned)index_nospec(virq, NR_VIRQS);
	err = v->virq_port[virq] ? -EEXIST : port_open(d, EVTCHNSTAT_virq, vcpu, virq, out);
	if (!err) WRITE_ONCE(v->virq_port[virq], *out);
	return err;
}

int evtchn_bind_ipi(struct domain *d, unsigned vcpu, port_t *out) {
	SPIN_GUARD(&d->evtchn.lock);

	return domain_vcpu(d, vcpu) ? port_open(d, EVTCHNSTAT_ipi, vcpu, 0, out) : -ENOENT;
}

int evtchn_bind_pirq(struct domain *d, unsigned pirq, bool share, port_t *out) {
	struct vcpu *v = domain_vcpu(d, 0);
	int err;
	SPIN_GUARD(&d->evtchn.lock);

	if (!v) return -ENOENT;
	/* Open before the interrupt can come: the first one must find its port. */
	err = port_open(d, EVTCHNSTAT_pirq, 0, pirq, out);
	if (err) return err;
	err = pirq_bind(v, pirq, *out, share);
	if (err) port_free(d, *out);
	return err;
}

int evtchn_bind_vcpu(struct domain *d, port_t port, unsigned vcpu) {
	struct vcpu *v = domain_vcpu(d, vcpu);
	struct evtchn *c = port_find(d, port);
	SPIN_GUARD(&d->evtchn.lock);

	if (!v) return -ENOENT;
	if (!c || !port_is_open(c) || c->state == EVTCHNSTAT_ipi ||
	    (c->state == EVTCHNSTAT_virq && !virq_is_global(c->virq)))
		return -EINVAL;
	spin_lock(&c->lock);
	c->vcpu = (uint16_t)vcpu;
	spin_unlock(&c->lock);
	if (c->state == EVTCHNSTAT_pirq) pirq_set_affinity(d, c->pirq, v);
	return 0;
}

/* -- closing -- */

/* Close an open port. Its and its peer's domain's lock held. */
static void port_close(struct domain *d, struct evtchn *c, port_t port) {
	if (c->state == EVTCHNSTAT_pirq) pirq_unbind(d, c->pirq, port);
	if (c->state == EVTCHNSTAT_virq) {
		struct vcpu *v = d->vcpu[virq_is_global(c->virq) ? 0 : c->vcpu];

		CHECK(v->virq_port[c->virq] == port);
		WRITE_ONCE(v->virq_port[c->virq], 0);
	}
	port_free(d, port);
}

int evtchn_close(struct domain *d, port_t port) {
	struct evtchn *c = port_find(d, port);
	struct domain *rd = d;
	int err;

	if (!c) return -EINVAL;
	domain_get(rd);
	spin_lock(&d->evtchn.lock);
	while (c->state == EVTCHNSTAT_interdomain && c->remote.domain != rd) {
		struct domain *old = rd;

		/* The pair keeps the remote domain alive until the lock is dropped. */
		rd = c->remote.domain;
		domain_get(rd);
		spin_unlock_both(&d->evtchn.lock, &old->evtchn.lock);
		domain_put(old);
		spin_lock_both(&d->evtchn.lock, &rd->evtchn.lock);
	}
	err = port_is_open(c) ? 0 : -EINVAL;
	if (!err) port_close(d, c, port);
	spin_unlock_both(&d->evtchn.lock, &rd->evtchn.lock);
	domain_put(rd);
	return err;
}

int evtchn_reset(struct domain *d) {
	struct evtchn_domain *e = &d->evtchn;
	struct evtchn_fifo_domain *fifo = NULL;
	bool all;

	for (port_t port = 1; (port = port_next(d, port, e->max_port, true)) <= e->max_port;) {
		(void)!evtchn_close(d, port); /* if it still is open */
		if (hypercall_preempt()) return -ERESTART;
	}
	spin_lock(&e->lock);
	all = !e->active_ports;
	if (all) fifo = __atomic_exchange_n(&e->fifo, NULL, __ATOMIC_SEQ_CST); /* back to 2-level */
	spin_unlock(&e->lock);
	if (fifo) fifo_free(d, fifo);
	return all ? 0 : -EAGAIN;
}

int evtchn_domain_destroy(struct domain *d) {
	virq_handler_drop(d);
	/* One may have been opened just before, behind the reset; then another turn. No port is
	 * opened any more once the domain is dying. */
	return evtchn_reset(d) ? -ERESTART : 0;
}

int evtchn_status(struct domain *d, struct evtchn_status *s) {
	const struct evtchn *c = port_find(d, s->port);
	SPIN_GUARD(&d->evtchn.lock);

	if (!c) return -EINVAL;
	s->vcpu = c->vcpu;
	s->status = c->state;
	if (c->state == EVTCHNSTAT_unbound) s->u.unbound.dom = (domid_t)c->binder;
	if (c->state == EVTCHNSTAT_pirq) s->u.pirq = c->pirq;
	if (c->state == EVTCHNSTAT_virq) s->u.virq = c->virq;
	if (c->state == EVTCHNSTAT_interdomain) {
		s->u.interdomain.dom = c->remote.domain->id;
		s->u.interdomain.port = c->remote.port;
	}
	return 0;
}
