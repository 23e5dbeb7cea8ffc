/* SPDX-License-Identifier: MIT */
/* Runstate: accounting, the guest's area in both layouts, the update flag. */
#include "evt_fixture.h"

#define MS 1000000ULL

static void times_add_up(void **state) {
	struct vcpu *v = peer->vcpu[1];
	uint64_t start = now_ns();
	struct vcpu_runstate_info r;

	v->runstate = (struct vcpu_runstate_info){ .state = RUNSTATE_offline, .state_entry_time = start };
	host_time_advance(5 * MS);
	runstate_change(v, RUNSTATE_runnable, now_ns());
	host_time_advance(2 * MS);
	runstate_change(v, RUNSTATE_running, now_ns());
	host_time_advance(10 * MS);
	runstate_change(v, RUNSTATE_running, now_ns()); /* no change */
	host_time_advance(1 * MS);
	runstate_get(v, &r);
	assert_int_equal(r.state, RUNSTATE_running);
	assert_int_equal(r.state_entry_time, start + 7 * MS);
	assert_int_equal(r.time[RUNSTATE_offline], 5 * MS);
	assert_int_equal(r.time[RUNSTATE_runnable], 2 * MS);
	assert_int_equal(r.time[RUNSTATE_running], 11 * MS);
	assert_int_equal(r.time[RUNSTATE_blocked], 0);
	assert_int_equal(v->runstate.time[RUNSTATE_running], 0); /* asking changes nothing */
	runstate_change(v, RUNSTATE_blocked, start);             /* a clock behind is no harm */
	assert_int_equal(v->runstate.time[RUNSTATE_running], 0);
}

static struct vcpu_runstate_info *area(void) { return (struct vcpu_runstate_info *)(arg_page + 0x100); }

static void the_area_is_written(void **state) {
	struct vcpu *v = guest->vcpu[0];

	memset(area(), 0xee, 64);
	v->runstate_area = gvaddr(ARG_VA + 0x100);
	host_time_advance(MS);
	runstate_change(v, RUNSTATE_running, now_ns());
	runstate_publish(v);
	assert_memory_equal(area(), &v->runstate, sizeof(v->runstate));
	assert_int_equal(arg_page[0x100 + sizeof(v->runstate)], 0xee);
	v->runstate_area = gvaddr(0x10);
	runstate_publish(v); /* not mapped: nothing happens */
	v->runstate_area = gvaddr(0);
	memset(area(), 0, 64);
	runstate_publish(v);
	assert_int_equal(area()->state_entry_time, 0);
}

static void the_update_flag_is_cleared_last(void **state) {
	struct vcpu *v = guest->vcpu[0];

	guest->vm_assist = 1ULL << VMASST_TYPE_runstate_update_flag;
	v->runstate_area = gvaddr(ARG_VA + 0x100);
	v->runstate.state_entry_time = 77;
	v->runstate.time[3] = 5;
	runstate_publish(v);
	assert_memory_equal(area(), &v->runstate, sizeof(v->runstate));
	assert_int_equal(v->runstate.state_entry_time, 77);
	guest->vm_assist = 0;
}

static void the_sum_does_not_drift(void **state) {
	struct vcpu *v = guest->vcpu[0];
	struct vcpu_runstate_info r;
	uint64_t start, sum = 0;

	run_nothing();
	v->pause_flags = VPF_DOWN;
	v->runstate = (struct vcpu_runstate_info){ .state = RUNSTATE_offline, .state_entry_time = now_ns() };
	start = now_ns();
	sched_idle = (1u << CPUS) - 1;
	srand(5);
	vcpu_unblock_flag(v, VPF_DOWN);
	for (unsigned i = 0; i < 1000; i++) {
		host_time_advance((unsigned)rand() % 50000);
		host_cpu_set(v->processor);
		schedule_round(this_cpu());
		if (rand() % 2)
			vcpu_block_flag(v, VPF_BLOCKED);
		else
			vcpu_unblock_flag(v, VPF_BLOCKED);
	}
	runstate_get(v, &r);
	for (unsigned i = 0; i < 4; i++) sum += r.time[i];
	assert_int_equal(sum, now_ns() - start);
	assert_true(r.time[RUNSTATE_blocked] && r.time[RUNSTATE_running]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		EVT_TEST(times_add_up),
		EVT_TEST(the_area_is_written),
		EVT_TEST(the_update_flag_is_cleared_last),
		EVT_TEST(the_sum_does_not_drift),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
