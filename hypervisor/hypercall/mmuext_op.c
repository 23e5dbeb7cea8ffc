/* SPDX-License-Identifier: MIT */
/* mmuext_op: pins, roots, flushes, LDT, page clearing and copying. */
#include "frame.h"
#include "hypercall.h"
#include "targets.h"

/* Operations on a domain's frames: that domain is `d`. */
static int op_clear(struct domain *d, mfn_t m) {
	if (frame_get_as(m, d, FT_WRITABLE)) return -EINVAL;
	frame_clear(m);
	frame_put_as(m);
	return 0;
}

static int op_copy(struct domain *d, mfn_t m, mfn_t src) {
	void *to, *from;
	int rc;

	if (!frame_get(src, d)) return -EINVAL;
	rc = frame_get_as(m, d, FT_WRITABLE) ? -EINVAL : 0;
	if (!rc) {
		to = frame_map(m);
		from = frame_map(src);
		memcpy(to, from, PAGE_SIZE);
		frame_unmap(from);
		frame_unmap(to);
		frame_put_as(m);
	}
	frame_put(src);
	return rc;
}

static int op_flush(cpumask_t cpus, uint64_t va) {
	arch_tlb_flush(cpus, va);
	return 0;
}

/* On the CPUs of the vCPUs in the guest's bitmap. */
static int op_flush_multi(struct vcpu *v, const struct mmuext_op *op, uint64_t va) {
	cpumask_t cpus;

	return flush_targets(v, guest_ptr(op->arg2.vcpumask.p), &cpus) ? -EINVAL : op_flush(cpus, va);
}

static int op_flush_all(struct vcpu *v, uint64_t va) {
	return op_flush(__atomic_load_n(&v->domain->dirty_cpus, __ATOMIC_SEQ_CST), va);
}

/* Write-back of caches serves devices only. */
static int op_cache_flush(const struct domain *d, cpumask_t cpus) {
	if (!d->privileged && !d->permits[PERMIT_MMIO]) return -EACCES;
	arch_cache_flush(cpus);
	return 0;
}

/* Operations of the caller on itself. */
static int op_self(struct vcpu *v, const struct mmuext_op *op) {
	mfn_t m = mfn(op->arg1.mfn);
	uint64_t va = op->arg1.linear_addr;

	switch (op->cmd) {
	case MMUEXT_NEW_BASEPTR: return mfn_valid(m) ? vcpu_root_set(v, m, false) : -EINVAL;
	case MMUEXT_NEW_USER_BASEPTR: return vcpu_root_set(v, mfn_x(m) ? m : INVALID_MFN, true);
	case MMUEXT_SET_LDT: return vcpu_ldt_set(v, gvaddr(va), op->arg2.nr_ents);
	case MMUEXT_FLUSH_CACHE: return op_cache_flush(v->domain, cpumask_of(cpu_id()));
	case MMUEXT_FLUSH_CACHE_GLOBAL: return op_cache_flush(v->domain, cpus_online);
	case MMUEXT_TLB_FLUSH_LOCAL: return op_flush(cpumask_of(cpu_id()), TLB_FLUSH_ALL);
	case MMUEXT_INVLPG_LOCAL: return op_flush(cpumask_of(cpu_id()), va);
	case MMUEXT_TLB_FLUSH_MULTI: return op_flush_multi(v, op, TLB_FLUSH_ALL);
	case MMUEXT_INVLPG_MULTI: return op_flush_multi(v, op, va);
	case MMUEXT_TLB_FLUSH_ALL: return op_flush_all(v, TLB_FLUSH_ALL);
	case MMUEXT_INVLPG_ALL: return op_flush_all(v, va);
	default: return -ENOSYS;
	}
}

static int op_apply(struct vcpu *v, struct domain *d, const struct mmuext_op *op) {
	mfn_t m = mfn(op->arg1.mfn);

	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE:
	case MMUEXT_PIN_L2_TABLE:
	case MMUEXT_PIN_L3_TABLE:
	case MMUEXT_PIN_L4_TABLE: return table_pin(d, m, op->cmd - MMUEXT_PIN_L1_TABLE + 1);
	case MMUEXT_UNPIN_TABLE: return table_unpin(d, m);
	case MMUEXT_CLEAR_PAGE: return op_clear(d, m);
	case MMUEXT_COPY_PAGE: return op_copy(d, m, mfn(op->arg2.src_mfn));
	case MMUEXT_MARK_SUPER:
	case MMUEXT_UNMARK_SUPER: return -EOPNOTSUPP;
	default: return d == v->domain ? op_self(v, op) : op->cmd > MMUEXT_UNMARK_SUPER ? -ENOSYS : -EPERM;
	}
}

static int ops_apply(const struct pt_context *c, gvaddr_t ops, unsigned count, unsigned *done) {
	struct domain *d = c->io;
	struct vcpu *v = c->giver;
	int rc = giveup_finish(v);

	if (c->frames != d->id) return -EPERM; /* DOMID_IO, DOMID_XEN: no tables there */
	while (!rc && *done < count) {
		struct mmuext_op op;

		if (copy_from_guest(&op, guest_at(ops, *done, sizeof(op)), sizeof(op))) return -EFAULT;
		rc = op_apply(v, d, &op);
		*done += !rc;
		if (!rc && *done < count && hypercall_preempt()) rc = -ERESTART;
	}
	return rc;
}

HYPERCALL(do_mmuext_op) {
	static const struct pt_array call = { __HYPERVISOR_mmuext_op, sizeof(struct mmuext_op), ops_apply };

	return pt_array_call(&call, a1, a2, a3, (uint16_t)a4);
}
