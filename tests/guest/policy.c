/* SPDX-License-Identifier: MIT */
/* guest-boot: mem=160 dom0_mem=32M */
/* A domain's CPUID policy: what a toolstack reads of it, sets, and what the domain sees then. */
#define __XEN_TOOLS__ 1
#include "child.h"
#include "tap.h"
#include <xen/domctl.h>

#define ROOM 300

static xen_cpuid_leaf_t leaves[ROOM], before[ROOM];
static xen_msr_entry_t msrs[16];

/* The forced emulation of cpuid. */
static void cpuid(uint32_t leaf, uint64_t *out) {
	uint32_t a = leaf, b, c = 0, d;

	asm volatile(".byte 0x0f,0x0b,0x78,0x65,0x6e; cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	out[0] = a;
	out[1] = b;
	out[2] = c;
	out[3] = d;
}

static void show(void) {
	uint64_t r[4];

	for (unsigned int i = 0; i < 3; i++) {
		cpuid((uint32_t)child_own_box->arg[i], r);
		for (unsigned int n = 0; n < 4; n++) child_own_box->out[4 * i + n] = r[n];
	}
	child_own_box->state = 1;
	for (;;) child_sleep(SECOND);
}

static struct xen_domctl op;

static long get(const struct child *c, uint32_t room) {
	op.u.cpu_policy = (struct xen_domctl_cpu_policy){ .nr_leaves = room, .nr_msrs = 16 };
	set_xen_guest_handle(op.u.cpu_policy.leaves, leaves);
	set_xen_guest_handle(op.u.cpu_policy.msrs, msrs);
	return child_domctl(XEN_DOMCTL_get_cpu_policy, c->id, &op);
}

static long set(const struct child *c, uint32_t n) {
	op.u.cpu_policy = (struct xen_domctl_cpu_policy){ .nr_leaves = n };
	set_xen_guest_handle(op.u.cpu_policy.leaves, leaves);
	return child_domctl(XEN_DOMCTL_set_cpu_policy, c->id, &op);
}

static const xen_cpuid_leaf_t *find(const xen_cpuid_leaf_t *list, uint32_t n, uint32_t leaf) {
	for (uint32_t i = 0; i < n; i++)
		if (list[i].leaf == leaf) return &list[i];
	return NULL;
}

static void test_reading(const struct child *c) {
	uint32_t n;

	is(get(c, ROOM), 0, "the policy is read");
	n = op.u.cpu_policy.nr_leaves;
	ok(n > 20 && find(leaves, n, 1) && find(leaves, n, 7) && find(leaves, n, 0x80000001),
	   "it has the usual leaves");
	is(get(c, 3), -105 /* ENOBUFS */, "there is no room for it");
}

/* Setting one leaf leaves the others. */
static void test_one_leaf(const struct child *c) {
	const xen_cpuid_leaf_t *l;
	uint32_t n;

	get(c, ROOM);
	n = op.u.cpu_policy.nr_leaves;
	for (uint32_t i = 0; i < n; i++) before[i] = leaves[i];
	leaves[0] = *find(before, n, 1);
	leaves[0].a = 0x000206a7;
	leaves[0].c &= ~1U;
	is(set(c, 1), 0, "one leaf is set");
	is(get(c, ROOM), 0, "the policy is read again");
	ok(op.u.cpu_policy.nr_leaves == n, "it has as many leaves");
	l = find(leaves, op.u.cpu_policy.nr_leaves, 1);
	ok(l && l->a == 0x000206a7 && !(l->c & 1), "the leaf is as it was set");
	l = find(leaves, op.u.cpu_policy.nr_leaves, 7);
	ok(l && l->b == find(before, n, 7)->b, "another is as it was");
}

static void test_refusals(const struct child *c) {
	leaves[0] = (xen_cpuid_leaf_t){ 0x50000000, XEN_CPUID_NO_SUBLEAF, 1, 2, 3, 4 };
	is(set(c, 1), -34 /* ERANGE */, "a leaf of no range");
	is_hex(op.u.cpu_policy.err_leaf, 0x50000000, "is named");
	is(set(c, 100000), -7 /* E2BIG */, "too many leaves");
}

static void test_what_it_sees(struct child *c) {
	c->box->arg[0] = 1;
	c->box->arg[1] = 7;
	c->box->arg[2] = 0x80000001;
	child_start(c);
	ok(child_wait(c, 1, 5 * SECOND), "the domain runs");
	is_hex(c->box->out[0], 0x000206a7, "it sees the processor that was set");
	is(c->box->out[2] & 1, 0, "it does not see the feature that was taken away");
	is(c->box->out[2] >> 31 & 1, 1, "it sees that it runs under a hypervisor");
	ok(c->box->out[5] != 0, "it sees what was not set");
	is(c->box->out[11] >> 29 & 1, 1, "long mode too");
	leaves[0] = *find(before, ROOM, 1);
	is(set(c, 1), -17 /* EEXIST */, "after it has run nothing is set");
}

void guest_main(void) {
	struct child c;

	child_init();
	is(child_create(&c, &child_usual, show), 0, "a domain");
	test_reading(&c);
	test_one_leaf(&c);
	test_refusals(&c);
	test_what_it_sees(&c);
	child_destroy(&c);
	done();
}
