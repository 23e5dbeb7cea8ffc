/* SPDX-License-Identifier: MIT */
/*
 * vCPUs: creation, and where their vcpu_info is.
 *
 * A vCPU reports events and time in its vcpu_info: the legacy slot in shared_info (vCPUs 0-31),
 * from VCPUOP_register_vcpu_info on a place in a frame of the guest, which holds a writable type
 * reference for it until vcpu_release(). A vCPU that has neither uses one that its guest does not
 * see, which is its own all the same: what it was told, and where it faulted, is no other's to know.
 * Registering marks everything pending, so nothing is lost.
 */
#include "domain.h"
#include "frame.h"
#include "sched.h"

int vcpu_create(struct domain *d, unsigned id) {
	struct vcpu *v;
	int err;
	SPIN_GUARD(&d->domain_lock);

	if (id >= d->max_vcpus) return -EINVAL;
	if (d->vcpu[id]) return -EEXIST;
	v = heap_alloc(sizeof(*v));
	if (!v) return -ENOMEM;
	v->domain = d;
	v->id = id;
	v->pause_count = d->pause_depth;
	v->pause_flags = VPF_DOWN;
	v->no_info.evtchn_upcall_mask = 1;
	v->runstate.state = RUNSTATE_offline;
	v->runstate.state_entry_time = now_ns();
	v->root_kernel = v->root_user = v->info_mfn = INVALID_MFN;
	vcpu_timers_create(v);
	sched_vcpu_create(v);
	err = arch_vcpu_create(v);
	if (err)
		vcpu_destroy(v);
	else
		__atomic_store_n(&d->vcpu[id], v, __ATOMIC_RELEASE);
	return err;
}

void vcpu_destroy(struct vcpu *v) {
	CHECK(!v->running && !v->sched.queued);
	vcpu_timers_destroy(v);
	arch_vcpu_destroy(v);
	heap_free(v);
}

uint64_t vcpu_cpu_time(const struct vcpu *v) {
	struct vcpu_runstate_info r;

	runstate_get(v, &r);
	return r.time[RUNSTATE_running];
}

void vcpu_nmi_send(struct vcpu *v) {
	__atomic_fetch_or(&v->pending_traps, VCPU_TRAP_NMI, __ATOMIC_SEQ_CST);
	vcpu_kick(v);
	/* If it runs elsewhere by now, it took the trap along when it was switched in. */
	cpu_raise(READ_ONCE(v->processor), CPU_WORK_TRAP);
}

/* -- vcpu_info -- */

struct vcpu_info *vcpu_info_legacy(struct vcpu *v) {
	return v->id < XEN_LEGACY_MAX_VCPUS ? &v->domain->shared_info->vcpu_info[v->id] : &v->no_info;
}

struct vcpu_info *vcpu_info_get(struct vcpu *v) {
	const struct cpu *cpu = this_cpu();
	mfn_t m;

	if (cpu->vcpu == v && likely(cpu->vcpu_info)) return cpu->vcpu_info;
	/* Pairs with the release in vcpu_info_register(): the offset is there before the frame. */
	m = mfn(__atomic_load_n(&v->info_mfn.n, __ATOMIC_ACQUIRE));
	if (mfn_eq(m, INVALID_MFN)) return vcpu_info_legacy(v);
	return (struct vcpu_info *)((char *)frame_map(m) + v->info_offset);
}

void vcpu_info_put(struct vcpu *v, struct vcpu_info *info) {
	if (info == this_cpu()->vcpu_info || info == vcpu_info_legacy(v)) return;
	frame_unmap(info);
}

/* Carry the old contents over and have the guest look at every port: one that was raised meanwhile
 * was noted in the old place. */
static void info_move(struct vcpu *v, mfn_t m, unsigned offset) {
	struct vcpu_info *to = (struct vcpu_info *)((char *)frame_map(m) + offset);

	*to = *vcpu_info_legacy(v);
	if (v->id >= XEN_LEGACY_MAX_VCPUS) to->evtchn_upcall_mask = 1;
	v->info_offset = offset;
	__atomic_store_n(&v->info_mfn.n, m.n, __ATOMIC_SEQ_CST);
	to->evtchn_pending_sel = ~0UL;
	to->evtchn_upcall_pending = 1;
	frame_unmap(to);
}

int vcpu_info_register(struct vcpu *v, mfn_t m, unsigned offset) {
	int err;
	SPIN_GUARD(&v->domain->domain_lock);

	if (offset % sizeof(uint64_t) || offset > PAGE_SIZE - sizeof(struct vcpu_info)) return -ENXIO;
	if (!mfn_eq(v->info_mfn, INVALID_MFN)) return -EINVAL;
	/*
	 * Another must be down, which the lock keeps it. A wait for one that still runs might not end. A CPU that
	 * keeps it loaded maps the new place when it runs it again.
	 */
	if (v != current && !(READ_ONCE(v->pause_flags) & VPF_DOWN)) return -EINVAL;
	if (v != current && READ_ONCE(v->running)) return -ERESTART;
	err = frame_get_as(m, v->domain, FT_WRITABLE);
	if (err) return err == -ENOMEM ? err : -EINVAL;
	info_move(v, m, offset);
	if (v == current) arch_vcpu_info_moved(v);
	vcpu_time_update(v);
	return 0;
}

int vcpu_release(struct vcpu *v) {
	mfn_t m = v->info_mfn;
	int err = arch_vcpu_release(v);

	if (err || mfn_eq(m, INVALID_MFN)) return err;
	v->info_mfn = INVALID_MFN;
	/* A CPU that raises an event meanwhile, for another domain, writes there until it has done this. */
	arch_tlb_flush(cpus_online, TLB_FLUSH_ALL);
	frame_put_as(m);
	return 0;
}
