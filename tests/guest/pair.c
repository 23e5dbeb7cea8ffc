/* SPDX-License-Identifier: MIT */
/* guest-boot: smp=2 vcpus=1 mem=160 dom0_mem=32M */
/*
 * Events between two domains that do nothing else: to a vCPU that is blocked, that polls, that runs, on its
 * own processor and on another, many ports at once in both formats. None may get lost, none may come twice.
 *
 * A round: the pinger counts one and sends; the ponger's handler counts one and answers. A lost event stops
 * both.
 */
#define __XEN_TOOLS__ 1
#include <kit/fifo.h>
#include "child.h"
#include "tap.h"

#define ROUNDS     400
#define MANY_PORTS 3000
#define BATCHES    5

/* Roles tell by arg[0] what to do between events. */
enum { WAIT_BLOCK, WAIT_POLL, WAIT_SPIN };

/* What arg[] and out[] mean. */
enum { ARG_WAIT, ARG_REMOTE, ARG_PORT, ARG_ROUNDS };

static volatile uint64_t got;
static unsigned int own_port;

static void count_event(unsigned int port) {
	(void)port;
	got++;
}

static void answer(unsigned int port) {
	got++;
	kit_event_send(port);
}

/* Waits for another event than the `seen` ones. */
static void wait_event(uint64_t how, uint64_t seen) {
	struct sched_poll poll = { .nr_ports = 1 };
	evtchn_port_t port = own_port;

	set_xen_guest_handle(poll.ports, &port);
	while (got == seen) {
		if (how == WAIT_SPIN) continue;
		kit_events_off();
		if (got != seen || kit_event_pending(own_port)) {
			kit_events_on();
			continue;
		}
		hv_sched_op(how == WAIT_POLL ? SCHEDOP_poll : SCHEDOP_block, how == WAIT_POLL ? &poll : NULL);
		kit_events_on();
	}
}

/* The one that answers: offers a port, and answers each event on it. */
static void pong(void) {
	volatile struct child_box *box = child_own_box;

	own_port = (unsigned int)kit_event_alloc_unbound(DOMID_SELF, (unsigned int)box->arg[ARG_REMOTE]);
	kit_event_handle(own_port, answer);
	box->out[0] = own_port;
	box->state = 1;
	while (got < box->arg[ARG_ROUNDS]) wait_event(box->arg[ARG_WAIT], got);
	box->out[1] = got;
	box->state = 2;
	for (;;) child_sleep(SECOND);
}

/* The one that begins. out[2] is the time the rounds took. */
static void ping(void) {
	volatile struct child_box *box = child_own_box;
	uint64_t start;

	own_port = (unsigned int)kit_event_bind_interdomain((unsigned int)box->arg[ARG_REMOTE],
							    (unsigned int)box->arg[ARG_PORT]);
	kit_event_clear(own_port); /* binding raises it */
	kit_event_handle(own_port, count_event);
	got = 0;
	box->state = 1;
	start = kit_time();
	for (uint64_t i = 0; i < box->arg[ARG_ROUNDS]; i++) {
		kit_event_send(own_port);
		wait_event(box->arg[ARG_WAIT], i);
		box->out[1] = got;
	}
	box->out[2] = kit_time() - start;
	box->state = 2;
	for (;;) child_sleep(SECOND);
}

/* -- many ports -- */

static uint8_t per_port[8192];

static void count_port(unsigned int port, unsigned int queue) {
	(void)queue;
	per_port[port]++;
	child_own_box->out[1]++;
}

/* Offers arg[ARG_ROUNDS] ports in the FIFO format, with all priorities; counts what comes on each. */
static void listen(void) {
	volatile struct child_box *box = child_own_box;
	unsigned int made = 0;
	uint64_t low = ~0UL, high = 0;
	long rc = kit_fifo_init();

	while (!rc && made < box->arg[ARG_ROUNDS]) {
		long port = kit_event_alloc_unbound(DOMID_SELF, (unsigned int)box->arg[ARG_REMOTE]);

		if (port < 0) break;
		if (port % 1024 == 0) kit_fifo_expand();
		kit_fifo_priority((unsigned int)port, made % EVTCHN_FIFO_MAX_QUEUES);
		low = low < (uint64_t)port ? low : (uint64_t)port;
		high = (uint64_t)port;
		made++;
	}
	kit_fifo_handle(count_port);
	for (uint64_t port = low; port <= high; port++) kit_fifo_unmask((unsigned int)port);
	box->out[0] = low;
	box->out[2] = made;
	box->state = 1;
	while (box->arg[4] == 0) hv_sched_op(SCHEDOP_yield, NULL);
	/* all has been sent: each port must have had every event but those that met one already pending */
	for (uint64_t port = low; port <= high; port++) box->out[3] += per_port[port] == 0;
	box->state = 2;
	for (;;) child_sleep(SECOND);
}

/* Sends on all ports, again and again; between two rounds it waits until all have come (box of the other: by
 * parent). */
