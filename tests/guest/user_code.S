/* SPDX-License-Identifier: MIT */
/* What tests run in user mode: one page, position independent; USER_CODE + (label - user_code) is an entry. */
	.section .text.user, "ax"
	.balign	4096
	.globl	user_code, user_syscall, user_int80, user_int3, user_ud2, user_spin, user_cli, user_div
	.globl	user_read, user_read_gs, user_sysenter, user_int21, user_in, user_hlt, user_cpuid_emulated, user_code_end
	.globl	user_syscall_twice, user_rdtsc, user_icebp, user_load_ss, user_outs
user_code:
user_syscall:
	syscall
	ud2
user_syscall_twice:
	syscall
	movq	%rax, %rbx
	syscall
	ud2
user_int80:
	int	$0x80
	ud2
user_int21:
	int	$0x21
	ud2
user_int3:
	int3
	ud2
user_ud2:
	ud2
user_div:
	xorl	%edx, %edx
	divl	%edx
user_read:
	movq	(%rdi), %rax
	movl	$1, %ebx
	syscall
user_read_gs:
	movq	%gs:0, %rax
	syscall
user_sysenter:
	sysenter
	ud2
user_spin:
	incq	(%rdi)
	jmp	user_spin
user_cli:
	cli
	ud2
user_in:
	inb	$0x80, %al
	ud2
user_hlt:
	hlt
	ud2
user_rdtsc:
	rdtsc
	syscall
user_cpuid_emulated:
	.byte	0x0f, 0x0b, 0x78, 0x65, 0x6e
	cpuid
	syscall
user_icebp:
	.byte	0xf1
	ud2
user_load_ss:
	movw	(%rdi), %ss
	syscall
	ud2
user_outs:
	movw	$0x80, %dx
	outsb
	ud2
user_code_end:
	.balign	4096

	.section .note.GNU-stack, "", @progbits
