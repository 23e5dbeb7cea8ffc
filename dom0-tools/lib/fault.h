/* SPDX-License-Identifier: MIT */
/*
 * Fault injection for the tests of "every failure leaves the host as it was".
 *
 * Each step that may fail for reasons outside the program asks tl_fault_step() first. With the
 * environment variable TL_FAULT=N set, the N-th step since the program began fails with -ENOMEM,
 * once; the clean-up that follows then runs against a healthy host, as after a real transient
 * failure.
 */
#pragma once

/* Returns 0, or -ENOMEM when this step is the one to fail (errno is set too). */
int tl_fault_step(void);

/* Number of steps taken so far. */
unsigned long tl_fault_steps(void);

/* Let the n-th step from now on fail; 0: none. For programs that try many. */
void tl_fault_arm(unsigned long n);
