/* SPDX-License-Identifier: MIT */
/*
 * 2-level delivery: a pending and a mask bit per port in shared_info, and in vcpu_info a selector
 * with a bit per word of pending bits. The guest clears; ring 0 only sets.
 */
#include "compat.h"
#include "port.h"

unsigned twolevel_ports(const struct domain *d) {
	return d->pv32 ? COMPAT_EVTCHN_PORTS : EVTCHN_2L_NR_CHANNELS;
}

static void *pending_bits(const struct domain *d) {
	return likely(!d->pv32) ? (void *)d->shared_info->evtchn_pending
				: (char *)d->shared_info + COMPAT_SHARED_PENDING;
}

static void *mask_bits(const struct domain *d) {
	return likely(!d->pv32) ? (void *)d->shared_info->evtchn_mask
				: (char *)d->shared_info + COMPAT_SHARED_MASK;
}

static void select_and_notify(struct domain *d, struct vcpu *v, port_t port) {
	struct vcpu_info *info;
	bool selected;

	if (unlikely(!v)) return; /* a port opened for a domain that has no vCPU yet */
	info = vcpu_info_get(v);
	if (likely(!d->pv32))
		selected = bit_test_and_set(port / 64, &info->evtchn_pending_sel);
	else
		selected = bit_test_and_set(port / 32, (char *)info + COMPAT_VCPU_INFO_SEL);
	if (!selected) vcpu_notify(v, info);
	vcpu_info_put(v, info);
}

void twolevel_raise(struct domain *d, struct evtchn *c, port_t port) {
	if (bit_test_and_set(port, pending_bits(d)) || bit_test(port, mask_bits(d))) return;
	select_and_notify(d, d->vcpu[READ_ONCE(c->vcpu)], port);
}

void twolevel_unmask(struct domain *d, struct evtchn *c, port_t port) {
	if (bit_test_and_clear(port, mask_bits(d)) && bit_test(port, pending_bits(d)))
		select_and_notify(d, d->vcpu[c->vcpu], port);
}

void twolevel_clear(struct domain *d, port_t port) { (void)bit_test_and_clear(port, pending_bits(d)); }

bool twolevel_pending(struct domain *d, port_t port) { return bit_test(port, pending_bits(d)); }
