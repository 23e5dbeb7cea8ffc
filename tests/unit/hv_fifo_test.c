/* SPDX-License-Identifier: MIT */
/*
 * FIFO event delivery against a model of the guest's side (public/event_channel.h): order,
 * priorities, moves between queues, ports raised before their page comes, hostile words, set-up and
 * reset.
 */
#include "evt_fixture.h"

#define W_PENDING (1u << EVTCHN_FIFO_PENDING)
#define W_MASKED  (1u << EVTCHN_FIFO_MASKED)
#define W_LINKED  (1u << EVTCHN_FIFO_LINKED)
#define W_BUSY    (1u << EVTCHN_FIFO_BUSY)

static mfn_t control[VCPUS], array[4];
static uint32_t guest_head[VCPUS][EVTCHN_FIFO_MAX_QUEUES]; /* the guest's own copies of the heads */

static struct evtchn_fifo_control_block *block(unsigned vcpu) { return own_va(control[vcpu]); }

static event_word_t *word(port_t p) { return (event_word_t *)own_va(array[p / 1024]) + p % 1024; }

static mfn_t page(void) {
	mfn_t m;

	assert_int_equal(domain_frames_alloc(guest, 0, 64, &m), 0);
	return m;
}

static long init_control(unsigned vcpu, mfn_t m, uint32_t offset) {
	struct evtchn_init_control c = { .control_gfn = m.n, .offset = offset, .vcpu = vcpu };
	long rc = CALL(init_control, c);

	if (!rc) assert_int_equal(c.link_bits, 17);
	return rc;
}

static long expand(mfn_t m) {
	struct evtchn_expand_array e = { .array_gfn = m.n };

	return CALL(expand_array, e);
}

static void use_fifo(unsigned pages) {
	memset(guest_head, 0, sizeof(guest_head));
	for (unsigned i = 0; i < VCPUS; i++) {
		control[i] = page();
		assert_int_equal(init_control(i, control[i], 0), 0);
	}
	for (unsigned i = 0; i < pages; i++) {
		array[i] = page();
		assert_int_equal(expand(array[i]), 0);
	}
}

static port_t ipi(unsigned vcpu) {
	struct evtchn_bind_ipi b = { .vcpu = vcpu };

	assert_int_equal(CALL(bind_ipi, b), 0);
	return b.port;
}

static void priority(port_t port, unsigned prio) {
	struct evtchn_set_priority p = { .port = port, .priority = prio };

	assert_int_equal(CALL(set_priority, p), 0);
}

static void send(port_t p) { assert_int_equal(evtchn_send(guest, p), 0); }

/* -- the guest -- */

/* Take the first event of a queue as Linux does; 0 if there is none. */
static port_t consume(unsigned vcpu, unsigned prio, uint32_t *ready) {
	uint32_t head = guest_head[vcpu][prio], old;
	port_t port;

	if (!head) head = block(vcpu)->head[prio];
	port = head;
	do old = *word(port);
	while (!__sync_bool_compare_and_swap(word(port), old, old & ~(W_LINKED | EVTCHN_FIFO_LINK_MASK)));
	head = old & EVTCHN_FIFO_LINK_MASK;
	if (!head) *ready &= ~(1u << prio);
	guest_head[vcpu][prio] = head;
	if (!(*word(port) & W_PENDING) || *word(port) & W_MASKED) return 0;
	*word(port) &= ~W_PENDING;
	return port;
}

/* Take all events of a vCPU; the ports in the order in which they came. */
static unsigned take(unsigned vcpu, port_t *out, unsigned max) {
	uint32_t ready = block(vcpu)->ready;
	unsigned n = 0;

	block(vcpu)->ready = 0;
	info_of(guest->vcpu[vcpu])->evtchn_upcall_pending = 0;
	while (ready) {
		port_t p = consume(vcpu, bit_first(ready), &ready);

		if (p && n < max) out[n++] = p;
		ready |= __atomic_exchange_n(&block(vcpu)->ready, 0, __ATOMIC_SEQ_CST);
	}
	return n;
}

static bool upcall(unsigned vcpu) { return info_of(guest->vcpu[vcpu])->evtchn_upcall_pending; }

/* -- set-up -- */

