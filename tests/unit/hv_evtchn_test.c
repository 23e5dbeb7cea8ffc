/* SPDX-License-Identifier: MIT */
/* Event channels: the port table, bindings, 2-level delivery, close, reset; each refusal with its
 * number. */
#include "evt_fixture.h"

static void as(struct domain *d) { run_on(0, d->vcpu[0]); }

static port_t unbound(struct domain *d, domid_t remote) {
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = remote };

	as(d);
	assert_int_equal(CALL(alloc_unbound, a), 0);
	return a.port;
}

static port_t connect(struct domain *d, struct domain *rd, port_t rport) {
	struct evtchn_bind_interdomain b = { .remote_dom = rd->id, .remote_port = rport };

	as(d);
	assert_int_equal(CALL(bind_interdomain, b), 0);
	return b.local_port;
}

static long send(struct domain *d, port_t port) {
	struct evtchn_send s = { .port = port };

	as(d);
	return CALL(send, s);
}

static long close_port(struct domain *d, port_t port) {
	struct evtchn_close c = { .port = port };

	as(d);
	return CALL(close, c);
}

static struct evtchn_status status(struct domain *d, port_t port) {
	struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

	as(d);
	assert_int_equal(CALL(status, s), 0);
	return s;
}

/* -- unbound and interdomain -- */

static void ports_are_lowest_first(void **state) {
	assert_int_equal(unbound(guest, 2), 1);
	assert_int_equal(unbound(guest, 2), 2);
	assert_int_equal(unbound(guest, 2), 3);
	assert_int_equal(close_port(guest, 2), 0);
	assert_int_equal(unbound(guest, 2), 2);
}

static void unbound_names_its_peer(void **state) {
	port_t p = unbound(guest, 2), q = unbound(guest, DOMID_SELF);

	assert_int_equal(status(guest, p).status, EVTCHNSTAT_unbound);
	assert_int_equal(status(guest, p).u.unbound.dom, 2);
	assert_int_equal(status(guest, q).u.unbound.dom, 1);
	assert_int_equal(send(guest, p), 0);
}

static void unbound_for_another_needs_privilege(void **state) {
	struct evtchn_alloc_unbound a = { .dom = 2, .remote_dom = 1 };

	as(guest);
	assert_int_equal(CALL(alloc_unbound, a), -EPERM);
	a.dom = 77;
	assert_int_equal(CALL(alloc_unbound, a), -ESRCH);
	a.dom = 2;
	as(dom0);
	assert_int_equal(CALL(alloc_unbound, a), 0);
	assert_int_equal(status(peer, a.port).u.unbound.dom, 1);
}

static void interdomain_joins_and_signals(void **state) {
	port_t p = unbound(guest, 2), q = connect(peer, guest, p);

	assert_int_equal(status(guest, p).status, EVTCHNSTAT_interdomain);
	assert_int_equal(status(guest, p).u.interdomain.dom, 2);
	assert_int_equal(status(guest, p).u.interdomain.port, q);
	assert_int_equal(status(peer, q).u.interdomain.port, p);
	/* binding makes the new end pending */
	assert_true(pending2(peer, q));
	assert_int_equal(info_of(peer->vcpu[0])->evtchn_upcall_pending, 1);
	assert_false(pending2(guest, p));
	take_all(peer);
	assert_int_equal(send(guest, p), 0);
	assert_true(pending2(peer, q));
	assert_int_equal(send(peer, q), 0);
	assert_true(pending2(guest, p));
}

static void interdomain_refusals(void **state) {
	port_t p = unbound(guest, 2), mine = unbound(guest, 1);
	struct evtchn_bind_interdomain b = { .remote_dom = 1, .remote_port = p };

	as(dom0); /* privilege is no help: the port is for domain 2 */
	assert_int_equal(CALL(bind_interdomain, b), -EINVAL);
	as(peer);
	b.remote_port = mine;
	assert_int_equal(CALL(bind_interdomain, b), -EINVAL);
	b.remote_port = 0;
	assert_int_equal(CALL(bind_interdomain, b), -EINVAL);
	b.remote_port = 1000000;
	assert_int_equal(CALL(bind_interdomain, b), -EINVAL);
	b.remote_dom = 99;
	assert_int_equal(CALL(bind_interdomain, b), -ESRCH);
	b.remote_dom = 1;
	b.remote_port = p;
	assert_int_equal(CALL(bind_interdomain, b), 0);
	assert_int_equal(CALL(bind_interdomain, b), -EINVAL); /* taken */
	assert_int_equal(peer->evtchn.active_ports, 1);
}

