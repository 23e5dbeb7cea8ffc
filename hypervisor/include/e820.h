/* SPDX-License-Identifier: MIT */
/* The machine's memory map as the firmware gave it, sorted, without overlaps. */
#pragma once

#include "compiler.h"

#define E820_RAM 1
#define E820_MAX 128

struct e820entry {
	uint64_t addr, size;
	uint32_t type;
} __packed;

extern struct e820entry e820_map[E820_MAX];
extern unsigned e820_count;
