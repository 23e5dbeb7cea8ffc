/* SPDX-License-Identifier: MIT */
/* Hypercall numbers to functions. What is not listed answers -ENOSYS. */
#include "hypercall.h"

static HYPERCALL(do_enosys) { return -ENOSYS; }

#define ENTRY(name) [__HYPERVISOR_##name] = do_##name

hypercall_fn *const hypercall_table[NR_HYPERCALLS] = {
	HYPERCALLS(ENTRY),
	/* the rest */
	[11] = do_enosys,
	[27] = do_enosys,
	[31] = do_enosys,
	[34] = do_enosys,
	[37 ... 63] = do_enosys,
};
