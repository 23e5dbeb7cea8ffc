/* SPDX-License-Identifier: MIT */
/*
 * The shortest possible handlers, so that the numbers are the hypervisor's: each turns the bounce frame (rcx r11 [error]
 * rip cs rflags rsp ss) into an iret frame and returns. Faults step over a two-byte instruction.
 */
#include <xen/xen.h>
#include "latency.h"

/* clang-format off */
.macro leave
	pushq	%rcx
	pushq	%r11
	pushq	%rax
	movl	$__HYPERVISOR_iret, %eax
	syscall
.endm

.macro handler name:req, error:req, skip:req
	.globl	\name
	.balign	16
\name:
	popq	%rcx
	popq	%r11
	.if	\error
	movq	$0, (%rsp)
	.else
	pushq	$0
	.endif
	.if	\skip
	addq	$\skip, 8(%rsp)
	.endif
	leave
.endm
/* clang-format on */

	.text
	handler	bench_syscall, 0, 0
	handler	bench_int80, 0, 0
	handler	bench_page_fault, 1, 2
	handler	bench_ud2, 0, 2

/* An event: notes the time, clears the one pending event, returns. */
	.globl	bench_event
	.balign	16
bench_event:
	popq	%rcx
	popq	%r11
	pushq	$0
	pushq	%rcx
	pushq	%r11
	pushq	%rax
	pushq	%rdx
	rdtsc
	movl	%eax, bench_event_tsc(%rip)
	movl	%edx, bench_event_tsc+4(%rip)
	movq	kit_vcpu_infos(%rip), %rax
	movb	$0, (%rax)
	movq	$0, 8(%rax)
	movq	bench_pending_word(%rip), %rax
	movq	$0, (%rax)
	incl	bench_event_count(%rip)
	popq	%rdx
	movl	$__HYPERVISOR_iret, %eax
	syscall

/*
 * User code: a page of loops, each 20 times: read the counter, do it, read the counter, keep the least; the window's marks
 * are around the last round. The least comes back in %rbx by int $0x83.
 */
/* clang-format off */
.macro user_row name:req, row:req, insn:vararg
	.globl	\name
\name:
	movq	$-1, %rbx
	movl	$20, %r14d
1:	cmpl	$1, %r14d
	jne	2f
	nopl	MARK_BASE - 0x100000000 + 2 * \row(%rax)
2:	rdtsc
	shlq	$32, %rdx
	leaq	(%rax, %rdx), %r12
	\insn
	rdtsc
	shlq	$32, %rdx
	addq	%rdx, %rax
	subq	%r12, %rax
	cmpq	%rbx, %rax
	cmovb	%rax, %rbx
	cmpl	$1, %r14d
	jne	3f
	nopl	MARK_BASE - 0x100000000 + 2 * \row + 1(%rax)
3:	decl	%r14d
	jnz	1b
	int	$0x83
.endm
/* clang-format on */

	.section .text.user, "ax"
	.balign	4096
	.globl	user_page
user_page:
	user_row user_row_syscall, ROW_USER_SYSCALL, syscall
	user_row user_row_int80, ROW_USER_INT80, int $0x80
	user_row user_row_pf, ROW_USER_PF, movb (%rdi), %al
	user_row user_row_ud2, ROW_USER_UD2, ud2
	user_row user_row_cpuid, ROW_USER_CPUID, xorl %eax, %eax ; pushq %rbx ; cpuid ; popq %rbx
	user_row user_row_empty, ROW_USER_EMPTY
	.balign	4096

	.bss
	.balign	8
	.globl	bench_event_tsc, bench_pending_word, bench_event_count
bench_event_tsc:
	.skip	8
bench_pending_word:
	.skip	8
bench_event_count:
	.skip	8

	.section .note.GNU-stack, "", @progbits
