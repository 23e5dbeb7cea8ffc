/* SPDX-License-Identifier: MIT */
/* event_channel_op (32) and its first form (16). */
#include "hypercall.h"
#include "evtchn.h"

/* The domain an operation is about: the running one, or another that it controls. */
static int target_get(domid_t id, struct domain **d) {
	int err = domain_find(id, d);

	if (err) return err;
	if (*d != current->domain && domain_may_control(*d)) {
		domain_put(*d);
		return -EPERM;
	}
	return 0;
}

static domid_t resolve(domid_t id) { return id == DOMID_SELF ? current->domain->id : id; }

static int alloc_unbound(struct evtchn_alloc_unbound *a) {
	struct domain *d;
	int err = target_get(a->dom, &d);

	if (err) return err;
	err = evtchn_alloc_unbound(d, resolve(a->remote_dom), &a->port);
	domain_put(d);
	return err;
}

static int bind_interdomain(struct evtchn_bind_interdomain *b) {
	struct domain *rd;
	int err = domain_find(b->remote_dom, &rd);

	if (err) return err;
	err = evtchn_bind_interdomain(current->domain, rd, b->remote_port, &b->local_port);
	domain_put(rd);
	return err;
}

static int bind_pirq(struct evtchn_bind_pirq *b) {
	if (b->flags & ~BIND_PIRQ__WILL_SHARE) return -EINVAL;
	return evtchn_bind_pirq(current->domain, b->pirq, b->flags & BIND_PIRQ__WILL_SHARE, &b->port);
}

static int status(struct evtchn_status *s) {
	struct domain *d;
	int err = target_get(s->dom, &d);

	if (err) return err;
	err = evtchn_status(d, s);
	domain_put(d);
	return err;
}

static int reset(const struct evtchn_reset *r) {
	struct domain *d;
	int err = target_get(r->dom, &d);

	if (err) return err;
	err = evtchn_reset(d);
	domain_put(d);
	return err;
}

/* One op on fetched arguments; results are left in them. */
static int dispatch(unsigned cmd, void *arg) {
	struct domain *d = current->domain;

	switch (cmd) {
	case EVTCHNOP_bind_interdomain: return bind_interdomain(arg);
	case EVTCHNOP_bind_virq: {
		struct evtchn_bind_virq *b = arg;

		return evtchn_bind_virq(d, b->virq, b->vcpu, &b->port);
	}
	case EVTCHNOP_bind_pirq: return bind_pirq(arg);
	case EVTCHNOP_close: return evtchn_close(d, ((struct evtchn_close *)arg)->port);
	case EVTCHNOP_send: return evtchn_send(d, ((struct evtchn_send *)arg)->port);
	case EVTCHNOP_status: return status(arg);
	case EVTCHNOP_alloc_unbound: return alloc_unbound(arg);
	case EVTCHNOP_bind_ipi: {
		struct evtchn_bind_ipi *b = arg;

		return evtchn_bind_ipi(d, b->vcpu, &b->port);
	}
	case EVTCHNOP_bind_vcpu: {
		const struct evtchn_bind_vcpu *b = arg;

		return evtchn_bind_vcpu(d, b->port, b->vcpu);
	}
	case EVTCHNOP_unmask: return evtchn_unmask(d, ((struct evtchn_unmask *)arg)->port);
	case EVTCHNOP_reset: return reset(arg);
	case EVTCHNOP_init_control: return evtchn_fifo_init_control(d, arg);
	case EVTCHNOP_expand_array:
		return evtchn_fifo_expand_array(d, mfn(((struct evtchn_expand_array *)arg)->array_gfn));
	case EVTCHNOP_set_priority: {
		const struct evtchn_set_priority *p = arg;

		return evtchn_set_priority(d, p->port, p->priority);
	}
	default: return -ENOSYS;
	}
}

/* Sizes of the arguments (the same for 32-bit guests), and whether they carry a result. */
static const struct {
	uint8_t size;
	bool result;
} ops[] = {
	[EVTCHNOP_bind_interdomain] = { sizeof(struct evtchn_bind_interdomain), true },
	[EVTCHNOP_bind_virq] = { sizeof(struct evtchn_bind_virq), true },
	[EVTCHNOP_bind_pirq] = { sizeof(struct evtchn_bind_pirq), true },
	[EVTCHNOP_close] = { sizeof(struct evtchn_close), false },
	[EVTCHNOP_send] = { sizeof(struct evtchn_send), false },
	[EVTCHNOP_status] = { sizeof(struct evtchn_status), true },
	[EVTCHNOP_alloc_unbound] = { sizeof(struct evtchn_alloc_unbound), true },
	[EVTCHNOP_bind_ipi] = { sizeof(struct evtchn_bind_ipi), true },
	[EVTCHNOP_bind_vcpu] = { sizeof(struct evtchn_bind_vcpu), false },
	[EVTCHNOP_unmask] = { sizeof(struct evtchn_unmask), false },
	[EVTCHNOP_reset] = { sizeof(struct evtchn_reset), false },
	[EVTCHNOP_init_control] = { sizeof(struct evtchn_init_control), true },
	[EVTCHNOP_expand_array] = { sizeof(struct evtchn_expand_array), false },
	[EVTCHNOP_set_priority] = { sizeof(struct evtchn_set_priority), false },
};

/* All but send and unmask; apart, so that those need no stack for the others' arguments. */
static __noinline long other_op(unsigned cmd, gvaddr_t at) {
	uint64_t arg[4];
	int err;

	if (cmd >= ARRAY_SIZE(ops)) return -ENOSYS;
	cmd = (unsigned)index_nospec(cmd, ARRAY_SIZE(ops));
	if (copy_from_guest(arg, at, ops[cmd].size)) return -EFAULT;
	err = dispatch(cmd, arg);
	if (err == -ERESTART) return hypercall_restart(__HYPERVISOR_event_channel_op, 2, (uint64_t)cmd, at.a);
	if (!err && ops[cmd].result && copy_to_guest(at, arg, ops[cmd].size)) err = -EFAULT;
	return err;
}

HYPERCALL(do_event_channel_op) {
	unsigned cmd = (unsigned)a1;
	port_t port; /* struct evtchn_send and struct evtchn_unmask are just this */

	if (unlikely(cmd != EVTCHNOP_send && cmd != EVTCHNOP_unmask)) return other_op(cmd, gvaddr(a2));
	if (copy_from_guest(&port, gvaddr(a2), sizeof(port))) return -EFAULT;
	return cmd == EVTCHNOP_send ? evtchn_send(current->domain, port)
				    : evtchn_unmask(current->domain, port);
}

HYPERCALL(do_event_channel_op_compat) {
	struct evtchn_op op;
	int err;

	if (copy_from_guest(&op, gvaddr(a1), sizeof(op))) return -EFAULT;
	if (op.cmd > EVTCHNOP_unmask) return -ENOSYS;
	err = dispatch(op.cmd, &op.u);
	if (!err && copy_to_guest(gvaddr(a1), &op, sizeof(op))) err = -EFAULT;
	return err;
}
