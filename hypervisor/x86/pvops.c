/* SPDX-License-Identifier: MIT */
/* The small hypercalls that stand for privileged instructions: trap table, stack, callbacks, debug
 * registers. */
#include "hypercall.h"
#include "x86.h"

#include <xen/callback.h>
#include <xen/nmi.h>

HYPERCALL(do_set_trap_table) {
	struct trap_info *traps = current->arch.traps;
	struct trap_info t;

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
		write_cr0(read_cr0() | CR0_TS);
	else
		__asm__ volatile("clts");
	return 0;
}

/* -- debug registers -- */

/* Breakpoints on ring 0's addresses, I/O breakpoints (type 2) and general detect are not for guests
 * (XSA-12, XSA-444). */
static bool dr7_ok(const struct arch_vcpu *v, uint64_t dr7) {
	for (unsigned i = 0; i < 4; i++)
		if (dr7 >> (i * 2) & 3 && ((dr7 >> (16 + i * 4) & 3) == 2 || !guest_address_ok(v->dr[i]))) return false;
	return !(dr7 >> 32);
}

int debugreg_set(struct vcpu *v, unsigned reg, uint64_t value) {
	if (reg < 4) {
		if (!guest_address_ok(value)) return -EPERM;
		v->arch.dr[reg] = value;
	} else if (reg % 2 == 0) {
		v->arch.dr[6] = (value & 0xe00f) | 0xffff0ff0;
	} else {
		value = (value & ~0xfc00ULL) | 0x400;
		if (!dr7_ok(&v->arch, value)) return -EINVAL;
		v->arch.dr[7] = value;
	}
	if (v == current) debug_load(v);
	return 0;
}

uint64_t debugreg_get(const struct vcpu *v, unsigned reg) {
	return v->arch.dr[index_nospec(reg == 4 || reg == 5 ? reg + 2 : reg, 8)];
}

HYPERCALL(do_set_debugreg) { return (unsigned)a1 < 8 ? debugreg_set(current, (unsigned)a1, a2) : -EINVAL; }

HYPERCALL(do_get_debugreg) { return (unsigned)a1 < 8 ? (long)debugreg_get(current, (unsigned)a1) : -EINVAL; }

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
