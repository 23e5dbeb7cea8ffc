/* SPDX-License-Identifier: MIT */
/* Private to grant/: the table, its entries, the tracking of mappings. The model is in grant.c. */
#ifndef TENON_GRANT_TABLE_H
#define TENON_GRANT_TABLE_H

#include "../mm/pt.h"
#include "frame.h"
#include "grant.h"

#include <xen/grant_table.h>

#define V1_PER_FRAME     (PAGE_SIZE / sizeof(struct grant_entry_v1))
#define V2_PER_FRAME     (PAGE_SIZE / sizeof(union grant_entry_v2))
#define STATUS_PER_FRAME (PAGE_SIZE / sizeof(grant_status_t))
#define PINS_PER_FRAME   V1_PER_FRAME /* enough for either version */

/* How often an entry is in use: while it is, its GTF_reading (and GTF_writing) is set. */
struct grant_pins {
	uint16_t readers, writers;
};

/* A mapping that the domain made of a granted page; its index is the handle. */
struct maptrack {
	uint64_t host_addr;     /* as given by the guest */
	struct domain *granter; /* reference held; NULL: handle is free */
	uint32_t table;         /* L1 table with the mapping's entry */
	uint32_t frame;         /* the frame mapped */
	grant_ref_t ref;        /* free handle: the next free one */
	uint16_t index;         /* of the entry in the table */
	uint8_t host : 1, device : 1, readonly : 1;
	bool busy; /* being undone by a vCPU */
};
#define MAPTRACK_PER_PAGE (PAGE_SIZE / sizeof(struct maptrack))
#define MAPTRACK_NONE     UINT32_MAX
/* Handles that one of max_maptrack_frames stands for, whatever size ours have. */
#define MAPTRACK_PER_LIMIT 256
_Static_assert(sizeof(struct maptrack) == 32, "a page holds 128 handles");

struct grant_table {
	/* set at creation, const after: */
	unsigned max_frames, max_version;
	uint32_t max_handles;

	struct spinlock lock; /* RANK_GRANT */
	/* lock: */
	unsigned version;
	unsigned nr_frames, nr_status;
	void **shared;            /* max_frames pages, shown to the guest */
	struct grant_pins **pins; /* an array for each of them, by entry */
	grant_status_t **status;  /* version 2: shown to the guest; NULL until asked for */
	uint32_t pinned;          /* pins of all entries */

	struct spinlock maptrack_lock; /* RANK_MAPTRACK */
	/* maptrack_lock; an entry marked busy belongs to who marked it: */
	struct maptrack **maptrack; /* pages; NULL until the first mapping */
	uint32_t nr_handles, free_handle;
	uint32_t destroy_at; /* progress of grant_domain_destroy() */
};

/* Entries there are in the present version. Lock held. */
static inline unsigned grant_entries(const struct grant_table *gt) {
	return gt->nr_frames * (unsigned)(gt->version == 1 ? V1_PER_FRAME : V2_PER_FRAME);
}
static inline unsigned status_frames_for(unsigned nr_frames) {
	return (unsigned)DIV_ROUND_UP(nr_frames * V2_PER_FRAME, STATUS_PER_FRAME);
}

/* -- entries (grant_entry.c) */

/* What a pinned entry grants: a frame number the granter wrote, and the bytes [start, end) of it. */
struct granted {
	mfn_t frame;
	unsigned start, end;
};
/* Pin entry ref of d for `grantee`. GNTST_okay or the error for the guest. whole: only grants of
 * whole frames will do. */
int grant_pin(struct domain *d, grant_ref_t ref, domid_t grantee, bool readonly, bool whole,
	      struct granted *out) __must_check;
void grant_unpin(struct domain *d, grant_ref_t ref, bool readonly);
/* A reference to a frame of d's, with a use as writable page unless readonly. GNTST_*. */
static inline int granted_get(struct domain *d, mfn_t frame, bool readonly) {
	struct frame *f = frame_take(frame, d->id);

	if (unlikely(!f)) return GNTST_bad_page;
	if (readonly || likely(!type_get_writable(f))) return GNTST_okay;
	ref_drop(f);
	return GNTST_general_error;
}
static inline void granted_put(mfn_t frame, bool readonly) {
	struct frame *f = frame_of(frame);

	if (!readonly) type_put(f);
	ref_drop(f);
}

/* -- handles (maptrack.c) */

/* A free handle of d, marked busy: MAPTRACK_NONE if the limit or memory is reached. */
uint32_t maptrack_get(struct domain *d, struct maptrack **out) __must_check;
/* The mapping is made: others of the domain may find its handle. */
void maptrack_publish(struct maptrack *m, struct domain *granter);
/* Give a busy handle back. */
void maptrack_put(struct domain *d, uint32_t handle, struct maptrack *m);
/* Mark the handle busy: NULL if there is no such mapping or it is busy. */
struct maptrack *maptrack_claim(struct domain *d, uint32_t handle) __must_check;
void maptrack_release(struct domain *d, struct maptrack *m);
void maptrack_free(struct grant_table *gt);

/* -- operations on the running domain's behalf; each returns a GNTST_* */

/* Takes over the caller's reference to the granter on success. */
int grant_map(struct gnttab_map_grant_ref *op, struct domain *granter);

/* Undoing up to UNMAP_BATCH mappings with one TLB flush between clearing entries and dropping pins. */
#define UNMAP_BATCH 32
struct unmap_batch {
	struct domain *mapper;
	unsigned n;
	uint64_t flush_va; /* of the only host mapping cleared, else TLB_FLUSH_ALL */
	bool flush;
	struct {
		struct maptrack *m;
		uint32_t handle;
	} item[UNMAP_BATCH];
};
static inline void grant_unmap_init(struct unmap_batch *b, struct domain *mapper) {
	b->mapper = mapper;
	b->n = 0;
	b->flush = false;
}
/* Undo the host and device mapping asked for; completed by unmap_finish(). */
int grant_unmap_begin(struct unmap_batch *b, const struct gnttab_unmap_grant_ref *op);
void grant_unmap_finish(struct unmap_batch *b);

/* The domain that the last copy's source (0) or destination (1) grant was of, with a reference: an
 * array of copies mostly names one. Starts zeroed. */
struct copy_peer {
	struct domain *d;
	domid_t id;
};
void copy_peer_put(struct copy_peer *peer);
int grant_copy(const struct gnttab_copy *op, struct copy_peer peer[2]);

#endif
