/* SPDX-License-Identifier: MIT */
/* What boot knows: modules, memory map, the image's parts. Used by boot/ and by x86/ while booting. */
#pragma once

#include "addr.h"
#include "e820.h"

#include <elf.h>

struct module {
	uint64_t start, end; /* machine addresses */
	const char *cmdline;
};
#define BOOT_MODULES_MAX 8

struct boot_info {
	unsigned modules;
	struct module module[BOOT_MODULES_MAX];
	uint64_t rsdp; /* machine address if the loader told, else 0 */
};
extern struct boot_info boot_info;

/* Read what the loader left (Multiboot 1 or 2) into boot_info and e820_map. Panics with a reason if
 * it is unusable. */
void multiboot_parse(uint32_t magic, uint32_t info);

/* Pages before the allocator exists, from the top of memory below 4 GiB; identity-mapped.
 * INVALID_MFN never: panics. */
void boot_pages_init(void);
mfn_t boot_pages_alloc(unsigned long n); /* n consecutive pages: the first */
/* Hand all memory that nothing uses to the frame allocator, which takes the place of boot_pages_alloc(). */
void boot_pages_handover(void);
/* Give the modules' memory to the allocator. */
void boot_modules_free(void);

void own_map_init(uint64_t nr_frames);
void image_protect(void);
void image_seal(void);

extern char hypervisor_cmdline[1024];

/* -- the dom0 kernel as an ELF image in memory, and what its Xen notes (elfnote.h) say (boot/elf.c) -- */

#define KERNEL_SEGMENTS_MAX 16
#define KERNEL_NOTES        32

struct kernel_image {
	const uint8_t *data;
	uint64_t size;
	unsigned segments;
	Elf64_Phdr segment[KERNEL_SEGMENTS_MAX];
	uint64_t note[KERNEL_NOTES]; /* by type (XEN_ELFNOTE_*): the number it gives */
	uint32_t given;              /* bits of the notes that the kernel has; 0: it is none for Xen */
};

/* Parse a module; panics with a sentence that says what is wrong and what to do if the kernel cannot be used. */
void kernel_parse(const struct module *m, struct kernel_image *out);

/* Build dom0 from the modules (boot/dom0_build.c); panics with a clear line if the kernel cannot be
 * used. */
void dom0_build(void);

extern char _image_start[], _text_end[], _rodata_end[], _init_start[], _init_text_end[], _init_end[];
extern char image_end[];