static void loopback(void **state) {
	port_t p = unbound(guest, DOMID_SELF);
	struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF, .remote_port = p };

	assert_int_equal(CALL(bind_interdomain, b), 0);
	take_all(guest);
	assert_int_equal(send(guest, p), 0);
	assert_true(pending2(guest, b.local_port));
	assert_int_equal(close_port(guest, p), 0);
	assert_int_equal(status(guest, b.local_port).status, EVTCHNSTAT_unbound);
	assert_int_equal(status(guest, b.local_port).u.unbound.dom, 1);
	assert_int_equal(close_port(guest, b.local_port), 0);
}

static void close_leaves_the_peer_unbound(void **state) {
	port_t p = unbound(guest, 2), q = connect(peer, guest, p);

	assert_int_equal(close_port(peer, q), 0);
	assert_int_equal(status(guest, p).status, EVTCHNSTAT_unbound);
	assert_int_equal(status(guest, p).u.unbound.dom, 2);
	assert_int_equal(status(peer, q).status, EVTCHNSTAT_closed);
	assert_false(pending2(peer, q)); /* a pending bit does not outlive its port */
	assert_int_equal(send(guest, p), 0);
	assert_int_equal(send(peer, q), -EINVAL);
	q = connect(peer, guest, p);
	assert_int_equal(send(guest, p), 0);
}

static void a_dying_domain_lets_go_of_its_peers(void **state) {
	port_t p = unbound(guest, 2);
	struct evtchn_alloc_unbound a = { .dom = 2, .remote_dom = 1 };

	connect(peer, guest, p);
	run_on(0, dom0->vcpu[0]);
	hypercall_preempt_units = 1;
	domain_end(peer);
	hypercall_preempt_units = 1000000;
	assert_int_equal(status(guest, p).status, EVTCHNSTAT_unbound);
	as(dom0);
	assert_true(CALL(alloc_unbound, a) < 0);
	run_nothing();
	domains_reap();
	peer = domain_make(2, false);
}

/* -- VIRQs, IPIs, PIRQs -- */

static void virq_per_vcpu(void **state) {
	struct evtchn_bind_virq b = { .virq = VIRQ_TIMER, .vcpu = 1 };

	assert_int_equal(CALL(bind_virq, b), 0);
	assert_int_equal(status(guest, b.port).status, EVTCHNSTAT_virq);
	assert_int_equal(status(guest, b.port).u.virq, VIRQ_TIMER);
	assert_int_equal(status(guest, b.port).vcpu, 1);
	as(guest);
	assert_int_equal(CALL(bind_virq, b), -EEXIST);
	virq_raise_vcpu(guest->vcpu[0], VIRQ_TIMER);
	assert_false(pending2(guest, b.port));
	virq_raise_vcpu(guest->vcpu[1], VIRQ_TIMER);
	assert_true(pending2(guest, b.port));
	assert_int_equal(info_of(guest->vcpu[1])->evtchn_upcall_pending, 1);
	assert_int_equal(info_of(guest->vcpu[0])->evtchn_upcall_pending, 0);
	assert_int_equal(send(guest, b.port), -EINVAL);
	assert_int_equal(close_port(guest, b.port), 0);
	take_all(guest);
	virq_raise_vcpu(guest->vcpu[1], VIRQ_TIMER);
	assert_int_equal(info_of(guest->vcpu[1])->evtchn_upcall_pending, 0);
}

static void virq_refusals(void **state) {
	struct evtchn_bind_virq b = { .virq = NR_VIRQS, .vcpu = 0 };

	assert_int_equal(CALL(bind_virq, b), -EINVAL);
	b.virq = ~0u;
	assert_int_equal(CALL(bind_virq, b), -EINVAL);
	b = (struct evtchn_bind_virq){ .virq = VIRQ_TIMER, .vcpu = VCPUS };
	assert_int_equal(CALL(bind_virq, b), -ENOENT);
	b = (struct evtchn_bind_virq){ .virq = VIRQ_DOM_EXC, .vcpu = 1 };
	assert_int_equal(CALL(bind_virq, b), -EINVAL);
	assert_int_equal(guest->evtchn.active_ports, 0);
}

