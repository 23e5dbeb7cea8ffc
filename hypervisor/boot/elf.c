/* SPDX-License-Identifier: MIT */
/*
 * ELF and note parsing for the dom0 kernel. Every offset is checked against the module's size
 * before it is followed: the file may be anything. Formats: the System V ABI (64-bit ELF) and
 * <xen/elfnote.h>.
 */
#include "elf.h"
#include "lib.h"

#include <xen/elfnote.h>

struct elf64_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct elf64_program {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
struct elf64_section {
	uint32_t name, type;
	uint64_t flags, addr, offset, size;
	uint32_t link, info;
	uint64_t addralign, entsize;
};
struct elf_note {
	uint32_t namesz, descsz, type;
};
#define PT_LOAD   1
#define PT_NOTE   4
#define SHT_NOTE  7
#define EM_386    3
#define EM_X86_64 62

static const char need_elf[] __initrodata =
	"the kernel module is not an ELF image; give an unpacked vmlinux (build/unpack-kernel "
	"makes one from a vmlinuz)";

static bool __init inside(const struct kernel_image *k, uint64_t offset, uint64_t size) {
	return offset <= k->size && size <= k->size - offset;
}

static const char *__init not_elf(const struct kernel_image *k) {
	if (k->size > 0x206 && !memcmp(k->data + 0x202, "HdrS", 4))
		return "the kernel module is a compressed bzImage; unpack it first: "
		       "build/unpack-kernel vmlinuz vmlinux";
	if (k->size > 2 && k->data[0] == 0x1f && k->data[1] == 0x8b)
		return "the kernel module is gzip-compressed; unpack it first: gunzip";
	return need_elf;
}

static void __init notes_scan(struct kernel_image *k, uint64_t offset, uint64_t size) {
	uint64_t end = offset + size;

	if (!inside(k, offset, size)) return;
	while (end - offset >= sizeof(struct elf_note)) {
		struct elf_note n;
		uint64_t name = offset + sizeof(n), desc, next;

		memcpy(&n, k->data + offset, sizeof(n));
		desc = name + ROUND_UP((uint64_t)n.namesz, 4u);
		next = desc + ROUND_UP((uint64_t)n.descsz, 4u);
		if (next > end) return;
		if (n.namesz == 4 && !memcmp(k->data + name, "Xen", 4)) {
			k->guest_is_xen = true;
			if (n.type < KERNEL_NOTES) {
				k->note[n.type] = (struct kernel_note){ .given = true };
				memcpy(&k->note[n.type].value, k->data + desc, MIN(n.descsz, 8u));
			}
		}
		offset = next;
	}
}

static const char *__init programs_parse(struct kernel_image *k, const struct elf64_header *h) {
	if (h->phentsize != sizeof(struct elf64_program) ||
	    !inside(k, h->phoff, (uint64_t)h->phnum * sizeof(struct elf64_program)))
		return "the kernel's ELF program headers lie outside the file; it is truncated or "
		       "damaged";
	for (unsigned i = 0; i < h->phnum; i++) {
		struct elf64_program p;

		memcpy(&p, k->data + h->phoff + i * sizeof(p), sizeof(p));
		if (p.type == PT_NOTE) notes_scan(k, p.offset, p.filesz);
		if (p.type != PT_LOAD || !p.memsz) continue;
		if (!inside(k, p.offset, p.filesz) || p.filesz > p.memsz)
			return "a segment of the kernel's ELF lies outside the file; it is "
			       "truncated or damaged";
		if (p.memsz > (1UL << 30) || k->segments == KERNEL_SEGMENTS_MAX)
			return "the kernel's ELF has a segment of more than 1 GiB, or more than 16 "
			       "segments";
		k->segment[k->segments++] = (struct kernel_segment){ p.paddr, p.offset, p.filesz, p.memsz };
	}
	return k->segments ? NULL : "the kernel's ELF has nothing to load";
}

/* Kernels without a PT_NOTE keep their notes in sections only. */
static void __init sections_scan(struct kernel_image *k, const struct elf64_header *h) {
	if (h->shentsize != sizeof(struct elf64_section) ||
	    !inside(k, h->shoff, (uint64_t)h->shnum * sizeof(struct elf64_section)))
		return;
	for (unsigned i = 0; i < h->shnum; i++) {
		struct elf64_section s;

		memcpy(&s, k->data + h->shoff + i * sizeof(s), sizeof(s));
		if (s.type == SHT_NOTE) notes_scan(k, s.offset, s.size);
	}
}

const char *__init kernel_parse(const void *data, uint64_t size, struct kernel_image *out) {
	struct elf64_header h;
	const char *why;

	*out = (struct kernel_image){ .data = data, .size = size };
	if (size < sizeof(h) || memcmp(data, "\177ELF", 4)) return not_elf(out);
	memcpy(&h, data, sizeof(h));
	if (h.ident[4] == 1 && h.machine == EM_386)
		return "the kernel is a 32-bit image; this build runs 64-bit PV kernels";
	if (h.ident[4] != 2 || h.ident[5] != 1 || h.machine != EM_X86_64)
		return "the kernel's ELF is not for x86-64";
	why = programs_parse(out, &h);
	if (why) return why;
	if (!out->guest_is_xen) sections_scan(out, &h);
	if (!out->guest_is_xen)
		return "the kernel has no Xen notes: it was built without PV support "
		       "(CONFIG_XEN_PV); use another kernel";
	if (!out->note[XEN_ELFNOTE_ENTRY].given)
		return "the kernel's Xen notes name no entry point: it cannot be started as a PV "
		       "guest";
	if (!out->note[XEN_ELFNOTE_PADDR_OFFSET].given)
		out->note[XEN_ELFNOTE_PADDR_OFFSET] = out->note[XEN_ELFNOTE_VIRT_BASE];
	return NULL;
}
