/* SPDX-License-Identifier: MIT */
/* Weak stand-ins for functions outside the host library, so that a test links what it does not use. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "hypercall.h"
#include "options.h"

__attribute__((weak)) struct options options;

__attribute__((weak)) void panic(const char *fmt, ...) {
	fprintf(stderr, "panic: %s\n", fmt);
	abort();
}
__attribute__((weak)) long hypercall_restart(unsigned op, unsigned nargs, ...) { return -ERESTART; }
