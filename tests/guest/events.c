/* SPDX-License-Identifier: MIT */
/* Event channels in the 2-level format: binding, sending, masking, closing, waiting for them; and
 * what is refused. */
#include <kit/evtchn.h>
#include "tap.h"

static volatile unsigned int seen[KIT_PORTS];
static volatile unsigned int last_port;

static void count(unsigned int port) {
	seen[port]++;
	last_port = port;
}

static long status(unsigned int port, struct evtchn_status *st) {
	memset(st, 0, sizeof(*st));
	st->dom = DOMID_SELF;
	st->port = port;
	return hv_event_channel_op(EVTCHNOP_status, st);
}

static void status_is(unsigned int port, unsigned int want, const char *name) {
	struct evtchn_status st;

	is(status(port, &st), 0, name);
	is(st.status, want, name);
}

static void test_ipi(void) {
	long port = kit_event_bind_ipi(0);

	ok(port > 0, "an IPI port is bound");
	ok(kit_shared_info->evtchn_mask[port / 64] >> port % 64 & 1, "the guest finds the mask bit as it left it");
	is(kit_event_send(port), 0, "an event is sent to a masked port");
	ok(kit_event_pending(port), "it is pending");
	is(seen[port], 0, "and not delivered");
	kit_event_handle(port, count);
	is(seen[port], 1, "unmasking the port delivers it");
	ok(!kit_event_pending(port), "and it is not pending any more");
	is(kit_event_send(port), 0, "an event is sent to an open port");
	is(seen[port], 2, "and delivered at once");
	kit_events_off();
	kit_event_send(port);
	kit_event_send(port);
	is(seen[port], 2, "no delivery while the vCPU has events off");
	is(kit_vcpu_info()->evtchn_upcall_pending, 1, "but a note of it");
	kit_events_on();
	is(seen[port], 3, "two sends are one event");
	status_is(port, EVTCHNSTAT_ipi, "status: ipi");
	is(kit_event_close(port), 0, "the port is closed");
	status_is(port, EVTCHNSTAT_closed, "status: closed");
	is(kit_event_send(port), KIT_ERRNO(EINVAL), "a closed port is not sent to");
	is(kit_event_close(port), KIT_ERRNO(EINVAL), "nor closed again");
	ok(!kit_event_pending(port), "nor pending");
	is(kit_event_bind_ipi(0), port, "the lowest free port is given again");
	kit_event_close(port);
}

static void test_virq(void) {
	struct evtchn_status st;
	long port = kit_event_bind_virq(VIRQ_DEBUG, 0), console;

	ok(port > 0, "a virtual interrupt is bound");
	is(kit_event_bind_virq(VIRQ_DEBUG, 0), KIT_ERRNO(EEXIST), "it is not bound twice");
	is(kit_event_bind_virq(NR_VIRQS, 0), KIT_ERRNO(EINVAL), "an unknown virtual interrupt is refused");
	is(kit_event_bind_virq(VIRQ_TIMER, 40), KIT_ERRNO(ENOENT), "a vCPU that does not exist is refused");
	is(status(port, &st), 0, "its status");
	is(st.status, EVTCHNSTAT_virq, "is virq");
	is(st.u.virq, VIRQ_DEBUG, "with its number");
	is(st.vcpu, 0, "and vCPU");
	is(kit_event_send(port), KIT_ERRNO(EINVAL), "a guest cannot send to a virq port");
	kit_event_close(port);
	console = kit_event_bind_virq(VIRQ_CONSOLE, 0);
	ok(console > 0, "dom0 binds the global console interrupt");
	is(kit_event_bind_virq(VIRQ_CONSOLE, 0), KIT_ERRNO(EEXIST), "once");
	kit_event_close(console);
	for (unsigned int virq = 0; virq < NR_VIRQS; virq++) {
		char name[40];

		port = kit_event_bind_virq(virq, 0);
		kit_snprintf(name, sizeof(name), "bind_virq %u on vCPU 0", virq);
		value(name, port > 0 ? 0 : port);
		if (port > 0) kit_event_close(port);
	}
}

