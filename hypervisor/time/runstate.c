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

void runstate_get(struct vcpu *v, struct vcpu_runstate_info *out) {
	uint64_t now;

	do {
		*out = *(volatile struct vcpu_runstate_info *)&v->runstate;
		now = now_ns();
		/* A change in between moves the entry time (or changes the state in the same
		 * nanosecond). */
	} while (unlikely(READ_ONCE(v->runstate.state_entry_time) != out->state_entry_time ||
			  READ_ONCE(v->runstate.state) != out->state));
	if (now > out->state_entry_time) out->time[out->state] += now - out->state_entry_time;
}

/* The record as 32-bit guests lay it out. */
struct compat_runstate {
	int32_t state;
	uint64_t state_entry_time;
	uint64_t time[4];
} __packed;

static size_t runstate_layout(const struct vcpu *v, const struct vcpu_runstate_info *r, void *buf) {
	struct compat_runstate c = { .state = r->state, .state_entry_time = r->state_entry_time };

	if (likely(!v->domain->pv32)) {
		memcpy(buf, r, sizeof(*r));
		return sizeof(*r);
	}
	memcpy(c.time, r->time, sizeof(c.time));
	memcpy(buf, &c, sizeof(c));
	return sizeof(c);
}

int runstate_copy_out(const struct vcpu *v, const struct vcpu_runstate_info *r, gvaddr_t at) {
	struct vcpu_runstate_info buf;
	size_t n = runstate_layout(v, r, &buf);

	return copy_to_guest(at, &buf, n);
}

void runstate_publish(struct vcpu *v) {
	struct vcpu_runstate_info r = v->runstate, buf;
	uint64_t entry = r.state_entry_time;
	gvaddr_t at = v->runstate_area, entry_at;
	bool flag = v->domain->vm_assist & 1ULL << VMASST_TYPE_runstate_update_flag;
	size_t n;

	if (!at.a) return;
	entry_at = gvaddr(at.a + (v->domain->pv32 ? offsetof(struct compat_runstate, state_entry_time)
						  : offsetof(struct vcpu_runstate_info, state_entry_time)));
	/* Stores are seen in order: the flag, the record with the flag, the flag off. */
	if (flag) r.state_entry_time |= XEN_RUNSTATE_UPDATE;
	n = runstate_layout(v, &r, &buf);
	if (flag && copy_to_guest_kernel(entry_at, &r.state_entry_time, sizeof(uint64_t)))
		return; /* the area has gone away: the guest's own loss */
	if (!copy_to_guest_kernel(at, &buf, n) && flag)
		(void)!copy_to_guest_kernel(entry_at, &entry, sizeof(entry));
}
