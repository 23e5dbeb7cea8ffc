/* SPDX-License-Identifier: MIT */
/*
 * The scheduler on a simulated machine: CPUs run what schedule() chose, time goes from one timer to
 * the next. Shares, caps, affinity, balance, wake-ups, idling, pausing.
 */
#include "evt_fixture.h"

#define MS 1000000ULL

/* Bring one CPU up to date: due timers, then what its work bits ask. */
static void cpu_step(unsigned c) {
	host_cpu_set(c);
	for (unsigned i = 0; i < 20 && this_cpu()->work; i++) {
		uint32_t work = __atomic_exchange_n(&this_cpu()->work, 0, __ATOMIC_SEQ_CST);

		if (work & CPU_WORK_TIMER) timers_run();
		if (work & CPU_WORK_SCHEDULE) schedule_round(this_cpu());
	}
}

/* Let the machine run. `poke` is called every 100 us. */
static void simulate(uint64_t ns, void (*poke)(void)) {
	uint64_t end = now_ns() + ns;

	while (now_ns() < end) {
		host_time_advance(MS / 10);
		if (poke) poke();
		for (unsigned c = 0; c < CPUS; c++)
			if (cpus_online & cpumask_of(c)) {
				host_cpu_set(c);
				this_cpu()->work |= CPU_WORK_TIMER;
				cpu_step(c);
			}
		for (unsigned c = 0; c < CPUS; c++)
			if (cpus_online & cpumask_of(c)) cpu_step(c);
	}
	host_cpu_set(0);
}

static void settle(void) {
	for (unsigned i = 0; i < 4; i++)
		for (unsigned c = 0; c < CPUS; c++)
			if (cpus_online & cpumask_of(c)) cpu_step(c);
	host_cpu_set(0);
}

/* Time a vCPU has run. */
static uint64_t ran(struct vcpu *v) { return vcpu_cpu_time(v); }

static void use_cpus(unsigned n) {
	run_nothing();
	guest->vcpu[0]->pause_flags = VPF_DOWN;
	cpus_online = (1u << n) - 1;
	sched_idle = cpus_online;
}

static void go(struct vcpu *v, cpumask_t hard) {
	if (hard) assert_int_equal(vcpu_set_affinity(v, hard, CPUMASK_ALL), 0);
	vcpu_unblock_flag(v, VPF_DOWN);
}

static void near(uint64_t value, uint64_t want, unsigned percent) {
	if (value * 100 < want * (100 - percent) || value * 100 > want * (100 + percent))
		fail_msg("%lu, wanted %lu +- %u%%", value, want, percent);
}

/* Every vCPU is where the file comment of sched.c says. */
static void check_queues(void) {
	struct vcpu *v;

	for (unsigned c = 0; c < CPUS; c++) {
		struct sched_cpu *q = &sched_cpus[c];
		uint64_t last = 0;
		unsigned n = 0;

		for (struct list *l = q->queue.next; l != &q->queue; l = l->next, n++) {
			const struct vcpu *u = list_entry(l, struct vcpu, sched.link);

			assert_true(u->sched.queued && !u->running && vcpu_runnable(u));
			assert_int_equal(u->processor, c);
			assert_true(u->sched.vtime >= last);
			last = u->sched.vtime;
		}
		assert_int_equal(n, q->length);
		assert_ptr_equal(q->curr, cpu_of(c)->vcpu);
	}
	for_each_domain (d)
		for_each_vcpu (d, v) assert_int_equal(v->running, sched_cpus[v->processor].curr == v);
}

/* -- shares -- */

static void weights_share_one_cpu(void **state) {
	static const uint16_t weight[] = { 256, 512, 1024 };
	struct domain *d[] = { guest, peer, dom0 };
	uint64_t all = 4000 * MS;

	use_cpus(1);
	for (unsigned i = 0; i < 3; i++) {

		assert_int_equal(sched_domain_set(d[i], weight[i], 0), 0);
		assert_int_equal(d[i]->sched.weight, weight[i]);
		go(d[i]->vcpu[0], 0);
	}
	simulate(all, NULL);
	check_queues();
	for (unsigned i = 0; i < 3; i++) near(ran(d[i]->vcpu[0]), all * weight[i] / 1792, 5);
}