static void virq_global_goes_to_its_handler(void **state) {
	struct evtchn_bind_virq b = { .virq = VIRQ_DOM_EXC }, g = b;
	struct evtchn_bind_vcpu move;

	assert_int_equal(CALL(bind_virq, g), 0); /* without effect */
	as(dom0);
	assert_int_equal(CALL(bind_virq, b), 0);
	move = (struct evtchn_bind_vcpu){ .port = b.port, .vcpu = 2 };
	assert_int_equal(CALL(bind_vcpu, move), 0);
	virq_raise_global(VIRQ_DOM_EXC);
	assert_true(pending2(dom0, b.port));
	assert_false(pending2(guest, g.port));
	assert_int_equal(info_of(dom0->vcpu[2])->evtchn_upcall_pending, 1);
	assert_int_equal(virq_handler_set(guest, VIRQ_TIMER), -EINVAL);
	assert_int_equal(virq_handler_set(guest, NR_VIRQS), -EINVAL);
	assert_int_equal(virq_handler_set(guest, VIRQ_DOM_EXC), 0);
	take_all(dom0);
	virq_raise_global(VIRQ_DOM_EXC);
	assert_false(pending2(dom0, b.port));
	assert_true(pending2(guest, g.port));
	/* its end gives the VIRQ back to dom0 */
	run_on(0, dom0->vcpu[0]);
	domain_end(guest);
	virq_raise_global(VIRQ_DOM_EXC);
	assert_true(pending2(dom0, b.port));
	run_nothing();
	domains_reap();
	guest = domain_make(1, false);
}

static void ipi(void **state) {
	struct evtchn_bind_ipi b = { .vcpu = 2 };
	struct evtchn_bind_vcpu m;

	assert_int_equal(CALL(bind_ipi, b), 0);
	assert_int_equal(send(guest, b.port), 0);
	assert_int_equal(info_of(guest->vcpu[2])->evtchn_upcall_pending, 1);
	m = (struct evtchn_bind_vcpu){ .port = b.port, .vcpu = 1 };
	assert_int_equal(CALL(bind_vcpu, m), -EINVAL);
	b.vcpu = 400;
	assert_int_equal(CALL(bind_ipi, b), -ENOENT);
}

static void pirq(void **state) {
	struct evtchn_bind_pirq b = { .pirq = 2 }, bad = { .pirq = PIRQS };
	struct evtchn_bind_vcpu m;

	assert_int_equal(CALL(bind_pirq, bad), -EINVAL);
	assert_int_equal(guest->evtchn.active_ports, 0);
	assert_int_equal(CALL(bind_pirq, b), 0);
	assert_int_equal(pirq_port[2], b.port);
	bad = b;
	assert_int_equal(CALL(bind_pirq, bad), -EEXIST);
	assert_int_equal(pirq_port[2], b.port); /* a failed bind leaves the owner's alone */
	bad.flags = 2;
	assert_int_equal(CALL(bind_pirq, bad), -EINVAL);
	m = (struct evtchn_bind_vcpu){ .port = b.port, .vcpu = 3 };
	assert_int_equal(CALL(bind_vcpu, m), 0);
	assert_int_equal(pirq_affinity[2], 3);
	evtchn_raise_pirq(guest, b.port);
	assert_true(pending2(guest, b.port));
	assert_int_equal(close_port(guest, b.port), 0);
	assert_int_equal(pirq_port[2], 0);
	take_all(guest);
	evtchn_raise_pirq(guest, b.port); /* a late interrupt */
	assert_false(pending2(guest, b.port));
}

/* -- delivery -- */

static void masked_ports_stay_quiet_until_unmasked(void **state) {
	struct evtchn_bind_ipi b = { .vcpu = 1 };
	struct evtchn_unmask u;

	assert_int_equal(CALL(bind_ipi, b), 0);
	mask2(guest, b.port, true);
	assert_int_equal(send(guest, b.port), 0);
	assert_true(pending2(guest, b.port));
	assert_int_equal(info_of(guest->vcpu[1])->evtchn_upcall_pending, 0);
	u.port = b.port;
	assert_int_equal(CALL(unmask, u), 0);
	assert_int_equal(info_of(guest->vcpu[1])->evtchn_upcall_pending, 1);
	assert_int_equal(info_of(guest->vcpu[1])->evtchn_pending_sel, 1);
	take_all(guest);
	assert_int_equal(CALL(unmask, u), 0); /* nothing pending */
	assert_int_equal(info_of(guest->vcpu[1])->evtchn_upcall_pending, 0);
}

