/* SPDX-License-Identifier: MIT */
/*
 * ELF and Xen notes.
 *
 * Model: headers are copied out of the file by get(), which checks the range and widens 32-bit
 * layouts to the 64-bit structures, so the rest has one code path. Notes come from PT_NOTE
 * segments, else from SHT_NOTE sections. See elfimg.h for the invariants established here.
 */
#include "elfimg.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <xen/elfnote.h>

struct elf {
	const uint8_t *p;
	size_t n;
	int bits;
	Elf64_Ehdr eh;
};

static int in_file(const struct elf *f, uint64_t off, uint64_t n) { return off <= f->n && n <= f->n - off; }

static int get(const struct elf *f, uint64_t off, void *out, size_t n) {
	if (!in_file(f, off, n)) return -EBADMSG;
	memcpy(out, f->p + off, n);
	return 0;
}

static int get_ehdr(struct elf *f) {
	Elf32_Ehdr e;

	if (f->bits == 64) return get(f, 0, &f->eh, sizeof(f->eh));
	if (get(f, 0, &e, sizeof(e))) return -EBADMSG;
	memcpy(f->eh.e_ident, e.e_ident, EI_NIDENT);
	f->eh.e_type = e.e_type;
	f->eh.e_machine = e.e_machine;
	f->eh.e_entry = e.e_entry;
	f->eh.e_phoff = e.e_phoff;
	f->eh.e_shoff = e.e_shoff;
	f->eh.e_phentsize = e.e_phentsize;
	f->eh.e_phnum = e.e_phnum;
	f->eh.e_shentsize = e.e_shentsize;
	f->eh.e_shnum = e.e_shnum;
	f->eh.e_shstrndx = e.e_shstrndx;
	return 0;
}

static int get_phdr(const struct elf *f, unsigned i, Elf64_Phdr *ph) {
	uint64_t off = f->eh.e_phoff + (uint64_t)i * f->eh.e_phentsize;
	Elf32_Phdr p;

	if (off < f->eh.e_phoff) return -EBADMSG;
	if (f->bits == 64) return get(f, off, ph, sizeof(*ph));
	if (get(f, off, &p, sizeof(p))) return -EBADMSG;
	*ph = (Elf64_Phdr){ .p_type = p.p_type,
			    .p_offset = p.p_offset,
			    .p_vaddr = p.p_vaddr,
			    .p_paddr = p.p_paddr,
			    .p_filesz = p.p_filesz,
			    .p_memsz = p.p_memsz };
	return 0;
}

static int get_shdr(const struct elf *f, unsigned i, Elf64_Shdr *sh) {
	uint64_t off = f->eh.e_shoff + (uint64_t)i * f->eh.e_shentsize;
	Elf32_Shdr s;

	if (off < f->eh.e_shoff) return -EBADMSG;
	if (f->bits == 64) return get(f, off, sh, sizeof(*sh));
	if (get(f, off, &s, sizeof(s))) return -EBADMSG;
	*sh = (Elf64_Shdr){
		.sh_name = s.sh_name, .sh_type = s.sh_type, .sh_offset = s.sh_offset, .sh_size = s.sh_size
	};
	return 0;
}

static void note_text(char *out, size_t n, const uint8_t *desc, uint32_t size) {
	size_t len = strnlen((const char *)desc, size < n - 1 ? size : n - 1), i;

	for (i = 0; i < len; i++) out[i] = desc[i] >= 0x20 && desc[i] < 0x7f ? desc[i] : '?';
	out[len] = 0;
}

static uint64_t note_number(const uint8_t *desc, uint32_t size) {
	uint64_t v = 0;

	if (size == 4 || size == 8) memcpy(&v, desc, size);
	return v;
}

static void take_note(struct tl_kernel *k, uint32_t type, const uint8_t *desc, uint32_t size) {
	uint64_t v = note_number(desc, size);
	char text[32];

	switch (type) {
	case XEN_ELFNOTE_ENTRY: k->entry = v; break;
	case XEN_ELFNOTE_HYPERCALL_PAGE: k->hypercall_page = v; break;
	case XEN_ELFNOTE_VIRT_BASE: k->virt_base = v; break;
	case XEN_ELFNOTE_PADDR_OFFSET: k->paddr_offset = v; break;
	case XEN_ELFNOTE_INIT_P2M: k->init_p2m = v; break;
	case XEN_ELFNOTE_MOD_START_PFN: k->mod_start_pfn = v == 1; break;
	case XEN_ELFNOTE_GUEST_OS: note_text(k->guest_os, sizeof(k->guest_os), desc, size); break;
	case XEN_ELFNOTE_GUEST_VERSION: note_text(k->guest_version, sizeof(k->guest_version), desc, size); break;
	case XEN_ELFNOTE_LOADER: note_text(k->loader, sizeof(k->loader), desc, size); break;
	case XEN_ELFNOTE_PAE_MODE:
		note_text(text, sizeof(text), desc, size);
		k->extended_cr3 |= strstr(text, "bimodal") || strstr(text, "extended-cr3");
		break;
	case XEN_ELFNOTE_FEATURES:
		if (memmem(desc, size, "pae_pgdir_above_4gb", 19)) k->extended_cr3 = 1;
		break;
	default: break;
	}
}

