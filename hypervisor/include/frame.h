/* SPDX-License-Identifier: MIT */
/*
 * The frame table: one struct frame per machine frame. Owner, references, type and type count of a
 * frame, and the free-frame allocator. The state machine of types is written at the top of
 * mm/pagetype.c.
 */
#pragma once

#include "arch.h"

struct domain;

#define FRAME_NONE 0u /* frame 0 is never given out, so no list holds it */

/* frame.type: type in the top bits, flags, count of uses below. */
enum frame_type {
	FT_NONE,
	FT_L1,
	FT_L2,
	FT_L3,
	FT_L4,
	FT_SEGDESC, /* GDT or LDT page */
	FT_WRITABLE,
	FT_SHARED, /* ring-0 page shown to a guest: never changes type */
};

struct frame {
	uint64_t refs;       /* atomic: FRAME_* flags and the reference count; 0: free */
	uint64_t type;       /* atomic: enum frame_type, FTF_* flags, count; see mm/pagetype.c */
	uint32_t next, prev; /* list links as frame numbers, FRAME_NONE at the ends (list's lock) */
	union {
		uint32_t tlb_stamp; /* low half of tlb_clock when the last type use or reference went */
		struct {
			uint16_t slab_first, slab_used; /* of a page of small objects: see mm/heap.c */
		};
	};
	uint16_t owner;   /* domid; DOMID_XEN: ring 0; DOMID_IO: MMIO; DOMID_INVALID: free */
	uint16_t partial; /* validation progress of a table, see mm/table.c; of a free block or a
			     heap page: its order */
};

/* frame.refs: */
#define FRAME_ALLOCATED (1ULL << 63)       /* the owner's allocation reference is not dropped yet */
#define FRAME_RING0     (1ULL << 62)       /* ring 0's own page, perhaps shown to a domain */
#define FRAME_UNCACHED  (1ULL << 61)       /* may have been mapped other than write-back */
#define FRAME_FOREIGN   (1ULL << 60)       /* another domain than the owner may have it mapped writable */
#define FRAME_COUNT     ((1ULL << 56) - 1) /* more than all memory has room for entries that map the frame */

/* frame.type: */
#define FTF_TYPE_SHIFT    61
#define FTF_TYPE(t)       ((uint64_t)(t) << FTF_TYPE_SHIFT)
#define FTF_TYPE_MASK     FTF_TYPE(7)
#define FTF_PINNED        (1ULL << 60) /* a pin holds one use */
#define FTF_VALIDATED     (1ULL << 59) /* contents checked, references of all entries held */
#define FTF_PARTIAL       (1ULL << 58) /* see mm/table.c */
#define FTF_BUSY          (1ULL << 57) /* in transition between types: wait */
#define FTF_LINEAR_ENTRY  (1ULL << 44) /* unit: entries of mine that map a table of my level */
#define FTF_LINEAR_ENTRYS (0x7ffULL << 44)
#define FTF_LINEAR_USE    (1ULL << 32) /* unit: entries of other tables of my level that map me */
#define FTF_LINEAR_USES   (0xfffULL << 32)
#define FTF_COUNT         0xffffffffULL

static inline enum frame_type frame_type_of(uint64_t type_word) {
	return (enum frame_type)(type_word >> FTF_TYPE_SHIFT);
}

extern struct frame *frame_table;          /* indexed by mfn */
extern uint64_t frame_count;               /* frames below the end of RAM */
extern uint64_t frames_total, frames_free; /* RAM frames handed to the allocator in all; free now */
/* First frame number beyond what the CPU's physical addresses reach; set at boot. */
extern uint64_t frame_limit;
/* L1TF: first frame number that no cached data can have; 0 on CPUs that are immune. Set at boot. */
extern uint64_t l1tf_limit;

/* Known to the frame table (RAM below frame_count). */
static inline bool mfn_valid(mfn_t m) { return mfn_x(m) < frame_count; }
static inline struct frame *frame_of(mfn_t m) { return &frame_table[mfn_x(m)]; }
static inline mfn_t frame_mfn(const struct frame *f) { return mfn((uint64_t)(f - frame_table)); }

/* Fill a frame with zeros. Whoever may see it meanwhile is the caller's concern. */
static inline void frame_clear(mfn_t m) {
	void *p = frame_map(m);

	memset(p, 0, PAGE_SIZE);
	frame_unmap(p);
}

/* -- allocator (mm/frame_alloc.c) -- */

