/* SPDX-License-Identifier: MIT */
/*
 * Three threads as three CPUs do everything at once: open, join, move, send and close ports of the
 * same domains, reset and change the format under senders, block, wake, pause, move and schedule
 * vCPUs. Afterwards every invariant must hold. Lock ranks are checked all the while.
 */
#include <pthread.h>
#include <unistd.h>

#include "evt_fixture.h"

#define THREADS 3u
#define ROUNDS  20000u

static pthread_barrier_t barrier;

struct random {
	uint64_t x;
};
static uint32_t rnd(struct random *r, uint32_t n) {
	r->x = r->x * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(r->x >> 33) % n;
}

static struct domain *any_domain(struct random *r) { return rnd(r, 2) ? guest : peer; }

static port_t any_port(struct random *r) { return rnd(r, 20) ? 1 + rnd(r, 24) : rnd(r, 5000); }

static void one_port_op(struct random *r) {
	struct domain *d = any_domain(r), *rd = any_domain(r);
	struct evtchn_status s = { .port = any_port(r) };
	port_t out;

	switch (rnd(r, 14)) {
	case 0: (void)!evtchn_alloc_unbound(d, rd->id, &out); break;
	case 1:
	case 2: (void)!evtchn_bind_interdomain(d, rd, any_port(r), &out); break;
	case 3: (void)!evtchn_bind_ipi(d, rnd(r, VCPUS), &out); break;
	case 4: (void)!evtchn_bind_virq(d, rnd(r, NR_VIRQS), rnd(r, VCPUS), &out); break;
	case 5: (void)!evtchn_bind_vcpu(d, any_port(r), rnd(r, VCPUS)); break;
	case 6:
	case 7: (void)!evtchn_close(d, any_port(r)); break;
	case 8: (void)!evtchn_unmask(d, any_port(r)); break;
	case 9:
		(void)!evtchn_status(d, &s);
		(void)evtchn_port_pending(d, any_port(r));
		break;
	case 10: virq_raise_vcpu(d->vcpu[rnd(r, VCPUS)], rnd(r, NR_VIRQS)); break;
	default: (void)!evtchn_send(d, any_port(r));
	}
}

static void one_rare_op(struct random *r) {
	struct domain *d = any_domain(r);
	struct evtchn_init_control c = { .vcpu = rnd(r, VCPUS) };
	mfn_t m;

	switch (rnd(r, 3)) {
	case 0:
		while (evtchn_reset(d) == -ERESTART)
			;
		break;
	case 1:
		if (domain_frames_alloc(d, 0, 64, &m)) break;
		c.control_gfn = m.n;
		(void)!evtchn_fifo_init_control(d, &c);
		(void)!domain_frame_release(d, m);
		break;
	default:
		if (domain_frames_alloc(d, 0, 64, &m)) break;
		(void)!evtchn_fifo_expand_array(d, m);
		(void)!domain_frame_release(d, m);
	}
}

static void *ports_thread(void *arg) {
	struct random r = { (uint64_t)(uintptr_t)arg * 77 + 1 };

	host_cpu_set((unsigned)(uintptr_t)arg);
	pthread_barrier_wait(&barrier);
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (rnd(&r, 200))
			one_port_op(&r);
		else
			one_rare_op(&r);
	}
	return NULL;
}

static void *sched_thread(void *arg) {
	struct random r = { (uint64_t)(uintptr_t)arg * 99 + 5 };
	struct domain *d;
	struct vcpu *v;

	host_cpu_set((unsigned)(uintptr_t)arg);
	pthread_barrier_wait(&barrier);
	for (unsigned i = 0; i < ROUNDS; i++) {
		d = any_domain(&r);
		v = d->vcpu[rnd(&r, VCPUS)];
		switch (rnd(&r, 8)) {
		case 0: vcpu_block_flag(v, VPF_BLOCKED); break;
		case 1: vcpu_unblock_flag(v, VPF_BLOCKED); break;
		case 2: (void)!vcpu_set_affinity(v, 1 + rnd(&r, 7), rnd(&r, 8)); break;
		case 3:
			vcpu_pause_nosync(v);
			vcpu_unpause(v);
			break;
		case 4: timer_set(&v->singleshot, rnd(&r, THREADS), now_ns() + rnd(&r, 1000)); break;
		case 5: timers_run(); break;
		default: this_cpu()->work = 0; schedule_round(this_cpu());
		}
		if (!rnd(&r, 8)) one_port_op(&r);
	}
	/* leave it idle */
	return NULL;
}

