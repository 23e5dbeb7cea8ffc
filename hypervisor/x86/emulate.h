/* SPDX-License-Identifier: MIT */
/* What the emulators share. */
#ifndef TENON_EMULATE_H
#define TENON_EMULATE_H

#include "decode.h"
#include "x86.h"

/* Fetch (once) and decode the instruction at r->rip. 0, -EFAULT, -EINVAL. */
int insn_fetch(const struct regs *r, struct insn *out) __must_check;
/* Policy: what the running guest may see and set. -EPERM: #GP. */
int guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value) __must_check;
int guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value) __must_check;

#endif
