/* SPDX-License-Identifier: MIT */
/*
 * Rows of the latency benchmark. Row n is the window between the marker instructions 2n and 2n + 1,
 * which an instruction counter outside recognises: nopl 0xBEEFiiii(%rax). Inside, each row also
 * reads the time-stamp counter around single operations and prints the least, without the cost of
 * reading; under -icount shift=0 that is a number of instructions.
 */
#pragma once

#include "mark.h"

#define USER_PAGE 0x400000
#define USER_DATA 0x800000

/* User rows have fixed numbers, since their code is assembler. */
#define ROW_USER_SYSCALL 60
#define ROW_USER_INT80   61
#define ROW_USER_PF      62
#define ROW_USER_UD2     63
#define ROW_USER_CPUID   64
#define ROW_USER_EMPTY   65
