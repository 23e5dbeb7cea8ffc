/* SPDX-License-Identifier: MIT */
/* Frames become page tables and stop being them: pins, references between tables, roots, linear
 * tables. */
#include <kit/pt.h>
#include <kit/shared.h>
#include "tap.h"

#define WINDOW ((volatile uint64_t *)0xffffc00000000000UL)

static long pin(unsigned int level, unsigned long pfn) {
	return kit_mmuext(MMUEXT_PIN_L1_TABLE + level - 1, kit_mfn(pfn), NULL);
}

static long unpin(unsigned long pfn) { return kit_mmuext(MMUEXT_UNPIN_TABLE, kit_mfn(pfn), NULL); }

/* Fills a future table (an ordinary frame that is made read-only afterwards). */
static unsigned long table_with(unsigned int slot, uint64_t entry) {
	unsigned long pfn = kit_page_alloc();

	((uint64_t *)kit_page(pfn))[slot] = entry;
	kit_page_protect(pfn, PTE_RO);
	return pfn;
}

static uint64_t entry_of(unsigned long pfn, unsigned int slot) {
	return ((uint64_t)kit_mfn(pfn) << PAGE_SHIFT) + slot * 8;
}

static void test_pin_l1(void) {
	unsigned long data = kit_page_alloc(), l1 = kit_page_alloc();
	uint64_t *entries = kit_page(l1);

	for (unsigned int i = 0; i < 512; i += 3) entries[i] = kit_pte(data, PTE_DATA);
	is(pin(1, l1), KIT_ERRNO(EINVAL), "a frame with a writable mapping is not pinned");
	is(kit_page_protect(l1, PTE_RO), 0, "the writable mapping goes");
	is(pin(1, l1), 0, "then it is pinned");
	is(pin(1, l1), KIT_ERRNO(EINVAL), "a second pin is refused");
	is(pin(2, l1), KIT_ERRNO(EINVAL), "as is a pin at another level");
	is(kit_page_protect(l1, PTE_DATA), KIT_ERRNO(EBUSY), "a pinned table gets no writable mapping");
	is(kit_page_protect(data, PTE_RO), 0, "what it maps can be made read-only elsewhere");
	is(pin(1, data), KIT_ERRNO(EINVAL), "but not be a table, since the table maps it writable");
	is(unpin(l1), 0, "the table is unpinned");
	is(unpin(l1), KIT_ERRNO(EINVAL), "a second unpin is refused");
	is(pin(1, data), 0, "what it mapped can be a table now");
	is(unpin(data), 0, "and be unpinned");
	kit_page_protect(data, PTE_DATA);
	is(kit_page_protect(l1, PTE_DATA), 0, "the former table is writable again");
	same(entries[3], kit_pte(data, PTE_DATA) | (entries[3] & PTE_G), "and still holds its entries");
	kit_page_free(l1);
	kit_page_free(data);
}

static void test_bad_tables(void) {
	unsigned long l1 = kit_page_alloc(), l2;

	((uint64_t *)kit_page(l1))[511] = kit_pte(kit_root_pfn, PTE_DATA);
	kit_page_protect(l1, PTE_RO);
	is(pin(1, l1), KIT_ERRNO(EBUSY), "an L1 whose last entry maps the root writable is refused");
	is(kit_page_protect(l1, PTE_DATA), 0, "and stays an ordinary frame");
	((uint64_t *)kit_page(l1))[511] = kit_pte(kit_root_pfn, PTE_RO);
	((uint64_t *)kit_page(l1))[0] = kit_pte(l1, PTE_DATA);
	kit_page_protect(l1, PTE_RO);
	is(pin(1, l1), KIT_ERRNO(EBUSY), "an L1 that maps itself writable is refused");
	kit_page_protect(l1, PTE_DATA);
	((uint64_t *)kit_page(l1))[0] = kit_pte(l1, PTE_RO);
	kit_page_protect(l1, PTE_RO);
	is(pin(1, l1), 0, "an L1 that maps itself and the root read-only is fine");
	l2 = table_with(7, kit_pte(l1, PTE_TABLE | PTE_PSE));
	is(pin(2, l2), KIT_ERRNO(EINVAL), "an L2 with a superpage is refused");
	kit_table_free(l2);
	l2 = table_with(7, kit_pte(kit_root_pfn, PTE_TABLE));
	is(pin(2, l2), KIT_ERRNO(EINVAL), "an L2 with the root as its L1 is refused");
	kit_table_free(l2);
	l2 = table_with(7, 0xfffffff000UL | PTE_TABLE);
	is(pin(2, l2), KIT_ERRNO(EINVAL), "an L2 with a table beyond memory is refused");
	kit_table_free(l2);
	is(unpin(l1), 0, "the L1 is unpinned");
	kit_table_free(l1);
}

