/* SPDX-License-Identifier: MIT */
/*
 * Emulated stores against the processor: each instruction form is run natively on a buffer and
 * through decoder and store_compute(), with random operands; memory, registers, flags and length
 * must agree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "plat_dummies.h"
#include "store.h"

#define ALL_FLAGS 0x8d5u
#define CF        0x001u
#define AF        0x010u
#define ZF        0x040u

struct native {
	uint64_t rax, rbx, rcx, rdx, r8, flags;
};

static uint8_t *code;

/* Run the code with the registers, rdi -> mem; registers and flags come back. */
static void run_native(struct native *n, void *mem) {
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
			 "push %0\n\t"
			 "pushq 40(%0)\n\t"
			 "mov 0(%0), %%rax\n\t"
			 "mov 8(%0), %%rbx\n\t"
			 "mov 16(%0), %%rcx\n\t"
			 "mov 24(%0), %%rdx\n\t"
			 "mov 32(%0), %%r8\n\t"
			 "popfq\n\t"
			 "call *%2\n\t"
			 "pop %0\n\t"
			 "pushfq\n\t"
			 "popq 40(%0)\n\t"
			 "mov %%rax, 0(%0)\n\t"
			 "mov %%rbx, 8(%0)\n\t"
			 "mov %%rcx, 16(%0)\n\t"
			 "mov %%rdx, 24(%0)\n\t"
			 "mov %%r8, 32(%0)\n\t"
			 "lea 128(%%rsp), %%rsp\n\t"
			 : "+S"(n), "+D"(mem)
			 : "r"((uint64_t)code)
			 : "rax", "rbx", "rcx", "rdx", "r8", "cc", "memory");
}

/* An operand: often one that makes carries, equality and zero happen. */
static uint64_t operand(void) {
	static const uint64_t special[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff, ~0ULL };
	uint64_t r = ((uint64_t)rand() << 42) ^ ((uint64_t)rand() << 21) ^ (uint64_t)rand();

	return rand() % 3 ? r : special[(unsigned)rand() % 9] * (rand() % 2 ? 1 : 0x100000001ULL);
}

enum special { NORMAL, NO_AF, BITS, CMPXCHG8B };

struct form {
	const char *name;
	uint8_t opcode[2];
	unsigned opcode_len, imm; /* imm: 0, 1 bytes; 4: by operand size */
	int group;                /* /n or -1 */
	bool byte, lockable, wide_only;
	enum special special;
};

static const struct form forms[] = {
	{ "add r8", { 0x00 }, 1, 0, -1, true, true, false, NORMAL },
	{ "add", { 0x01 }, 1, 0, -1, false, true, false, NORMAL },
	{ "or r8", { 0x08 }, 1, 0, -1, true, true, false, NO_AF },
	{ "or", { 0x09 }, 1, 0, -1, false, true, false, NO_AF },
	{ "and r8", { 0x20 }, 1, 0, -1, true, true, false, NO_AF },
	{ "and", { 0x21 }, 1, 0, -1, false, true, false, NO_AF },
	{ "sub r8", { 0x28 }, 1, 0, -1, true, true, false, NORMAL },
	{ "sub", { 0x29 }, 1, 0, -1, false, true, false, NORMAL },
	{ "xor r8", { 0x30 }, 1, 0, -1, true, true, false, NO_AF },
	{ "xor", { 0x31 }, 1, 0, -1, false, true, false, NO_AF },
	{ "add i8, byte", { 0x80 }, 1, 1, 0, true, true, false, NORMAL },
	{ "and i8, byte", { 0x80 }, 1, 1, 4, true, true, false, NO_AF },
	{ "add iz", { 0x81 }, 1, 4, 0, false, true, false, NORMAL },
	{ "or iz", { 0x81 }, 1, 4, 1, false, true, false, NO_AF },
	{ "sub iz", { 0x81 }, 1, 4, 5, false, true, false, NORMAL },
	{ "and i8", { 0x83 }, 1, 1, 4, false, true, false, NO_AF },
	{ "sub i8", { 0x83 }, 1, 1, 5, false, true, false, NORMAL },
	{ "xor i8", { 0x83 }, 1, 1, 6, false, true, false, NO_AF },
	{ "xchg r8", { 0x86 }, 1, 0, -1, true, true, false, NORMAL },
	{ "xchg", { 0x87 }, 1, 0, -1, false, true, false, NORMAL },
	{ "mov r8", { 0x88 }, 1, 0, -1, true, false, false, NORMAL },
	{ "mov", { 0x89 }, 1, 0, -1, false, false, false, NORMAL },
	{ "mov i8", { 0xc6 }, 1, 1, 0, true, false, false, NORMAL },
	{ "mov iz", { 0xc7 }, 1, 4, 0, false, false, false, NORMAL },
	{ "inc r8", { 0xfe }, 1, 0, 0, true, true, false, NORMAL },
	{ "dec r8", { 0xfe }, 1, 0, 1, true, true, false, NORMAL },
	{ "inc", { 0xff }, 1, 0, 0, false, true, false, NORMAL },
	{ "dec", { 0xff }, 1, 0, 1, false, true, false, NORMAL },
	{ "bts", { 0x0f, 0xab }, 2, 0, -1, false, true, false, BITS },
	{ "btr", { 0x0f, 0xb3 }, 2, 0, -1, false, true, false, BITS },
	{ "btc", { 0x0f, 0xbb }, 2, 0, -1, false, true, false, BITS },
	{ "bts i8", { 0x0f, 0xba }, 2, 1, 5, false, true, false, BITS },
	{ "btr i8", { 0x0f, 0xba }, 2, 1, 6, false, true, false, BITS },
	{ "btc i8", { 0x0f, 0xba }, 2, 1, 7, false, true, false, BITS },
	{ "cmpxchg r8", { 0x0f, 0xb0 }, 2, 0, -1, true, true, false, NORMAL },
	{ "cmpxchg", { 0x0f, 0xb1 }, 2, 0, -1, false, true, false, NORMAL },
	{ "xadd r8", { 0x0f, 0xc0 }, 2, 0, -1, true, true, false, NORMAL },
	{ "xadd", { 0x0f, 0xc1 }, 2, 0, -1, false, true, false, NORMAL },
	{ "movnti", { 0x0f, 0xc3 }, 2, 0, -1, false, false, true, NORMAL },
	{ "cmpxchg8b", { 0x0f, 0xc7 }, 2, 0, 1, false, true, false, CMPXCHG8B },
};

