/* SPDX-License-Identifier: MIT */
/* memory_op: giving memory back and asking for it, exchanging frames, maps of memory and of the
 * hypervisor's tables. */
#include <kit/pt.h>
#include <kit/shared.h>
#include "tap.h"

#define NOWHERE 0x7000000000UL
#define WINDOW  ((volatile uint64_t *)0xffffc00000000000UL)

static xen_pfn_t list[64];

static struct xen_memory_reservation request(unsigned int count, unsigned int order) {
	struct xen_memory_reservation r = { .nr_extents = count, .extent_order = order, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, list);
	return r;
}

static long current(void) {
	domid_t self = DOMID_SELF;

	return hv_memory_op(XENMEM_current_reservation, &self);
}

static void test_queries(void) {
	domid_t self = DOMID_SELF, none = 1234;

	is(current(), kit_start_info->nr_pages, "current_reservation is what the guest has");
	value("maximum_reservation is beyond it",
	      hv_memory_op(XENMEM_maximum_reservation, &self) >= (long)kit_start_info->nr_pages);
	kit_shared_info->arch.max_pfn = kit_start_info->nr_pages;
	is(hv_memory_op(XENMEM_maximum_gpfn, &self), kit_start_info->nr_pages - 1,
	   "maximum_gpfn is what the guest has written into shared_info");
	ok(hv_memory_op(XENMEM_maximum_ram_page, NULL) > 0x8000, "maximum_ram_page");
	is(hv_memory_op(XENMEM_current_reservation, &none), KIT_ERRNO(ESRCH), "the reservation of no domain");
	is(hv_memory_op(XENMEM_current_reservation, (void *)NOWHERE), KIT_ERRNO(EFAULT), "an unmapped argument");
	is(hv_memory_op(99, NULL), KIT_ERRNO(ENOSYS), "an unknown operation");
}

static void unmap(unsigned long pfn) { hv_update_va_mapping(kit_page(pfn), 0, UVMF_INVLPG); }

static void test_decrease(void) {
	struct xen_memory_reservation r;
	unsigned long pfns[8], mfns[8];
	long before = current();

	for (unsigned int i = 0; i < 8; i++) {
		pfns[i] = kit_page_alloc();
		list[i] = mfns[i] = kit_mfn(pfns[i]);
		unmap(pfns[i]);
	}
	r = request(8, 0);
	is(hv_memory_op(XENMEM_decrease_reservation, &r), 8, "eight frames are given back");
	is(current(), before - 8, "the domain has eight less");
	ok(kit_pfn(mfns[0]) != pfns[0], "their machine-to-physical entries are invalid");
	is(hv_update_va_mapping(kit_page(pfns[0]), (mfns[0] << PAGE_SHIFT) | PTE_DATA, UVMF_INVLPG), KIT_ERRNO(EBUSY),
	   "they cannot be mapped any more");
	for (unsigned int i = 0; i < 8; i++) list[i] = pfns[i];
	r = request(8, 0);
	is(hv_memory_op(XENMEM_populate_physmap, &r), 8, "eight frames come back");
	is(current(), before, "the domain has as many as before");
	for (unsigned int i = 0; i < 8; i++) {
		((unsigned long *)kit_start_info->mfn_list)[pfns[i]] = list[i];
		if (kit_page_protect(pfns[i], PTE_DATA) || *(uint64_t *)kit_page(pfns[i]) != 0)
			ok(false, "a populated frame is mapped and zero");
	}
	is(kit_pfn(list[3]), pfns[3], "the machine-to-physical table knows them");
	ok(*(uint64_t *)kit_page(pfns[0]) == 0, "they are zero");
}

/* Frames that are in use are given back only in name. */
static void test_decrease_in_use(void) {
	struct xen_memory_reservation r = request(1, 0);
	unsigned long table = kit_table_alloc(), mapped = kit_page_alloc();
	long before = current();

	kit_mmuext(MMUEXT_PIN_L1_TABLE, kit_mfn(table), NULL);
	list[0] = kit_mfn(table);
	value("decrease of a pinned table", hv_memory_op(XENMEM_decrease_reservation, &r));
	is(kit_page_protect(table, PTE_DATA), KIT_ERRNO(EBUSY), "it is still a table");
	kit_mmuext(MMUEXT_UNPIN_TABLE, kit_mfn(table), NULL);
	list[0] = kit_mfn(mapped);
	r = request(1, 0);
	value("decrease of a mapped frame", hv_memory_op(XENMEM_decrease_reservation, &r));
	*(uint64_t *)kit_page(mapped) = 5;
	is_hex(*(uint64_t *)kit_page(mapped), 5, "the frame is still the guest's to use");
	value("frames less by both", before - current());
	list[0] = 0xfffffff;
	r = request(1, 0);
	is(hv_memory_op(XENMEM_decrease_reservation, &r), 0, "a frame beyond memory");
	r = request(1, 0);
	set_xen_guest_handle(r.extent_start, (xen_pfn_t *)NOWHERE);
	is(hv_memory_op(XENMEM_decrease_reservation, &r), 0, "an unmapped list");
	unmap(mapped);
	value("frames less after the mapping is gone", before - current());
}

