/* SPDX-License-Identifier: MIT */
/* The machine around the CPUs: local APIC, IO-APICs (Intel SDM volume 3, chapter 10), clocks, serial line,
 * other CPUs. */
#pragma once

#include "arch.h"

/* ACPI, APICs, clock, interrupts; on CPU 0, once. */
void platform_init(void);
/* Start the other CPUs; returns when they idle. */
void smp_start(void);
/* Ring 0's serial line, if it has one, is not dom0's; let received bytes interrupt (x86/uart.c). */
void uart_attach(void);

/* -- lapic.c, ioapic.c */
/* Map the registers and switch the LAPIC on (CPU 0, once); switch that of another running CPU on. */
void lapic_init(uint64_t address);
void lapic_init_cpu(void);
/* IPI to the CPUs of the mask, none of them this one. */
void lapic_send_ipi(cpumask_t cpus, unsigned vector);
/* INIT or start-up IPI to a CPU that is not up; INIT to all others, once lapic_init() was called
 * (they stop until reset). */
void lapic_send_init(uint32_t apic_id);
void lapic_send_startup(uint32_t apic_id, unsigned page);
void lapic_stop_others(void);

/* One-shot mode: counts down from here, 0 stops. */
void lapic_timer_start(uint32_t count);
uint32_t lapic_timer_count(void);

/* Map the IO-APICs and mask all pins; irq.h has what is done with them. */
void ioapic_init(void);

/* -- clock.c */
void clock_init(void);
/* Wait, busily. */
void clock_delay_us(uint64_t us);