/* ModRM with rdi as the base: plain, with 8- or 32-bit displacement 0, or through a SIB byte. */
static unsigned put_modrm(uint8_t *p, unsigned reg) {
	unsigned n = 0, kind = (unsigned)rand() % 4;

	if (kind == 3) {
		p[n++] = (uint8_t)(reg << 3 | 4);
		p[n++] = 0x27; /* no index, base rdi */
		return n;
	}
	p[n++] = (uint8_t)(kind << 6 | reg << 3 | 7);
	for (unsigned k = kind == 1 ? 1 : kind == 2 ? 4 : 0; k; k--) p[n++] = 0;
	return n;
}

/* Operand sizes 1 (byte forms), 2, 4, 8; registers rax..rdx, ah..bh where they exist, r8. */
static unsigned assemble(const struct form *f, uint8_t *p) {
	unsigned n = 0, reg = (unsigned)rand() % 4, size = (unsigned)rand() % 3;
	uint8_t rex = rand() % 2 ? 0x40 : 0;

	if (f->special == CMPXCHG8B) size = 1;
	if (f->wide_only && size == 0) size = 1;
	if (f->lockable && rand() % 2) p[n++] = 0xf0;
	if (!f->byte && size == 0) p[n++] = 0x66;
	if (!f->byte && size == 2) rex |= 0x48;
	if (f->group < 0 && rand() % 4 == 0) {
		rex |= 0x44;
		reg = 0; /* r8 */
	} else if (f->byte && !rex && rand() % 2) {
		reg += 4;
	}
	if (rex) p[n++] = rex;
	for (unsigned i = 0; i < f->opcode_len; i++) p[n++] = f->opcode[i];
	n += put_modrm(p + n, f->group < 0 ? reg : (unsigned)f->group);
	for (unsigned k = f->imm == 4 ? (size == 0 ? 2 : 4) : f->imm; k; k--) p[n++] = (uint8_t)operand();
	p[n] = 0xc3;
	return n;
}

