/* SPDX-License-Identifier: MIT */
/*
 * 2-level delivery: a pending and a mask bit per port in shared_info, and in vcpu_info a selector
 * with a bit per word of pending bits. The guest clears; ring 0 only sets.
 */
#include "port.h"

static void select_and_notify(struct vcpu *v, port_t port) {
	struct vcpu_info *info;

	if (unlikely(!v)) return; /* a port opened for a domain that has no vCPU yet */
	info = vcpu_info_get(v);
	if (!bit_test_and_set(port / 64, &info->evtchn_pending_sel)) vcpu_notify(v, info);
	vcpu_info_put(v, info);
}

void twolevel_raise(struct domain *d, struct evtchn *c, port_t port) {
	struct shared_info *s = d->shared_info;

	if (bit_test_and_set(port, s->evtchn_pending) || bit_test(port, s->evtchn_mask)) return;
	select_and_notify(d->vcpu[READ_ONCE(c->vcpu)], port);
}

void twolevel_unmask(struct domain *d, struct evtchn *c, port_t port) {
	struct shared_info *s = d->shared_info;

	if (bit_test_and_clear(port, s->evtchn_mask) && bit_test(port, s->evtchn_pending))
		select_and_notify(d->vcpu[c->vcpu], port);
}

bool twolevel_clear(struct domain *d, port_t port) {
	return bit_test_and_clear(port, d->shared_info->evtchn_pending);
}

bool twolevel_pending(struct domain *d, port_t port) {
	return bit_test(port, d->shared_info->evtchn_pending);
}
