/* SPDX-License-Identifier: MIT */
/*
 * Which CPUs a guest's flush request reaches: a vCPU's translations are at most in the CPU it runs
 * or last ran on, as every CPU flushes when it loads another root.
 */
#include "frame.h"
#include "domain.h"

int flush_targets(const struct vcpu *v, gvaddr_t bitmap, cpumask_t *out) {
	struct domain *d = v->domain;
	uint8_t bits[MAX_VCPUS / 8] = { 0 };
	struct vcpu *w;

	if (copy_from_guest(bits, bitmap, DIV_ROUND_UP(d->max_vcpus, 8))) return -EFAULT;
	*out = 0;
	for_each_vcpu (d, w)
		if (bits[w->id / 8] >> w->id % 8 & 1) *out |= cpumask_of(READ_ONCE(w->processor));
	*out &= __atomic_load_n(&d->dirty_cpus, __ATOMIC_SEQ_CST);
	return 0;
}
