/* SPDX-License-Identifier: MIT */
/*
 * Every way into ring 0 and the one way out.
 *
 * Ring 0 is entered with interrupts off on the CPU's main stack, whose top holds the guest's registers (struct regs);
 * struct cpu begins right behind them, so both are reached from %rsp. NMI, #DF, #MC and #DB come in on stacks of their
 * own (IST), because they can strike before a stack is set up; from a guest they move over to the main stack.
 *
 * FS, GS and their bases are always the guest's. Nothing is swapped on entry.
 */
#include "asm-offsets.h"
#include "layout.h"

	.macro SAVE_REGS
	push	%rdi
	push	%rsi
	push	%rdx
	push	%rcx
	push	%rax
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	.endm

	.macro RESTORE_REGS
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rax
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
	.endm

	/* AC may be the guest's: close SMAP's door. Patched to nops where there is no SMAP. */
	.macro SMAP_CLOSE
771:	clac
	.pushsection .patch, "a"
	.quad	771b
	.popsection
	.endm

	.section .text.entry, "ax"

/*
 * Hypercall or system call, from the per-CPU stub (see x86/percpu.c): %rsp points at regs.rsp, which is stored already.
 */
	.globl syscall_entry
	.balign 16
syscall_entry:
	push	%r11			/* rflags */
	push	$0xe033			/* cs: FLAT_RING3_CS64 */
	push	%rcx			/* rip */
	push	$VEC_SYSCALL		/* error_code: marks a frame that sysret may leave */
	SAVE_REGS
	movq	$0xe02b, REGS_SS(%rsp)	/* FLAT_RING3_SS64 */
	mov	CPU_VCPU(%rsp), %rbx
	cmpb	$0, VCPU_USER_MODE(%rbx)
	jne	user_syscall
	cmp	$64, %eax
	jae	bad_hypercall
	and	$63, %eax		/* also for a CPU that guesses ahead */
	mov	%r10, %rcx
	lea	hypercall_table(%rip), %r10
	mov	(%r10, %rax, 8), %r10
	movl	$0, CPU_BUDGET(%rsp)
	call	*%r10
	mov	%rax, REGS_RAX(%rsp)

/* Leave to the guest whose registers are on the stack: work, events, then the shortest way out. */
	.globl exit_to_guest
exit_to_guest:
	cmpl	$0, CPU_WORK(%rsp)
	jne	exit_work
	mov	CPU_INFO(%rsp), %rdx
	cmpb	$0, INFO_MASK(%rdx)
	jne	1f
	cmpb	$0, INFO_PENDING(%rdx)
	jne	exit_event
1:	cmpl	$VEC_SYSCALL, REGS_ERROR(%rsp)
	jne	exit_iret
	/* sysret faults in ring 0 on a non-canonical rip, and would lose a selector that is not flat */
	mov	REGS_RIP(%rsp), %rcx
	mov	%rcx, %rdx
	shl	$16, %rdx
	sar	$16, %rdx
	cmp	%rdx, %rcx
	jne	exit_iret
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rax
	add	$8, %rsp
	pop	%rdx
	pop	%rsi
	pop	%rdi
	mov	24(%rsp), %r11		/* rflags */
	mov	32(%rsp), %rsp
	sysretq

exit_iret:
	RESTORE_REGS
	add	$8, %rsp
	.globl guest_iret
guest_iret:
	iretq
	.pushsection .extable, "a"
	.balign 8
	.quad	guest_iret, iret_fault
	.popsection

bad_hypercall:
	movq	$-38, REGS_RAX(%rsp)	/* -ENOSYS */
	jmp	exit_to_guest

exit_work:
	mov	%rsp, %rdi
	call	exit_work_do
	jmp	exit_to_guest

exit_event:
	mov	%rsp, %rdi
	call	deliver_event
	jmp	exit_to_guest

user_syscall:
	mov	%rsp, %rdi
	call	user_syscall_bounce
	jmp	exit_to_guest