static void test_references(void) {
	unsigned long l1 = table_with(0, 0), l2 = table_with(3, kit_pte(l1, PTE_TABLE));

	is(pin(2, l2), 0, "an L2 is pinned and takes its L1 along");
	is(kit_page_protect(l1, PTE_DATA), KIT_ERRNO(EBUSY), "the L1 is a table by that");
	is(kit_mmu_update(entry_of(l2, 4), kit_pte(l1, PTE_TABLE)), 0, "the L1 is hooked in a second time");
	is(pin(1, l1), 0, "and pinned");
	is(kit_mmu_update(entry_of(l2, 3), 0), 0, "one reference goes");
	is(kit_page_protect(l1, PTE_DATA), KIT_ERRNO(EBUSY), "it is still a table");
	is(kit_mmu_update(entry_of(l2, 4), 0), 0, "the other goes");
	is(kit_page_protect(l1, PTE_DATA), KIT_ERRNO(EBUSY), "the pin keeps it a table");
	is(unpin(l1), 0, "the pin goes");
	is(kit_page_protect(l1, PTE_DATA), 0, "it is an ordinary frame");
	kit_page_protect(l1, PTE_RO);
	is(kit_mmu_update(entry_of(l2, 3), kit_pte(l1, PTE_TABLE)), 0, "it is hooked in again");
	is(unpin(l2), 0, "the L2 is unpinned and lets its L1 go");
	is(kit_page_protect(l1, PTE_DATA), 0, "the L1 is an ordinary frame");
	is(kit_page_protect(l2, PTE_DATA), 0, "and the L2 too");
	kit_page_free(l1);
	kit_page_free(l2);
}

static void test_wrong_level(void) {
	unsigned long l1 = table_with(0, 0), l2;

	is(pin(3, l1), 0, "an empty table can be anything: an L3");
	is(unpin(l1), 0, "unpinned");
	is(pin(4, l1), 0, "an L4");
	l2 = table_with(0, kit_pte(l1, PTE_TABLE));
	is(pin(2, l2), KIT_ERRNO(EINVAL), "an L4 is refused as an L1");
	is(unpin(l1), 0, "unpinned");
	kit_page_protect(l1, PTE_DATA);
	memset(kit_page(l1), 0, PAGE_SIZE); /* of the hypervisor's entries */
	kit_page_protect(l1, PTE_RO);
	is(pin(2, l2), 0, "an L2 takes it as an L1 when it is empty");
	is(pin(4, l1), KIT_ERRNO(EINVAL), "which cannot be pinned as an L4");
	is(unpin(l2), 0, "unpinned");
	kit_table_free(l2);
	kit_table_free(l1);
	is(kit_mmuext(MMUEXT_PIN_L1_TABLE, 0xfffffff, NULL), KIT_ERRNO(EINVAL), "a frame beyond memory is not pinned");
	is(kit_mmuext(MMUEXT_UNPIN_TABLE, 0xfffffff, NULL), KIT_ERRNO(EINVAL), "nor unpinned");
}

/* A copy of the root in use, without the hypervisor's slots and with `slot` set. */
static unsigned long copy_root(unsigned int slot, uint64_t entry) {
	unsigned long pfn = kit_page_alloc();
	uint64_t *to = kit_page(pfn), *from = kit_page(kit_root_pfn);

	for (unsigned int i = 0; i < 512; i++) to[i] = i >= 256 && i < 272 ? 0 : from[i];
	if (slot) to[slot] = entry;
	kit_page_protect(pfn, PTE_RO);
	return pfn;
}

static void test_roots(void) {
	unsigned long data = kit_page_alloc(), root, old = kit_root_pfn;

	kit_map(WINDOW, kit_pte(data, PTE_DATA));
	root = copy_root(0, 0);
	is(kit_mmuext(MMUEXT_NEW_BASEPTR, kit_mfn(data), NULL), KIT_ERRNO(EINVAL), "a writable frame is no root");
	is(kit_mmuext(MMUEXT_NEW_BASEPTR, 0xfffffff, NULL), KIT_ERRNO(EINVAL), "nor is one beyond memory");
	is(kit_mmuext(MMUEXT_NEW_BASEPTR, kit_entry_maddr(WINDOW, 3) >> PAGE_SHIFT, NULL), KIT_ERRNO(EINVAL),
	   "nor an L3");
	is(kit_mmuext(MMUEXT_NEW_BASEPTR, kit_mfn(root), NULL), 0, "a copy of the root is loaded, not pinned");
	*WINDOW = 0x5005;
	is_hex(*(uint64_t *)kit_page(data), 0x5005, "memory is where it was");
	ok(((uint64_t *)kit_page(root))[256] & PTE_P, "the hypervisor has put its entries into it");
	is(kit_page_protect(root, PTE_DATA), KIT_ERRNO(EBUSY), "it is a table while loaded");
	is(pin(4, root), 0, "it can be pinned");
	is(kit_mmuext(MMUEXT_NEW_BASEPTR, kit_mfn(root), NULL), 0, "and loaded again");
	is(kit_mmuext(MMUEXT_NEW_BASEPTR, kit_mfn(old), NULL), 0, "the old root comes back");
	is(unpin(root), 0, "the new one is unpinned");
	is(kit_page_protect(root, PTE_DATA), 0, "and is an ordinary frame");
	kit_page_free(root);
	is(kit_mmuext(MMUEXT_NEW_USER_BASEPTR, 0, NULL), 0, "no user root");
	root = kit_table_alloc();
	is(kit_mmuext(MMUEXT_NEW_USER_BASEPTR, kit_mfn(root), NULL), 0, "an empty user root");
	is(kit_page_protect(root, PTE_DATA), KIT_ERRNO(EBUSY), "it is a table while announced");
	is(kit_mmuext(MMUEXT_NEW_USER_BASEPTR, kit_mfn(data), NULL), KIT_ERRNO(EINVAL), "a data frame is no user root");
	is(kit_mmuext(MMUEXT_NEW_USER_BASEPTR, 0, NULL), 0, "the user root goes");
	is(kit_page_protect(root, PTE_DATA), 0, "and is an ordinary frame");
	kit_page_free(root);
}

