/* SPDX-License-Identifier: MIT */
/* Macros for assembler files that state a guest's ELF notes; numbers are in <xen/elfnote.h>. */
#pragma once

#include <xen/elfnote.h>

#define KIT_VIRT_BASE 0xffffffff80000000

/* clang-format off */
.macro kit_note type:req, desc:vararg
	.pushsection .note.Xen, "a", @note
	.balign	4
	.long	2f - 1f, 4f - 3f, \type
1:	.asciz	"Xen"
2:	.balign	4
3:	\desc
4:	.balign	4
	.popsection
.endm
					    /* clang-format on */