static void running_vcpus_are_interrupted_blocked_ones_woken(void **state) {
	struct evtchn_bind_ipi a = { .vcpu = 1 }, b = { .vcpu = 2 };

	assert_int_equal(CALL(bind_ipi, a), 0);
	assert_int_equal(CALL(bind_ipi, b), 0);
	run_on(1, guest->vcpu[1]);
	guest->vcpu[2]->pause_flags = VPF_BLOCKED;
	run_on(0, guest->vcpu[0]);
	host_journal_clear();
	assert_int_equal(evtchn_send(guest, a.port), 0);
	assert_int_equal(host_journal_find(HOST_KICK), 1);
	assert_int_equal(host_journal[0].a, 1);
	assert_int_equal(evtchn_send(guest, a.port), 0); /* already pending: no second interrupt */
	assert_int_equal(host_journal_find(HOST_KICK), 1);
	assert_int_equal(evtchn_send(guest, b.port), 0);
	assert_int_equal(guest->vcpu[2]->pause_flags, 0);
	assert_true(guest->vcpu[2]->sched.queued);
}

static void a_registered_vcpu_info_takes_over(void **state) {
	struct evtchn_bind_ipi b = { .vcpu = 1 };
	mfn_t m;

	assert_int_equal(CALL(bind_ipi, b), 0);
	assert_int_equal(domain_frames_alloc(guest, 0, 64, &m), 0);
	assert_int_equal(vcpu_info_register(guest->vcpu[1], m, 0x140), 0);
	take_all(guest);
	assert_int_equal(send(guest, b.port), 0);
	assert_int_equal(((struct vcpu_info *)((char *)own_va(m) + 0x140))->evtchn_upcall_pending, 1);
	assert_int_equal(guest->shared_info->vcpu_info[1].evtchn_upcall_pending, 0);
}

/* -- limits, bind_vcpu, status, bad ports -- */

static void the_table_ends_at_4095_without_fifo(void **state) {
	struct evtchn_bind_ipi b = { .vcpu = 1 };

	for (unsigned i = 1; i < EVTCHN_2L_NR_CHANNELS; i++) {
		assert_int_equal(CALL(bind_ipi, b), 0);
		assert_int_equal(b.port, i);
	}
	assert_int_equal(CALL(bind_ipi, b), -ENOSPC);
	assert_int_equal(send(guest, 4095), 0);
	assert_int_equal(close_port(guest, 4000), 0);
	as(guest);
	assert_int_equal(CALL(bind_ipi, b), 0);
	assert_int_equal(b.port, 4000);
}

static void max_port_is_obeyed(void **state) {
	struct evtchn_bind_ipi b = { .vcpu = 1 };

	guest->evtchn.max_port = 5;
	for (unsigned i = 1; i <= 5; i++) assert_int_equal(CALL(bind_ipi, b), 0);
	assert_int_equal(CALL(bind_ipi, b), -ENOSPC);
	assert_int_equal(guest->evtchn.active_ports, 5);
}

static void bad_ports(void **state) {
	static const port_t bad[] = { 0, 1, 63, 64, 4096, 131071, 131072, 0x80000000, 0xffffffff };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct evtchn_bind_vcpu m = { .port = bad[i] };
		struct evtchn_unmask u = { .port = bad[i] };
		struct evtchn_status s = { .dom = DOMID_SELF, .port = bad[i] };
		struct evtchn_set_priority p = { .port = bad[i] };

		assert_int_equal(send(guest, bad[i]), -EINVAL);
		assert_int_equal(close_port(guest, bad[i]), -EINVAL);
		assert_int_equal(CALL(bind_vcpu, m), -EINVAL);
		assert_int_equal(CALL(unmask, u), bad[i] < 64 ? 0 : -EINVAL);
		assert_int_equal(CALL(status, s), bad[i] < 64 ? 0 : -EINVAL);
		if (bad[i] < 64) assert_int_equal(s.status, EVTCHNSTAT_closed);
		assert_int_equal(CALL(set_priority, p), -EINVAL);
		assert_false(evtchn_port_pending(guest, bad[i]));
	}
}

