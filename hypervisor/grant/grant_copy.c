/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_copy: bytes from one frame to another. Either side is a frame of the caller or a grant
 * that somebody made to the caller, which is pinned for the time of the copy.
 */
#include "table.h"

/* One side of a copy, with its references. */
struct copy_side {
	struct domain *granter; /* NULL: the caller's own frame; the peer cache's reference */
	grant_ref_t ref;
	bool readonly;
	struct granted g;
};

static int side_open_own(struct copy_side *s, const struct gnttab_copy_ptr *p) {
	struct domain *d = current->domain;
	mfn_t m = mfn(p->u.gmfn);

	if (p->domid != DOMID_SELF) return GNTST_permission_denied;
	s->granter = NULL;
	s->g = (struct granted){ m, 0, PAGE_SIZE };
	return page_status(page_get(m, d->id, !s->readonly));
}

/* The domain of that id; the cache keeps the reference until another is asked for. */
static struct domain *peer_find(struct domain **peer, domid_t id) {
	if (likely(*peer) && (*peer)->id == id) return *peer;
	domain_ref_end(peer);
	return domain_find(id, peer) ? NULL : *peer;
}

static int side_open(struct copy_side *s, const struct gnttab_copy_ptr *p, bool is_ref, struct domain **peer) {
	int status;

	if (!is_ref) return side_open_own(s, p);
	s->granter = peer_find(peer, p->domid);
	if (!s->granter) return GNTST_bad_domain;
	s->ref = p->u.ref;
	status = grant_pin(s->granter, s->ref, s->readonly, false, &s->g);
	if (status != GNTST_okay) return status;
	status = page_status(page_get(s->g.frame, s->granter->id, !s->readonly));
	if (unlikely(status != GNTST_okay)) grant_unpin(s->granter, s->ref, s->readonly);
	return status;
}

static void side_close(struct copy_side *s) {
	page_put(s->g.frame, !s->readonly);
	if (s->granter) grant_unpin(s->granter, s->ref, s->readonly);
}

static bool side_holds(const struct copy_side *s, unsigned offset, unsigned len) {
	return offset >= s->g.start && offset + len <= s->g.end;
}

static void copy_bytes(const struct gnttab_copy *op, const struct copy_side *from, const struct copy_side *to) {
	const uint8_t *src = frame_map(from->g.frame);
	uint8_t *dst = frame_map(to->g.frame);

	memmove(dst + op->dest.offset, src + op->source.offset, op->len);
	frame_unmap(dst);
	frame_unmap(src);
}

int grant_copy(const struct gnttab_copy *op, struct domain *peer[2]) {
	struct copy_side from = { .readonly = true }, to = { .readonly = false };
	int status;

	if (op->flags & ~(GNTCOPY_source_gref | GNTCOPY_dest_gref)) return GNTST_general_error;
	if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE) return GNTST_bad_copy_arg;
	status = side_open(&from, &op->source, op->flags & GNTCOPY_source_gref, &peer[0]);
	if (status != GNTST_okay) return status;
	status = side_open(&to, &op->dest, op->flags & GNTCOPY_dest_gref, &peer[1]);
	if (status == GNTST_okay) {
		if (side_holds(&from, op->source.offset, op->len) && side_holds(&to, op->dest.offset, op->len))
			copy_bytes(op, &from, &to);
		else
			status = GNTST_general_error;
		side_close(&to);
	}
	side_close(&from);
	return status;
}
