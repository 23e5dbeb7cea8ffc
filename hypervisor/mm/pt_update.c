/* SPDX-License-Identifier: MIT */
/*
 * Changes of page tables in use.
 *
 * Each change takes the references of the new entry (this may fail), stores it, and drops those of
 * the old one (this cannot fail, but the last use of a table may take long to give back). Under the
 * owner's mm_lock the processor alone writes to an entry besides us, and only its A and D bits; so
 * what an entry maps is stable while a change is decided.
 *
 * A change within the same frame moves no reference; of the right to write, a use as writable page.
 *
 * When an upper entry gives up a tree, the rest of the work is remembered in the vCPU
 * (table_giveup) and finished before its next page-table operation starts.
 */
#include "frame.h"
#include "hypercall.h"
#include "pt.h"

/* Number of the entry at an address (machine, or where its table is mapped). */
static inline unsigned entry_index(uint64_t at) { return at / sizeof(uint64_t) % PT_ENTRIES; }

/* What decides about the references of an L1 entry, and of one above. */
#define L1_REFS (PTE_ADDR | PTE_P | PTE_RW | PTE_CACHE)
#define LN_REFS (PTE_ADDR | PTE_P | PTE_RW | PTE_PSE | PTE_PCD | PTE_PWT | PTE_G)

/* A change of one entry: store e, keeping the bits `keep` of what is there; with `expect` only if
 * the entry is still this. */
struct pt_change {
	uint64_t e, keep;
	const uint64_t *expect;
};

