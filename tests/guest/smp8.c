/* SPDX-License-Identifier: MIT */
/* guest-boot: smp=2 vcpus=1 mem=160 dom0_mem=32M */
/*
 * A domain with more vCPUs than there are processors: all of them get on, hear each other's events, go down
 * and come up while the others run, and are moved about by the toolstack meanwhile.
 */
#define __XEN_TOOLS__ 1
#include <kit/smp.h>
#include "child.h"
#include "tap.h"

#define VCPUS  8
#define LAPS   150 /* of an event through all vCPUs; fewer where each hop waits for a slice */
#define LAPS_R 15
#define CYCLES 60 /* of each vCPU down and up */

static unsigned int next_port[VCPUS];
static volatile uint64_t laps;
static uint64_t laps_wanted;
static volatile unsigned int stop;

/* The event goes round: each vCPU sends it on to the next. */
static void pass_on(unsigned int port) {
	unsigned int self = kit_vcpu_id();

	(void)port;
	child_own_box->count[self]++;
	if (self == 0) laps++;
	if (self || laps < laps_wanted) kit_event_send(next_port[(self + 1) % VCPUS]);
}

static void wait_blocked(void) {
	kit_events_on();
	while (!stop) {
		kit_events_off();
		hv_sched_op(SCHEDOP_block, NULL); /* opens events too */
		kit_events_on();
	}
}

static void wait_running(void) {
	kit_events_on();
	while (!stop) asm volatile("pause");
}

static void round_trip(void (*wait)(void), uint64_t want) {
	volatile struct child_box *box = child_own_box;

	laps_wanted = want;
	for (unsigned int i = 0; i < VCPUS; i++) {
		next_port[i] = (unsigned int)kit_event_bind_ipi(i);
		kit_event_handle(next_port[i], pass_on);
	}
	for (unsigned int i = 1; i < VCPUS; i++) box->out[0] += kit_vcpu_start(i, wait) == 0;
	kit_event_send(next_port[1]);
	box->out[1] = kit_time();
	while (laps < want) hv_sched_op(SCHEDOP_yield, NULL);
	box->out[1] = kit_time() - box->out[1];
	box->out[3] = box->count[VCPUS - 1];
	stop = 1;
	for (unsigned int i = 1; i < VCPUS; i++) {
		kit_event_send(next_port[i]);
		box->out[2] += kit_vcpu_wait_down(i, 5 * SECOND);
	}
	box->state = 1;
	for (;;) child_sleep(SECOND);
}

static void ring_blocked(void) { round_trip(wait_blocked, LAPS); }
static void ring_running(void) { round_trip(wait_running, LAPS_R); }

static void come_and_go(void) { child_own_box->count[kit_vcpu_id()]++; }

/* Brings all vCPUs up again and again; each counts and goes down. */
static void hotplug(void) {
	volatile struct child_box *box = child_own_box;

	for (unsigned int i = 1; i < VCPUS; i++) box->out[0] += kit_vcpu_start(i, come_and_go) == 0;
	for (unsigned int cycle = 1; cycle < CYCLES; cycle++)
		for (unsigned int i = 1; i < VCPUS; i++) {
			if (!kit_vcpu_wait_down(i, 5 * SECOND)) kit_panic("# vCPU %u does not go down", i);
			if (hv_vcpu_op(VCPUOP_up, i, NULL)) kit_panic("# vCPU %u does not come up", i);
		}
	for (unsigned int i = 1; i < VCPUS; i++) box->out[1] += kit_vcpu_wait_down(i, 5 * SECOND);
	box->state = 1;
	for (;;) child_sleep(SECOND);
}

/* -- the parent -- */

static const struct child_limits eight = { VCPUS, 1023, 4, 4, 0 };

/* Moves the vCPUs about until the child has come to `state`. */
static bool shuffle(struct child *c, uint64_t state, uint64_t ns) {
	uint64_t end = kit_time() + ns;
	unsigned int n = 0;

	while (c->box->state < state && kit_time() < end) {
		child_pin(c, n % VCPUS, n / VCPUS % 3 + 1);
		n++;
		child_console(c);
		child_sleep(MS);
	}
	kit_printf("# moved %u times\n", n);
	return c->box->state >= state;
}

static void test_ring(void (*run)(void), long want, const char *name) {
	struct child c;

	is(child_create(&c, &eight, run), 0, "a domain with 8 vCPUs");
	child_start(&c);
	ok(shuffle(&c, 1, 60 * SECOND), name);
	is((long)c.box->out[0], VCPUS - 1, "its vCPUs start");
	is((long)c.box->out[3], want, "the last hears of each lap");
	is((long)c.box->out[2], VCPUS - 1, "they end");
	kit_printf("# %lu us a lap\n", c.box->out[1] / (uint64_t)want / 1000);
	child_destroy(&c);
}

static void test_hotplug(void) {
	struct child c;
	bool all = true;

	child_create(&c, &eight, hotplug);
	child_start(&c);
	ok(shuffle(&c, 1, 60 * SECOND), "vCPUs go down and come up");
	is((long)c.box->out[1], VCPUS - 1, "all are down in the end");
	for (unsigned int i = 1; i < VCPUS; i++) all = all && c.box->count[i] == CYCLES;
	ok(all, "each ran each time");
	child_destroy(&c);
}

void guest_main(void) {
	child_init();
	test_ring(ring_blocked, LAPS, "an event goes round, from one blocked vCPU to the next");
	test_ring(ring_running, LAPS_R, "an event goes round, from one running vCPU to the next");
	test_hotplug();
	done();
}
