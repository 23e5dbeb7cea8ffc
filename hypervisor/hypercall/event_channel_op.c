/* SPDX-License-Identifier: MIT */
/* event_channel_op (32) and its first form (16). */
#include "hypercall.h"
#include "evtchn.h"

SUBOP(alloc_unbound, struct evtchn_alloc_unbound) {
	domid_t remote = a->remote_dom == DOMID_SELF ? v->domain->id : a->remote_dom;
	DOMAIN_REF(d);

	return domain_find_controlled(a->dom, &d) ?: evtchn_alloc_unbound(d, remote, &a->port);
}

SUBOP(bind_interdomain, struct evtchn_bind_interdomain) {
	DOMAIN_REF(remote);

	return domain_find(a->remote_dom, &remote)
		       ?: evtchn_bind_interdomain(v->domain, remote, a->remote_port, &a->local_port);
}

SUBOP(bind_virq, struct evtchn_bind_virq) { return evtchn_bind_virq(v->domain, a->virq, a->vcpu, &a->port); }

SUBOP(bind_ipi, struct evtchn_bind_ipi) { return evtchn_bind_ipi(v->domain, a->vcpu, &a->port); }

SUBOP(bind_pirq, struct evtchn_bind_pirq) {
	if (a->flags & ~BIND_PIRQ__WILL_SHARE) return -EINVAL;
	return evtchn_bind_pirq(v->domain, a->pirq, a->flags & BIND_PIRQ__WILL_SHARE, &a->port);
}

SUBOP(bind_vcpu, struct evtchn_bind_vcpu) { return evtchn_bind_vcpu(v->domain, a->port, a->vcpu); }

SUBOP(close, struct evtchn_close) { return evtchn_close(v->domain, a->port); }

SUBOP(status, struct evtchn_status) {
	DOMAIN_REF(d);

	return domain_find_controlled(a->dom, &d) ?: evtchn_status(d, a);
}

/* Of another domain only while its toolstack keeps it paused. */
SUBOP(reset, struct evtchn_reset) {
	DOMAIN_REF(d);
	int err = domain_find_controlled(a->dom, &d);

	if (!err) err = d == v->domain || d->pause_count ? evtchn_reset(d) : -EINVAL;
	if (err != -ERESTART) return err;
	return hypercall_restart(__HYPERVISOR_event_channel_op, 2, (uint64_t)EVTCHNOP_reset, at.a);
}

SUBOP(init_control, struct evtchn_init_control) { return evtchn_fifo_init_control(v->domain, a); }

SUBOP(expand_array, struct evtchn_expand_array) { return evtchn_fifo_expand_array(v->domain, mfn(a->array_gfn)); }

SUBOP(set_priority, struct evtchn_set_priority) { return evtchn_set_priority(v->domain, a->port, a->priority); }

/* The structures are the same for 32-bit guests. */
static const struct subop ops[] = {
	[EVTCHNOP_bind_interdomain] = { bind_interdomain, sizeof(struct evtchn_bind_interdomain), SUBOP_OUT },
	[EVTCHNOP_bind_virq] = { bind_virq, sizeof(struct evtchn_bind_virq), SUBOP_OUT },
	[EVTCHNOP_bind_pirq] = { bind_pirq, sizeof(struct evtchn_bind_pirq), SUBOP_OUT },
	[EVTCHNOP_close] = { close, sizeof(struct evtchn_close), 0 },
	[EVTCHNOP_status] = { status, sizeof(struct evtchn_status), SUBOP_OUT },
	[EVTCHNOP_alloc_unbound] = { alloc_unbound, sizeof(struct evtchn_alloc_unbound), SUBOP_OUT },
	[EVTCHNOP_bind_ipi] = { bind_ipi, sizeof(struct evtchn_bind_ipi), SUBOP_OUT },
	[EVTCHNOP_bind_vcpu] = { bind_vcpu, sizeof(struct evtchn_bind_vcpu), 0 },
	[EVTCHNOP_reset] = { reset, sizeof(struct evtchn_reset), 0 },
	[EVTCHNOP_init_control] = { init_control, sizeof(struct evtchn_init_control), SUBOP_OUT },
	[EVTCHNOP_expand_array] = { expand_array, sizeof(struct evtchn_expand_array), 0 },
	[EVTCHNOP_set_priority] = { set_priority, sizeof(struct evtchn_set_priority), 0 },
};

HYPERCALL(do_event_channel_op) {
	unsigned cmd = (unsigned)a1;
	port_t port; /* struct evtchn_send and struct evtchn_unmask are just this */

	if (unlikely(cmd != EVTCHNOP_send && cmd != EVTCHNOP_unmask))
		return subop_call(ops, ARRAY_SIZE(ops), cmd, current, gvaddr(a2));
	if (copy_from_guest(&port, gvaddr(a2), sizeof(port))) return -EFAULT;
	return cmd == EVTCHNOP_send ? evtchn_send(current->domain, port) : evtchn_unmask(current->domain, port);
}

/* The old form: one structure that begins with the number of the operation. */
HYPERCALL(do_event_channel_op_compat) {
	uint32_t cmd;

	if (copy_from_guest(&cmd, gvaddr(a1), sizeof(cmd))) return -EFAULT;
	if (cmd > EVTCHNOP_unmask) return -ENOSYS;
	return do_event_channel_op(cmd, a1 + offsetof(struct evtchn_op, u), 0, 0, 0, 0);
}