static void shout(void) {
	volatile struct child_box *box = child_own_box;
	static unsigned int ports[MANY_PORTS];
	uint64_t n = box->arg[ARG_ROUNDS];

	for (uint64_t i = 0; i < n; i++) {
		long port = kit_event_bind_interdomain((unsigned int)box->arg[ARG_REMOTE],
						       (unsigned int)(box->arg[ARG_PORT] + i));

		box->out[2] += port > 0;
		ports[i] = (unsigned int)port;
	}
	box->state = 1;
	for (uint64_t batch = 1; batch <= BATCHES; batch++) {
		while (box->arg[4] < batch) hv_sched_op(SCHEDOP_yield, NULL);
		for (uint64_t i = 0; i < n; i++) box->out[3] += kit_event_send(ports[(i * 7) % n]) != 0;
		box->state = 1 + batch;
	}
	for (;;) child_sleep(SECOND);
}

/* -- the parent -- */

static void pin_pair(struct child *a, struct child *b, bool apart) {
	child_pin(a, 0, apart ? 2 : 1);
	child_pin(b, 0, 1);
}

static bool make(struct child *c, void (*run)(void), unsigned int ports) {
	struct child_limits limits = child_usual;

	limits.ports = ports;
	return child_create(c, &limits, run) == 0;
}

static void rounds(const char *what, unsigned int how_ping, unsigned int how_pong, bool apart) {
	struct child a, b;
	char name[80];
	bool finished;

	if (!make(&a, pong, 1023) || !make(&b, ping, 1023)) {
		ok(false, "two domains are made");
		return;
	}
	a.box->arg[ARG_WAIT] = how_pong;
	b.box->arg[ARG_WAIT] = how_ping;
	a.box->arg[ARG_REMOTE] = b.id;
	b.box->arg[ARG_REMOTE] = a.id;
	a.box->arg[ARG_ROUNDS] = b.box->arg[ARG_ROUNDS] = ROUNDS;
	pin_pair(&a, &b, apart);
	child_start(&a);
	child_wait(&a, 1, 5 * SECOND);
	b.box->arg[ARG_PORT] = a.box->out[0];
	child_start(&b);
	finished = child_wait(&b, 2, 30 * SECOND);
	kit_snprintf(name, sizeof(name), "%s, on %s", what, apart ? "two processors" : "one");
	if (!finished) kit_printf("# %lu and %lu events\n", b.box->out[1], a.box->out[1]);
	ok(finished, name);
	child_wait(&a, 2, 5 * SECOND);
	kit_snprintf(name, sizeof(name), "%s, on %s: events answered", what, apart ? "two processors" : "one");
	is((long)a.box->out[1], ROUNDS, name);
	kit_printf("# %lu ns a round\n", b.box->out[2] / ROUNDS);
	child_destroy(&b);
	child_destroy(&a);
}

static void test_ping_pong(void) {
	rounds("both block", WAIT_BLOCK, WAIT_BLOCK, false);
	rounds("both block", WAIT_BLOCK, WAIT_BLOCK, true);
	rounds("both poll", WAIT_POLL, WAIT_POLL, false);
	rounds("both poll", WAIT_POLL, WAIT_POLL, true);
	rounds("both run", WAIT_SPIN, WAIT_SPIN, true);
	rounds("one blocks, one runs", WAIT_BLOCK, WAIT_SPIN, true);
	rounds("one polls, one blocks", WAIT_POLL, WAIT_BLOCK, true);
}

static void test_many(bool apart) {
	uint64_t sent, expect;
	struct child a, b;
	bool all = true;

	if (!make(&a, listen, 4095) || !make(&b, shout, 4095)) {
		ok(false, "two domains are made");
		return;
	}
	a.box->arg[ARG_REMOTE] = b.id;
	b.box->arg[ARG_REMOTE] = a.id;
	a.box->arg[ARG_ROUNDS] = b.box->arg[ARG_ROUNDS] = MANY_PORTS;
	pin_pair(&a, &b, apart);
	child_start(&a);
	ok(child_wait(&a, 1, 10 * SECOND), apart ? "a domain listens, on another processor" : "a domain listens");
	is((long)a.box->out[2], MANY_PORTS, "on thousands of ports, in the FIFO format");
	b.box->arg[ARG_PORT] = a.box->out[0];
	child_start(&b);
	ok(child_wait(&b, 1, 10 * SECOND), "another binds them");
	is((long)b.box->out[2], MANY_PORTS, "all");
	for (uint64_t batch = 1; batch <= BATCHES && all; batch++) {
		b.box->arg[4] = batch;
		all = child_wait(&b, 1 + batch, 10 * SECOND);
		expect = MANY_PORTS * batch;
		for (unsigned int i = 0; i < 1000 && a.box->out[1] < expect; i++) child_sleep(MS);
		sent = a.box->out[1];
		if (sent != expect) kit_printf("# batch %lu: %lu of %lu\n", batch, sent, expect);
		all = all && sent == expect;
	}
	ok(all, "every event comes, and none twice");
	is((long)b.box->out[3], 0, "no send was refused");
	a.box->arg[4] = 1;
	ok(child_wait(&a, 2, 5 * SECOND), "the listener looks at its ports");
	is((long)a.box->out[3], 0, "none went without");
	child_destroy(&b);
	child_destroy(&a);
}

void guest_main(void) {
	child_init();
	test_ping_pong();
	test_many(false);
	test_many(true);
	done();
}
