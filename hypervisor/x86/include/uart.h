/* SPDX-License-Identifier: MIT */
/* COM1 as ring 0's console line (x86/uart.c). */
#ifndef TENON_UART_H
#define TENON_UART_H

#include "compiler.h"

#define COM1_BASE  0x3f8
#define COM1_PORTS 8
#define COM1_IRQ   4

/* True once uart_init() found a UART: its ports and its IRQ are ring 0's. */
bool uart_present(void);
/* Let received bytes interrupt. */
void uart_interrupts_on(void);

#endif
