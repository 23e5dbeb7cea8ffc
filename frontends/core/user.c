/* SPDX-License-Identifier: MIT */
/* Two page-table roots and excursions to user mode. */
#include <kit/pt.h>
#include <kit/user.h>

unsigned long kit_user_root_pfn;

void kit_user_init(void) {
	unsigned long l3 = kit_table_alloc();

	kit_user_root_pfn = kit_table_alloc();
	if (kit_mmuext(MMUEXT_PIN_L4_TABLE, kit_mfn(kit_user_root_pfn), NULL) ||
	    kit_mmu_update(kit_entry_maddr(NULL, 4), kit_pte(l3, PTE_TABLE)) ||
	    kit_mmu_update((uint64_t)kit_mfn(kit_user_root_pfn) << PAGE_SHIFT, kit_pte(l3, PTE_TABLE)) ||
	    kit_mmuext(MMUEXT_NEW_USER_BASEPTR, kit_mfn(kit_user_root_pfn), NULL))
		kit_panic("# no user root");
}

long kit_user_map(const volatile void *va, uint64_t pte) { return kit_map(va, pte); }

struct trap_frame kit_user_frame(unsigned long rip, unsigned long rsp) {
	return (struct trap_frame){
		.rip = rip,
		.rsp = rsp,
		.cs = FLAT_USER_CS64,
		.ss = FLAT_USER_SS64,
		.rflags = 0x202,
	};
}

const struct trap_record *kit_user_run(const struct trap_frame *start) {
	kit_trap_record.vector = TRAP_NONE;
	kit_user_enter(start);
	return &kit_trap_record;
}