static void test_interdomain(void) {
	long a = kit_event_alloc_unbound(DOMID_SELF, DOMID_SELF), b;
	struct evtchn_status st;

	ok(a > 0, "an unbound port for oneself");
	status(a, &st);
	is(st.status, EVTCHNSTAT_unbound, "status: unbound");
	is(st.u.unbound.dom, 0, "for domain 0");
	is(kit_event_send(a), 0, "a send to an unbound port is lost");
	b = kit_event_bind_interdomain(DOMID_SELF, a);
	ok(b > 0 && b != a, "it is bound to another port");
	value("a new binding is pending", kit_event_pending(b));
	kit_event_clear(b);
	status(b, &st);
	is(st.status, EVTCHNSTAT_interdomain, "status: interdomain");
	is(st.u.interdomain.port, a, "with the other's port");
	kit_event_handle(a, count);
	kit_event_handle(b, count);
	seen[a] = seen[b] = 0;
	is(kit_event_send(b), 0, "a send to one");
	is(seen[a], 1, "arrives at the other");
	is(kit_event_send(a), 0, "and back");
	is(seen[b], 1, "as well");
	is(kit_event_bind_interdomain(DOMID_SELF, a), KIT_ERRNO(EINVAL), "a bound port is not bound again");
	is(kit_event_bind_interdomain(DOMID_SELF, 4000), KIT_ERRNO(EINVAL), "nor one that is not in use");
	is(kit_event_bind_interdomain(1234, 1), KIT_ERRNO(ESRCH), "nor one of no domain");
	is(kit_event_close(a), 0, "one end is closed");
	status_is(b, EVTCHNSTAT_unbound, "the other is unbound");
	is(kit_event_send(b), 0, "and sends nowhere");
	kit_event_close(b);
	a = kit_event_alloc_unbound(DOMID_SELF, 7);
	ok(a > 0, "an unbound port for a domain to come");
	is(kit_event_bind_interdomain(DOMID_SELF, a), KIT_ERRNO(EINVAL), "is not for oneself");
	kit_event_close(a);
	is(kit_event_alloc_unbound(1234, 0), KIT_ERRNO(ESRCH), "a port of a domain that does not exist");
}

static long bind_vcpu(unsigned int port, unsigned int vcpu) {
	struct evtchn_bind_vcpu bind = { .port = port, .vcpu = vcpu };

	return hv_event_channel_op(EVTCHNOP_bind_vcpu, &bind);
}

static void test_bind_vcpu(void) {
	long port = kit_event_alloc_unbound(DOMID_SELF, DOMID_SELF), ipi = kit_event_bind_ipi(0);
	long virq = kit_event_bind_virq(VIRQ_TIMER, 0), global = kit_event_bind_virq(VIRQ_CONSOLE, 0);

	is(bind_vcpu(port, 0), 0, "an unbound port changes its vCPU");
	is(bind_vcpu(port, 40), KIT_ERRNO(ENOENT), "not to one that does not exist");
	is(bind_vcpu(ipi, 0), KIT_ERRNO(EINVAL), "an IPI stays");
	is(bind_vcpu(virq, 0), KIT_ERRNO(EINVAL), "as does the virtual interrupt of a vCPU");
	is(bind_vcpu(global, 0), 0, "a global virtual interrupt moves");
	is(bind_vcpu(4000, 0), KIT_ERRNO(EINVAL), "no port");
	is(kit_event_bind_ipi(40), KIT_ERRNO(ENOENT), "no IPI for a vCPU that does not exist");
	kit_event_close(port);
	kit_event_close(ipi);
	kit_event_close(virq);
	kit_event_close(global);
}

static void test_refused(void) {
	struct evtchn_unmask unmask = { .port = 100000 };
	struct evtchn_status st;
	struct evtchn_bind_pirq pirq = { .pirq = 5000 };
	struct evtchn_reset reset = { .dom = 1234 };

	is(kit_event_send(100000), KIT_ERRNO(EINVAL), "send beyond the ports");
	is(kit_event_close(100000), KIT_ERRNO(EINVAL), "close beyond the ports");
	is(kit_event_close(0), KIT_ERRNO(EINVAL), "close of port 0");
	is(kit_event_send(0), KIT_ERRNO(EINVAL), "send to port 0");
	is(hv_event_channel_op(EVTCHNOP_unmask, &unmask), KIT_ERRNO(EINVAL), "unmask beyond the ports");
	is(status(100000, &st), KIT_ERRNO(EINVAL), "status beyond the ports");
	is(hv_event_channel_op(99, &st), KIT_ERRNO(ENOSYS), "an unknown operation");
	is(hv_event_channel_op(EVTCHNOP_send, (void *)0x7000000000UL), KIT_ERRNO(EFAULT), "an unmapped argument");
	is(hv_event_channel_op(EVTCHNOP_bind_pirq, &pirq), KIT_ERRNO(EINVAL), "a pirq beyond all");
	is(hv_event_channel_op(EVTCHNOP_reset, &reset), KIT_ERRNO(ESRCH), "reset of no domain");
	st.dom = 1234;
	st.port = 1;
	is(hv_event_channel_op(EVTCHNOP_status, &st), KIT_ERRNO(ESRCH), "status in no domain");
}

