/* SPDX-License-Identifier: MIT */
/*
 * Page tables. The builder maps the image and at least 512 KiB behind it at KIT_VIRT_BASE, writable
 * except for the tables. kit_mm_init() takes tables for the direct map from the free part of that
 * and hangs them into the root. From then on every frame has the one mapping kit_page(pfn); frames
 * of the boot mapping have a second one and are never handed out.
 *
 * Invariant: a frame in use as a table is read-only in every mapping. Frames become tables in
 * kit_table_alloc() only.
 */
#include <kit/pt.h>

#define ENTRIES       512UL
#define DIRECT_TABLES 64UL

unsigned long kit_root_pfn;
unsigned long kit_frames;

static unsigned long boot_tables_pfn, boot_end_pfn, next_pfn, free_head;

static unsigned int table_index(unsigned long va, unsigned int level) {
	return (va >> (PAGE_SHIFT + 9 * (level - 1))) & (ENTRIES - 1);
}

static unsigned long boot_pfn(unsigned long va) { return (va - KIT_VIRT_BASE) >> PAGE_SHIFT; }

static void *boot_va(unsigned long pfn) { return (void *)(KIT_VIRT_BASE + (pfn << PAGE_SHIFT)); }

long kit_mmu_update(uint64_t maddr, uint64_t value) {
	struct mmu_update u = { .ptr = maddr, .val = value };

	return hv_mmu_update(&u, 1, NULL, DOMID_SELF);
}

