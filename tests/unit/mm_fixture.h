/* SPDX-License-Identifier: MIT */
/*
 * A small machine with two domains for the tests of mm/: dom0 (privileged) and a guest, each with a
 * vCPU. Hypercall arguments are put at ARG_VA of the running domain's address space. After each
 * test everything is taken down and every frame must be free again.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "host.h"
#include "console.h"
#include "e820.h"
#include "frame.h"
#include "hypercall.h"
#include "irq.h"
#include "memop.h"
#include "options.h"
#include "pci.h"
#include "sched.h"
#include "../../hypervisor/mm/pt.h"

#include <xen/memory.h>

#ifndef FRAMES
#define FRAMES 2048u
#endif
#ifndef CPUS
#define CPUS 2u
#endif
#ifndef MAX_PORT
#define MAX_PORT 127u
#endif
#define ARG_VA   0x10000ull
#define ARG_SIZE 0x10000u

#define RW  (PTE_P | PTE_RW)
#define RO  PTE_P
#define TAB (PTE_P | PTE_RW | PTE_US)

static struct domain *guest;
static unsigned guest_grant_version = 1;
static uint8_t arg_page[ARG_SIZE] __attribute__((aligned(16)));

/* What a test of mm/ does without; real ones take the place when they are linked. */
#define DUMMY __attribute__((weak))
DUMMY struct options options;
DUMMY struct e820entry e820_map[E820_MAX] = { { 0, 0x9f000, E820_RAM }, { 0x100000, 0x700000, E820_RAM } };
DUMMY unsigned e820_count = 2;
DUMMY void panic(const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}
DUMMY unsigned arch_gsi_count(void) { return 0; }
DUMMY void arch_gsi_program(unsigned gsi, bool level, bool low, uint8_t vector, unsigned cpu) {}
DUMMY void arch_gsi_mask(unsigned gsi, bool masked) {}
DUMMY void arch_irq_ack(void) {}
DUMMY uint32_t arch_msi_address(unsigned cpu) { return 0; }
DUMMY volatile uint32_t *arch_registers_map(uint64_t address, size_t size) { return NULL; }
DUMMY uint32_t pci_read(sbdf_t dev, unsigned reg, unsigned bytes) { return ~0u; }
DUMMY void pci_write(sbdf_t dev, unsigned reg, unsigned bytes, uint32_t value) {}
DUMMY void cpu_raise(unsigned cpu, uint32_t work) { __atomic_fetch_or(&cpu_of(cpu)->work, work, __ATOMIC_SEQ_CST); }
DUMMY void uart_interrupt(void) {}

/* -- machine and domains */

static inline struct domain *domain_make(domid_t id, bool privileged) {
	struct domain_params p = { .id = id,
				   .privileged = privileged,
				   .config.max_vcpus = 2,
				   .max_pages = 1000,
				   .config.max_grant_frames = 4,
				   .config.max_maptrack_frames = 4,
				   .config.max_evtchn_port = MAX_PORT,
				   .config.grant_opts = id ? guest_grant_version : 1 };
	struct domain *d;

	assert_int_equal(domain_create(&p, &d), 0);
	assert_int_equal(vcpu_create(d, 0), 0);
	d->state = DOM_RUNNING;
	d->dirty_cpus = cpus_online;
	return d;
}

/* Run as this domain's vCPU. */
static inline struct vcpu *run_as(struct domain *d) {
	this_cpu()->vcpu = d ? d->vcpu[0] : NULL;
	return this_cpu()->vcpu;
}

static inline void machine_start(unsigned cpus) {
	host_machine_init(FRAMES, cpus);
	frame_count = FRAMES;
	frame_table = calloc(FRAMES, sizeof(struct frame));
	frames_init();
	/* the last 16 frames stay what firmware left: no RAM */
	frames_add(mfn(0), FRAMES - 16);
	host_guest_memory(arg_page, ARG_VA, ARG_SIZE);
	for (unsigned i = 0; i < cpus; i++) {
		host_cpu_set(i);
		timers_init_cpu();
		sched_init_cpu();
	}
	host_cpu_set(0);
}

static inline void domain_end(struct domain *d) {
	int rc;

	run_as(NULL);
	while ((rc = domain_destroy(d)) == -ERESTART)
		;
	assert_int_equal(rc, 0);
	host_frames_check();
}