static void run_threads(void *(*fn)(void *)) {
	pthread_t t[THREADS];

	run_nothing();
	guest->vcpu[0]->pause_flags = VPF_DOWN;
	cpus_online = (1u << THREADS) - 1;
	host_journal_count = HOST_JOURNAL_MAX; /* not for several threads */
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, fn, (void *)(uintptr_t)i), 0);
	for (unsigned i = 0; i < THREADS; i++) pthread_join(t[i], NULL);
	host_cpu_set(0);
	evtchn_check_invariants(guest);
	evtchn_check_invariants(peer);
}

static void ports(void **state) { run_threads(ports_thread); }

/* All vCPUs that may run do or are queued; each is in one place. */
static void vcpus(void **state) {
	struct domain *d[] = { guest, peer };
	unsigned queued = 0, running = 0, lengths = 0, currents = 0;

	for (unsigned i = 0; i < 2 * VCPUS; i++) vcpu_unblock_flag(d[i / VCPUS]->vcpu[i % VCPUS], VPF_DOWN);
	run_threads(sched_thread);
	guest->vcpu[0]->pause_flags &= ~VPF_DOWN;
	vcpu_wake(guest->vcpu[0]);
	for (unsigned i = 0; i < 2 * VCPUS; i++) {
		struct vcpu *v = d[i / VCPUS]->vcpu[i % VCPUS];

		assert_int_equal(v->pause_count, 0);
		assert_false(v->running && v->sched.queued);
		if (vcpu_runnable(v)) assert_true(v->running || v->sched.queued);
		queued += v->sched.queued;
		running += v->running;
	}
	for (unsigned c = 0; c < CPUS; c++) {
		lengths += sched_cpus[c].length;
		currents += sched_cpus[c].curr != NULL;
	}
	assert_int_equal(queued, lengths);
	assert_int_equal(running, currents);
}

/* -- a port that another CPU raises while the guest changes from 2-level to FIFO -- */

#define SWITCHES 200u
static port_t peer_port, first;
static unsigned watching; /* atomic: rounds in which the sender is ready */

/* Sends as soon as it sees the first pending port carried over. */
static void *sender_thread(void *arg) {
	host_cpu_set(1);
	for (unsigned i = 0; i < SWITCHES; i++) {
		pthread_barrier_wait(&barrier);
		__atomic_store_n(&watching, i + 1, __ATOMIC_RELEASE);
		while (pending2(guest, first))
			;
		assert_int_equal(evtchn_send(peer, peer_port), 0);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static void join_ports(port_t *p) {
	assert_int_equal(evtchn_bind_ipi(guest, 0, &first), 0);
	assert_int_equal(evtchn_alloc_unbound(guest, peer->id, p), 0);
	assert_int_equal(evtchn_bind_interdomain(peer, guest, *p, &peer_port), 0);
	guest->shared_info->evtchn_pending[0] = 1ull << first;
}

static void change_of_format(void **state) {
	struct evtchn_init_control c = { .vcpu = 0 };
	pthread_t t;
	port_t p;
	mfn_t m;

	host_journal_count = HOST_JOURNAL_MAX;
	while (!evtchn_bind_ipi(guest, 0, &p)) /* there is much to look through */
		;
	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&t, NULL, sender_thread, NULL), 0);
	assert_int_equal(domain_frames_alloc(guest, 0, 64, &m), 0);
	for (unsigned i = 0; i < SWITCHES; i++) {
		assert_int_equal(evtchn_reset(guest), 0);
		join_ports(&p);
		c.control_gfn = m.n;
		pthread_barrier_wait(&barrier);
		while (__atomic_load_n(&watching, __ATOMIC_ACQUIRE) != i + 1)
			;
		assert_int_equal(evtchn_fifo_init_control(guest, &c), 0);
		pthread_barrier_wait(&barrier);
		assert_true(evtchn_port_pending(guest, p));
	}
	pthread_join(t, NULL);
	host_cpu_set(0);
}

