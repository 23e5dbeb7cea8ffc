/* SPDX-License-Identifier: MIT */
/* An instruction's register operands. Pure. */
#include "gpr.h"

#define AT(reg) offsetof(struct regs, reg)
static const uint8_t offsets[16] = { AT(rax), AT(rcx), AT(rdx), AT(rbx), AT(rsp), AT(rbp), AT(rsi), AT(rdi),
				     AT(r8),  AT(r9),  AT(r10), AT(r11), AT(r12), AT(r13), AT(r14), AT(r15) };

uint64_t *gpr(struct regs *r, unsigned n) { return (uint64_t *)((uint8_t *)r + offsets[n & 15]); }

static bool is_high_byte(const struct insn *i, unsigned n, unsigned bytes) {
	return bytes == 1 && !i->rex && n >= 4 && n < 8;
}

uint64_t gpr_read(struct regs *r, const struct insn *i, unsigned n, unsigned bytes) {
	uint64_t v = is_high_byte(i, n, bytes) ? *gpr(r, n - 4) >> 8 : *gpr(r, n);

	return bytes == 8 ? v : v & ((1ULL << (bytes * 8)) - 1);
}

void gpr_write(struct regs *r, const struct insn *i, unsigned n, unsigned bytes, uint64_t v) {
	bool high = is_high_byte(i, n, bytes);
	uint64_t *at = gpr(r, high ? n - 4 : n);
	unsigned shift = high ? 8 : 0;
	uint64_t mask = bytes == 8 ? ~0ULL : ((1ULL << (bytes * 8)) - 1) << shift;

	if (bytes == 4) mask = ~0ULL; /* a 32-bit result clears the upper half */
	*at = (*at & ~mask) | (bytes == 4 ? (uint32_t)v : (v << shift & mask));
}
