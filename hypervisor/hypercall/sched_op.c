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

static int poll(gvaddr_t at) {
	port_t ports[POLL_PORTS_MAX];
	gvaddr_t list;
	uint64_t timeout;
	unsigned n;
	int err = poll_fetch(at, &list, &n, &timeout);

	if (err) return err;
	if (n > POLL_PORTS_MAX) return -EINVAL;
	if (copy_from_guest(ports, list, n * sizeof(*ports))) return -EFAULT;
	for (unsigned i = 0; i < n; i++)
		if (!evtchn_port_valid(current->domain, ports[i])) return -EINVAL;
	vcpu_poll(ports, n, timeout);
	return 0;
}

static int shutdown(gvaddr_t at) {
	struct sched_shutdown s;

	if (copy_from_guest(&s, at, sizeof(s))) return -EFAULT;
	domain_shutdown(current->domain, (uint8_t)s.reason);
	return 0;
}

static int shutdown_code(gvaddr_t at) {
	struct domain *d = current->domain;
	struct sched_shutdown s;

	if (copy_from_guest(&s, at, sizeof(s))) return -EFAULT;
	spin_lock(&d->domain_lock);
	d->shutdown_latch = 0x100 | (uint8_t)s.reason;
	spin_unlock(&d->domain_lock);
	return 0;
}

static int remote_shutdown(gvaddr_t at) {
	struct sched_remote_shutdown r;
	struct domain *d;
	int err;

	if (copy_from_guest(&r, at, sizeof(r))) return -EFAULT;
	err = domain_find(r.domain_id, &d);
	if (err) return err;
	err = domain_may_control(d);
	if (!err) domain_shutdown(d, (uint8_t)r.reason);
	domain_put(d);
	return err;
}

static long watchdog(gvaddr_t at) {
	struct sched_watchdog w;

	if (copy_from_guest(&w, at, sizeof(w))) return -EFAULT;
	return sched_watchdog(current->domain, w.id, w.timeout);
}

static int pin_override(gvaddr_t at) {
	struct sched_pin_override p;

	if (!current->domain->privileged) return -EPERM;
	if (copy_from_guest(&p, at, sizeof(p))) return -EFAULT;
	return vcpu_pin_override(current, p.pcpu);
}

HYPERCALL(do_sched_op) {
	gvaddr_t at = gvaddr(a2);

	switch ((unsigned)a1) {
	case SCHEDOP_yield: vcpu_yield(); return 0;
	case SCHEDOP_block: vcpu_block(); return 0;
	case SCHEDOP_shutdown: return shutdown(at);
	case SCHEDOP_poll: return poll(at);
	case SCHEDOP_remote_shutdown: return remote_shutdown(at);
	case SCHEDOP_shutdown_code: return shutdown_code(at);
	case SCHEDOP_watchdog: return watchdog(at);
	case SCHEDOP_pin_override: return pin_override(at);
	default: return -ENOSYS;
	}
}

HYPERCALL(do_sched_op_compat) {
	switch ((unsigned)a1) {
	case SCHEDOP_yield: vcpu_yield(); return 0;
	case SCHEDOP_block: vcpu_block(); return 0;
	case SCHEDOP_shutdown: domain_shutdown(current->domain, (uint8_t)a2); return 0;
	default: return -ENOSYS;
	}
}
