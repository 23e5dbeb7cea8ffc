/* SPDX-License-Identifier: MIT */
/* guest-boot: initrd=LICENSE */
/*
 * A guest with other ELF notes: a hypercall page, its list of frames at an address of its own, the
 * ramdisk by frame number.
 */
#include <kit/pt.h>
#include <kit/shared.h>
#include "tap.h"

extern unsigned char kit_hypercall_page[PAGE_SIZE];

static long by_page(unsigned int nr, unsigned long a1, unsigned long a2) {
	long ret;

	asm volatile("call *%3"
		     : "=a"(ret), "+D"(a1), "+S"(a2)
		     : "r"(kit_hypercall_page + nr * 32UL)
		     : "rcx", "r11", "memory");
	return ret;
}

void guest_main(void) {
	const struct start_info *si = kit_start_info;
	unsigned long pfn;

	is_hex(si->mfn_list, 0x8000000000, "the list of frames is where the note wants it");
	is(kit_pfn(kit_mfn(5)), 5, "and readable");
	ok(si->first_p2m_pfn && si->nr_p2m_frames >= si->nr_pages / 512, "its frames are told");
	value("frames of the list beyond the least", si->nr_p2m_frames - (si->nr_pages + 511) / 512);
	ok(si->flags & SIF_MOD_START_PFN, "the ramdisk is given by frame number");
	is(si->mod_len, 1074, "its length");
	is(by_page(__HYPERVISOR_xen_version, XENVER_version, 0), hv_xen_version(XENVER_version, NULL),
	   "a hypercall by the page");
	is(by_page(44, 0, 0), KIT_ERRNO(ENOSYS), "an unknown one by the page");
	kit_shared_init();
	kit_traps_init();
	kit_mm_init();
	ok(memcmp(kit_page(si->mod_start), "MIT License", 11) == 0, "its content");
	pfn = kit_page_alloc();
	ok(pfn < si->first_p2m_pfn || pfn >= si->first_p2m_pfn + si->nr_p2m_frames, "memory can be allocated");
	done();
}