static void three_equals_share_two_cpus(void **state) {
	struct domain *d[] = { guest, peer, dom0 };
	uint64_t all = 3000 * MS;

	use_cpus(2);
	for (unsigned i = 0; i < 3; i++) go(d[i]->vcpu[0], 0);
	simulate(all, NULL);
	check_queues();
	for (unsigned i = 0; i < 3; i++) near(ran(d[i]->vcpu[0]), all * 2 / 3, 5);
}

static void seven_share_four_cpus(void **state) {
	struct vcpu *v[7];
	uint64_t all = 4000 * MS;

	use_cpus(4);
	for (unsigned i = 0; i < 7; i++) {
		v[i] = (i < 4 ? guest : peer)->vcpu[i % 4];
		go(v[i], 0);
	}
	simulate(all, NULL);
	check_queues();
	for (unsigned i = 0; i < 7; i++) near(ran(v[i]), all * 4 / 7, 5);
}

static void a_heavy_one_keeps_its_cpu(void **state) {
	uint64_t all = 2000 * MS;

	use_cpus(2);
	assert_int_equal(sched_domain_set(dom0, 4096, 0), 0);
	go(dom0->vcpu[0], 0);
	go(guest->vcpu[0], 0);
	go(peer->vcpu[0], 0);
	simulate(all, NULL);
	near(ran(dom0->vcpu[0]), all, 5);
	near(ran(guest->vcpu[0]), all / 2, 5);
	near(ran(peer->vcpu[0]), all / 2, 5);
}

/* Time all of a domain's vCPUs have run. */
static uint64_t ran_all(struct domain *d) {
	struct vcpu *v;
	uint64_t sum = 0;

	for_each_vcpu (d, v) sum += ran(v);
	return sum;
}

static void weight_set(struct domain *d, uint16_t weight, uint16_t cap) {
	assert_int_equal(sched_domain_set(d, weight, cap), 0);
}

/* The domain's first n vCPUs begin to spin. */
static void spin_all(struct domain *d, unsigned n) {
	for (unsigned i = 0; i < n; i++) go(d->vcpu[i], 0);
}

static void weights_share_many_cpus(void **state) {
	static const uint16_t weight[] = { 256, 512, 1024 };
	struct domain *d[] = { guest, peer, dom0 };
	uint64_t all = 4000 * MS;

	use_cpus(3);
	for (unsigned i = 0; i < 3; i++) {
		weight_set(d[i], weight[i], 0);
		spin_all(d[i], 4);
	}
	simulate(all, NULL);
	check_queues();
	for (unsigned i = 0; i < 3; i++) near(ran_all(d[i]), all * 3 * weight[i] / 1792, 5);
}

static struct vcpu *sleeper;
static void sleep_and_wake(void) {
	static unsigned n;

	/* 1 ms asleep, then as long as it gets */
	if (++n % 20 == 0 && sleeper->running)
		vcpu_block_flag(sleeper, VPF_BLOCKED);
	else if (n % 20 == 10)
		vcpu_unblock_flag(sleeper, VPF_BLOCKED);
}

static void sleepers_do_not_save_up_time(void **state) {
	uint64_t all = 2000 * MS;

	use_cpus(1);
	sleeper = guest->vcpu[0];
	go(sleeper, 0);
	go(peer->vcpu[0], 0);
	simulate(all, sleep_and_wake);
	check_queues();
	assert_in_range(ran(sleeper), all * 30 / 100, all * 55 / 100);
	assert_true(ran(peer->vcpu[0]) > all * 45 / 100);
}

