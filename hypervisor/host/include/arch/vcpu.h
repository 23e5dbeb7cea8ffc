/* SPDX-License-Identifier: MIT */
/* Host port: what the fake machine keeps in a vCPU and a domain. */
#pragma once

#define ARCH_VCPU_FIELDS                                                          \
	struct {                                                                  \
		bool user_mode;   /* runs on root_user */                         \
		int loaded_after; /* 1 + the CPU that keeps it loaded; 0: none */ \
		uint64_t xcr0, fs_base, gs_base_kernel, gs_base_user;             \
	} arch;

#define ARCH_DOMAIN_FIELDS unsigned host_unused;
