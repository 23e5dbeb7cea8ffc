/* SPDX-License-Identifier: MIT */
/*
 * Where everything lies in a new PV guest, and its first page tables. Pure computation: no
 * hypercalls.
 *
 * The initial virtual region runs from the kernel's virt_base to v_end; page pfn is mapped at
 * virt_base + pfn * 4096. In it, in this order (xen/xen.h, "START-OF-DAY MEMORY LAYOUT"):
 *   kernel, [initrd], [p2m], start_info, store ring, console ring, page tables, stack, 512 KiB and
 * more of padding up to a multiple of 4 MiB. Kernels that allow it get initrd and p2m behind the
 * region: the initrd unmapped, the p2m mapped at the address that they name, with its own page
 * tables right behind it.
 */
#pragma once

#include <stdint.h>

#include "elfimg.h"

struct tl_area {
	uint64_t pfn, pages;
};

struct tl_layout {
	int levels; /* 4, or 3 (PAE) */
	uint64_t virt_base, v_end, nr_pages;
	struct tl_area kernel, initrd, p2m, start_info, store, console, pt, stack;
	struct tl_area p2m_pt; /* tables of a separate p2m mapping, or no pages */
	uint64_t p2m_va;
	int initrd_mapped;
	uint64_t end_pfn; /* first page that holds nothing of ours */
};

/*
 * Lay out a guest of nr_pages with an initrd of that many bytes.
 * Returns 0, or -ENOMEM with *why when the guest is too small for its kernel.
 */
int tl_layout_plan(const struct tl_kernel *k, uint64_t nr_pages, uint64_t initrd_bytes, struct tl_layout *l,
		   const char **why);

/*
 * Fill the page tables. p2m[pfn] gives machine frames; page(arg, pfn) returns the memory of a table
 * page (4096 bytes, writable); it is called for pages of pt and p2m_pt only. The pages are cleared
 * here.
 */
void tl_layout_tables(const struct tl_layout *l, const uint64_t *p2m, void *(*page)(void *, uint64_t), void *arg);

uint64_t tl_layout_va(const struct tl_layout *l, uint64_t pfn);
