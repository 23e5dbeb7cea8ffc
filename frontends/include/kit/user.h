/* SPDX-License-Identifier: MIT */
/*
 * User mode. A 64-bit PV vCPU has two roots; the hypervisor loads the user root when the kernel
 * returns to user mode and the kernel root on every entry. The kit's user root holds the lower half
 * of the address space only, shared with the kernel's.
 */
#pragma once

#include <kit/trap.h>

/* Makes the user root and announces it. Needs kit_mm_init(). */
void kit_user_init(void);

extern unsigned long kit_user_root_pfn;

/* Maps a user address below 512 GiB (in both roots). */
long kit_user_map(const volatile void *va, uint64_t pte);

/*
 * Enters user mode with the registers of `start` (its cs must have RPL 3) and comes back when user
 * code raises a trap or makes a system call for which no handler is set. Returns what it was. Not
 * to be nested; one vCPU at a time.
 */
const struct trap_record *kit_user_run(const struct trap_frame *start);

/* A frame for kit_user_run(): 64-bit user code at `rip` with a stack. */
struct trap_frame kit_user_frame(unsigned long rip, unsigned long rsp);

/* For kit_trap(): whether a user run is on, and its end. */
extern uint64_t kit_user_return_sp;
void kit_user_exit(void) __attribute__((noreturn));
void kit_user_enter(const struct trap_frame *start);
