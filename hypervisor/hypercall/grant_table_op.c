/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_*: a command and an array of operations, each of which gets its own status. The
 * hypercall fails as a whole only when an operation cannot be read or its status not written.
 */
#include "hypercall.h"
#include "../grant/table.h"

/* A domain named in a query or set-up: the caller's own, or any for who may control it. */
static int domain_for_setup(domid_t id, struct domain **out) {
	int err = domain_find(id, out);

	if (err) return GNTST_bad_domain;
	if (*out != current->domain && domain_may_control(*out)) {
		domain_put(*out);
		return GNTST_permission_denied;
	}
	return GNTST_okay;
}

/* Store the frame numbers [0, n) of the table or its status pages. */
static int frames_store(struct domain *d, bool status, unsigned n, gvaddr_t list) {
	for (unsigned i = 0; i < n; i++) {
		mfn_t m;

		if (grant_frame(d, status, i, &m)) return GNTST_general_error;
		if (copy_to_guest(guest_at(list, i, sizeof(uint64_t)), &m.n, sizeof(m.n)))
			return GNTST_bad_virt_addr;
	}
	return GNTST_okay;
}

static long setup_table(unsigned cmd __unused, gvaddr_t array, unsigned count) {
	struct gnttab_setup_table op;
	struct domain *d;

	if (count != 1) return -EINVAL;
	if (copy_from_guest(&op, array, sizeof(op))) return -EFAULT;
	op.status = (int16_t)domain_for_setup(op.dom, &d);
	if (op.status == GNTST_okay) {
		op.status = grant_resize(d, op.nr_frames) ? GNTST_general_error : GNTST_okay;
		if (op.status == GNTST_okay)
			op.status = (int16_t)frames_store(d, false, op.nr_frames, guest_ptr(op.frame_list.p));
		domain_put(d);
	}
	return copy_to_guest(array, &op, sizeof(op));
}

static long get_status_frames(unsigned cmd __unused, gvaddr_t array, unsigned count) {
	struct gnttab_get_status_frames op;
	struct domain *d;

	if (count != 1) return -EINVAL;
	if (copy_from_guest(&op, array, sizeof(op))) return -EFAULT;
	op.status = (int16_t)domain_for_setup(op.dom, &d);
	if (op.status == GNTST_okay) {
		op.status = (int16_t)frames_store(d, true, op.nr_frames, guest_ptr(op.frame_list.p));
		domain_put(d);
	}
	return copy_to_guest(array, &op, sizeof(op));
}

static long query_size(unsigned cmd __unused, gvaddr_t array, unsigned count) {
	struct gnttab_query_size op;
	struct domain *d;

	if (count != 1) return -EINVAL;
	if (copy_from_guest(&op, array, sizeof(op))) return -EFAULT;
	op.status = (int16_t)domain_for_setup(op.dom, &d);
	if (op.status == GNTST_okay) {
		op.nr_frames = grant_frame_count(d);
		op.max_nr_frames = grant_frame_limit(d, false);
		domain_put(d);
	}
	return copy_to_guest(array, &op, sizeof(op));
}

static long set_version(unsigned cmd __unused, gvaddr_t array, unsigned count) {
	struct domain *d = current->domain;
	struct gnttab_set_version op;
	int err;

	if (count != 1) return -EINVAL;
	if (copy_from_guest(&op, array, sizeof(op))) return -EFAULT;
	err = grant_set_version(d, op.version);
	op.version = grant_version(d);
	return copy_to_guest(array, &op, sizeof(op)) ? -EFAULT : err;
}

static long get_version(unsigned cmd __unused, gvaddr_t array, unsigned count) {
	struct gnttab_get_version op;
	struct domain *d;
	int err;

	if (count != 1) return -EINVAL;
	if (copy_from_guest(&op, array, sizeof(op))) return -EFAULT;
	err = domain_find(op.dom, &d);
	if (err) return err;
	err = d == current->domain ? 0 : domain_may_control(d);
	op.version = grant_version(d);
	domain_put(d);
	return err ? err : copy_to_guest(array, &op, sizeof(op));
}

/* -- mapping and copying: arrays of any length -- */

/* Stop here; go on with operation `done`. */
static long array_restart(unsigned cmd, gvaddr_t array, size_t size, unsigned done, unsigned count) {
	return hypercall_restart(__HYPERVISOR_grant_table_op, 3, (uint64_t)cmd, guest_at(array, done, size).a,
				 (uint64_t)(count - done));
}

