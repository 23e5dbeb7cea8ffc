/* SPDX-License-Identifier: MIT */
/* sysctl: what depends on the processor. */
#include "../hypercall/domctl.h"
#include "cpu_policy.h"
#include "x86.h"

#include <xen/sysctl.h>

/* Where the words of a featureset come from, in the order of <xen/arch-x86/cpufeatureset.h>. */
static const struct {
	uint32_t leaf, subleaf;
	uint8_t reg; /* 0..3: EAX..EDX */
} feature_word[] = {
	{ 1, 0, 3 }, { 1, 0, 2 },          { 0x80000001, 0, 3 }, { 0x80000001, 0, 2 }, { 0xd, 1, 0 },
	{ 7, 0, 1 }, { 7, 0, 2 },          { 0x80000007, 0, 3 }, { 0x80000008, 0, 1 }, { 7, 0, 3 },
	{ 7, 1, 0 }, { 0x80000021, 0, 0 }, { 7, 1, 1 },          { 7, 2, 3 },          { 7, 1, 2 },
	{ 7, 1, 3 }, { 0x50000000, 0, 0 }, { 0x50000000, 0, 0 }, { 0x80000021, 0, 2 },
};

static uint32_t feature_word_read(cpuid_source *source, unsigned i) {
	uint32_t base = feature_word[i].leaf & 0xf0000000, r[4];

	source(base, 0, r);
	if (r[0] < feature_word[i].leaf || base == 0x50000000) return 0;
	source(feature_word[i].leaf, feature_word[i].subleaf, r);
	return r[feature_word[i].reg];
}

static long get_featureset(struct xen_sysctl *op) {
	struct xen_sysctl_cpu_featureset *f = &op->u.cpu_featureset;
	bool pv = f->index == XEN_SYSCTL_cpu_featureset_pv || f->index == XEN_SYSCTL_cpu_featureset_pv_max;
	unsigned all = ARRAY_SIZE(feature_word), n = MIN(f->nr_features, all);

	if (f->index > XEN_SYSCTL_cpu_featureset_hvm_max) return -EINVAL;
	if (!pv && f->index > XEN_SYSCTL_cpu_featureset_host) return -EOPNOTSUPP;
	if (!f->features.p) {
		f->nr_features = all;
		return 0;
	}
	for (unsigned i = 0; i < n; i++) {
		uint32_t w = feature_word_read(pv ? cpuid_pv : cpuid_host, i);

		if (copy_to_guest(guest_at(guest_ptr(f->features.p), i, sizeof(w)), &w, sizeof(w)))
			return -EFAULT;
	}
	n = f->nr_features < all;
	f->nr_features = MIN(f->nr_features, all);
	return n ? -ENOBUFS : 0;
}

static long physinfo(struct xen_sysctl *op) {
	struct xen_sysctl_physinfo *p = &op->u.physinfo;

	p->cpu_khz = tsc_khz();
	for (unsigned i = 0; i < ARRAY_SIZE(p->hw_cap); i++) p->hw_cap[i] = feature_word_read(cpuid_host, i);
	return 0;
}

long arch_sysctl(struct xen_sysctl *op) {
	switch (op->cmd) {
	case XEN_SYSCTL_physinfo: return physinfo(op);
	case XEN_SYSCTL_get_cpu_levelling_caps: op->u.cpu_levelling_caps.caps = 0; return 0;
	case XEN_SYSCTL_get_cpu_featureset: return get_featureset(op);
	case XEN_SYSCTL_get_cpu_policy: return cpu_policy_system(op);
	default: return -ENOSYS;
	}
}
