/* SPDX-License-Identifier: MIT */
/* Fetching instructions and addressing registers, for both emulators. */
#include "emulate.h"

/* access rights as lar gives them: L, P, S, code */
#define LAR_CODE64 (1u << 21 | 1u << 15 | 1u << 12 | 1u << 11)

/* A 64-bit code segment, ring 0's flat one or the guest's own (vCPUs may start on it). */
static bool is_code64(uint64_t selector)
{
	uint32_t rights;
	bool ok;

	if (likely(selector == FLAT_KERNEL_CS))
		return true;
	__asm__("lar %2, %0" : "=r"(rights), "=@ccz"(ok) : "r"((uint32_t)selector));
	return ok && (rights & LAR_CODE64) == LAR_CODE64;
}

int insn_fetch(const struct regs *r, struct insn *out)
{
	uint8_t bytes[INSN_MAX];
	unsigned n = INSN_MAX;

	if (!is_code64(r->cs))
		return -EINVAL; /* 32-bit code, or a base to add */
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
