/* SPDX-License-Identifier: MIT */
/* The fake machine's processor: CPUID leaves and MSRs that a test chooses. */
#include "host.h"
#include "x86.h"

struct cpu_features cpu_has;
struct xen_cpuid_leaf host_cpuid[HOST_CPUID_MAX];
struct host_msr host_msrs[HOST_MSRS_MAX];

void cpuid_host(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
	memset(out, 0, 4 * sizeof(out[0]));
	for (unsigned i = 0; i < HOST_CPUID_MAX; i++)
		if (host_cpuid[i].leaf == leaf && host_cpuid[i].subleaf == subleaf)
			memcpy(out, &host_cpuid[i].a, 4 * sizeof(out[0]));
}

uint32_t tsc_khz(void) { return 1000000; }

int rdmsr_safe(uint32_t msr, uint64_t *v) {
	for (unsigned i = 0; i < HOST_MSRS_MAX; i++) {
		if (host_msrs[i].msr != msr) continue;
		*v = host_msrs[i].value;
		return 0;
	}
	return -EFAULT;
}
