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

	.macro EACH insn, regs:vararg
	.irp r, \regs
	\insn	%\r
	.endr
	.endm
	.macro SAVE_REGS
	EACH	push, rdi, rsi, rdx, rcx, rax, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15
	.endm
	.macro POP_TO_RAX
	EACH	pop, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax
	.endm
	/* Leave by iret: the general registers, then error code and vector are passed over. */
	.macro RESTORE_REGS
	POP_TO_RAX
	EACH	pop, rcx, rdx, rsi, rdi
	add	$8, %rsp
	.endm

	/* The main stack of this CPU, from any of its stacks: %rsp at the guest's registers. */
	.macro MAIN_STACK
	and	$~(PERCPU_SIZE - 1), %rsp
	add	$(PERCPU_STACK_TOP - SIZEOF_REGS), %rsp
	.endm
	/* Let a C function look at the guest's registers, then go on there. */
	.macro CALL_AND_EXIT function
	mov	%rsp, %rdi
	call	\function
	jmp	exit_to_guest
	.endm

	/* AC may be the guest's: close SMAP's door. Patched to nops where there is no SMAP. */
	.macro SMAP_CLOSE
771:	clac
	.pushsection .patch, "a"
	.quad	771b
	.popsection
	.endm

	/* Frame of a syscall instruction; %rsp points at regs.rsp, which is stored already. */
	.macro SYSCALL_FRAME cs, error_code
	push	%r11			/* rflags */
	push	$\cs
	push	%rcx			/* rip */
	push	$\error_code
	SAVE_REGS
	movq	$0xe02b, REGS_SS(%rsp)	/* FLAT_RING3_SS64 */
	.endm

	.section .text.entry, "ax"

/* Hypercall or system call, from the per-CPU stub (see x86/percpu.c). */
	.globl syscall_entry
	.balign 16
syscall_entry:
	/* FLAT_RING3_CS64; the error code marks a frame that sysret may leave */
	SYSCALL_FRAME 0xe033, VEC_SYSCALL
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
	POP_TO_RAX
	add	$8, %rsp
	EACH	pop, rdx, rsi, rdi
	mov	24(%rsp), %r11		/* rflags */
	mov	32(%rsp), %rsp
	sysretq

exit_iret:
	RESTORE_REGS
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
	CALL_AND_EXIT exit_work_do

exit_event:
	CALL_AND_EXIT deliver_event

user_syscall:
	CALL_AND_EXIT user_syscall_bounce

/* 32-bit syscall instruction (AMD) and sysenter come here through stubs of their own. */
	.globl syscall32_entry
	.balign 16
syscall32_entry:
	SYSCALL_FRAME 0xe023, 0		/* FLAT_RING3_CS32 */
	CALL_AND_EXIT user_syscall32_bounce

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
	CALL_AND_EXIT user_sysenter_bounce

/* The resumption of a vCPU: %rsp is set to the guest's registers whatever was on the stack. */
	.globl reset_stack_and_exit
reset_stack_and_exit:
	MAIN_STACK
	xor	%ebp, %ebp
	jmp	exit_to_guest

/* guest_iret faulted: the frame above %rsp is the guest's bad one, below it ring 0's. rdi etc. hold the guest's values. */
iret_fault:
	sub	$8, %rsp
	SAVE_REGS
	CALL_AND_EXIT guest_iret_failed

/* -- exceptions and interrupts -- */

	.macro TRAP_ENTRY
	cld
	SMAP_CLOSE
	SAVE_REGS
	testb	$3, REGS_CS(%rsp)
	jz	trap_ring0
	.endm

trap_common:
	TRAP_ENTRY
	CALL_AND_EXIT trap_from_guest

trap_ring0:
	xor	%ebp, %ebp
	mov	%rsp, %rdi
	call	trap_from_ring0
	RESTORE_REGS
	iretq

/* On an IST stack. From a guest: copy the frame to the main stack and go on there; from ring 0: stay. */
trap_ist:
	TRAP_ENTRY
	mov	%rsp, %rsi
	MAIN_STACK
	mov	%rsp, %rdi
	mov	$(SIZEOF_REGS / 8), %ecx
	rep movsq
	CALL_AND_EXIT trap_from_guest

/*
 * 256 stubs of 16 bytes, one per vector (percpu.c computes their addresses). A zero stands in where the CPU pushes no
 * error code: it does for 8, 10-14, 17, 21, 29, 30. #DB, NMI, #DF and #MC have stacks of their own.
 */
	.balign 16
	.globl trap_stubs
trap_stubs:
	.set	v, 0
	.rept	256
	.balign 16
	.ifeq (v < 32) & (0x60227d00 >> (v & 31)) & 1
	push	$0
	.endif
	movl	$v, 4(%rsp)
	.if (v == 1) || (v == 2) || (v == 8) || (v == 18)
	jmp	trap_ist
	.else
	jmp	trap_common
	.endif
	.set	v, v + 1
	.endr

	.section .note.GNU-stack, "", @progbits
