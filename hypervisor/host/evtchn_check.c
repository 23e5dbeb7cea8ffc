/* SPDX-License-Identifier: MIT */
/* What must hold of a domain's ports at all times (I1 to I5 of evtchn/evtchn.c), for tests to ask. */
#include "port.h"

static void check_port(struct domain *d, const struct evtchn *c, port_t port) {
	const struct vcpu *v = domain_vcpu(d, c->vcpu);

	CHECK(!port_is_open(c) || v || c->vcpu == 0);
	if (c->state == EVTCHNSTAT_interdomain) {
		const struct evtchn *peer = port_find(c->remote.domain, c->remote.port);

		CHECK(peer && peer != c && peer->state == EVTCHNSTAT_interdomain);
		CHECK(peer->remote.domain == d && peer->remote.port == port);
	}
	if (c->state == EVTCHNSTAT_virq) {
		v = virq_is_global(c->virq) ? domain_vcpu(d, 0) : v;
		CHECK(v && v->virq_port[c->virq] == port);
	}
}

void evtchn_check_invariants(struct domain *d) {
	struct evtchn_domain *e = &d->evtchn;
	unsigned open = 0, virqs = 0, bound = 0;
	struct vcpu *v;

	spin_lock(&e->lock);
	CHECK(e->valid_ports % PORTS_PER_BUCKET == 0 && e->valid_ports);
	for (port_t p = 0; p < e->valid_ports; p++) {
		const struct evtchn *c = port_find(d, p);

		CHECK((e->buckets[p / PORTS_PER_BUCKET].used >> p % PORTS_PER_BUCKET & 1) == (!p || port_is_open(c)));
		open += port_is_open(c);
		virqs += c->state == EVTCHNSTAT_virq;
		check_port(d, c, p);
	}
	CHECK(open == e->active_ports);
	for_each_vcpu (d, v)
		for (unsigned i = 0; i < NR_VIRQS; i++) bound += v->virq_port[i] != 0;
	CHECK(bound == virqs);
	spin_unlock(&e->lock);
}