/* Wakes up all the time, and runs for as long as it may at once. */
static void flood(void) {
	struct vcpu *v = guest->vcpu[0];

	if (v->running) vcpu_block_flag(v, VPF_BLOCKED);
	vcpu_unblock_flag(v, VPF_BLOCKED);
	vcpu_kick(v);
}

/* A vCPU that is sent events without end has no more than its weight gives, nor have those that
 * spin less. */
static void a_flood_of_events_takes_its_share_only(void **state) {
	uint64_t all = 3000 * MS;

	use_cpus(2);
	weight_set(dom0, 512, 0);
	go(guest->vcpu[0], cpumask_of(0));
	go(peer->vcpu[0], cpumask_of(0));
	go(dom0->vcpu[0], cpumask_of(0));
	go(peer->vcpu[1], cpumask_of(1));
	simulate(all, flood);
	check_queues();
	assert_true(ran(guest->vcpu[0]) <= all / 4 * 105 / 100);
	assert_true(ran(peer->vcpu[0]) >= all / 4 * 95 / 100);
	assert_true(ran(dom0->vcpu[0]) >= all / 2 * 95 / 100);
	near(ran(peer->vcpu[1]), all, 2);
}

static void nap(void) {
	static unsigned n;

	/* of a quarter of each 4 ms, all four alike */
	n++;
	for (unsigned i = 0; i < 4; i++) {
		if ((n + i * 10) % 40 == 0) vcpu_block_flag(guest->vcpu[i], VPF_BLOCKED);
		if ((n + i * 10) % 40 == 10) vcpu_unblock_flag(guest->vcpu[i], VPF_BLOCKED);
	}
}

/* Those that sleep now and then neither lose nor gain: the spinners have at least their weight. */
static void nappers_beside_spinners(void **state) {
	uint64_t all = 4000 * MS;

	use_cpus(4);
	spin_all(guest, 4);
	spin_all(peer, 4);
	spin_all(dom0, 4);
	simulate(all, nap);
	check_queues();
	near(ran_all(peer), ran_all(dom0), 5);
	assert_true(ran_all(peer) >= all * 4 / 3 * 95 / 100);
	assert_true(ran_all(guest) >= all * 4 / 3 * 80 / 100);
}

/* -- caps -- */

static void a_cap_is_kept_on_an_idle_machine(void **state) {
	uint64_t all = 3000 * MS;

	use_cpus(2);
	weight_set(guest, 256, 30);
	go(guest->vcpu[0], 0);
	go(guest->vcpu[1], 0);
	simulate(all, NULL);
	near(ran(guest->vcpu[0]) + ran(guest->vcpu[1]), all * 30 / 100, 5);
	weight_set(guest, 256, 0);
	simulate(100 * MS, NULL);
	assert_true(guest->vcpu[0]->running && guest->vcpu[1]->running);
}

/* Caps hold beside each other, and what they leave goes to who has none. */
static void caps_beside_spinners(void **state) {
	uint64_t all = 4000 * MS;

	use_cpus(2);
	weight_set(guest, 256, 20);
	weight_set(peer, 256, 50);
	spin_all(guest, 2);
	spin_all(peer, 3);
	spin_all(dom0, 2);
	simulate(all, NULL);
	check_queues();
	near(ran_all(guest), all * 20 / 100, 5);
	near(ran_all(peer), all * 50 / 100, 5);
	near(ran_all(dom0), all * 130 / 100, 5);
}

static void a_cap_of_more_than_a_cpu(void **state) {
	uint64_t all = 4000 * MS;

	use_cpus(4);
	weight_set(guest, 256, 250);
	spin_all(guest, 4);
	simulate(all, NULL);
	near(ran_all(guest), all * 250 / 100, 5);
}

static void parameters_out_of_range(void **state) {
	assert_int_equal(sched_domain_set(guest, 0, 0), -EINVAL);
	assert_int_equal(sched_domain_set(guest, 1, 100 * VCPUS + 1), -EINVAL);
	assert_int_equal(sched_domain_set(guest, 1, 100 * VCPUS), 0);
}

