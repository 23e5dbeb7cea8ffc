/* SPDX-License-Identifier: MIT */
/*
 * Turn an empty PV domain into one that is ready to run its kernel.
 */
#pragma once

#include "elfimg.h"
#include "ctx.h"

struct tl_build {
	/* in */
	uint32_t domid;
	const struct tl_kernel *kernel;
	const uint8_t *initrd; /* NULL: none */
	size_t initrd_len;
	const char *cmdline;
	uint64_t nr_pages;
	unsigned vcpus;                      /* those beyond 32 have no legacy vcpu_info */
	uint32_t store_port, console_port;   /* ports in the new domain */
	uint32_t store_domid, console_domid; /* who serves the rings */
	/* out */
	uint64_t store_mfn, console_mfn;
};

/*
 * Populate memory, load kernel and initrd, make and pin page tables, fill start_info and the first
 * vCPU. The domain must be created, paused, with max_mem and vCPUs set. Returns 0 or a negative
 * errno with *why a constant sentence naming the step; the domain is then only good for destroying.
 */
int tl_build_pv(struct tl_ctx *ctx, struct tl_build *b, const char **why);
