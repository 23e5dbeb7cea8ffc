/* SPDX-License-Identifier: MIT */
/*
 * Layout and page tables of a new guest.
 *
 * Model: two pools of table pages (pt, p2m_pt), each consumed in order by a walk from the root; the
 * planner counts exactly what the walk will take. Leaf entries are writable except for the table
 * pages themselves, which the hypervisor demands to be read-only.
 */
#include "layout.h"

#include <errno.h>
#include <string.h>

#define PAGE       4096ull
#define PADDING    (512ull << 10)
#define REGION     (4ull << 20)
#define PTE_P      0x1ull
#define PTE_RW     0x2ull
#define PTE_US     0x4ull
#define PTE_A      0x20ull
#define PTE_D      0x40ull
#define LEVEL_BITS 9

static uint64_t pages(uint64_t bytes) { return (bytes + PAGE - 1) / PAGE; }

static uint64_t round_up(uint64_t v, uint64_t unit) { return (v + unit - 1) / unit * unit; }

static unsigned level_shift(int level) { return 12 + LEVEL_BITS * (level - 1); }

/* Tables of one level that a mapping of [from, to) needs. */
static uint64_t tables_at(uint64_t from, uint64_t to, int level) {
	unsigned shift = level_shift(level + 1);

	return ((to - 1) >> shift) - (from >> shift) + 1;
}

/*
 * Tables for the main region. PAE guests always get the level 2 table of the top gigabyte: the
 * hypervisor puts its own entries there.
 */
static uint64_t main_tables(const struct tl_layout *l, uint64_t v_end) {
	uint64_t n = 1;
	int level;

	for (level = 1; level < l->levels; level++) n += tables_at(l->virt_base, v_end, level);
	if (l->levels == 3 && v_end <= 0xc0000000ull) n++;
	return n;
}

static uint64_t p2m_tables(const struct tl_layout *l) {
	uint64_t end = l->p2m_va + l->p2m.pages * PAGE, n = 0;
	int level;

	for (level = 1; level < l->levels; level++) n += tables_at(l->p2m_va, end, level);
	return n;
}

static struct tl_area take(uint64_t *next, uint64_t n) {
	struct tl_area a = { *next, n };

	*next += n;
	return a;
}

uint64_t tl_layout_va(const struct tl_layout *l, uint64_t pfn) { return l->virt_base + pfn * PAGE; }

/* Place the tail of the region; the number of tables depends on the end, so count until it settles. */
static void plan_tail(struct tl_layout *l, uint64_t *next) {
	uint64_t at, n = 0, want = main_tables(l, round_up(tl_layout_va(l, *next), REGION));

	while (n != want) {
		n = want;
		at = *next;
		l->start_info = take(&at, 1);
		l->store = take(&at, 1);
		l->console = take(&at, 1);
		l->pt = take(&at, n);
		l->stack = take(&at, 1);
		l->v_end = round_up(tl_layout_va(l, at) + PADDING, REGION);
		want = main_tables(l, l->v_end);
	}
	*next = (l->v_end - l->virt_base) / PAGE;
}

int tl_layout_plan(const struct tl_kernel *k, uint64_t nr_pages, uint64_t initrd_bytes, struct tl_layout *l,
		   const char **why) {
	uint64_t next, p2m_pages = pages(nr_pages * (k->bits / 8));
	int far_p2m = k->init_p2m != TL_ADDR_NONE;

	memset(l, 0, sizeof(*l));
	l->levels = k->bits == 64 ? 4 : 3;
	l->virt_base = k->virt_base;
	l->nr_pages = nr_pages;
	l->kernel.pfn = (k->kstart - k->virt_base) / PAGE;
	next = pages(k->kend - k->virt_base);
	l->kernel.pages = next - l->kernel.pfn;
	l->initrd_mapped = !k->mod_start_pfn;
	if (l->initrd_mapped) l->initrd = take(&next, pages(initrd_bytes));
	if (!far_p2m) {
		l->p2m = take(&next, p2m_pages);
		l->p2m_va = tl_layout_va(l, l->p2m.pfn);
	}
	*why = "the guest's memory is too small for its kernel and initrd";
	if (next > nr_pages) return -ENOMEM;
	plan_tail(l, &next);
	if (l->levels == 3 && l->v_end > 0xf5800000ull) {
		*why = "the kernel leaves no room below the hypervisor's addresses";
		return -ENOMEM;
	}
	if (!l->initrd_mapped) l->initrd = take(&next, pages(initrd_bytes));
	if (far_p2m) {
		l->p2m = take(&next, p2m_pages);
		l->p2m_va = k->init_p2m;
		l->p2m_pt = take(&next, p2m_tables(l));
	}
	if (l->initrd_mapped && !far_p2m) next = l->stack.pfn + 1; /* the padding may lie beyond the memory */
	l->end_pfn = next;
	if (next > nr_pages) return -ENOMEM;
	*why = NULL;
	return 0;
}

