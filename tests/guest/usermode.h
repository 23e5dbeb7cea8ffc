/* SPDX-License-Identifier: MIT */
/* User-mode snippets for tests: mapped at USER_CODE, with a stack page and a data page behind it. */
#pragma once

#include <kit/pt.h>
#include <kit/user.h>

#define USER_CODE  0x400000UL
#define USER_STACK 0x600000UL
#define USER_DATA  0x800000UL

/* The snippets: see user_code.S. */
extern char user_code[], user_syscall[], user_syscall_twice[], user_int80[], user_int21[], user_int3[], user_ud2[],
	user_div[], user_read[], user_read_gs[], user_sysenter[], user_spin[], user_cli[], user_in[], user_hlt[],
	user_rdtsc[], user_cpuid_emulated[], user_icebp[], user_load_ss[], user_outs[];

/* The data page, as the kernel sees it. */
extern volatile uint64_t *user_data;

/* Makes the user root and maps code, stack and data into it. */
void user_setup(void);

/* The user address of a snippet. */
static inline unsigned long user_at(const char *snippet) { return USER_CODE + (snippet - user_code); }

/* Registers to start a snippet with, its stack set. */
struct trap_frame user_frame(const char *snippet);

/* Runs a snippet with %rdi = argument, %rax = number; tells how it ended. */
const struct trap_record *user_run(const char *snippet, uint64_t number, uint64_t argument);
