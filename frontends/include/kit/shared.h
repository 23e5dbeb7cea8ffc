/* SPDX-License-Identifier: MIT */
/* The pages that the hypervisor and the guest share: shared_info and each vCPU's vcpu_info. */
#pragma once

#include <kit/guest.h>
#include <kit/stack.h>

#define KIT_MAX_VCPUS XEN_LEGACY_MAX_VCPUS

/* Mapped by kit_shared_init(); the page reads as zero before. */
extern struct shared_info *const kit_shared_info;

/* Where each vCPU's vcpu_info lives: its slot in kit_shared_info; who moves it by VCPUOP_register_vcpu_info
 * writes the new place here. */
extern struct vcpu_info *kit_vcpu_infos[KIT_MAX_VCPUS];

/* Maps shared_info; to be called once, before traps with addresses or events are expected. */
void kit_shared_init(void);

/* The number of the vCPU that runs the caller. */
static inline unsigned int kit_vcpu_id(void) {
	unsigned long sp;

	asm volatile("movq %%rsp, %0" : "=r"(sp));
	return *(unsigned int *)(sp & ~(KIT_STACK_SIZE - 1UL));
}

static inline volatile struct vcpu_info *kit_vcpu_info(void) { return kit_vcpu_infos[kit_vcpu_id()]; }