/* 32-bit syscall instruction (AMD) and sysenter come here through stubs of their own. */
	.globl syscall32_entry
	.balign 16
syscall32_entry:
	push	%r11
	push	$0xe023			/* FLAT_RING3_CS32 */
	push	%rcx
	push	$0
	SAVE_REGS
	movq	$0xe02b, REGS_SS(%rsp)
	mov	%rsp, %rdi
	call	user_syscall32_bounce
	jmp	exit_to_guest

	.globl sysenter_entry
	.balign 16
sysenter_entry:
	/* the CPU kept nothing: rsp and rip are unknown to it, the guest's handler knows */
	SMAP_CLOSE
	push	$0xe02b
	push	$0
	pushfq
	orl	$0x200, (%rsp)		/* it cleared IF, which a guest always has */
	push	$2
	popfq				/* and kept NT, with which iret would fault here */
	push	$0xe023
	push	$0
	push	$0
	SAVE_REGS
	mov	%rsp, %rdi
	call	user_sysenter_bounce
	jmp	exit_to_guest

/* The resumption of a vCPU: %rsp is set to the guest's registers whatever was on the stack. */
	.globl reset_stack_and_exit
reset_stack_and_exit:
	mov	%rsp, %rax
	and	$~(PERCPU_SIZE - 1), %rax
	lea	PERCPU_STACK_TOP - SIZEOF_REGS(%rax), %rsp
	xor	%ebp, %ebp
	jmp	exit_to_guest

/* guest_iret faulted: the frame above %rsp is the guest's bad one, below it ring 0's. rdi etc. hold the guest's values. */
iret_fault:
	sub	$8, %rsp
	SAVE_REGS
	mov	%rsp, %rdi
	call	guest_iret_failed
	jmp	exit_to_guest

/* -- exceptions and interrupts -- */

	.globl trap_common
trap_common:
	cld
	SMAP_CLOSE
	SAVE_REGS
	mov	%rsp, %rdi
	testb	$3, REGS_CS(%rsp)
	jz	trap_ring0
	call	trap_from_guest
	jmp	exit_to_guest
trap_ring0:
	xor	%ebp, %ebp
	call	trap_from_ring0
	RESTORE_REGS
	add	$8, %rsp
	iretq

/* On an IST stack. From a guest: copy the frame to the main stack and go on there; from ring 0: stay. */
trap_ist:
	cld
	SMAP_CLOSE
	SAVE_REGS
	mov	%rsp, %rsi
	testb	$3, REGS_CS(%rsp)
	jz	trap_ist_ring0
	mov	%rsp, %rax
	and	$~(PERCPU_SIZE - 1), %rax
	lea	PERCPU_STACK_TOP - SIZEOF_REGS(%rax), %rdi
	mov	%rdi, %rdx
	mov	$(SIZEOF_REGS / 8), %ecx
	rep movsq
	mov	%rdx, %rsp
	mov	%rdx, %rdi
	call	trap_from_guest
	jmp	exit_to_guest
trap_ist_ring0:
	mov	%rsp, %rdi
	call	trap_from_ring0
	RESTORE_REGS
	add	$8, %rsp
	iretq


/* 256 stubs of 16 bytes: idt.c computes their addresses. */
	.balign 16
	.globl trap_stubs
trap_stubs:
	.set	v, 0
	.rept	256
	.balign 16
	.if (v == 8) || (v == 10) || (v == 11) || (v == 12) || (v == 13) || (v == 14) || (v == 17) || (v == 21) || (v == 29) || (v == 30)
	movl	$v, 4(%rsp)
	.if v == 8
	jmp	trap_ist
	.else
	jmp	trap_common
	.endif
	.else
	push	$0
	movl	$v, 4(%rsp)
	.if (v == 1) || (v == 2) || (v == 18)
	jmp	trap_ist
	.else
	jmp	trap_common
	.endif
	.endif
	.set	v, v + 1
	.endr

	.section .note.GNU-stack, "", @progbits
