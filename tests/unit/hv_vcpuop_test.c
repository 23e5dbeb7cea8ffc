/* SPDX-License-Identifier: MIT */
/* vcpu_op, set_timer_op and sched_op through their hypercalls: results, refusals, bad addresses. */
#include "evt_fixture.h"

#include <xen/sched.h>

#define MS 1000000ULL

static long call(unsigned cmd, unsigned vcpu, const void *arg, size_t n) {
	if (arg) memcpy(arg_page, arg, n);
	return do_vcpu_op(cmd, vcpu, arg ? ARG_VA : 0, 0, 0, 0);
}
#define VCPU(cmd, vcpu, arg) call(VCPUOP_##cmd, vcpu, &(arg), sizeof(arg))
#define VCPU0(cmd, vcpu)     call(VCPUOP_##cmd, vcpu, NULL, 0)

/* -- life of a vCPU -- */

static void bring_up_and_down(void **state) {
	static struct vcpu_guest_context ctx;
	struct vcpu *v = guest->vcpu[1];

	assert_int_equal(VCPU0(is_up, 0), 1);
	assert_int_equal(VCPU0(is_up, 1), 0);
	assert_int_equal(VCPU0(up, 1), -EINVAL); /* has no context */
	assert_int_equal(do_vcpu_op(VCPUOP_initialise, 1, 0x10, 0, 0, 0), -EFAULT);
	assert_false(v->initialised);
	assert_int_equal(VCPU(initialise, 1, ctx), 0);
	assert_int_equal(VCPU(initialise, 1, ctx), -EEXIST);
	assert_int_equal(VCPU0(up, 1), 0);
	assert_int_equal(VCPU0(up, 1), 0);
	assert_int_equal(VCPU0(is_up, 1), 1);
	assert_true(v->sched.queued);
	assert_int_equal(VCPU0(down, 1), 0);
	assert_int_equal(VCPU0(is_up, 1), 0);
	assert_false(v->sched.queued);
	assert_int_equal(guest->state, DOM_RUNNING);
	assert_int_equal(VCPU0(down, 0), 0); /* the last one */
	assert_int_equal(guest->state, DOM_SHUTDOWN);
	assert_int_equal(guest->shutdown_code, SHUTDOWN_poweroff);
}

/* A sibling that was told to go down may not have stopped yet. A wait for it in ring 0 might never end. */
static void register_info_of_one_that_stops(void **state) {
	struct vcpu *v = guest->vcpu[1];
	struct vcpu_register_vcpu_info r = { 0 };
	mfn_t m;

	assert_int_equal(domain_frames_alloc(guest, 0, 64, &m), 0);
	r.mfn = m.n;
	v->pause_flags = 0;
	v->running = true;
	assert_int_equal(VCPU(register_vcpu_info, 1, r), -EINVAL);
	v->pause_flags = VPF_DOWN;
	assert_int_equal(VCPU(register_vcpu_info, 1, r), hypercall_restart(__HYPERVISOR_vcpu_op, 0));
	assert_true(mfn_eq(v->info_mfn, INVALID_MFN));
	assert_int_equal(frame_of(m)->type & FTF_COUNT, 0);
	assert_int_equal(host_journal_find(HOST_SYNC), 0);
	v->running = false;
	assert_int_equal(VCPU(register_vcpu_info, 1, r), 0);
}

static void initialise_without_memory(void **state) {
	static struct vcpu_guest_context ctx;

	host_fail_allocation(1);
	assert_int_equal(VCPU(initialise, 1, ctx), -ENOMEM);
	assert_false(guest->vcpu[1]->initialised);
	assert_int_equal(VCPU(initialise, 1, ctx), 0);
}

static void vcpus_that_do_not_exist(void **state) {
	static const unsigned ids[] = { VCPUS, 32, 128, 0x80000000, 0xffffffff };

	for (unsigned op = 0; op < 14; op++)
		for (unsigned i = 0; i < ARRAY_SIZE(ids); i++)
			assert_int_equal(do_vcpu_op(op, ids[i], ARG_VA, 0, 0, 0), -ENOENT);
	for (unsigned op = 14; op < 20; op++) assert_int_equal(do_vcpu_op(op, 0, ARG_VA, 0, 0, 0), -ENOSYS);
}

