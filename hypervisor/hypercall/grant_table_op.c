/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_*: a command and an array of operations, each of which gets its own status. The
 * hypercall fails as a whole only when an operation cannot be read or its status not written.
 */
#include "hypercall.h"
#include "../grant/table.h"

/* -- operations of which there is one at a time -- */

/* The status that stands for not finding a domain. */
static int16_t find_status(int err) {
	return err == -EPERM ? GNTST_permission_denied : err ? GNTST_bad_domain : GNTST_okay;
}

/* Store the frame numbers [0, n) of a domain's table, which grows to that, or of its status pages. */
static int16_t frames_store(domid_t id, bool status, unsigned n, gvaddr_t list) {
	DOMAIN_REF(d);
	int err = domain_find_controlled(id, &d);

	if (err) return find_status(err);
	if (!status && grant_resize(d, n)) return GNTST_general_error;
	for (unsigned i = 0; i < n; i++) {
		mfn_t m;

		if (grant_frame(d, status, i, &m)) return GNTST_general_error;
		if (copy_to_guest(guest_at(list, i, sizeof(uint64_t)), &m.n, sizeof(m.n))) return GNTST_bad_virt_addr;
	}
	return GNTST_okay;
}

SUBOP(setup_table, struct gnttab_setup_table) {
	a->status = frames_store(a->dom, false, a->nr_frames, guest_ptr(a->frame_list.p));
	return 0;
}

SUBOP(get_status_frames, struct gnttab_get_status_frames) {
	a->status = frames_store(a->dom, true, a->nr_frames, guest_ptr(a->frame_list.p));
	return 0;
}

SUBOP(query_size, struct gnttab_query_size) {
	DOMAIN_REF(d);

	a->status = find_status(domain_find_controlled(a->dom, &d));
	if (a->status != GNTST_okay) return 0;
	a->nr_frames = READ_ONCE(d->grant->nr_frames);
	a->max_nr_frames = grant_frame_limit(d, false);
	return 0;
}

/* Tells the version in force also when it is not changed. */
SUBOP(set_version, struct gnttab_set_version) {
	int err = grant_set_version(v->domain, a->version);

	a->version = READ_ONCE(v->domain->grant->version);
	return err;
}

SUBOP(get_version, struct gnttab_get_version) {
	DOMAIN_REF(d);
	int err = domain_find_controlled(a->dom, &d);

	if (!err) a->version = READ_ONCE(d->grant->version);
	return err;
}

static const struct subop single_ops[] = {
	[GNTTABOP_setup_table] = { setup_table, sizeof(struct gnttab_setup_table), SUBOP_OUT },
	[GNTTABOP_query_size] = { query_size, sizeof(struct gnttab_query_size), SUBOP_OUT },
	[GNTTABOP_set_version] = { set_version, sizeof(struct gnttab_set_version), SUBOP_BACK },
	[GNTTABOP_get_status_frames] = { get_status_frames, sizeof(struct gnttab_get_status_frames), SUBOP_OUT },
	[GNTTABOP_get_version] = { get_version, sizeof(struct gnttab_get_version), SUBOP_OUT },
};

/* -- mapping and copying: arrays of any length -- */

/* Do each operation of an array; `cmd` goes on with the rest after a preemption. */
static __always_inline long array_run(unsigned cmd, size_t size, gvaddr_t array, unsigned count,
				      int (*one)(void *state, gvaddr_t at), void *state) {
	int err = 0;

	for (unsigned i = 0; i < count && !err; i++) {
		gvaddr_t at = guest_at(array, i, size);

		if (i && hypercall_preempt())
			return hypercall_restart(__HYPERVISOR_grant_table_op, 3, (uint64_t)cmd, at.a,
						 (uint64_t)(count - i));
		err = one(state, at);
	}
	return err;
}

/* Store the end of an operation's struct, from the byte `from` on: its results, in whole words. */
#define RESULTS_STORE(at, op, from) \
	copy_to_guest(gvaddr((at).a + (from)), (uint8_t *)&(op) + (from), sizeof(op) - (from))

static inline int map_one(void *none __unused, gvaddr_t at) {
	struct gnttab_map_grant_ref op;

	if (copy_from_guest(&op, at, sizeof(op))) return -EFAULT;
	op.status = (int16_t)grant_map(&op);
	return RESULTS_STORE(at, op, offsetof(struct gnttab_map_grant_ref, dom));
}

static inline int unmap_one(void *batch, gvaddr_t at) {
	struct gnttab_unmap_grant_ref op;
	struct unmap_batch *b = batch;

	if (copy_from_guest(&op, at, sizeof(op))) return -EFAULT;
	op.status = (int16_t)grant_unmap_begin(b, &op);
	if (op.status == GNTST_bad_handle && b->n) {
		/* The handle may be in this batch already, for its other half. */
		grant_unmap_finish(b);
		op.status = (int16_t)grant_unmap_begin(b, &op);
	}
	if (b->n == UNMAP_BATCH) grant_unmap_finish(b);
	return RESULTS_STORE(at, op, offsetof(struct gnttab_unmap_grant_ref, status));
}

static inline int copy_one(void *peers, gvaddr_t at) {
	struct gnttab_copy op;

	if (copy_from_guest(&op, at, sizeof(op))) return -EFAULT;
	op.status = (int16_t)grant_copy(&op, peers);
	return RESULTS_STORE(at, op, offsetof(struct gnttab_copy, status));
}

static __noinline long map_array(gvaddr_t array, unsigned count) {
	return array_run(GNTTABOP_map_grant_ref, sizeof(struct gnttab_map_grant_ref), array, count, map_one, NULL);
}

static __noinline long unmap_array(gvaddr_t array, unsigned count) {
	struct unmap_batch b;
	long ret;

	b.n = 0;
	b.flush = false;
	ret = array_run(GNTTABOP_unmap_grant_ref, sizeof(struct gnttab_unmap_grant_ref), array, count, unmap_one, &b);
	grant_unmap_finish(&b);
	return ret;
}

static __noinline long copy_array(gvaddr_t array, unsigned count) {
	struct domain *peer[2] = { NULL, NULL };
	long ret = array_run(GNTTABOP_copy, sizeof(struct gnttab_copy), array, count, copy_one, peer);

	domain_ref_end(&peer[0]);
	domain_ref_end(&peer[1]);
	return ret;
}

HYPERCALL(do_grant_table_op) {
	unsigned cmd = (unsigned)a1, count = (unsigned)a3;

	if ((int)count < 0) return cmd > GNTTABOP_cache_flush ? -ENOSYS : -EINVAL;
	switch (cmd) {
	case GNTTABOP_map_grant_ref: return map_array(gvaddr(a2), count);
	case GNTTABOP_unmap_grant_ref: return unmap_array(gvaddr(a2), count);
	case GNTTABOP_copy: return copy_array(gvaddr(a2), count);
	default:
		if (count != 1) return cmd < ARRAY_SIZE(single_ops) ? -EINVAL : -ENOSYS;
		return subop_call(single_ops, ARRAY_SIZE(single_ops), cmd, current, gvaddr(a2));
	}
}
