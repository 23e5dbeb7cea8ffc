/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's whole state as the ABI's struct vcpu_guest_context (arch-x86/xen.h), for
 * VCPUOP_initialise and the domctls. In 64-bit contexts ctrlreg[3] is the kernel's root and
 * ctrlreg[1] the user's, as machine addresses; 0: none.
 */
#include "frame.h"
#include "hypercall.h"
#include "segments.h"
#include "x86.h"

/* References on the roots of the kernel and of its users. */
static int roots_take(struct vcpu *v, const struct vcpu_guest_context *ctx, mfn_t root[2]) {
	int rc;

	root[0] = maddr_to_mfn(maddr(ctx->ctrlreg[3]));
	root[1] = ctx->ctrlreg[1] ? maddr_to_mfn(maddr(ctx->ctrlreg[1])) : INVALID_MFN;
	if (!mfn_valid(root[0]) || (ctx->ctrlreg[1] && !mfn_valid(root[1]))) return -EINVAL;
	rc = table_get(v->domain, root[0], 4);
	if (rc || !ctx->ctrlreg[1]) return rc;
	rc = table_get(v->domain, root[1], 4);
	if (rc) {
		/* the kernel root was valid before or stays so by this very reference: dropping it
		 * may be preempted */
		int put = table_put(v->domain, root[0]);

		while (put == -ERESTART) put = table_put_resume(v->domain, root[0]);
	}
	return rc;
}

static bool addresses_ok(const struct vcpu_guest_context *ctx) {
	const uint64_t code[] = { ctx->event_callback_eip, ctx->failsafe_callback_eip, ctx->syscall_callback_eip,
				  ctx->user_regs.rip };

	for (unsigned i = 0; i < ARRAY_SIZE(code); i++)
		if (!guest_address_ok(code[i])) return false;
	for (unsigned i = 0; i < 256; i++)
		if (!guest_address_ok(ctx->trap_ctxt[i].address)) return false;
	return is_canonical(ctx->fs_base) && is_canonical(ctx->gs_base_kernel) && is_canonical(ctx->gs_base_user) &&
	       ctx->gdt_ents <= GDT_GUEST_FRAMES * 512 && ctx->ldt_ents <= 8192 &&
	       !(ctx->ldt_base % PAGE_SIZE && ctx->ldt_ents);
}

/* r15 to rdi lie alike in both. */
#define GENERAL_SIZE (offsetof(struct regs, rdi) + sizeof(uint64_t))
_Static_assert(offsetof(struct regs, r15) == 0 && offsetof(struct cpu_user_regs, r15) == 0 &&
		       offsetof(struct regs, rbp) == offsetof(struct cpu_user_regs, rbp) &&
		       offsetof(struct regs, rax) == offsetof(struct cpu_user_regs, rax) &&
		       offsetof(struct regs, rdi) == offsetof(struct cpu_user_regs, rdi),
	       "general registers, arch-x86/xen-x86_64.h");

static void regs_set(struct regs *r, const struct cpu_user_regs *u) {
	*r = (struct regs){ .rip = u->rip, .cs = u->cs | 3, .rsp = u->rsp, .ss = u->ss | 3 };
	memcpy(r, u, GENERAL_SIZE);
	r->rflags = (u->rflags & ~(uint64_t)(EFLAGS_IOPL | EFLAGS_VM | EFLAGS_NT)) | EFLAGS_IF | 2;
}

static void state_set(struct vcpu *v, const struct vcpu_guest_context *ctx) {
	void *page = frame_map(v->arch.state_mfn);

	regs_set(page, &ctx->user_regs);
	if (ctx->flags & VGCF_i387_valid) {
		memcpy((uint8_t *)page + 512, &ctx->fpu_ctxt, sizeof(ctx->fpu_ctxt));
		memset((uint8_t *)page + 1024, 0, 64);
		((uint64_t *)page)[128] = 3; /* XSTATE_BV: x87 and SSE */
	}
	frame_unmap(page);
}

