/* SPDX-License-Identifier: MIT */
/* Types and references of frames: promotion, demotion, pins, linear tables, partial states. */
#include "mm_fixture.h"

static void pin_validates_a_tree(void **state)
{
	struct tree t = tree_of(guest);
	mfn_t data = page_of(guest);

	at(t.l[1])[7] = pte(data, RW);
	assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, t.l[4], 0), 0);
	for (unsigned level = 1; level <= 4; level++) {
		assert_int_equal(type_is(t.l[level]), (enum frame_type)level);
		assert_int_equal(type_count(t.l[level]), 1);
	}
	assert_int_equal(type_is(data), FT_WRITABLE);
	assert_int_equal(type_count(data), 1);
	assert_int_equal(at(t.l[1])[7], pte(data, RW | PTE_US));
	host_frames_check();
	assert_int_equal(ext(MMUEXT_UNPIN_TABLE, t.l[4], 0), 0);
	for (unsigned level = 1; level <= 4; level++)
		assert_int_equal(type_count(t.l[level]), 0);
	assert_int_equal(type_count(data), 0);
	assert_int_equal(ref_count(data), 1);
}

static void pin_twice_is_refused(void **state)
{
	struct tree t = tree_of(guest);

	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, t.l[1], 0), 0);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, t.l[1], 0), -EINVAL);
	assert_int_equal(ext(MMUEXT_UNPIN_TABLE, t.l[1], 0), 0);
	assert_int_equal(ext(MMUEXT_UNPIN_TABLE, t.l[1], 0), -EINVAL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, mm_setup, mm_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { T(pin_validates_a_tree), T(pin_twice_is_refused) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
