/* SPDX-License-Identifier: MIT */
/*
 * Page tables of a 64-bit PV guest. Entries hold machine frame numbers (mfn); the guest's own
 * numbering is the pfn, and mfn_list[pfn] = mfn, machine_to_phys_mapping[mfn] = pfn. Tables are
 * read-only to the guest: all changes are hypercalls.
 */
#pragma once

#include <kit/guest.h>

#define PTE_P    0x001UL
#define PTE_RW   0x002UL
#define PTE_US   0x004UL
#define PTE_PWT  0x008UL
#define PTE_PCD  0x010UL
#define PTE_A    0x020UL
#define PTE_D    0x040UL
#define PTE_PSE  0x080UL /* L2, L3 */
#define PTE_PAT  0x080UL /* L1 */
#define PTE_G    0x100UL
#define PTE_NX   (1UL << 63)
#define PTE_ADDR 0x000ffffffffff000UL

/* Flags of an ordinary writable mapping, and of a link to a lower table. */
#define PTE_DATA  (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)
#define PTE_RO    (PTE_P | PTE_US | PTE_A | PTE_D)
#define PTE_TABLE (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

/* Guest frame number to machine frame number, and back. */
static inline unsigned long kit_mfn(unsigned long pfn) { return ((unsigned long *)kit_start_info->mfn_list)[pfn]; }

static inline unsigned long kit_pfn(unsigned long mfn) { return machine_to_phys_mapping[mfn]; }

static inline uint64_t kit_pte(unsigned long pfn, uint64_t flags) {
	return (uint64_t)kit_mfn(pfn) << PAGE_SHIFT | flags;
}

#define KIT_DIRECT 0xffff888000000000UL

/* Where the kit maps every frame of the guest; page tables read-only. Needs kit_mm_init(). */
static inline void *kit_page(unsigned long pfn) { return (void *)(KIT_DIRECT + (pfn << PAGE_SHIFT)); }

static inline unsigned long kit_page_pfn(const volatile void *page) {
	return ((unsigned long)page - KIT_DIRECT) >> PAGE_SHIFT;
}

/*
 * Builds the direct map of the guest's memory (the first 128 MiB of it) and the page allocator,
 * which hands out frames that have no other mapping. To be called once, on the boot page tables.
 */
void kit_mm_init(void);

/* Number of frames in the direct map. */
extern unsigned long kit_frames;

/* One zeroed frame, as a pfn; panics when none is left. */
unsigned long kit_page_alloc(void);
void kit_page_free(unsigned long pfn);

/* The machine address of the level-1 entry that maps `va` in the current kernel tables; 0 when
 * there is no table. */
uint64_t kit_l1e_maddr(const volatile void *va);

/* The same for the entry of `level` (4: the root's) on the way to `va`. */
uint64_t kit_entry_maddr(const volatile void *va, unsigned int level);

/* The value of an entry by its machine address, which must lie in the guest's own memory. */
uint64_t kit_entry_read(uint64_t maddr);

/* One mmu_update: entry at machine address `maddr` (low bits: MMU_ command) becomes `value`. */
long kit_mmu_update(uint64_t maddr, uint64_t value);

/* One mmuext_op on oneself. */
long kit_mmuext(unsigned int cmd, unsigned long mfn, const void *arg2);

/* Changes the direct map's own mapping of a frame; 0 or the hypervisor's error. */
long kit_page_protect(unsigned long pfn, uint64_t flags);

/* Maps `va` to a frame with the kit's kernel tables, adding tables where needed. `pte` is complete. */
long kit_map(const volatile void *va, uint64_t pte);

/* A fresh page-table frame: zeroed and read-only in the direct map. kit_table_free() makes it an
 * ordinary frame again. */
unsigned long kit_table_alloc(void);
void kit_table_free(unsigned long pfn);

/* The pfn of the kernel's root table in use. */
extern unsigned long kit_root_pfn;