static void bind_vcpu_moves_delivery(void **state) {
	port_t p = unbound(guest, 2);
	struct evtchn_bind_vcpu m = { .port = p, .vcpu = 3 };

	as(guest);
	assert_int_equal(CALL(bind_vcpu, m), 0);
	m.vcpu = VCPUS;
	assert_int_equal(CALL(bind_vcpu, m), -ENOENT);
	send(peer, connect(peer, guest, p));
	assert_int_equal(info_of(guest->vcpu[3])->evtchn_upcall_pending, 1);
	/* a port that is opened anew starts at vCPU 0 */
	assert_int_equal(close_port(guest, p), 0);
	assert_int_equal(unbound(guest, 2), p);
	assert_int_equal(status(guest, p).vcpu, 0);
}

static void status_of_others_needs_privilege(void **state) {
	struct evtchn_status s = { .dom = 2, .port = unbound(peer, 1) };

	as(guest);
	assert_int_equal(CALL(status, s), -EPERM);
	as(dom0);
	assert_int_equal(CALL(status, s), 0);
	assert_int_equal(s.status, EVTCHNSTAT_unbound);
	s.dom = 50;
	assert_int_equal(CALL(status, s), -ESRCH);
}

static void bad_addresses_and_numbers(void **state) {
	struct evtchn_bind_ipi b = { .vcpu = 1 };

	for (unsigned op = 0; op < 14; op++) assert_int_equal(do_event_channel_op(op, 0x1000, 0, 0, 0, 0), -EFAULT);
	for (unsigned op = 14; op < 20; op++) assert_int_equal(do_event_channel_op(op, ARG_VA, 0, 0, 0, 0), -ENOSYS);
	assert_int_equal(do_event_channel_op(~0ull, ARG_VA, 0, 0, 0, 0), -ENOSYS);
	assert_int_equal(guest->evtchn.active_ports, 0);
	assert_int_equal(CALL(bind_ipi, b), 0);
}

static void first_form_of_the_hypercall(void **state) {
	struct evtchn_op *op = (struct evtchn_op *)arg_page;

	memset(op, 0, sizeof(*op));
	op->cmd = EVTCHNOP_bind_ipi;
	op->u.bind_ipi.vcpu = 1;
	assert_int_equal(do_event_channel_op_compat(ARG_VA, 0, 0, 0, 0, 0), 0);
	assert_int_equal(op->u.bind_ipi.port, 1);
	op->cmd = EVTCHNOP_send;
	op->u.send.port = 1;
	assert_int_equal(do_event_channel_op_compat(ARG_VA, 0, 0, 0, 0, 0), 0);
	assert_true(pending2(guest, 1));
	op->cmd = EVTCHNOP_reset;
	assert_int_equal(do_event_channel_op_compat(ARG_VA, 0, 0, 0, 0, 0), -ENOSYS);
	assert_int_equal(do_event_channel_op_compat(0x10, 0, 0, 0, 0, 0), -EFAULT);
}

/* -- reset -- */

static void open_some(unsigned n) {
	struct evtchn_bind_ipi b = { .vcpu = 1 };
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER, .vcpu = 3 };
	struct evtchn_bind_pirq p = { .pirq = 1 };

	as(guest);
	assert_int_equal(CALL(bind_virq, v), 0);
	assert_int_equal(CALL(bind_pirq, p), 0);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(CALL(bind_ipi, b), 0);
		if (i % 4 == 0) connect(peer, guest, unbound(guest, 2));
		as(guest);
	}
}

static void reset_closes_everything(void **state) {
	struct evtchn_reset r = { .dom = DOMID_SELF };
	uint32_t valid;

	for (unsigned units = 1; units < 1000; units += 400) {
		hypercall_preempt_units = units; /* 1: cut after each port */
		open_some(100);
		valid = guest->evtchn.valid_ports;
		assert_int_equal(CALL(reset, r), 0);
		assert_int_equal(guest->evtchn.active_ports, 0);
		assert_int_equal(guest->evtchn.valid_ports, valid); /* validity never shrinks */
		assert_int_equal(pirq_port[1], 0);
		assert_int_equal(guest->vcpu[3]->virq_port[VIRQ_TIMER], 0);
		evtchn_check_invariants(guest);
		evtchn_check_invariants(peer);
		assert_int_equal(status(peer, 1).status, EVTCHNSTAT_unbound);
		as(peer);
		assert_int_equal(CALL(reset, r), 0);
	}
}

