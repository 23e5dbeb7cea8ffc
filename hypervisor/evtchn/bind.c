/* SPDX-License-Identifier: MIT */
/* The kinds of ports: how each comes to be. Each function decides under the domain's lock, then
 * does. */
#include "irq.h"
#include "port.h"

/* Open a port of a kind that is `about` something. Domain's lock held. */
static int port_new(struct domain *d, enum port_state state, unsigned vcpu, uint32_t about, port_t *out) {
	int err = port_alloc(d, out);
	struct evtchn *c;

	if (err) return err;
	c = port_open(d, *out, state, vcpu);
	c->about = about;
	spin_unlock(&c->lock);
	return 0;
}

int evtchn_alloc_unbound(struct domain *d, domid_t remote, port_t *out) {
	SPIN_GUARD(&d->evtchn.lock);

	return port_new(d, PORT_UNBOUND, 0, remote, out);
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
	SPIN_GUARD(&d->evtchn.lock);

	if (virq >= NR_VIRQS || (virq_is_global(virq) && vcpu)) return -EINVAL;
	if (!v) return -ENOENT;
	virq = (unsigned)index_nospec(virq, NR_VIRQS);
	err = v->virq_port[virq] ? -EEXIST : port_new(d, PORT_VIRQ, vcpu, virq, out);
	if (!err) WRITE_ONCE(v->virq_port[virq], *out);
	return err;
}

void virq_unbind(struct domain *d, const struct evtchn *c, port_t port) {
	struct vcpu *v = d->vcpu[virq_is_global(c->virq) ? 0 : c->vcpu];

	CHECK(v->virq_port[c->virq] == port);
	WRITE_ONCE(v->virq_port[c->virq], 0);
}

int evtchn_bind_ipi(struct domain *d, unsigned vcpu, port_t *out) {
	SPIN_GUARD(&d->evtchn.lock);

	return domain_vcpu(d, vcpu) ? port_new(d, PORT_IPI, vcpu, 0, out) : -ENOENT;
}

int evtchn_bind_pirq(struct domain *d, unsigned pirq, bool share, port_t *out) {
	struct vcpu *v = domain_vcpu(d, 0);
	int err;
	SPIN_GUARD(&d->evtchn.lock);

	if (!v) return -ENOENT;
	/* Open before the interrupt can come: the first one must find its port. */
	err = port_new(d, PORT_PIRQ, 0, pirq, out);
	if (err) return err;
	err = pirq_bind(v, pirq, *out, share);
	if (err) port_revert(d, *out);
	return err;
}

int evtchn_bind_vcpu(struct domain *d, port_t port, unsigned vcpu) {
	struct vcpu *v = domain_vcpu(d, vcpu);
	struct evtchn *c = port_find(d, port);
	SPIN_GUARD(&d->evtchn.lock);

	if (!v) return -ENOENT;
	if (!c || !port_is_open(c) || c->state == PORT_IPI ||
	    (c->state == PORT_VIRQ && !virq_is_global(c->virq)))
		return -EINVAL;
	spin_lock(&c->lock);
	c->vcpu = (uint16_t)vcpu;
	spin_unlock(&c->lock);
	if (c->state == PORT_PIRQ) pirq_set_affinity(d, c->pirq, v);
	return 0;
}

int evtchn_status(struct domain *d, struct evtchn_status *s) {
	static const uint8_t status[] = {
		[PORT_UNBOUND] = EVTCHNSTAT_unbound, [PORT_INTERDOMAIN] = EVTCHNSTAT_interdomain,
		[PORT_PIRQ] = EVTCHNSTAT_pirq,       [PORT_VIRQ] = EVTCHNSTAT_virq,
		[PORT_IPI] = EVTCHNSTAT_ipi,
	};
	const struct evtchn *c = port_find(d, s->port);
	SPIN_GUARD(&d->evtchn.lock);

	if (!c) return -EINVAL;
	s->vcpu = c->vcpu;
	s->status = status[c->state];
	if (c->state == PORT_UNBOUND) s->u.unbound.dom = (domid_t)c->binder;
	if (c->state == PORT_PIRQ) s->u.pirq = c->pirq;
	if (c->state == PORT_VIRQ) s->u.virq = c->virq;
	if (c->state == PORT_INTERDOMAIN) {
		s->u.interdomain.dom = c->remote.domain->id;
		s->u.interdomain.port = c->remote.port;
	}
	return 0;
}
