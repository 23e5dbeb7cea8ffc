/* SPDX-License-Identifier: MIT */
/*
 * The notes of a present-day guest: no hypercall page (hypercalls are inline `syscall` instructions), the physical-to-
 * machine list where the builder likes.
 */
#include <kit/elfnote.h>

	kit_note XEN_ELFNOTE_GUEST_OS, .asciz "tenon-kit"
	kit_note XEN_ELFNOTE_GUEST_VERSION, .asciz "1"
	kit_note XEN_ELFNOTE_LOADER, .asciz "generic"
	kit_note XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
	kit_note XEN_ELFNOTE_VIRT_BASE, .quad KIT_VIRT_BASE
	kit_note XEN_ELFNOTE_PADDR_OFFSET, .quad 0
	kit_note XEN_ELFNOTE_ENTRY, .quad _start
	kit_note XEN_ELFNOTE_FEATURES, .asciz "!writable_page_tables|pae_pgdir_above_4gb"
	kit_note XEN_ELFNOTE_SUPPORTED_FEATURES, .long 0x801	/* writable_page_tables, dom0 */
	kit_note XEN_ELFNOTE_PAE_MODE, .asciz "yes"
	kit_note XEN_ELFNOTE_L1_MFN_VALID, .quad 1, 1

	.section .note.GNU-stack, "", @progbits
