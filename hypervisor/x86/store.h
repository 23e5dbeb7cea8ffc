/* SPDX-License-Identifier: MIT */
/* Instructions that store to memory, without the store (x86/store.c). */
#pragma once

#include "decode.h"

struct store {
	struct insn insn;
	unsigned bytes;
	uint64_t old, new_value;
	uint32_t flags; /* after it: those of flags_mask */
	uint32_t flags_mask;
	bool writes_reg; /* xchg, xadd: the old value goes to the register operand */
	bool plain;      /* mov: no need for the old value */
};

/* movs and stos store to (rdi); movs stores what is at (rsi). */
static inline bool store_is_copy(const struct insn *i) { return i->opcode == 0xa4 || i->opcode == 0xa5; }
static inline bool store_is_string(const struct insn *i) {
	return store_is_copy(i) || i->opcode == 0xaa || i->opcode == 0xab;
}

/* Width of the memory operand in bytes. */
unsigned store_bytes(const struct insn *i);
/* With insn, bytes and old set, and new_value if it is a copy: compute what the store leaves in
 * memory. False: not a store that is emulated. */
bool store_compute(struct store *s, struct regs *r) __must_check;
/* The store was made: set registers, flags and rip as after the instruction. */
void store_finish(struct store *s, struct regs *r);
