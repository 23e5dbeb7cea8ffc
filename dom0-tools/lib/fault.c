/* SPDX-License-Identifier: MIT */
/* One counter; see fault.h. */
#include "fault.h"

#include <errno.h>
#include <stdlib.h>

static unsigned long steps, fail_at;
static int armed = -1;

int tl_fault_step(void) {
	const char *text;

	if (armed < 0) {
		text = getenv("TL_FAULT");
		fail_at = text ? strtoul(text, NULL, 10) : 0;
		armed = fail_at != 0;
	}
	steps++;
	if (!armed || steps != fail_at) return 0;
	errno = ENOMEM;
	return -ENOMEM;
}

unsigned long tl_fault_steps(void) { return steps; }

void tl_fault_arm(unsigned long n) {
	armed = n != 0;
	fail_at = steps + n;
}
