/* SPDX-License-Identifier: MIT */
/* Mapping of the shared pages. */
#include <kit/pt.h>
#include <kit/shared.h>

static char shared_page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

struct shared_info *const kit_shared_info = (struct shared_info *)shared_page;
struct vcpu_info *kit_vcpu_infos[KIT_MAX_VCPUS] = { (struct vcpu_info *)shared_page };

_Static_assert(sizeof(struct shared_info) <= PAGE_SIZE, "shared_info is one page");
_Static_assert(offsetof(struct shared_info, vcpu_info) == 0, "vcpu_info is its start");

void kit_shared_init(void) {
	if (hv_update_va_mapping(shared_page, kit_start_info->shared_info | PTE_P | PTE_RW | PTE_A | PTE_D,
				 UVMF_INVLPG))
		kit_panic("# shared_info cannot be mapped");
	for (unsigned int i = 0; i < KIT_MAX_VCPUS; i++) kit_vcpu_infos[i] = &kit_shared_info->vcpu_info[i];
}
