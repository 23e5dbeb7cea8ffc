/* SPDX-License-Identifier: MIT */
/* Which registers survive an entry into the hypervisor: load all, enter, store all. */
#pragma once

#include <stdint.h>

struct probe_regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rflags;
};

/* `in` is loaded, then `syscall` or `ud2` runs (a #UD handler must step over its two bytes), then
 * `out` is filled. */
void probe_syscall(const struct probe_regs *in, struct probe_regs *out);
void probe_ud2(const struct probe_regs *in, struct probe_regs *out);
