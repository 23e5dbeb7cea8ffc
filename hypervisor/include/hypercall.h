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

/* Declare a hypercall handler; unused arguments are simply not named: HYPERCALL(name) { ... a1 ...
 * } */
#define HYPERCALL(name)                                                                                   \
	long name(uint64_t a1 __unused, uint64_t a2 __unused, uint64_t a3 __unused, uint64_t a4 __unused, \
		  uint64_t a5 __unused, uint64_t a6 __unused)
#define DECLARE_HYPERCALL(name) hypercall_fn name

DECLARE_HYPERCALL(do_set_trap_table);
DECLARE_HYPERCALL(do_mmu_update);
DECLARE_HYPERCALL(do_set_gdt);
DECLARE_HYPERCALL(do_stack_switch);
DECLARE_HYPERCALL(do_set_callbacks);
DECLARE_HYPERCALL(do_fpu_taskswitch);
DECLARE_HYPERCALL(do_sched_op_compat);
DECLARE_HYPERCALL(do_platform_op);
DECLARE_HYPERCALL(do_set_debugreg);
DECLARE_HYPERCALL(do_get_debugreg);
DECLARE_HYPERCALL(do_update_descriptor);
DECLARE_HYPERCALL(do_memory_op);
DECLARE_HYPERCALL(do_multicall);
DECLARE_HYPERCALL(do_update_va_mapping);
DECLARE_HYPERCALL(do_set_timer_op);
DECLARE_HYPERCALL(do_event_channel_op_compat);
DECLARE_HYPERCALL(do_xen_version);
DECLARE_HYPERCALL(do_console_io);
DECLARE_HYPERCALL(do_physdev_op_compat);
DECLARE_HYPERCALL(do_grant_table_op);
DECLARE_HYPERCALL(do_vm_assist);
DECLARE_HYPERCALL(do_update_va_mapping_otherdomain);
DECLARE_HYPERCALL(do_iret);
DECLARE_HYPERCALL(do_vcpu_op);
DECLARE_HYPERCALL(do_set_segment_base);
DECLARE_HYPERCALL(do_mmuext_op);
DECLARE_HYPERCALL(do_nmi_op);
DECLARE_HYPERCALL(do_sched_op);
DECLARE_HYPERCALL(do_callback_op);
DECLARE_HYPERCALL(do_event_channel_op);
DECLARE_HYPERCALL(do_physdev_op);
DECLARE_HYPERCALL(do_sysctl);
DECLARE_HYPERCALL(do_domctl);

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
/* Give the running hypercall a fresh budget; called on entry. */
void hypercall_budget_reset(void);
extern unsigned hypercall_preempt_units;

#endif
