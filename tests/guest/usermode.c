/* SPDX-License-Identifier: MIT */
/* Mapping and running of user snippets; see usermode.h. */
#include "usermode.h"

volatile uint64_t *user_data;

static unsigned long image_pfn(const void *va) { return ((unsigned long)va - KIT_VIRT_BASE) >> PAGE_SHIFT; }

static void map(unsigned long va, unsigned long pfn, uint64_t flags) {
	if (kit_user_map((void *)va, kit_pte(pfn, flags))) kit_panic("# user page %lx is not mapped", va);
}

void user_setup(void) {
	unsigned long data = kit_page_alloc();

	kit_user_init();
	map(USER_CODE, image_pfn(user_code), PTE_RO);
	map(USER_STACK, kit_page_alloc(), PTE_DATA | PTE_NX);
	map(USER_DATA, data, PTE_DATA | PTE_NX);
	user_data = kit_page(data);
}

struct trap_frame user_frame(const char *snippet) {
	return kit_user_frame(user_at(snippet), USER_STACK + PAGE_SIZE - 64);
}

const struct trap_record *user_run(const char *snippet, uint64_t number, uint64_t argument) {
	struct trap_frame f = user_frame(snippet);

	f.rax = number;
	f.rdi = argument;
	return kit_user_run(&f);
}