long kit_mmuext(unsigned int cmd, unsigned long mfn, const void *arg2) {
	struct mmuext_op op = { .cmd = cmd };

	op.arg1.mfn = mfn;
	op.arg2.vcpumask.p = (void *)arg2;
	return hv_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

/* Frames that the boot mapping covers: it has no holes from the image to its end. */
static unsigned long find_boot_end(const uint64_t *l4) {
	const uint64_t *l3 = boot_va(kit_pfn((l4[511] & PTE_ADDR) >> PAGE_SHIFT));
	const uint64_t *l2 = boot_va(kit_pfn((l3[510] & PTE_ADDR) >> PAGE_SHIFT));
	unsigned long pfn = boot_pfn(kit_start_info->pt_base);

	for (;; pfn++) {
		uint64_t l2e = l2[pfn / ENTRIES];
		const uint64_t *l1 = boot_va(kit_pfn((l2e & PTE_ADDR) >> PAGE_SHIFT));

		if (!(l2e & PTE_P) || !(l1[pfn % ENTRIES] & PTE_P)) return pfn;
	}
}

static bool in_range(unsigned long n, unsigned long start, unsigned long count) { return n - start < count; }

static bool must_be_readonly(unsigned long pfn, unsigned long tables, unsigned long count) {
	const struct start_info *si = kit_start_info;

	return in_range(pfn, boot_pfn(si->pt_base), si->nr_pt_frames) || in_range(pfn, tables, count) ||
	       in_range(pfn, si->first_p2m_pfn, si->nr_p2m_frames);
}

static void fill_direct_map(unsigned long tables, unsigned long count) {
	uint64_t *l3 = boot_va(tables), *l2 = boot_va(tables + 1);

	memset(l3, 0, count << PAGE_SHIFT);
	l3[table_index(KIT_DIRECT, 3)] = kit_pte(tables + 1, PTE_TABLE);
	for (unsigned long i = 0; i < count - 2; i++) l2[i] = kit_pte(tables + 2 + i, PTE_TABLE);
	for (unsigned long pfn = 0; pfn < kit_frames; pfn++) {
		uint64_t *l1 = boot_va(tables + 2 + pfn / ENTRIES);

		l1[pfn % ENTRIES] = kit_pte(pfn, must_be_readonly(pfn, tables, count) ? PTE_RO : PTE_DATA);
	}
}

void kit_mm_init(void) {
	const struct start_info *si = kit_start_info;
	uint64_t *l4 = (uint64_t *)si->pt_base;
	unsigned long count, slot;

	kit_root_pfn = boot_pfn(si->pt_base);
	boot_end_pfn = find_boot_end(l4);
	kit_frames = si->nr_pages < DIRECT_TABLES * ENTRIES ? si->nr_pages : DIRECT_TABLES * ENTRIES;
	count = 2 + (kit_frames + ENTRIES - 1) / ENTRIES;
	boot_tables_pfn = boot_end_pfn - count;
	fill_direct_map(boot_tables_pfn, count);
	for (unsigned long i = 0; i < count; i++)
		hv_update_va_mapping(boot_va(boot_tables_pfn + i), kit_pte(boot_tables_pfn + i, PTE_RO), 0);
	slot = table_index(KIT_DIRECT, 4);
	if (kit_mmu_update(((uint64_t)kit_mfn(kit_root_pfn) << PAGE_SHIFT) + slot * 8,
			   kit_pte(boot_tables_pfn, PTE_TABLE)))
		kit_panic("# no direct map");
	next_pfn = boot_end_pfn;
}

static bool usable(unsigned long pfn) {
	const struct start_info *si = kit_start_info;

	return !in_range(pfn, si->first_p2m_pfn, si->nr_p2m_frames) &&
	       !(si->flags & SIF_MOD_START_PFN &&
		 in_range(pfn, si->mod_start, (si->mod_len + PAGE_SIZE - 1) >> PAGE_SHIFT));
}

unsigned long kit_page_alloc(void) {
	unsigned long pfn = free_head;

	if (pfn) {
		free_head = *(unsigned long *)kit_page(pfn);
	} else {
		while (next_pfn < kit_frames && !usable(next_pfn)) next_pfn++;
		if (next_pfn >= kit_frames) kit_panic("# out of memory");
		pfn = next_pfn++;
	}
	memset(kit_page(pfn), 0, PAGE_SIZE);
	return pfn;
}

void kit_page_free(unsigned long pfn) {
	*(unsigned long *)kit_page(pfn) = free_head;
	free_head = pfn;
}

uint64_t kit_entry_read(uint64_t maddr) {
	return *(volatile uint64_t *)((char *)kit_page(kit_pfn(maddr >> PAGE_SHIFT)) + (maddr & (PAGE_SIZE - 1)));
}

uint64_t kit_entry_maddr(const volatile void *va, unsigned int level) {
	uint64_t table = (uint64_t)kit_mfn(kit_root_pfn) << PAGE_SHIFT;

	for (unsigned int l = 4; l > level; l--) {
		uint64_t entry = kit_entry_read(table + 8 * table_index((unsigned long)va, l));

		if (!(entry & PTE_P)) return 0;
		table = entry & PTE_ADDR;
	}
	return table + 8 * table_index((unsigned long)va, level);
}

uint64_t kit_l1e_maddr(const volatile void *va) { return kit_entry_maddr(va, 1); }

long kit_page_protect(unsigned long pfn, uint64_t flags) {
	return hv_update_va_mapping(kit_page(pfn), kit_pte(pfn, flags), UVMF_INVLPG | UVMF_ALL);
}

unsigned long kit_table_alloc(void) {
	unsigned long pfn = kit_page_alloc();

	if (kit_page_protect(pfn, PTE_RO)) kit_panic("# a frame cannot be made read-only");
	return pfn;
}

void kit_table_free(unsigned long pfn) {
	if (kit_page_protect(pfn, PTE_DATA)) kit_panic("# frame %lx is still a page table", pfn);
	kit_page_free(pfn);
}

long kit_map(const volatile void *va, uint64_t pte) {
	for (unsigned int level = 4; level > 1; level--) {
		uint64_t entry = kit_entry_maddr(va, level);
		long rc;

		if (kit_entry_read(entry) & PTE_P) continue;
		rc = kit_mmu_update(entry, kit_pte(kit_table_alloc(), PTE_TABLE));
		if (rc) return rc;
	}
	return kit_mmu_update(kit_l1e_maddr(va), pte);
}
