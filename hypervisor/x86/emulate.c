/* SPDX-License-Identifier: MIT */
/* Fetching instructions, for both emulators. */
#include "emulate.h"

/* access rights as lar gives them: L, P, S, code */
#define LAR_CODE64 (1u << 21 | 1u << 15 | 1u << 12 | 1u << 11)

/* A 64-bit code segment, ring 0's flat one or the guest's own (vCPUs may start on it). */
static bool is_code64(uint64_t selector) {
	uint32_t rights;
	bool ok;

	if (likely(selector == FLAT_KERNEL_CS)) return true;
	__asm__("lar %2, %0" : "=r"(rights), "=@ccz"(ok) : "r"((uint32_t)selector));
	return ok && (rights & LAR_CODE64) == LAR_CODE64;
}

int insn_fetch(const struct regs *r, struct insn *out) {
	uint8_t bytes[INSN_MAX];
	unsigned n = INSN_MAX;

	if (!is_code64(r->cs)) return -EINVAL; /* 32-bit code, or a base to add */
	if (copy_from_guest(bytes, gvaddr(r->rip), n)) {
		/* the instruction may end before the next page, which is not there */
		n = (unsigned)(PAGE_SIZE - r->rip % PAGE_SIZE);
		if (n >= INSN_MAX || copy_from_guest(bytes, gvaddr(r->rip), n)) return -EFAULT;
	}
	return insn_decode(bytes, n, out);
}
