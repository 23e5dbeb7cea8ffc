/* SPDX-License-Identifier: MIT */
/* Further vCPUs. They share all of the kit's tables; TRAP_TRY() and user mode are for one vCPU at a
 * time. */
#pragma once

#include <kit/shared.h>

#define KIT_SMP_MAX 8

/* The context a vCPU starts with: kernel mode, the caller's root, events masked, the kit's traps, a
 * stack of its own. */
struct vcpu_guest_context *kit_vcpu_context(unsigned int vcpu, void (*entry)(void));

/*
 * Initialises and starts a vCPU (1 to KIT_SMP_MAX - 1) that runs `entry` and then goes down;
 * brought up again, it runs the entry of the last kit_vcpu_context(). 0 or the hypervisor's error.
 * Needs kit_shared_init() and kit_mm_init().
 */
long kit_vcpu_start(unsigned int vcpu, void (*entry)(void));

/* 1 up, 0 down, or an error. */
long kit_vcpu_is_up(unsigned int vcpu);

/* Waits until a vCPU is down, at most `ns` nanoseconds; whether it is. */
bool kit_vcpu_wait_down(unsigned int vcpu, uint64_t ns);
