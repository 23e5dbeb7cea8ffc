/* SPDX-License-Identifier: MIT */
/* mmu_update and update_va_mapping: what an entry may hold, which entries may be changed, how
 * errors are reported. */
#include <kit/pt.h>
#include <kit/shared.h>
#include "tap.h"

#define WINDOW ((volatile uint64_t *)0xffffc00000000000UL)

static unsigned long page_a, page_b;
static uint64_t l1e, l2e, l3e, l4e;

/* Two frames with marks in them and a virtual address with tables of its own. */
static void setup(void) {
	page_a = kit_page_alloc();
	page_b = kit_page_alloc();
	*(uint64_t *)kit_page(page_a) = 0xaaaa;
	*(uint64_t *)kit_page(page_b) = 0xbbbb;
	is(kit_map(WINDOW, kit_pte(page_a, PTE_DATA)), 0, "tables are hooked in and a frame is mapped");
	is_hex(*WINDOW, 0xaaaa, "the mapping shows the frame");
	l1e = kit_entry_maddr(WINDOW, 1);
	l2e = kit_entry_maddr(WINDOW, 2);
	l3e = kit_entry_maddr(WINDOW, 3);
	l4e = kit_entry_maddr(WINDOW, 4);
}

static void test_l1(void) {
	is(kit_mmu_update(l1e, kit_pte(page_b, PTE_DATA)), 0, "an L1 entry is changed");
	kit_mmuext(MMUEXT_INVLPG_LOCAL, (unsigned long)WINDOW, NULL);
	is_hex(*WINDOW, 0xbbbb, "the new frame is seen behind invlpg");
	is(kit_mmu_update(l1e, kit_pte(page_b, PTE_RO)), 0, "a mapping is made read-only");
	kit_mmuext(MMUEXT_INVLPG_LOCAL, (unsigned long)WINDOW, NULL);
	TRAP_TRY("movq %0, (%0)", ::"r"(WINDOW) : "memory");
	trapped(VEC_PF, 3, "a write to a read-only mapping faults");
	is(kit_mmu_update(l1e, 0), 0, "an entry is cleared");
	kit_mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, NULL);
	TRAP_TRY("movq (%0), %%rcx", ::"r"(WINDOW) : "rcx", "memory");
	trapped(VEC_PF, 0, "a read of a cleared mapping faults");
	is(kit_mmu_update(l1e, kit_pte(page_a, PTE_DATA & ~PTE_P)), 0,
	   "an entry that is not present may hold anything");
	same(kit_entry_read(l1e), kit_pte(page_a, PTE_DATA & ~PTE_P), "and is stored as it is");
	is(kit_mmu_update(l1e, kit_pte(page_a, PTE_P | PTE_RW)), 0, "an entry without the user bit is accepted");
	is_hex(kit_entry_read(l1e) & 0xff, PTE_P | PTE_RW | PTE_US, "and has it afterwards");
	is_hex(*WINDOW, 0xaaaa, "and is readable");
	is(kit_mmu_update(l1e, kit_pte(page_a, PTE_DATA | PTE_NX)), 0, "no-execute is accepted");
	is_hex(kit_entry_read(l1e) & (PTE_NX | 0xff), PTE_NX | PTE_DATA, "and kept");
	kit_mmuext(MMUEXT_INVLPG_LOCAL, (unsigned long)WINDOW, NULL);
	TRAP_TRY("movq $772f, kit_trap_resume(%%rip); jmp *%0; 772:", ::"r"(WINDOW) : "memory");
	trapped(VEC_PF, 0x11, "executing it faults");
}

/* Tries every flag bit on its own in an entry of `level`; logs which are refused. */
static void test_bits(const char *level, uint64_t entry, uint64_t good, uint64_t refused_wanted) {
	uint64_t refused = 0, old = kit_entry_read(entry);
	char name[80];

	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t mask = 1UL << bit;

		if (mask & (PTE_ADDR | PTE_P)) continue;
		if (kit_mmu_update(entry, good | mask) != 0) refused |= mask;
	}
	kit_mmu_update(entry, old);
	kit_snprintf(name, sizeof(name), "flag bits refused in an %s entry", level);
	is_hex(refused, refused_wanted, name);
}