static void set_up_refusals(void **state) {
	mfn_t m = page(), strange;
	struct evtchn_set_priority p = { .port = ipi(0), .priority = 3 };

	assert_int_equal(domain_frames_alloc(peer, 0, 64, &strange), 0);
	assert_int_equal(CALL(set_priority, p), -ENOSYS);
	assert_int_equal(expand(m), -EOPNOTSUPP);
	assert_int_equal(init_control(VCPUS, m, 0), -ENOENT);
	assert_int_equal(init_control(0, m, 4), -EINVAL);
	assert_int_equal(init_control(0, m, 4096 - 64), -EINVAL);
	assert_int_equal(init_control(0, m, 0xfffffff8), -EINVAL);
	assert_int_equal(init_control(0, strange, 0), -EINVAL);
	assert_int_equal(init_control(0, mfn(1ull << 40), 0), -EINVAL);
	assert_null(guest->evtchn.fifo);
	assert_int_equal(init_control(0, m, 4096 - 72), 0);
	assert_int_equal(init_control(0, m, 0), -EINVAL); /* once only */
	assert_int_equal(expand(strange), -EINVAL);
	p.priority = 16;
	assert_int_equal(CALL(set_priority, p), -EINVAL);
	p.priority = 15;
	assert_int_equal(CALL(set_priority, p), 0);
}

static void pages_are_held_and_given_back(void **state) {
	struct evtchn_reset r = { .dom = DOMID_SELF };
	port_t p;

	use_fifo(2);
	assert_int_equal(domain_frame_release(guest, array[0]), 0);
	assert_int_equal(domain_frame_release(guest, control[1]), 0);
	p = ipi(1);
	send(p); /* the frames are still the guest's */
	assert_true(*word(p) & W_PENDING);
	assert_int_equal(CALL(reset, r), 0);
	assert_null(guest->evtchn.fifo);
	assert_false(frame_get(array[0], guest)); /* the last references went with the reset */
	p = ipi(1);
	send(p);
	assert_true(pending2(guest, p)); /* 2-level again */
	assert_int_equal(init_control(1, page(), 8), 0);
}

static void array_ends_with_the_ports(void **state) {
	guest->evtchn.max_port = 2047;
	use_fifo(2);
	assert_int_equal(expand(page()), -ENOSPC);
}

static void set_up_without_memory(void **state) {
	mfn_t m = page();

	for (unsigned n = 1; n <= 2; n++) {
		host_fail_allocation(n);
		assert_int_equal(init_control(0, m, 0), -ENOMEM);
		assert_null(guest->evtchn.fifo);
	}
	host_fail_allocation(0);
	assert_int_equal(init_control(0, m, 0), 0);
}

/* -- order -- */

