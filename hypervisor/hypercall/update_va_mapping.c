/* SPDX-License-Identifier: MIT */
/* update_va_mapping: one entry by virtual address, with an optional flush. */
#include "frame.h"
#include "hypercall.h"
#include "targets.h"

static int flush_apply(struct vcpu *v, uint64_t va, uint64_t flags) {
	uint64_t what = (flags & UVMF_FLUSHTYPE_MASK) == UVMF_INVLPG ? va : TLB_FLUSH_ALL;
	uint64_t target = flags & ~(uint64_t)UVMF_FLUSHTYPE_MASK;
	cpumask_t cpus = cpumask_of(cpu_id());

	if (target == UVMF_ALL)
		cpus = __atomic_load_n(&v->domain->dirty_cpus, __ATOMIC_SEQ_CST);
	else if (target != UVMF_LOCAL && flush_targets(v, gvaddr(target), &cpus))
		return -EFAULT;
	arch_tlb_flush(cpus, what);
	return 0;
}

static inline long update_va(unsigned op, uint64_t va, uint64_t e, uint64_t flags, uint64_t foreigndom) {
	struct vcpu *v = current;
	struct pt_targets t;
	int flushed, rc = pt_targets_get(&t, v, (uint32_t)foreigndom);

	if (!rc) rc = giveup_finish(v);
	if (!rc) rc = pt_update_va(&t.c, gvaddr(va), e);
	pt_targets_put(&t);
	if (unlikely(rc == -ERESTART)) return hypercall_restart(op, 4, va, e, flags, foreigndom);
	if ((flags & UVMF_FLUSHTYPE_MASK) == UVMF_NONE) return rc;
	flushed = flush_apply(v, va, flags);
	return rc ? rc : flushed;
}

HYPERCALL(do_update_va_mapping) { return update_va(__HYPERVISOR_update_va_mapping, a1, a2, a3, DOMID_SELF); }

HYPERCALL(do_update_va_mapping_otherdomain) {
	return update_va(__HYPERVISOR_update_va_mapping_otherdomain, a1, a2, a3, (uint16_t)a4);
}
