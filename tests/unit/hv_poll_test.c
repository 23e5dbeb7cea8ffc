/* SPDX-License-Identifier: MIT */
/* SCHEDOP_poll: bounds, what ends it, and that nothing of it is left behind. */
#include "evt_fixture.h"

#include <xen/sched.h>

#define MS 1000000ULL

/* Poll ports that lie behind the argument. */
static long poll(const port_t *ports, unsigned n, uint64_t timeout) {
	struct sched_poll p = { .nr_ports = n, .timeout = timeout };

	p.ports.p = (void *)(ARG_VA + 0x100);
	memcpy(arg_page + 0x100, ports, MIN(n, 200u) * sizeof(*ports));
	memcpy(arg_page, &p, sizeof(p));
	return do_sched_op(SCHEDOP_poll, ARG_VA, 0, 0, 0, 0);
}

static port_t ipi(unsigned vcpu) {
	struct evtchn_bind_ipi b = { .vcpu = vcpu };

	assert_int_equal(CALL(bind_ipi, b), 0);
	mask2(guest, b.port, true);
	return b.port;
}

static bool waits(const struct vcpu *v) {
	bool polls = v->pause_flags & VPF_POLL;

	assert_int_equal(v->domain->evtchn.poll_mask[0] >> v->id & 1, polls);
	return polls;
}

static void a_masked_port_ends_it(void **state) {
	struct vcpu *v = guest->vcpu[0];
	port_t p = ipi(0), q = ipi(0);

	assert_int_equal(poll(&p, 1, 0), 0);
	assert_true(waits(v));
	assert_true(this_cpu()->work & CPU_WORK_SCHEDULE);
	schedule_round(this_cpu());
	assert_null(current);
	assert_int_equal(v->runstate.state, RUNSTATE_blocked);
	run_on(1, guest->vcpu[1]);
	assert_int_equal(evtchn_send(guest, q), 0); /* not the one it polls */
	assert_true(waits(v));
	assert_int_equal(evtchn_send(guest, p), 0);
	assert_false(waits(v));
	assert_true(v->sched.queued);
}

static void several_ports(void **state) {
	port_t p[3] = { ipi(0), ipi(0), ipi(0) };

	assert_int_equal(poll(p, 3, 0), 0);
	assert_true(waits(guest->vcpu[0]));
	assert_int_equal(evtchn_send(guest, p[2]), 0);
	assert_false(waits(guest->vcpu[0]));
}

static void a_pending_port_ends_it_at_once(void **state) {
	port_t p[2] = { ipi(0), ipi(0) };

	assert_int_equal(evtchn_send(guest, p[1]), 0);
	assert_int_equal(poll(p, 2, now_ns() + MS), 0);
	assert_false(waits(guest->vcpu[0]));
	assert_false(timer_pending(&guest->vcpu[0]->poll_timer));
}

static void the_timeout_ends_it(void **state) {
	struct vcpu *v = guest->vcpu[0];
	port_t p = ipi(0);

	assert_int_equal(poll(&p, 1, now_ns() + MS), 0);
	assert_true(waits(v));
	timers_run();
	assert_true(waits(v));
	host_time_advance(MS);
	timers_run();
	assert_false(waits(v));
	assert_int_equal(poll(&p, 1, 1), 0); /* in the past */
	timers_run();
	assert_false(waits(v));
	/* no ports: a sleep */
	assert_int_equal(poll(NULL, 0, now_ns() + MS), 0);
	assert_true(waits(v));
	host_time_advance(MS);
	timers_run();
	assert_false(waits(v));
}

static void an_event_to_deliver_ends_it(void **state) {
	struct vcpu *v = guest->vcpu[0];
	port_t p = ipi(0), other = ipi(0);

	info_of(v)->evtchn_upcall_mask = 0;
	mask2(guest, other, false);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_true(waits(v));
	assert_int_equal(evtchn_send(guest, other), 0);
	assert_false(waits(v));
	assert_int_equal(poll(&p, 1, 0), 0); /* still not taken */
	assert_false(waits(v));
	info_of(v)->evtchn_upcall_mask = 1; /* it cannot be delivered: no reason to go on */
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_true(waits(v));
}

static void bounds(void **state) {
	static port_t many[200];
	port_t bad[] = { 64, 131072, 0xffffffff };
	struct sched_poll s = { .nr_ports = 1 };

	for (unsigned i = 0; i < 200; i++) many[i] = 1;
	assert_int_equal(poll(many, 129, 0), -EINVAL);
	assert_int_equal(poll(many, 0xffffffff, 0), -EINVAL);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(poll(&bad[i], 1, 0), -EINVAL);
		many[127] = bad[i];
		assert_int_equal(poll(many, 128, 0), -EINVAL);
	}
	s.ports.p = (void *)0x1000;
	memcpy(arg_page, &s, sizeof(s));
	assert_int_equal(do_sched_op(SCHEDOP_poll, ARG_VA, 0, 0, 0, 0), -EFAULT);
	assert_false(waits(guest->vcpu[0]));
	many[127] = 1;
	assert_int_equal(poll(many, 128, 0), 0);
	assert_true(waits(guest->vcpu[0]));
}

/* A port becomes pending at each fetch of the argument: never a lost wake-up. */
static port_t raise_me;
static void raise_now(gvaddr_t src, size_t n) {
	host_fetch_hook = NULL;
	assert_int_equal(evtchn_send(guest, raise_me), 0);
}

static void raised_while_it_is_set_up(void **state) {
	raise_me = ipi(0);
	host_fetch_hook = raise_now;
	assert_int_equal(poll(&raise_me, 1, 0), 0);
	assert_false(waits(guest->vcpu[0]));
}

static void ports_are_fetched_once(void **state) {
	port_t p = ipi(0);

	assert_int_equal(poll(&p, 1, 0), 0);
	*(port_t *)(arg_page + 0x100) = 0xffffffff; /* the guest changes its mind */
	assert_int_equal(evtchn_send(guest, p), 0);
	assert_false(waits(guest->vcpu[0]));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		EVT_TEST(a_masked_port_ends_it),          EVT_TEST(several_ports),
		EVT_TEST(a_pending_port_ends_it_at_once), EVT_TEST(the_timeout_ends_it),
		EVT_TEST(an_event_to_deliver_ends_it),    EVT_TEST(bounds),
		EVT_TEST(raised_while_it_is_set_up),      EVT_TEST(ports_are_fetched_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
