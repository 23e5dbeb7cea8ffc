/* SPDX-License-Identifier: MIT */
/* The dom0 kernel as an ELF image in memory, and what its Xen notes (elfnote.h) say. */
#ifndef TENON_ELF_H
#define TENON_ELF_H

#include "compiler.h"

struct kernel_segment {
	uint64_t paddr, file_offset, file_size, mem_size;
};
#define KERNEL_SEGMENTS_MAX 16

struct kernel_image {
	const uint8_t *data;
	uint64_t size;
	bool is32;
	unsigned segments;
	struct kernel_segment segment[KERNEL_SEGMENTS_MAX];
	/* from the notes; has_* where zero is a value */
	uint64_t entry, virt_base, paddr_offset, init_p2m, hypercall_page;
	bool has_entry, has_virt_base, has_paddr_offset, has_init_p2m, has_hypercall_page;
	bool mod_start_pfn, guest_is_xen;
	bool supports_dom0;
};

/* Parse; NULL if the kernel can be used, else a sentence that says what is wrong and what to do. */
const char *kernel_parse(const void *data, uint64_t size, struct kernel_image *out);

#endif
