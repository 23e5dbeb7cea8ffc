/* SPDX-License-Identifier: MIT */
/*
 * Entering a guest kernel: exceptions, events and system calls become a frame on its stack and a
 * jump to the handler it registered. The 64-bit frame, from the new stack pointer up: rcx, r11,
 * (error code), rip, cs with the saved event mask in bits 32-39, rflags, rsp, ss. In kernel mode
 * the reported cs has privilege level 0, though the guest runs in ring 3: that is how it tells its
 * own faults from its users'.
 *
 * A frame that begins a handler may leave ring 0 by sysret, since nobody needs rcx and r11 there:
 * error_code says so (VEC_SYSCALL).
 */
#include "x86.h"
#include "hypercall.h"

/* The error code of what has none. */
#define NO_ERROR (-1L)

static bool has_error_code(unsigned vector) { return 0x60227d00u >> vector & 1 && vector < 32; }

/* rflags and cs as the frame shows them: virtual interrupt flag and I/O privilege, saved mask. */
static inline uint64_t flags_shown(const struct vcpu *v, const struct regs *r, uint8_t mask) {
	uint64_t flags = r->rflags & ~(X86_EFLAGS_IF | X86_EFLAGS_IOPL);

	if (!mask) flags |= X86_EFLAGS_IF;
	if (unlikely(v->domain->vm_assist >> VMASST_TYPE_architectural_iopl & 1)) flags |= (uint64_t)v->arch.iopl << 12;
	return flags;
}

/* Store the frame downward from sp. The new stack pointer, or 0 if the guest's stack is not there. */
static inline uint64_t frame_push(uint64_t sp, const struct regs *r, long error_code, uint64_t cs, uint64_t flags) {
	bool has_error = error_code != NO_ERROR;
	uint64_t *w = (uint64_t *)((sp & ~15ULL) - (has_error ? 64 : 56));
	uint64_t *high = has_error ? w + 3 : w + 2;

	if (unlikely(!uaccess_ok((uint64_t)w))) return 0;
	uaccess_open();
	uaccess_store(w, r->rcx, fault);
	uaccess_store(w + 1, r->r11, fault);
	if (has_error) uaccess_store(w + 2, (uint64_t)error_code, fault);
	uaccess_store(high, r->rip, fault);
	uaccess_store(high + 1, cs, fault);
	uaccess_store(high + 2, flags, fault);
	uaccess_store(high + 3, r->rsp, fault);
	uaccess_store(high + 4, r->ss, fault);
	uaccess_close();
	return (uint64_t)w;
fault:
	uaccess_close();
	return 0;
}

static __always_inline void bounce(struct regs *r, uint64_t rip, bool mask_events, long error_code) {
	struct vcpu *v = current;
	struct vcpu_info *info = this_cpu()->vcpu_info;
	uint8_t mask = info->evtchn_upcall_mask;
	uint64_t flags = flags_shown(v, r, mask), cs = (r->cs & 0xffff) | (uint64_t)mask << 32, sp;

	if (v->arch.user_mode) {
		toggle_guest_mode(v);
		sp = v->arch.kernel_sp;
	} else {
		cs &= ~3ULL;
		sp = r->rsp;
	}
	sp = frame_push(sp, r, error_code, cs, flags);
	if (unlikely(!sp)) {
		domain_crash(v->domain, "vCPU %u: no stack for a trap at %lx", v->id, r->rip);
		return;
	}
	if (mask_events) info->evtchn_upcall_mask = 1;
	r->rip = rip;
	r->cs = FLAT_KERNEL_CS;
	r->ss = FLAT_KERNEL_SS;
	r->rsp = sp;
	r->rflags &= ~(X86_EFLAGS_TF | X86_EFLAGS_NT | X86_EFLAGS_RF | X86_EFLAGS_VM | X86_EFLAGS_AC);
	r->error_code = VEC_SYSCALL;
}

void guest_trap(struct regs *r, unsigned vector, uint32_t error_code) {
	struct vcpu *v = current;
	const struct trap_info *t = &v->arch.traps[vector];

	if (!t->address)
		domain_crash(v->domain, "vCPU %u: trap %u (error %x) at %lx, no handler", v->id, vector, error_code,
			     r->rip);
	else if (has_error_code(vector))
		bounce(r, t->address, TI_GET_IF(t), error_code);
	else
		bounce(r, t->address, TI_GET_IF(t), NO_ERROR);
}

