/* SPDX-License-Identifier: MIT */
/* Host port of the arch contract's inline part. Machine memory is one array; own_va is a place in
 * it. */
#ifndef TENON_ARCH_ARCH_H
#define TENON_ARCH_ARCH_H

extern uint8_t *host_memory; /* frame 0 of the fake machine */

static inline void *own_va(mfn_t m)
{
	return host_memory + (m.n << PAGE_SHIFT);
}
static inline mfn_t own_mfn(const void *va)
{
	return mfn((uint64_t)((const uint8_t *)va - host_memory) >> PAGE_SHIFT);
}
bool host_should_fail(void);
/* True if a test wants this allocation to fail. */
static inline bool arch_alloc_fails(void)
{
	return host_should_fail();
}

#endif
