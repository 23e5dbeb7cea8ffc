/* SPDX-License-Identifier: MIT */
/*
 * Three threads as three CPUs use and change the same grant tables at once: map, unmap, copy, switch
 * versions, grow, ask for status pages, rewrite entries. dom0 and the guest both grant and map. Lock ranks
 * are checked all the while; afterwards every pin belongs to a handle, and every reference to an entry.
 */
#include <pthread.h>

#define CPUS 3u
#include "grant_fixture.h"

#define ROUNDS  150000u
#define PAGES   4u
#define HANDLES 12u
#define AREA    0x1000u /* of a thread, in the argument page */

static pthread_barrier_t barrier;
static mfn_t page[2][PAGES];
static struct tree trees[2];
static unsigned switches, mappings; /* done, by all threads */

struct random {
	uint64_t x;
};
static uint32_t rnd(struct random *r, uint32_t n) {
	r->x = r->x * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(r->x >> 33) % n;
}

static struct domain *domain_at(unsigned i) { return i ? guest : dom0; }

/* A hypercall of this thread's, with its argument in its own area. */
static long call(unsigned cpu, unsigned cmd, void *op, size_t size) {
	long rc;

	arg_put(cpu * AREA, op, size);
	this_cpu()->preempt_budget = 0;
	rc = do_grant_table_op(cmd, ARG_VA + cpu * AREA, 1, 0, 0, 0);
	memcpy(op, arg_page + cpu * AREA, size);
	return rc;
}

/* Entries in both formats at once: whoever reads them must not care. */
static void write_entry(struct random *r, struct domain *d) {
	struct grant_table *gt = d->grant;
	unsigned ref = 8 + rnd(r, 3);
	domid_t to = (domid_t)rnd(r, 2);
	uint16_t flags = GTF_permit_access | (rnd(r, 4) ? 0 : GTF_readonly);
	mfn_t m = page[d->id][rnd(r, PAGES)];

	if (READ_ONCE(gt->version) == 1) {
		struct grant_entry_v1 *e = (struct grant_entry_v1 *)gt->shared[0] + ref;

		WRITE_ONCE(e->frame, (uint32_t)mfn_x(m));
		WRITE_ONCE(e->domid, to);
		WRITE_ONCE(e->flags, flags);
	} else {
		union grant_entry_v2 *e = (union grant_entry_v2 *)gt->shared[0] + ref;

		WRITE_ONCE(e->full_page.frame, mfn_x(m));
		WRITE_ONCE(e->hdr.domid, to);
		WRITE_ONCE(e->hdr.flags, flags);
	}
}

static void map_one(struct random *r, unsigned cpu) {
	struct gnttab_map_grant_ref op = { .host_addr = (1 + rnd(r, 7)) * PAGE_SIZE, /* 0: none */
					   .flags = 1 + rnd(r, 7),
					   .ref = 8 + rnd(r, 3),
					   .dom = (domid_t)rnd(r, 2) };

	assert_int_equal(call(cpu, GNTTABOP_map_grant_ref, &op, sizeof(op)), 0);
	assert_true(op.status <= 0);
	if (!op.status) __atomic_fetch_add(&mappings, 1, __ATOMIC_RELAXED);
}

/* As far as it can be told without a lock; wrong places are refused. */
static void unmap_one(unsigned cpu, const struct domain *d, uint32_t handle, unsigned parts) {
	struct gnttab_unmap_grant_ref op = { .handle = handle };
	const struct grant_table *gt = d->grant;

	if (handle >= READ_ONCE(gt->nr_handles)) return;
	if (parts & 1) op.host_addr = READ_ONCE(gt->maptrack[0][handle].host_addr);
	if (parts & 2) op.dev_bus_addr = READ_ONCE(gt->maptrack[0][handle].frame.n) << PAGE_SHIFT;
	assert_int_equal(call(cpu, GNTTABOP_unmap_grant_ref, &op, sizeof(op)), 0);
	assert_true(op.status <= 0);
}

/* Both domains let go of all they can, so that versions may change. */
static void unmap_all(unsigned cpu) {
	for (unsigned i = 0; i < 2 * HANDLES * 3; i++) {
		run_as(domain_at(i / 3 % 2));
		unmap_one(cpu, domain_at(i / 3 % 2), i / 6, 1 + i % 3);
	}
}

