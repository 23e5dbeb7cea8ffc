/* SPDX-License-Identifier: MIT */
/*
 * The console: serial line, ring of past output (sysctl readconsole), guest output with prefixes,
 * input to dom0. See console/console.c.
 */
#pragma once

#include "domain.h"

/* Bring the serial line up as `options` say (com1=, console=, loglvl=, guest_loglvl=). Early output
 * before is kept and replayed. */
void console_init(void);
/* From now on locks are broken: panic. */
void console_emergency(void);
/* Print one message line; a prefix stands at the start of each line. Used by printk() and panic(). */
void console_log(const char *text);

/* CONSOLEIO_write of a domain; CONSOLEIO_read for dom0: returns bytes read. */
void console_guest_write(struct domain *d, const char *s, size_t n);
size_t console_read(char *buf, size_t n);
/* A character came in on the serial line (interrupt): wakes dom0 by VIRQ_CONSOLE. */
void console_input(char c);

/*
 * Past output, for sysctl readconsole. Copies at most n bytes from position *index on (the oldest
 * kept, if that is later) and moves *index behind them. Returns the bytes copied.
 */
size_t console_ring_read(uint32_t *index, char *buf, size_t n);
/* Position of the oldest byte kept; forget all output so far. */
uint32_t console_ring_start(void);
void console_ring_clear(void);
/* Raise VIRQ_CON_RING if there is output since the last call. No locks held; timer interrupt. */
void console_notify(void);

/* -- log levels (console/printk.c) -- */

/* A threshold pair: shown always up to `always`, rate-limited up to `limited`; -1: nothing. */
struct log_threshold {
	int always, limited;
};
/* Parse "none", "error", "warning", "info", "debug", "all", or "LEVEL/LEVEL"; false if malformed. */
bool log_threshold_parse(const char *s, struct log_threshold *t);
/* Of ring 0's own lines (loglvl=), of those about and from guests (guest_loglvl=). */
extern struct log_threshold log_own, log_guests;
/* True if a line of this level is to be shown now; counts against the rate limit. */
bool log_admits(const struct log_threshold *t, enum log_level level);

/* -- serial line, the arch's part (x86/uart.c; host/platform.c) -- */

/* Set up COM1 as "BAUD" or "BAUD,8n1" says. False: malformed or no UART there. */
bool uart_init(const char *settings);
/* Send a byte, waiting while the line is busy (bounded); once uart_init() was true. */
void uart_putc(char c);
/* The line's interrupt: hand what has come in to console_input(). */
void uart_interrupt(void);
