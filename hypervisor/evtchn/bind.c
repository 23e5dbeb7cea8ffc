/* SPDX-License-Identifier: MIT */
/* The kinds of ports: how each comes to be. Each function decides under the domain's lock, then
 * does. */
#include "irq.h"
#include "port_bind.h"

int evtchn_alloc_unbound(struct domain *d, domid_t remote, port_t *out) {
	int err;

	spin_lock(&d->evtchn.lock);
	err = port_alloc(d, out);
	if (!err) {
		struct evtchn *c = port_open(d, *out, PORT_UNBOUND, 0);

		c->binder = remote;
		spin_unlock(&c->lock);
	}
	spin_unlock(&d->evtchn.lock);
	return err;
}

/* Both ends exist: join them. Both domains' locks held. */
static void join(struct domain *d, port_t port, struct domain *rd, port_t rport) {
	struct evtchn *c = port_open(d, port, PORT_INTERDOMAIN, 0);
	struct evtchn *rc = port_find(rd, rport);

	c->remote.domain = rd;
	c->remote.port = rport;
	spin_unlock(&c->lock);
	spin_lock(&rc->lock);
	rc->state = PORT_INTERDOMAIN;
	rc->remote.domain = d;
	rc->remote.port = port;
	/* The peer may have sent while nobody listened. Its lock keeps c open. */
	port_raise(d, c, port);
	spin_unlock(&rc->lock);
}

int evtchn_bind_interdomain(struct domain *d, struct domain *rd, port_t rport, port_t *out) {
	struct evtchn *rc;
	int err;

	spin_lock_both(&d->evtchn.lock, &rd->evtchn.lock);
	rc = port_find(rd, rport);
	err = rc && rc->state == PORT_UNBOUND && rc->binder == d->id ? port_alloc(d, out) : -EINVAL;
	if (!err) join(d, *out, rd, rport);
	spin_unlock_both(&d->evtchn.lock, &rd->evtchn.lock);
	return err;
}

int evtchn_bind_virq(struct domain *d, unsigned virq, unsigned vcpu, port_t *out) {
	struct vcpu *v = domain_vcpu(d, vcpu);
	int err;

	if (virq >= NR_VIRQS || (virq_is_global(virq) && vcpu)) return -EINVAL;
	if (!v) return -ENOENT;
	virq = (unsigned)index_nospec(virq, NR_VIRQS);
	spin_lock(&d->evtchn.lock);
	err = v->virq_port[virq] ? -EEXIST : port_alloc(d, out);
	if (!err) {
		struct evtchn *c = port_open(d, *out, PORT_VIRQ, vcpu);

		c->virq = virq;
		spin_unlock(&c->lock);
		WRITE_ONCE(v->virq_port[virq], *out);
	}
	spin_unlock(&d->evtchn.lock);
	return err;
}

void virq_unbind(struct domain *d, const struct evtchn *c, port_t port) {
	struct vcpu *v = d->vcpu[virq_is_global(c->virq) ? 0 : c->vcpu];

	CHECK(v->virq_port[c->virq] == port);
	WRITE_ONCE(v->virq_port[c->virq], 0);
}

int evtchn_bind_ipi(struct domain *d, unsigned vcpu, port_t *out) {
	int err;

	if (!domain_vcpu(d, vcpu)) return -ENOENT;
	spin_lock(&d->evtchn.lock);
	err = port_alloc(d, out);
	if (!err) spin_unlock(&port_open(d, *out, PORT_IPI, vcpu)->lock);
	spin_unlock(&d->evtchn.lock);
	return err;
}

int evtchn_bind_pirq(struct domain *d, unsigned pirq, bool share, port_t *out) {
	struct vcpu *v = domain_vcpu(d, 0);
	int err;

	if (!v) return -ENOENT;
	spin_lock(&d->evtchn.lock);
	err = port_alloc(d, out);
	if (!err) {
		/* Open before the interrupt can come: the first one must find its port. */
		struct evtchn *c = port_open(d, *out, PORT_PIRQ, 0);

		c->pirq = pirq;
		spin_unlock(&c->lock);
		err = pirq_bind(v, pirq, *out, share);
		if (err) port_revert(d, *out);
	}
	spin_unlock(&d->evtchn.lock);
	return err;
}

int evtchn_bind_vcpu(struct domain *d, port_t port, unsigned vcpu) {
	struct vcpu *v = domain_vcpu(d, vcpu);
	struct evtchn *c;
	int err = 0;

	if (!v) return -ENOENT;
	c = port_find(d, port);
	if (!c) return -EINVAL;
	spin_lock(&d->evtchn.lock);
	switch (c->state) {
	case PORT_VIRQ:
		if (!virq_is_global(c->virq)) err = -EINVAL;
		break;
	case PORT_UNBOUND:
	case PORT_INTERDOMAIN:
	case PORT_PIRQ: break;
	default: err = -EINVAL;
	}
	if (!err) {
		spin_lock(&c->lock);
		c->vcpu = (uint16_t)vcpu;
		spin_unlock(&c->lock);
		if (c->state == PORT_PIRQ) pirq_set_affinity(d, c->pirq, v);
	}
	spin_unlock(&d->evtchn.lock);
	return err;
}

int evtchn_status(struct domain *d, struct evtchn_status *s) {
	struct evtchn *c = port_find(d, s->port);

	if (!c) return -EINVAL;
	spin_lock(&d->evtchn.lock);
	s->vcpu = c->vcpu;
	switch (c->state) {
	case PORT_UNBOUND:
		s->status = EVTCHNSTAT_unbound;
		s->u.unbound.dom = c->binder;
		break;
	case PORT_INTERDOMAIN:
		s->status = EVTCHNSTAT_interdomain;
		s->u.interdomain.dom = c->remote.domain->id;
		s->u.interdomain.port = c->remote.port;
		break;
	case PORT_PIRQ:
		s->status = EVTCHNSTAT_pirq;
		s->u.pirq = c->pirq;
		break;
	case PORT_VIRQ:
		s->status = EVTCHNSTAT_virq;
		s->u.virq = c->virq;
		break;
	case PORT_IPI: s->status = EVTCHNSTAT_ipi; break;
	default: s->status = EVTCHNSTAT_closed;
	}
	spin_unlock(&d->evtchn.lock);
	return 0;
}
