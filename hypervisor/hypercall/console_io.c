/* SPDX-License-Identifier: MIT */
/* console_io: any domain writes, the privileged one reads. */
#include "console.h"
#include "hypercall.h"

#define CHUNK 128u

/* One chunk at a time: where it is shown the serial line takes ten milliseconds for it, and interrupts wait. */
static long console_io_write(uint32_t count, uint64_t buffer) {
	uint32_t n = MIN(count, CHUNK);
	char text[CHUNK];

	if (copy_from_guest(text, gvaddr(buffer), n)) return -EFAULT;
	console_guest_write(current->domain, text, n);
	if (n == count) return 0;
	return hypercall_restart(__HYPERVISOR_console_io, 3, (uint64_t)CONSOLEIO_write, (uint64_t)(count - n),
				 buffer + n);
}

static long console_io_read(uint32_t count, uint64_t buffer) {
	char text[CHUNK];
	size_t n;

	if (!current->domain->privileged) return -EPERM;
	if (count > INT32_MAX) return -E2BIG;
	n = console_read(text, MIN(count, CHUNK));
	if (n && copy_to_guest(gvaddr(buffer), text, n)) return -EFAULT;
	return (long)n;
}

HYPERCALL(do_console_io) {
	switch ((unsigned)a1) {
	case CONSOLEIO_write: return console_io_write((uint32_t)a2, a3);
	case CONSOLEIO_read: return console_io_read((uint32_t)a2, a3);
	default: return -ENOSYS;
	}
}