static uint64_t frames_free_at_start;

static inline int mm_setup(void **state) {
	if (!frame_table) {
		machine_start(CPUS);
		domain_end(domain_make(0, true)); /* what the first domain makes for good */
		dom0 = NULL;
		domains_reap();
		frames_free_at_start = frames_free;
	}
	hypercall_preempt_units = 1000000;
	host_frames_check_reset();
	host_cpu_set(0);
	dom0 = NULL;
	dom0 = domain_make(0, true);
	guest = domain_make(1, false);
	run_as(guest);
	host_journal_clear();
	return 0;
}

/* All that the domains held goes back. */
static inline int mm_teardown(void **state) {
	host_fail_allocation(0);
	host_cpu_set(0);
	hypercall_preempt_units = 1000000;
	host_frames_check();
	domain_end(guest);
	domain_end(dom0);
	domains_reap();
	host_frames_check();
	assert_int_equal(frames_free, frames_free_at_start);
	assert_int_equal(this_cpu()->windows_open, 0);
	assert_int_equal(this_cpu()->lock_ranks, 0);
	return 0;
}

/* -- frames and tables */

static inline mfn_t page_of(struct domain *d) {
	mfn_t m;

	assert_int_equal(domain_frames_alloc(d, 0, 64, &m), 0);
	return m;
}

static inline uint64_t *at(mfn_t m) { return own_va(m); }

static inline uint64_t pte(mfn_t m, uint64_t flags) { return mfn_to_maddr(m).a | flags; }

static inline uint64_t ptr(mfn_t table, unsigned index, unsigned cmd) {
	return mfn_to_maddr(table).a + index * 8 + cmd;
}

/* A tree of fresh tables, one of each level, index 0 all the way; the L1 maps nothing. */
struct tree {
	mfn_t l[5]; /* by level */
};
static inline struct tree tree_of(struct domain *d) {
	struct tree t;

	for (unsigned level = 1; level <= 4; level++) t.l[level] = page_of(d);
	for (unsigned level = 2; level <= 4; level++) at(t.l[level])[0] = pte(t.l[level - 1], TAB);
	return t;
}

static inline uint64_t type_count(mfn_t m) { return frame_of(m)->type & FTF_COUNT; }
static inline uint64_t ref_count(mfn_t m) { return frame_of(m)->refs & FRAME_COUNT; }
static inline enum frame_type type_is(mfn_t m) { return frame_type_of(frame_of(m)->type); }

/* -- hypercalls */

static inline void *arg_put(unsigned offset, const void *p, size_t n) { return memcpy(arg_page + offset, p, n); }

/* Issue a preempted hypercall again until it is done; `hook` runs in between. */
static void (*between)(void);
static unsigned restarts;
static inline long finish(long rc) {
	while (rc == -ERESTART) {
		struct restart r = this_cpu()->restart;
		hypercall_fn *fn = r.op == __HYPERVISOR_mmu_update          ? do_mmu_update
				   : r.op == __HYPERVISOR_mmuext_op         ? do_mmuext_op
				   : r.op == __HYPERVISOR_update_va_mapping ? do_update_va_mapping
									    : do_memory_op;

		restarts++;
		host_frames_check();
		if (between) between();
		this_cpu()->preempt_budget = 0;
		rc = fn(r.arg[0], r.arg[1], r.arg[2], r.arg[3], r.arg[4], r.arg[5]);
	}
	return rc;
}

/* One mmu_update request by the running domain. */
static inline long update(uint64_t p, uint64_t val, uint32_t foreigndom) {
	struct mmu_update u = { p, val };

	arg_put(0, &u, sizeof(u));
	return finish(do_mmu_update(ARG_VA, 1, 0, foreigndom, 0, 0));
}
static inline long set_pte(mfn_t table, unsigned index, uint64_t e) {
	return update(ptr(table, index, MMU_NORMAL_PT_UPDATE), e, DOMID_SELF);
}

static inline long ext(unsigned cmd, mfn_t m, uint64_t arg2) {
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = mfn_x(m), .arg2.src_mfn = arg2 };

	arg_put(0, &op, sizeof(op));
	return finish(do_mmuext_op(ARG_VA, 1, 0, DOMID_SELF, 0, 0));
}
