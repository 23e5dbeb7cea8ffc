/* SPDX-License-Identifier: MIT */
/*
 * Where the domain builder starts vCPU 0: kernel mode, event delivery masked, %rsi = start_info, a boot stack that the
 * builder chose. The kit uses its own stack at once, so that the builder's can be given to the page allocator.
 */
#include <kit/stack.h>

	.section .text.start, "ax"
	.globl	_start
_start:
	cld
	leaq	kit_boot_stack_top(%rip), %rsp
	xorl	%ebp, %ebp
	movq	%rsi, %rdi
	call	kit_start
	ud2

	.bss
	.balign	KIT_STACK_SIZE
	.globl	kit_boot_stack, kit_boot_stack_top
kit_boot_stack:
	.skip	KIT_STACK_SIZE
kit_boot_stack_top:

	.section .note.GNU-stack, "", @progbits
