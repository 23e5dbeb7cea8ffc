/* SPDX-License-Identifier: MIT */
/* Domains and vCPUs: creation and its failures, finding, pausing, shutdown, destruction,
 * permissions, and where vcpu_info is. */
#include "machine_fixture.h"

/* -- creation and finding -- */

static void created_domain_can_be_found(void **state) {
	struct domain *d = domain_make(5), *found;
	const struct vcpu_info *info = d->shared_info->vcpu_info;

	assert_int_equal(domain_find(5, &found), 0);
	assert_ptr_equal(found, d);
	assert_int_equal(d->refs, 2);
	domain_put(found);
	assert_int_equal(domain_find(DOMID_SELF, &found), 0);
	assert_ptr_equal(found, dom0);
	domain_put(found);
	assert_int_equal(domain_find(6, &found), -ESRCH);
	assert_int_equal(domain_find(DOMID_IO, &found), -ESRCH);
	assert_null(domain_by_id(DOMID_INVALID));
	assert_int_equal(d->state, DOM_CREATING);
	assert_int_equal(info[0].evtchn_upcall_mask, 1);
	assert_int_equal(info[31].evtchn_upcall_mask, 1);
	assert_int_equal(d->vcpu[0]->pause_flags, VPF_DOWN);
	assert_int_equal(d->vcpu[0]->pause_count, 1);
}

static void list_is_in_order_of_ids(void **state) {
	static const domid_t ids[] = { 9, 3, 700, 4 }, sorted[] = { 0, 3, 4, 9, 700 };
	unsigned n = 0;

	for (unsigned i = 0; i < 4; i++) domain_make(ids[i]);
	for_each_domain (d) assert_int_equal(d->id, sorted[n++]);
	assert_int_equal(n, 5);
}

static void bad_parameters_are_refused(void **state) {
	struct domain_params p = params(0);
	struct domain *d;

	assert_int_equal(domain_create(&p, &d), -EEXIST);
	p.id = DOMID_FIRST_RESERVED;
	assert_int_equal(domain_create(&p, &d), -EINVAL);
	p = params(1);
	p.config.max_vcpus = 0;
	assert_int_equal(domain_create(&p, &d), -EINVAL);
	p.config.max_vcpus = MAX_VCPUS + 1;
	assert_int_equal(domain_create(&p, &d), -EINVAL);
	p = params(1);
	p.config.grant_opts = 3;
	assert_int_equal(domain_create(&p, &d), -EINVAL);
	d = domain_make(2);
	assert_int_equal(vcpu_create(d, 0), -EEXIST);
	assert_int_equal(vcpu_create(d, 2), -EINVAL);
}

/* Creation fails at each allocation in turn and leaves nothing. */
static void creation_without_memory(void **state) {
	uint64_t bytes = heap_bytes_used();
	struct domain_params p = params(1);
	struct domain *d = NULL;
	int err = -ENOMEM;

	for (unsigned n = 1; err; n++) {
		assert_in_range(n, 1, 60);
		host_fail_allocation(n);
		err = domain_create(&p, &d);
		host_fail_allocation(0);
		if (!err) break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(heap_bytes_used(), bytes);
		assert_null(domain_by_id(1));
	}
	bytes = heap_bytes_used();
	err = -ENOMEM;
	for (unsigned n = 1; err; n++) {
		assert_in_range(n, 1, 30);
		host_fail_allocation(n);
		err = vcpu_create(d, 0);
		host_fail_allocation(0);
		if (!err) break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(heap_bytes_used(), bytes);
		assert_null(d->vcpu[0]);
	}
}

/* -- pausing -- */

static void pauses_nest_and_reach_later_vcpus(void **state) {
	struct domain *d = domain_make(1);

	domain_pause(d);
	assert_int_equal(d->vcpu[0]->pause_count, 2);
	assert_int_equal(vcpu_create(d, 1), 0);
	assert_int_equal(d->vcpu[1]->pause_count, 2);
	domain_unpause(d);
	assert_int_equal(d->state, DOM_CREATING);
	domain_unpause(d);
	assert_int_equal(d->state, DOM_RUNNING);
	assert_int_equal(d->vcpu[0]->pause_count, 0);
	assert_int_equal(d->vcpu[1]->pause_count, 0);
}

/* -- shutdown -- */

