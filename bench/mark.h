/* SPDX-License-Identifier: MIT */
/*
 * Marks for the instruction counter outside (counter.c): one harmless instruction, in any ring, of any
 * guest. Row n of a benchmark lies between the marks 2n and 2n + 1; marks from 1000 on begin phases.
 */
#pragma once

#define MARK_BASE 0xBEEF0000

#define MARK(id) asm volatile("nopl %c0(%%rax)" ::"i"((int)(MARK_BASE + (id))) : "memory")