static void first_in_first_out(void **state) {
	port_t got[8], p[5];

	use_fifo(1);
	for (unsigned i = 0; i < 5; i++) p[i] = ipi(1);
	for (unsigned i = 0; i < 5; i++) send(p[4 - i]);
	assert_true(upcall(1));
	assert_int_equal(block(1)->ready, 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
	assert_int_equal(take(1, got, 8), 5);
	for (unsigned i = 0; i < 5; i++) assert_int_equal(got[i], p[4 - i]);
	assert_int_equal(take(1, got, 8), 0);
	/* the emptied queue works again, and an event raised twice comes once */
	send(p[2]);
	send(p[2]);
	send(p[0]);
	assert_int_equal(take(1, got, 8), 2);
	assert_int_equal(got[0], p[2]);
	assert_int_equal(got[1], p[0]);
}

static void one_event_over_and_over(void **state) {
	port_t got[2], p;

	use_fifo(1);
	p = ipi(1);
	for (unsigned i = 0; i < 5; i++) {
		send(p);
		assert_true(upcall(1));
		assert_int_equal(*word(p), W_PENDING | W_LINKED);
		assert_int_equal(take(1, got, 2), 1);
		assert_int_equal(got[0], p);
		assert_int_equal(*word(p), 0);
	}
}

static void priorities_go_first(void **state) {
	port_t got[8], low, mid, high;

	use_fifo(1);
	low = ipi(2);
	mid = ipi(2);
	high = ipi(2);
	priority(low, 15);
	priority(high, 0);
	send(low);
	send(mid);
	send(high);
	assert_int_equal(take(2, got, 8), 3);
	assert_int_equal(got[0], high);
	assert_int_equal(got[1], mid);
	assert_int_equal(got[2], low);
}

static void masked_events_wait(void **state) {
	struct evtchn_unmask u;
	port_t got[2], p;

	use_fifo(1);
	p = ipi(1);
	*word(p) |= W_MASKED;
	send(p);
	assert_false(upcall(1));
	assert_int_equal(*word(p), W_PENDING | W_MASKED);
	u.port = p;
	assert_int_equal(CALL(unmask, u), 0);
	assert_true(upcall(1));
	assert_int_equal(take(1, got, 2), 1);
	assert_int_equal(CALL(unmask, u), 0);
	assert_false(upcall(1));
}

static void a_raise_between_taking_and_linking(void **state) {
	port_t got[4], a, b;
	uint32_t ready;

	use_fifo(1);
	a = ipi(1);
	b = ipi(1);
	send(a);
	ready = block(1)->ready;
	block(1)->ready = 0;
	assert_int_equal(consume(1, 7, &ready), a); /* queue empty, ring 0 thinks a is its tail */
	send(b);
	assert_int_equal(block(1)->head[7], b);
	assert_int_equal(*word(a) & EVTCHN_FIFO_LINK_MASK, 0);
	assert_int_equal(take(1, got, 4), 1);
	assert_int_equal(got[0], b);
}

static void moving_between_queues_loses_nothing(void **state) {
	struct evtchn_bind_vcpu m;
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 1 };
	struct evtchn_bind_interdomain b = { .remote_dom = 1 };
	port_t got[4], x, y;

	use_fifo(1);
	assert_int_equal(CALL(alloc_unbound, a), 0);
	b.remote_port = a.port;
	assert_int_equal(CALL(bind_interdomain, b), 0);
	take(0, got, 4);
	x = b.local_port; /* the port that moves; raised by sending on a.port */
	y = ipi(1);
	m = (struct evtchn_bind_vcpu){ .port = x, .vcpu = 1 };
	assert_int_equal(CALL(bind_vcpu, m), 0);
	send(a.port);
	assert_int_equal(take(1, got, 4), 1); /* x was the tail of vCPU 1's queue */
	m.vcpu = 2;
	assert_int_equal(CALL(bind_vcpu, m), 0);
	send(a.port); /* x is linked for vCPU 2 now */
	send(y);      /* must not be hooked behind x */
	assert_int_equal(take(1, got, 4), 1);
	assert_int_equal(got[0], y);
	assert_int_equal(take(2, got, 4), 1);
	assert_int_equal(got[0], x);
	/* the same with priorities */
	priority(x, 3);
	send(a.port);
	m.vcpu = 1;
	assert_int_equal(CALL(bind_vcpu, m), 0);
	send(y);
	assert_int_equal(take(2, got, 4), 1);
	assert_int_equal(take(1, got, 4), 1);
	assert_int_equal(got[0], y);
}

static void raised_before_its_page(void **state) {
	port_t got[4], p;

	use_fifo(0);
	p = ipi(3);
	send(p);
	assert_false(upcall(3));
	assert_true(evtchn_port_pending(guest, p));
	array[0] = page();
	assert_int_equal(expand(array[0]), 0);
	assert_true(upcall(3));
	assert_int_equal(take(3, got, 4), 1);
	assert_int_equal(got[0], p);
}

static void pending_before_the_switch(void **state) {
	port_t got[4], p = ipi(1), q = ipi(1);

	send(q);
	use_fifo(1);
	assert_false(pending2(guest, q));
	assert_false(evtchn_port_pending(guest, p));
	assert_int_equal(take(1, got, 4), 1);
	assert_int_equal(got[0], q);
}

static void raised_for_a_vcpu_without_control_block(void **state) {
	port_t p;
	struct evtchn_unmask u;

	control[0] = page();
	assert_int_equal(init_control(0, control[0], 0), 0);
	array[0] = page();
	assert_int_equal(expand(array[0]), 0);
	p = ipi(2);
	send(p);
	assert_int_equal(*word(p), W_PENDING);
	assert_false(upcall(2));
	control[2] = page();
	assert_int_equal(init_control(2, control[2], 0), 0);
	u.port = p;
	assert_int_equal(CALL(unmask, u), 0);
	assert_true(upcall(2));
}

