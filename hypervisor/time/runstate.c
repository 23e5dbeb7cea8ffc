/* SPDX-License-Identifier: MIT */
/*
 * Runstate: how long a vCPU has been running, runnable, blocked and offline. Changed under the lock
 * of the vCPU's run queue; read by others without it, with `generation` parity as the guard.
 */
#include "arch.h"
#include "domain.h"
#include "time.h"

void runstate_change(struct vcpu *v, int state, uint64_t now)
{
	struct vcpu_runstate_info *r = &v->runstate;

	if (r->state == state)
		return;
	if (now > r->state_entry_time) {
		r->time[r->state] += now - r->state_entry_time;
		r->state_entry_time = now;
	}
	r->state = state;
}

void runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
	uint64_t now;

	do {
		*out = *(volatile struct vcpu_runstate_info *)&v->runstate;
		now = now_ns();
		/* A change in between moves the entry time (or changes the state in the same
		 * nanosecond). */
	} while (unlikely(READ_ONCE(v->runstate.state_entry_time) != out->state_entry_time ||
			  READ_ONCE(v->runstate.state) != out->state));
	if (now > out->state_entry_time)
		out->time[out->state] += now - out->state_entry_time;
}

/* The record as 32-bit guests lay it out. */
struct compat_runstate {
	int32_t state;
	uint64_t state_entry_time;
	uint64_t time[4];
} __packed;

static size_t runstate_layout(const struct vcpu *v, void *buf, uint64_t entry)
{
	const struct vcpu_runstate_info *r = &v->runstate;

	if (!v->domain->pv32) {
		memcpy(buf, r, sizeof(*r));
		((struct vcpu_runstate_info *)buf)->state_entry_time = entry;
		return sizeof(*r);
	}
	struct compat_runstate c = { .state = r->state, .state_entry_time = entry };

	memcpy(c.time, r->time, sizeof(c.time));
	memcpy(buf, &c, sizeof(c));
	return sizeof(c);
}

void runstate_publish(struct vcpu *v)
{
	struct vcpu_runstate_info buf;
	uint64_t entry = v->runstate.state_entry_time, flagged = entry | XEN_RUNSTATE_UPDATE;
	gvaddr_t at = v->runstate_area;
	gvaddr_t entry_at = gvaddr(at.a + (v->domain->pv32 ?
						   offsetof(struct compat_runstate,
							    state_entry_time) :
						   offsetof(struct vcpu_runstate_info,
							    state_entry_time)));
	size_t n;

	if (!at.a)
		return;
	if (v->domain->vm_assist & (1ULL << VMASST_TYPE_runstate_update_flag)) {
		/* x86 stores are seen in order: flag, record with the flag, flag off. */
		if (copy_to_guest_kernel(entry_at, &flagged, sizeof(flagged)))
			return;
		n = runstate_layout(v, &buf, flagged);
		if (copy_to_guest_kernel(at, &buf, n))
			return;
		(void)!copy_to_guest_kernel(entry_at, &entry, sizeof(entry));
		return;
	}
	n = runstate_layout(v, &buf, entry);
	(void)!copy_to_guest_kernel(at, &buf, n);
}
