/* SPDX-License-Identifier: MIT */
/*
 * Accesses that may fault: guest memory, MSRs that may not exist. A fault at an address in .extable continues at its
 * partner; the functions return 0 or -EFAULT. Callers have checked that the range is the guest's.
 */
	.macro EX from, to
	.pushsection .extable, "a"
	.balign 8
	.quad	\from, \to
	.popsection
	.endm
	.macro SMAP_OPEN
771:	stac
	.pushsection .patch, "a"
	.quad	771b
	.popsection
	.endm
	.macro SMAP_CLOSE
772:	clac
	.pushsection .patch, "a"
	.quad	772b
	.popsection
	.endm

	.text
/* int uaccess_copy(void *dst, const void *src, size_t n): one side is the guest's */
	.globl uaccess_copy
	.balign 16
uaccess_copy:
	SMAP_OPEN
	mov	%rdx, %rcx
	shr	$3, %rcx
	cmp	$16, %rcx
	ja	2f
	test	%rcx, %rcx
	jz	4f
1:	mov	(%rsi), %rax
11:	mov	%rax, (%rdi)
	add	$8, %rsi
	add	$8, %rdi
	dec	%rcx
	jnz	1b
	jmp	4f
2:	rep movsq
4:	and	$7, %edx
	jz	6f
	mov	%edx, %ecx
5:	rep movsb
6:	SMAP_CLOSE
	xor	%eax, %eax
	ret
	EX	1b, uaccess_fault
	EX	11b, uaccess_fault
	EX	2b, uaccess_fault
	EX	5b, uaccess_fault

uaccess_fault:
	SMAP_CLOSE
	mov	$-14, %eax
	ret

/* int rdmsr_safe(uint32_t msr, uint64_t *v) */
	.globl rdmsr_safe
rdmsr_safe:
	mov	%edi, %ecx
1:	rdmsr
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, (%rsi)
	xor	%eax, %eax
	ret
	EX	1b, msr_fault
/* int wrmsr_safe(uint32_t msr, uint64_t v) */
	.globl wrmsr_safe
wrmsr_safe:
	mov	%edi, %ecx
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
1:	wrmsr
	xor	%eax, %eax
	ret
	EX	1b, msr_fault
msr_fault:
	mov	$-14, %eax
	ret

/* int load_ds/es/fs/gs(uint16_t sel): -EFAULT if the selector is bad; the null selector is then loaded. */
	.macro LOADSEG name, seg
	.globl	\name
\name:
1:	mov	%edi, %\seg
	xor	%eax, %eax
	ret
2:	xor	%eax, %eax
	mov	%eax, %\seg
	mov	$-14, %eax
	ret
	EX	1b, 2b
	.endm
	LOADSEG	load_ds, ds
	LOADSEG	load_es, es
	LOADSEG	load_fs, fs
	LOADSEG	load_gs, gs

/* int uaccess_xrstor(const void *area, uint64_t mask): -EFAULT if the image is bad */
	.globl uaccess_xrstor
uaccess_xrstor:
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
1:	xrstor64 (%rdi)
	xor	%eax, %eax
	ret
	EX	1b, msr_fault
	.globl uaccess_fxrstor
uaccess_fxrstor:
1:	fxrstor64 (%rdi)
	xor	%eax, %eax
	ret
	EX	1b, msr_fault

	.section .note.GNU-stack, "", @progbits
