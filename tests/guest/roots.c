/* SPDX-License-Identifier: MIT */
/* guest-boot: smp=1 vcpus=2 qemu="-icount shift=1,sleep=off -cpu max,-x2apic" */
/*
 * A context whose second root is bad, behind a first one that takes long to let go: ticks come meanwhile. The
 * clock counts instructions, so the longest time without a tick is that without a preemption point.
 */
#include <kit/evtchn.h>
#include <kit/pt.h>
#include <kit/smp.h>
#include <kit/time.h>
#include "tap.h"

#define MS     1000000UL
#define TABLES 500

static volatile uint64_t last, longest;

static void on_tick(unsigned int port) {
	uint64_t now = kit_time();

	(void)port;
	if (now - last > longest) longest = now - last;
	last = now;
}

/* A table of `n` entries, each `entry` or, from a list, the next of it. */
static unsigned long table(const unsigned long *pfns, unsigned int n, bool same_frame) {
	unsigned long pfn = kit_page_alloc();
	uint64_t *t = kit_page(pfn);

	for (unsigned int i = 0; i < n; i++) t[i] = kit_pte(pfns[same_frame ? 0 : i], same_frame ? PTE_RO : PTE_TABLE);
	kit_page_protect(pfn, PTE_RO);
	return pfn;
}

/* A root with many full tables below it. */
static unsigned long tree(void) {
	static unsigned long l1[TABLES];
	unsigned long data = kit_page_alloc(), l2, l3;

	for (unsigned int i = 0; i < TABLES; i++) l1[i] = table(&data, 512, true);
	l2 = table(l1, TABLES, false);
	l3 = table(&l2, 1, false);
	return table(&l3, 1, false);
}

static void nothing(void) {}

void guest_main(void) {
	struct vcpu_set_periodic_timer every = { .period_ns = MS };
	struct vcpu_guest_context *c;
	unsigned long root;

	kit_shared_init();
	kit_traps_init();
	kit_events_init();
	kit_mm_init();
	root = tree();
	kit_event_handle(kit_event_bind_virq(VIRQ_TIMER, 0), on_tick);
	kit_events_on();
	is(hv_vcpu_op(VCPUOP_set_periodic_timer, 0, &every), 0, "ticks of a millisecond");
	c = kit_vcpu_context(1, nothing);
	c->ctrlreg[3] = xen_pfn_to_cr3(kit_mfn(root));
	c->ctrlreg[1] = xen_pfn_to_cr3(0xfffffffUL);
	last = kit_time();
	longest = 0;
	is(hv_vcpu_op(VCPUOP_initialise, 1, c), KIT_ERRNO(EINVAL), "a bad second root is refused");
	kit_printf("# %lu us without a tick\n", longest / 1000);
	ok(longest < 4 * MS, "ticks come while the first is let go");
	is(kit_vcpu_start(1, nothing), 0, "with good ones the vCPU is started");
	is(kit_page_protect(root, PTE_DATA), 0, "the first root is an ordinary frame again");
	done();
}
