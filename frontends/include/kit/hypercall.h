/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls of a 64-bit PV guest: number in %rax, arguments in %rdi %rsi %rdx %r10 %r8 %r9,
 * entered with `syscall`; the result is in %rax, %rcx and %r11 are lost. Each wrapper returns what
 * the hypervisor returns: 0 or a positive result, or a negative errno as <xen/errno.h> numbers it.
 */
#pragma once

#include <stdint.h>
#include <xen/xen.h>
#include <xen/errno.h>
#include <xen/callback.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

/* The errno names of the interface, as they come back: EINVAL is XEN_EINVAL. */
#define KIT_ERRNO(name) (-(long)XEN_##name)

static inline long hypercall(unsigned long nr, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4,
			     unsigned long a5) {
	register unsigned long r10 asm("r10") = a4;
	register unsigned long r8 asm("r8") = a5;
	long ret;

	asm volatile("syscall"
		     : "=a"(ret), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
		     : "a"(nr)
		     : "rcx", "r11", "r9", "memory");
	return ret;
}

#define KIT_ARG(x)                 ((unsigned long)(x))
#define hypercall1(nr, a)          hypercall(nr, KIT_ARG(a), 0, 0, 0, 0)
#define hypercall2(nr, a, b)       hypercall(nr, KIT_ARG(a), KIT_ARG(b), 0, 0, 0)
#define hypercall3(nr, a, b, c)    hypercall(nr, KIT_ARG(a), KIT_ARG(b), KIT_ARG(c), 0, 0)
#define hypercall4(nr, a, b, c, d) hypercall(nr, KIT_ARG(a), KIT_ARG(b), KIT_ARG(c), KIT_ARG(d), 0)

static inline long hv_set_trap_table(const struct trap_info *table) {
	return hypercall1(__HYPERVISOR_set_trap_table, table);
}

static inline long hv_mmu_update(const struct mmu_update *req, unsigned int count, unsigned int *done,
				 unsigned int foreigndom) {
	return hypercall4(__HYPERVISOR_mmu_update, req, count, done, foreigndom);
}

static inline long hv_mmuext_op(const struct mmuext_op *op, unsigned int count, unsigned int *done,
				unsigned int foreigndom) {
	return hypercall4(__HYPERVISOR_mmuext_op, op, count, done, foreigndom);
}

static inline long hv_set_gdt(const unsigned long *frames, unsigned int entries) {
	return hypercall2(__HYPERVISOR_set_gdt, frames, entries);
}

static inline long hv_stack_switch(unsigned long ss, unsigned long sp) {
	return hypercall2(__HYPERVISOR_stack_switch, ss, sp);
}

static inline long hv_set_callbacks(const void *event, const void *failsafe, const void *syscall) {
	return hypercall3(__HYPERVISOR_set_callbacks, event, failsafe, syscall);
}

static inline long hv_fpu_taskswitch(int set) { return hypercall1(__HYPERVISOR_fpu_taskswitch, set); }

static inline long hv_set_debugreg(unsigned int reg, unsigned long value) {
	return hypercall2(__HYPERVISOR_set_debugreg, reg, value);
}

static inline long hv_get_debugreg(unsigned int reg) { return hypercall1(__HYPERVISOR_get_debugreg, reg); }

static inline long hv_update_descriptor(uint64_t maddr, uint64_t desc) {
	return hypercall2(__HYPERVISOR_update_descriptor, maddr, desc);
}

static inline long hv_memory_op(unsigned int cmd, void *arg) { return hypercall2(__HYPERVISOR_memory_op, cmd, arg); }

static inline long hv_multicall(struct multicall_entry *calls, unsigned int count) {
	return hypercall2(__HYPERVISOR_multicall, calls, count);
}

static inline long hv_update_va_mapping(const volatile void *va, uint64_t pte, unsigned long flags) {
	return hypercall3(__HYPERVISOR_update_va_mapping, va, pte, flags);
}

static inline long hv_set_timer_op(uint64_t deadline) { return hypercall1(__HYPERVISOR_set_timer_op, deadline); }

static inline long hv_xen_version(unsigned int cmd, void *arg) {
	return hypercall2(__HYPERVISOR_xen_version, cmd, arg);
}

static inline long hv_console_io(unsigned int cmd, unsigned int count, const void *buf) {
	return hypercall3(__HYPERVISOR_console_io, cmd, count, buf);
}

static inline long hv_grant_table_op(unsigned int cmd, void *ops, unsigned int count) {
	return hypercall3(__HYPERVISOR_grant_table_op, cmd, ops, count);
}

static inline long hv_vm_assist(unsigned int cmd, unsigned int type) {
	return hypercall2(__HYPERVISOR_vm_assist, cmd, type);
}

static inline long hv_vcpu_op(unsigned int cmd, unsigned int vcpu, void *arg) {
	return hypercall3(__HYPERVISOR_vcpu_op, cmd, vcpu, arg);
}

static inline long hv_set_segment_base(unsigned int which, unsigned long base) {
	return hypercall2(__HYPERVISOR_set_segment_base, which, base);
}

static inline long hv_sched_op(unsigned int cmd, void *arg) { return hypercall2(__HYPERVISOR_sched_op, cmd, arg); }

static inline long hv_callback_op(unsigned int cmd, void *arg) {
	return hypercall2(__HYPERVISOR_callback_op, cmd, arg);
}

static inline long hv_event_channel_op(unsigned int cmd, void *arg) {
	return hypercall2(__HYPERVISOR_event_channel_op, cmd, arg);
}

static inline long hv_physdev_op(unsigned int cmd, void *arg) { return hypercall2(__HYPERVISOR_physdev_op, cmd, arg); }

static inline long hv_platform_op(struct xen_platform_op *op) {
	op->interface_version = XENPF_INTERFACE_VERSION;
	return hypercall1(__HYPERVISOR_platform_op, op);
}
