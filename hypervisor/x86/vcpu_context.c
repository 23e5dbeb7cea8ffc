/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's whole state as the ABI's struct vcpu_guest_context (arch-x86/xen.h), for
 * VCPUOP_initialise and the domctls. In 64-bit contexts ctrlreg[3] is the kernel's root and
 * ctrlreg[1] the user's, as machine addresses; 0: none.
 */
#include "frame.h"
#include "hypercall.h"
#include "x86.h"

/* References on the roots of the kernel and of its users. */
static int roots_take(struct vcpu *v, const struct vcpu_guest_context *ctx, mfn_t root[2]) {
	int rc;

	root[0] = maddr_to_mfn(maddr(ctx->ctrlreg[3]));
	root[1] = ctx->ctrlreg[1] ? maddr_to_mfn(maddr(ctx->ctrlreg[1])) : INVALID_MFN;
	/* user mode runs on no other root, and there is none to load but these */
	if (!(ctx->flags & VGCF_in_kernel) && !ctx->ctrlreg[1]) return -EINVAL;
	rc = table_get(v->domain, root[0], 4);
	if (rc || !ctx->ctrlreg[1]) return rc;
	rc = table_get(v->domain, root[1], 4);
	/* to drop a whole tree may take long: what is left of it goes before the next try, or with the vCPU */
	if (rc && table_put(v->domain, root[0])) v->table_giveup = mfn_x(root[0]) + 1;
	return rc;
}

static bool addresses_ok(const struct vcpu_guest_context *ctx) {
	for (unsigned i = 0; i < 256; i++)
		if (!guest_address_ok(ctx->trap_ctxt[i].address)) return false;
	return guest_address_ok(ctx->event_callback_eip) && guest_address_ok(ctx->failsafe_callback_eip) &&
	       guest_address_ok(ctx->syscall_callback_eip) && guest_address_ok(ctx->user_regs.rip) &&
	       is_canonical(ctx->fs_base) && is_canonical(ctx->gs_base_kernel) && is_canonical(ctx->gs_base_user) &&
	       ctx->gdt_ents <= FIRST_RESERVED_GDT_ENTRY && ctx->ldt_ents <= 8192 &&
	       !(ctx->ldt_base % PAGE_SIZE && ctx->ldt_ents);
}

/* Alike in both, but for the two words of the ABI that are ring 0's own. */
_Static_assert(offsetof(struct regs, rax) == offsetof(struct cpu_user_regs, rax) &&
		       offsetof(struct regs, rip) == offsetof(struct cpu_user_regs, rip) &&
		       offsetof(struct regs, ss) == offsetof(struct cpu_user_regs, ss),
	       "registers, arch-x86/xen-x86_64.h");

static void state_set(struct vcpu *v, const struct vcpu_guest_context *ctx) {
	struct vcpu_state *s = frame_map(v->arch.state_mfn);
	struct regs *r = &s->regs;

	memcpy(r, &ctx->user_regs, sizeof(*r));
	r->error_code = r->vector = 0;
	r->cs = ctx->user_regs.cs | 3;
	r->ss = ctx->user_regs.ss | 3;
	r->rflags = (r->rflags & ~(X86_EFLAGS_IOPL | X86_EFLAGS_VM | X86_EFLAGS_NT)) | X86_EFLAGS_IF | 2;
	if (ctx->flags & VGCF_i387_valid) {
		/* the image, and in the header behind it that it has x87 and SSE state only */
		memcpy(s->fpu, &ctx->fpu_ctxt, sizeof(ctx->fpu_ctxt));
		memcpy(s->fpu + sizeof(ctx->fpu_ctxt), (const uint64_t[8]){ 3 }, 64);
	}
	frame_unmap(s);
}

/* What lies as it is in struct arch_vcpu and in the context. */
#define ALIKE(ours, theirs) \
	{ offsetof(struct arch_vcpu, ours), offsetof(struct vcpu_guest_context, theirs), sizeof(current->arch.ours) }
