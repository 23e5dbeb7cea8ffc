/* SPDX-License-Identifier: MIT */
/*
 * Any bytes through the instruction decoder and the store computation. The decoder must read no
 * byte past the end (ASan), give a length it has bytes for, decode a prefix of the input to the
 * same result or refuse it, and never refuse or change its mind when bytes follow.
 */
#include <stdlib.h>
#include <string.h>

#include "plat_dummies.h"
#include "store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                 \
	do {                       \
		if (!(x)) abort(); \
	} while (0)

static void check_length(const uint8_t *data, unsigned n, const struct insn *i) {
	uint8_t longer[INSN_BUFFER];
	struct insn again;

	REQUIRE(i->length > 0 && i->length <= n && i->length <= INSN_MAX);
	memset(longer, 0xcc, sizeof(longer));
	memcpy(longer, data, i->length);
	REQUIRE(insn_decode(longer, sizeof(longer), &again) == 0);
	REQUIRE(again.length == i->length && again.opcode == i->opcode && again.imm == i->imm);
	for (unsigned k = 0; k < i->length; k++) REQUIRE(insn_decode(longer, k, &again) != 0);
}

static void check_store(const struct insn *i, uint64_t old) {
	struct store s = { .insn = *i, .old = old };
	struct regs r = { .rax = old, .rcx = 3, .rdx = old >> 32, .rip = 0x1000, .rflags = 0x202 };

	s.bytes = store_bytes(i);
	REQUIRE(s.bytes == 1 || s.bytes == 2 || s.bytes == 4 || s.bytes == 8);
	s.old &= width_mask(s.bytes);
	if (!store_compute(&s, &r)) return;
	REQUIRE((s.new_value & ~width_mask(s.bytes)) == 0);
	store_finish(&s, &r);
	REQUIRE(r.rip == 0x1000u + i->length || (store_is_string(i) && i->rep && r.rip == 0x1000));
	REQUIRE((r.rflags & ~0x8d5ULL) == 0x202);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	unsigned n = (unsigned)MIN(size, (size_t)INSN_MAX);
	uint8_t *exact = malloc(INSN_BUFFER);
	uint64_t old = 0;
	struct insn i;

	memset(exact, 0x66, INSN_BUFFER); /* the worst to follow: a prefix */
	memcpy(exact, data, n);
	if (size > INSN_MAX) memcpy(&old, data + INSN_MAX, MIN(size - INSN_MAX, sizeof(old)));
	if (!insn_decode(exact, n, &i)) {
		check_length(exact, n, &i);
		if (store_is_string(&i) || i.mod != 3) check_store(&i, old);
	}
	free(exact);
	return 0;
}
