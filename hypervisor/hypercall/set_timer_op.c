/* SPDX-License-Identifier: MIT */
/* set_timer_op (15): the calling vCPU's single-shot timer. */
#include "hypercall.h"
#include "time.h"

HYPERCALL(do_set_timer_op) {
	vcpu_singleshot_set(current, current->domain->pv32 ? (uint32_t)a1 | a2 << 32 : a1);
	return 0;
}