static void test_increase(void) {
	struct xen_memory_reservation r = request(2, 0);
	long before = current(), rc;

	rc = hv_memory_op(XENMEM_increase_reservation, &r);
	value("increase_reservation by two", rc);
	value("frames more", current() - before);
	r = request(1, 63);
	value("increase by an extent of order 63", hv_memory_op(XENMEM_increase_reservation, &r));
	r = request(1, 20);
	list[0] = 0x100000;
	is(hv_memory_op(XENMEM_populate_physmap, &r), 0, "populate by an extent of order 20");
	r = request(0, 0);
	is(hv_memory_op(XENMEM_populate_physmap, &r), 0, "populate of nothing");
	r = request(1, 0);
	r.domid = 1234;
	is(hv_memory_op(XENMEM_populate_physmap, &r), 0, "populate of no domain");
	r = request(1, 0);
	set_xen_guest_handle(r.extent_start, (xen_pfn_t *)HYPERVISOR_VIRT_START);
	is(hv_memory_op(XENMEM_populate_physmap, &r), 0, "populate by a list of the hypervisor's");
	r = request(1, 0);
	r.mem_flags = XENMEMF_exact_node(200);
	list[0] = kit_start_info->nr_pages + 10;
	value("populate on a node that does not exist", hv_memory_op(XENMEM_populate_physmap, &r));
}

static void test_exchange(void) {
	struct xen_memory_exchange x = { 0 };
	static xen_pfn_t in[8], out[8];
	unsigned long pfns[8];

	for (unsigned int i = 0; i < 8; i++) {
		pfns[i] = kit_page_alloc();
		in[i] = kit_mfn(pfns[i]);
		unmap(pfns[i]);
	}
	out[0] = pfns[0];
	x.in.nr_extents = 8;
	x.in.domid = DOMID_SELF;
	x.out.nr_extents = 1;
	x.out.extent_order = 3;
	x.out.domid = DOMID_SELF;
	x.out.mem_flags = XENMEMF_address_bits(32);
	set_xen_guest_handle(x.in.extent_start, in);
	set_xen_guest_handle(x.out.extent_start, out);
	is(hv_memory_op(XENMEM_exchange, &x), 0, "eight frames are exchanged for eight in a row");
	is(x.nr_exchanged, 8, "and counted");
	ok(out[0] + 8 <= 1UL << 20, "below 4 GiB");
	ok((out[0] & 7) == 0, "aligned to their size");
	is(kit_pfn(out[0]), pfns[0], "the machine-to-physical table knows the first");
	is(kit_pfn(out[0] + 7), pfns[0] + 7, "and the last");
	x.nr_exchanged = 0;
	x.out.nr_extents = 2;
	is(hv_memory_op(XENMEM_exchange, &x), KIT_ERRNO(EINVAL), "sizes that do not fit are refused");
	x.out.nr_extents = 1;
	x.out.domid = 1234;
	is(hv_memory_op(XENMEM_exchange, &x), KIT_ERRNO(EINVAL), "two domains are refused");
	x.out.domid = DOMID_SELF;
	x.nr_exchanged = 9;
	is(hv_memory_op(XENMEM_exchange, &x), KIT_ERRNO(EINVAL), "a count beyond the list is refused");
	x.nr_exchanged = 0;
	set_xen_guest_handle(x.out.extent_start, (xen_pfn_t *)HYPERVISOR_VIRT_START);
	is(hv_memory_op(XENMEM_exchange, &x), KIT_ERRNO(EFAULT), "a list in the hypervisor's range is refused");
	set_xen_guest_handle(x.out.extent_start, out);
	x.in.extent_order = 40;
	value("exchange of extents of order 40", hv_memory_op(XENMEM_exchange, &x));
	is(hv_memory_op(XENMEM_exchange, (void *)NOWHERE), KIT_ERRNO(EFAULT), "an unmapped argument");
}

/* e820 entries are 20 bytes. */
struct __attribute__((packed)) e820 {
	uint64_t addr, size;
	uint32_t type;
};

