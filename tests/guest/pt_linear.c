/* SPDX-License-Identifier: MIT */
/*
 * Tables that refer to tables of their own level (linear page tables) at every level: to
 * themselves, in pairs, in rings, in chains. The depth must be bounded, when they are made and when
 * they are taken down.
 */
#include <kit/pt.h>
#include <kit/shared.h>
#include "tap.h"

#define LINK (PTE_TABLE & ~PTE_RW)

static unsigned int level;

static long check(long rc, const char *what) {
	char name[80];

	kit_snprintf(name, sizeof(name), "L%u: %s", level, what);
	value(name, rc);
	return rc;
}

static long pin(unsigned long pfn) { return kit_mmuext(MMUEXT_PIN_L1_TABLE + level - 1, kit_mfn(pfn), NULL); }

static long unpin(unsigned long pfn) { return kit_mmuext(MMUEXT_UNPIN_TABLE, kit_mfn(pfn), NULL); }

static long link(unsigned long from, unsigned int slot, unsigned long to) {
	return kit_mmu_update(((uint64_t)kit_mfn(from) << PAGE_SHIFT) + 8 * slot, to ? kit_pte(to, LINK) : 0);
}

/* Whether frames are ordinary again, by writing to each. */
static void all_free(const unsigned long *pfns, unsigned int n, const char *what) {
	char name[80];
	unsigned int bad = 0;

	for (unsigned int i = 0; i < n; i++) bad += kit_page_protect(pfns[i], PTE_DATA) != 0;
	kit_snprintf(name, sizeof(name), "L%u: %s: all frames are ordinary again", level, what);
	is(bad, 0, name);
	for (unsigned int i = 0; i < n && !bad; i++) kit_page_free(pfns[i]);
}

static void tables(unsigned long *pfns, unsigned int n) {
	for (unsigned int i = 0; i < n; i++) pfns[i] = kit_table_alloc();
}

static void test_self(void) {
	unsigned long t[1];

	tables(t, 1);
	check(pin(t[0]), "pin an empty table");
	check(link(t[0], 5, t[0]), "link it to itself");
	check(link(t[0], 6, t[0]), "twice");
	check(link(t[0], 5, 0), "unlink once");
	check(unpin(t[0]), "unpin");
	check(link(t[0], 6, 0), "unlink, if it is still a table");
	all_free(t, 1, "self");
	tables(t, 1);
	kit_page_protect(t[0], PTE_DATA);
	((uint64_t *)kit_page(t[0]))[7] = kit_pte(t[0], LINK);
	kit_page_protect(t[0], PTE_RO);
	check(pin(t[0]), "pin a table that holds a link to itself");
	check(unpin(t[0]), "unpin it");
	all_free(t, 1, "a link from the start");
}

static void test_pair(void) {
	unsigned long t[2];

	tables(t, 2);
	pin(t[0]);
	pin(t[1]);
	check(link(t[0], 5, t[1]), "link a to b");
	check(link(t[1], 5, t[0]), "link b to a");
	check(unpin(t[0]), "unpin a");
	check(unpin(t[1]), "unpin b");
	check(link(t[0], 5, 0), "unlink a, if it is still a table");
	check(link(t[1], 5, 0), "unlink b, if it is still a table");
	all_free(t, 2, "pair");
}

static void test_chain(void) {
	unsigned long t[8];
	unsigned int linked = 0;

	tables(t, 8);
	for (unsigned int i = 0; i < 8; i++) pin(t[i]);
	for (unsigned int i = 0; i + 1 < 8; i++) linked += link(t[i], 9, t[i + 1]) == 0;
	check(linked, "links in a chain from its head");
	for (unsigned int i = 0; i + 1 < 8; i++) link(t[i], 9, 0);
	linked = 0;
	for (unsigned int i = 7; i > 0; i--) linked += link(t[i - 1], 9, t[i]) == 0;
	check(linked, "links in a chain from its tail");
	for (unsigned int i = 0; i < 8; i++) unpin(t[i]);
	all_free(t, 8, "chain");
}

/* A chain of tables with their links inside, pinned by its head: the hypervisor goes down it by
 * itself. */