static void arguments_at_bad_addresses(void **state) {
	static const unsigned with_argument[] = { 0, 4, 5, 6, 8, 10, 13 };

	for (unsigned i = 0; i < ARRAY_SIZE(with_argument); i++)
		assert_int_equal(do_vcpu_op(with_argument[i], i == 0, 0x1000, 0, 0, 0), -EFAULT);
}

/* -- timers -- */

static port_t bind_timer(void) {
	struct evtchn_bind_virq b = { .virq = VIRQ_TIMER };

	assert_int_equal(CALL(bind_virq, b), 0);
	return b.port;
}

static bool tick(port_t p) {
	bool was;

	timers_run();
	was = pending2(guest, p);
	take_all(guest);
	return was;
}

static void single_shot(void **state) {
	struct vcpu_set_singleshot_timer s = { .timeout_abs_ns = now_ns() + MS };
	port_t p = bind_timer();

	VCPU0(stop_periodic_timer, 0);
	assert_int_equal(VCPU(set_singleshot_timer, 0, s), 0);
	assert_false(tick(p));
	host_time_advance(MS);
	assert_true(tick(p));
	host_time_advance(MS);
	assert_false(tick(p));
	/* in the past, and 0, which is the past too */
	s.flags = VCPU_SSHOTTMR_future;
	assert_int_equal(VCPU(set_singleshot_timer, 0, s), 0);
	assert_true(tick(p));
	s.timeout_abs_ns = 0;
	assert_int_equal(VCPU(set_singleshot_timer, 0, s), 0);
	assert_true(tick(p));
	s.timeout_abs_ns = now_ns() + MS;
	assert_int_equal(VCPU(set_singleshot_timer, 0, s), 0);
	assert_int_equal(VCPU0(stop_singleshot_timer, 0), 0);
	host_time_advance(2 * MS);
	assert_false(tick(p));
	/* another vCPU's is not to be touched */
	assert_int_equal(VCPU(set_singleshot_timer, 1, s), -EINVAL);
	assert_int_equal(VCPU0(stop_singleshot_timer, 1), -EINVAL);
	s.timeout_abs_ns = ~0ull;
	assert_int_equal(VCPU(set_singleshot_timer, 0, s), 0);
	host_time_advance(1ull << 60);
	assert_false(tick(p));
}

static void set_timer_op(void **state) {
	port_t p = bind_timer();

	VCPU0(stop_periodic_timer, 0);
	assert_int_equal(do_set_timer_op(now_ns() + MS, 0, 0, 0, 0, 0), 0);
	host_time_advance(MS);
	assert_true(tick(p));
	assert_int_equal(do_set_timer_op(now_ns() + MS, 0, 0, 0, 0, 0), 0);
	assert_int_equal(do_set_timer_op(0, 0, 0, 0, 0, 0), 0);
	host_time_advance(2 * MS);
	assert_false(tick(p));
}

static void periodic(void **state) {
	struct vcpu_set_periodic_timer s = { .period_ns = 2 * MS };
	struct vcpu *v = guest->vcpu[0];
	port_t p = bind_timer();

	assert_int_equal(v->periodic_period, 10 * MS);
	assert_int_equal(VCPU(set_periodic_timer, 0, s), 0);
	for (unsigned i = 0; i < 5; i++) {
		host_time_advance(MS);
		assert_false(tick(p));
		host_time_advance(MS);
		assert_true(tick(p));
	}
	/* not while it does not run; the one that fell due comes when it runs again */
	vcpu_block_flag(v, VPF_BLOCKED);
	schedule_round(this_cpu());
	host_time_advance(10 * MS);
	assert_false(tick(p));
	vcpu_unblock_flag(v, VPF_BLOCKED);
	schedule_round(this_cpu());
	assert_true(tick(p));
	assert_false(tick(p));
	s.period_ns = MS - 1;
	assert_int_equal(VCPU(set_periodic_timer, 0, s), -EINVAL);
	s.period_ns = ~0ull;
	assert_int_equal(VCPU(set_periodic_timer, 0, s), -EINVAL);
	assert_int_equal(v->periodic_period, 2 * MS);
	assert_int_equal(VCPU0(stop_periodic_timer, 0), 0);
	host_time_advance(10 * MS);
	assert_false(tick(p));
}