static void compare(const struct form *f, unsigned length) {
	uint64_t mem[2] = { operand(), 0x1122334455667788ULL }, was = mem[0];
	struct native n = { operand(), operand(), operand(),
			    operand(), operand(), 0x202 | ((uint64_t)rand() & ALL_FLAGS) };
	struct regs r = { 0 };
	struct store s = { 0 };
	uint64_t mask, flags = ALL_FLAGS;

	if (rand() % 2) /* let compare-and-exchange succeed */
		n.rax = mem[0];
	if (f->special == CMPXCHG8B && rand() % 2) n.rax = (uint32_t)mem[0], n.rdx = mem[0] >> 32;
	if (f->special == BITS) /* offsets beyond the operand would address other memory */
		n.rax &= 15, n.rbx &= 15, n.rcx &= 15, n.rdx &= 15, n.r8 &= 15;
	r = (struct regs){ .rax = n.rax,
			   .rbx = n.rbx,
			   .rcx = n.rcx,
			   .rdx = n.rdx,
			   .r8 = n.r8,
			   .rdi = (uint64_t)mem,
			   .rflags = n.flags };
	assert_int_equal(insn_decode(code, INSN_MAX, &s.insn), 0);
	assert_int_equal(s.insn.length, length);
	s.bytes = store_bytes(&s.insn);
	mask = s.bytes == 8 ? ~0ULL : (1ULL << s.bytes * 8) - 1;
	s.old = mem[0] & mask;
	assert_true(store_compute(&s, &r));
	store_finish(&s, &r);
	run_native(&n, mem);
	if (mem[0] != ((was & ~mask) | (s.new_value & mask)))
		fail_msg("%s: memory %lx, emulated %lx of %lx", f->name, mem[0], s.new_value, was);
	assert_int_equal(r.rip, length);
	assert_int_equal(r.rax, n.rax);
	assert_int_equal(r.rbx, n.rbx);
	assert_int_equal(r.rcx, n.rcx);
	assert_int_equal(r.rdx, n.rdx);
	assert_int_equal(r.r8, n.r8);
	if (f->special == NO_AF)
		flags &= ~AF;
	else if (f->special == BITS)
		flags = CF | ZF; /* the others are undefined */
	if ((r.rflags ^ n.flags) & flags) fail_msg("%s: flags %lx, emulated %lx", f->name, n.flags, r.rflags);
}

static void test_against_processor(void **state) {
	srand(1);
	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++)
		for (unsigned k = 0; k < 2000; k++) {
			memset(code, 0x90, 32);
			compare(&forms[i], assemble(&forms[i], code));
		}
}

static bool computes(const uint8_t *bytes, unsigned n) {
	struct store s = { 0 };
	struct regs r = { 0 };

	if (insn_decode(bytes, n, &s.insn) || s.insn.mod == 3) return false;
	s.bytes = store_bytes(&s.insn);
	return store_compute(&s, &r);
}

static void test_refused(void **state) {
	static const uint8_t refused[][INSN_BUFFER] = {
		{ 0x11, 0x07 },                /* adc */
		{ 0x19, 0x07 },                /* sbb */
		{ 0x83, 0x17, 1 },             /* adc i8 */
		{ 0x0f, 0xba, 0x27, 1 },       /* bt: no store */
		{ 0x48, 0x0f, 0xc7, 0x0f },    /* cmpxchg16b */
		{ 0xff, 0x37 },                /* push m */
		{ 0xc7, 0x4f, 0, 0, 0, 0, 0 }, /* c7 /1 */
		{ 0x0f, 0xc7, 0x37 },          /* rdrand's group with memory: vmptrld */
		{ 0x8b, 0x07 },                /* a load */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++)
		if (computes(refused[i], INSN_MAX)) fail_msg("form %u is emulated", i);
}

static struct regs string_run(const uint8_t *bytes, struct regs r, struct store *s) {
	assert_int_equal(insn_decode(bytes, INSN_MAX, &s->insn), 0);
	s->bytes = store_bytes(&s->insn);
	assert_true(store_compute(s, &r));
	store_finish(s, &r);
	return r;
}

static void test_strings(void **state) {
	static const uint8_t rep_stosq[INSN_BUFFER] = { 0xf3, 0x48, 0xab }, movsd[INSN_BUFFER] = { 0xa5 };
	struct regs r = { .rax = 0x1234, .rcx = 2, .rdi = 0x100, .rsi = 0x200, .rip = 0x50, .rflags = 0x202 };
	struct store s = { 0 };

	r = string_run(rep_stosq, r, &s);
	assert_int_equal(s.new_value, 0x1234);
	assert_int_equal(r.rdi, 0x108);
	assert_int_equal(r.rcx, 1);
	assert_int_equal(r.rip, 0x50); /* once more */
	r = string_run(rep_stosq, r, &s);
	assert_int_equal(r.rcx, 0);
	assert_int_equal(r.rip, 0x53);
	s = (struct store){ .new_value = 0x77 };
	r.rflags |= 0x400;
	r = string_run(movsd, r, &s);
	assert_int_equal(s.new_value, 0x77);
	assert_int_equal(r.rdi, 0x10c);
	assert_int_equal(r.rsi, 0x1fc);
	assert_int_equal(r.rip, 0x54);
	assert_int_equal(r.rcx, 0);
}

static int setup(void **state) {
	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return code == MAP_FAILED;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_processor),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_strings),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
