/* SPDX-License-Identifier: MIT */
/* A vCPU's end: its roots go as on the machine. Apart, for tests without page tables. */
#include "arch.h"
#include "frame.h"

int arch_vcpu_release(struct vcpu *v) {
	int rc = vcpu_root_set(v, INVALID_MFN, true);

	if (!rc) rc = vcpu_root_set(v, INVALID_MFN, false);
	return rc ? rc : table_giveup_finish(v);
}
