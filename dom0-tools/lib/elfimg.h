/* SPDX-License-Identifier: MIT */
/*
 * What a PV kernel's ELF file says about itself: segments and Xen notes.
 *
 * The file is hostile (see unpack.h). tl_elf_parse() reads every number once, checks it, and leaves
 * only checked facts behind; later code needs no further checks of the file:
 *   - every segment's file range lies in the file, filesz <= memsz;
 *   - virt_base <= kstart <= each segment <= kend, entry in [kstart, kend), kend - virt_base <= 1
 * GiB.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TL_SEGS_MAX   16
#define TL_ADDR_NONE  UINT64_MAX
#define TL_KERNEL_MAX ((uint64_t)1 << 30)

struct tl_segment {
	size_t offset, filesz;
	uint64_t va, memsz;
};

struct tl_kernel {
	const uint8_t *file;
	size_t len;
	int bits; /* 64, or 32 (PAE) */
	struct tl_segment seg[TL_SEGS_MAX];
	int segs;
	uint64_t virt_base, paddr_offset, entry, kstart, kend;
	uint64_t hypercall_page; /* TL_ADDR_NONE: wants none */
	uint64_t init_p2m;       /* TL_ADDR_NONE: in the initial mapping */
	int mod_start_pfn;       /* initrd may lie outside the initial mapping */
	int extended_cr3;        /* PAE: top table may lie above 4 GiB */
	char guest_os[32], guest_version[32], loader[32];
};

/* Returns 0, -ENOEXEC (not a PV kernel) or -EBADMSG (damaged), with *why a constant sentence. */
int tl_elf_parse(const uint8_t *file, size_t len, struct tl_kernel *k, const char **why);
