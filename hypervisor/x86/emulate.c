/* SPDX-License-Identifier: MIT */
/* Fetching instructions and addressing registers, for both emulators. */
#include "emulate.h"

/* Guests also run on code segments of their own: those must be 64-bit ones, which have no base. */
static bool code_is_64bit(uint16_t cs)
{
	uint32_t rights = 0;

	if (likely(cs == FLAT_KERNEL_CS))
		return true;
	__asm__("lar %1, %0" : "+r"(rights) : "r"((uint32_t)cs) : "cc");
	return rights & 1u << 21;
}

int insn_fetch(const struct regs *r, struct insn *out)
{
	uint8_t bytes[INSN_MAX];
	unsigned n = INSN_MAX;

	if (!code_is_64bit((uint16_t)r->cs))
		return -EINVAL;
	if (copy_from_guest(bytes, gvaddr(r->rip), n)) {
		/* the instruction may end before the next page, which is not there */
		n = (unsigned)(PAGE_SIZE - r->rip % PAGE_SIZE);
		if (n >= INSN_MAX || copy_from_guest(bytes, gvaddr(r->rip), n))
			return -EFAULT;
	}
	return insn_decode(bytes, n, out);
}

uint64_t *gpr(struct regs *r, unsigned n)
{
	uint64_t *const map[16] = { &r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp,
				    &r->rsi, &r->rdi, &r->r8,  &r->r9,  &r->r10, &r->r11,
				    &r->r12, &r->r13, &r->r14, &r->r15 };

	return map[n & 15];
}

static bool is_high_byte(const struct insn *i, unsigned n, unsigned bytes)
{
	return bytes == 1 && !i->rex && n >= 4 && n < 8;
}

uint64_t gpr_read(struct regs *r, const struct insn *i, unsigned n, unsigned bytes)
{
	uint64_t v = is_high_byte(i, n, bytes) ? *gpr(r, n - 4) >> 8 : *gpr(r, n);

	return bytes == 8 ? v : v & ((1ULL << (bytes * 8)) - 1);
}

void gpr_write(struct regs *r, const struct insn *i, unsigned n, unsigned bytes, uint64_t v)
{
	bool high = is_high_byte(i, n, bytes);
	uint64_t *at = gpr(r, high ? n - 4 : n);
	unsigned shift = high ? 8 : 0;
	uint64_t mask = bytes == 8 ? ~0ULL : ((1ULL << (bytes * 8)) - 1) << shift;

	if (bytes == 4)
		mask = ~0ULL; /* a 32-bit result clears the upper half */
	*at = (*at & ~mask) | (bytes == 4 ? (uint32_t)v : (v << shift & mask));
}
