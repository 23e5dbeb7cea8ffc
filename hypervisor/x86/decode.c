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

struct cursor {
	const uint8_t *p;
	unsigned n, at;
};

static bool next(struct cursor *c, uint8_t *b) {
	if (c->at >= c->n || c->at >= INSN_MAX) return false;
	*b = c->p[c->at++];
	return true;
}

/* What follows a one-byte opcode. */
static unsigned form1(uint8_t op) {
	if (op < 0x40 && (op & 7) < 4) return OK | M; /* add or adc sbb and sub xor cmp: r/m,r and r,r/m */
	switch (op) {
	case 0x84: /* test */
	case 0x85:
	case 0x86: /* xchg */
	case 0x87:
	case 0x88: /* mov */
	case 0x89:
	case 0x8a:
	case 0x8b:
	case 0xfe: /* inc dec */
	case 0xff: return OK | M;
	case 0x80:
	case 0x83:
	case 0xc6: return OK | M | I8;
	case 0x81:
	case 0xc7: return OK | M | IZ;
	case 0xe4: /* in, out imm8 */
	case 0xe5:
	case 0xe6:
	case 0xe7: return OK | I8;
	case 0x6c: /* ins outs */
	case 0x6d:
	case 0x6e:
	case 0x6f:
	case 0xa4: /* movs */
	case 0xa5:
	case 0xaa: /* stos */
	case 0xab:
	case 0xec: /* in, out dx */
	case 0xed:
	case 0xee:
	case 0xef:
	case 0xf4: /* hlt */
	case 0xfa: /* cli */
	case 0xfb: /* sti */ return OK;
	default: return 0;
	}
}

/* What follows 0f and this byte. */
static unsigned form2(uint8_t op) {
	switch (op) {
	case 0x01: /* group 7 */
	case 0x20: /* mov cr, dr */
	case 0x21:
	case 0x22:
	case 0x23:
	case 0xab: /* bts btr btc */
	case 0xb3:
	case 0xbb:
	case 0xb0: /* cmpxchg */
	case 0xb1:
	case 0xc0: /* xadd */
	case 0xc1:
	case 0xc3: /* movnti */
	case 0xc7: /* cmpxchg8b */ return OK | M;
	case 0xba: return OK | M | I8;
	case 0x06: /* clts */
	case 0x08: /* invd */
	case 0x09: /* wbinvd */
	case 0x30: /* wrmsr */
	case 0x31: /* rdtsc */
	case 0x32: /* rdmsr */
	case 0x33: /* rdpmc */
	case 0xa2: /* cpuid */ return OK;
	default: return 0;
	}
}

static bool is_prefix(struct insn *i, uint8_t b) {
	switch (b) {
	case 0x66: i->opsize16 = true; return true;
	case 0x67: i->addr32 = true; return true;
	case 0xf0: i->lock = true; return true;
	case 0xf2: i->repne = true; return true;
	case 0xf3: i->rep = true; return true;
	case 0x64:
	case 0x65: i->segment = b; return true;
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e: return true;
	default: return false;
	}
}

/* Skip SIB and displacement; the address itself is known from the fault. */
static bool skip_memory_operand(struct cursor *c, const struct insn *i) {
	unsigned skip = i->mod == 1 ? 1 : i->mod == 2 ? 4 : 0;
	uint8_t sib = 0, b;

	if (i->mod == 3) return true;
	if ((i->rm & 7) == 4 && !next(c, &sib)) return false;
	if (i->mod == 0 && ((i->rm & 7) == 5 || ((i->rm & 7) == 4 && (sib & 7) == 5))) skip = 4;
	while (skip--)
		if (!next(c, &b)) return false;
	return true;
}

static bool read_immediate(struct cursor *c, struct insn *i, unsigned form) {
	unsigned n = form & I8 ? 1 : form & IZ ? (i->opsize16 && !(i->rex & 8) ? 2 : 4) : 0;
	uint64_t v = 0;
	uint8_t b;

	for (unsigned k = 0; k < n; k++) {
		if (!next(c, &b)) return false;
		v |= (uint64_t)b << (8 * k);
	}
	i->imm = n == 1 ? (int8_t)v : n == 2 ? (int16_t)v : (int32_t)v;
	return true;
}

static bool read_modrm(struct cursor *c, struct insn *i) {
	uint8_t b;

	if (!next(c, &b)) return false;
	i->has_modrm = true;
	i->mod = b >> 6;
	i->reg = (uint8_t)((b >> 3 & 7) | (i->rex & 4) << 1);
	i->rm = (uint8_t)((b & 7) | (i->rex & 1) << 3);
	return skip_memory_operand(c, i);
}

int insn_decode(const uint8_t *bytes, unsigned n, struct insn *i) {
	struct cursor c = { bytes, n, 0 };
	unsigned form;
	uint8_t b;

	*i = (struct insn){ 0 };
	do {
		if (!next(&c, &b)) return -EINVAL;
	} while (is_prefix(i, b));
	if ((b & 0xf0) == 0x40) {
		i->rex = b;
		if (!next(&c, &b)) return -EINVAL;
	}
	i->opcode = b;
	form = form1(b);
	if (b == 0x0f) {
		if (!next(&c, &b)) return -EINVAL;
		i->opcode = (uint16_t)(0x0f00 | b);
		form = form2(b);
	}
	if (!form || ((form & M) && !read_modrm(&c, i)) || !read_immediate(&c, i, form)) return -EINVAL;
	i->length = (uint8_t)c.at;
	return 0;
}
