/* SPDX-License-Identifier: MIT */
/*
 * Accesses that may fault: guest memory through the running guest's own address space, MSRs that may
 * not exist. A fault at an instruction that has an .extable entry goes on at its label.
 */
#include "x86.h"

/* Beyond this many words the string instruction is faster than a loop. */
#define LOOP_WORDS 16

bool guest_range_ok(uint64_t va, size_t n) {
	/* from the end of ring 0's slots over the top to the hole: all the guest's */
	uint64_t room = (1UL << 47) - HV_END, at = va - HV_END;

	return at <= room && n <= room - at;
}

/* rep movs; volatile, or a compiler that sees no use of what it leaves in the operands drops it. */
#define uaccess_rep(insn, dst, src, count, label)                         \
	__asm__ volatile goto("1: rep " insn UACCESS_EX("%l[" #label "]") \
			      : "+D"(dst), "+S"(src), "+c"(count)         \
			      :                                           \
			      : "memory"                                  \
			      : label)

/* One side is the guest's, which begins outside ring 0's slots and goes upwards (see uaccess_ok). */
static int copy(void *dst, const void *src, size_t n) {
	size_t words = n / 8, rest = n % 8;
	uint64_t word;

	uaccess_open();
	if (words > LOOP_WORDS)
		uaccess_rep("movsq", dst, src, words, fault);
	else
		for (; words; words--, src = (const uint64_t *)src + 1, dst = (uint64_t *)dst + 1) {
			uaccess_load(word, (const uint64_t *)src, fault);
			uaccess_store((uint64_t *)dst, word, fault);
		}
	if (rest) uaccess_rep("movsb", dst, src, rest, fault);
	uaccess_close();
	return 0;
fault:
	uaccess_close();
	return -EFAULT;
}

int(copy_from_guest)(void *dst, gvaddr_t src, size_t n) {
	return uaccess_ok(src.a) ? copy(dst, (const void *)src.a, n) : -EFAULT;
}

int(copy_to_guest)(gvaddr_t dst, const void *src, size_t n) {
	return uaccess_ok(dst.a) ? copy((void *)dst.a, src, n) : -EFAULT;
}

int copy_to_guest_kernel(gvaddr_t dst, const void *src, size_t n) {
	struct vcpu *v = current;
	int rc;

	if (v->arch.user_mode) root_write(mfn_to_maddr(v->root_kernel).a);
	rc = copy_to_guest(dst, src, n);
	if (v->arch.user_mode) root_write(mfn_to_maddr(v->root_user).a);
	return rc;
}

int rdmsr_safe(uint32_t msr, uint64_t *v) {
	uint32_t lo, hi;

	__asm__ volatile goto("1: rdmsr" UACCESS_EX("%l[fault]") : "=a"(lo), "=d"(hi) : "c"(msr) : : fault);
	*v = (uint64_t)hi << 32 | lo;
	return 0;
fault:
	return -EFAULT;
}