/* Walk one block of notes; returns how many were Xen's. A malformed tail ends the walk. */
static int take_notes(const struct elf *f, uint64_t off, uint64_t size, struct tl_kernel *k) {
	Elf64_Nhdr nh;
	uint64_t name, desc, end;
	int found = 0;

	if (!in_file(f, off, size)) return 0;
	end = off + size;
	while (end - off >= sizeof(nh)) {
		memcpy(&nh, f->p + off, sizeof(nh));
		name = off + sizeof(nh);
		desc = name + (((uint64_t)nh.n_namesz + 3) & ~(uint64_t)3);
		if (desc > end || nh.n_descsz > end - desc) break;
		if (nh.n_namesz == 4 && memcmp(f->p + name, "Xen", 4) == 0) {
			take_note(k, nh.n_type, f->p + desc, nh.n_descsz);
			found++;
		}
		off = desc + (((uint64_t)nh.n_descsz + 3) & ~(uint64_t)3);
		if (off > end) break;
	}
	return found;
}

static int find_notes(const struct elf *f, struct tl_kernel *k) {
	Elf64_Phdr ph;
	Elf64_Shdr sh;
	int found = 0;
	unsigned i;

	for (i = 0; i < f->eh.e_phnum && get_phdr(f, i, &ph) == 0; i++)
		if (ph.p_type == PT_NOTE) found += take_notes(f, ph.p_offset, ph.p_filesz, k);
	for (i = 0; !found && i < f->eh.e_shnum && get_shdr(f, i, &sh) == 0; i++)
		if (sh.sh_type == SHT_NOTE) found += take_notes(f, sh.sh_offset, sh.sh_size, k);
	return found;
}

/* Check one PT_LOAD and add it; addresses are the physical ones moved to the kernel's virtual base. */
static int take_segment(const struct elf *f, const Elf64_Phdr *ph, struct tl_kernel *k) {
	uint64_t va = ph->p_paddr - k->paddr_offset + k->virt_base;
	struct tl_segment *s = &k->seg[k->segs];

	if (ph->p_memsz == 0) return 0;
	if (k->segs == TL_SEGS_MAX || !in_file(f, ph->p_offset, ph->p_filesz) || ph->p_filesz > ph->p_memsz ||
	    ph->p_memsz > TL_KERNEL_MAX || va < k->virt_base || va - k->virt_base > TL_KERNEL_MAX - ph->p_memsz ||
	    va + ph->p_memsz < va)
		return -EBADMSG;
	*s = (struct tl_segment){ ph->p_offset, ph->p_filesz, va, ph->p_memsz };
	if (va < k->kstart) k->kstart = va;
	if (va + ph->p_memsz > k->kend) k->kend = va + ph->p_memsz;
	k->segs++;
	return 0;
}

static int take_segments(const struct elf *f, struct tl_kernel *k) {
	Elf64_Phdr ph;
	unsigned i;

	k->kstart = UINT64_MAX;
	for (i = 0; i < f->eh.e_phnum; i++) {
		if (get_phdr(f, i, &ph)) return -EBADMSG;
		if (ph.p_type == PT_LOAD && take_segment(f, &ph, k)) return -EBADMSG;
	}
	return k->segs ? 0 : -EBADMSG;
}

static int open_elf(struct elf *f, const char **why) {
	*why = "not an ELF file";
	if (f->n < EI_NIDENT || memcmp(f->p, ELFMAG, SELFMAG) != 0) return -ENOEXEC;
	*why = "not an x86 kernel";
	f->bits = f->p[EI_CLASS] == ELFCLASS64 ? 64 : 32;
	if (f->p[EI_DATA] != ELFDATA2LSB || (f->bits == 32 && f->p[EI_CLASS] != ELFCLASS32)) return -ENOEXEC;
	*why = "the ELF header is cut short";
	if (get_ehdr(f)) return -EBADMSG;
	*why = "not an x86 kernel";
	if (f->eh.e_machine != (f->bits == 64 ? EM_X86_64 : EM_386)) return -ENOEXEC;
	*why = "the ELF headers have an unknown size";
	if (f->eh.e_phentsize != (f->bits == 64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr))) return -EBADMSG;
	return 0;
}

int tl_elf_parse(const uint8_t *file, size_t len, struct tl_kernel *k, const char **why) {
	struct elf f = { .p = file, .n = len };
	int e = open_elf(&f, why);

	if (e) return e;
	memset(k, 0, sizeof(*k));
	k->file = file;
	k->len = len;
	k->bits = f.bits;
	k->entry = f.eh.e_entry;
	k->hypercall_page = k->init_p2m = TL_ADDR_NONE;
	*why = "the kernel has no Xen notes: it is not built for paravirtualization";
	if (!find_notes(&f, k)) return -ENOEXEC;
	*why = "the kernel's loader note asks for something other than \"generic\"";
	if (k->loader[0] && strcmp(k->loader, "generic") != 0) return -ENOEXEC;
	*why = "a segment of the kernel lies outside the file or outside 1 GiB from its base";
	if ((k->virt_base & 0xfff) || take_segments(&f, k)) return -EBADMSG;
	*why = "the kernel's entry point, p2m or hypercall page lies outside its addresses";
	if (k->entry < k->kstart || k->entry >= k->kend || (k->bits == 32 && k->kend > UINT32_MAX)) return -EBADMSG;
	if (k->hypercall_page != TL_ADDR_NONE &&
	    (k->hypercall_page < k->kstart || k->hypercall_page >= k->kend || k->hypercall_page & 0xfff))
		return -EBADMSG;
	if (k->init_p2m != TL_ADDR_NONE && (k->bits == 32 || k->init_p2m & 0x1fffff)) return -EBADMSG;
	*why = NULL;
	return 0;
}