static port_t bind_dom_exc(void) {
	struct evtchn_bind_virq b = { .virq = VIRQ_DOM_EXC };

	memcpy(arg_page, &b, sizeof(b));
	assert_int_equal(do_event_channel_op(EVTCHNOP_bind_virq, ARG_VA, 0, 0, 0, 0), 0);
	memcpy(&b, arg_page, sizeof(b));
	return b.port;
}

static void shutdown_is_told_once_and_can_be_undone(void **state) {
	struct domain *d = domain_make(1);
	port_t port = bind_dom_exc();

	domain_unpause(d);
	assert_false(evtchn_port_pending(dom0, port));
	domain_shutdown(d, SHUTDOWN_suspend);
	assert_true(evtchn_port_pending(dom0, port));
	assert_int_equal(d->state, DOM_SHUTDOWN);
	assert_int_equal(d->shutdown_code, SHUTDOWN_suspend);
	domain_shutdown(d, SHUTDOWN_crash);
	assert_int_equal(d->shutdown_code, SHUTDOWN_suspend);
	assert_int_equal(d->vcpu[0]->pause_count, 1);
	domain_resume(d);
	assert_int_equal(d->state, DOM_RUNNING);
	assert_int_equal(d->vcpu[0]->pause_count, 0);
	domain_resume(d); /* there is nothing to do */
	assert_int_equal(d->vcpu[0]->pause_count, 0);
}

static void crash_shuts_down_with_its_code(void **state) {
	struct domain *d = domain_make(1);

	domain_crash(d, "for test %d\n", 1);
	assert_int_equal(d->state, DOM_SHUTDOWN);
	assert_int_equal(d->shutdown_code, SHUTDOWN_crash);
}

/* -- destruction -- */

static void destruction_in_pieces(void **state) {
	for (unsigned units = 0; units < 3; units++) {
		struct domain *d = domain_make(1);
		uint64_t before = frames_free;
		mfn_t m;
		int rc;

		for (unsigned i = 0; i < 20; i++) assert_int_equal(domain_frames_alloc(d, i % 3, 64, &m), 0);
		assert_true(frames_free < before);
		hypercall_preempt_units = units;
		for (unsigned n = 0; (rc = domain_destroy(d)) == -ERESTART; n++) {
			assert_in_range(n, 0, 3000);
			assert_int_equal(d->state, DOM_DYING);
		}
		hypercall_preempt_units = 1000000;
		assert_int_equal(rc, 0);
		assert_int_equal(d->tot_pages, 0);
		assert_int_equal(d->state, DOM_DEAD);
		domains_reap();
		assert_null(domain_by_id(1));
	}
}

static void a_reference_keeps_the_struct_and_the_id(void **state) {
	struct domain *d = domain_make(1), *other;
	struct domain_params p = params(1);

	domain_get(d);
	assert_int_equal(domain_destroy(d), 0);
	assert_int_equal(domain_destroy(d), 0);
	domains_reap();
	assert_int_equal(domain_find(1, &other), -ESRCH);
	assert_int_equal(domain_create(&p, &other), -EEXIST);
	domain_put(d);
	domains_reap();
	assert_int_equal(domain_create(&p, &other), 0);
}

static void memory_is_scrubbed_before_others_see_it(void **state) {
	struct domain *a = domain_make(1), *b;
	uint64_t n;
	mfn_t m;

	a->max_pages = 100000;
	for (n = 0; !domain_frames_alloc(a, 0, 64, &m); n++) memset(own_va(m), 0xa5, PAGE_SIZE);
	domain_end(a);
	b = domain_make(2);
	b->max_pages = 100000;
	for (uint64_t i = 0; i < n - 8; i++) {
		assert_int_equal(domain_frames_alloc(b, 0, 64, &m), 0);
		for (unsigned k = 0; k < PAGE_SIZE / 8; k++) assert_int_equal(((uint64_t *)own_va(m))[k], 0);
	}
}

/* -- permissions -- */

