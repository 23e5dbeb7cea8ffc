/* SPDX-License-Identifier: MIT */
/* Compiled to assembler only: the Makefile turns the markers into asm-offsets.h for the .S files. */
#include "x86.h"

#define DEFINE(name, value) __asm__ volatile("\n->" #name " %0" : : "i"(value))

static void __attribute__((used)) asm_offsets(void) {
	DEFINE(SIZEOF_REGS, sizeof(struct regs));
	DEFINE(REGS_RAX, offsetof(struct regs, rax));
	DEFINE(REGS_ERROR, offsetof(struct regs, error_code));
	DEFINE(REGS_RIP, offsetof(struct regs, rip));
	DEFINE(REGS_CS, offsetof(struct regs, cs));
	DEFINE(REGS_SS, offsetof(struct regs, ss));
	/* struct cpu follows the guest's registers on the main stack */
	DEFINE(CPU_VCPU, sizeof(struct regs) + offsetof(struct cpu, vcpu));
	DEFINE(CPU_WORK, sizeof(struct regs) + offsetof(struct cpu, work));
	DEFINE(CPU_INFO, sizeof(struct regs) + offsetof(struct cpu, vcpu_info));
	DEFINE(CPU_BUDGET, sizeof(struct regs) + offsetof(struct cpu, preempt_budget));
	DEFINE(VCPU_USER_MODE, offsetof(struct vcpu, arch.user_mode));
	DEFINE(INFO_PENDING, offsetof(struct vcpu_info, evtchn_upcall_pending));
	DEFINE(INFO_MASK, offsetof(struct vcpu_info, evtchn_upcall_mask));
}
