/* SPDX-License-Identifier: MIT */
/*
 * The smallest PV guest: blocks for ever. For measuring how long tl needs to create a domain, and for
 * tests that need a domain but nothing in it.
 */
	.text
	.globl _start
_start:
	mov $29, %eax		/* sched_op */
	mov $1, %edi		/* block */
	xor %esi, %esi
	syscall
	jmp _start

	.macro note type, size
	.balign 4
	.long 4, \size, \type
	.asciz "Xen"
	.endm

	.section .note.Xen, "a", @note
	note 1, 8		/* ENTRY */
	.quad _start
	note 3, 8		/* VIRT_BASE */
	.quad 0xffffffff80000000
	note 4, 8		/* PADDR_OFFSET */
	.quad 0xffffffff80000000
	note 6, 8		/* GUEST_OS */
	.asciz "tinypv0"
	note 5, 8		/* XEN_VERSION */
	.asciz "xen-3.0"
	note 8, 8		/* LOADER */
	.asciz "generic"
