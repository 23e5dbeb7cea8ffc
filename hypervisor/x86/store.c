/* SPDX-License-Identifier: MIT */
/*
 * What an instruction that stores to memory computes: the new value from the old one and the
 * registers, then flags and registers after it. Pure: the store itself is the caller's.
 */
#include <asm/processor-flags.h>
#include "store.h"
#include "lib.h"

#define ARITH_FLAGS 0x8d5u /* CF PF AF ZF SF OF */

enum alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

static uint32_t result_flags(uint64_t v, unsigned bytes) {
	return (v ? 0 : X86_EFLAGS_ZF) | (v >> (bytes * 8 - 1) & 1 ? X86_EFLAGS_SF : 0) |
	       (bit_count(v & 0xff) % 2 ? 0 : X86_EFLAGS_PF);
}

/* a op b in so many bytes, and the flags of it. */
static uint64_t alu(enum alu op, uint64_t a, uint64_t b, unsigned bytes, uint32_t *flags) {
	uint64_t m = width_mask(bytes), sign = 1ULL << (bytes * 8 - 1), v;
	bool add = op == ALU_ADD, sub = op == ALU_SUB;

	a &= m;
	b &= m;
	v = add ? a + b : sub ? a - b : op == ALU_OR ? a | b : op == ALU_AND ? a & b : a ^ b;
	v &= m;
	*flags = result_flags(v, bytes);
	if (add || sub)
		*flags |= ((add ? v < a : a < b) ? X86_EFLAGS_CF : 0) | ((a ^ b ^ v) & X86_EFLAGS_AF) |
			  ((add ? ~(a ^ b) : a ^ b) & (a ^ v) & sign ? X86_EFLAGS_OF : 0);
	return v;
}

static void alu_apply(struct store *s, enum alu op, uint64_t b) {
	s->flags_mask = ARITH_FLAGS;
	s->new_value = alu(op, s->old, b, s->bytes, &s->flags);
}

/* bts, btr, btc: the bit's old value goes to CF, the others stay. kind: 5, 6, 7 as in group 8. */
static void bit_apply(struct store *s, unsigned kind, uint64_t bit) {
	uint64_t b = 1ULL << (bit % (s->bytes * 8));

	s->flags_mask = X86_EFLAGS_CF;
	s->flags = s->old & b ? X86_EFLAGS_CF : 0;
	s->new_value = kind == 5 ? s->old | b : kind == 6 ? s->old & ~b : s->old ^ b;
}

static void increment_apply(struct store *s, bool down) {
	alu_apply(s, down ? ALU_SUB : ALU_ADD, 1);
	s->flags_mask &= ~X86_EFLAGS_CF;
}

/* The accumulator against memory: equal stores the register (new_value), else loads the accumulator and stores
 * what was there. */
static void cmpxchg_apply(struct store *s, struct regs *r) {
	uint64_t acc = gpr_read(r, &s->insn, 0, s->bytes);

	s->flags_mask = ARITH_FLAGS;
	(void)alu(ALU_SUB, acc, s->old, s->bytes, &s->flags);
	if (acc != s->old) s->new_value = s->old;
}

static bool cmpxchg8b_apply(struct store *s, struct regs *r) {
	uint64_t expected = r->rdx << 32 | (uint32_t)r->rax;

	if ((s->insn.reg & 7) != 1 || s->insn.rex & 8) return false;
	s->flags_mask = X86_EFLAGS_ZF;
	s->flags = s->old == expected ? X86_EFLAGS_ZF : 0;
	s->new_value = s->old == expected ? r->rcx << 32 | (uint32_t)r->rbx : s->old;
	return true;
}

static bool group1_apply(struct store *s, uint64_t b, enum alu op) {
	alu_apply(s, op, b);
	return op != ALU_ADC && op != ALU_SBB && op != ALU_CMP;
}

unsigned store_bytes(const struct insn *i) {
	if (i->opcode == 0x0fba) return insn_wide_bytes(i); /* no width bit */
	return i->opcode == 0x0fc7 ? 8 : insn_operand_bytes(i);
}

/* One element of movs or stos; what movs stores was fetched already. */
static bool string_compute(struct store *s, const struct regs *r) {
	s->plain = true;
	if (!store_is_copy(&s->insn)) s->new_value = r->rax & width_mask(s->bytes);
	return !s->insn.segment && !s->insn.addr32;
}

static void string_finish(const struct store *s, struct regs *r) {
	uint64_t step = r->rflags & X86_EFLAGS_DF ? -(uint64_t)s->bytes : s->bytes;

	r->rdi += step;
	if (store_is_copy(&s->insn)) r->rsi += step;
	if (s->insn.rep && --r->rcx) r->rip -= s->insn.length; /* more elements: the guest goes on with it */
}

bool store_compute(struct store *s, struct regs *r) {
	const struct insn *i = &s->insn;
	uint64_t reg = gpr_read(r, i, i->reg, s->bytes);

	if (store_is_string(i)) return string_compute(s, r);
	s->new_value = reg;
	switch (i->opcode) {
	case 0x88 ... 0x89:
	case 0x0fc3: s->plain = true; return true;
	case 0xc6 ... 0xc7:
		s->plain = true;
		s->new_value = (uint64_t)i->imm & width_mask(s->bytes);
		return (i->reg & 7) == 0;
	case 0x86 ... 0x87: s->writes_reg = true; return true;
	case 0x0fc0 ... 0x0fc1:
		s->writes_reg = true;
		alu_apply(s, ALU_ADD, reg);
		return true;
	case 0x0fb0 ... 0x0fb1: cmpxchg_apply(s, r); return true;
	case 0x0fc7: return cmpxchg8b_apply(s, r);
	case 0x0fab:
	case 0x0fb3:
	case 0x0fbb: bit_apply(s, (i->opcode - 0x0fab) / 8 + 5, reg); return true;
	case 0x0fba: bit_apply(s, i->reg & 7, (uint64_t)i->imm); return (i->reg & 7) >= 5;
	case 0x80 ... 0x83: return group1_apply(s, (uint64_t)i->imm, i->reg & 7);
	case 0xfe ... 0xff: increment_apply(s, (i->reg & 7) == 1); return (i->reg & 7) < 2;
	default: return i->opcode < 0x40 && (i->opcode & 6) == 0 && group1_apply(s, reg, i->opcode >> 3);
	}
}

void store_finish(struct store *s, struct regs *r) {
	const struct insn *i = &s->insn;

	if (store_is_string(i)) string_finish(s, r);
	if (s->writes_reg) gpr_write(r, i, i->reg, s->bytes, s->old);
	if ((i->opcode & ~1) == 0x0fb0 && !(s->flags & X86_EFLAGS_ZF)) gpr_write(r, i, 0, s->bytes, s->old);
	if (i->opcode == 0x0fc7 && !(s->flags & X86_EFLAGS_ZF)) {
		r->rax = (uint32_t)s->old;
		r->rdx = s->old >> 32;
	}
	r->rflags = (r->rflags & ~(uint64_t)s->flags_mask) | (s->flags & s->flags_mask);
	r->rip += i->length;
}
