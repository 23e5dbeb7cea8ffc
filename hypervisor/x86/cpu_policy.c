/* SPDX-License-Identifier: MIT */
/*
 * CPUID policies as toolstacks read and set them: lists of leaves, and words of features.
 *
 * The PV policy is what the processor has and a PV guest can use; a toolstack may set other values
 * for a domain before it runs. What a toolstack set is kept as a list and asked by the CPUID
 * emulation, which grants no feature beyond the PV policy.
 */
#include "frame.h"
#include "hypercall.h"
#include "x86.h"

#include <xen/sysctl.h>

/* What a toolstack has to make room for: the leaves its library can represent, more than ours. */
#define LEAVES_MAX 192
#define MSRS_MAX   2
#define EXT_BASE   0x80000000u

struct pv_cpu_policy {
	unsigned nr;
	struct xen_cpuid_leaf leaf[LEAVES_MAX];
};

static void cpuid_pv(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
	static struct domain sample_domain = { .max_vcpus = 1 };
	static struct vcpu sample = { .domain = &sample_domain };

	guest_cpuid(&sample, leaf, subleaf, out);
}

/* -- reading -- */

/* Subleaves that a leaf has in a list; 0: it has none. */
static const uint8_t subleaves[] = { [4] = 6, [7] = 2, [0xb] = 2, [0xd] = 63 };

static void leaf_add(struct pv_cpu_policy *p, cpuid_source *source, uint32_t leaf) {
	unsigned subs = leaf < ARRAY_SIZE(subleaves) ? subleaves[leaf] : 0;
	uint32_t r[4];

	for (unsigned i = 0; i < MAX(subs, 1); i++) {
		source(leaf, i, r);
		p->leaf[p->nr++] =
			(struct xen_cpuid_leaf){ leaf, subs ? i : XEN_CPUID_NO_SUBLEAF, r[0], r[1], r[2], r[3] };
	}
}

/* Empty subleaves too: a toolstack takes the number of entries for the room that the policy needs
 * when it gives it back. The leaves of hypervisors stand for limits that nobody set. */
static void policy_fill(struct pv_cpu_policy *p, cpuid_source *source) {
	uint32_t r[4], last;

	source(0, 0, r);
	last = MIN(r[0], 0xd);
	for (uint32_t leaf = 0; leaf <= last; leaf++) leaf_add(p, source, leaf);
	p->leaf[p->nr++] = (struct xen_cpuid_leaf){ .leaf = 0x40000000, .subleaf = XEN_CPUID_NO_SUBLEAF };
	p->leaf[p->nr++] = (struct xen_cpuid_leaf){ .leaf = 0x40000100, .subleaf = XEN_CPUID_NO_SUBLEAF };
	source(EXT_BASE, 0, r);
	last = MIN(r[0], EXT_BASE + 8);
	for (uint32_t leaf = EXT_BASE; leaf <= last; leaf++) leaf_add(p, source, leaf);
}

/* A list of n for a toolstack: how many there are and, if it gave an address, those it has room for (*nr). */
static long list_put(const void *to, uint32_t *nr, const void *list, uint32_t n, size_t entry) {
	uint32_t room = *nr;

	*nr = n;
	if (!to) return 0;
	if (copy_to_guest(guest_ptr(to), list, MIN(room, n) * entry)) return -EFAULT;
	return room < n ? -ENOBUFS : 0;
}

static long policy_put(struct xen_domctl_cpu_policy *to, const struct pv_cpu_policy *p) {
	/* no CPUID faulting, no mitigations */
	static const struct xen_msr_entry msrs[MSRS_MAX] = { { .idx = MSR_PLATFORM_INFO },
							     { .idx = MSR_ARCH_CAPABILITIES } };
	long err = list_put(to->leaves.p, &to->nr_leaves, p->leaf, p->nr, sizeof(p->leaf[0]));

	if (!to->leaves.p) to->nr_leaves = LEAVES_MAX; /* how long the list may get */
	return err ?: list_put(to->msrs.p, &to->nr_msrs, msrs, MSRS_MAX, sizeof(msrs[0]));
}

static long source_put(struct xen_domctl_cpu_policy *to, cpuid_source *source) {
	struct pv_cpu_policy *p = heap_alloc(sizeof(*p));
	long ret;

	if (!p) return -ENOMEM;
	policy_fill(p, source);
	ret = policy_put(to, p);
	heap_free(p);
	return ret;
}

long arch_cpu_policy_get(const struct domain *d, struct xen_domctl_cpu_policy *to) {
	return d->cpu_policy ? policy_put(to, d->cpu_policy) : source_put(to, cpuid_pv);
}

/* System policies and featuresets are numbered alike: raw, host, PV, HVM, PV, HVM. */
static cpuid_source *const sources[] = { cpuid_host, cpuid_host, cpuid_pv, NULL, cpuid_pv, NULL };