/* -- affinity, balance -- */

static void hard_affinity_holds(void **state) {
	uint64_t all = 1000 * MS;
	cpumask_t hard, soft;

	use_cpus(4);
	go(guest->vcpu[0], cpumask_of(2));
	go(guest->vcpu[1], cpumask_of(2));
	go(peer->vcpu[0], 0);
	simulate(all, NULL);
	near(ran(guest->vcpu[0]), all / 2, 5);
	near(ran(guest->vcpu[1]), all / 2, 5);
	near(ran(peer->vcpu[0]), all, 2);
	assert_int_equal(guest->vcpu[0]->processor, 2);
	/* moved while it runs */
	go(guest->vcpu[0], cpumask_of(3));
	settle();
	check_queues();
	assert_int_equal(guest->vcpu[0]->processor, 3);
	assert_true(guest->vcpu[0]->running);
	vcpu_get_affinity(guest->vcpu[0], &hard, &soft);
	assert_int_equal(hard, cpumask_of(3));
	assert_int_equal(vcpu_set_affinity(guest->vcpu[0], cpumask_of(9), CPUMASK_ALL), -EINVAL);
}

/* Two that may run on either CPU, two that may not: nobody starves, no CPU idles. */
static void hard_affinity_and_weights(void **state) {
	uint64_t all = 4000 * MS;

	use_cpus(2);
	go(guest->vcpu[0], cpumask_of(0));
	go(guest->vcpu[1], cpumask_of(0));
	go(peer->vcpu[0], 0);
	go(peer->vcpu[1], 0);
	simulate(all, NULL);
	check_queues();
	near(ran_all(guest) + ran_all(peer), all * 2, 1);
	near(ran(guest->vcpu[0]), ran(guest->vcpu[1]), 5);
	for (unsigned i = 0; i < 2; i++) near(ran(guest->vcpu[i]), all / 2, 5);
	for (unsigned i = 0; i < 2; i++) near(ran(peer->vcpu[i]), all / 2, 5);
}

/* All like the same CPU: they share all four nevertheless. */
static void soft_affinity_does_not_cost_a_share(void **state) {
	uint64_t all = 4000 * MS;

	use_cpus(4);
	for (unsigned i = 0; i < 8; i++) {
		struct vcpu *v = (i < 4 ? guest : peer)->vcpu[i % 4];

		assert_int_equal(vcpu_set_affinity(v, CPUMASK_ALL, cpumask_of(0)), 0);
		vcpu_unblock_flag(v, VPF_DOWN);
	}
	simulate(all, NULL);
	check_queues();
	for (unsigned i = 0; i < 8; i++) near(ran((i < 4 ? guest : peer)->vcpu[i % 4]), all / 2, 5);
}

static void soft_affinity_is_preferred(void **state) {
	use_cpus(4);
	assert_int_equal(vcpu_set_affinity(guest->vcpu[0], CPUMASK_ALL, cpumask_of(3)), 0);
	go(guest->vcpu[0], 0);
	settle();
	assert_int_equal(guest->vcpu[0]->processor, 3);
	/* its CPU is taken: another will do */
	assert_int_equal(vcpu_set_affinity(guest->vcpu[1], CPUMASK_ALL, cpumask_of(3)), 0);
	go(guest->vcpu[1], 0);
	settle();
	assert_true(guest->vcpu[1]->running);
	assert_int_not_equal(guest->vcpu[1]->processor, 3);
}

static void idle_cpus_take_work(void **state) {
	use_cpus(4);
	for (unsigned i = 0; i < 4; i++) go(guest->vcpu[i], 0);
	settle();
	for (unsigned i = 0; i < 4; i++) assert_true(guest->vcpu[i]->running);
	/* one more waits; when a CPU falls idle it takes that */
	go(peer->vcpu[0], 0);
	settle();
	assert_false(peer->vcpu[0]->running);
	vcpu_block_flag(guest->vcpu[2], VPF_BLOCKED);
	settle();
	assert_true(peer->vcpu[0]->running);
	check_queues();
}