/* -- a sibling registers the same vCPU's vcpu_info while the frame of the first changes its type -- */

static mfn_t info_frame[2];
static unsigned registered; /* atomic */
static pthread_t sibling;

static void register_info(unsigned i) {
	if (!vcpu_info_register(guest->vcpu[1], info_frame[i], 0)) __atomic_fetch_add(&registered, 1, __ATOMIC_RELAXED);
}

static void *register_thread(void *arg) {
	host_cpu_set(1);
	register_info(1);
	return NULL;
}

static void while_it_flushes(cpumask_t cpus, uint64_t va) {
	host_flush_hook = NULL;
	assert_int_equal(pthread_create(&sibling, NULL, register_thread, NULL), 0);
	usleep(50000);
}

static void one_of_two_registers(void **state) {
	host_journal_count = HOST_JOURNAL_MAX;
	for (unsigned i = 0; i < 2; i++) assert_int_equal(domain_frames_alloc(guest, 0, 64, &info_frame[i]), 0);
	assert_int_equal(table_pin(guest, info_frame[0], 1), 0);
	assert_int_equal(table_unpin(guest, info_frame[0]), 0);
	guest->dirty_cpus = 1;
	host_flush_hook = while_it_flushes;
	register_info(0);
	assert_null(host_flush_hook);
	pthread_join(sibling, NULL);
	assert_int_equal(registered, 1);
	assert_true(mfn_eq(guest->vcpu[1]->info_mfn, info_frame[0]));
	assert_int_equal(frame_of(info_frame[1])->type & FTF_COUNT, 0);
}

/* -- a CPU that has switched a vCPU out still looks at it: who pauses it waits -- */

static void *leave_thread(void *arg) {
	host_cpu_set(1);
	schedule_round(this_cpu());
	return NULL;
}

static void a_cpu_says_what_it_leaves(void **state) {
	struct vcpu *v = guest->vcpu[1];
	pthread_t t;

	host_journal_count = HOST_JOURNAL_MAX;
	run_on(1, v);
	host_cpu_set(0);
	vcpu_pause_nosync(v);
	/* The CPU has to wait for the lock when it looks whether the vCPU is to be queued anew. */
	spin_lock(&sched_cpus[3].lock);
	v->processor = 3;
	assert_int_equal(pthread_create(&t, NULL, leave_thread, NULL), 0);
	while (__atomic_load_n(&v->running, __ATOMIC_ACQUIRE))
		;
	assert_ptr_equal(READ_ONCE(sched_cpus[1].leaving), v);
	v->processor = 1;
	spin_unlock(&sched_cpus[3].lock);
	pthread_join(t, NULL);
	assert_null(sched_cpus[1].leaving);
	vcpu_unpause(v);
}

static unsigned paused; /* atomic */

