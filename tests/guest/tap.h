/* SPDX-License-Identifier: MIT */
/*
 * Test output of guests: TAP on the console. Besides, every checked value is logged as a comment "#
 * = NAME: VALUE", by which the runner compares two hypervisors.
 */
#pragma once

#include <kit/guest.h>
#include <kit/trap.h>

/* One test: prints "ok" or "not ok"; returns `good`. */
bool ok(bool good, const char *name);

/* One test that `got` is `want`; logs `got`. */
bool is(long got, long want, const char *name);
bool is_hex(uint64_t got, uint64_t want, const char *name);

/* As is_hex() for values with machine addresses in them, which differ from boot to boot: logs
 * nothing. */
bool same(uint64_t got, uint64_t want, const char *name);

/* Logs a value for the comparison, without judging it. */
void value(const char *name, long got);

/* One test that TRAP_TRY() just caught the given trap, with this error code and nothing on the way
 * changed. */
bool trapped(unsigned int vector, unsigned int error_code, const char *name);
bool not_trapped(const char *name);

/* Prints the plan and ends the guest. */
void done(void) __attribute__((noreturn));
