/* SPDX-License-Identifier: MIT */
/* Guest-visible time: pvclock records and their versions, the second copy, the wall clock. */
#include "evt_fixture.h"

/* The host port's counter counts nanoseconds. */
static uint64_t host_tsc(void) { return now_ns(); }

static struct vcpu_time_info *record(struct vcpu *v) { return &info_of(v)->time; }

static uint64_t guest_time(const struct vcpu_time_info *t, uint64_t tsc) {
	uint64_t d = tsc - t->tsc_timestamp;

	d = t->tsc_shift >= 0 ? d << t->tsc_shift : d >> -t->tsc_shift;
	return t->system_time + (uint64_t)((__uint128_t)d * t->tsc_to_system_mul >> 32);
}

static void records_tell_the_time(void **state) {
	struct vcpu *v = guest->vcpu[0];

	vcpu_time_update(v);
	assert_false(record(v)->version & 1);
	assert_true(record(v)->version);
	assert_int_equal(guest_time(record(v), host_tsc()), now_ns());
	assert_int_equal(record(v)->flags, XEN_PVCLOCK_TSC_STABLE_BIT);
}

static void versions_step_by_two(void **state) {
	struct vcpu *v = guest->vcpu[0];
	uint32_t before;

	vcpu_time_update(v);
	before = record(v)->version;
	vcpu_time_update(v); /* nothing new: nothing written */
	assert_int_equal(record(v)->version, before);
	host_time_advance(1000); /* the host port moves its stamps with the clock */
	vcpu_time_update(v);
	assert_int_equal(record(v)->version, before + 2);
	record(v)->version = 7; /* the guest spoils it */
	vcpu_time_update(v);
	assert_int_equal(record(v)->version, 8);
	record(v)->version = 0xffffffff;
	vcpu_time_update(v);
	assert_int_equal(record(v)->version & 1, 0);
	assert_int_equal(guest_time(record(v), host_tsc()), now_ns());
}

static void second_copy(void **state) {
	struct vcpu *v = guest->vcpu[0];
	struct vcpu_time_info *copy = (struct vcpu_time_info *)(arg_page + 0x800);

	vcpu_time_area_set(v, gvaddr(ARG_VA + 0x800));
	assert_memory_equal(copy, record(v), sizeof(*copy));
	host_time_advance(5000);
	vcpu_time_update(v);
	assert_memory_equal(copy, record(v), sizeof(*copy));
	assert_int_equal(guest_time(copy, host_tsc()), now_ns());
	v->time_area = gvaddr(0x100); /* gone: only the copy is lost */
	host_time_advance(5000);
	vcpu_time_update(v);
	assert_int_equal(guest_time(record(v), host_tsc()), now_ns());
}

static void wall_clock(void **state) {
	struct shared_info *si = guest->shared_info;
	uint32_t version = si->wc_version;

	wallclock_set(0x123456789aULL, 500, 0);
	assert_int_equal(si->wc_sec, 0x3456789a);
	assert_int_equal(si->wc_sec_hi, 0x12);
	assert_int_equal(si->wc_nsec, 500);
	assert_int_equal(si->wc_version & 1, 0);
	assert_int_not_equal(si->wc_version, version);
	assert_int_equal(peer->shared_info->wc_sec, 0x3456789a);
	guest->time_offset = -0x9a;
	domain_wallclock_update(guest);
	assert_int_equal(si->wc_sec, 0x34567800);
	assert_int_equal(peer->shared_info->wc_sec, 0x3456789a);
	/* the base is the wall time at system time 0 */
	wallclock_set(1000, 0, 2500000000ULL);
	assert_int_equal(peer->shared_info->wc_sec, 997);
	assert_int_equal(peer->shared_info->wc_nsec, 500000000);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		EVT_TEST(records_tell_the_time),
		EVT_TEST(versions_step_by_two),
		EVT_TEST(second_copy),
		EVT_TEST(wall_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