static const struct {
	uint16_t ours, theirs, size;
} alike[] = {
	ALIKE(event, event_callback_eip),
	ALIKE(failsafe.rip, failsafe_callback_eip),
	ALIKE(syscall.rip, syscall_callback_eip),
	ALIKE(ldt_base, ldt_base),
	ALIKE(kernel_sp, kernel_sp),
	ALIKE(kernel_ss, kernel_ss),
	ALIKE(fs_base, fs_base),
	ALIKE(gs_base[0], gs_base_kernel),
	ALIKE(gs_base[1], gs_base_user),
	ALIKE(ds, user_regs.ds),
	ALIKE(es, user_regs.es),
	ALIKE(fs, user_regs.fs),
	ALIKE(gs, user_regs.gs),
	ALIKE(cr4, ctrlreg[4]),
};

static void arch_state_set(struct vcpu *v, const struct vcpu_guest_context *ctx) {
	struct arch_vcpu *a = &v->arch;

	for (unsigned i = 0; i < ARRAY_SIZE(alike); i++)
		memcpy((uint8_t *)a + alike[i].ours, (const uint8_t *)ctx + alike[i].theirs, alike[i].size);
	memcpy(a->traps, ctx->trap_ctxt, sizeof(ctx->trap_ctxt));
	a->user_mode = !(ctx->flags & VGCF_in_kernel);
	a->failsafe.mask_events = ctx->flags & VGCF_failsafe_disables_events;
	a->syscall.mask_events = ctx->flags & VGCF_syscall_disables_events;
	/* virtual: see emulate.c; so Linux gives its further vCPUs access to ports */
	a->iopl = ctx->user_regs.rflags >> 12 & 3;
	a->ldt_entries = (unsigned)ctx->ldt_ents;
	a->ts = ctx->ctrlreg[0] & X86_CR0_TS;
	/* addresses before DR7, which is judged with them; a refused value leaves its register as
	 * it was */
	for (unsigned i = 0; i < 8; i++)
		if (debugreg_set(v, i, ctx->debugreg[i]))
			gprintk(v->domain, LOG_WARN, "vCPU %u: DR%u=%lx of its context refused\n", v->id, i,
				ctx->debugreg[i]);
}

int arch_vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *ctx) {
	mfn_t root[2];
	int rc = table_giveup_finish(v);

	if (rc) return rc;
	if (!addresses_ok(ctx) || !gdt_take(v->domain, ctx->gdt_frames, (unsigned)ctx->gdt_ents)) return -EINVAL;
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

static uint64_t root_address(mfn_t root) { return mfn_eq(root, INVALID_MFN) ? 0 : mfn_to_maddr(root).a; }

void arch_vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *ctx) {
	const struct arch_vcpu *a = &v->arch;
	const struct vcpu_state *s = frame_map(a->state_mfn);

	memset(ctx, 0, sizeof(*ctx));
	memcpy(&ctx->user_regs, &s->regs, sizeof(s->regs));
	memcpy(&ctx->fpu_ctxt, s->fpu, sizeof(ctx->fpu_ctxt));
	frame_unmap(s);
	ctx->user_regs.error_code = ctx->user_regs.entry_vector = 0;
	ctx->user_regs.rflags |= (uint64_t)a->iopl << 12;
	for (unsigned i = 0; i < ARRAY_SIZE(alike); i++)
		memcpy((uint8_t *)ctx + alike[i].theirs, (const uint8_t *)a + alike[i].ours, alike[i].size);
	memcpy(ctx->trap_ctxt, a->traps, sizeof(ctx->trap_ctxt));
	ctx->flags = VGCF_i387_valid | (a->user_mode ? 0 : VGCF_in_kernel) |
		     (a->failsafe.mask_events ? VGCF_failsafe_disables_events : 0) |
		     (a->syscall.mask_events ? VGCF_syscall_disables_events : 0);
	ctx->ldt_ents = a->ldt_entries;
	ctx->gdt_ents = a->gdt_entries;
	memcpy(ctx->gdt_frames, a->gdt_frames, table_pages(a->gdt_entries) * sizeof(a->gdt_frames[0]));
	ctx->ctrlreg[0] = cr0_view(v);
	ctx->ctrlreg[1] = root_address(v->root_user);
	ctx->ctrlreg[3] = root_address(v->root_kernel);
	memcpy(ctx->debugreg, a->dr, sizeof(ctx->debugreg));
	ctx->vm_assist = v->domain->vm_assist;
}