static void arch_state_set(struct vcpu *v, const struct vcpu_guest_context *ctx) {
	struct arch_vcpu *a = &v->arch;

	a->user_mode = !(ctx->flags & VGCF_in_kernel);
	memcpy(a->traps, ctx->trap_ctxt, sizeof(ctx->trap_ctxt));
	a->event = (struct callback){ .rip = ctx->event_callback_eip };
	a->failsafe = (struct callback){ .rip = ctx->failsafe_callback_eip,
					 .mask_events = ctx->flags & VGCF_failsafe_disables_events };
	a->syscall = (struct callback){ .rip = ctx->syscall_callback_eip,
					.mask_events = ctx->flags & VGCF_syscall_disables_events };
	/* virtual: see emulate_priv.c; so Linux gives its further vCPUs access to ports */
	a->iopl = ctx->user_regs.rflags >> 12 & 3;
	a->kernel_sp = ctx->kernel_sp;
	a->kernel_ss = ctx->kernel_ss;
	a->fs_base = ctx->fs_base;
	a->gs_base[0] = ctx->gs_base_kernel;
	a->gs_base[1] = ctx->gs_base_user;
	a->ds = ctx->user_regs.ds;
	a->es = ctx->user_regs.es;
	a->fs = ctx->user_regs.fs;
	a->gs = ctx->user_regs.gs;
	a->cr4 = ctx->ctrlreg[4];
	a->ldt_base = gvaddr(ctx->ldt_base);
	a->ldt_entries = (unsigned)ctx->ldt_ents;
	a->ts = ctx->ctrlreg[0] & CR0_TS;
	/* addresses before DR7, which is judged with them; a refused value leaves its register as
	 * it was */
	for (unsigned i = 0; i < 8; i++)
		if (debugreg_set(v, i, ctx->debugreg[i]))
			gprintk(v->domain, LOG_WARN, "vCPU %u: DR%u=%lx of its context refused\n", v->id, i,
				ctx->debugreg[i]);
}

int arch_vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *ctx) {
	mfn_t root[2];
	int rc;

	if (!addresses_ok(ctx)) return -EINVAL;
	rc = gdt_take(v->domain, ctx->gdt_frames, (unsigned)ctx->gdt_ents);
	if (rc) return rc;
	rc = roots_take(v, ctx, root);
	if (rc) {
		gdt_put(ctx->gdt_frames, (unsigned)ctx->gdt_ents);
		return rc;
	}
	while (arch_vcpu_release(v) == -ERESTART)
		;
	gdt_replace(v, ctx->gdt_frames, (unsigned)ctx->gdt_ents);
	v->root_kernel = root[0];
	v->root_user = root[1];
	state_set(v, ctx);
	arch_state_set(v, ctx);
	v->initialised = true;
	return 0;
}

static void regs_get(struct cpu_user_regs *u, const struct regs *r) {
	*u = (struct cpu_user_regs){
		.rip = r->rip, .cs = (uint16_t)r->cs, .rflags = r->rflags, .rsp = r->rsp, .ss = (uint16_t)r->ss
	};
	memcpy(u, r, GENERAL_SIZE);
}

void arch_vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *ctx) {
	const struct arch_vcpu *a = &v->arch;
	const void *page;

	memset(ctx, 0, sizeof(*ctx));
	page = frame_map(a->state_mfn);
	regs_get(&ctx->user_regs, page);
	memcpy(&ctx->fpu_ctxt, (const uint8_t *)page + 512, sizeof(ctx->fpu_ctxt));
	frame_unmap(page);
	ctx->flags = VGCF_i387_valid | (a->user_mode ? 0 : VGCF_in_kernel) |
		     (a->failsafe.mask_events ? VGCF_failsafe_disables_events : 0) |
		     (a->syscall.mask_events ? VGCF_syscall_disables_events : 0);
	ctx->user_regs.rflags |= (uint64_t)a->iopl << 12;
	ctx->user_regs.ds = a->ds;
	ctx->user_regs.es = a->es;
	ctx->user_regs.fs = a->fs;
	ctx->user_regs.gs = a->gs;
	memcpy(ctx->trap_ctxt, a->traps, sizeof(ctx->trap_ctxt));
	ctx->ldt_base = a->ldt_base.a;
	ctx->ldt_ents = a->ldt_entries;
	ctx->gdt_ents = a->gdt_entries;
	memcpy(ctx->gdt_frames, a->gdt_frames, gdt_pages(a->gdt_entries) * sizeof(a->gdt_frames[0]));
	ctx->kernel_ss = a->kernel_ss;
	ctx->kernel_sp = a->kernel_sp;
	ctx->ctrlreg[0] = 0x80050033 | (a->ts ? CR0_TS : 0);
	ctx->ctrlreg[1] = mfn_eq(v->root_user, INVALID_MFN) ? 0 : mfn_to_maddr(v->root_user).a;
	ctx->ctrlreg[3] = mfn_eq(v->root_kernel, INVALID_MFN) ? 0 : mfn_to_maddr(v->root_kernel).a;
	ctx->ctrlreg[4] = a->cr4;
	memcpy(ctx->debugreg, a->dr, sizeof(ctx->debugreg));
	ctx->event_callback_eip = a->event.rip;
	ctx->failsafe_callback_eip = a->failsafe.rip;
	ctx->syscall_callback_eip = a->syscall.rip;
	ctx->vm_assist = v->domain->vm_assist;
	ctx->fs_base = a->fs_base;
	ctx->gs_base_kernel = a->gs_base[0];
	ctx->gs_base_user = a->gs_base[1];
}
