/* SPDX-License-Identifier: MIT */
/*
 * SCHEDOP_poll: a vCPU waits for a port to become pending, masked or not. It announces itself in
 * the domain's poll mask and then looks at the ports; a sender marks the port and then looks at the
 * mask. Whoever clears the vCPU's bit in the mask ends the poll.
 */
#include "unit.h"

static uint64_t *mask_word(const struct vcpu *v) { return &v->domain->evtchn.poll_mask[v->id / 64]; }

void vcpu_poll_end(struct vcpu *v) {
	uint64_t bit = 1ULL << v->id % 64;

	if (!(__atomic_fetch_and(mask_word(v), ~bit, __ATOMIC_SEQ_CST) & bit)) return;
	timer_stop(&v->poll_timer);
	vcpu_unblock_flag(v, VPF_POLL);
}

void poll_notify(struct domain *d, port_t port) {
	for (unsigned w = 0; w < ARRAY_SIZE(d->evtchn.poll_mask); w++) {
		uint64_t mask = READ_ONCE(d->evtchn.poll_mask[w]);

		for (; mask; mask &= mask - 1) {
			struct vcpu *v = d->vcpu[w * 64 + bit_first(mask)];

			if (READ_ONCE(v->poll_port) == UINT32_MAX || READ_ONCE(v->poll_port) == port) vcpu_poll_end(v);
		}
	}
}

static bool any_pending(struct domain *d, const port_t *ports, unsigned n) {
	for (unsigned i = 0; i < n; i++)
		if (evtchn_port_pending(d, ports[i])) return true;
	return false;
}

void vcpu_poll(const port_t *ports, unsigned n, uint64_t timeout) {
	struct vcpu *v = current;

	v->poll_port = n == 1 ? ports[0] : UINT32_MAX;
	__atomic_fetch_or(&v->pause_flags, VPF_POLL, __ATOMIC_SEQ_CST);
	/* Release: who sees the bit sees which ports and finds the flag to clear. */
	__atomic_fetch_or(mask_word(v), 1ULL << v->id % 64, __ATOMIC_SEQ_CST);
	if (timeout) timer_set(&v->poll_timer, cpu_id(), timeout);
	if (vcpu_event_pending(v) || READ_ONCE(v->pending_traps) || any_pending(v->domain, ports, n))
		vcpu_poll_end(v);
	else
		cpu_raise(cpu_id(), CPU_WORK_SCHEDULE);
}
