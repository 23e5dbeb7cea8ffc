/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: `hypercall_table` maps a number to its function; one thin file per hypercall in
 * hypercall/ fetches the arguments, calls the object, stores results. All arguments arrive as
 * 64-bit words; a function ignores what it does not take. Returns: 0 or positive result, negative
 * errno. Handlers run with interrupts off on the calling vCPU (current).
 */
#pragma once

#include "arch.h"
#include "domain.h"

typedef long hypercall_fn(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6);

#define NR_HYPERCALLS 64
extern hypercall_fn *const hypercall_table[NR_HYPERCALLS];

/* Define a hypercall handler; arguments that it does not take are simply not named in its body. */
#define HYPERCALL(name)                                                                                   \
	long name(uint64_t a1 __unused, uint64_t a2 __unused, uint64_t a3 __unused, uint64_t a4 __unused, \
		  uint64_t a5 __unused, uint64_t a6 __unused)

/* Those there are: do_NAME() for __HYPERVISOR_NAME, as a list of X(NAME). */
#define HYPERCALLS(X)                                                                                                \
	X(set_trap_table), X(mmu_update), X(set_gdt), X(stack_switch), X(set_callbacks), X(fpu_taskswitch),          \
		X(sched_op_compat), X(platform_op), X(set_debugreg), X(get_debugreg), X(update_descriptor),          \
		X(memory_op), X(multicall), X(update_va_mapping), X(set_timer_op), X(event_channel_op_compat),       \
		X(xen_version), X(console_io), X(physdev_op_compat), X(grant_table_op), X(vm_assist),                \
		X(update_va_mapping_otherdomain), X(iret), X(vcpu_op), X(set_segment_base), X(mmuext_op), X(nmi_op), \
		X(sched_op), X(callback_op), X(event_channel_op), X(physdev_op), X(sysctl), X(domctl)
#define HYPERCALL_NAME(name) do_##name
hypercall_fn HYPERCALLS(HYPERCALL_NAME);

/*
 * Sub-operations. A hypercall with a command and one structure of arguments has a const table of
 * them. subop_call() fetches the structure, once, calls the function, and stores the structure back
 * if it carries results.
 */
struct subop {
	long (*fn)(void *arg, struct vcpu *v, gvaddr_t at);
	uint8_t size;  /* of the structure */
	uint8_t flags; /* SUBOP_* */
};
#define SUBOP_OUT   (1u << 0) /* the structure goes back if the result is 0 */
#define SUBOP_BACK  (1u << 1) /* and also if it is an error */
#define SUBOP_DOM0  (1u << 2) /* -EPERM for an unprivileged domain */
#define SUBOP_WORDS 10

/*
 * Define a sub-operation on a structure: SUBOP(name, struct x) { ... }. It gets the fetched
 * structure `a`, the vCPU it is about `v` (the caller, but for vcpu_op), and the place `at` in the
 * guest that the structure came from.
 */
#define SUBOP(name, type)                                                                          \
	static long name##_op(type *a __unused, struct vcpu *v __unused, gvaddr_t at __unused);    \
	static long name(void *arg, struct vcpu *v, gvaddr_t at) { return name##_op(arg, v, at); } \
	static long name##_op(type *a __unused, struct vcpu *v __unused, gvaddr_t at __unused)
/* NULL if the table has none of that number. */
const struct subop *subop_find(const struct subop *table, unsigned entries, unsigned cmd);
/* -ENOSYS (not in the table), -EPERM, -EFAULT, or what the function gives. */
long subop_call(const struct subop *table, unsigned entries, unsigned cmd, struct vcpu *v, gvaddr_t at);

/* A guest pointer as it stands in a register or in a public struct's handle. */
static inline gvaddr_t guest_ptr(const void *p) { return gvaddr((uint64_t)p); }
/* Element i of a guest array of elements of the given size; wraps like an address does, the copy
 * checks it. */
static inline gvaddr_t guest_at(gvaddr_t base, uint64_t i, size_t size) { return gvaddr(base.a + i * size); }

/*
 * Preemption. A loop whose length a guest chooses calls hypercall_preempt() once per unit of work
 * (about 100 instructions), with no lock held and no window open. True: stop here, leave a
 * restartable state and return hypercall_restart(...). Interrupts are let in meanwhile. Host tests
 * set the limit to 1 so that each turn is cut.
 */
extern unsigned hypercall_preempt_units;
static inline __must_check bool hypercall_preempt(void) {
	struct cpu *c = this_cpu();

	if (likely(++c->preempt_budget <= hypercall_preempt_units)) return false;
	c->preempt_budget = 0;
	return true;
}

/*
 * Arrange that the present hypercall is issued again with these first arguments, the others as they were
 * (works inside a multicall too). Returns -ERESTART for the handler to return.
 */
long hypercall_restart(unsigned op, unsigned nargs, ...);
