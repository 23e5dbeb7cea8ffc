/* SPDX-License-Identifier: MIT */
/*
 * Where the hypervisor bounces exceptions, events and system calls to. It pushes, on the kernel stack: ss rsp rflags cs
 * rip [error code] r11 rcx. The stubs turn that into a struct trap_frame, whose upper part is a struct iret_context, call
 * kit_trap(frame) and return with the iret hypercall.
 */
#include <xen/xen.h>

#define VEC_EVENT    256
#define VEC_FAILSAFE 257
#define VEC_SYSCALL  258
#define VEC_SYSENTER 259
#define VEC_SYSCALL32 260

/* clang-format off */
.macro kit_stub name:req, vector:req, error=0
	.globl	\name
	.balign	16
\name:
	popq	%rcx
	popq	%r11
	.if	!\error
	pushq	$0
	.endif
	movl	$\vector, 4(%rsp)
	pushq	%rcx
	pushq	%r11
	pushq	%rax
	jmp	common
.endm
/* clang-format on */

	.text
	.balign	16
common:
	pushq	%rbx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%rbp
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, %rdi
	movq	%rsp, %rbp
	andq	$-16, %rsp
	cld
	call	kit_trap
	movq	%rbp, %rsp
	.globl	kit_trap_return
kit_trap_return:		/* %rsp = a struct trap_frame */
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rbp
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rbx
	movq	$0, 24(%rsp)	/* iret_context.flags, where error code and vector were */
	movl	$__HYPERVISOR_iret, %eax
	syscall
	ud2

	kit_stub kit_callback_event, VEC_EVENT
	kit_stub kit_callback_failsafe_body, VEC_FAILSAFE
	kit_stub kit_callback_syscall, VEC_SYSCALL
	kit_stub kit_callback_sysenter, VEC_SYSENTER
	kit_stub kit_callback_syscall32, VEC_SYSCALL32

/* The failsafe frame has ds es fs gs between r11 and rip: drop them, the kit reloads selectors itself. */
	.globl	kit_callback_failsafe
	.balign	16
kit_callback_failsafe:
	popq	%rcx
	popq	%r11
	popq	kit_failsafe_selectors(%rip)
	popq	kit_failsafe_selectors+8(%rip)
	popq	kit_failsafe_selectors+16(%rip)
	popq	kit_failsafe_selectors+24(%rip)
	pushq	%r11
	pushq	%rcx
	jmp	kit_callback_failsafe_body

	.altmacro
/* clang-format off */
.macro kit_vector n
	.if	\n == 8 || \n == 10 || \n == 11 || \n == 12 || \n == 13 || \n == 14 || \n == 17 || \n == 21
	kit_stub kit_vector_\n, \n, 1
	.else
	kit_stub kit_vector_\n, \n
	.endif
.endm
/* clang-format on */
	.set	i, 0
	.rept	256
	kit_vector %i
	.set	i, i + 1
	.endr

	.section .rodata
	.balign	8
	.globl	kit_vector_table
kit_vector_table:
/* clang-format off */
.macro kit_vector_address n
	.quad	kit_vector_\n
.endm
/* clang-format on */
	.set	i, 0
	.rept	256
	kit_vector_address %i
	.set	i, i + 1
	.endr

	.bss
	.balign	8
	.globl	kit_failsafe_selectors
kit_failsafe_selectors:
	.skip	32

	.section .note.GNU-stack, "", @progbits
