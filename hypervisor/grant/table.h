/* SPDX-License-Identifier: MIT */
/* Private to grant/: the table, its entries, the tracking of mappings. The model is in grant.c. */
#pragma once

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
	struct domain *granter; /* reference held; NULL: free, or in a vCPU's hands */
	maddr_t entry;          /* that maps it, in one of the mapper's L1 tables */
	mfn_t frame;            /* the frame mapped */
	grant_ref_t ref;        /* free handle: the next free one */
	bool host, device, readonly;
};
#define MAPTRACK_PER_PAGE (PAGE_SIZE / sizeof(struct maptrack))
#define MAPTRACK_NONE     UINT32_MAX
/* Handles that one of max_maptrack_frames stands for, whatever size ours have. */
#define MAPTRACK_PER_LIMIT 256

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
	grant_status_t **status;  /* version 2: shown to the guest */
	uint32_t pinned;          /* pins of all entries */

	struct spinlock maptrack_lock; /* RANK_MAPTRACK */
	/* maptrack_lock; read without it up to nr_handles: */
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
/* Pin entry ref of d for the running domain. GNTST_okay or the error for the guest. whole: only
 * grants of whole frames will do. */
int grant_pin(struct domain *d, grant_ref_t ref, bool readonly, bool whole, struct granted *out) __must_check;
void grant_unpin(struct domain *d, grant_ref_t ref, bool readonly);

/* What page_get() says, to the guest. */
static inline int page_status(int err) {
	return likely(!err) ? GNTST_okay : err == -EPERM ? GNTST_bad_page : GNTST_general_error;
}

/* The pages of handles go with the table (grant_map.c). */
void maptrack_free(struct grant_table *gt);

/* -- operations on the running domain's behalf; each returns a GNTST_* */

int grant_map(struct gnttab_map_grant_ref *op);

/*
 * Undoing up to UNMAP_BATCH mappings with one TLB flush between clearing entries and dropping pins.
 * begin: undo the host and device mapping asked for; finish: complete them all.
 */
#define UNMAP_BATCH 32
struct unmap_batch {
	unsigned n;
	bool flush;
	uint64_t flush_va; /* of the only host mapping cleared, else TLB_FLUSH_ALL */
	struct {
		struct maptrack *m;
		struct domain *granter;
		uint32_t handle;
	} item[UNMAP_BATCH];
};
int grant_unmap_begin(struct unmap_batch *b, const struct gnttab_unmap_grant_ref *op);
void grant_unmap_finish(struct unmap_batch *b);

/* `peer`: the domains, with references, that the last copy's source and destination grants were of; an
 * array of copies mostly names one. */
int grant_copy(const struct gnttab_copy *op, struct domain *peer[2]);
