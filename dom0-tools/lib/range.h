/* SPDX-License-Identifier: MIT */
/* ioports=, iomem=, irqs=: what of the machine a guest may use, as ranges of numbers. */
#pragma once

#include "config.h"

struct tl_range {
	uint64_t first, n; /* n > 0; nothing wraps around */
};

/*
 * One element of a list: a port or an inclusive range of ports in hexadecimal ("2f8-2ff"); page frame and
 * count in hexadecimal ("fd000,10"), with an "@GFN" that PV guests have no use for; an interrupt line in
 * decimal. Returns 0, or -EINVAL with an error in *d.
 */
int tl_range_parse(const char *key, const struct tl_cfg_value *v, struct tl_range *out, struct tl_diag *d);
