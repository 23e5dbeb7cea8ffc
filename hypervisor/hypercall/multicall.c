/* SPDX-License-Identifier: MIT */
/*
 * multicall: a list of hypercalls in one entry. Each element is fetched once, its result stored in
 * it. A restarted element gets its new arguments written back and the list is taken up at it. After
 * iret the guest is in another context: the list ends there.
 */
#include "hypercall.h"

#define MEMBER(at, name) guest_at(at, 1, offsetof(struct multicall_entry, name))

/* Only what is new: nothing needs the address of an element, which so stays in registers. */
static __noinline int element_restart(gvaddr_t at) {
	const struct restart *r = &this_cpu()->restart;
	uint64_t op = r->op;

	__atomic_and_fetch(&this_cpu()->work, ~CPU_WORK_RESTART, __ATOMIC_RELAXED);
	return copy_to_guest(MEMBER(at, op), &op, sizeof(op))
		       ?: copy_to_guest(MEMBER(at, args), r->arg, r->nargs * sizeof(r->arg[0]));
}

static long element_call(const struct multicall_entry *e) {
	if (e->op == __HYPERVISOR_multicall) return -EINVAL;
	if (e->op >= NR_HYPERCALLS) return -ENOSYS;
	return hypercall_table[index_nospec(e->op, NR_HYPERCALLS)](e->args[0], e->args[1], e->args[2], e->args[3],
								   e->args[4], e->args[5]);
}

HYPERCALL(do_multicall) {
	gvaddr_t list = gvaddr(a1);
	unsigned count = (unsigned)a2;
	struct multicall_entry e;
	long result;

	for (uint64_t i = 0; i < count; i++) {
		gvaddr_t at = guest_at(list, i, sizeof(e));

		if (hypercall_preempt()) return hypercall_restart(__HYPERVISOR_multicall, 2, at.a, count - i);
		if (copy_from_guest(&e, at, sizeof(e))) return -EFAULT;
		result = element_call(&e);
		if (e.op == __HYPERVISOR_iret) return result;
		if (this_cpu()->work & CPU_WORK_RESTART) {
			if (element_restart(at)) return -EFAULT;
			return hypercall_restart(__HYPERVISOR_multicall, 2, at.a, count - i);
		}
		if (copy_to_guest(MEMBER(at, result), &result, sizeof(result))) return -EFAULT;
	}
	return 0;
}