static void copy_one(struct random *r, unsigned cpu, const struct domain *d) {
	struct gnttab_copy op = { .len = 64, .flags = (uint16_t)rnd(r, 4) };

	op.source.u.gmfn = mfn_x(page[d->id][rnd(r, PAGES)]);
	op.dest.u.gmfn = mfn_x(page[d->id][rnd(r, PAGES)]);
	op.source.domid = op.dest.domid = DOMID_SELF;
	if (op.flags & GNTCOPY_source_gref) {
		op.source.u.ref = 8 + rnd(r, 3);
		op.source.domid = (domid_t)rnd(r, 2);
	}
	if (op.flags & GNTCOPY_dest_gref) {
		op.dest.u.ref = 8 + rnd(r, 3);
		op.dest.domid = (domid_t)rnd(r, 2);
	}
	assert_int_equal(call(cpu, GNTTABOP_copy, &op, sizeof(op)), 0);
	assert_true(op.status <= 0);
}

static void change_table(struct random *r, unsigned cpu, struct domain *d) {
	struct gnttab_set_version version = { .version = 1 + rnd(r, 2) };
	struct gnttab_get_status_frames status = { .dom = DOMID_SELF, .nr_frames = rnd(r, 3) };
	mfn_t m;

	status.frame_list.p = (void *)(ARG_VA + cpu * AREA + 0x100);
	switch (rnd(r, 4)) {
	case 0: (void)!call(cpu, GNTTABOP_get_status_frames, &status, sizeof(status)); break;
	case 1: (void)!grant_frame_grow(domain_at(rnd(r, 2)), rnd(r, 2), rnd(r, 4), &m); break;
	default:
		if (READ_ONCE(d->grant->version) != version.version &&
		    !call(cpu, GNTTABOP_set_version, &version, sizeof(version)))
			__atomic_fetch_add(&switches, 1, __ATOMIC_RELAXED);
	}
}

static void *grants_thread(void *arg) {
	unsigned cpu = (unsigned)(uintptr_t)arg;
	struct random r = { cpu * 77 + 1 };

	host_cpu_set(cpu);
	pthread_barrier_wait(&barrier);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct domain *d = domain_at(rnd(&r, 2));

		if (!rnd(&r, 200)) unmap_all(cpu);
		run_as(d);
		switch (rnd(&r, 16)) {
		case 0: change_table(&r, cpu, d); break;
		case 1:
		case 2:
		case 3: write_entry(&r, d); break;
		case 4:
		case 5:
		case 6: copy_one(&r, cpu, d); break;
		case 7:
		case 8:
		case 9:
		case 10: map_one(&r, cpu); break;
		default: unmap_one(cpu, d, rnd(&r, HANDLES), rnd(&r, 4)); break;
		}
	}
	run_as(NULL);
	return NULL;
}

/* Count d's handles by granter, announcing what device mappings hold; both sides' pins must agree. */
static unsigned handles_of(const struct domain *d, const struct domain *granter) {
	unsigned n = 0;

	for (uint32_t h = 0; h < d->grant->nr_handles; h++) {
		const struct maptrack *m = &d->grant->maptrack[h / MAPTRACK_PER_PAGE][h % MAPTRACK_PER_PAGE];

		if (m->granter != granter) continue;
		assert_true(m->host || m->device);
		if (m->device) host_frame_hold(m->frame, 1, !m->readonly);
		n++;
	}
	return n;
}

static void check_counts(void) {
	host_frames_check_reset();
	for (unsigned i = 0; i < 2; i++) {
		const struct domain *d = domain_at(i);

		assert_int_equal(d->grant->pinned, handles_of(dom0, d) + handles_of(guest, d));
	}
	host_frames_check();
}

static void tables_under_three_cpus(void **state) {
	pthread_t t[CPUS];

	for (unsigned i = 0; i < 2; i++) {
		struct domain *d = domain_at(i);

		trees[i] = tree_of(d);
		d->grant->max_handles = HANDLES;
		for (unsigned p = 0; p < PAGES; p++) page[i][p] = page_of(d);
		assert_int_equal(vcpu_root_set(d->vcpu[0], trees[i].l[4], false), 0);
	}
	dom0->grant->max_version = 2;
	host_journal_count = HOST_JOURNAL_MAX; /* not for several threads */
	pthread_barrier_init(&barrier, NULL, CPUS);
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, grants_thread, (void *)(uintptr_t)i), 0);
	for (unsigned i = 0; i < CPUS; i++) pthread_join(t[i], NULL);
	host_cpu_set(0);
	check_counts();
	assert_true(mappings > 1000 && switches > 10);
	print_message("%u mappings, %u changes of version\n", mappings, switches);
	host_frames_check_reset();
}

/* Handles left over are undone with their domain; mm_teardown() counts what remains. */
static int race_setup(void **state) {
	guest_grant_version = 2;
	mm_setup(state);
	return 0;
}

static int race_teardown(void **state) {
	host_cpu_set(0);
	while (grant_domain_destroy(guest) == -ERESTART)
		;
	while (grant_domain_destroy(dom0) == -ERESTART)
		;
	return mm_teardown(state);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tables_under_three_cpus, race_setup, race_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