/*
 * Once, when frame_table and frame_count are set: every frame becomes DOMID_IO's, that is no RAM,
 * mappable by domains with permission for it (domain/permit.c).
 */
void frames_init(void);
/*
 * Hand a range of RAM to the allocator (boot; also boot memory when it is given back). The frame
 * table must cover it. Frame 0 is left out.
 */
void frames_add(mfn_t first, unsigned long n);
/* Mark a range as ring 0's for good (image, frame table, machine-to-physical table): no domain may
 * map it. */
void frames_reserve(mfn_t first, unsigned long n);
/*
 * 2^order contiguous, aligned frames with no owner, below 2^address_bits, contents undefined, no
 * TLB entry anywhere that maps them writable. INVALID_MFN if there are none.
 */
mfn_t frame_alloc_raw(unsigned order, unsigned address_bits) __must_check;
/* Give 2^order frames back (refs 0). Their contents are scrubbed before a domain gets them. */
void frame_free_raw(mfn_t m, unsigned order);

/*
 * Ring 0's own memory: zeroed, 16-byte aligned; above half a page whole pages, 2^n of them together.
 * NULL if there is none.
 */
void *heap_alloc(size_t size) __must_check;
void heap_free(void *p);
/* Bytes in use, for leak checks. */
uint64_t heap_bytes_used(void);

/*
 * Give d 2^order zeroed frames below 2^address_bits, with one allocation reference each. 0, -ENOMEM
 * (machine), -E2BIG (max_pages), -EINVAL (dying).
 */
int domain_frames_alloc(struct domain *d, unsigned order, unsigned address_bits, mfn_t *first) __must_check;
/* Drop the allocation reference: the frame is freed when the last reference goes. -EINVAL if it is
 * not d's or was dropped already. */
int domain_frame_release(struct domain *d, mfn_t m) __must_check;
/*
 * For XENMEM_exchange: take a frame out of d's use if nothing but d's allocation holds it (true),
 * put it back, or free it. It stays counted in tot_pages, and in d's list, until freed.
 */
bool domain_frame_steal(struct domain *d, mfn_t m) __must_check;
void domain_frame_unsteal(mfn_t m);
/* `replaced`: frames for it were assigned already, tot_pages stays. */
void domain_frame_free(struct domain *d, mfn_t m, bool replaced);
/* Make fresh frames d's; tot_pages counts them already. -EINVAL (dying): they are freed and counted
 * out. */
int domain_frames_assign(struct domain *d, mfn_t first, unsigned order) __must_check;
/* Take all memory back from a dying domain: unpin, drop allocation references. -ERESTART when
 * preempted. */
int domain_relinquish_memory(struct domain *d) __must_check;
/*
 * Show a heap page to a domain: it may map it (writable or not). frame_unshare() takes
 * the place of heap_free(): the page is freed when the last mapping of it goes.
 */
void frame_share(void *page, struct domain *d, bool readonly);
void frame_unshare(void *page);

/* -- references and types (mm/pagetype.c) -- */

/* Take a reference if the frame belongs to d. False if it does not (or is free). */
bool frame_get(mfn_t m, const struct domain *d) __must_check;
void frame_put(mfn_t m);
/* A reference and a use as FT_WRITABLE or FT_SEGDESC of a frame of d's. 0, -EPERM (not d's), -EINVAL
 * (has another type in use), -EBUSY. */
int frame_get_as(mfn_t m, struct domain *d, enum frame_type t) __must_check;
void frame_put_as(mfn_t m);

/* -- page tables -- */

/*
 * Take a use of m as d's table of a level (1..4), validating it if it is not one yet. Under no
 * lock; takes d->mm_lock. 0, -EPERM, -EINVAL (contents or type), -EBUSY, -ENOMEM, -ERESTART
 * (preempted; partial state kept in the frame). frame reference and type use are held on 0.
 */
int table_get(struct domain *d, mfn_t m, unsigned level) __must_check;
/* Drop a use; the last one devalidates. -ERESTART when preempted: the use is gone, call
 * table_put_resume() until 0. */
int table_put(struct domain *d, mfn_t m) __must_check;
/* Go on with a devalidation that was preempted; 0 also if someone else finished or reversed it. */
int table_put_resume(struct domain *d, mfn_t m) __must_check;
int table_pin(struct domain *d, mfn_t m, unsigned level) __must_check;
int table_unpin(struct domain *d, mfn_t m) __must_check;

