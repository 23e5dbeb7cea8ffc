/* SPDX-License-Identifier: MIT */
/*
 * Preemption by restart: a hypercall that has done its share stores its arguments anew and returns;
 * the exit path puts them into the guest's registers with the instruction pointer on the hypercall
 * instruction again, so interrupts, other vCPUs and the guest's own events get their turn in
 * between.
 */
#include "hypercall.h"

/* About 25,000 instructions between two looks. */
unsigned hypercall_preempt_units = 256;

bool hypercall_preempt(void) {
	struct cpu *c = this_cpu();

	if (likely(++c->preempt_budget <= hypercall_preempt_units)) return false;
	c->preempt_budget = 0;
	return true;
}

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
