/* SPDX-License-Identifier: MIT */
/* guest-boot: args="alpha beta=2 gamma" initrd=LICENSE */
/* What the domain builder leaves: start_info, shared_info, page tables, the physical-to-machine
 * list, the ramdisk. */
#include <kit/pt.h>
#include <kit/shared.h>
#include "tap.h"

static unsigned long pfn_of(unsigned long va) { return (va - KIT_VIRT_BASE) >> PAGE_SHIFT; }

static void test_start_info(void) {
	const struct start_info *si = kit_start_info;
	char text[8] = "";

	ok(strncmp(si->magic, "xen-3.0-x86_64", 14) == 0, "start_info begins with xen-3.0-x86_64");
	kit_printf("# = magic: '%s'\n", si->magic);
	is(si->nr_pages, (long)si->nr_pages, "nr_pages"); /* logged: what dom0_mem leaves to the guest */
	ok(si->nr_pages > 10000 && si->nr_pages <= 16384, "nr_pages is near what dom0_mem says");
	is_hex(si->flags & (SIF_PRIVILEGED | SIF_INITDOMAIN), SIF_PRIVILEGED | SIF_INITDOMAIN, "flags tell dom0");
	is_hex(si->flags & SIF_MOD_START_PFN, 0, "mod_start is an address");
	is_hex((unsigned long)si & (PAGE_SIZE - 1), 0, "start_info is on a page of its own");
	is(si->store_mfn, 0, "dom0 has no store page");
	is(si->store_evtchn, 0, "nor a store port");
	ok(strncmp((const char *)si->cmd_line, "alpha beta=2 gamma", 18) == 0, "the command line is the module's");
	kit_printf("# = command line: '%s'\n", (const char *)si->cmd_line);
	ok(kit_option("beta", text, sizeof(text)) && strcmp(text, "2") == 0, "options can be found in it");
	ok(si->nr_pt_frames >= 4, "there are page tables");
	kit_printf("# = console: info_off %u info_size %u\n", si->console.dom0.info_off, si->console.dom0.info_size);
	is_hex(si->shared_info & (PAGE_SIZE - 1), 0, "shared_info is given by a page's machine address");
}

static void test_layout(void) {
	const struct start_info *si = kit_start_info;

	ok(si->mfn_list > (unsigned long)kit_image_start, "the list of frames is behind the image");
	ok((unsigned long)si >= si->mfn_list + si->nr_pages * 8, "start_info is behind the list");
	ok(si->pt_base > (unsigned long)si, "the page tables are behind start_info");
	is(si->nr_p2m_frames, 0, "the list has no frames of its own");
	is(si->mod_len, 1074, "the ramdisk has its length");
	ok(si->mod_start >= KIT_VIRT_BASE && si->mod_start < si->pt_base, "and its address");
	ok(si->mod_start && memcmp((void *)si->mod_start, "MIT License", 11) == 0, "and its content");
}

static void test_p2m(void) {
	const unsigned long *list = (void *)kit_start_info->mfn_list;
	unsigned long bad = 0;

	for (unsigned long pfn = 0; pfn < kit_start_info->nr_pages; pfn++)
		bad += machine_to_phys_mapping[list[pfn]] != pfn;
	is(bad, 0, "both translations agree for every frame");
}

static const uint64_t *table_at(uint64_t entry) {
	return (void *)(KIT_VIRT_BASE + (kit_pfn((entry & PTE_ADDR) >> PAGE_SHIFT) << PAGE_SHIFT));
}

/* The level-1 entry of an address in the boot mapping; 0 when there is none. */
static uint64_t l1e_of(unsigned long va) {
	const uint64_t *l4 = (void *)kit_start_info->pt_base;
	uint64_t l3e = l4[511] & PTE_P ? table_at(l4[511])[510] : 0;
	uint64_t l2e = l3e & PTE_P ? table_at(l3e)[va >> 21 & 511] : 0;

	return l2e & PTE_P ? table_at(l2e)[va >> 12 & 511] : 0;
}

static void test_boot_tables(void) {
	const struct start_info *si = kit_start_info;
	unsigned long end = si->pt_base + si->nr_pt_frames * PAGE_SIZE, writable = 0, wrong = 0, va;

	for (va = si->pt_base; va < end; va += PAGE_SIZE) writable += (l1e_of(va) & PTE_RW) != 0;
	is(writable, 0, "all page tables are mapped read-only");
	for (va = KIT_VIRT_BASE; l1e_of(va) & PTE_P; va += PAGE_SIZE)
		wrong += (l1e_of(va) & PTE_ADDR) >> PAGE_SHIFT != kit_mfn(pfn_of(va));
	is(wrong, 0, "the boot mapping shows frames in order");
	ok(va >= end + PAGE_SIZE + 0x80000, "it covers a stack and 512 KiB behind the tables");
	is((va - KIT_VIRT_BASE) & 0x3fffff, 0, "and ends at a multiple of 4 MiB");
	ok(l1e_of((unsigned long)si) & PTE_RW, "start_info is writable");
	ok(l1e_of(si->mfn_list) & PTE_RW, "the list is writable");
	ok(l1e_of((unsigned long)kit_image_start) & PTE_RW, "even the text is writable");
}

static void test_shared_info(void) {
	unsigned long clear = 0;

	kit_shared_init();
	for (unsigned int i = 0; i < 64; i++) clear += kit_shared_info->evtchn_mask[i] == 0;
	value("words of the event mask that are zero", clear);
	is(kit_vcpu_infos[0]->evtchn_upcall_mask, 1, "vCPU 0 starts with events masked");
	is(kit_shared_info->evtchn_pending[0], 0, "nothing is pending");
	is(kit_shared_info->arch.max_pfn, 0, "the list's length is for the guest to fill in");
	is_hex(kit_shared_info->arch.pfn_to_mfn_frame_list_list, 0, "its address too");
	ok(kit_vcpu_infos[0]->time.tsc_to_system_mul != 0, "time is running");
	is(kit_vcpu_infos[1]->evtchn_upcall_mask, 1, "the slot of a vCPU that is not there");
}

static void test_bss(void) {
	static char zero[3 * PAGE_SIZE];
	unsigned long bad = 0;

	for (unsigned int i = 0; i < sizeof(zero); i++) bad += zero[i] != 0;
	is(bad, 0, "bss is zero");
}

void guest_main(void) {
	test_bss();
	test_start_info();
	test_layout();
	test_p2m();
	test_boot_tables();
	test_shared_info();
	kit_traps_init();
	kit_mm_init();
	is(*(uint64_t *)kit_page(kit_page_alloc()), 0, "the allocator works on it");
	done();
}
