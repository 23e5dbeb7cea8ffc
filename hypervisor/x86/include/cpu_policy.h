/* SPDX-License-Identifier: MIT */
/* CPUID policies: x86/cpuid_policy.c says what a PV guest sees, x86/cpu_policy.c is the toolstacks' view.
 * Both are also built on the host. */
#ifndef TENON_CPU_POLICY_H
#define TENON_CPU_POLICY_H

#include "../../hypercall/domctl.h"

#define XCR0_AVX512 0xe0u /* three parts that come together */

#define MSR_PLATFORM_INFO     0xce
#define MSR_ARCH_CAPABILITIES 0x10a

/* Where the values of a policy come from: a leaf's EAX, EBX, ECX, EDX. */
typedef void cpuid_source(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
/* The processor itself (x86/cpuid.c). */
void cpuid_host(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
/* What a vCPU sees. */
void guest_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

/* May a guest have this XCR0? x87 always; AVX needs SSE; the three AVX-512 parts come together and need
 * AVX; only what ring 0 saves. */
bool xcr0_ok(uint64_t xcr0);

/* What a toolstack set for the domain's leaf, if it did. */
bool cpu_policy_find(const struct domain *d, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

#endif