static void device_memory_ranges(void **state) {
	struct domain *d = domain_make(1);

	assert_true(permitted(dom0, PERMIT_MMIO, 0x100, 0x100));
	assert_false(permitted(d, PERMIT_MMIO, 0x100, 1));
	assert_int_equal(permit_set(d, PERMIT_MMIO, 0x100, 0x10, true), 0);
	assert_int_equal(permit_set(d, PERMIT_MMIO, 0x120, 0x10, true), 0);
	assert_false(permitted(d, PERMIT_MMIO, 0x100, 0x30));
	assert_int_equal(permit_set(d, PERMIT_MMIO, 0x110, 0x10, true), 0);
	assert_true(permitted(d, PERMIT_MMIO, 0x100, 0x30));
	assert_false(permitted(d, PERMIT_MMIO, 0xff, 2));
	assert_false(permitted(d, PERMIT_MMIO, 0x12f, 2));
	assert_int_equal(permit_set(d, PERMIT_MMIO, 0x108, 4, false), 0);
	assert_true(permitted(d, PERMIT_MMIO, 0x100, 8));
	assert_true(permitted(d, PERMIT_MMIO, 0x10c, 0x24));
	assert_false(permitted(d, PERMIT_MMIO, 0x107, 2));
	assert_int_equal(permit_set(d, PERMIT_MMIO, 0, 0x104, false), 0);
	assert_false(permitted(d, PERMIT_MMIO, 0x103, 1));
	assert_true(permitted(d, PERMIT_MMIO, 0x104, 4));
	assert_int_equal(permit_set(d, PERMIT_MMIO, 0x101, 0x40, true), 0);
	assert_true(permitted(d, PERMIT_MMIO, 0x101, 0x40));
	assert_int_equal(permit_set(d, PERMIT_MMIO, 0x101, 0, true), -EINVAL);
	assert_int_equal(permit_set(d, PERMIT_MMIO, ~0ull - 1, 4, true), -EINVAL);
	host_fail_allocation(1);
	assert_int_equal(permit_set(d, PERMIT_MMIO, 0x500, 4, true), -ENOMEM);
}

/* Against a bitmap, with random ranges. */
static void device_memory_ranges_at_random(void **state) {
	struct domain *d = domain_make(1);
	bool model[64] = { false };

	srand(1);
	for (unsigned i = 0; i < 2000; i++) {
		unsigned first = (unsigned)rand() % 60, n = 1 + (unsigned)rand() % (63 - first);
		bool allow = rand() & 1;

		assert_int_equal(permit_set(d, PERMIT_MMIO, first, n, allow), 0);
		for (unsigned k = 0; k < n; k++) model[first + k] = allow;
		for (unsigned k = 0; k < 64; k++) assert_int_equal(permitted(d, PERMIT_MMIO, k, 1), model[k]);
	}
}

static void ports_and_lines(void **state) {
	struct domain *d = domain_make(1);

	assert_true(permitted(dom0, PERMIT_PORT, 0x60, 4));
	assert_false(permitted(dom0, PERMIT_PORT, 0xffff, 2));
	assert_false(permitted(d, PERMIT_PORT, 0x60, 1));
	assert_int_equal(permit_set(d, PERMIT_PORT, 0x60, 2, true), 0);
	assert_true(permitted(d, PERMIT_PORT, 0x60, 2));
	assert_false(permitted(d, PERMIT_PORT, 0x60, 4));
	assert_int_equal(permit_set(d, PERMIT_PORT, 0x61, 1, false), 0);
	assert_false(permitted(d, PERMIT_PORT, 0x61, 1));
	assert_int_equal(permit_set(d, PERMIT_PORT, 0xffff, 2, true), -EINVAL);
}

static void what_ring0_reserves_is_nobodys(void **state) {
	permit_reserve(PERMIT_MMIO, 0xfee00, 1);
	permit_reserve(PERMIT_PORT, 0x3f8, 8);
	free_at_start--; /* the heap keeps a page for what is noted */
	assert_false(permitted(dom0, PERMIT_MMIO, 0xfedff, 2));
	assert_true(permitted(dom0, PERMIT_MMIO, 0xfedff, 1));
	assert_int_equal(permit_set(dom0, PERMIT_MMIO, 0xfee00, 1, true), -EINVAL);
	assert_false(permitted(dom0, PERMIT_PORT, 0x3f7, 2));
	assert_true(permitted(dom0, PERMIT_PORT, 0x400, 1));
	assert_int_equal(permit_set(dom0, PERMIT_PORT, 0x3f8, 1, true), -EINVAL);
}

/* -- vcpu_info -- */

