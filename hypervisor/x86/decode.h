/* SPDX-License-Identifier: MIT */
/* Instruction decoding for emulation: prefixes, opcode, ModRM, displacement and immediate of 64-bit
 * mode; and their register operands. Pure. */
#pragma once

#include "regs.h"

#define INSN_MAX    15
#define INSN_BUFFER 32 /* as far as the decoder may look before it finds that there are no more bytes */

struct insn {
	uint8_t length; /* of the whole instruction */
	uint8_t rex;    /* 0 or 0x40-0x4f */
	bool opsize16, addr32, rep;
	uint8_t segment;      /* 0x64 FS, 0x65 GS or 0 */
	uint16_t opcode;      /* one byte, or 0x0f00 + the second */
	uint8_t mod, reg, rm; /* reg and rm with their REX bits; mod 3: no operand in memory */
	int64_t imm;          /* sign-extended */
};

/*
 * Decode the n bytes at rip; what follows them does not matter. 0, -EINVAL: not an instruction this
 * decoder knows the form of, or more bytes are needed.
 */
int insn_decode(const uint8_t bytes[INSN_BUFFER], unsigned n, struct insn *out);

/* Operand size in bytes of an instruction that has no form for bytes. */
static inline unsigned insn_wide_bytes(const struct insn *i) { return i->rex & 8 ? 8 : i->opsize16 ? 2 : 4; }
/* Operand size in bytes for an opcode whose lowest bit says "not byte". */
static inline unsigned insn_operand_bytes(const struct insn *i) { return i->opcode & 1 ? insn_wide_bytes(i) : 1; }

static inline uint64_t width_mask(unsigned bytes) { return bytes == 8 ? ~0ULL : (1ULL << (bytes * 8)) - 1; }

/* General register by number (0 rax .. 15 r15). */
uint64_t *gpr(struct regs *r, unsigned n);
/* Value of a register operand of the given width: byte registers 4-7 are ah..bh without REX. */
uint64_t gpr_read(struct regs *r, const struct insn *i, unsigned n, unsigned bytes);
void gpr_write(struct regs *r, const struct insn *i, unsigned n, unsigned bytes, uint64_t v);