static void reset_is_preempted(void **state) {
	open_some(30);
	hypercall_preempt_units = 5;
	this_cpu()->preempt_budget = 0;
	memset(arg_page, 0xff, 16);
	*(domid_t *)arg_page = DOMID_SELF;
	assert_int_equal(do_event_channel_op(EVTCHNOP_reset, ARG_VA, 0, 0, 0, 0), -ERESTART);
	assert_int_equal(this_cpu()->restart.op, __HYPERVISOR_event_channel_op);
	assert_in_range(guest->evtchn.active_ports, 20, 38);
	this_cpu()->work = 0;
	evtchn_check_invariants(guest);
}

static void reset_of_others_needs_privilege(void **state) {
	struct evtchn_reset r = { .dom = 2 };

	unbound(peer, 1);
	as(guest);
	assert_int_equal(CALL(reset, r), -EPERM);
	assert_int_equal(peer->evtchn.active_ports, 1);
	as(dom0);
	assert_int_equal(CALL(reset, r), -EINVAL); /* it could use what goes */
	assert_int_equal(peer->evtchn.active_ports, 1);
	peer->pause_count = 1;
	assert_int_equal(CALL(reset, r), 0);
	assert_int_equal(peer->evtchn.active_ports, 0);
	peer->pause_count = 0;
}

/* -- memory runs out -- */

static void failing_allocations_change_nothing(void **state) {
	struct evtchn_bind_ipi b = { .vcpu = 1 };

	for (unsigned i = 1; i < 64; i++) assert_int_equal(CALL(bind_ipi, b), 0);
	host_fail_allocation(1); /* the second bucket */
	assert_int_equal(CALL(bind_ipi, b), -ENOMEM);
	assert_int_equal(guest->evtchn.active_ports, 63);
	assert_int_equal(guest->evtchn.valid_ports, 64);
	evtchn_check_invariants(guest);
	assert_int_equal(CALL(bind_ipi, b), 0);
	assert_int_equal(b.port, 64);
}

static void domain_creation_unwinds(void **state) {
	static struct domain d;

	for (unsigned n = 1; n <= 2; n++) {
		uint64_t before = heap_bytes_used();

		memset(&d, 0, sizeof(d));
		host_fail_allocation(n);
		assert_int_equal(evtchn_domain_create(&d, 1023), -ENOMEM);
		evtchn_domain_free(&d);
		assert_int_equal(heap_bytes_used(), before);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		EVT_TEST(ports_are_lowest_first),
		EVT_TEST(unbound_names_its_peer),
		EVT_TEST(unbound_for_another_needs_privilege),
		EVT_TEST(interdomain_joins_and_signals),
		EVT_TEST(interdomain_refusals),
		EVT_TEST(loopback),
		EVT_TEST(close_leaves_the_peer_unbound),
		EVT_TEST(a_dying_domain_lets_go_of_its_peers),
		EVT_TEST(virq_per_vcpu),
		EVT_TEST(virq_refusals),
		EVT_TEST(virq_global_goes_to_its_handler),
		EVT_TEST(ipi),
		EVT_TEST(pirq),
		EVT_TEST(masked_ports_stay_quiet_until_unmasked),
		EVT_TEST(running_vcpus_are_interrupted_blocked_ones_woken),
		EVT_TEST(a_registered_vcpu_info_takes_over),
		EVT_TEST(the_table_ends_at_4095_without_fifo),
		EVT_TEST(max_port_is_obeyed),
		EVT_TEST(bad_ports),
		EVT_TEST(bind_vcpu_moves_delivery),
		EVT_TEST(status_of_others_needs_privilege),
		EVT_TEST(bad_addresses_and_numbers),
		EVT_TEST(first_form_of_the_hypercall),
		EVT_TEST(reset_closes_everything),
		EVT_TEST(reset_is_preempted),
		EVT_TEST(reset_of_others_needs_privilege),
		EVT_TEST(failing_allocations_change_nothing),
		EVT_TEST(domain_creation_unwinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
