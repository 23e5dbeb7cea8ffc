/* SPDX-License-Identifier: MIT */
/*
 * The least a 64-bit PV kernel can be, without the kit: the notes that make an ELF file a guest, an entry point, two
 * hypercalls. It says one line (in the form the test runner reads) and ends. docs/porting.md walks through it.
 */
#include <xen/elfnote.h>
#include <xen/xen.h>

/* <xen/sched.h> is for C only */
#define SCHEDOP_shutdown 2
#define SHUTDOWN_reboot  1

	.macro	note type, desc:vararg
	.section .note.Xen, "a", @note
	.balign	4
	.long	4, 2f - 1f, \type	/* sizes of the name and of the description */
	.asciz	"Xen"
1:	\desc
2:
	.endm

	note	XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
	note	XEN_ELFNOTE_GUEST_OS, .asciz "first"
	note	XEN_ELFNOTE_LOADER, .asciz "generic"
	note	XEN_ELFNOTE_ENTRY, .quad _start
	note	XEN_ELFNOTE_VIRT_BASE, .quad 0xffffffff80000000	/* pfn 0 is mapped here */
	note	XEN_ELFNOTE_PADDR_OFFSET, .quad 0
	note	XEN_ELFNOTE_SUPPORTED_FEATURES, .long 1 << 11	/* XENFEAT_dom0: may be the first domain */

	.section .text.start, "ax"
	.globl	_start
_start:	/* %rsi = start_info; ring 3, paging on, flat segments, no events yet; %rsp is good for a page */
	movl	$__HYPERVISOR_console_io, %eax
	movl	$CONSOLEIO_write, %edi
	movl	$length, %esi
	movq	$text, %rdx
	syscall			/* %rcx and %r11 are lost, as by any syscall; %rax is the result */

	movl	$__HYPERVISOR_sched_op, %eax
	movl	$SCHEDOP_shutdown, %edi
	movq	$how, %rsi
	syscall
	ud2			/* not reached */

	.section .rodata
text:	.ascii	"ok 1 - a guest in forty lines of assembler says hello\n1..1\n"
	.set	length, . - text
	.balign	4
how:	.long	SHUTDOWN_reboot	/* struct sched_shutdown */

	.section .note.GNU-stack, "", @progbits
