/* SPDX-License-Identifier: MIT */
/*
 * Time as guests see it: pvclock in each vcpu_info (and a second copy where the guest asked for
 * one) and the wall clock in shared_info.
 *
 * All CPUs share one set of parameters (arch_tsc_params), so a guest's clock is monotonic across
 * vCPUs, and the set is written only when it differs from what the guest has. Records carry a
 * version: odd while they change, so that a guest on another CPU can tell a torn read.
 *
 * Wall clock: wall time at system time 0, the same for all domains, plus the domain's offset.
 */
#include "arch.h"
#include "domain.h"
#include "time.h"

/* -- pvclock -- */

/* Of a record without its version. */
#define TIME_SIZE (sizeof(struct vcpu_time_info) - offsetof(struct vcpu_time_info, tsc_timestamp))

static void clock_now(struct vcpu_time_info *t) {
	memset(t, 0, sizeof(*t));
	arch_tsc_params(&t->tsc_to_system_mul, &t->tsc_shift, &t->tsc_timestamp, &t->system_time);
	t->flags = arch_tsc_stable() ? XEN_PVCLOCK_TSC_STABLE_BIT : 0;
}

/* The second copy, in the guest's address space: odd version first, even version last. */
static void second_copy(struct vcpu *v, const struct vcpu_time_info *t) {
	struct vcpu_time_info copy = *t;
	gvaddr_t at = v->time_area;

	copy.version |= 1;
	if (copy_to_guest_kernel(at, &copy.version, sizeof(copy.version)) ||
	    copy_to_guest_kernel(at, &copy, sizeof(copy)))
		return;
	copy.version = t->version;
	/* An area that has gone away meanwhile is the guest's own loss. */
	(void)!copy_to_guest_kernel(at, &copy.version, sizeof(copy.version));
}

/* The guest must see the odd version before any new value, and all values before the even one. */
static uint32_t version_begin(uint32_t *at) {
	uint32_t odd = READ_ONCE(*at) | 1;

	WRITE_ONCE(*at, odd);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return odd + 1;
}

static void version_end(uint32_t *at, uint32_t even) { __atomic_store_n(at, even, __ATOMIC_RELEASE); }

/* Also tells *t its version. */
static void time_write(struct vcpu_time_info *u, struct vcpu_time_info *t) {
	t->version = version_begin(&u->version);
	memcpy(&u->tsc_timestamp, &t->tsc_timestamp, TIME_SIZE);
	version_end(&u->version, t->version);
}

void vcpu_time_update(struct vcpu *v) {
	struct vcpu_info *info = vcpu_info_get(v);
	struct vcpu_time_info t;
	bool changed;

	clock_now(&t);
	changed = !info->time.version || info->time.version & 1 ||
		  __builtin_memcmp(&info->time.tsc_timestamp, &t.tsc_timestamp, TIME_SIZE);
	if (changed) time_write(&info->time, &t);
	vcpu_info_put(v, info);
	if (unlikely(changed && v->time_area.a && v == current)) second_copy(v, &t);
}

void vcpu_time_area_set(struct vcpu *v, gvaddr_t at) {
	struct vcpu_info *info = vcpu_info_get(v);
	struct vcpu_time_info t;

	clock_now(&t);
	time_write(&info->time, &t);
	vcpu_info_put(v, info);
	v->time_area = at;
	if (at.a) (void)!copy_to_guest(at, &t, sizeof(t)); /* else when it is switched in */
}

/* -- wall clock -- */

#define NS_PER_S 1000000000u

static struct spinlock wall_lock = SPINLOCK_INIT(RANK_LEAF);
/* wall_lock: wall time at system time 0, from the machine's clock until it is set */
static struct {
	bool known;
	uint64_t sec;
	uint32_t nsec;
} wall;

void domain_wallclock_update(struct domain *d) {
	struct shared_info *si = d->shared_info;
	SPIN_GUARD(&wall_lock);
	uint32_t version;
	uint64_t sec;

	if (!wall.known) wall.sec = arch_wallclock_boot();
	wall.known = true;
	sec = wall.sec + (uint64_t)(int64_t)d->time_offset;
	version = version_begin(&si->wc_version);
	si->wc_sec = (uint32_t)sec;
	si->wc_sec_hi = (uint32_t)(sec >> 32);
	si->wc_nsec = wall.nsec;
	version_end(&si->wc_version, version);
}

void wallclock_set(uint64_t sec, uint32_t nsec, uint64_t system_time) {
	uint64_t ns = nsec + NS_PER_S - system_time % NS_PER_S; /* with a second borrowed */

	spin_lock(&wall_lock);
	wall.known = true;
	wall.sec = sec - system_time / NS_PER_S - 1 + ns / NS_PER_S;
	wall.nsec = ns % NS_PER_S;
	spin_unlock(&wall_lock);
	spin_lock(&domlist_lock);
	for_each_domain (d) domain_wallclock_update(d);
	spin_unlock(&domlist_lock);
}