static long system_policy_get(struct xen_sysctl_cpu_policy *p) {
	struct xen_domctl_cpu_policy to = {
		.nr_leaves = p->nr_leaves, .nr_msrs = p->nr_msrs, .leaves = p->leaves, .msrs = p->msrs
	};
	long ret;

	if (p->_rsvd || p->index >= ARRAY_SIZE(sources)) return -EINVAL;
	if (!sources[p->index]) return -EOPNOTSUPP;
	ret = source_put(&to, sources[p->index]);
	p->nr_leaves = to.nr_leaves;
	p->nr_msrs = to.nr_msrs;
	return ret;
}

/* -- setting -- */

static bool leaf_known(uint32_t leaf) { return leaf <= 0x1f || leaf - 0x40000000 < 0x10000 || leaf - EXT_BASE < 0x40; }

static struct xen_cpuid_leaf *leaf_find(struct pv_cpu_policy *p, uint32_t leaf, uint32_t subleaf) {
	for (struct xen_cpuid_leaf *l = p->leaf; l < p->leaf + p->nr; l++)
		if (l->leaf == leaf && (l->subleaf == subleaf || l->subleaf == XEN_CPUID_NO_SUBLEAF)) return l;
	return NULL;
}

/* Those that are given replace what the policy has. */
static long leaves_fetch(struct pv_cpu_policy *p, struct xen_domctl_cpu_policy *from) {
	struct xen_cpuid_leaf given, *l;

	for (uint32_t i = 0; i < from->nr_leaves; i++) {
		if (copy_from_guest(&given, guest_at(guest_ptr(from->leaves.p), i, sizeof(given)), sizeof(given)))
			return -EFAULT;
		l = leaf_find(p, given.leaf, given.subleaf);
		if (!l && (!leaf_known(given.leaf) || p->nr == LEAVES_MAX)) {
			from->err_leaf = given.leaf;
			from->err_subleaf = given.subleaf;
			return -ERANGE;
		}
		*(l ? l : &p->leaf[p->nr++]) = given;
	}
	return 0;
}

static long msrs_check(struct xen_domctl_cpu_policy *from) {
	struct xen_msr_entry e[MSRS_MAX];

	if (copy_from_guest(e, guest_ptr(from->msrs.p), from->nr_msrs * sizeof(e[0]))) return -EFAULT;
	for (unsigned i = 0; i < from->nr_msrs; i++) {
		if (!e[i].flags && (e[i].idx == MSR_PLATFORM_INFO || e[i].idx == MSR_ARCH_CAPABILITIES)) continue;
		from->err_msr = e[i].idx;
		return -EINVAL;
	}
	return 0;
}

/* Until the domain runs for the first time. */
long arch_cpu_policy_set(struct domain *d, struct xen_domctl_cpu_policy *from) {
	struct pv_cpu_policy *p;
	long err;

	if (d->state != DOM_CREATING) return -EEXIST;
	from->err_leaf = from->err_subleaf = from->err_msr = ~0u;
	if (from->nr_leaves > LEAVES_MAX || from->nr_msrs > MSRS_MAX) return -E2BIG;
	p = heap_alloc(sizeof(*p));
	if (!p) return -ENOMEM;
	policy_fill(p, cpuid_pv);
	if (d->cpu_policy) *p = *d->cpu_policy;
	err = leaves_fetch(p, from) ?: msrs_check(from);
	heap_free(err ? p : d->cpu_policy);
	if (!err) d->cpu_policy = p;
	return err;
}

bool cpu_policy_find(const struct domain *d, uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
	const struct xen_cpuid_leaf *l = d->cpu_policy ? leaf_find(d->cpu_policy, leaf, subleaf) : NULL;

	if (l) memcpy(out, &l->a, 4 * sizeof(out[0]));
	return l;
}

/* -- words of features -- */

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

static long featureset_get(struct xen_sysctl_cpu_featureset *f) {
	uint32_t word[ARRAY_SIZE(feature_word)], room;

	if (f->index >= ARRAY_SIZE(sources)) return -EINVAL;
	if (!sources[f->index]) return -EOPNOTSUPP;
	for (unsigned i = 0; i < ARRAY_SIZE(word); i++) word[i] = feature_word_read(sources[f->index], i);
	room = f->features.p ? f->nr_features : ARRAY_SIZE(word);
	f->nr_features = MIN(room, ARRAY_SIZE(word));
	if (f->features.p && copy_to_guest(guest_ptr(f->features.p), word, f->nr_features * sizeof(word[0])))
		return -EFAULT;
	return room < ARRAY_SIZE(word) ? -ENOBUFS : 0;
}

long arch_sysctl(struct xen_sysctl *op) {
	struct xen_sysctl_physinfo *info = &op->u.physinfo;

	switch (op->cmd) {
	case XEN_SYSCTL_physinfo:
		info->cpu_khz = tsc_khz();
		for (unsigned i = 0; i < ARRAY_SIZE(info->hw_cap); i++)
			info->hw_cap[i] = feature_word_read(cpuid_host, i);
		return 0;
	case XEN_SYSCTL_get_cpu_levelling_caps: op->u.cpu_levelling_caps.caps = 0; return 0;
	case XEN_SYSCTL_get_cpu_featureset: return featureset_get(&op->u.cpu_featureset);
	case XEN_SYSCTL_get_cpu_policy: return system_policy_get(&op->u.cpu_policy);
	default: return -ENOSYS;
	}
}