static void test_flag_bits(void) {
	uint64_t no_cache_control = PTE_PWT | PTE_PCD | PTE_PSE | PTE_G;

	test_bits("L1", l1e, kit_pte(page_a, PTE_P | PTE_US), 0);
	test_bits("L2", l2e, (kit_entry_read(l2e) & PTE_ADDR) | PTE_P | PTE_US, no_cache_control);
	test_bits("L3", l3e, (kit_entry_read(l3e) & PTE_ADDR) | PTE_P | PTE_US, no_cache_control);
	test_bits("L4", l4e, (kit_entry_read(l4e) & PTE_ADDR) | PTE_P | PTE_US, no_cache_control);
}

/* A frame of RAM that is not this domain's, by the machine-to-physical table. */
static unsigned long foreign_mfn(void) {
	for (unsigned long mfn = 0x1000; mfn < 0x8000; mfn++) {
		unsigned long pfn = kit_pfn(mfn);

		if (pfn >= kit_start_info->nr_pages || kit_mfn(pfn) != mfn) return mfn;
	}
	return 0;
}

static void test_frames(void) {
	unsigned long l4_mfn = kit_mfn(kit_root_pfn), foreign = foreign_mfn();
	uint64_t hv = ((uint64_t *)kit_page(kit_root_pfn))[256];

	is(kit_mmu_update(l1e, (uint64_t)l4_mfn << PAGE_SHIFT | PTE_DATA), KIT_ERRNO(EBUSY),
	   "a writable mapping of the root is refused");
	is(kit_mmu_update(l1e, (l1e & PTE_ADDR) | PTE_DATA), KIT_ERRNO(EBUSY),
	   "a writable mapping of an L1 is refused");
	is(kit_mmu_update(l1e, (l2e & PTE_ADDR) | PTE_DATA), KIT_ERRNO(EBUSY),
	   "a writable mapping of an L2 is refused");
	is(kit_mmu_update(l1e, (l3e & PTE_ADDR) | PTE_DATA), KIT_ERRNO(EBUSY),
	   "a writable mapping of an L3 is refused");
	is(kit_mmu_update(l1e, (l1e & PTE_ADDR) | PTE_RO), 0, "a read-only mapping of an L1 is fine");
	ok(foreign != 0, "there is memory of others");
	is(kit_mmu_update(l1e, (uint64_t)foreign << PAGE_SHIFT | PTE_RO), KIT_ERRNO(EBUSY),
	   "a read-only mapping of foreign memory is refused");
	is(kit_mmu_update(l1e, (uint64_t)foreign << PAGE_SHIFT | PTE_DATA), KIT_ERRNO(EBUSY),
	   "a writable mapping of foreign memory is refused");
	ok(hv & PTE_P, "the root holds the hypervisor's entries");
	is(kit_mmu_update(l1e, (hv & PTE_ADDR) | PTE_RO), KIT_ERRNO(EBUSY),
	   "a mapping of the hypervisor's tables is refused");
	is(kit_mmu_update(l2e, (hv & PTE_ADDR) | PTE_TABLE), KIT_ERRNO(EINVAL),
	   "the hypervisor's tables are refused as an L1");
	is(kit_mmu_update(l1e, kit_start_info->shared_info | PTE_DATA), 0, "shared_info can be mapped again");
	is(kit_mmu_update(l2e, kit_start_info->shared_info | PTE_TABLE), KIT_ERRNO(EINVAL),
	   "shared_info is refused as a table");
	is(kit_mmu_update(l1e, 0xfee00000UL | PTE_DATA), KIT_ERRNO(EPERM), "the local APIC is refused even to dom0");
	is(kit_mmu_update(l1e, kit_pte(page_a, PTE_DATA)), 0, "the window is put back");
}

