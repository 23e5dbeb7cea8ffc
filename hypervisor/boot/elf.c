/* SPDX-License-Identifier: MIT */
/*
 * ELF and note parsing for the dom0 kernel. Every offset is checked against the module's size
 * before it is followed: the file may be anything. Formats: the System V ABI (64-bit ELF) and
 * <xen/elfnote.h>.
 */
#include "boot.h"
#include "lib.h"

#include <xen/elfnote.h>

static bool __init inside(const struct kernel_image *k, uint64_t offset, uint64_t size) {
	return offset <= k->size && size <= k->size - offset;
}

static void __init __noreturn not_elf(const struct kernel_image *k) {
	if (k->size > 0x206 && !memcmp(k->data + 0x202, "HdrS", 4))
		panic("the kernel module is a compressed bzImage; unpack it first: build/unpack-kernel vmlinuz "
		      "vmlinux");
	if (k->size > 2 && k->data[0] == 0x1f && k->data[1] == 0x8b)
		panic("the kernel module is gzip-compressed; unpack it first: gunzip");
	panic("the kernel module is not an ELF image; give an unpacked vmlinux (build/unpack-kernel makes "
	      "one from a vmlinuz)");
}

static void __init notes_scan(struct kernel_image *k, uint64_t offset, uint64_t size) {
	uint64_t end = offset + size;

	if (!inside(k, offset, size)) return;
	while (end - offset >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n;
		uint64_t name = offset + sizeof(n), desc, next;

		memcpy(&n, k->data + offset, sizeof(n));
		desc = name + ROUND_UP((uint64_t)n.n_namesz, 4u);
		next = desc + ROUND_UP((uint64_t)n.n_descsz, 4u);
		if (next > end) return;
		if (n.n_namesz == 4 && !memcmp(k->data + name, "Xen", 4) && n.n_type < KERNEL_NOTES) {
			k->given |= 1u << n.n_type;
			k->note[n.n_type] = 0;
			memcpy(&k->note[n.n_type], k->data + desc, MIN(n.n_descsz, 8u));
		}
		offset = next;
	}
}

static void __init programs_parse(struct kernel_image *k, const Elf64_Ehdr *h) {
	if (h->e_phentsize != sizeof(Elf64_Phdr) || !inside(k, h->e_phoff, (uint64_t)h->e_phnum * sizeof(Elf64_Phdr)))
		panic("the kernel's ELF program headers lie outside the file; it is truncated or damaged");
	for (unsigned i = 0; i < h->e_phnum; i++) {
		Elf64_Phdr p;

		memcpy(&p, k->data + h->e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type == PT_NOTE) notes_scan(k, p.p_offset, p.p_filesz);
		if (p.p_type != PT_LOAD || !p.p_memsz) continue;
		if (!inside(k, p.p_offset, p.p_filesz) || p.p_filesz > p.p_memsz)
			panic("a segment of the kernel's ELF lies outside the file; it is truncated or damaged");
		if (p.p_memsz > (1UL << 30) || k->segments == KERNEL_SEGMENTS_MAX)
			panic("the kernel's ELF has a segment of more than 1 GiB, or more than 16 segments");
		k->segment[k->segments++] = p;
	}
	if (!k->segments) panic("the kernel's ELF has nothing to load");
}

/* Kernels without a PT_NOTE keep their notes in sections only. */
static void __init sections_scan(struct kernel_image *k, const Elf64_Ehdr *h) {
	if (h->e_shentsize != sizeof(Elf64_Shdr) || !inside(k, h->e_shoff, (uint64_t)h->e_shnum * sizeof(Elf64_Shdr)))
		return;
	for (unsigned i = 0; i < h->e_shnum; i++) {
		Elf64_Shdr s;

		memcpy(&s, k->data + h->e_shoff + i * sizeof(s), sizeof(s));
		if (s.sh_type == SHT_NOTE) notes_scan(k, s.sh_offset, s.sh_size);
	}
}

void __init kernel_parse(const struct module *m, struct kernel_image *out) {
	const Elf64_Ehdr *h = (const void *)m->start;

	*out = (struct kernel_image){ .data = (const uint8_t *)m->start, .size = m->end - m->start };
	if (out->size < sizeof(*h) || memcmp(out->data, ELFMAG, SELFMAG)) not_elf(out);
	if (h->e_ident[EI_CLASS] == ELFCLASS32 && h->e_machine == EM_386)
		panic("the kernel is a 32-bit image; this build runs 64-bit PV kernels");
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64)
		panic("the kernel's ELF is not for x86-64");
	programs_parse(out, h);
	if (!out->given) sections_scan(out, h);
	if (!out->given)
		panic("the kernel has no Xen notes: it was built without PV support "
		      "(CONFIG_XEN_PV); use another kernel");
	if (!(out->given & 1u << XEN_ELFNOTE_ENTRY))
		panic("the kernel's Xen notes name no entry point: it cannot be started as a PV guest");
	if (!(out->given & 1u << XEN_ELFNOTE_PADDR_OFFSET))
		out->note[XEN_ELFNOTE_PADDR_OFFSET] = out->note[XEN_ELFNOTE_VIRT_BASE];
}
