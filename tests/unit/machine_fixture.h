/* SPDX-License-Identifier: MIT */
/*
 * A whole small machine for tests of domains and domctls: all objects are the real ones, dom0 runs
 * on CPU 0. Hypercall arguments are put at ARG_VA. After each test dom0 goes too, and all memory
 * must be back.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "console.h"
#include "e820.h"
#include "frame.h"
#include "grant.h"
#include "host.h"
#include "hypercall.h"
#include "irq.h"
#include "options.h"
#include "sched.h"

#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/sysctl.h>

#define FRAMES   4096u
#define CPUS     2u
#define ARG_VA   0x10000ull
#define ARG_SIZE 0x10000u

static uint8_t arg_page[ARG_SIZE] __attribute__((aligned(16)));
static uint64_t free_at_start;

/* What boot/ and x86/ have. */
__attribute__((weak)) struct options options;
__attribute__((weak)) struct e820entry e820_map[E820_MAX];
__attribute__((weak)) unsigned e820_count;
__attribute__((weak)) void panic(const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}

/* Interrupt lines have no part in these tests. */
__attribute__((weak)) int irq_domain_destroy(struct domain *d) { return 0; }
__attribute__((weak)) int pirq_bind(struct vcpu *v, unsigned pirq, port_t port, bool will_share) { return -EINVAL; }
__attribute__((weak)) void pirq_unbind(struct domain *d, unsigned pirq, port_t port) {}
__attribute__((weak)) void pirq_set_affinity(struct domain *d, unsigned pirq, struct vcpu *v) {}
__attribute__((weak)) void cpu_raise(unsigned cpu, uint32_t work) { cpu_of(cpu)->work |= work; }

static inline void run_as(struct domain *d) {
	host_cpu_set(0);
	this_cpu()->vcpu = d ? d->vcpu[0] : NULL;
}

static inline struct domain_params params(domid_t id) {
	return (struct domain_params){ .id = id,
				       .privileged = id == 0,
				       .config.max_vcpus = 2,
				       .max_pages = 500,
				       .config.max_grant_frames = 4,
				       .config.max_maptrack_frames = 4,
				       .config.max_evtchn_port = 1023,
				       .config.grant_opts = 2 };
}

static inline struct domain *domain_make(domid_t id) {
	struct domain_params p = params(id);
	struct domain *d;

	assert_int_equal(domain_create(&p, &d), 0);
	assert_int_equal(vcpu_create(d, 0), 0);
	return d;
}

static inline void domain_end(struct domain *d) {
	int rc;

	while ((rc = domain_destroy(d)) == -ERESTART)
		;
	assert_int_equal(rc, 0);
	domains_reap();
}

/* Have ring 0 make the descriptors of the GSIs that tests use. */
static inline void irq_gsi_keep(void) {
	for (int gsi = 12; gsi < 14; gsi++) assert_int_equal(pirq_map_gsi(dom0, (unsigned)gsi, &gsi), 0);
}

static inline void machine_start(void) {
	host_machine_init(FRAMES, CPUS);
	frame_count = FRAMES;
	frame_table = calloc(FRAMES, sizeof(struct frame));
	frames_init();
	frames_add(mfn(0), FRAMES - 16);
	host_guest_memory(arg_page, ARG_VA, ARG_SIZE);
	irq_init();
	for (unsigned i = 0; i < CPUS; i++) {
		host_cpu_set(i);
		timers_init_cpu();

		sched_init_cpu();
	}
	host_cpu_set(0);
}

static inline int machine_setup(void **state) {
	if (!frame_table) {
		machine_start();
		dom0 = domain_make(0);
		irq_gsi_keep(); /* their descriptors stay */
		domain_end(dom0);
		free_at_start = frames_free;
	}
	hypercall_preempt_units = 1000000;
	dom0 = NULL;
	dom0 = domain_make(0);
	domain_unpause(dom0);
	run_as(dom0);
	memset(arg_page, 0, sizeof(arg_page));
	host_journal_clear();
	return 0;
}

static inline int machine_teardown(void **state) {
	host_fail_allocation(0);
	hypercall_preempt_units = 1000000;
	run_as(NULL);
	for (struct domain *d; (d = domain_next(1)) != NULL;) domain_end(d);
	domain_end(dom0);
	assert_int_equal(frames_free, free_at_start);
	assert_int_equal(this_cpu()->windows_open, 0);
	assert_int_equal(this_cpu()->lock_ranks, 0);
	return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)