void guest_page_fault(struct regs *r, uint64_t addr, uint32_t error_code) {
	struct vcpu *v = current;

	v->arch.cr2 = addr;
	this_cpu()->vcpu_info->arch.cr2 = addr;
	/* the guest kernel runs in ring 3: its own accesses are not a user's */
	if (!v->arch.user_mode) error_code &= ~PF_USER;
	guest_trap(r, TRAP_PF, error_code);
}

static __noinline void no_callback(const char *what) {
	domain_crash(current->domain, "vCPU %u: no %s callback registered", current->id, what);
}

static __always_inline void callback_bounce(struct regs *r, struct callback cb, const char *what) {
	if (unlikely(!cb.rip))
		no_callback(what);
	else
		bounce(r, cb.rip, cb.mask_events, NO_ERROR);
}

void deliver_event(struct regs *r) {
	callback_bounce(r, (struct callback){ .rip = current->arch.event, .mask_events = true }, "event");
}

void user_syscall_bounce(struct regs *r) { callback_bounce(r, current->arch.syscall, "syscall"); }

/* An entry that the guest need not have: then it is the exception that the processor would raise. */
static void optional_bounce(struct regs *r, const struct callback *cb, unsigned trap) {
	if (!current->arch.user_mode || !cb->rip)
		guest_trap(r, trap, 0);
	else
		bounce(r, cb->rip, cb->mask_events, NO_ERROR);
}

void user_syscall32_bounce(struct regs *r) { optional_bounce(r, &current->arch.syscall32, TRAP_UD); }

void user_sysenter_bounce(struct regs *r) { optional_bounce(r, &current->arch.sysenter, TRAP_GP); }

/*
 * The failsafe frame has ds, es, fs and gs between r11 and rip: as they should be. By those that are not a guest
 * tells a selector that did not load from its iret that failed, which leaves all as they were.
 */
void guest_iret_failed(struct regs *r) {
	struct vcpu *v = current;

	if (!v->arch.bad_selectors) selectors_read(v);
	v->arch.bad_selectors = false;
	callback_bounce(r, v->arch.failsafe, "failsafe");
	r->rsp -= 32;
	if (copy_to_guest(gvaddr(r->rsp),
			  ((uint64_t[]){ r->rcx, r->r11, v->arch.ds, v->arch.es, v->arch.fs, v->arch.gs }), 48))
		domain_crash(v->domain, "vCPU %u: no stack for the failsafe callback", v->id);
}

/* -- iret: the way back out of a handler -- */

HYPERCALL(do_iret) {
	struct vcpu *v = current;
	struct regs *r = guest_regs();
	struct vcpu_info *info = this_cpu()->vcpu_info;
	struct iret_context ctx;
	bool to_user;

	if (copy_from_guest(&ctx, gvaddr(r->rsp), sizeof(ctx))) {
		domain_crash(v->domain, "vCPU %u: iret frame at %lx cannot be read", v->id, r->rsp);
		return 0;
	}
	to_user = (ctx.cs & 3) == 3;
	if (to_user && mfn_eq(v->root_user, INVALID_MFN)) {
		domain_crash(v->domain, "vCPU %u: iret to user mode without user page tables", v->id);
		return 0;
	}
	if (v->domain->vm_assist >> VMASST_TYPE_architectural_iopl & 1) v->arch.iopl = ctx.rflags >> 12 & 3;
	r->rip = ctx.rip;
	r->cs = (ctx.cs & 0xffff) | 3;
	r->rflags = (ctx.rflags & ~(X86_EFLAGS_IOPL | X86_EFLAGS_VM)) | X86_EFLAGS_IF | 2;
	r->rsp = ctx.rsp;
	r->ss = (ctx.ss & 0xffff) | 3;
	r->error_code = 0;
	if (!(ctx.flags & VGCF_in_syscall)) {
		r->r11 = ctx.r11;
		r->rcx = ctx.rcx;
	} else if (r->cs == FLAT_RING3_CS64 && r->ss == FLAT_RING3_SS64 &&
		   !(ctx.rflags & (X86_EFLAGS_TF | X86_EFLAGS_RF))) {
		r->error_code = VEC_SYSCALL;
	}
	v->arch.nmi_masked = false;
	/* the virtual interrupt flag; a single store, the exit path looks for events next */
	info->evtchn_upcall_mask = !(ctx.rflags & X86_EFLAGS_IF);
	if (v->pending_traps) cpu_raise(cpu_id(), CPU_WORK_TRAP);
	if (to_user) toggle_guest_mode(v);
	return (long)ctx.rax;
}
