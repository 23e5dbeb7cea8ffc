/* SPDX-License-Identifier: MIT */
/*
 * The processor's CPUID leaves. In a virtual machine each cpuid instruction leaves it, so the first sixteen
 * leaves of either range, but for their subleaves, are asked once. They are the same on all processors,
 * except in what no guest is shown.
 */
#include "x86.h"

#define HAS_SUBLEAVES (1u << 4 | 1u << 7 | 1u << 0xb | 1u << 0xd | 1u << 0xf)

void cpuid_host(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
	static uint32_t kept[32][4];
	static bool known[32];
	unsigned i = leaf >> 31 << 4 | leaf % 16;

	if (leaf & 0x7ffffff0 || (subleaf && leaf < 16 && HAS_SUBLEAVES >> leaf & 1)) return cpuid(leaf, subleaf, out);
	if (!__atomic_load_n(&known[i], __ATOMIC_ACQUIRE)) {
		cpuid(leaf, 0, kept[i]);
		__atomic_store_n(&known[i], true, __ATOMIC_RELEASE);
	}
	memcpy(out, kept[i], sizeof(kept[i]));
}
