/* SPDX-License-Identifier: MIT */
/* cpuid=: what a configuration changes of the CPUID leaves that a guest sees. */
#pragma once

#include "config.h"

#include <xen/xen.h>

/* Bits of one register of a leaf: cleared, then set, or taken from the machine. */
struct tl_cpuid_edit {
	uint32_t leaf, subleaf; /* subleaf 0 is also a leaf without subleaves */
	uint8_t reg;            /* 0 to 3: EAX to EDX */
	uint32_t zero, one, host;
};

/* Leaves as the hypervisor lists them (xen_cpuid_leaf_t in <xen/arch-x86/xen.h>). */
struct tl_cpuid_leaves {
	xen_cpuid_leaf_t *leaf;
	uint32_t n;
};

/*
 * Read the key's value, in either of xl's notations ("host,NAME=0,..." or a list of
 * "LEAF[,SUBLEAF]:REGISTER=BITS,..."), into c->cpuid. Returns 0, -ENOMEM, or -EINVAL with errors in *d.
 */
int tl_cpuid_parse(struct tl_config *c, const struct tl_cfg_entry *e, struct tl_diag *d);

/*
 * Change the guest's leaves. Returns 0, or -ENOENT: something is to be set in a leaf that the guest does not
 * have, *bad. Leaves that the machine's list lacks count as zero.
 */
int tl_cpuid_apply(const struct tl_config *c, const struct tl_cpuid_leaves *host, struct tl_cpuid_leaves *guest,
		   uint32_t *bad);
