/* SPDX-License-Identifier: MIT */
/* Guest memory through the running guest's own address space. The accesses themselves are in
 * uaccess.S. */
#include "x86.h"

int uaccess_copy(void *dst, const void *src, size_t n);
int uaccess_cmpxchg1(void *p, uint64_t *old, uint64_t v);
int uaccess_cmpxchg2(void *p, uint64_t *old, uint64_t v);
int uaccess_cmpxchg4(void *p, uint64_t *old, uint64_t v);
int uaccess_cmpxchg8(void *p, uint64_t *old, uint64_t v);

bool guest_range_ok(uint64_t va, size_t n)
{
	uint64_t end = va + n;

	/* below the hole, or above ring 0's slots; a range across either border ends in the other
	 * half and fails */
	if (va < (1UL << 47))
		return n <= (1UL << 47) && end <= (1UL << 47);
	return va >= HV_END && (end > va || end == 0 || n == 0);
}

int(copy_from_guest)(void *dst, gvaddr_t src, size_t n)
{
	return guest_range_ok(src.a, n) ? uaccess_copy(dst, (const void *)src.a, n) : -EFAULT;
}

int(copy_to_guest)(gvaddr_t dst, const void *src, size_t n)
{
	return guest_range_ok(dst.a, n) ? uaccess_copy((void *)dst.a, src, n) : -EFAULT;
}

int cmpxchg_guest(gvaddr_t p, uint64_t *old, uint64_t new_value, unsigned bytes)
{
	if (!guest_range_ok(p.a, bytes) || p.a % bytes)
		return -EFAULT;
	switch (bytes) {
	case 1:
		return uaccess_cmpxchg1((void *)p.a, old, new_value);
	case 2:
		return uaccess_cmpxchg2((void *)p.a, old, new_value);
	case 4:
		return uaccess_cmpxchg4((void *)p.a, old, new_value);
	case 8:
		return uaccess_cmpxchg8((void *)p.a, old, new_value);
	default:
		return -EFAULT;
	}
}