static void test_structure(void) {
	is(kit_mmu_update(l2e, kit_pte(page_a, PTE_TABLE)), KIT_ERRNO(EINVAL),
	   "a frame with writable mappings is refused as an L1");
	is(kit_mmu_update(l2e, (l3e & PTE_ADDR) | PTE_TABLE), KIT_ERRNO(EINVAL), "an L3 is refused as an L1");
	is(kit_mmu_update(l4e, (l1e & PTE_ADDR) | PTE_TABLE), KIT_ERRNO(EINVAL), "an L1 is refused as an L3");
	is(kit_mmu_update(l4e, (l2e & PTE_ADDR) | PTE_TABLE), KIT_ERRNO(EINVAL), "an L2 is refused as an L3");
	is_hex(*WINDOW, 0xaaaa, "refused changes changed nothing");
	for (unsigned int slot = 256; slot < 272; slot++) {
		uint64_t at = ((uint64_t)kit_mfn(kit_root_pfn) << PAGE_SHIFT) + slot * 8;

		if (kit_mmu_update(at, 0) != KIT_ERRNO(EINVAL)) {
			ok(false, "slots 256 to 271 of the root are refused");
			return;
		}
	}
	ok(true, "slots 256 to 271 of the root are refused");
}

static void test_requests(void) {
	struct mmu_update u[3] = {
		{ l1e, kit_pte(page_b, PTE_DATA) },
		{ l1e, (l1e & PTE_ADDR) | PTE_DATA },
		{ l1e, kit_pte(page_a, PTE_DATA) },
	};
	unsigned int count = 77;

	is(hv_mmu_update(u, 3, &count, DOMID_SELF), KIT_ERRNO(EBUSY), "a bad request in the middle ends the list");
	is(count, 1, "the count says how many were done");
	same(kit_entry_read(l1e) & PTE_ADDR, kit_pte(page_b, 0), "the first was done, the third not");
	is(hv_mmu_update(u, 1, &count, DOMID_SELF), 0, "a list of one");
	is(count, 1, "is counted");
	is(hv_mmu_update(u, 0, &count, DOMID_SELF), 0, "an empty list");
	is(count, 0, "is counted");
	is(hv_mmu_update((void *)HYPERVISOR_VIRT_START, 1, &count, DOMID_SELF), KIT_ERRNO(EFAULT),
	   "a list in the hypervisor's range is refused");
	is(hv_mmu_update((void *)0x7000000000UL, 1, &count, DOMID_SELF), KIT_ERRNO(EFAULT),
	   "an unmapped list is refused");
	is(hv_mmu_update(u, 1, NULL, 1234), KIT_ERRNO(ESRCH), "a domain that does not exist is refused");
	is(hv_mmu_update(u, 1, NULL, 1235U << 16 | DOMID_SELF), KIT_ERRNO(ESRCH),
	   "a table owner that does not exist is refused");
	u[0].ptr = 0xffffffffff000UL;
	is(hv_mmu_update(u, 1, NULL, DOMID_SELF), KIT_ERRNO(EINVAL), "an entry beyond memory is refused");
	u[0].ptr = l1e + 4;
	value("mmu_update of half an entry", hv_mmu_update(u, 1, NULL, DOMID_SELF));
	kit_mmu_update(l1e, kit_pte(page_a, PTE_DATA));
	u[0].ptr = ((uint64_t)kit_mfn(page_b) << PAGE_SHIFT) + 8;
	u[0].val = 0x1234567890;
	is(hv_mmu_update(u, 1, NULL, DOMID_SELF), 0, "an ordinary frame is written as it is");
	is_hex(((uint64_t *)kit_page(page_b))[1], 0x1234567890, "the word is there");
	u[0].ptr = (uint64_t)foreign_mfn() << PAGE_SHIFT;
	is(hv_mmu_update(u, 1, NULL, DOMID_SELF), KIT_ERRNO(EINVAL), "a word of foreign memory is refused");
}

