/* SPDX-License-Identifier: MIT */
/* sched_op (29) and its first form (6). */
#include "hypercall.h"
#include "sched.h"

#include <xen/sched.h>

#define POLL_PORTS_MAX 128

SUBOP(poll, struct sched_poll) {
	port_t ports[POLL_PORTS_MAX];

	if (a->nr_ports > POLL_PORTS_MAX) return -EINVAL;
	if (copy_from_guest(ports, guest_ptr(a->ports.p), a->nr_ports * sizeof(*ports))) return -EFAULT;
	for (unsigned i = 0; i < a->nr_ports; i++)
		if (ports[i] >= READ_ONCE(v->domain->evtchn.valid_ports)) return -EINVAL;
	vcpu_poll(ports, a->nr_ports, a->timeout);
	return 0;
}

SUBOP(shutdown, struct sched_shutdown) {
	domain_shutdown(v->domain, (uint8_t)a->reason);
	return 0;
}

SUBOP(shutdown_code, struct sched_shutdown) {
	SPIN_GUARD(&v->domain->domain_lock);

	v->domain->shutdown_latch = (uint8_t)a->reason;
	return 0;
}

SUBOP(remote_shutdown, struct sched_remote_shutdown) {
	DOMAIN_REF(d);
	int err = domain_find(a->domain_id, &d) ?: domain_may_control(d);

	if (!err) domain_shutdown(d, (uint8_t)a->reason);
	return err;
}

SUBOP(watchdog, struct sched_watchdog) { return sched_watchdog(v->domain, a->id, a->timeout); }

SUBOP(pin_override, struct sched_pin_override) { return vcpu_pin_override(v, a->pcpu); }

static const struct subop ops[] = {
	[SCHEDOP_shutdown] = { shutdown, sizeof(struct sched_shutdown), 0 },
	[SCHEDOP_poll] = { poll, sizeof(struct sched_poll), 0 },
	[SCHEDOP_remote_shutdown] = { remote_shutdown, sizeof(struct sched_remote_shutdown), 0 },
	[SCHEDOP_shutdown_code] = { shutdown_code, sizeof(struct sched_shutdown), 0 },
	[SCHEDOP_watchdog] = { watchdog, sizeof(struct sched_watchdog), 0 },
	[SCHEDOP_pin_override] = { pin_override, sizeof(struct sched_pin_override), SUBOP_DOM0 },
};

HYPERCALL(do_sched_op) {
	switch ((unsigned)a1) {
	case SCHEDOP_yield: vcpu_yield(); return 0;
	case SCHEDOP_block: vcpu_block(); return 0;
	default: return subop_call(ops, ARRAY_SIZE(ops), (unsigned)a1, current, gvaddr(a2));
	}
}

/* The old form: the reason is a value. */
HYPERCALL(do_sched_op_compat) {
	if ((unsigned)a1 > SCHEDOP_shutdown) return -ENOSYS;
	if ((unsigned)a1 != SCHEDOP_shutdown) return do_sched_op(a1, 0, 0, 0, 0, 0);
	domain_shutdown(current->domain, (uint8_t)a2);
	return 0;
}
