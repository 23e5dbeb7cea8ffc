/* SPDX-License-Identifier: MIT */
/*
 * The decoder: legacy prefixes in any order, REX last, one- and two-byte opcodes. It knows which
 * opcodes that emulation meets have a ModRM byte and an immediate; all others are refused, so an
 * unknown length never moves a guest's rip. Reference: the processor manuals' opcode maps.
 */
#include "decode.h"
#include "lib.h"

#define M  1 /* ModRM */
#define I8 2 /* 8-bit immediate */
#define IZ 4 /* 16- or 32-bit immediate by operand size */
#define OK 8

/* What follows a one-byte opcode; 0: not known. (add or adc sbb and sub xor cmp: in form_of().) */
static const uint8_t form1[256] = {
	[0x6c ... 0x6f] = OK, /* ins outs */
	[0x80] = OK | M | I8,
	[0x81] = OK | M | IZ,
	[0x83] = OK | M | I8,
	[0x84 ... 0x8b] = OK | M, /* test, xchg, mov */
	[0xa4 ... 0xa5] = OK,     /* movs */
	[0xaa ... 0xab] = OK,     /* stos */
	[0xc6] = OK | M | I8,
	[0xc7] = OK | M | IZ,
	[0xe4 ... 0xe7] = OK | I8, /* in, out imm8 */
	[0xec ... 0xef] = OK,      /* in, out dx */
	[0xf4] = OK,               /* hlt */
	[0xfa ... 0xfb] = OK,      /* cli, sti */
	[0xfe ... 0xff] = OK | M,  /* inc dec */
};

/* What follows 0f and this byte. */
static const uint8_t form2[256] = {
	[0x01] = OK | M,          /* group 7 */
	[0x06] = OK,              /* clts */
	[0x08 ... 0x09] = OK,     /* invd, wbinvd */
	[0x20 ... 0x23] = OK | M, /* mov cr, dr */
	[0x30 ... 0x33] = OK,     /* wrmsr, rdtsc, rdmsr, rdpmc */
	[0xa2] = OK,              /* cpuid */
	[0xab] = OK | M,          /* bts */
	[0xb0 ... 0xb1] = OK | M, /* cmpxchg */
	[0xb3] = OK | M,          /* btr */
	[0xba] = OK | M | I8,
	[0xbb] = OK | M,          /* btc */
	[0xc0 ... 0xc1] = OK | M, /* xadd */
	[0xc3] = OK | M,          /* movnti */
	[0xc7] = OK | M,          /* cmpxchg8b */
};

static unsigned form_of(uint16_t opcode) {
	if (opcode >> 8) return form2[opcode & 0xff];
	return opcode < 0x40 && (opcode & 7) < 4 ? OK | M : form1[opcode];
}

static bool is_prefix(struct insn *i, uint8_t b) {
	switch (b) {
	case 0x66: i->opsize16 = true; return true;
	case 0x67: i->addr32 = true; return true;
	case 0xf0: return true;
	case 0xf2 ... 0xf3: i->rep = true; return true; /* alike to the string instructions here */
	case 0x64 ... 0x65: i->segment = b; return true;
	default: return (b & 0xe7) == 0x26; /* es, cs, ss, ds */
	}
}

/* ModRM, SIB and displacement; the address itself is known from the fault. Their length. */
static unsigned modrm(struct insn *i, const uint8_t *p) {
	bool sib = p[0] < 0xc0 && (p[0] & 7) == 4;
	unsigned base = p[sib] & 7;

	i->mod = p[0] >> 6;
	i->reg = (uint8_t)((p[0] >> 3 & 7) | (i->rex & 4) << 1);
	i->rm = (uint8_t)((p[0] & 7) | (i->rex & 1) << 3);
	if (i->mod == 3) return 1;
	return 1 + sib + (i->mod == 1 ? 1 : i->mod == 2 || base == 5 ? 4 : 0);
}

/* Its length. */
static unsigned immediate(struct insn *i, const uint8_t *p, unsigned form) {
	unsigned n = form & I8 ? 1 : form & IZ ? (i->opsize16 && !(i->rex & 8) ? 2 : 4) : 0;
	uint32_t v = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;

	i->imm = n == 0 ? 0 : n == 1 ? (int8_t)v : n == 2 ? (int16_t)v : (int32_t)v;
	return n;
}

int insn_decode(const uint8_t bytes[INSN_BUFFER], unsigned n, struct insn *i) {
	const uint8_t *p = bytes;
	unsigned form;

	*i = (struct insn){ .mod = 3 };
	while (p < bytes + INSN_MAX && is_prefix(i, *p)) p++;
	if ((*p & 0xf0) == 0x40) i->rex = *p++;
	i->opcode = *p++;
	if (i->opcode == 0x0f) i->opcode = (uint16_t)(0x0f00 | *p++);
	form = form_of(i->opcode);
	if (form & M) p += modrm(i, p);
	p += immediate(i, p, form);
	i->length = (uint8_t)(p - bytes);
	return form && i->length <= MIN(n, (unsigned)INSN_MAX) ? 0 : -EINVAL;
}

/* -- register operands -- */

#define AT(reg) offsetof(struct regs, reg)
static const uint8_t offsets[16] = { AT(rax), AT(rcx), AT(rdx), AT(rbx), AT(rsp), AT(rbp), AT(rsi), AT(rdi),
				     AT(r8),  AT(r9),  AT(r10), AT(r11), AT(r12), AT(r13), AT(r14), AT(r15) };

uint64_t *gpr(struct regs *r, unsigned n) { return (uint64_t *)((uint8_t *)r + offsets[n & 15]); }

static bool is_high_byte(const struct insn *i, unsigned n, unsigned bytes) {
	return bytes == 1 && !i->rex && n >= 4 && n < 8;
}

uint64_t gpr_read(struct regs *r, const struct insn *i, unsigned n, unsigned bytes) {
	uint64_t v = is_high_byte(i, n, bytes) ? *gpr(r, n - 4) >> 8 : *gpr(r, n);

	return v & width_mask(bytes);
}

void gpr_write(struct regs *r, const struct insn *i, unsigned n, unsigned bytes, uint64_t v) {
	bool high = is_high_byte(i, n, bytes);
	uint64_t *at = gpr(r, high ? n - 4 : n);
	unsigned shift = high ? 8 : 0;

	/* a 32-bit result clears the upper half */
	*at = (bytes == 4 ? 0 : *at & ~(width_mask(bytes) << shift)) | (v & width_mask(bytes)) << shift;
}
