/* SPDX-License-Identifier: MIT */
/* vcpu_op (24). */
#include "hypercall.h"
#include "frame.h"
#include "sched.h"
#include "time.h"

#include <xen/sched.h>

#define MIN_PERIOD 1000000ULL   /* 1 ms */
#define MAX_PERIOD (1ULL << 54) /* about 200 days */

/* -- bringing up and down -- */

/* The context is checked and taken by the arch; two callers at once are told apart by
 * `initialising`. */
static int initialise_claim(struct vcpu *v) {
	struct domain *d = v->domain;
	int err = 0;

	spin_lock(&d->domain_lock);
	if (v->initialised)
		err = -EEXIST;
	else if (v->initialising)
		err = -EBUSY;
	else
		v->initialising = true;
	spin_unlock(&d->domain_lock);
	return err;
}

static int initialise(struct vcpu *v, gvaddr_t at) {
	struct vcpu_guest_context *ctx = heap_alloc(sizeof(*ctx));
	int err;

	if (!ctx) return -ENOMEM;
	err = copy_from_guest(ctx, at, sizeof(*ctx)) ? -EFAULT : initialise_claim(v);
	if (!err) {
		err = arch_vcpu_set_context(v, ctx);
		spin_lock(&v->domain->domain_lock);
		v->initialising = false;
		if (!err) v->initialised = true;
		spin_unlock(&v->domain->domain_lock);
	}
	heap_free(ctx);
	return err;
}

static int up(struct vcpu *v) {
	if (!READ_ONCE(v->initialised)) return -EINVAL;
	vcpu_unblock_flag(v, VPF_DOWN);
	return 0;
}

static int down(struct vcpu *v) {
	struct domain *d = v->domain;
	struct vcpu *other;
	bool last = true;

	spin_lock(&d->domain_lock);
	vcpu_block_flag(v, VPF_DOWN);
	for_each_vcpu (d, other) last = last && READ_ONCE(other->pause_flags) & VPF_DOWN;
	spin_unlock(&d->domain_lock);
	if (last) /* nobody is left to bring one up */
		domain_shutdown(d, SHUTDOWN_poweroff);
	return 0;
}

/* -- areas -- */

static int area_fetch(gvaddr_t at, gvaddr_t *area) {
	uint64_t p = 0;

	if (copy_from_guest(&p, at, current->domain->pv32 ? 4 : 8)) return -EFAULT;
	*area = gvaddr(p);
	return 0;
}

static int get_runstate(struct vcpu *v, gvaddr_t at) {
	struct vcpu_runstate_info r;

	runstate_get(v, &r);
	return runstate_copy_out(v, &r, at);
}

static int register_runstate(struct vcpu *v, gvaddr_t at) {
	struct vcpu_runstate_info r;
	gvaddr_t area;

	if (area_fetch(at, &area) || !guest_range_ok(area.a, sizeof(r))) return -EFAULT;
	v->runstate_area = area;
	runstate_get(v, &r);
	/* Not mapped now, it may be when the vCPU is switched in. */
	if (area.a) (void)!runstate_copy_out(v, &r, area);
	return 0;
}

static int register_time(struct vcpu *v, gvaddr_t at) {
	gvaddr_t area;

	if (area_fetch(at, &area) || !guest_range_ok(area.a, sizeof(struct vcpu_time_info))) return -EFAULT;
	vcpu_time_area_set(v, area);
	return 0;
}

static int register_info(struct vcpu *v, gvaddr_t at) {
	struct vcpu_register_vcpu_info r;
	int err;

	if (copy_from_guest(&r, at, sizeof(r))) return -EFAULT;
	err = vcpu_info_register(v, mfn(r.mfn), r.offset);
	if (!err) vcpu_time_update(v);
	return err;
}

/* -- timers -- */

static int set_periodic(struct vcpu *v, gvaddr_t at) {
	struct vcpu_set_periodic_timer p;

	if (copy_from_guest(&p, at, sizeof(p))) return -EFAULT;
	if (p.period_ns < MIN_PERIOD || p.period_ns > MAX_PERIOD) return -EINVAL;
	vcpu_periodic_set(v, p.period_ns);
	return 0;
}

static int set_singleshot(struct vcpu *v, gvaddr_t at) {
	struct vcpu_set_singleshot_timer s;

	if (v != current) return -EINVAL;
	if (copy_from_guest(&s, at, offsetof(struct vcpu_set_singleshot_timer, flags) + 4)) return -EFAULT;
	/* One in the past fires at once, also with VCPU_SSHOTTMR_future; 0 is no request to stop. */
	vcpu_singleshot_set(v, MAX(s.timeout_abs_ns, 1ULL));
	return 0;
}

static int stop_singleshot(struct vcpu *v) {
	if (v != current) return -EINVAL;
	vcpu_singleshot_set(v, 0);
	return 0;
}

/* -- others -- */

static int get_physid(struct vcpu *v, gvaddr_t at) {
	struct vcpu_get_physid p;
	cpumask_t hard, soft;

	vcpu_get_affinity(v, &hard, &soft);
	if (!v->domain->privileged || bit_count(hard) != 1) return -EINVAL;
	p.phys_id = arch_cpu_physid(bit_first(hard));
	return copy_to_guest(at, &p, sizeof(p));
}

static int send_nmi(struct vcpu *v) {
	vcpu_nmi_send(v);
	return 0;
}

HYPERCALL(do_vcpu_op) {
	struct vcpu *v = domain_vcpu(current->domain, (uint32_t)a2);
	gvaddr_t at = gvaddr(a3);
	int err;

	if (!v) return -ENOENT;
	switch ((unsigned)a1) {
	case VCPUOP_initialise:
		err = initialise(v, at);
		return err == -ERESTART ? hypercall_restart(__HYPERVISOR_vcpu_op, 3, a1, a2, a3) : err;
	case VCPUOP_up: return up(v);
	case VCPUOP_down: return down(v);
	case VCPUOP_is_up: return !(READ_ONCE(v->pause_flags) & VPF_DOWN);
	case VCPUOP_get_runstate_info: return get_runstate(v, at);
	case VCPUOP_register_runstate_memory_area: return register_runstate(v, at);
	case VCPUOP_set_periodic_timer: return set_periodic(v, at);
	case VCPUOP_stop_periodic_timer: vcpu_periodic_set(v, 0); return 0;
	case VCPUOP_set_singleshot_timer: return set_singleshot(v, at);
	case VCPUOP_stop_singleshot_timer: return stop_singleshot(v);
	case VCPUOP_register_vcpu_info: return register_info(v, at);
	case VCPUOP_send_nmi: return send_nmi(v);
	case VCPUOP_get_physid: return get_physid(v, at);
	case VCPUOP_register_vcpu_time_memory_area: return register_time(v, at);
	default: return -ENOSYS;
	}
}
