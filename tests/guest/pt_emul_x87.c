/* SPDX-License-Identifier: MIT */
/* guest-boot: compare="no, stock Xen 4.17 stops the machine at such a store" */
/* Stores that no kernel makes to a page table: x87 and vector instructions. They are the guest's
 * fault, not ours. */
#include <kit/pt.h>
#include <kit/shared.h>
#include "tap.h"

void guest_main(void) {
	unsigned long table;
	volatile uint64_t *entry;

	kit_shared_init();
	kit_traps_init();
	kit_mm_init();
	table = kit_table_alloc();
	entry = kit_page(table);
	is(kit_mmuext(MMUEXT_PIN_L1_TABLE, kit_mfn(table), NULL), 0, "a table is pinned");
	TRAP_TRY("fnstcw (%0)", ::"r"(entry) : "memory");
	trapped(VEC_PF, 3, "fnstcw to a table");
	TRAP_TRY("fnsave (%0)", ::"r"(entry) : "memory");
	trapped(VEC_PF, 3, "fnsave to a table");
	TRAP_TRY("fxsave (%0)", ::"r"(entry) : "memory");
	trapped(VEC_PF, 3, "fxsave to a table");
	TRAP_TRY("movdqa %%xmm0, (%0)", ::"r"(entry) : "memory");
	trapped(VEC_PF, 3, "movdqa to a table");
	TRAP_TRY("stmxcsr (%0)", ::"r"(entry) : "memory");
	trapped(VEC_PF, 3, "stmxcsr to a table");
	is_hex(entry[0], 0, "the table is unchanged");
	done();
}
