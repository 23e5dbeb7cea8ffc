/* SPDX-License-Identifier: MIT */
/* Host port: a CPU is a struct the test chooses; `host_cpu_set()` makes another one current. */
#pragma once

#include "regs.h"

struct cpu;
extern __thread struct cpu *host_cpu;
static inline struct cpu *arch_this_cpu(void) { return host_cpu; }
#define ARCH_CPU_FIELDS        \
	unsigned windows_open; \
	uint64_t cr3;
