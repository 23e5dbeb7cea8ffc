/* SPDX-License-Identifier: MIT */
/* sched_op (29) and its first form (6). */
#include "hypercall.h"
#include "sched.h"

#include <xen/sched.h>

#define POLL_PORTS_MAX 128

/* struct sched_poll as a 32-bit guest lays it out */
struct compat_sched_poll {
	uint32_t ports;
	uint32_t nr_ports;
	uint64_t timeout;
};

static int poll_fetch(gvaddr_t at, gvaddr_t *ports, unsigned *n, uint64_t *timeout) {
	struct sched_poll p;
	struct compat_sched_poll c;

	if (current->domain->pv32) {
		if (copy_from_guest(&c, at, sizeof(c))) return -EFAULT;
		*ports = gvaddr(c.ports);
		*n = c.nr_ports;
		*timeout = c.timeout;
		return 0;
	}
	if (copy_from_guest(&p, at, sizeof(p))) return -EFAULT;
	*ports = guest_ptr(p.ports.p);
	*n = p.nr_ports;
	*timeout = p.timeout;
	return 0;
}

SUBOP(poll, void) {
	port_t ports[POLL_PORTS_MAX];
	gvaddr_t list;
	uint64_t timeout;
	unsigned n;
	int err = poll_fetch(at, &list, &n, &timeout);

	if (err) return err;
	if (n > POLL_PORTS_MAX) return -EINVAL;
	if (copy_from_guest(ports, list, n * sizeof(*ports))) return -EFAULT;
	for (unsigned i = 0; i < n; i++)
		if (!evtchn_port_valid(v->domain, ports[i])) return -EINVAL;
	vcpu_poll(ports, n, timeout);
	return 0;
}

SUBOP(shutdown, struct sched_shutdown) {
	domain_shutdown(v->domain, (uint8_t)a->reason);
	return 0;
}

SUBOP(shutdown_code, struct sched_shutdown) {
	SPIN_GUARD(&v->domain->domain_lock);

	v->domain->shutdown_latch = 0x100 | (uint8_t)a->reason;
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
	[SCHEDOP_poll] = { poll, 0, 0 },
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
