/* SPDX-License-Identifier: MIT */
/* The page that makes hypercalls, and small ones that stand for privileged instructions: trap table, stack,
 * callbacks. */
#include "hypercall.h"
#include "x86.h"

#include <xen/callback.h>
#include <xen/nmi.h>

HYPERCALL(do_set_trap_table) {
	struct trap_info *traps = current->arch.traps, t;

	if (!a1) {
		memset(traps, 0, 256 * sizeof(*traps));
		return 0;
	}
	/* a table has at most one entry per vector, in any order; longer ones go on when restarted */
	for (uint64_t i = 0;; i++) {
		if (hypercall_preempt()) return hypercall_restart(__HYPERVISOR_set_trap_table, 1, a1 + i * sizeof(t));
		if (copy_from_guest(&t, guest_at(gvaddr(a1), i, sizeof(t)), sizeof(t))) return -EFAULT;
		if (!t.address) return 0;
		if (!guest_address_ok(t.address)) return -EINVAL;
		traps[t.vector] = t;
	}
}

HYPERCALL(do_stack_switch) {
	current->arch.kernel_ss = a1;
	current->arch.kernel_sp = a2;
	return 0;
}

HYPERCALL(do_set_callbacks) {
	struct arch_vcpu *v = &current->arch;

	if (!guest_address_ok(a1) || !guest_address_ok(a2) || !guest_address_ok(a3)) return -EINVAL;
	v->event = a1;
	v->failsafe = (struct callback){ .rip = a2 };
	v->syscall = (struct callback){ .rip = a3 };
	return 0;
}

SUBOP(callback_register, struct callback_register) {
	struct callback cb = { .rip = a->address, .mask_events = a->flags & CALLBACKF_mask_events };

	if (!guest_address_ok(a->address)) return -EINVAL;
	switch (a->type) {
	case CALLBACKTYPE_event: v->arch.event = cb.rip; return 0;
	case CALLBACKTYPE_failsafe: v->arch.failsafe = cb; return 0;
	case CALLBACKTYPE_syscall: v->arch.syscall = cb; return 0;
	case CALLBACKTYPE_syscall32: v->arch.syscall32 = cb; return 0;
	case CALLBACKTYPE_sysenter: v->arch.sysenter = cb; return 0;
	case CALLBACKTYPE_nmi: v->arch.traps[TRAP_NMI].address = cb.rip; return 0;
	default: return -ENOSYS;
	}
}

SUBOP(callback_unregister, struct callback_unregister) {
	if (a->type != CALLBACKTYPE_nmi) return a->type <= CALLBACKTYPE_syscall32 ? -EINVAL : -ENOSYS;
	v->arch.traps[TRAP_NMI].address = 0;
	return 0;
}

HYPERCALL(do_callback_op) {
	static const struct subop ops[] = {
		[CALLBACKOP_register] = { callback_register, sizeof(struct callback_register), 0 },
		[CALLBACKOP_unregister] = { callback_unregister, sizeof(struct callback_unregister), 0 },
	};

	return subop_call(ops, ARRAY_SIZE(ops), (unsigned)a1, current, gvaddr(a2));
}

HYPERCALL(do_nmi_op) {
	struct xennmi_callback cb = { 0 };

	if ((unsigned)a1 > XENNMI_unregister_callback) return -ENOSYS;
	if ((unsigned)a1 == XENNMI_register_callback && copy_from_guest(&cb, gvaddr(a2), sizeof(cb))) return -EFAULT;
	if (!guest_address_ok(cb.handler_address)) return -EINVAL;
	current->arch.traps[TRAP_NMI].address = cb.handler_address;
	return 0;
}

HYPERCALL(do_fpu_taskswitch) {
	current->arch.ts = (unsigned)a1;
	if ((unsigned)a1)
		write_cr0(read_cr0() | X86_CR0_TS);
	else
		__asm__ volatile("clts");
	return 0;
}

HYPERCALL(do_vm_assist) {
	struct domain *d = current->domain;
	unsigned type = (unsigned)a2;

	if (type > VMASST_TYPE_runstate_update_flag && type != VMASST_TYPE_m2p_strict) return -EINVAL;
	if ((unsigned)a1 == VMASST_CMD_enable)
		__atomic_or_fetch(&d->vm_assist, 1ULL << type, __ATOMIC_SEQ_CST);
	else if ((unsigned)a1 == VMASST_CMD_disable)
		__atomic_and_fetch(&d->vm_assist, ~(1ULL << type), __ATOMIC_SEQ_CST);
	else
		return -ENOSYS;
	return 0;
}

/* Stubs of 32 bytes that make the hypercall of their number (<xen/arch-x86/xen-x86_64.h>); iret keeps rax on
 * the stack. */
void arch_hypercall_page_fill(uint8_t *page) {
	static const uint8_t stub[] = { 0x51, 0x41, 0x53, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3 };
	static const uint8_t iret[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, __HYPERVISOR_iret, 0, 0, 0, 0x0f, 0x05 };

	memset(page, 0xcc, PAGE_SIZE);
	for (unsigned i = 0; i < PAGE_SIZE / 32; i++) {
		memcpy(page + i * 32, stub, sizeof(stub));
		page[i * 32 + 4] = (uint8_t)i;
	}
	memcpy(page + __HYPERVISOR_iret * 32, iret, sizeof(iret));
}
