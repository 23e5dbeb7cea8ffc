/* SPDX-License-Identifier: MIT */
/* A vCPU of the fake machine: no registers, but page tables like any other. */
#include "host.h"
#include "frame.h"
#include "hypercall.h"

int arch_vcpu_create(struct vcpu *v) {
	(void)v;
	return host_should_fail() ? -ENOMEM : 0;
}

void arch_vcpu_destroy(struct vcpu *v) { (void)v; }

int arch_vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *ctx) {
	(void)ctx;
	v->initialised = true;
	return 0;
}

void arch_vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *ctx) {
	(void)v;
	memset(ctx, 0, sizeof(*ctx));
}

int arch_vcpu_release(struct vcpu *v) {
	return vcpu_root_set(v, INVALID_MFN, true) ?: vcpu_root_set(v, INVALID_MFN, false) ?: table_giveup_finish(v);
}
