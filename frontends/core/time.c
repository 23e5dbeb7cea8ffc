/* SPDX-License-Identifier: MIT */
/*
 * pvclock: system_time was right when the time-stamp counter read tsc_timestamp; since then it has
 * advanced by
 * ((tsc - tsc_timestamp) << tsc_shift) * tsc_to_system_mul / 2^32. An odd version says that the
 * record is being changed.
 */
#include <kit/time.h>

struct vcpu_time_info kit_time_snapshot(const volatile struct vcpu_time_info *t) {
	struct vcpu_time_info copy;

	do {
		copy.version = t->version;
		barrier(); /* the version before what it guards; the processor keeps the order of
			      loads */
		copy.tsc_timestamp = t->tsc_timestamp;
		copy.system_time = t->system_time;
		copy.tsc_to_system_mul = t->tsc_to_system_mul;
		copy.tsc_shift = t->tsc_shift;
		barrier(); /* and again behind it */
	} while (copy.version & 1 || copy.version != t->version);
	return copy;
}

uint64_t kit_time_by(const volatile struct vcpu_time_info *t) {
	struct vcpu_time_info c = kit_time_snapshot(t);
	uint64_t delta = kit_rdtsc() - c.tsc_timestamp;

	delta = c.tsc_shift < 0 ? delta >> -c.tsc_shift : delta << c.tsc_shift;
	return c.system_time + (uint64_t)(((unsigned __int128)delta * c.tsc_to_system_mul) >> 32);
}

uint64_t kit_time(void) { return kit_time_by(&kit_vcpu_info()->time); }

void kit_delay(uint64_t ns) {
	uint64_t end = kit_time() + ns;

	while (kit_time() < end) asm volatile("pause");
}

long kit_timer_set(uint64_t at) {
	struct vcpu_set_singleshot_timer timer = { .timeout_abs_ns = at };

	return hv_vcpu_op(VCPUOP_set_singleshot_timer, kit_vcpu_id(), &timer);
}
