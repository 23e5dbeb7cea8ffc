/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: `hypercall_table` maps a number to its function; one thin file per hypercall in
 * hypercall/ fetches the arguments, calls the object, stores results. All arguments arrive as
 * 64-bit words; a function ignores what it does not take. Returns: 0 or positive result, negative
 * errno. Handlers run with interrupts off on the calling vCPU (current).
 */
#ifndef TENON_HYPERCALL_H
#define TENON_HYPERCALL_H

#include "arch.h"
#include "domain.h"

typedef long hypercall_fn(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6);

#define NR_HYPERCALLS 64
extern hypercall_fn *const hypercall_table[NR_HYPERCALLS];

/* Define a hypercall handler; arguments that it does not take are simply not named in its body. */
#define HYPERCALL(name)                                                                                   \
	long name(uint64_t a1 __unused, uint64_t a2 __unused, uint64_t a3 __unused, uint64_t a4 __unused, \
		  uint64_t a5 __unused, uint64_t a6 __unused)

hypercall_fn do_set_trap_table, do_mmu_update, do_set_gdt, do_stack_switch, do_set_callbacks, do_fpu_taskswitch,
	do_sched_op_compat, do_platform_op, do_set_debugreg, do_get_debugreg, do_update_descriptor, do_memory_op,
	do_multicall, do_update_va_mapping, do_set_timer_op, do_event_channel_op_compat, do_xen_version, do_console_io,
	do_physdev_op_compat, do_grant_table_op, do_vm_assist, do_update_va_mapping_otherdomain, do_iret, do_vcpu_op,
	do_set_segment_base, do_mmuext_op, do_nmi_op, do_sched_op, do_callback_op, do_event_channel_op, do_physdev_op,
	do_sysctl, do_domctl;

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
bool hypercall_preempt(void) __must_check;
/*
 * Arrange that the present hypercall is issued again with these arguments (works inside a multicall
 * too). Returns -ERESTART for the handler to return.
 */
long hypercall_restart(unsigned op, unsigned nargs, ...);
extern unsigned hypercall_preempt_units;

#endif