/* Whose tables an update changes, and whose frames it may map there. */
struct pt_context {
	struct domain *d;   /* owns the tables; its mm_lock serialises */
	domid_t frames;     /* owner of the frames that L1 entries map; DOMID_IO: devices only;
			       DOMID_XEN: the machine-to-physical table only */
	struct domain *io;  /* whose permission for device memory counts */
	struct vcpu *giver; /* the running vCPU: keeps a preempted devalidation (table_giveup) */
	domid_t plain;      /* `frames` if that is d, else DOMID_INVALID: l1e_get_special() sees those */
};
struct mmu_update;
/*
 * Carry out MMU_NORMAL_PT_UPDATE, _PRESERVE_AD and _NO_TRANSLATE requests (ptr: machine address of
 * the entry with the command in the low bits) under one hold of mm_lock, up to the first of another
 * kind. *done counts those that succeeded. 0, or the first refusal; -ERESTART: preempted at request
 * *done.
 */
int pt_update_batch(const struct pt_context *c, const struct mmu_update *req, unsigned n, unsigned *done) __must_check;
/* The same for a single request; -ENOSYS if it is of another kind. */
int pt_update_one(const struct pt_context *c, uint64_t ptr, uint64_t val) __must_check;
/* update_va_mapping: change the L1 entry that maps va in c->giver's present address space. 0,
 * -EINVAL (also: no L1 table there), -EPERM, -EBUSY, -ERESTART. */
int pt_update_va(const struct pt_context *c, gvaddr_t va, uint64_t e) __must_check;
/* CPUs that may run vCPUs of v's domain out of a guest's bitmap (as UVMF_MULTI has it). 0, -EFAULT. */
int flush_targets(const struct vcpu *v, gvaddr_t bitmap, cpumask_t *out) __must_check;
/* Finish a devalidation the vCPU's last operation had to leave; first thing in every page-table
 * hypercall. Under no lock. 0 or -ERESTART. */
int table_giveup_finish(struct vcpu *v) __must_check;

/* The entry by which the running guest's tables (present mode's root) map va; 0 if there is no table. */
uint64_t guest_walk(struct vcpu *v, gvaddr_t va) __must_check;
/*
 * For the page-fault path: the running domain's L1 table that va maps (read-only), and the entry
 * there as it stands. False if it maps none. (Stores to upper tables are not emulated, as on stock
 * Xen.)
 */
bool pt_store_target(struct vcpu *v, gvaddr_t va, mfn_t *table, uint64_t *entry) __must_check;
/*
 * An emulated guest store of the entry at va, in `table` as found by pt_store_target(); only if it is
 * *expect still, when that is given. Validated as mmu_update. 0, -EINVAL, -EPERM, -EBUSY (refused),
 * -EFAULT (no table any more), -EAGAIN (entry changed meanwhile, or preempted: run the instruction again).
 */
int pt_store(struct vcpu *v, mfn_t table, gvaddr_t va, const uint64_t *expect, uint64_t e) __must_check;

/*
 * NEW_BASEPTR / NEW_USER_BASEPTR, vCPU set-up and release: exchange v's root for m (INVALID_MFN:
 * none; the kernel's only while v does not run). 0, table_get()'s errors; -ERESTART: call again
 * with the same arguments.
 */
int vcpu_root_set(struct vcpu *v, mfn_t m, bool user) __must_check;

/* -- grant mappings -- */

/*
 * Make the entry e, which maps a frame of `owner` write-back and for the guest's mode, where va
 * `addr` of the running guest is mapped or (is_pte) at machine address `addr`; *at is the entry's
 * machine address. The entry before it gives its references back. 0, -EINVAL, -EFAULT (no L1 table in
 * use there), -EPERM (frame not owner's), -EBUSY.
 */
int l1_place_map(struct vcpu *v, uint64_t addr, bool is_pte, const struct domain *owner, uint64_t e,
		 maddr_t *at) __must_check;
/* Clear the entry if it still maps m with these rights. */
void l1_place_unmap(struct domain *d, maddr_t at, mfn_t m, bool writable);

/* -- machine-to-physical table -- */

/*
 * For each machine frame the number by which its owner knows it. Guests read it in their own
 * address space (arch maps it there); nothing in ring 0 trusts it.
 */
#define M2P_INVALID (~0ULL)
extern uint64_t *m2p_table; /* writable view, set by arch at boot */
static inline void m2p_set(mfn_t m, uint64_t gpfn) { WRITE_ONCE(m2p_table[mfn_x(m)], gpfn); }
static inline uint64_t m2p_get(mfn_t m) { return mfn_valid(m) ? READ_ONCE(m2p_table[mfn_x(m)]) : M2P_INVALID; }
