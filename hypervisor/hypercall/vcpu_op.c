/* SPDX-License-Identifier: MIT */
/* vcpu_op (24), and set_timer_op (15): the calling vCPU's single-shot timer. */
#include "hypercall.h"
#include "frame.h"
#include "sched.h"
#include "time.h"

#include <xen/sched.h>

#define MIN_PERIOD 1000000ULL   /* 1 ms */
#define MAX_PERIOD (1ULL << 54) /* about 200 days */

/* -- bringing up and down -- */

/* The context is checked and taken by the arch. The lock tells two callers at once apart. */
static int initialise_with(struct vcpu *v, struct vcpu_guest_context *ctx, gvaddr_t at) {
	int err = copy_from_guest(ctx, at, sizeof(*ctx));
	SPIN_GUARD(&v->domain->domain_lock);

	if (err) return err;
	return v->initialised ? -EEXIST : arch_vcpu_set_context(v, ctx);
}

SUBOP(initialise, void) {
	struct vcpu_guest_context *ctx = heap_alloc(sizeof(*ctx));
	int err = ctx ? initialise_with(v, ctx, at) : -ENOMEM;

	heap_free(ctx);
	return err;
}

SUBOP(up, void) {
	SPIN_GUARD(&v->domain->domain_lock);

	if (!v->initialised) return -EINVAL;
	vcpu_unblock_flag(v, VPF_DOWN);
	return 0;
}

SUBOP(down, void) {
	struct domain *d = v->domain;
	struct vcpu *other;
	bool last = true;

	spin_lock(&d->domain_lock);
	vcpu_block_flag(v, VPF_DOWN);
	for_each_vcpu (d, other) last = last && READ_ONCE(other->pause_flags) & VPF_DOWN;
	spin_unlock(&d->domain_lock);
	if (last) domain_shutdown(d, SHUTDOWN_poweroff); /* nobody is left to bring one up */
	return 0;
}

SUBOP(is_up, void) { return !(READ_ONCE(v->pause_flags) & VPF_DOWN); }

/* -- areas -- */

SUBOP(get_runstate_info, struct vcpu_runstate_info) {
	runstate_get(v, a);
	return 0;
}

SUBOP(register_runstate, struct vcpu_register_runstate_memory_area) {
	struct vcpu_runstate_info r;

	if (!guest_range_ok(a->addr.p, sizeof(r))) return -EFAULT;
	v->runstate_area = gvaddr(a->addr.p);
	runstate_get(v, &r);
	/* Not mapped now, it may be when the vCPU is switched in. */
	if (a->addr.p) (void)!copy_to_guest(v->runstate_area, &r, sizeof(r));
	return 0;
}

SUBOP(register_time, struct vcpu_register_time_memory_area) {
	if (!guest_range_ok(a->addr.p, sizeof(struct vcpu_time_info))) return -EFAULT;
	vcpu_time_area_set(v, gvaddr(a->addr.p));
	return 0;
}

SUBOP(register_info, struct vcpu_register_vcpu_info) { return vcpu_info_register(v, mfn(a->mfn), a->offset); }

/* -- timers -- */

SUBOP(set_periodic, struct vcpu_set_periodic_timer) {
	if (a->period_ns < MIN_PERIOD || a->period_ns > MAX_PERIOD) return -EINVAL;
	vcpu_periodic_set(v, a->period_ns);
	return 0;
}

SUBOP(stop_periodic, void) {
	vcpu_periodic_set(v, 0);
	return 0;
}

SUBOP(set_singleshot, struct vcpu_set_singleshot_timer) {
	if (v != current) return -EINVAL;
	/* One in the past fires at once, also with VCPU_SSHOTTMR_future; 0 is no request to stop. */
	vcpu_singleshot_set(v, MAX(a->timeout_abs_ns, 1ULL));
	return 0;
}

SUBOP(stop_singleshot, void) {
	if (v != current) return -EINVAL;
	vcpu_singleshot_set(v, 0);
	return 0;
}

HYPERCALL(do_set_timer_op) {
	vcpu_singleshot_set(current, a1);
	return 0;
}

/* -- others -- */

SUBOP(send_nmi, void) {
	vcpu_nmi_send(v);
	return 0;
}

static const struct subop ops[] = {
	[VCPUOP_initialise] = { initialise, 0, 0 },
	[VCPUOP_up] = { up, 0, 0 },
	[VCPUOP_down] = { down, 0, 0 },
	[VCPUOP_is_up] = { is_up, 0, 0 },
	[VCPUOP_get_runstate_info] = { get_runstate_info, sizeof(struct vcpu_runstate_info), SUBOP_OUT },
	[VCPUOP_register_runstate_memory_area] = { register_runstate, 8, 0 },
	[VCPUOP_set_periodic_timer] = { set_periodic, sizeof(struct vcpu_set_periodic_timer), 0 },
	[VCPUOP_stop_periodic_timer] = { stop_periodic, 0, 0 },
	[VCPUOP_set_singleshot_timer] = { set_singleshot, 12, 0 }, /* up to the flags */
	[VCPUOP_stop_singleshot_timer] = { stop_singleshot, 0, 0 },
	[VCPUOP_register_vcpu_info] = { register_info, sizeof(struct vcpu_register_vcpu_info), 0 },
	[VCPUOP_send_nmi] = { send_nmi, 0, 0 },
	[VCPUOP_register_vcpu_time_memory_area] = { register_time, 8, 0 },
};

HYPERCALL(do_vcpu_op) {
	struct vcpu *v = domain_vcpu(current->domain, (uint32_t)a2);
	long ret = v ? subop_call(ops, ARRAY_SIZE(ops), (unsigned)a1, v, gvaddr(a3)) : -ENOENT;

	/* Tried anew once the caller has been in guest mode. */
	return ret == -ERESTART ? hypercall_restart(__HYPERVISOR_vcpu_op, 0) : ret;
}
