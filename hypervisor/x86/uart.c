/* SPDX-License-Identifier: MIT */
/*
 * The 16550 serial port at COM1 (0x3f8, IRQ 4). Output polls; input comes by interrupt. Ring 0 owns
 * the port: guests see none there.
 */
#include <linux/serial_reg.h>
#include "acpi.h"
#include "console.h"
#include "irq.h"
#include "machine.h"
#include "platform.h"
#include "x86.h"

#define COM1_BASE  0x3f8
#define COM1_PORTS 8
#define COM1_IRQ   4

#define FIFO_SIZE  16
#define SWITCH_KEY 1 /* CTRL-a */
#define CLOCK_HZ   115200u

static bool present;
static unsigned room; /* bytes that may be sent before the line status is read again (console lock) */

bool uart_init(const char *settings) {
	const char *rest;
	uint64_t baud;

	/* further fields (Xen's I/O base and IRQ) are not ours to choose */
	if (parse_u64(settings, &rest, &baud) || !baud || CLOCK_HZ % baud || (*rest && strcmp(rest, ",8n1"))) {
		printk(LOG_WARN, "option com1=%s ignored: expected BAUD,8n1\n", settings);
		return false;
	}
	outb(COM1_BASE + UART_SCR, 0x5a);
	if (inb(COM1_BASE + UART_SCR) != 0x5a) return false;
	outb(COM1_BASE + UART_IER, 0);
	outb(COM1_BASE + UART_LCR, UART_LCR_WLEN8 | UART_LCR_DLAB);
	outb(COM1_BASE + UART_DLL, (uint8_t)(CLOCK_HZ / baud));
	outb(COM1_BASE + UART_DLM, (uint8_t)(CLOCK_HZ / baud >> 8));
	outb(COM1_BASE + UART_LCR, UART_LCR_WLEN8);
	outb(COM1_BASE + UART_FCR,
	     UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT | UART_FCR_TRIGGER_14);
	outb(COM1_BASE + UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2); /* OUT2 gates the interrupt */
	present = true;
	return true;
}

void __init uart_attach(void) {
	const struct acpi_isa_irq *irq = &acpi.isa_irq[COM1_IRQ];

	if (!present) return;
	permit_reserve(PERMIT_PORT, COM1_BASE, COM1_PORTS);
	if (irq_own_gsi(irq->gsi, irq->level, irq->active_low))
		printk(LOG_WARN, "console: no interrupt for COM1, input does not work\n");
	else
		outb(COM1_BASE + UART_IER, UART_IER_RDI);
}

void uart_putc(char c) {
	/* a line that does not move in 100 ms or so is given up for this byte */
	for (unsigned i = 0; !room && i < 100000; i++)
		if (inb(COM1_BASE + UART_LSR) & UART_LSR_THRE)
			room = FIFO_SIZE;
		else
			cpu_pause();
	if (!room) return;
	room--;
	outb(COM1_BASE + UART_TX, (uint8_t)c);
}

/* Three times CTRL-a hands the keyboard from dom0 to ring 0's debug keys, and back. */
static void receive(char c) {
	static bool to_debug_keys;
	static unsigned switches; /* seen in a row, not passed on yet */

	if (c == SWITCH_KEY && ++switches == 3) {
		switches = 0;
		to_debug_keys = !to_debug_keys;
		printk(LOG_INFO, "input goes to %s (CTRL-a three times switches)\n",
		       to_debug_keys ? "the debug keys, h for help" : "dom0");
	}
	if (c == SWITCH_KEY) return;
	for (; switches; switches--)
		if (!to_debug_keys) console_input(SWITCH_KEY);
	if (to_debug_keys)
		debug_key(c);
	else
		console_input(c);
}

void uart_interrupt(void) {
	(void)inb(COM1_BASE + UART_IIR);
	for (unsigned i = 0; i < 64 && (inb(COM1_BASE + UART_LSR) & UART_LSR_DR); i++)
		receive((char)inb(COM1_BASE + UART_RX));
}
