/* SPDX-License-Identifier: MIT */
/* The machine around the CPUs: firmware tables, interrupt controllers, clocks, other CPUs. */
#ifndef TENON_PLATFORM_H
#define TENON_PLATFORM_H

/* ACPI, APICs, clock, interrupts; on CPU 0, once. */
void platform_init(void);
/* Start the other CPUs; returns when they idle. */
void smp_start(void);

#endif
