/* SPDX-License-Identifier: MIT */
/* The dom0 kernel as an ELF image in memory, and what its Xen notes (elfnote.h) say. */
#ifndef TENON_ELF_H
#define TENON_ELF_H

#include "compiler.h"

struct kernel_segment {
	uint64_t paddr, file_offset, file_size, mem_size;
};
#define KERNEL_SEGMENTS_MAX 16

/* Notes by type (XEN_ELFNOTE_*): the number each gives, if the kernel has it. */
#define KERNEL_NOTES 32
struct kernel_note {
	uint64_t value;
	bool given;
};

struct kernel_image {
	const uint8_t *data;
	uint64_t size;
	unsigned segments;
	struct kernel_segment segment[KERNEL_SEGMENTS_MAX];
	bool guest_is_xen;
	struct kernel_note note[KERNEL_NOTES];
};

/* Parse; NULL if the kernel can be used, else a sentence that says what is wrong and what to do. */
const char *kernel_parse(const void *data, uint64_t size, struct kernel_image *out);

#endif