#define LINEAR_SLOT 280UL
#define LINEAR      (0xffff000000000000UL | LINEAR_SLOT << 39)

/* The hypervisor's slots of the root lead to its own tables, through the root as an L3 and as an L2: how
 * many of their entries can be cleared. */
static unsigned int ring0_tables_changed(void) {
	unsigned int changed = 0;

	for (unsigned long slot = 256; slot < 272; slot++)
		for (unsigned long i = 0; i < 512; i += 7) {
			changed += !hv_update_va_mapping((void *)(LINEAR | slot << 30 | i << 12), 0, 0);
			changed += !hv_update_va_mapping((void *)(LINEAR | LINEAR_SLOT << 30 | slot << 21 | i << 12), 0,
							 0);
		}
	return changed;
}

static void test_linear(void) {
	uint64_t slot = entry_of(kit_root_pfn, LINEAR_SLOT);
	volatile uint64_t *self = (void *)(LINEAR | LINEAR_SLOT << 30 | LINEAR_SLOT << 21 | LINEAR_SLOT << 12);
	unsigned long other, third;

	is(kit_mmu_update(slot, kit_pte(kit_root_pfn, PTE_TABLE)), KIT_ERRNO(EINVAL),
	   "a writable self-reference of the root is refused");
	is(kit_mmu_update(slot, kit_pte(kit_root_pfn, PTE_TABLE & ~PTE_RW)), 0,
	   "a read-only self-reference of the root is accepted");
	same(self[LINEAR_SLOT] & PTE_ADDR, kit_pte(kit_root_pfn, 0), "the root is seen through itself");
	TRAP_TRY("movq $0, (%0)", ::"r"(self) : "memory");
	trapped(VEC_PF, 3, "it cannot be written through itself");
	is(ring0_tables_changed(), 0, "no table of ring 0's is changed through it");
	is(kit_mmu_update(slot, 0), 0, "the self-reference goes");
	other = copy_root(LINEAR_SLOT, kit_pte(kit_root_pfn, PTE_TABLE & ~PTE_RW));
	is(pin(4, other), 0, "a root may refer to another root");
	third = copy_root(LINEAR_SLOT, kit_pte(other, PTE_TABLE & ~PTE_RW));
	is(pin(4, third), KIT_ERRNO(EINVAL), "a chain of three is refused");
	is(kit_mmu_update(slot, kit_pte(other, PTE_TABLE & ~PTE_RW)), KIT_ERRNO(EINVAL),
	   "a chain cannot be made afterwards");
	is(unpin(other), 0, "the second root is unpinned");
	kit_table_free(other);
	kit_table_free(third);
}

/* A tree with full tables: long enough to be interrupted, if the hypervisor does that. */
static void test_large_tree(void) {
	unsigned long data = kit_page_alloc(), l1 = kit_page_alloc(), l2 = kit_page_alloc();

	for (unsigned int i = 0; i < 512; i++) {
		((uint64_t *)kit_page(l1))[i] = kit_pte(data, PTE_DATA);
		((uint64_t *)kit_page(l2))[i] = kit_pte(l1, PTE_TABLE);
	}
	kit_page_protect(l1, PTE_RO);
	kit_page_protect(l2, PTE_RO);
	is(pin(2, l2), 0, "an L2 with 512 references to one full L1");
	is(kit_page_protect(data, PTE_RO), 0, "its data frame");
	is(pin(1, data), KIT_ERRNO(EINVAL), "counts as writable");
	is(unpin(l2), 0, "unpinned");
	is(pin(1, data), 0, "it does not any more");
	is(unpin(data), 0, "unpinned");
	kit_page_protect(data, PTE_DATA);
	kit_table_free(l1);
	kit_table_free(l2);
	kit_page_free(data);
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_mm_init();
	test_pin_l1();
	test_bad_tables();
	test_references();
	test_wrong_level();
	test_roots();
	test_linear();
	test_large_tree();
	done();
}
