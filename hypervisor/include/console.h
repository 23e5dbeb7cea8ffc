/* SPDX-License-Identifier: MIT */
/* The console: serial line, ring of past output (sysctl readconsole), guest output with prefixes,
 * input to dom0. */
#ifndef TENON_CONSOLE_H
#define TENON_CONSOLE_H

#include "domain.h"

/* Parse com1=, console=, loglvl=, guest_loglvl= and bring the serial line up. Early output before
 * is kept and replayed. */
void console_init(const char *cmdline);
/* Raw output; any context. In an emergency (panic) locks are broken. */
void console_write(const char *s, size_t n);
void console_emergency(void);
/* CONSOLEIO_write of a domain; CONSOLEIO_read for dom0: returns bytes read. */
void console_guest_write(struct domain *d, const char *s, size_t n);
size_t console_read(char *buf, size_t n);
/* A character came in on the serial line (interrupt). */
void console_input(char c);

#endif
