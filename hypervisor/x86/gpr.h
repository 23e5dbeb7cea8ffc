/* SPDX-License-Identifier: MIT */
/* An instruction's register operands. */
#ifndef TENON_GPR_H
#define TENON_GPR_H

#include "decode.h"
#include "regs.h"

/* General register by number (0 rax .. 15 r15). */
uint64_t *gpr(struct regs *r, unsigned n);
/* Value of a register operand of the given width: byte registers 4-7 are ah..bh without REX. */
uint64_t gpr_read(struct regs *r, const struct insn *i, unsigned n, unsigned bytes);
void gpr_write(struct regs *r, const struct insn *i, unsigned n, unsigned bytes, uint64_t v);

#endif
