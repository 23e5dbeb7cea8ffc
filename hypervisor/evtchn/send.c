/* SPDX-License-Identifier: MIT */
/* Raising ports: sends, virtual and physical interrupts, unmask; and telling vCPUs of it. 2-level delivery.
 */
#include "cpu.h"
#include "port.h"

/* -- the vCPU's side -- */

/* Set evtchn_upcall_pending in info, and wake or kick v if it was not set. */
static void vcpu_notify(struct vcpu *v, struct vcpu_info *info) {
	/* The exchange orders the port's bits and this one before the look at the vCPU's state. */
	if (__atomic_exchange_n(&info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST)) return;
	/* Our own vCPU looks on its way out, unless it is about to sleep. */
	if (v != current || READ_ONCE(v->pause_flags)) vcpu_kick(v);
}

void vcpu_mark_events_pending(struct vcpu *v) {
	struct vcpu_info *info = vcpu_info_get(v);

	vcpu_notify(v, info);
	vcpu_info_put(v, info);
}

bool vcpu_event_pending(struct vcpu *v) {
	struct vcpu_info *info = vcpu_info_get(v);
	bool pending = READ_ONCE(info->evtchn_upcall_pending) && !READ_ONCE(info->evtchn_upcall_mask);

	vcpu_info_put(v, info);
	return pending;
}

/*
 * -- 2-level delivery --
 *
 * A pending and a mask bit per port in shared_info, and in vcpu_info a selector with a bit per word
 * of pending bits. The guest clears; ring 0 only sets. (The other way of delivery is in fifo.c.)
 */

static void select_and_notify(struct vcpu *v, port_t port) {
	struct vcpu_info *info;

	if (unlikely(!v)) return; /* a port opened for a domain that has no vCPU yet */
	info = vcpu_info_get(v);
	if (!bit_test_and_set(port / 64, &info->evtchn_pending_sel)) vcpu_notify(v, info);
	vcpu_info_put(v, info);
}

/* A call of its own, so that what remains of port_raise() is small enough to be part of a send. */
static __noinline void twolevel_raise(struct domain *d, struct evtchn *c, port_t port) {
	struct shared_info *s = d->shared_info;

	if (bit_test_and_set(port, s->evtchn_pending) || bit_test(port, s->evtchn_mask)) return;
	select_and_notify(d->vcpu[READ_ONCE(c->vcpu)], port);
}

static void twolevel_unmask(struct domain *d, struct evtchn *c, port_t port) {
	struct shared_info *s = d->shared_info;

	if (bit_test_and_clear(port, s->evtchn_mask) && bit_test(port, s->evtchn_pending))
		select_and_notify(d->vcpu[c->vcpu], port);
}

bool twolevel_clear(struct domain *d, port_t port) { return bit_test_and_clear(port, d->shared_info->evtchn_pending); }

/* -- the port's side -- */

void port_raise(struct domain *d, struct evtchn *c, port_t port) {
	if (d->evtchn.fifo)
		fifo_raise(d, c, port);
	else
		twolevel_raise(d, c, port);
	/* PENDING was set by a locked operation, so a poller that did not see it is seen here. */
	if (unlikely(READ_ONCE(d->evtchn.poll_mask[0]) | READ_ONCE(d->evtchn.poll_mask[1]))) poll_notify(d, port);
}

int evtchn_send(struct domain *d, port_t port) {
	PORT_GUARD(c, d, port);

	if (unlikely(!c)) return -EINVAL;
	if (likely(c->state == EVTCHNSTAT_interdomain))
		port_raise(c->remote.domain, port_peer(c), c->remote.port);
	else if (c->state == EVTCHNSTAT_ipi)
		port_raise(d, c, port);
	else if (c->state != EVTCHNSTAT_unbound) /* nobody listens: no error */
		return -EINVAL;
	return 0;
}

int evtchn_unmask(struct domain *d, port_t port) {
	PORT_GUARD(c, d, port);

	if (unlikely(!c)) return port_find(d, port) ? 0 : -EINVAL;
	if (d->evtchn.fifo)
		fifo_unmask(d, c, port);
	else
		twolevel_unmask(d, c, port);
	return 0;
}

bool evtchn_port_pending(struct domain *d, port_t port) {
	PORT_GUARD(c, d, port);

	return c && (d->evtchn.fifo ? fifo_pending(d, c, port) : bit_test(port, d->shared_info->evtchn_pending));
}

void evtchn_raise_pirq(struct domain *d, port_t port) {
	PORT_GUARD(c, d, port);

	if (c && c->state == EVTCHNSTAT_pirq) port_raise(d, c, port);
}

/* -- virtual interrupts -- */

static struct spinlock virq_lock = SPINLOCK_INIT(RANK_VIRQ);
static struct domain *virq_handler[NR_VIRQS]; /* (virq_lock) holds a reference; NULL: dom0 */

void virq_raise_vcpu(struct vcpu *v, unsigned virq) {
	port_t port = READ_ONCE(v->virq_port[virq]);
	PORT_GUARD(c, v->domain, port); /* port 0, for none, is never open */

	/* The port may have been closed, and opened as another, since it was looked up. */
	if (c && c->state == EVTCHNSTAT_virq && c->virq == virq && (c->vcpu == v->id || virq_is_global(virq)))
		port_raise(v->domain, c, port);
}

void virq_raise_global(unsigned virq) {
	struct domain *d;
	SPIN_GUARD(&virq_lock);

	d = virq_handler[virq] ? virq_handler[virq] : dom0;
	if (d && domain_vcpu(d, 0)) virq_raise_vcpu(d->vcpu[0], virq);
}

int virq_handler_set(struct domain *d, unsigned virq) {
	SPIN_GUARD(&virq_lock);

	if (virq >= NR_VIRQS || !virq_is_global(virq)) return -EINVAL;
	domain_get(d);
	if (virq_handler[virq]) domain_put(virq_handler[virq]);
	virq_handler[virq] = d;
	return 0;
}

void virq_handler_drop(struct domain *d) {
	SPIN_GUARD(&virq_lock);

	for (unsigned i = 0; i < NR_VIRQS; i++) {
		if (virq_handler[i] != d) continue;
		virq_handler[i] = NULL;
		domain_put(d);
	}
}
