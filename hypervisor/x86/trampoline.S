/* SPDX-License-Identifier: MIT */
/*
 * Where another CPU starts: real mode at TRAMPOLINE, a copy of this page below 1 MiB. It goes straight to long mode on
 * ring 0's root, whose identity part exists while booting, and calls ap_start() on the stack of its block.
 */
#include "layout.h"

#define AT(x) (TRAMPOLINE + (x) - trampoline)

	.section .init.rodata, "a"
	.balign 16
	.globl trampoline
trampoline:
	.code16
	cli
	cld
	xor	%ax, %ax
	mov	%ax, %ds
	lgdtl	AT(ap_gdt_ptr)
	mov	$(1 << 5), %eax			/* CR4.PAE */
	mov	%eax, %cr4
	mov	$(hv_root - IMAGE_BASE), %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx		/* EFER as the first CPU has it: LME, NXE */
	mov	AT(trampoline_efer), %eax
	xor	%edx, %edx
	wrmsr
	mov	$0x80010023, %eax		/* as in head.S */
	mov	%eax, %cr0
	ljmpl	$8, $AT(ap_long)

	.code64
ap_long:
	mov	AT(trampoline_stack), %rsp
	sub	$256, %rsp			/* room for the guest's registers, as every entry leaves */
	movabs	$ap_start, %rax
	xor	%ebp, %ebp
	call	*%rax
	ud2

ap_gdt_ptr:
	.short	15
	.long	boot_gdt - IMAGE_BASE
	.balign 8
	.globl trampoline_efer, trampoline_stack, trampoline_end
trampoline_efer:
	.quad	0
trampoline_stack:
	.quad	0
trampoline_end:

	.section .note.GNU-stack, "", @progbits