static void pin_override(void **state) {
	struct vcpu *v = dom0->vcpu[0];
	cpumask_t hard, soft;

	use_cpus(4);
	go(v, 0);
	settle();
	assert_int_equal(vcpu_pin_override(v, 2), 0);
	settle();
	assert_int_equal(v->processor, 2);
	assert_true(v->running);
	assert_int_equal(vcpu_pin_override(v, 1), -EBUSY);
	assert_int_equal(vcpu_pin_override(v, 4), -EINVAL);
	assert_int_equal(vcpu_pin_override(v, 64), -EINVAL);
	assert_int_equal(vcpu_pin_override(v, -1), 0);
	vcpu_get_affinity(v, &hard, &soft);
	assert_int_equal(hard, CPUMASK_ALL);
}

/* -- waking, yielding, idling -- */

static void a_waker_that_is_behind_preempts(void **state) {
	use_cpus(1);
	go(guest->vcpu[0], 0);
	go(peer->vcpu[0], 0);
	settle();
	simulate(50 * MS, NULL);
	vcpu_block_flag(peer->vcpu[0], VPF_BLOCKED);
	simulate(50 * MS, NULL);
	assert_true(guest->vcpu[0]->running);
	vcpu_unblock_flag(peer->vcpu[0], VPF_BLOCKED);
	settle();
	assert_true(peer->vcpu[0]->running);
	assert_int_equal(guest->vcpu[0]->runstate.state, RUNSTATE_runnable);
}

/* However far behind the waker is: events that come one by one do not cost two switches each. */
static void one_that_just_began_is_let_run(void **state) {
	use_cpus(1);
	go(guest->vcpu[0], 0);
	go(peer->vcpu[0], 0);
	settle();
	simulate(50 * MS, NULL);
	vcpu_block_flag(peer->vcpu[0], VPF_BLOCKED);
	simulate(50 * MS, NULL);
	vcpu_unblock_flag(peer->vcpu[0], VPF_BLOCKED);
	settle();
	vcpu_block_flag(peer->vcpu[0], VPF_BLOCKED);
	settle();
	assert_true(guest->vcpu[0]->running);
	vcpu_unblock_flag(peer->vcpu[0], VPF_BLOCKED);
	settle();
	assert_true(guest->vcpu[0]->running);
	simulate(SCHED_LEAST / 2, NULL);
	assert_true(guest->vcpu[0]->running);
	simulate(SCHED_LEAST, NULL);
	assert_true(peer->vcpu[0]->running);
}

static void yield_lets_the_other_run(void **state) {
	struct vcpu *first;

	use_cpus(1);
	go(guest->vcpu[0], 0);
	go(peer->vcpu[0], 0);
	settle();
	for (unsigned i = 0; i < 6; i++) {
		first = current;
		vcpu_yield();
		settle();
		assert_ptr_not_equal(current, first);
	}
	vcpu_block_flag(current == guest->vcpu[0] ? peer->vcpu[0] : guest->vcpu[0], VPF_BLOCKED);
	first = current;
	vcpu_yield(); /* alone: no work at all */
	assert_int_equal(this_cpu()->work & CPU_WORK_SCHEDULE, 0);
	assert_ptr_equal(current, first);
}

static void alone_it_takes_no_ticks(void **state) {
	use_cpus(1);
	vcpu_periodic_set(guest->vcpu[0], 0);
	go(guest->vcpu[0], 0);
	settle();
	host_journal_clear();
	simulate(500 * MS, NULL);
	assert_int_equal(host_journal_find(HOST_SWITCH), 0);
	assert_false(timer_pending(&sched_cpus[0].slice));
}

