/* SPDX-License-Identifier: MIT */
/* System time, as the hypervisor publishes it for each vCPU (pvclock), and timers. All times in
 * nanoseconds. */
#pragma once

#include <kit/shared.h>

static inline uint64_t kit_rdtsc(void) {
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

/* A consistent copy of a time record that the hypervisor may be changing. */
struct vcpu_time_info kit_time_snapshot(const volatile struct vcpu_time_info *t);

/* System time now by a record. */
uint64_t kit_time_by(const volatile struct vcpu_time_info *t);

/* System time of the calling vCPU: nanoseconds since the host started. */
uint64_t kit_time(void);

/* Busy waiting. */
void kit_delay(uint64_t ns);

/* The calling vCPU's one-shot timer, delivered as VIRQ_TIMER at a system time; 0 or the
 * hypervisor's error. */
long kit_timer_set(uint64_t at);