static void test_deep(void) {
	static unsigned long t[600];
	unsigned int n = ARRAY_SIZE(t);

	for (unsigned int i = 0; i < n; i++) t[i] = kit_page_alloc();
	for (unsigned int i = 0; i < n; i++) {
		if (i + 1 < n) ((uint64_t *)kit_page(t[i]))[3] = kit_pte(t[i + 1], LINK);
		kit_page_protect(t[i], PTE_RO);
	}
	check(pin(t[0]), "pin a chain of 600 by its head");
	check(unpin(t[0]), "unpin it");
	for (unsigned int i = n; i-- > 0;) pin(t[i]);
	for (unsigned int i = 0; i < n; i++) unpin(t[i]);
	all_free(t, n, "deep chain");
}

/* A table with links and a wrong entry behind them: the validation must be taken back completely. */
static void test_failed(void) {
	unsigned long t[3];

	tables(t, 3);
	kit_page_protect(t[0], PTE_DATA);
	((uint64_t *)kit_page(t[0]))[1] = kit_pte(t[0], LINK);
	((uint64_t *)kit_page(t[0]))[2] = kit_pte(t[1], LINK);
	((uint64_t *)kit_page(t[0]))[200] = 0xfffffff000UL | LINK;
	kit_page_protect(t[0], PTE_RO);
	ok(check(pin(t[0]), "pin a table with links and a wrong entry") != 0, "a wrong entry is refused");
	all_free(t, 3, "failed pin");
}

/* Wrong entries that lead back to the table that holds them, or to its parent: going down must not
 * go round. */
static void test_wrong_links(void) {
	unsigned long t[2];
	static const uint64_t wrong[] = { PTE_PSE, PTE_PCD, PTE_RW };
	char name[80];

	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
		t[0] = kit_page_alloc();
		((uint64_t *)kit_page(t[0]))[9] = kit_pte(t[0], LINK | wrong[i]);
		kit_page_protect(t[0], PTE_RO);
		kit_snprintf(name, sizeof(name), "L%u: a link to itself with flag %lx is refused", level, wrong[i]);
		is(pin(t[0]), KIT_ERRNO(EINVAL), name);
		all_free(t, 1, name);
	}
	t[0] = kit_page_alloc();
	t[1] = kit_page_alloc();
	((uint64_t *)kit_page(t[0]))[9] = kit_pte(t[1], PTE_TABLE);
	((uint64_t *)kit_page(t[1]))[9] = kit_pte(t[0], LINK);
	((uint64_t *)kit_page(t[1]))[7] = kit_pte(t[1], LINK);
	kit_page_protect(t[0], PTE_RO);
	kit_page_protect(t[1], PTE_RO);
	check(pin(t[0]), "pin a table whose child leads back to it");
	check(unpin(t[0]), "unpin it, if it was pinned");
	all_free(t, 2, "a ring of two levels");
}

/* A link that is made writable afterwards, by each way of changing an entry. */
static void test_flip(void) {
	unsigned long t[1];
	uint64_t entry, writable;
	char name[80];
	unsigned int bad = 0;

	tables(t, 1);
	pin(t[0]);
	link(t[0], 5, t[0]);
	entry = ((uint64_t)kit_mfn(t[0]) << PAGE_SHIFT) + 8 * 5;
	writable = kit_pte(t[0], PTE_TABLE);
	bad += kit_mmu_update(entry, writable) == 0;
	bad += kit_mmu_update(entry | MMU_PT_UPDATE_PRESERVE_AD, writable) == 0;
	bad += kit_mmu_update(entry | MMU_PT_UPDATE_NO_TRANSLATE, writable) == 0;
	bad += (kit_entry_read(entry) & PTE_RW) != 0;
	kit_snprintf(name, sizeof(name), "L%u: a link to itself is not made writable by a change of flags", level);
	is(bad, 0, name);
	check(kit_mmu_update(entry, kit_pte(t[0], LINK & ~PTE_A)), "another change of flags");
	link(t[0], 5, 0);
	unpin(t[0]);
	all_free(t, 1, "flip");
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_mm_init();
	for (level = 2; level <= 4; level++) {
		test_self();
		test_flip();
		test_wrong_links();
		test_pair();
		test_chain();
		test_failed();
		test_deep();
	}
	done();
}
