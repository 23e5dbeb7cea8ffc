/* SPDX-License-Identifier: MIT */
/* Host port: what the fake machine keeps in a vCPU and a domain. */
#ifndef TENON_ARCH_VCPU_H
#define TENON_ARCH_VCPU_H

#define ARCH_VCPU_FIELDS                        \
	bool user_mode; /* runs on root_user */ \
	long host_retval;

#define ARCH_DOMAIN_FIELDS unsigned host_unused;

#endif