static void test_preserve(void) {
	uint64_t base = kit_pte(page_a, PTE_P | PTE_RW | PTE_US);

	kit_mmu_update(l1e, base);
	kit_mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, NULL);
	*WINDOW = 0xaaaa;
	is_hex(kit_entry_read(l1e) & (PTE_A | PTE_D), PTE_A | PTE_D, "the processor sets accessed and dirty");
	is(kit_mmu_update(l1e | MMU_PT_UPDATE_PRESERVE_AD, base), 0, "an update that preserves the two bits");
	is_hex(kit_entry_read(l1e) & (PTE_A | PTE_D), PTE_A | PTE_D, "has preserved them");
	is(kit_mmu_update(l1e, base), 0, "an ordinary update");
	is_hex(kit_entry_read(l1e) & (PTE_A | PTE_D), 0, "clears them");
	is(kit_mmu_update(l1e | MMU_PT_UPDATE_NO_TRANSLATE, kit_pte(page_a, PTE_DATA)), 0, "no-translate update");
}

/* The frame stays, only flags change: the short way through the checks must not miss what the flags
 * mean. */
static void test_flags_only(void) {
	uint64_t table = (l1e & PTE_ADDR) | PTE_RO;

	is(kit_mmu_update(l1e, table), 0, "a table is mapped read-only");
	is(kit_mmu_update(l1e, table | PTE_RW), KIT_ERRNO(EBUSY), "it is not made writable by mmu_update");
	is(kit_mmu_update(l1e | MMU_PT_UPDATE_PRESERVE_AD, table | PTE_RW), KIT_ERRNO(EBUSY),
	   "nor with preserved bits");
	is(hv_update_va_mapping(WINDOW, table | PTE_RW, UVMF_INVLPG), KIT_ERRNO(EBUSY), "nor by update_va_mapping");
	is(kit_mmu_update(l1e, table & ~PTE_P), 0, "it is unmapped, the frame left in the entry");
	is(kit_mmu_update(l1e, table | PTE_RW), KIT_ERRNO(EBUSY), "it is not made writable from there");
	is(kit_mmu_update(l1e, table), 0, "but read-only");
	is(kit_mmu_update(l2e, (kit_entry_read(l2e) & ~0xfffUL) | PTE_TABLE | PTE_PSE), KIT_ERRNO(EINVAL),
	   "a table entry is not made a superpage");
	is(kit_mmu_update(l2e | MMU_PT_UPDATE_PRESERVE_AD, (kit_entry_read(l2e) & ~0xfffUL) | PTE_TABLE | PTE_PSE),
	   KIT_ERRNO(EINVAL), "nor with preserved bits");
	is(kit_mmu_update(l2e, (kit_entry_read(l2e) & ~0xfffUL) | (PTE_TABLE & ~PTE_RW)), 0,
	   "a table entry is made read-only");
	kit_mmu_update(l1e, kit_pte(page_a, PTE_DATA));
	kit_mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, NULL);
	TRAP_TRY("movq $1, (%0)", ::"r"(WINDOW) : "memory");
	trapped(VEC_PF, 3, "which holds for all it maps");
	is(kit_mmu_update(l2e, (kit_entry_read(l2e) & ~0xfffUL) | PTE_TABLE), 0, "and writable again");
	kit_mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, NULL);
}

/* More requests than a hypervisor does in one go. */
static void test_long_list(void) {
	static struct mmu_update many[4000];
	unsigned int count = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(many); i++) {
		many[i].ptr = l1e;
		many[i].val = kit_pte(i & 1 ? page_a : page_b, PTE_DATA);
	}
	is(hv_mmu_update(many, ARRAY_SIZE(many), &count, DOMID_SELF), 0, "a list of 4000");
	is(count, ARRAY_SIZE(many), "is done and counted");
	many[3500].val = (l1e & PTE_ADDR) | PTE_DATA;
	is(hv_mmu_update(many, ARRAY_SIZE(many), &count, DOMID_SELF), KIT_ERRNO(EBUSY), "a list with a bad one late");
	is(count, 3500, "is counted up to it");
	value("a list of 2^31", hv_mmu_update(many, 0x80000000U, &count, DOMID_SELF));
	kit_mmu_update(l1e, kit_pte(page_a, PTE_DATA));
	kit_mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, NULL);
}

