/* SPDX-License-Identifier: MIT */
/* A guest's registers as entry.S stores them. */
#pragma once

#include "compiler.h"

/* The frame at the top of the main stack: the guest's registers while ring 0 runs. Same order as
 * struct xen_cpu_user_regs. */
struct regs {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint32_t error_code, vector;
	uint64_t rip;
	uint64_t cs;
	uint64_t rflags;
	uint64_t rsp;
	uint64_t ss;
};
