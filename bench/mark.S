/* SPDX-License-Identifier: MIT */
/* A static program that makes mark 1000, "user space reached", for the counter plugin, and exits. */
	.text
	.globl	_start
_start:
	.byte	0x0f, 0x1f, 0x80	/* nopl 0xbeef03e8(%rax) */
	.long	0xbeef03e8
	xorl	%edi, %edi
	movl	$60, %eax		/* exit(0) */
	syscall

	.section .note.GNU-stack, "", @progbits