static void vcpu_info_moves_to_a_guest_page(void **state) {
	struct domain *d = domain_make(1);
	struct vcpu *v = d->vcpu[0];
	struct vcpu_info *info = vcpu_info_get(v);
	mfn_t m, table;

	assert_ptr_equal(info, &d->shared_info->vcpu_info[0]);
	info->arch.cr2 = 77;
	info->evtchn_upcall_mask = 0;
	vcpu_info_put(v, info);
	assert_int_equal(domain_frames_alloc(d, 0, 64, &m), 0);
	assert_int_equal(domain_frames_alloc(d, 0, 64, &table), 0);
	assert_int_equal(vcpu_info_register(v, m, 4), -ENXIO);
	assert_int_equal(vcpu_info_register(v, m, PAGE_SIZE - 56), -ENXIO);
	assert_int_equal(vcpu_info_register(v, mfn(1), 0), -EINVAL);
	assert_int_equal(table_pin(d, table, 1), 0);
	assert_int_equal(vcpu_info_register(v, table, 0), -EINVAL);
	assert_int_equal(table_unpin(d, table), 0);
	assert_int_equal(vcpu_info_register(v, m, PAGE_SIZE - 64), 0);
	assert_int_equal(vcpu_info_register(v, m, 0), -EINVAL);
	info = vcpu_info_get(v);
	assert_ptr_equal(info, (char *)own_va(m) + PAGE_SIZE - 64);
	assert_int_equal(info->arch.cr2, 77);
	assert_int_equal(info->evtchn_upcall_mask, 0);
	assert_int_equal(info->evtchn_upcall_pending, 1);
	assert_int_equal(info->evtchn_pending_sel, ~0ul);
	vcpu_info_put(v, info);
	assert_int_equal(frame_of(m)->type & FTF_COUNT, 1);
	assert_int_equal(vcpu_release(v), 0);
	assert_int_equal(frame_of(m)->type & FTF_COUNT, 0);
	assert_int_equal(this_cpu()->windows_open, 0);
}

static void vcpus_without_a_legacy_slot(void **state) {
	struct domain_params p = params(1), q = params(2);
	struct domain *d, *e;
	struct vcpu_info *info;
	mfn_t m;

	p.config.max_vcpus = q.config.max_vcpus = 40;
	assert_int_equal(domain_create(&p, &d), 0);
	assert_int_equal(vcpu_create(d, 35), 0);
	assert_int_equal(domain_create(&q, &e), 0);
	assert_int_equal(vcpu_create(e, 35), 0);
	/* what another domain's has in its own is not for this one to see */
	info = vcpu_info_get(e->vcpu[35]);
	assert_int_equal(info->evtchn_upcall_mask, 1);
	info->arch.cr2 = 77;
	info->evtchn_upcall_mask = 0;
	info->evtchn_upcall_pending = 1;
	vcpu_info_put(e->vcpu[35], info);
	info = vcpu_info_get(d->vcpu[35]);
	assert_false((char *)info >= (char *)d->shared_info && (char *)info < (char *)d->shared_info + PAGE_SIZE);
	assert_int_equal(info->evtchn_upcall_mask, 1);
	assert_int_equal(info->evtchn_upcall_pending, 0);
	vcpu_info_put(d->vcpu[35], info);
	assert_int_equal(domain_frames_alloc(d, 0, 64, &m), 0);
	assert_int_equal(vcpu_info_register(d->vcpu[35], m, 0), 0);
	assert_int_equal(((struct vcpu_info *)own_va(m))->arch.cr2, 0);
	assert_int_equal(((struct vcpu_info *)own_va(m))->evtchn_upcall_mask, 1);
	assert_int_equal(((struct vcpu_info *)own_va(m))->evtchn_upcall_pending, 1);
	/* destruction drops it */
}

int main(void) {
	const struct CMUnitTest tests[] = {
		T(created_domain_can_be_found),
		T(list_is_in_order_of_ids),
		T(bad_parameters_are_refused),
		T(creation_without_memory),
		T(pauses_nest_and_reach_later_vcpus),
		T(shutdown_is_told_once_and_can_be_undone),
		T(crash_shuts_down_with_its_code),
		T(destruction_in_pieces),
		T(a_reference_keeps_the_struct_and_the_id),
		T(memory_is_scrubbed_before_others_see_it),
		T(device_memory_ranges),
		T(device_memory_ranges_at_random),
		T(ports_and_lines),
		T(what_ring0_reserves_is_nobodys),
		T(vcpu_info_moves_to_a_guest_page),
		T(vcpus_without_a_legacy_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
