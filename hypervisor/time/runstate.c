/* SPDX-License-Identifier: MIT */
/*
 * Runstate: how long a vCPU has been running, runnable, blocked and offline. Changed under the lock
 * of the vCPU's run queue; read by others without it, with `generation` parity as the guard.
 */
#include "arch.h"
#include "domain.h"
#include "time.h"

void runstate_change(struct vcpu *v, int state, uint64_t now) {
	struct vcpu_runstate_info *r = &v->runstate;

	if (r->state == state) return;
	if (now > r->state_entry_time) {
		r->time[r->state] += now - r->state_entry_time;
		r->state_entry_time = now;
	}
	r->state = state;
}

void runstate_get(const struct vcpu *v, struct vcpu_runstate_info *out) {
	uint64_t now;

	do {
		*out = *(const volatile struct vcpu_runstate_info *)&v->runstate;
		now = now_ns();
		/* A change in between moves the entry time (or changes the state in the same
		 * nanosecond). */
	} while (unlikely(READ_ONCE(v->runstate.state_entry_time) != out->state_entry_time ||
			  READ_ONCE(v->runstate.state) != out->state));
	if (now > out->state_entry_time) out->time[out->state] += now - out->state_entry_time;
}

void runstate_publish(struct vcpu *v) {
	struct vcpu_runstate_info r = v->runstate;
	uint64_t entry = r.state_entry_time;
	gvaddr_t at = v->runstate_area;
	gvaddr_t entry_at = gvaddr(at.a + offsetof(struct vcpu_runstate_info, state_entry_time));
	bool flag = v->domain->vm_assist & 1ULL << VMASST_TYPE_runstate_update_flag;

	if (!at.a) return;
	/* Stores are seen in order: the flag, the record with the flag, the flag off. */
	if (flag) r.state_entry_time |= XEN_RUNSTATE_UPDATE;
	if (flag && copy_to_guest_kernel(entry_at, &r.state_entry_time, sizeof(uint64_t)))
		return; /* the area has gone away: the guest's own loss */
	if (!copy_to_guest_kernel(at, &r, sizeof(r)) && flag)
		(void)!copy_to_guest_kernel(entry_at, &entry, sizeof(entry));
}
