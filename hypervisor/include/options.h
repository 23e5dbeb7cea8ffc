/* SPDX-License-Identifier: MIT */
/* Command-line options of the hypervisor, parsed once at boot by boot/options.c. Names are Xen's
 * where Xen has one. */
#pragma once

#include "compiler.h"

struct options {
	uint64_t dom0_mem, dom0_mem_min, dom0_mem_max; /* bytes; 0: not given */
	unsigned dom0_max_vcpus;                       /* 0: as many as CPUs */
	unsigned maxcpus;                              /* 0: all */
	bool noreboot;
	char com1[32]; /* "115200,8n1"; empty: no serial console */
};
extern struct options options;

/* Parse; unknown or malformed options are reported with a line each on the console and otherwise
 * ignored. */
void options_parse(const char *cmdline);