/* Its tick is set by a sibling; it neither wakes it nor gets lost. */
static void periodic_of_one_that_sleeps(void **state) {
	struct evtchn_bind_virq b = { .virq = VIRQ_TIMER, .vcpu = 1 };
	struct vcpu_set_periodic_timer s = { .period_ns = 2 * MS };
	struct vcpu *v = guest->vcpu[1];

	assert_int_equal(CALL(bind_virq, b), 0);
	v->pause_flags = VPF_BLOCKED;
	assert_int_equal(VCPU(set_periodic_timer, 1, s), 0);
	host_time_advance(3 * MS);
	for (unsigned i = 0; i < CPUS; i++) {
		host_cpu_set(i);
		timers_run();
	}
	assert_int_equal(v->pause_flags, VPF_BLOCKED);
	assert_false(pending2(guest, b.port));
	vcpu_unblock_flag(v, VPF_BLOCKED);
	host_cpu_set(v->processor);
	assert_true(schedule_round(this_cpu()));
	assert_ptr_equal(current, v);
	assert_true(tick(b.port));
	host_time_advance(2 * MS);
	assert_true(tick(b.port));
}

/* -- areas -- */

static void runstate_info(void **state) {
	struct vcpu_runstate_info r;

	memset(&r, 0, sizeof(r));
	host_time_advance(3 * MS);
	assert_int_equal(VCPU(get_runstate_info, 1, r), 0);
	memcpy(&r, arg_page, sizeof(r));
	assert_int_equal(r.state, RUNSTATE_offline);
	assert_true(r.time[RUNSTATE_offline] >= 3 * MS);
}

static void areas_must_be_the_guests(void **state) {
	uint64_t at = 0xffff800000000000ull;

	assert_int_equal(VCPU(register_runstate_memory_area, 0, at), -EFAULT);
	assert_int_equal(VCPU(register_vcpu_time_memory_area, 0, at), -EFAULT);
	assert_int_equal(guest->vcpu[0]->runstate_area.a, 0);
	at = 0x7000; /* not mapped now */
	assert_int_equal(VCPU(register_runstate_memory_area, 0, at), 0);
	at = ARG_VA + 0x400;
	assert_int_equal(VCPU(register_runstate_memory_area, 1, at), 0);
	assert_int_equal(*(int *)(arg_page + 0x400), RUNSTATE_offline);
	assert_int_equal(VCPU(register_vcpu_time_memory_area, 0, at), 0);
	assert_int_equal(((struct vcpu_time_info *)(arg_page + 0x400))->system_time, now_ns());
	at = 0;
	assert_int_equal(VCPU(register_runstate_memory_area, 0, at), 0);
	assert_int_equal(VCPU(register_vcpu_time_memory_area, 0, at), 0);
	assert_int_equal(guest->vcpu[0]->time_area.a, 0);
}

static void vcpu_info_has_the_time(void **state) {
	struct vcpu_register_vcpu_info r = { .offset = 0x80 };
	mfn_t m;

	assert_int_equal(domain_frames_alloc(guest, 0, 64, &m), 0);
	r.mfn = m.n;
	assert_int_equal(VCPU(register_vcpu_info, 1, r), 0);
	assert_int_equal(info_of(guest->vcpu[1])->time.system_time, now_ns());
	assert_int_equal(VCPU(register_vcpu_info, 1, r), -EINVAL);
	r.offset = 0x84;
	assert_int_equal(VCPU(register_vcpu_info, 2, r), -ENXIO);
	r.offset = 4096 - 56;
	assert_int_equal(VCPU(register_vcpu_info, 2, r), -ENXIO);
}

