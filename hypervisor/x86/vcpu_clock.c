/* SPDX-License-Identifier: MIT */
/* What guests' clocks and runstate need of the machine. */
#include "x86.h"

int copy_to_guest_kernel(gvaddr_t dst, const void *src, size_t n) {
	struct vcpu *v = current;
	int rc;

	if (!v->arch.user_mode) return copy_to_guest(dst, src, n);
	v->arch.user_mode = false;
	arch_root_load(v);
	rc = copy_to_guest(dst, src, n);
	v->arch.user_mode = true;
	arch_root_load(v);
	return rc;
}
