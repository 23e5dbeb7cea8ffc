/* SPDX-License-Identifier: MIT */
/* x86: inline part of the arch contract. */
#ifndef TENON_ARCH_ARCH_H
#define TENON_ARCH_ARCH_H

static inline void *own_va(mfn_t m)
{
	return (void *)(OWN_BASE + (m.n << PAGE_SHIFT));
}
static inline mfn_t own_mfn(const void *va)
{
	return mfn(((uint64_t)va - OWN_BASE) >> PAGE_SHIFT);
}
/* Fault injection of the host port; never here. */
static inline bool arch_alloc_fails(void)
{
	return false;
}

#endif
