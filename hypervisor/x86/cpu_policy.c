/* SPDX-License-Identifier: MIT */
/*
 * CPUID policies as toolstacks read and set them: lists of leaves.
 *
 * The PV policy is what the processor has and a PV guest can use; a toolstack may set other values
 * for a domain before it runs. What a toolstack set is kept as a list and asked by the CPUID
 * emulation, which grants no feature beyond the PV policy.
 */
#include "../hypercall/domctl.h"
#include "cpu_policy.h"
#include "emulate.h"

#include <xen/sysctl.h>

/* What a toolstack has to make room for: the leaves its library can represent. */
#define LEAVES_MAX 192
#define MSRS_MAX   2
#define EXT_BASE   0x80000000u

struct pv_cpu_policy {
	unsigned nr;
	struct xen_cpuid_leaf leaf[LEAVES_MAX];
};

/* -- sources -- */

void cpuid_host(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) { cpuid(leaf, subleaf, out); }

void cpuid_pv(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
	static struct domain sample_domain = { .max_vcpus = 1 };
	static struct vcpu sample = { .domain = &sample_domain };

	guest_cpuid(&sample, leaf, subleaf, out);
}

/* -- reading -- */

/* Where a list of leaves goes; more than `room` are counted only. */
struct leaf_sink {
	gvaddr_t to;
	unsigned room, nr;
	int err;
};

static void leaf_emit(struct leaf_sink *s, uint32_t leaf, uint32_t subleaf, const uint32_t r[4]) {
	struct xen_cpuid_leaf e = { leaf, subleaf, r[0], r[1], r[2], r[3] };

	if (!s->err && s->nr < s->room)
		s->err = copy_to_guest(guest_at(s->to, s->nr, sizeof(e)), &e, sizeof(e));
	s->nr++;
}

/* Subleaves that leaf has in a list; 0: it has none. */
static unsigned subleaves_of(uint32_t leaf) {
	switch (leaf) {
	case 4: return 6;
	case 7: return 2;
	case 0xb: return 2;
	case 0xd: return 63;
	default: return 0;
	}
}

static void leaf_list(struct leaf_sink *s, cpuid_source *source, uint32_t leaf) {
	unsigned subs = subleaves_of(leaf);
	uint32_t r[4];

	for (unsigned i = 0; i < MAX(subs, 1); i++) {
		source(leaf, i, r);
		leaf_emit(s, leaf, subs ? i : XEN_CPUID_NO_SUBLEAF, r);
	}
}

/* Empty subleaves too: a toolstack takes the number of entries for the room that the policy needs
 * when it gives it back. The leaves of hypervisors stand for limits that nobody set. */
static void policy_list(struct leaf_sink *s, cpuid_source *source) {
	static const uint32_t none[4];
	uint32_t r[4], last;

	source(0, 0, r);
	last = MIN(r[0], 0xd);
	for (uint32_t leaf = 0; leaf <= last; leaf++) leaf_list(s, source, leaf);
	leaf_emit(s, 0x40000000, XEN_CPUID_NO_SUBLEAF, none);
	leaf_emit(s, 0x40000100, XEN_CPUID_NO_SUBLEAF, none);
	source(EXT_BASE, 0, r);
	last = MIN(r[0], EXT_BASE + 8);
	for (uint32_t leaf = EXT_BASE; leaf <= last && r[0] >= EXT_BASE; leaf++) leaf_list(s, source, leaf);
}

static void stored_list(struct leaf_sink *s, const struct pv_cpu_policy *p) {
	for (unsigned i = 0; i < p->nr; i++) {
		const struct xen_cpuid_leaf *l = &p->leaf[i];

		leaf_emit(s, l->leaf, l->subleaf, (const uint32_t[4]){ l->a, l->b, l->c, l->d });
	}
}

/* MSRs of a policy: MSR_PLATFORM_INFO (no CPUID faulting) and MSR_ARCH_CAPABILITIES (none). */
static long msrs_put(gvaddr_t to, uint32_t *nr) {
	static const struct xen_msr_entry msrs[MSRS_MAX] = { { .idx = 0xce }, { .idx = 0x10a } };

	if (!to.a) {
		*nr = MSRS_MAX;
		return 0;
	}
	if (*nr < MSRS_MAX) return -ENOBUFS;
	*nr = MSRS_MAX;
	return copy_to_guest(to, msrs, sizeof(msrs));
}