static void test_machphys(void) {
	uint64_t at = (uint64_t)kit_mfn(page_b) << PAGE_SHIFT;

	is(kit_mmu_update(at | MMU_MACHPHYS_UPDATE, 0x4321), 0, "the machine-to-physical entry of an own frame");
	same(kit_pfn(kit_mfn(page_b)), 0x4321, "is changed");
	is(kit_mmu_update(at | MMU_MACHPHYS_UPDATE, page_b), 0, "and put back");
	same(kit_pfn(kit_mfn(page_b)), page_b, "to what it was");
	is(kit_mmu_update((uint64_t)foreign_mfn() << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 1), KIT_ERRNO(EINVAL),
	   "that of a foreign frame is refused");
}

static void test_update_va(void) {
	is(hv_update_va_mapping(WINDOW, kit_pte(page_b, PTE_DATA), UVMF_INVLPG), 0, "update_va_mapping with invlpg");
	is_hex(*WINDOW & 0xffff, 0xbbbb, "shows the new frame");
	is(hv_update_va_mapping(WINDOW, kit_pte(page_a, PTE_DATA), UVMF_TLB_FLUSH | UVMF_ALL), 0,
	   "update_va_mapping with a flush everywhere");
	is_hex(*WINDOW, 0xaaaa, "shows the old frame");
	is(hv_update_va_mapping(WINDOW, kit_pte(page_a, PTE_DATA), UVMF_INVLPG | UVMF_ALL), 0, "invlpg everywhere");
	is(hv_update_va_mapping(WINDOW, kit_pte(page_a, PTE_DATA), 3), 0, "flush type 3 means nothing");
	is(hv_update_va_mapping(WINDOW, kit_pte(page_a, PTE_DATA), 1 | 0x7000000000UL), KIT_ERRNO(EFAULT),
	   "an unmapped vCPU mask is refused");
	is(hv_update_va_mapping((void *)HYPERVISOR_VIRT_START, 0, 0), KIT_ERRNO(EINVAL),
	   "an address of the hypervisor is refused");
	is(hv_update_va_mapping((void *)0x7000000000UL, kit_pte(page_a, PTE_DATA), 0), KIT_ERRNO(EINVAL),
	   "an address without tables is refused");
	is(hv_update_va_mapping((void *)0x800000000000UL, 0, 0), KIT_ERRNO(EINVAL),
	   "a non-canonical address is refused");
	is(hypercall4(__HYPERVISOR_update_va_mapping_otherdomain, WINDOW, kit_pte(page_a, PTE_DATA), UVMF_INVLPG,
		      DOMID_SELF),
	   0, "otherdomain with oneself");
	is(hypercall4(__HYPERVISOR_update_va_mapping_otherdomain, WINDOW, kit_pte(page_a, PTE_DATA), UVMF_INVLPG, 99),
	   KIT_ERRNO(ESRCH), "otherdomain with a domain that does not exist");
	is_hex(*WINDOW, 0xaaaa, "the mapping is still there");
}

/* The fixed table of memory types: WB WT UC- UC WC WP UC UC, chosen by PAT PCD PWT. */
static void test_cache_types(void) {
	uint64_t refused = 0;

	for (unsigned int i = 0; i < 8; i++) {
		uint64_t flags = (i & 1 ? PTE_PWT : 0) | (i & 2 ? PTE_PCD : 0) | (i & 4 ? PTE_PAT : 0);

		if (kit_mmu_update(l1e, kit_pte(page_a, PTE_DATA | flags)))
			refused |= 1UL << i;
		else if ((kit_entry_read(l1e) & (PTE_PWT | PTE_PCD | PTE_PAT)) != flags)
			ok(false, "cache bits are stored as given");
	}
	is_hex(refused, 0, "memory types refused to dom0 for RAM");
	kit_mmu_update(l1e, kit_pte(page_a, PTE_DATA));
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_mm_init();
	setup();
	test_l1();
	test_flag_bits();
	test_frames();
	test_structure();
	test_requests();
	test_preserve();
	test_flags_only();
	test_long_list();
	test_machphys();
	test_update_va();
	test_cache_types();
	done();
}
