/* SPDX-License-Identifier: MIT */
/* The smallest guest: it starts, writes a line to the console and ends. */
#include "tap.h"

void guest_main(void) {
	ok(true, "a guest starts and writes to the console");
	done();
}