static __always_inline bool slot_store(uint64_t *slot, uint64_t old, uint64_t e, const struct pt_change *change) {
	if (likely(!change->expect && !change->keep)) {
		__atomic_store_n(slot, e, __ATOMIC_RELEASE);
		return true;
	}
	if (change->expect) {
		old = *change->expect;
		return __atomic_compare_exchange_n(slot, &old, e, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	}
	while (!__atomic_compare_exchange_n(slot, &old, e | (old & change->keep), true, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED))
		;
	return true;
}

/*
 * The entry maps the frame that it did: its reference stays. With the right to write goes or comes a use as
 * writable page.
 */
static __always_inline int l1_set_same(uint64_t *slot, uint64_t old, const struct pt_change *change) {
	uint64_t gains = ~old & change->e & PTE_RW, loses = old & ~change->e & PTE_RW;
	struct frame *f = frame_of(pte_mfn(old));
	int rc = gains ? type_get_writable(f) : 0;

	if (unlikely(rc)) return rc;
	if (unlikely(!slot_store(slot, old, pte_stored(change->e), change))) {
		loses = gains;
		rc = -EAGAIN;
	}
	if (loses) type_put(f);
	return rc;
}

static __always_inline int l1_set(const struct pt_context *c, uint64_t *slot, const struct pt_change *change) {
	uint64_t old = READ_ONCE(*slot), e = change->e, differ = (old ^ e) & L1_REFS;
	int rc;

	/* frames that are not ours are judged anew when the right to write changes */
	if (e & PTE_P && (!differ || (differ == PTE_RW && frame_is_of(pte_mfn(e), c->plain))))
		return l1_set_same(slot, old, change);
	rc = l1e_get(c, &e);
	if (unlikely(rc)) return rc;
	if (unlikely(!slot_store(slot, old, e, change))) {
		l1e_put(e);
		return -EAGAIN;
	}
	l1e_put(old);
	return 0;
}

/* The plain store, for batches. */
static __always_inline int l1_set_plain(const struct pt_context *c, uint64_t *slot, uint64_t e) {
	return l1_set(c, slot, &(struct pt_change){ .e = e });
}

/* Work on whole tables counts for hypercall_preempt(), as in PT_STEP: a request of 32 may come with a table or two. */
static void work_note(unsigned left) { this_cpu()->preempt_budget += (pt_work() - left) / 2; }

static void upper_put(const struct pt_context *c, struct frame *f, unsigned level, uint64_t e) {
	unsigned left = pt_work();

	if (lne_put(c->d, f, level, e, &left) == -ERESTART) c->giver->table_giveup = mfn_x(pte_mfn(e)) + 1;
	work_note(left);
}

static int upper_set(const struct pt_context *c, struct frame *f, unsigned level, uint64_t *slot,
		     const struct pt_change *change) {
	uint64_t old = READ_ONCE(*slot), e = change->e;
	unsigned left = pt_work();
	int rc;

	if (e & PTE_P && !((old ^ e) & LN_REFS)) return slot_store(slot, old, pte_stored(e), change) ? 0 : -EAGAIN;
	rc = lne_get(c->d, f, level, &e, &left);
	work_note(left);
	if (rc) return rc;
	if (!slot_store(slot, old, e, change)) {
		upper_put(c, f, level, e);
		return -EAGAIN;
	}
	upper_put(c, f, level, old);
	return 0;
}

/*
 * Change entry `index` of the validated table f, which is mapped and has the entry at slot; mm_lock
 * held. 0, -EINVAL, -EPERM, -EBUSY, -EAGAIN (not as expected), -ERESTART (preempted, nothing
 * changed). A table that fell out of use may be left in c->giver->table_giveup.
 */
static int entry_set(const struct pt_context *c, struct frame *f, uint64_t *slot, unsigned index,
		     const struct pt_change *change) {
	unsigned level = type_level(type_load(f));

	if (likely(level == 1)) return l1_set(c, slot, change);
	if (level == 4 && l4_index_is_hv(index)) return -EINVAL;
	return upper_set(c, f, level, slot, change);
}

/* -- mmu_update -- */

/* The table that the last request was about: referenced and mapped. */
struct cursor {
	mfn_t m;
	struct frame *f;
	uint64_t *table; /* NULL: none */
};

static void cursor_close(struct cursor *at) {
	if (!at->table) return;
	frame_unmap(at->table);
	frame_put(at->m);
	at->table = NULL;
}

static int cursor_move(struct cursor *at, const struct domain *d, mfn_t m) {
	if (likely(at->table && mfn_eq(at->m, m))) return 0;
	cursor_close(at);
	if (!frame_get(m, d)) return -EINVAL;
	at->m = m;
	at->f = frame_of(m);
	at->table = frame_map(m);
	return 0;
}

/* The target is no table: an ordinary store to a page of the owner. */
static int plain_store(struct cursor *at, uint64_t *slot, uint64_t value) {
	if (type_get_writable(at->f)) return -EINVAL;
	__atomic_store_n(slot, value, __ATOMIC_RELEASE);
	type_put(at->f);
	return 0;
}

static inline struct pt_change change_of(uint64_t ptr, uint64_t val) {
	bool keeps = ptr % sizeof(uint64_t) == MMU_PT_UPDATE_PRESERVE_AD;

	return (struct pt_change){ .e = val, .keep = keeps ? PTE_A | PTE_D : 0 };
}

static int request_apply(const struct pt_context *c, struct cursor *at, uint64_t ptr, uint64_t val) {
	struct pt_change change = change_of(ptr, val);
	unsigned index = entry_index(ptr);

	if (type_load(at->f) & FTF_VALIDATED) return entry_set(c, at->f, &at->table[index], index, &change);
	return plain_store(at, &at->table[index], val);
}

/* An L1 table in use. */
static inline bool type_is_l1(uint64_t type_word) {
	return (type_word & (FTF_TYPE_MASK | FTF_VALIDATED)) == (FTF_TYPE(FT_L1) | FTF_VALIDATED);
}

static inline bool is_table_request(uint64_t ptr) {
	unsigned cmd = ptr % sizeof(uint64_t);

	return cmd <= MMU_PT_UPDATE_NO_TRANSLATE && cmd != MMU_MACHPHYS_UPDATE;
}

/* Requests to the L1 table where the cursor stands: how many were done without a hitch. */
static unsigned l1_run(const struct pt_context *c, const struct cursor *at, const struct mmu_update *req, unsigned n) {
	uint64_t base = mfn_to_maddr(at->m).a;
	unsigned i = 0;

	if (!type_is_l1(type_load(at->f))) return 0;
	for (; i < n; i++) {
		uint64_t offset = req[i].ptr - base;
		struct pt_change change = change_of(offset, req[i].val);

		/* in the table, and with a command that means a change of the entry */
		if (offset & ~((PAGE_SIZE - sizeof(uint64_t)) | MMU_PT_UPDATE_PRESERVE_AD) ||
		    l1_set(c, &at->table[offset / sizeof(uint64_t)], &change))
			break;
	}
	return i;
}

int pt_update_batch(const struct pt_context *c, const struct mmu_update *req, unsigned n, unsigned *done) {
	struct cursor at = { .table = NULL };
	unsigned i = 0;
	int rc = 0;
	SPIN_GUARD(&c->d->mm_lock);

	while (i < n && !rc && !c->giver->table_giveup && is_table_request(req[i].ptr)) {
		unsigned run;

		rc = cursor_move(&at, c->d, maddr_to_mfn(maddr(req[i].ptr)));
		if (unlikely(rc)) break;
		run = l1_run(c, &at, req + i, n - i);
		i += run;
		if (unlikely(!run)) {
			rc = request_apply(c, &at, req[i].ptr, req[i].val);
			i += !rc;
		}
	}
	cursor_close(&at);
	*done = i;
	return rc;
}

int pt_update_one(const struct pt_context *c, uint64_t ptr, uint64_t val) {
	struct cursor at = { .m = maddr_to_mfn(maddr(ptr)) };
	unsigned index = entry_index(ptr);
	int rc;

	SPIN_GUARD(&c->d->mm_lock);

	if (!is_table_request(ptr)) return -ENOSYS;
	at.f = frame_take(at.m, c->d->id);
	if (unlikely(!at.f)) return -EINVAL;
	at.table = frame_map(at.m);
	if (likely(type_is_l1(type_load(at.f))) && likely(ptr % sizeof(uint64_t) == MMU_NORMAL_PT_UPDATE))
		rc = l1_set_plain(c, &at.table[index], val);
	else
		rc = request_apply(c, &at, ptr, val);
	frame_unmap(at.table);
	ref_drop(at.f);
	return rc;
}

/* -- by virtual address -- */

static bool va_is_guest(uint64_t va) {
	bool canonical = (uint64_t)((int64_t)(va << 16) >> 16) == va;

	return canonical && !l4_index_is_hv(va >> 39 & 511);
}

/* The table one level down; INVALID_MFN if there is none. */
static inline mfn_t walk_step(mfn_t m, uint64_t va, unsigned shift) {
	uint64_t e = mfn_eq(m, INVALID_MFN) ? 0 : frame_read(m, va >> shift & 511);

	return likely(e & PTE_P) ? pte_mfn(e) : INVALID_MFN;
}

/*
 * The L1 table for va, with mm_lock held: all tables on the path stay what they are until it is released,
 * because the root is in use. INVALID_MFN if there is none. Through a linear map it may be an upper one or,
 * as every root has ring 0's slots, one of ring 0's own: the caller looks at its type.
 */
static mfn_t walk_to_l1(const struct vcpu *v, uint64_t va) {
	mfn_t m = va_is_guest(va) ? arch_vcpu_root(v) : INVALID_MFN;

	return walk_step(walk_step(walk_step(m, va, 39), va, 30), va, 21);
}

int pt_update_va(const struct pt_context *c, gvaddr_t va, uint64_t e) {
	unsigned index = va.a >> PAGE_SHIFT & 511;
	uint64_t *table;
	mfn_t m;
	int rc;
	SPIN_GUARD(&c->d->mm_lock);

	m = walk_to_l1(c->giver, va.a);
	if (mfn_eq(m, INVALID_MFN)) return -EINVAL;
	table = frame_map(m);
	if (likely(frame_type_of(type_load(frame_of(m))) == FT_L1))
		rc = l1_set_plain(c, &table[index], e);
	else if (type_load(frame_of(m)) & FTF_VALIDATED) /* seen through a linear map */
		rc = entry_set(c, frame_of(m), &table[index], index, &(struct pt_change){ .e = e });
	else /* ring 0's */
		rc = -EINVAL;
	frame_unmap(table);
	return rc;
}

/*
 * A vCPU's translations are at most in the CPU it runs on or is about to, and in the one that has kept it loaded
 * since it ran there, though it may be queued elsewhere by now: who gets it back there runs it without a flush.
 * Every CPU flushes when it loads another root.
 */
int flush_targets(const struct vcpu *v, gvaddr_t bitmap, cpumask_t *out) {
	struct domain *d = v->domain;
	uint8_t bits[MAX_VCPUS / 8] = { 0 };
	struct vcpu *w;

	if (copy_from_guest(bits, bitmap, DIV_ROUND_UP(d->max_vcpus, 8))) return -EFAULT;
	*out = 0;
	for_each_vcpu (d, w) {
		int kept;

		if (!bit_test(w->id, bits)) continue;
		*out |= cpumask_of(READ_ONCE(w->processor));
		kept = arch_vcpu_loaded_on(w); /* looked at last: it is set after the CPU has loaded the root */
		if (kept >= 0) *out |= cpumask_of((unsigned)kept);
	}
	*out &= __atomic_load_n(&d->dirty_cpus, __ATOMIC_SEQ_CST);
	return 0;
}

/* -- walks and emulated stores -- */

/* The L1 entry for va; 0 if there is none. */
static uint64_t walk_to_l1e(const struct vcpu *v, uint64_t va) {
	mfn_t m = walk_to_l1(v, va);

	return mfn_eq(m, INVALID_MFN) ? 0 : frame_read(m, va >> PAGE_SHIFT & 511);
}

uint64_t guest_walk(struct vcpu *v, gvaddr_t va) {
	SPIN_GUARD(&v->domain->mm_lock);

	return walk_to_l1e(v, va.a);
}

bool pt_store_target(struct vcpu *v, gvaddr_t va, mfn_t *table, uint64_t *entry) {
	const struct frame *f;
	uint64_t e;
	SPIN_GUARD(&v->domain->mm_lock);

	e = walk_to_l1e(v, va.a);
	*table = pte_mfn(e);
	if ((e & (PTE_P | PTE_RW)) != PTE_P || !mfn_valid(*table)) return false;
	f = frame_of(*table);
	if (f->owner != v->domain->id || !type_is_l1(type_load(f))) return false;
	*entry = frame_read(*table, entry_index(va.a));
	return true;
}

/* The frame is an L1 table of d in use. mm_lock held: it stays one, without our reference. */
static inline bool l1_in_use(const struct domain *d, mfn_t m) {
	struct frame *f = frame_take(m, d->id);
	bool is_l1;

	/* d's for sure only while referenced: else it could change hands between two looks */
	if (!f) return false;
	is_l1 = type_is_l1(type_load(f));
	ref_drop(f);
	return is_l1;
}

/* The table may have become something else since it was found: looked at again. */
int pt_store(struct vcpu *v, mfn_t table, gvaddr_t va, const uint64_t *expect, uint64_t e) {
	struct domain *d = v->domain;
	const struct pt_context c = { d, d->id, d, v, d->id };
	const struct pt_change change = { .e = e, .expect = expect };
	uint64_t *window;
	int rc;

	if (unlikely(v->table_giveup) && table_giveup_finish(v)) return -EAGAIN;
	SPIN_GUARD(&d->mm_lock);
	if (!l1_in_use(d, table)) return -EFAULT;
	window = frame_map(table);
	rc = l1_set(&c, &window[entry_index(va.a)], &change);
	frame_unmap(window);
	return rc;
}

/* -- roots -- */

int table_giveup_finish(struct vcpu *v) {
	struct domain *d;
	mfn_t m;
	int rc;

	if (likely(!v->table_giveup)) return 0;
	/* The frame may have come into other hands meanwhile; then there is nothing left to do. */
	m = mfn(v->table_giveup - 1);
	if (frame_of(m)->owner >= DOMID_FIRST_RESERVED || domain_find(frame_of(m)->owner, &d)) {
		v->table_giveup = 0;
		return 0;
	}
	rc = table_put_resume(d, m);
	domain_put(d);
	if (!rc) v->table_giveup = 0;
	return rc;
}

/* The new root is in before the old one is given up. */
int vcpu_root_set(struct vcpu *v, mfn_t m, bool user) {
	mfn_t *root = user ? &v->root_user : &v->root_kernel, old = *root;
	struct domain *d = v->domain;
	bool change = !mfn_eq(m, old), none = mfn_eq(m, INVALID_MFN);
	int rc = likely(!v->table_giveup) ? 0 : table_giveup_finish(v);
	PT_STEP(s, d);

	if (!rc && change && !none) rc = domain_is_dying(d) ? -EINVAL : table_ref(d, m, 4, &s.left);
	if (rc) return rc;
	*root = m;
	if (v == current && !none && mfn_eq(arch_vcpu_root(v), m)) arch_root_load(v);
	if (!change || mfn_eq(old, INVALID_MFN)) return 0;
	rc = table_drop(d, old, &s.left);
	if (rc) v->table_giveup = mfn_x(old) + 1;
	return rc;
}

/* -- grant mappings --
 *
 * A place is remembered over time, so each use checks that the table is (still, or again) an L1 table of
 * the domain. An entry's references are those of any entry.
 */

/* Where `addr` says that the entry is. mm_lock held. What a walk finds is in use, but may be an upper
 * table, through a linear map. */
static int place_find(const struct vcpu *v, uint64_t addr, bool is_pte, maddr_t *at) {
	mfn_t m;

	if (addr % (is_pte ? sizeof(uint64_t) : PAGE_SIZE)) return -EINVAL;
	*at = maddr(addr);
	if (is_pte) return l1_in_use(v->domain, maddr_to_mfn(*at)) ? 0 : -EINVAL;
	m = walk_to_l1(v, addr);
	if (mfn_eq(m, INVALID_MFN)) return -EFAULT;
	*at = maddr(mfn_to_maddr(m).a | (addr >> PAGE_SHIFT) % PT_ENTRIES * sizeof(uint64_t));
	return type_is_l1(type_load(frame_of(m))) ? 0 : -EINVAL;
}

int l1_place_map(struct vcpu *v, uint64_t addr, bool is_pte, const struct domain *owner, uint64_t e, maddr_t *at) {
	uint64_t *table;
	int rc;
	SPIN_GUARD(&v->domain->mm_lock);

	rc = place_find(v, addr, is_pte, at);
	if (!rc) rc = page_get(pte_mfn(e), owner->id, e & PTE_RW);
	if (rc) return rc;
	if (e & PTE_RW && owner != v->domain) foreign_note(frame_of(pte_mfn(e)));
	table = frame_map(maddr_to_mfn(*at));
	l1e_put(__atomic_exchange_n(&table[entry_index(at->a)], e, __ATOMIC_SEQ_CST));
	frame_unmap(table);
	return 0;
}

/*
 * The entry holds its references: it is in an L1 table in use, or in the part that a half-done one keeps. That
 * part is not judged anew when the table comes into use again. mm_lock held.
 */
static bool l1e_holds(const struct domain *d, maddr_t at) {
	struct frame *f = frame_take(maddr_to_mfn(at), d->id);
	uint64_t t;

	if (!f) return false;
	t = type_load(f);
	ref_drop(f);
	return type_is_l1(t) || (type_level(t) == 1 && t & FTF_PARTIAL && entry_index(at.a) < partial_index(f));
}

void l1_place_unmap(struct domain *d, maddr_t at, mfn_t m, bool writable) {
	unsigned index = entry_index(at.a);
	uint64_t *table, e;
	SPIN_GUARD(&d->mm_lock);

	if (!l1e_holds(d, at)) return;
	table = frame_map(maddr_to_mfn(at));
	e = READ_ONCE(table[index]);
	/* exchanged, not stored: the processor may set A and D until the flush */
	if (e & PTE_P && mfn_eq(pte_mfn(e), m) && !!(e & PTE_RW) == writable)
		l1e_put(__atomic_exchange_n(&table[index], 0, __ATOMIC_SEQ_CST));
	frame_unmap(table);
}
