/* SPDX-License-Identifier: MIT */
/* CPUID policies: see x86/cpu_policy.c. */
#ifndef TENON_CPU_POLICY_H
#define TENON_CPU_POLICY_H

#include "domain.h"

struct xen_domctl;
struct xen_sysctl;

/* Where the values of a policy come from: a leaf's EAX, EBX, ECX, EDX. */
typedef void cpuid_source(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
/* The processor itself; what a PV guest may see of it. */
void cpuid_host(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
void cpuid_pv(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

/* XEN_DOMCTL_{get,set}_cpu_policy, XEN_SYSCTL_get_cpu_policy. */
long cpu_policy_get(struct domain *d, struct xen_domctl *op) __must_check;
long cpu_policy_set(struct domain *d, struct xen_domctl *op) __must_check;
long cpu_policy_system(struct xen_sysctl *op) __must_check;
/* What a toolstack set for the domain's leaf, if it did. */
bool cpu_policy_find(const struct domain *d, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

#endif