static void a_closed_port_in_a_queue_is_not_given_out(void **state) {
	struct evtchn_close c;
	port_t got[4], p, q;

	use_fifo(1);
	p = ipi(1);
	send(p);
	c.port = p;
	assert_int_equal(CALL(close, c), 0);
	assert_int_equal(*word(p), W_LINKED);
	q = ipi(1);
	assert_int_not_equal(q, p);
	assert_int_equal(take(1, got, 4), 0); /* off the queue, nothing to handle */
	assert_int_equal(ipi(1), p);
}

static void many_ports(void **state) {
	struct evtchn_bind_ipi b = { .vcpu = 1 };
	static port_t got[5000];

	guest->evtchn.max_port = 4999;
	memset(guest_head, 0, sizeof(guest_head));
	control[1] = page();
	assert_int_equal(init_control(1, control[1], 0), 0);
	for (unsigned i = 0; i < 4; i++) {
		array[i] = page();
		assert_int_equal(expand(array[i]), 0);
	}
	for (unsigned i = 1; i < 5000; i++) assert_int_equal(CALL(bind_ipi, b), 0);
	assert_int_equal(CALL(bind_ipi, b), -ENOSPC);
	for (port_t p = 4095; p; p--) send(p);
	assert_int_equal(take(1, got, 5000), 4095);
	for (unsigned i = 0; i < 4095; i++) assert_int_equal(got[i], 4095 - i);
	send(4999); /* its page never came */
	assert_true(evtchn_port_pending(guest, 4999));
}

/* -- hostile guests -- */

static void words_full_of_rubbish(void **state) {
	struct evtchn_close c;
	struct evtchn_unmask u;

	use_fifo(2);
	srand(7);
	for (unsigned n = 0; n < 40; n++) ipi(n % VCPUS);
	for (unsigned n = 0; n < 20000; n++) {
		port_t p = (port_t)rand() % 40 + 1;

		*word((port_t)rand() % 2048) = (uint32_t)rand() << 16 ^ (uint32_t)rand();
		block((unsigned)rand() % VCPUS)->head[rand() % 16] = (uint32_t)rand();
		block((unsigned)rand() % VCPUS)->ready = (uint32_t)rand() << 16 ^ (uint32_t)rand();
		switch (rand() % 8) {
		case 0:
			c.port = p;
			(void)!CALL(close, c);
			break;
		case 1:
			u.port = p;
			(void)!CALL(unmask, u);
			break;
		case 2: {
			struct evtchn_bind_ipi b = { .vcpu = (uint32_t)rand() % VCPUS };

			(void)!CALL(bind_ipi, b);
			break;
		}
		case 3: {
			struct evtchn_set_priority s = { .port = p, .priority = (uint32_t)rand() % 16 };

			(void)!CALL(set_priority, s);
			break;
		}
		default: (void)!evtchn_send(guest, p);
		}
	}
	evtchn_check_invariants(guest);
}

static void all_closed_ports_kept_linked(void **state) {
	struct evtchn_bind_ipi b = { .vcpu = 1 };
	long rc;

	use_fifo(4);
	for (port_t p = 1; p < 4096; p++) *word(p) = W_LINKED;
	/* refused after a bounded search; goes on from there, and in the end finds what is free */
	for (unsigned i = 0; i < 100; i++) {
		rc = CALL(bind_ipi, b);
		if (!rc) break;
		assert_int_equal(rc, -ENOSPC);
	}
	assert_int_equal(rc, 0);
	assert_true(b.port >= 4096);
	evtchn_check_invariants(guest);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		EVT_TEST(set_up_refusals),
		EVT_TEST(pages_are_held_and_given_back),
		EVT_TEST(array_ends_with_the_ports),
		EVT_TEST(set_up_without_memory),
		EVT_TEST(first_in_first_out),
		EVT_TEST(one_event_over_and_over),
		EVT_TEST(priorities_go_first),
		EVT_TEST(masked_events_wait),
		EVT_TEST(a_raise_between_taking_and_linking),
		EVT_TEST(moving_between_queues_loses_nothing),
		EVT_TEST(raised_before_its_page),
		EVT_TEST(pending_before_the_switch),
		EVT_TEST(raised_for_a_vcpu_without_control_block),
		EVT_TEST(a_closed_port_in_a_queue_is_not_given_out),
		EVT_TEST(many_ports),
		EVT_TEST(words_full_of_rubbish),
		EVT_TEST(all_closed_ports_kept_linked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