static void test_maps(void) {
	static struct e820 entries[128];
	struct xen_memory_map map = { .nr_entries = 128 };
	uint64_t ram = 0;

	set_xen_guest_handle(map.buffer, entries);
	is(hv_memory_op(XENMEM_machine_memory_map, &map), 0, "the machine's memory map");
	ok(map.nr_entries > 2 && map.nr_entries <= 128, "has entries");
	for (unsigned int i = 0; i < map.nr_entries; i++) ram += entries[i].type == 1 ? entries[i].size : 0;
	ok(ram > 200 << 20 && ram < 300 << 20, "with the machine's memory");
	map.nr_entries = 1;
	is(hv_memory_op(XENMEM_machine_memory_map, &map), KIT_ERRNO(EINVAL), "into too small a buffer");
	map.nr_entries = 128;
	value("memory_map of dom0", hv_memory_op(XENMEM_memory_map, &map));
	set_xen_guest_handle(map.buffer, (void *)NOWHERE);
	is(hv_memory_op(XENMEM_machine_memory_map, &map), KIT_ERRNO(EFAULT), "a map to nowhere");
}

static void test_machphys(void) {
	struct xen_machphys_mapping m = { 0 };
	static xen_pfn_t extents[4];
	struct xen_machphys_mfn_list l = { .max_extents = 4 };
	struct mmu_update u;

	is(hv_memory_op(XENMEM_machphys_mapping, &m), 0, "where the machine-to-physical table is");
	is_hex(m.v_start, MACH2PHYS_VIRT_START, "its start");
	ok(m.v_end > m.v_start && m.v_end <= MACH2PHYS_VIRT_END, "its end");
	kit_printf("# max_mfn %lx\n", m.max_mfn);
	ok(m.max_mfn >= kit_mfn(0), "its length");
	set_xen_guest_handle(l.extent_start, extents);
	is(hv_memory_op(XENMEM_machphys_mfn_list, &l), 0, "its frames");
	ok(l.nr_extents >= 1, "are told");
	kit_map(WINDOW, kit_pte(kit_page_alloc(), PTE_DATA));
	u.ptr = kit_l1e_maddr(WINDOW);
	u.val = extents[0] << PAGE_SHIFT | PTE_RO;
	is(hv_mmu_update(&u, 1, NULL, DOMID_XEN), 0, "dom0 may map them read-only");
	kit_mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, NULL);
	same(WINDOW[kit_mfn(0) % 512], machine_to_phys_mapping[kit_mfn(0) % 512], "they show the table");
	u.val |= PTE_RW;
	is(hv_mmu_update(&u, 1, NULL, DOMID_XEN), KIT_ERRNO(EBUSY), "not writable");
	value("machphys_compat_mfn_list", hv_memory_op(XENMEM_machphys_compat_mfn_list, &l));
}

static void test_others(void) {
	static const struct {
		unsigned int op;
		const char *name;
	} ops[] = {
		{ XENMEM_add_to_physmap, "add_to_physmap" },
		{ XENMEM_remove_from_physmap, "remove_from_physmap" },
		{ XENMEM_set_pod_target, "set_pod_target" },
		{ XENMEM_get_pod_target, "get_pod_target" },
		{ 18, "get_sharing_freed_pages" },
		{ 19, "get_sharing_shared_pages" },
		{ 24, "claim_pages" },
		{ XENMEM_get_vnumainfo, "get_vnumainfo" },
		{ 27, "reserved_device_memory_map" },
	};
	static char zero[256];

	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		memset(zero, 0, sizeof(zero));
		value(ops[i].name, hv_memory_op(ops[i].op, zero));
	}
	ok(true, "operations for other kinds of guests were tried");
}

static void test_resource(void) {
	static xen_pfn_t frames[4];
	struct xen_mem_acquire_resource r = { .domid = DOMID_SELF, .type = XENMEM_resource_grant_table };

	value("acquire_resource: number of grant frames", hv_memory_op(XENMEM_acquire_resource, &r));
	r.nr_frames = 1;
	set_xen_guest_handle(r.frame_list, frames);
	value("acquire_resource of oneself", hv_memory_op(XENMEM_acquire_resource, &r));
	r.domid = 1234;
	is(hv_memory_op(XENMEM_acquire_resource, &r), KIT_ERRNO(ESRCH), "acquire_resource of no domain");
	r.domid = DOMID_SELF;
	r.type = 77;
	value("acquire_resource of an unknown type", hv_memory_op(XENMEM_acquire_resource, &r));
}

void guest_main(void) {
	kit_shared_init();
	kit_traps_init();
	kit_mm_init();
	test_queries();
	test_decrease();
	test_decrease_in_use();
	test_increase();
	test_exchange();
	test_maps();
	test_machphys();
	test_others();
	test_resource();
	done();
}
