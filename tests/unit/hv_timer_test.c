/* SPDX-License-Identifier: MIT */
/* Timer queues: order, re-arming, other CPUs' queues, moving, what the hardware is told; against a
 * model. */
#include "evt_fixture.h"

static unsigned fired[8], order[64], n_fired;
static uint64_t fired_at[8];
static struct timer t[8];

static void fire(void *arg) {
	unsigned i = (unsigned)(uintptr_t)arg;

	fired[i]++;
	fired_at[i] = now_ns();
	if (n_fired < ARRAY_SIZE(order)) order[n_fired++] = i;
}

static int setup(void **state) {
	evt_setup(state);
	memset(fired, 0, sizeof(fired));
	n_fired = 0;
	for (unsigned i = 0; i < 8; i++) timer_init(&t[i], fire, (void *)(uintptr_t)i);
	host_journal_clear();
	return 0;
}

static int teardown(void **state) {
	for (unsigned i = 0; i < 8; i++) timer_kill(&t[i]);
	return evt_teardown(state);
}

static uint64_t programmed(void) {
	uint64_t last = 0;

	for (unsigned i = 0; i < host_journal_count; i++)
		if (host_journal[i].kind == HOST_TIMER) last = host_journal[i].a;
	return last;
}

static void fire_in_order(void **state) {
	uint64_t now = now_ns();
	static const unsigned at[8] = { 50, 10, 70, 30, 20, 60, 40, 80 };
	static const unsigned want[8] = { 1, 4, 3, 6, 0, 5, 2, 7 };

	for (unsigned i = 0; i < 8; i++) timer_set(&t[i], 0, now + at[i]);
	assert_int_equal(programmed(), now + 10);
	host_time_advance(35);
	timers_run();
	assert_int_equal(n_fired, 3);
	assert_int_equal(programmed(), now + 40);
	host_time_advance(100);
	timers_run();
	assert_int_equal(n_fired, 8);
	for (unsigned i = 0; i < 8; i++) assert_int_equal(order[i], want[i]);
}

static void stopped_timers_stay_quiet(void **state) {
	timer_set(&t[0], 0, now_ns() + 10);
	timer_set(&t[1], 0, now_ns() + 20);
	timer_stop(&t[0]);
	timer_stop(&t[0]);
	assert_false(timer_pending(&t[0]));
	host_time_advance(100);
	timers_run();
	assert_int_equal(fired[0], 0);
	assert_int_equal(fired[1], 1);
	timers_run();
	assert_int_equal(fired[1], 1);
}

static void setting_again_moves(void **state) {
	uint64_t now = now_ns();

	timer_set(&t[0], 0, now + 10);
	timer_set(&t[0], 0, now + 1000);
	/* later: the hardware is left alone; it finds nothing, and is set anew */
	assert_int_equal(host_journal_find(HOST_TIMER), 1);
	host_time_advance(20);
	timers_run();
	assert_int_equal(fired[0], 0);
	assert_int_equal(programmed(), now + 1000);
	timer_set(&t[0], 0, now + 30);
	assert_int_equal(programmed(), now + 30);
	host_time_advance(10);
	timers_run();
	assert_int_equal(fired[0], 1);
}

static void past_deadlines_fire_at_once(void **state) {
	timer_set(&t[0], 0, 1);
	assert_int_equal(programmed(), 1);
	timers_run();
	assert_int_equal(fired[0], 1);
}

static void another_cpus_queue(void **state) {
	timer_set(&t[0], 2, now_ns() + 50);
	assert_int_equal(cpu_of(2)->work & CPU_WORK_TIMER, CPU_WORK_TIMER);
	assert_int_equal(host_journal_find(HOST_KICK), 1);
	host_cpu_set(2);
	cpu_of(2)->work = 0;
	timers_run();
	assert_int_equal(programmed(), now_ns() + 50);
	host_cpu_set(0);
	host_time_advance(60);
	timers_run();
	assert_int_equal(fired[0], 0);
	timer_migrate(&t[0], 0);
	timers_run();
	assert_int_equal(fired[0], 1);
	host_cpu_set(2);
	timers_run();
	assert_int_equal(fired[0], 1);
	host_cpu_set(0);
}

static struct timer periodic;
static unsigned beats;
static void beat(void *arg) {
	beats++;
	timer_set(&periodic, cpu_id(), periodic.expires + 10);
}

static void a_timer_may_set_itself(void **state) {
	beats = 0;
	timer_init(&periodic, beat, NULL);
	timer_set(&periodic, 0, now_ns() + 10);
	for (unsigned i = 0; i < 10; i++) {
		host_time_advance(10);
		timers_run();
		assert_int_equal(beats, i + 1);
	}
	host_time_advance(35);
	timers_run(); /* those missed, too */
	assert_int_equal(beats, 13);
	timer_kill(&periodic);
}

static void model_hit(void *arg) { ++*(unsigned *)arg; }

/* Random sets, stops, moves and runs: every timer fires when a plain list says it should. */
static void against_a_model(void **state) {
	static struct timer many[200];
	static uint64_t due[200];
	static unsigned cpu[200];
	static unsigned hits[200];

	srand(3);
	for (unsigned i = 0; i < 200; i++) timer_init(&many[i], model_hit, &hits[i]);
	for (unsigned n = 0; n < 30000; n++) {
		unsigned i = (unsigned)rand() % 200, c = (unsigned)rand() % CPUS;

		switch (rand() % 6) {
		case 0:
		case 1:
			due[i] = now_ns() + (unsigned)rand() % 2000;
			cpu[i] = c;
			timer_set(&many[i], c, due[i]);
			break;
		case 2:
			due[i] = 0;
			timer_stop(&many[i]);
			break;
		case 3:
			cpu[i] = c;
			timer_migrate(&many[i], c);
			break;
		default:
			host_time_advance((unsigned)rand() % 100);
			host_cpu_set(c);
			timers_run();
			for (unsigned k = 0; k < 200; k++) {
				bool now_due = due[k] && cpu[k] == c && due[k] <= now_ns();

				assert_int_equal(hits[k], now_due);
				hits[k] = 0;
				if (now_due) due[k] = 0;
				assert_int_equal(timer_pending(&many[k]), due[k] != 0);
			}
			host_cpu_set(0);
		}
	}
	for (unsigned i = 0; i < 200; i++) timer_kill(&many[i]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
	const struct CMUnitTest tests[] = {
		T(fire_in_order),       T(stopped_timers_stay_quiet),
		T(setting_again_moves), T(past_deadlines_fire_at_once),
		T(another_cpus_queue),  T(a_timer_may_set_itself),
		T(against_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
