/* SPDX-License-Identifier: MIT */
/*
 * Where a boot loader enters: Multiboot 1 (address fields) and Multiboot 2 headers, then from 32-bit protected mode to
 * 64-bit on the first page tables. eax is the loader's magic, ebx its information structure.
 */
#include "layout.h"

#define PHYS(x) ((x)-IMAGE_BASE)

	.section .head, "ax"
	.globl image_start
image_start:
	.balign 8
mb1_header:
#define MB1_FLAGS 0x00010003 /* page-aligned modules, memory map, address fields */
	.long	0x1badb002, MB1_FLAGS, -(0x1badb002 + MB1_FLAGS)
	.long	PHYS(mb1_header), PHYS(image_start), PHYS(image_load_end), PHYS(image_end), PHYS(entry32)

	.balign 8
mb2_header:
	.long	0xe85250d6, 0, mb2_end - mb2_header, -(0xe85250d6 + (mb2_end - mb2_header))
	/* tags: type, size, contents */
	.long	2, 24, PHYS(mb2_header), PHYS(image_start), PHYS(image_load_end), PHYS(image_end)
	.long	3, 12, PHYS(entry32), 0
	.long	6, 8				/* modules are page-aligned */
	.long	0, 8
mb2_end:

	.code32
	.balign 16
	.globl entry32
entry32:
	cli
	cld
	mov	%eax, %edi
	mov	%ebx, %esi

	mov	$0x80000001, %eax
	cpuid
	bt	$29, %edx
	jnc	no_long_mode
	mov	%edx, %ebp
	and	$(1 << 20), %ebp	/* NX, if there: */
	shr	$9, %ebp		/* EFER.NXE */
	mov	$(1 << 5), %eax		/* CR4.PAE */
	mov	%eax, %cr4
	mov	$PHYS(hv_root), %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx	/* EFER: LME, NXE */
	rdmsr
	or	$(1 << 8), %eax
	or	%ebp, %eax
	wrmsr
	mov	$0x80010023, %eax	/* PG, WP, NE, MP, PE... */
	mov	%eax, %cr0
	lgdt	PHYS(boot_gdt_ptr)
	ljmp	$8, $PHYS(entry64)

no_long_mode:
	mov	$PHYS(no_long_mode_text), %esi
	mov	$0x3f8, %edx
1:	lodsb
	test	%al, %al
	jz	2f
	outb	%al, %dx
	jmp	1b
2:	hlt
	jmp	2b

	.code64
entry64:
	movabs	$entry_high, %rax
	jmp	*%rax
entry_high:
	/* leave room for the guest's registers, as every entry does */
	movabs	$(PERCPU_BASE + PERCPU_STACK_TOP - 256), %rsp
	xor	%ebp, %ebp
	call	start
	ud2

	.section .init.rodata, "a"
no_long_mode_text:
	.asciz	"tenon: this CPU has no 64-bit mode; Tenon needs one\r\n"

	.balign 8
	/* the data segments stay the loader's, which nothing in 64-bit mode looks at, until cpu_block_load() */
	.globl boot_gdt
boot_gdt:
	.quad	0, 0x00af9b000000ffff	/* 64-bit code, ring 0 */
boot_gdt_ptr:
	.short	15
	.long	PHYS(boot_gdt)

	/*
	 * The first page tables. hv_root stays ring 0's own root; its identity part (slot 0) goes when dom0 is built.
	 */
	.macro ENTRIES n, first, step, flags
	.set	i, 0
	.rept	\n
	.quad	\first + i * \step + \flags
	.set	i, i + 1
	.endr
	.endm

	.section .data.page, "aw"
	.balign 4096
	.globl hv_root
hv_root:
	.quad	PHYS(boot_l3_identity) + 3
	.fill	HV_SLOT_FIRST - 1 + 8, 8, 0
	.quad	PHYS(boot_l3_image) + 3		/* slot 264 */
	.fill	6, 8, 0
	.quad	PHYS(hv_root) + 3		/* slot 271: ring 0's tables themselves */
	.fill	512 - 272, 8, 0
boot_l3_image:
	.quad	PHYS(boot_l2_image) + 3
	.quad	PHYS(boot_l2_percpu) + 3
	.fill	510, 8, 0
boot_l2_image:
	.quad	0, PHYS(boot_l1_image) + 3
	.fill	510, 8, 0
boot_l1_image:				/* the 2 MiB from where the image begins */
	ENTRIES	512, PHYS(image_start), 0x1000, 3
boot_l2_percpu:
	.quad	PHYS(boot_l1_percpu) + 3
	.fill	511, 8, 0
	/* block of CPU 0: see layout.h */
boot_l1_percpu:
	.set	i, 0
	.rept	5				/* stub, four small stacks; guards */
	.quad	PHYS(boot_cpu_block) + (i << 12) + 3, 0
	.set	i, i + 1
	.endr
	ENTRIES	6, PHYS(boot_cpu_block) + 0x5000, 0x1000, 3 /* main stack, struct cpu */
	.fill	496, 8, 0

	.section .init.page, "aw"
	.balign 4096
boot_l3_identity:
	ENTRIES	4, PHYS(boot_l2_identity), 0x1000, 3
	.fill	508, 8, 0
boot_l2_identity:
	ENTRIES	2048, 0, 0x200000, 0x83

	.section .bss.page, "aw", @nobits
	.balign 4096
boot_cpu_block:
	.skip	11 * 4096