static void a_blocked_vcpu_stays_loaded(void **state) {
	struct vcpu *v = guest->vcpu[0];

	use_cpus(1);
	go(v, 0);
	settle();
	vcpu_block_flag(v, VPF_BLOCKED);
	settle();
	assert_null(current);
	assert_ptr_equal(this_cpu()->loaded, v);
	assert_int_equal(v->runstate.state, RUNSTATE_blocked);
	vcpu_unblock_flag(v, VPF_BLOCKED);
	settle();
	assert_ptr_equal(current, v);
}

static void block_checks_for_events(void **state) {
	struct vcpu *v = guest->vcpu[0];

	use_cpus(1);
	go(v, 0);
	settle();
	info_of(v)->evtchn_upcall_mask = 1;
	info_of(v)->evtchn_upcall_pending = 1;
	vcpu_block();
	settle();
	assert_ptr_equal(current, v);
	assert_int_equal(info_of(v)->evtchn_upcall_mask, 0);
	info_of(v)->evtchn_upcall_pending = 0;
	vcpu_block();
	settle();
	assert_null(current);
	vcpu_mark_events_pending(v);
	settle();
	assert_ptr_equal(current, v);
}

/* -- pausing -- */

static void pausing_nests(void **state) {
	struct vcpu *v = guest->vcpu[0];

	use_cpus(2);
	go(v, cpumask_of(1));
	settle();
	assert_true(v->running);
	vcpu_pause_nosync(v);
	settle();
	assert_false(v->running);
	vcpu_pause(v);
	assert_int_equal(host_journal_find(HOST_SYNC), 1);
	vcpu_unpause(v);
	settle();
	assert_false(v->running);
	assert_int_equal(v->runstate.state, RUNSTATE_offline);
	vcpu_unpause(v);
	settle();
	assert_true(v->running);
	check_queues();
}

static void pausing_takes_off_the_queue(void **state) {
	struct vcpu *a = guest->vcpu[0], *b = peer->vcpu[0], *waits;

	use_cpus(1);
	go(a, 0);
	go(b, 0);
	settle();
	waits = a->running ? b : a;
	assert_true(waits->sched.queued);
	vcpu_pause(waits);
	assert_false(waits->sched.queued);
	vcpu_wake(waits);
	assert_false(waits->sched.queued);
	vcpu_unpause(waits);
	assert_true(waits->sched.queued);
	check_queues();
}

/* Random blocks, wakes, pauses, moves and looks in any order: no vCPU is lost, none runs twice. */
static void random_walk(void **state) {
	struct domain *d[] = { guest, peer, dom0 };
	unsigned paused[12] = { 0 };

	use_cpus(4);
	srand(1);
	for (unsigned i = 0; i < 12; i++) go(d[i / 4]->vcpu[i % 4], 0);
	for (unsigned n = 0; n < 20000; n++) {
		unsigned i = (unsigned)rand() % 12, c = (unsigned)rand() % 4;
		struct vcpu *v = d[i / 4]->vcpu[i % 4];

		host_cpu_set(c);
		host_time_advance((unsigned)rand() % 300000);
		switch (rand() % 8) {
		case 0: vcpu_block_flag(v, VPF_BLOCKED); break;
		case 1:
		case 2: vcpu_unblock_flag(v, VPF_BLOCKED); break;
		case 3:
			vcpu_pause_nosync(v);
			paused[i]++;
			break;
		case 4:
			if (paused[i]) {
				vcpu_unpause(v);
				paused[i]--;
			}
			break;
		case 5: (void)!vcpu_set_affinity(v, (unsigned)rand() % 15 + 1, (unsigned)rand() % 16); break;
		default: this_cpu()->work |= CPU_WORK_TIMER; cpu_step(c);
		}
		check_queues();
	}
	for (unsigned i = 0; i < 12; i++) {
		struct vcpu *v = d[i / 4]->vcpu[i % 4];

		for (; paused[i]; paused[i]--) vcpu_unpause(v);
		assert_int_equal(vcpu_set_affinity(v, CPUMASK_ALL, CPUMASK_ALL), 0);
		vcpu_unblock_flag(v, VPF_BLOCKED);
	}
	settle();
	for (unsigned i = 0; i < 12; i++) {
		struct vcpu *v = d[i / 4]->vcpu[i % 4];

		assert_true(v->running || v->sched.queued);
	}
	uint64_t before[12];

	simulate(500 * MS, NULL); /* what they owed each other */
	for (unsigned i = 0; i < 12; i++) before[i] = ran(d[i / 4]->vcpu[i % 4]);
	simulate(3000 * MS, NULL);
	for (unsigned i = 0; i < 12; i++) near(ran(d[i / 4]->vcpu[i % 4]) - before[i], 1000 * MS, 5);
}

