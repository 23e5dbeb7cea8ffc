/* SPDX-License-Identifier: MIT */
/*
 * The notes of an older guest: a hypercall page to be filled, the physical-to-machine list at an address of its own, the
 * ramdisk given by frame number, unmapped.
 */
#include <kit/elfnote.h>

	kit_note XEN_ELFNOTE_GUEST_OS, .asciz "tenon-kit"
	kit_note XEN_ELFNOTE_GUEST_VERSION, .asciz "1"
	kit_note XEN_ELFNOTE_LOADER, .asciz "generic"
	kit_note XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
	kit_note XEN_ELFNOTE_VIRT_BASE, .quad KIT_VIRT_BASE
	kit_note XEN_ELFNOTE_PADDR_OFFSET, .quad 0
	kit_note XEN_ELFNOTE_INIT_P2M, .quad 0x8000000000
	kit_note XEN_ELFNOTE_ENTRY, .quad _start
	kit_note XEN_ELFNOTE_HYPERCALL_PAGE, .quad kit_hypercall_page
	kit_note XEN_ELFNOTE_FEATURES, .asciz "!writable_page_tables|pae_pgdir_above_4gb"
	kit_note XEN_ELFNOTE_SUPPORTED_FEATURES, .long 0x801	/* writable_page_tables, dom0 */
	kit_note XEN_ELFNOTE_PAE_MODE, .asciz "yes"
	kit_note XEN_ELFNOTE_L1_MFN_VALID, .quad 1, 1
	kit_note XEN_ELFNOTE_MOD_START_PFN, .long 1
	kit_note XEN_ELFNOTE_SUSPEND_CANCEL, .long 1
	kit_note XEN_ELFNOTE_HV_START_LOW, .quad 0xffff800000000000

	.section .text.hypercall_page, "ax"
	.balign	4096
	.globl	kit_hypercall_page
kit_hypercall_page:
	.skip	4096

	.section .note.GNU-stack, "", @progbits
