/* SPDX-License-Identifier: MIT */
/*
 * What hypercalls share: sub-operations and preemption.
 *
 * Preemption by restart: a hypercall that has done its share stores its arguments anew and returns;
 * the exit path puts them into the guest's registers with the instruction pointer on the hypercall
 * instruction again, so interrupts, other vCPUs and the guest's own events get their turn in
 * between.
 */
#include "hypercall.h"

/* -- sub-operations, see hypercall.h -- */

const struct subop *subop_find(const struct subop *table, unsigned entries, unsigned cmd) {
	const struct subop *op = cmd < entries ? &table[index_nospec(cmd, entries)] : NULL;

	return op && op->fn ? op : NULL;
}

long subop_call(const struct subop *table, unsigned entries, unsigned cmd, struct vcpu *v, gvaddr_t at) {
	const struct subop *op = subop_find(table, entries, cmd);
	uint64_t arg[SUBOP_WORDS];
	long ret;

	if (!op) return -ENOSYS;
	if (op->flags & SUBOP_DOM0 && !v->domain->privileged) return -EPERM;
	ASSERT(op->size <= sizeof(arg));
	if (op->size && copy_from_guest(arg, at, op->size)) return -EFAULT;
	ret = op->fn(arg, v, at);
	if (!(op->flags & (ret ? SUBOP_BACK : SUBOP_OUT | SUBOP_BACK))) return ret;
	return copy_to_guest(at, arg, op->size) ? -EFAULT : ret;
}

/* -- preemption -- */

/* About 25,000 instructions between two looks. */
unsigned hypercall_preempt_units = 256;

long hypercall_restart(unsigned op, unsigned nargs, ...) {
	struct cpu *c = this_cpu();
	va_list ap;

	c->restart.op = op;
	c->restart.nargs = nargs;
	va_start(ap, nargs);
	for (unsigned i = 0; i < nargs; i++) c->restart.arg[i] = va_arg(ap, uint64_t);
	va_end(ap);
	__atomic_or_fetch(&c->work, CPU_WORK_RESTART, __ATOMIC_RELAXED);
	return -ERESTART;
}
