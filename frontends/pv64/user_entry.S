/* SPDX-License-Identifier: MIT */
/*
 * kit_user_enter() leaves for user mode with the kernel stack set to where it stands, so that traps of user code land below
 * its own frame, and kit_user_exit() returns to its caller from such a trap.
 */
#include <kit/stack.h>
#include <xen/xen.h>

	.text
	.globl	kit_user_enter, kit_user_exit
kit_user_enter:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, kit_user_return_sp(%rip)
	movq	%rdi, %rbx
	movl	$FLAT_KERNEL_SS, %edi
	movq	%rsp, %rsi
	andq	$-16, %rsi
	movl	$__HYPERVISOR_stack_switch, %eax
	syscall
	movq	%rbx, %rsi
	subq	$KIT_FRAME_WORDS * 8, %rsp		/* a copy of the frame */
	movq	%rsp, %rdi
	movl	$KIT_FRAME_WORDS, %ecx
	rep movsq
	jmp	kit_trap_return

kit_user_exit:
	xorl	%eax, %eax
	xchgq	kit_user_return_sp(%rip), %rax
	movq	%rax, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret

	.bss
	.balign	8
	.globl	kit_user_return_sp
kit_user_return_sp:
	.skip	8

	.section .note.GNU-stack, "", @progbits