static long poll(evtchn_port_t *ports, unsigned int n, uint64_t deadline) {
	struct sched_poll p = { .nr_ports = n, .timeout = deadline };

	set_xen_guest_handle(p.ports, ports);
	return hv_sched_op(SCHEDOP_poll, &p);
}

static void test_poll(void) {
	long port = kit_event_bind_ipi(0);
	evtchn_port_t ports[200] = { port };

	kit_events_off();
	kit_event_send(port);
	is(poll(ports, 1, 0), 0, "poll with a pending port comes back");
	ok(kit_event_pending(port), "and leaves it pending");
	kit_event_clear(port);
	is(poll(ports, 1, 1), 0, "poll with a deadline in the past comes back");
	ports[0] = 100000;
	is(poll(ports, 1, 1), KIT_ERRNO(EINVAL), "poll of no port");
	is(poll(ports, 129, 1), KIT_ERRNO(EINVAL), "poll of too many ports");
	is(poll((void *)0x7000000000UL, 1, 1), KIT_ERRNO(EFAULT), "poll of an unmapped list");
	is(poll(NULL, 0, 1), 0, "poll of nothing, with a deadline");
	kit_events_on();
	kit_event_close(port);
}

static void test_block(void) {
	long port = kit_event_bind_ipi(0);

	kit_event_handle(port, count);
	seen[port] = 0;
	kit_events_off();
	kit_event_send(port);
	is(hv_sched_op(SCHEDOP_block, NULL), 0, "block with a pending event comes back");
	is(seen[port], 1, "with the event delivered");
	is(kit_vcpu_info()->evtchn_upcall_mask, 0, "and events on");
	is(hv_sched_op(SCHEDOP_yield, NULL), 0, "yield");
	is(hv_sched_op(99, NULL), KIT_ERRNO(ENOSYS), "an unknown sched_op");
	kit_event_close(port);
}

/* Several ports pending at once: all are delivered, and a port bound high has its selector bit. */
static void test_many(void) {
	static long ports[300];
	unsigned int good = 0;

	kit_events_off();
	for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++) {
		ports[i] = kit_event_bind_ipi(0);
		if (ports[i] <= 0) break;
		seen[ports[i]] = 0;
		kit_event_handle(ports[i], count);
		kit_event_send(ports[i]);
		good++;
	}
	is(good, ARRAY_SIZE(ports), "300 ports are bound");
	kit_events_on();
	for (unsigned int i = 0; i < good; i++) good -= seen[ports[i]] != 1;
	is(good, ARRAY_SIZE(ports), "and each event arrives once");
	for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++) kit_event_close(ports[i]);
}

/* How many ports there are: the 2-level format ends at 4096, and dom0 may use them all. */
static void test_limit(void) {
	long port, last = 0;
	unsigned int bound = 0;

	while ((port = kit_event_alloc_unbound(DOMID_SELF, DOMID_SELF)) > 0) {
		last = port;
		bound++;
		if (bound > 5000) break;
	}
	is(port, KIT_ERRNO(ENOSPC), "ports run out");
	is(last, KIT_PORTS - 1, "at the last one");
	is(kit_event_send(last), 0, "which works");
	is(kit_event_close(last), 0, "and is closed");
	is(kit_event_alloc_unbound(DOMID_SELF, DOMID_SELF), last, "and given again");
}

static void test_reset(void) {
	struct evtchn_reset reset = { .dom = DOMID_SELF };
	struct evtchn_status st;

	is(hv_event_channel_op(EVTCHNOP_reset, &reset), 0, "reset closes all");
	status(100, &st);
	is(st.status, EVTCHNSTAT_closed, "port 100 is closed");
	ok(kit_event_bind_ipi(0) > 0, "ports can be bound again");
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_events_init();
	kit_events_on();
	test_ipi();
	test_virq();
	test_interdomain();
	test_bind_vcpu();
	test_refused();
	test_poll();
	test_block();
	test_many();
	test_limit();
	test_reset();
	done();
}
