/* SPDX-License-Identifier: MIT */
/* Put a restarted hypercall's arguments into the guest's registers, the instruction pointer on the
 * instruction again. */
#include "x86.h"

void hypercall_reissue(struct regs *r);
void hypercall_reissue(struct regs *r) {
	const struct restart *s = &this_cpu()->restart;
	uint64_t *const arg[6] = { &r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8, &r->r9 };

	for (unsigned i = 0; i < s->nargs; i++) *arg[i] = s->arg[i];
	r->rax = s->op;
	r->rip -= 2; /* syscall and int $0x82 are two bytes long */
}
