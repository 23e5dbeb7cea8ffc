/* SPDX-License-Identifier: MIT */
/* Sub-operations of a hypercall, see hypercall.h. */
#include "hypercall.h"

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
