/* SPDX-License-Identifier: MIT */
/* TAP output; see tap.h. */
#include "tap.h"

static unsigned int count;

bool ok(bool good, const char *name) {
	kit_printf("%sok %u - %s\n", good ? "" : "not ", ++count, name);
	return good;
}

void value(const char *name, long got) { kit_printf("# = %s: %ld\n", name, got); }

bool is(long got, long want, const char *name) {
	value(name, got);
	if (got != want) kit_printf("# wanted %ld, got %ld\n", want, got);
	return ok(got == want, name);
}

bool is_hex(uint64_t got, uint64_t want, const char *name) {
	kit_printf("# = %s: %lx\n", name, got);
	if (got != want) kit_printf("# wanted %lx, got %lx\n", want, got);
	return ok(got == want, name);
}

bool same(uint64_t got, uint64_t want, const char *name) {
	if (got != want) kit_printf("# wanted %lx, got %lx\n", want, got);
	return ok(got == want, name);
}

bool trapped(unsigned int vector, unsigned int error_code, const char *name) {
	const struct trap_record *t = &kit_trap_record;

	kit_printf("# = %s: trap %d error %x\n", name, (int)t->vector, t->error_code);
	if (t->vector != vector || t->error_code != error_code)
		kit_printf("# wanted trap %d error %x\n", (int)vector, error_code);
	return ok(t->vector == vector && t->error_code == error_code, name);
}

bool not_trapped(const char *name) {
	if (kit_trap_record.vector != TRAP_NONE)
		kit_printf("# trap %u error %x\n", kit_trap_record.vector, kit_trap_record.error_code);
	return ok(kit_trap_record.vector == TRAP_NONE, name);
}

void done(void) {
	kit_printf("1..%u\n", count);
	kit_poweroff();
}
