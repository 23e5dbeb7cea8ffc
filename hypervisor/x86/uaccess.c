/* SPDX-License-Identifier: MIT */
/* Guest memory through the running guest's own address space. The accesses themselves are in
 * uaccess.S. */
#include "x86.h"

int uaccess_copy(void *dst, const void *src, size_t n);

bool guest_range_ok(uint64_t va, size_t n) {
	uint64_t end = va + n;

	/* below the hole, or above ring 0's slots; a range across either border ends in the other
	 * half and fails */
	if (va < (1UL << 47)) return n <= (1UL << 47) && end <= (1UL << 47);
	return va >= HV_END && (end > va || end == 0 || n == 0);
}

int(copy_from_guest)(void *dst, gvaddr_t src, size_t n) {
	return guest_range_ok(src.a, n) ? uaccess_copy(dst, (const void *)src.a, n) : -EFAULT;
}

int(copy_to_guest)(gvaddr_t dst, const void *src, size_t n) {
	return guest_range_ok(dst.a, n) ? uaccess_copy((void *)dst.a, src, n) : -EFAULT;
}

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
