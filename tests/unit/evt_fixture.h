/* SPDX-License-Identifier: MIT */
/*
 * A machine of four CPUs with dom0 and two guests of four vCPUs each, for the tests of evtchn/,
 * time/ and sched/. After each test all is taken down, and memory must be as before.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "host.h"
#include "e820.h"
#include "frame.h"
#include "hypercall.h"
#include "irq.h"
#include "options.h"
#include "sched.h"
#include "../../hypervisor/evtchn/port.h"
#include "../../hypervisor/sched/unit.h"

#define FRAMES   4096u
#define CPUS     4u
#define VCPUS    4u
#define ARG_VA   0x10000ull
#define ARG_SIZE 0x10000u
#define MAX_PORT 131071u

static struct domain *guest, *peer;
static uint8_t arg_page[ARG_SIZE] __attribute__((aligned(16)));

struct options options;
struct e820entry e820_map[E820_MAX] = { { 0, 0x9f000, E820_RAM }, { 0x100000, 0xf00000, E820_RAM } };
unsigned e820_count = 2;
void panic(const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}

/* -- physical interrupts: a table of four, the rest is refused */

#define PIRQS 4u
static port_t pirq_port[PIRQS];
static unsigned pirq_affinity[PIRQS];

int irq_domain_destroy(struct domain *d) { return 0; }
int pirq_bind(struct vcpu *v, unsigned pirq, port_t port, bool share) {
	if (pirq >= PIRQS) return -EINVAL;
	if (pirq_port[pirq]) return -EEXIST;
	pirq_port[pirq] = port;
	pirq_affinity[pirq] = v->id;
	return 0;
}
void pirq_unbind(struct domain *d, unsigned pirq, port_t port) { pirq_port[pirq] = 0; }
void pirq_set_affinity(struct domain *d, unsigned pirq, struct vcpu *v) { pirq_affinity[pirq] = v->id; }

/* -- machine and domains */

static inline struct domain *domain_make(domid_t id, bool privileged) {
	struct domain_params p = { .id = id,
				   .privileged = privileged,
				   .config.max_vcpus = VCPUS,
				   .max_pages = 1000,
				   .config.max_grant_frames = 4,
				   .config.max_maptrack_frames = 4,
				   .config.max_evtchn_port = MAX_PORT,
				   .config.grant_opts = 1 };
	struct domain *d;

	assert_int_equal(domain_create(&p, &d), 0);
	for (unsigned i = 0; i < VCPUS; i++) assert_int_equal(vcpu_create(d, i), 0);
	domain_unpause(d);
	return d;
}

/* Let the vCPU run on CPU n, which becomes this one, without the scheduler's choice. */
static inline void run_on(unsigned n, struct vcpu *v) {
	struct sched_cpu *q;

	host_cpu_set(n);
	q = this_cpu()->sched;
	if (current) current->running = false;
	q->curr = v;
	if (v) {
		v->pause_flags = 0;
		v->running = true;
		v->processor = n;
		q->curr_since = now_ns();
	}
	arch_context_switch(v);
	this_cpu()->work = 0;
}

/* All CPUs idle. */
static inline void run_nothing(void) {
	for (unsigned i = 0; i < CPUS; i++) run_on(i, NULL);
	host_cpu_set(0);
}

static inline void machine_start(void) {
	host_machine_init(FRAMES, CPUS);
	frame_count = FRAMES;
	frame_table = calloc(FRAMES, sizeof(struct frame));
	frames_init();
	frames_add(mfn(0), FRAMES);
	host_guest_memory(arg_page, ARG_VA, ARG_SIZE);
}

static inline void cpus_start(void) {
	for (unsigned i = 0; i < CPUS; i++) {
		host_cpu_set(i);
		this_cpu()->work = 0;
		this_cpu()->vcpu = this_cpu()->loaded = NULL;
		sched_init_cpu();
		timers_init_cpu();
	}
	host_cpu_set(0);
}

static inline void domain_end(struct domain *d) {
	int rc;

	while ((rc = domain_destroy(d)) == -ERESTART)
		;
	assert_int_equal(rc, 0);
}

static uint64_t heap_at_start;

static inline int evt_setup(void **state) {
	if (!frame_table) {
		machine_start();
		cpus_start();
		domain_end(domain_make(0, true)); /* what the first domain makes for good */
		dom0 = NULL;
		domains_reap();
		heap_at_start = heap_bytes_used();
	}
	cpus_start();
	hypercall_preempt_units = 1000000;
	dom0 = NULL;
	dom0 = domain_make(0, true);
	guest = domain_make(1, false);
	peer = domain_make(2, false);
	memset(pirq_port, 0, sizeof(pirq_port));
	run_on(0, guest->vcpu[0]);
	host_journal_clear();
	return 0;
}

static inline int evt_teardown(void **state) {
	host_fail_allocation(0);
	hypercall_preempt_units = 1000000;
	for_each_domain (d) evtchn_check_invariants(d);
	for (unsigned i = 0; i < CPUS; i++) {
		assert_int_equal(cpu_of(i)->windows_open, 0);
		assert_int_equal(cpu_of(i)->lock_ranks, 0);
	}
	run_nothing();
	domain_end(guest);
	domain_end(peer);
	domain_end(dom0);
	domains_reap();
	assert_int_equal(heap_bytes_used(), heap_at_start);
	return 0;
}

#define EVT_TEST(f) cmocka_unit_test_setup_teardown(f, evt_setup, evt_teardown)

/* -- what tests look at */

static inline struct vcpu_info *info_of(struct vcpu *v) {
	if (!mfn_eq(v->info_mfn, INVALID_MFN))
		return (struct vcpu_info *)((char *)own_va(v->info_mfn) + v->info_offset);
	return &v->domain->shared_info->vcpu_info[v->id];
}
static inline bool pending2(struct domain *d, port_t p) { return bit_test(p, d->shared_info->evtchn_pending); }
static inline void mask2(struct domain *d, port_t p, bool masked) {
	if (masked)
		bit_test_and_set(p, d->shared_info->evtchn_mask);
	else
		bit_test_and_clear(p, d->shared_info->evtchn_mask);
}
/* The guest has taken all events. */
static inline void take_all(struct domain *d) {
	struct vcpu *v;

	memset(d->shared_info->evtchn_pending, 0, sizeof(d->shared_info->evtchn_pending));
	for_each_vcpu (d, v) {
		info_of(v)->evtchn_upcall_pending = 0;
		info_of(v)->evtchn_pending_sel = 0;
	}
}

/* A hypercall of the running vCPU with its argument at ARG_VA; restarts are followed. */
static inline long call_event(unsigned op, void *arg, size_t size) {
	long rc;

	memcpy(arg_page, arg, size);
	do {
		this_cpu()->preempt_budget = 0;
		rc = do_event_channel_op(op, ARG_VA, 0, 0, 0, 0);
	} while (rc == -ERESTART);
	this_cpu()->work &= ~CPU_WORK_RESTART;
	memcpy(arg, arg_page, size);
	return rc;
}
#define CALL(op, arg) call_event(EVTCHNOP_##op, &(arg), sizeof(arg))