/* One mapping in progress. */
struct walk {
	const struct tl_layout *l;
	const uint64_t *p2m;
	void *(*page)(void *, uint64_t);
	void *arg;
	struct tl_area pool; /* tables not yet used */
};

static uint64_t flags(const struct tl_layout *l, int level) {
	if (l->levels == 3 && level == 3) return PTE_P; /* PAE's top entries have no other bits */
	return PTE_P | PTE_RW | PTE_A | PTE_D | (l->levels == 4 ? PTE_US : 0);
}

static uint64_t *entry(uint64_t *table, uint64_t va, int level) { return &table[va >> level_shift(level) & 511]; }

/* The table below an entry; a new one from the pool when there is none. */
static uint64_t *below(struct walk *w, uint64_t *e, int level, uint64_t *pfn) {
	if (!*e) {
		*pfn = w->pool.pfn++;
		w->pool.pages--;
		*e = w->p2m[*pfn] * PAGE | flags(w->l, level);
	} else {
		/* Few tables exist: find which of ours holds this frame. */
		uint64_t mfn = (*e & 0x000ffffffffff000ull) / PAGE, i;

		*pfn = 0;
		for (i = w->l->pt.pfn; i < w->l->pt.pfn + w->l->pt.pages; i++)
			if (w->p2m[i] == mfn) *pfn = i;
		for (i = w->l->p2m_pt.pfn; i < w->l->p2m_pt.pfn + w->l->p2m_pt.pages; i++)
			if (w->p2m[i] == mfn) *pfn = i;
	}
	return w->page(w->arg, *pfn);
}

static uint64_t *leaf_table(struct walk *w, uint64_t va) {
	uint64_t *table = w->page(w->arg, w->l->pt.pfn), pfn;
	int level;

	for (level = w->l->levels; level > 1; level--) table = below(w, entry(table, va, level), level, &pfn);
	return table;
}

static int within(const struct tl_area *a, uint64_t pfn) { return pfn >= a->pfn && pfn < a->pfn + a->pages; }

static uint64_t leaf(const struct tl_layout *l, const uint64_t *p2m, uint64_t pfn) {
	uint64_t f = flags(l, 1);

	if (within(&l->pt, pfn) || within(&l->p2m_pt, pfn)) f &= ~(PTE_RW | PTE_D);
	return p2m[pfn] * PAGE | f;
}

static void map(struct walk *w, uint64_t va, uint64_t pfn, uint64_t n) {
	uint64_t *table = NULL;

	for (; n; n--, pfn++, va += PAGE) {
		if (!table || (va >> 12 & 511) == 0) table = leaf_table(w, va);
		if (pfn < w->l->nr_pages) *entry(table, va, 1) = leaf(w->l, w->p2m, pfn);
	}
}

static void clear(struct walk *w, const struct tl_area *a) {
	uint64_t i;

	for (i = 0; i < a->pages; i++) memset(w->page(w->arg, a->pfn + i), 0, PAGE);
}

void tl_layout_tables(const struct tl_layout *l, const uint64_t *p2m, void *(*page)(void *, uint64_t), void *arg) {
	struct walk w = { l, p2m, page, arg, { l->pt.pfn + 1, l->pt.pages - 1 } };
	uint64_t pfn;

	clear(&w, &l->pt);
	clear(&w, &l->p2m_pt);
	map(&w, l->virt_base, 0, (l->v_end - l->virt_base) / PAGE);
	if (l->levels == 3) below(&w, entry(page(arg, l->pt.pfn), 0xc0000000ull, 3), 3, &pfn);
	if (!l->p2m_pt.pages) return;
	w.pool = l->p2m_pt;
	map(&w, l->p2m_va, l->p2m.pfn, l->p2m.pages);
}