static long map_grant_ref(unsigned cmd, gvaddr_t array, unsigned count) {
	struct gnttab_map_grant_ref op;
	struct domain *d;

	for (unsigned i = 0; i < count; i++) {
		gvaddr_t at = guest_at(array, i, sizeof(op));

		if (i && hypercall_preempt()) return array_restart(cmd, array, sizeof(op), i, count);
		if (copy_from_guest(&op, at, sizeof(op))) return -EFAULT;
		if (domain_find(op.dom, &d)) {
			op.status = GNTST_bad_domain;
		} else {
			op.status = (int16_t)grant_map(&op, d);
			if (op.status != GNTST_okay) domain_put(d);
		}
		if (copy_to_guest(at, &op, sizeof(op))) return -EFAULT;
	}
	return 0;
}

static int unmap_one(struct unmap_batch *b, gvaddr_t at) {
	struct gnttab_unmap_grant_ref op;

	if (copy_from_guest(&op, at, sizeof(op))) return -EFAULT;
	op.status = (int16_t)grant_unmap_begin(b, &op);
	if (op.status == GNTST_bad_handle && b->n) {
		/* The handle may be in this batch already, for its other half. */
		grant_unmap_finish(b);
		op.status = (int16_t)grant_unmap_begin(b, &op);
	}
	at.a += offsetof(struct gnttab_unmap_grant_ref, status);
	return copy_to_guest(at, &op.status, sizeof(op.status));
}

static long unmap_grant_ref(unsigned cmd, gvaddr_t array, unsigned count) {
	const size_t size = sizeof(struct gnttab_unmap_grant_ref);
	struct unmap_batch b;
	unsigned i = 0;
	int err = 0;

	grant_unmap_init(&b, current->domain);
	while (i < count && !err) {
		err = unmap_one(&b, guest_at(array, i++, size));
		if (b.n < UNMAP_BATCH && i < count && !err) continue;
		grant_unmap_finish(&b);
		if (!err && i < count && hypercall_preempt())
			return array_restart(cmd, array, size, i, count);
	}
	return err;
}

static long copy_array(unsigned cmd, gvaddr_t array, unsigned count, struct copy_peer peer[2]) {
	struct gnttab_copy op;
	int16_t status;

	for (unsigned i = 0; i < count; i++) {
		gvaddr_t at = guest_at(array, i, sizeof(op));

		if (i && hypercall_preempt()) return array_restart(cmd, array, sizeof(op), i, count);
		if (copy_from_guest(&op, at, sizeof(op))) return -EFAULT;
		status = (int16_t)grant_copy(&op, peer);
		at.a += offsetof(struct gnttab_copy, status);
		if (copy_to_guest(at, &status, sizeof(status))) return -EFAULT;
	}
	return 0;
}

static long copy(unsigned cmd, gvaddr_t array, unsigned count) {
	struct copy_peer peer[2] = { { NULL, 0 }, { NULL, 0 } };
	long ret = copy_array(cmd, array, count, peer);

	copy_peer_put(&peer[0]);
	copy_peer_put(&peer[1]);
	return ret;
}

static long (*const grant_ops[])(unsigned cmd, gvaddr_t array, unsigned count) = {
	[GNTTABOP_map_grant_ref] = map_grant_ref,
	[GNTTABOP_unmap_grant_ref] = unmap_grant_ref,
	[GNTTABOP_copy] = copy,
	[GNTTABOP_setup_table] = setup_table,
	[GNTTABOP_query_size] = query_size,
	[GNTTABOP_set_version] = set_version,
	[GNTTABOP_get_status_frames] = get_status_frames,
	[GNTTABOP_get_version] = get_version,
};

HYPERCALL(do_grant_table_op) {
	unsigned cmd = (unsigned)a1, count = (unsigned)a3;

	if (cmd >= ARRAY_SIZE(grant_ops)) return -ENOSYS;
	cmd = (unsigned)index_nospec(cmd, ARRAY_SIZE(grant_ops));
	if (!grant_ops[cmd]) return -ENOSYS;
	if ((int)count < 0) return -EINVAL;
	return grant_ops[cmd](cmd, gvaddr(a2), count);
}