static void nmi_wakes(void **state) {
	guest->vcpu[1]->pause_flags = VPF_BLOCKED;
	assert_int_equal(VCPU0(send_nmi, 1), 0);
	assert_int_equal(guest->vcpu[1]->pending_traps, VCPU_TRAP_NMI);
	assert_int_equal(guest->vcpu[1]->pause_flags, 0);
}

/* -- sched_op -- */

static long sched(unsigned cmd, const void *arg, size_t n) {
	memcpy(arg_page, arg, n);
	return do_sched_op(cmd, ARG_VA, 0, 0, 0, 0);
}

static void shutdown_codes(void **state) {
	struct sched_shutdown s = { .reason = SHUTDOWN_reboot };
	struct sched_remote_shutdown r = { .domain_id = 2, .reason = SHUTDOWN_crash };

	assert_int_equal(sched(SCHEDOP_remote_shutdown, &r, sizeof(r)), -EPERM);
	assert_int_equal(peer->state, DOM_RUNNING);
	run_on(0, dom0->vcpu[0]);
	assert_int_equal(sched(SCHEDOP_remote_shutdown, &r, sizeof(r)), 0);
	assert_int_equal(peer->shutdown_code, SHUTDOWN_crash);
	r.domain_id = 90;
	assert_int_equal(sched(SCHEDOP_remote_shutdown, &r, sizeof(r)), -ESRCH);
	run_on(0, guest->vcpu[0]);
	assert_int_equal(sched(SCHEDOP_shutdown_code, &s, sizeof(s)), 0);
	assert_int_equal(guest->state, DOM_RUNNING);
	s.reason = SHUTDOWN_poweroff;
	assert_int_equal(sched(SCHEDOP_shutdown, &s, sizeof(s)), 0);
	assert_int_equal(guest->state, DOM_SHUTDOWN);
	assert_int_equal(guest->shutdown_code, SHUTDOWN_reboot); /* the one latched */
}

static void sched_op_refusals(void **state) {
	struct sched_pin_override p = { .pcpu = 1 };

	for (unsigned cmd = 2; cmd < 7; cmd++) assert_int_equal(do_sched_op(cmd, 0x1000, 0, 0, 0, 0), -EFAULT);
	assert_int_equal(do_sched_op(8, ARG_VA, 0, 0, 0, 0), -ENOSYS);
	assert_int_equal(sched(SCHEDOP_pin_override, &p, sizeof(p)), -EPERM);
	run_on(0, dom0->vcpu[0]);
	assert_int_equal(sched(SCHEDOP_pin_override, &p, sizeof(p)), 0);
	p.pcpu = -1;
	assert_int_equal(sched(SCHEDOP_pin_override, &p, sizeof(p)), 0);
}

static void first_form_of_sched_op(void **state) {
	assert_int_equal(do_sched_op_compat(SCHEDOP_yield, 0, 0, 0, 0, 0), 0);
	assert_int_equal(do_sched_op_compat(SCHEDOP_block, 0, 0, 0, 0, 0), 0);
	assert_int_equal(guest->vcpu[0]->pause_flags, VPF_BLOCKED);
	assert_int_equal(do_sched_op_compat(SCHEDOP_poll, 0, 0, 0, 0, 0), -ENOSYS);
	assert_int_equal(do_sched_op_compat(SCHEDOP_shutdown, SHUTDOWN_suspend, 0, 0, 0, 0), 0);
	assert_int_equal(guest->shutdown_code, SHUTDOWN_suspend);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		EVT_TEST(bring_up_and_down),
		EVT_TEST(initialise_without_memory),
		EVT_TEST(register_info_of_one_that_stops),
		EVT_TEST(vcpus_that_do_not_exist),
		EVT_TEST(arguments_at_bad_addresses),
		EVT_TEST(single_shot),
		EVT_TEST(set_timer_op),
		EVT_TEST(periodic),
		EVT_TEST(periodic_of_one_that_sleeps),
		EVT_TEST(runstate_info),
		EVT_TEST(areas_must_be_the_guests),
		EVT_TEST(vcpu_info_has_the_time),
		EVT_TEST(nmi_wakes),
		EVT_TEST(shutdown_codes),
		EVT_TEST(sched_op_refusals),
		EVT_TEST(first_form_of_sched_op),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