static void *pause_thread(void *arg) {
	host_cpu_set(2);
	vcpu_pause(guest->vcpu[1]);
	__atomic_store_n(&paused, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void a_pause_waits_for_it(void **state) {
	pthread_t t;

	host_journal_count = HOST_JOURNAL_MAX;
	sched_cpus[1].leaving = guest->vcpu[1];
	assert_int_equal(pthread_create(&t, NULL, pause_thread, NULL), 0);
	usleep(50000);
	assert_int_equal(__atomic_load_n(&paused, __ATOMIC_ACQUIRE), 0);
	__atomic_store_n(&sched_cpus[1].leaving, NULL, __ATOMIC_RELEASE);
	pthread_join(t, NULL);
	assert_int_equal(paused, 1);
	vcpu_unpause(guest->vcpu[1]);
}

/* -- timers that are killed while their functions run -- */

static struct timer mover;
static unsigned moved, mover_done; /* atomic */

static void move_on(void *arg) {
	timer_set(&mover, 2, now_ns() + 1000000);
	__atomic_store_n(&moved, 1, __ATOMIC_RELEASE);
	usleep(50000);
	__atomic_store_n(&mover_done, 1, __ATOMIC_RELEASE);
}

static void *timer_thread(void *arg) {
	host_cpu_set(1);
	timers_run();
	return NULL;
}

static void a_timer_that_moved_itself_is_waited_for(void **state) {
	pthread_t t;

	host_journal_count = HOST_JOURNAL_MAX;
	run_nothing();
	timer_init(&mover, move_on, NULL);
	timer_set(&mover, 1, now_ns());
	assert_int_equal(pthread_create(&t, NULL, timer_thread, NULL), 0);
	while (!__atomic_load_n(&moved, __ATOMIC_ACQUIRE))
		;
	timer_kill(&mover);
	assert_int_equal(__atomic_load_n(&mover_done, __ATOMIC_ACQUIRE), 1);
	assert_false(timer_pending(&mover));
	pthread_join(t, NULL);
}

static struct spinlock *held;
static unsigned holding, reaping; /* atomic */
static uint64_t heap_then;

/* Keeps the timer's function waiting while the domain is freed. */
static void *holder_thread(void *arg) {
	host_cpu_set(3);
	spin_lock(held);
	__atomic_store_n(&holding, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&reaping, __ATOMIC_ACQUIRE))
		;
	usleep(50000);
	heap_then = heap_bytes_used();
	spin_unlock(held);
	return NULL;
}

static void nothing_is_freed_that_timers_look_at(void **state) {
	struct domain *d = domain_make(3, false);
	pthread_t t, holder;
	uint64_t heap;

	host_journal_count = HOST_JOURNAL_MAX;
	run_nothing();
	timer_set(&d->vcpu[0]->singleshot, 1, now_ns());
	held = &port_find(d, 0)->lock; /* of VIRQs that are not bound */
	domain_end(d);
	assert_int_equal(pthread_create(&holder, NULL, holder_thread, NULL), 0);
	while (!__atomic_load_n(&holding, __ATOMIC_ACQUIRE))
		;
	assert_int_equal(pthread_create(&t, NULL, timer_thread, NULL), 0);
	while ((uint16_t)(READ_ONCE(held->tail) - READ_ONCE(held->head)) < 2)
		;
	heap = heap_bytes_used();
	__atomic_store_n(&reaping, 1, __ATOMIC_RELEASE);
	domains_reap();
	pthread_join(t, NULL);
	pthread_join(holder, NULL);
	assert_int_equal(heap_then, heap);
}

static int teardown(void **state) {
	cpus_online = (1u << CPUS) - 1;
	return evt_teardown(state);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ports, evt_setup, teardown),
		cmocka_unit_test_setup_teardown(vcpus, evt_setup, teardown),
		cmocka_unit_test_setup_teardown(change_of_format, evt_setup, teardown),
		cmocka_unit_test_setup_teardown(one_of_two_registers, evt_setup, teardown),
		cmocka_unit_test_setup_teardown(a_cpu_says_what_it_leaves, evt_setup, teardown),
		cmocka_unit_test_setup_teardown(a_pause_waits_for_it, evt_setup, teardown),
		cmocka_unit_test_setup_teardown(a_timer_that_moved_itself_is_waited_for, evt_setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_freed_that_timers_look_at, evt_setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