/* -- watchdog -- */

static void watchdogs(void **state) {
	run_on(0, guest->vcpu[0]);
	assert_int_equal(sched_watchdog(guest, 0, 0), -EINVAL);
	assert_int_equal(sched_watchdog(guest, 1, 1), -EINVAL);
	assert_int_equal(sched_watchdog(guest, 3, 1), -EINVAL);
	assert_int_equal(sched_watchdog(guest, 0, 5), 1);
	assert_int_equal(sched_watchdog(guest, 0, 5), 2);
	assert_int_equal(sched_watchdog(guest, 0, 5), -ENOSPC);
	assert_int_equal(sched_watchdog(guest, 2, 0), 0);
	assert_int_equal(sched_watchdog(guest, 2, 5), -EINVAL);
	host_time_advance(4000 * MS);
	assert_int_equal(sched_watchdog(guest, 1, 5), 0);
	host_time_advance(4000 * MS);
	timers_run();
	assert_int_equal(guest->state, DOM_RUNNING);
	host_time_advance(1100 * MS);
	timers_run();
	assert_int_equal(guest->state, DOM_SHUTDOWN);
	assert_int_equal(guest->shutdown_code, 4);
}

static int sched_teardown(void **state) {
	cpus_online = (1u << CPUS) - 1;
	return evt_teardown(state);
}
#define SCHED_TEST(f) cmocka_unit_test_setup_teardown(f, evt_setup, sched_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		SCHED_TEST(weights_share_one_cpu),
		SCHED_TEST(three_equals_share_two_cpus),
		SCHED_TEST(seven_share_four_cpus),
		SCHED_TEST(a_heavy_one_keeps_its_cpu),
		SCHED_TEST(sleepers_do_not_save_up_time),
		SCHED_TEST(weights_share_many_cpus),
		SCHED_TEST(a_flood_of_events_takes_its_share_only),
		SCHED_TEST(nappers_beside_spinners),
		SCHED_TEST(caps_beside_spinners),
		SCHED_TEST(a_cap_of_more_than_a_cpu),
		SCHED_TEST(hard_affinity_and_weights),
		SCHED_TEST(soft_affinity_does_not_cost_a_share),
		SCHED_TEST(a_cap_is_kept_on_an_idle_machine),
		SCHED_TEST(parameters_out_of_range),
		SCHED_TEST(hard_affinity_holds),
		SCHED_TEST(soft_affinity_is_preferred),
		SCHED_TEST(idle_cpus_take_work),
		SCHED_TEST(pin_override),
		SCHED_TEST(a_waker_that_is_behind_preempts),
		SCHED_TEST(one_that_just_began_is_let_run),
		SCHED_TEST(yield_lets_the_other_run),
		SCHED_TEST(alone_it_takes_no_ticks),
		SCHED_TEST(a_blocked_vcpu_stays_loaded),
		SCHED_TEST(block_checks_for_events),
		SCHED_TEST(pausing_nests),
		SCHED_TEST(pausing_takes_off_the_queue),
		SCHED_TEST(random_walk),
		SCHED_TEST(watchdogs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
