/* SPDX-License-Identifier: MIT */
/* x86: what a vCPU and a domain keep beside the generic part. */
#pragma once

#include "addr.h"

#include <xen/xen.h>

struct callback {
	uint64_t rip;
	bool mask_events;
};

struct arch_vcpu {
	/* only this vCPU: */
	bool user_mode;  /* 64-bit: runs on root_user */
	bool nmi_masked; /* an NMI is being handled: until its iret */
	bool ts;         /* guest's CR0.TS */
	uint64_t event;  /* its callback always masks events */
	struct callback failsafe, syscall, syscall32, sysenter;
	uint64_t kernel_sp, kernel_ss;
	uint64_t cr2; /* guest's fault address (vcpu_info.arch.cr2 mirrors it) */
	uint64_t cr4; /* guest's view */
	/* while no CPU has it loaded: */
	uint64_t fs_base, gs_base[2]; /* GS of the kernel and of its users */
	uint16_t ds, es, fs, gs;
	/* only this vCPU: */
	uint64_t dr[8];
	uint64_t xcr0;
	uint8_t iopl;
	uint32_t iobitmap_limit;
	gvaddr_t iobitmap;
	unsigned gdt_entries;
	uint64_t gdt_frames[FIRST_RESERVED_GDT_PAGE]; /* as many as gdt_entries need */
	gvaddr_t ldt_base;
	unsigned ldt_entries;
	mfn_t ldt_frames[16]; /* mapped lazily, INVALID_MFN if not */
	bool bad_selectors;   /* a selector did not load: failsafe callback due */
	/* public: */
	int loaded_on; /* CPU that holds its registers, -1: none */
	bool wanted;   /* another CPU waits for it */
	/* set at creation, const after: */
	struct trap_info *traps; /* 256 */
	mfn_t state_mfn;         /* struct regs and FPU image while not loaded; reached through a window
				    only */
};

#define ARCH_VCPU_FIELDS   struct arch_vcpu arch;
#define ARCH_DOMAIN_FIELDS uint32_t pci_address; /* what it wrote to port cf8 */