static long leaves_put(gvaddr_t to, uint32_t *nr, cpuid_source *source, const struct pv_cpu_policy *stored) {
	struct leaf_sink s = { .to = to, .room = *nr };

	if (!to.a) {
		*nr = LEAVES_MAX;
		return 0;
	}
	if (stored)
		stored_list(&s, stored);
	else
		policy_list(&s, source);
	*nr = s.nr;
	return s.err ? s.err : s.nr > s.room ? -ENOBUFS : 0;
}

long cpu_policy_get(struct domain *d, struct xen_domctl *op) {
	struct xen_domctl_cpu_policy *p = &op->u.cpu_policy;
	long ret = leaves_put(guest_ptr(p->leaves.p), &p->nr_leaves, cpuid_pv, d->cpu_policy);

	return ret ? ret : msrs_put(guest_ptr(p->msrs.p), &p->nr_msrs);
}

static cpuid_source *source_of(uint32_t index) {
	switch (index) {
	case XEN_SYSCTL_cpu_policy_raw:
	case XEN_SYSCTL_cpu_policy_host: return cpuid_host;
	case XEN_SYSCTL_cpu_policy_pv_max:
	case XEN_SYSCTL_cpu_policy_pv_default: return cpuid_pv;
	default: return NULL;
	}
}

long cpu_policy_system(struct xen_sysctl *op) {
	struct xen_sysctl_cpu_policy *p = &op->u.cpu_policy;
	cpuid_source *source = source_of(p->index);
	long ret;

	if (p->_rsvd || p->index > XEN_SYSCTL_cpu_policy_hvm_default) return -EINVAL;
	if (!source) return -EOPNOTSUPP;
	ret = leaves_put(guest_ptr(p->leaves.p), &p->nr_leaves, source, NULL);
	return ret ? ret : msrs_put(guest_ptr(p->msrs.p), &p->nr_msrs);
}

/* -- setting -- */

static int leaf_check(const struct xen_cpuid_leaf *l) {
	bool hypervisor = l->leaf >= 0x40000000 && l->leaf < 0x40010000;
	bool known = l->leaf <= 0x1f || hypervisor || (l->leaf >= EXT_BASE && l->leaf <= EXT_BASE + 0x3f);

	return known ? 0 : -ERANGE;
}

static int leaves_fetch(struct pv_cpu_policy *p, struct xen_domctl_cpu_policy *from) {
	for (unsigned i = 0; i < from->nr_leaves; i++) {
		struct xen_cpuid_leaf *l = &p->leaf[i];
		int err = copy_from_guest(l, guest_at(guest_ptr(from->leaves.p), i, sizeof(*l)), sizeof(*l));

		if (!err) err = leaf_check(l);
		if (err) {
			from->err_leaf = l->leaf;
			from->err_subleaf = l->subleaf;
			return err;
		}
	}
	p->nr = from->nr_leaves;
	return 0;
}

static int msrs_check(struct xen_domctl_cpu_policy *from) {
	struct xen_msr_entry e;

	for (unsigned i = 0; i < from->nr_msrs; i++) {
		if (copy_from_guest(&e, guest_at(guest_ptr(from->msrs.p), i, sizeof(e)), sizeof(e)))
			return -EFAULT;
		from->err_msr = e.idx;
		if (e.flags || (e.idx != 0xce && e.idx != 0x10a)) return -EINVAL;
	}
	from->err_msr = ~0u;
	return 0;
}

/* Until the domain runs for the first time. */
long cpu_policy_set(struct domain *d, struct xen_domctl *op) {
	struct xen_domctl_cpu_policy *from = &op->u.cpu_policy;
	struct pv_cpu_policy *p, *old = d->cpu_policy;
	int err;

	if (d->state != DOM_CREATING) return -EEXIST;
	from->err_leaf = from->err_subleaf = from->err_msr = ~0u;
	if (from->nr_leaves > LEAVES_MAX || from->nr_msrs > MSRS_MAX) return -E2BIG;
	p = heap_alloc(sizeof(*p));
	if (!p) return -ENOMEM;
	err = leaves_fetch(p, from);
	if (!err) err = msrs_check(from);
	if (err) {
		heap_free(p);
		return err;
	}
	d->cpu_policy = p;
	heap_free(old);
	return 0;
}

bool cpu_policy_find(const struct domain *d, uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
	const struct pv_cpu_policy *p = d->cpu_policy;

	for (unsigned i = 0; p && i < p->nr; i++) {
		const struct xen_cpuid_leaf *l = &p->leaf[i];

		if (l->leaf != leaf || (l->subleaf != subleaf && l->subleaf != XEN_CPUID_NO_SUBLEAF))
			continue;
		out[0] = l->a;
		out[1] = l->b;
		out[2] = l->c;
		out[3] = l->d;
		return true;
	}
	return false;
}
