/* SPDX-License-Identifier: MIT */
/* The fake machine's devices: a serial line that a buffer records. */
#include "host.h"
#include "console.h"

char host_serial[HOST_SERIAL_MAX];
size_t host_serial_len;

bool uart_init(const char *settings)
{
	host_serial_len = 0;
	return settings[0] != '?';
}

void uart_putc(char c)
{
	if (host_serial_len < HOST_SERIAL_MAX - 1)
		host_serial[host_serial_len++] = c;
	host_serial[host_serial_len] = 0;
}
