/* SPDX-License-Identifier: MIT */
/*
 * Kernel images and layouts: every compression round trip, damage at every byte, and the page
 * tables of a planned guest walked as the processor would.
 */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <xen/elfnote.h>

#include "elfimg.h"
#include "layout.h"
#include "unpack.h"

#define BASE 0xffffffff80000000ull

/* A small PV kernel: one segment of code, one with bss, notes in front. */
static uint8_t kernel[8192];
static size_t kernel_len;

static uint8_t *put_note(uint8_t *p, uint32_t type, const void *desc, uint32_t n) {
	uint32_t head[3] = { 4, n, type };

	memcpy(p, head, 12);
	memcpy(p + 12, "Xen", 4);
	memcpy(p + 16, desc, n);
	return p + 16 + ((n + 3) & ~3u);
}

static void make_kernel(uint64_t init_p2m, int mod_start_pfn) {
	Elf64_Ehdr eh = { .e_machine = EM_X86_64,
			  .e_phoff = sizeof(eh),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_phnum = 3,
			  .e_type = ET_EXEC };
	uint64_t base = BASE, entry = BASE + 0x100000, offset = 0;
	uint32_t one = mod_start_pfn;
	uint8_t *p = kernel + 512;

	memset(kernel, 0, sizeof(kernel));
	memcpy(eh.e_ident, ELFMAG, 4);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	p = put_note(p, XEN_ELFNOTE_ENTRY, &entry, 8);
	p = put_note(p, XEN_ELFNOTE_VIRT_BASE, &base, 8);
	p = put_note(p, XEN_ELFNOTE_PADDR_OFFSET, &offset, 8);
	p = put_note(p, XEN_ELFNOTE_LOADER, "generic", 8);
	p = put_note(p, XEN_ELFNOTE_MOD_START_PFN, &one, 4);
	if (init_p2m) p = put_note(p, XEN_ELFNOTE_INIT_P2M, &init_p2m, 8);
	Elf64_Phdr ph[3] = {
		{ .p_type = PT_NOTE, .p_offset = 512, .p_filesz = p - kernel - 512 },
		{ .p_type = PT_LOAD, .p_offset = 1024, .p_filesz = 3000, .p_memsz = 3000, .p_paddr = 0x100000 },
		{ .p_type = PT_LOAD, .p_offset = 4096, .p_filesz = 100, .p_memsz = 20000, .p_paddr = 0x102000 },
	};
	memcpy(kernel, &eh, sizeof(eh));
	memcpy(kernel + sizeof(eh), ph, sizeof(ph));
	memset(kernel + 1024, 0xc3, 3000);
	kernel_len = sizeof(kernel);
}

static size_t pack_xz(uint8_t *out, size_t cap) {
	size_t n = 0;

	assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, kernel, kernel_len, out, &n, cap), 0);
	return n;
}

static size_t pack_zstd(uint8_t *out, size_t cap) { return ZSTD_compress(out, cap, kernel, kernel_len, 3); }

static size_t pack_gzip(uint8_t *out, size_t cap) {
	z_stream z = { .next_in = kernel, .avail_in = kernel_len, .next_out = out, .avail_out = cap };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return cap - z.avail_out;
}

static size_t pack_lz4(uint8_t *out, size_t cap) {
	uint32_t magic = 0x184c2102, n;

	n = LZ4_compress_default((const char *)kernel, (char *)out + 8, kernel_len, cap - 8);
	memcpy(out, &magic, 4);
	memcpy(out + 4, &n, 4);
	return n + 8;
}

static size_t (*const packers[])(uint8_t *out, size_t cap) = { pack_xz, pack_zstd, pack_gzip, pack_lz4 };

/* Wrap a payload as the kernel build does: boot sector with header, payload, size word. */
static size_t make_bzimage(uint8_t *out, size_t (*pack)(uint8_t *out, size_t cap)) {
	size_t n = pack(out + 1024, 16384);
	uint32_t size = kernel_len, off = 0, len;

	memset(out, 0, 1024);
	memcpy(out + 1024 + n, &size, 4);
	len = n + 4;
	out[0x1f1] = 1;
	out[0x1fe] = 0x55;
	out[0x1ff] = 0xaa;
	memcpy(out + 0x202, "HdrS", 4);
	out[0x206] = 0x0f;
	out[0x207] = 2;
	memcpy(out + 0x248, &off, 4);
	memcpy(out + 0x24c, &len, 4);
	return 1024 + len;
}

static void round_trips(void **state) {
	uint8_t img[32768];
	struct tl_image image;
	const char *why;
	size_t i, n;

	(void)state;
	make_kernel(0, 1);
	for (i = 0; i < 4; i++) {
		n = make_bzimage(img, packers[i]);
		assert_int_equal(tl_unpack(img, n, TL_UNPACK_MAX, &image, &why), 0);
		assert_int_equal(image.len, kernel_len);
		assert_memory_equal(image.data, kernel, kernel_len);
		tl_image_free(&image);
		assert_int_equal(tl_unpack(img + 1024, n - 1024, TL_UNPACK_MAX, &image, &why), 0);
		assert_memory_equal(image.data, kernel, kernel_len);
		tl_image_free(&image);
	}
	assert_int_equal(tl_unpack(kernel, kernel_len, TL_UNPACK_MAX, &image, &why), 0);
	assert_ptr_equal(image.data, kernel);
}

static void bound_is_kept(void **state) {
	uint8_t img[32768];
	struct tl_image image;
	const char *why;
	size_t i, n;

	(void)state;
	make_kernel(0, 1);
	for (i = 0; i < 4; i++) {
		n = make_bzimage(img, packers[i]);
		assert_int_equal(tl_unpack(img, n, kernel_len - 1, &image, &why), -EFBIG);
		assert_non_null(why);
		assert_null(image.data);
	}
}

/* Every truncation and every changed byte: an answer, never a crash; never more than the bound. */
static void damage(void **state) {
	uint8_t img[32768], *copy;
	struct tl_image image;
	struct tl_kernel k;
	const char *why;
	size_t i, n, at;

	(void)state;
	make_kernel(0, 1);
	for (i = 0; i < 4; i++) {
		n = make_bzimage(img, packers[i]);
		for (at = 0; at < n; at++) {
			copy = malloc(at + 1); /* exact size: the sanitizer sees each byte too far */
			memcpy(copy, img, at);
			if (tl_unpack(copy, at, 65536, &image, &why) == 0) tl_image_free(&image);
			free(copy);
			img[at] ^= 0xff;
			if (tl_unpack(img, n, 65536, &image, &why) == 0) {
				assert_true(image.len <= 65536);
				tl_elf_parse(image.data, image.len, &k, &why);
				tl_image_free(&image);
			}
			img[at] ^= 0xff;
		}
	}
}

static void rejects_strangers(void **state) {
	static const uint8_t bzip2[] = "BZh91AY&SY..", text[] = "#!/bin/sh\necho no kernel\n";
	struct tl_image image;
	const char *why;

	(void)state;
	assert_int_equal(tl_unpack(bzip2, sizeof(bzip2), 4096, &image, &why), -EOPNOTSUPP);
	assert_int_equal(tl_unpack(text, sizeof(text), 4096, &image, &why), -ENOEXEC);
	assert_int_equal(tl_unpack(text, 0, 4096, &image, &why), -ENOEXEC);
}

static void elf_facts(void **state) {
	struct tl_kernel k;
	const char *why;

	(void)state;
	make_kernel(0x8000000000ull, 1);
	assert_int_equal(tl_elf_parse(kernel, kernel_len, &k, &why), 0);
	assert_int_equal(k.bits, 64);
	assert_int_equal(k.segs, 2);
	assert_true(k.kstart == BASE + 0x100000 && k.kend == BASE + 0x102000 + 20000);
	assert_true(k.entry == BASE + 0x100000 && k.init_p2m == 0x8000000000ull);
	assert_true(k.mod_start_pfn && k.hypercall_page == TL_ADDR_NONE);
	memset(kernel + 512, 0, 500);
	assert_int_equal(tl_elf_parse(kernel, kernel_len, &k, &why), -ENOEXEC);
}

/* Whatever byte of headers and notes changes: accepted kernels keep the promises of elfimg.h. */
static void elf_damage(void **state) {
	struct tl_kernel k;
	const char *why;
	size_t at, v;
	int i;

	(void)state;
	make_kernel(0x8000000000ull, 1);
	for (at = 0; at < 1024; at++) {
		uint8_t was = kernel[at];

		for (v = 0; v < 256; v += 17) {
			kernel[at] = v;
			if (tl_elf_parse(kernel, kernel_len, &k, &why)) continue;
			assert_true(k.virt_base <= k.kstart && k.kend - k.virt_base <= TL_KERNEL_MAX);
			assert_true(k.entry >= k.kstart && k.entry < k.kend);
			for (i = 0; i < k.segs; i++) {
				assert_true(k.seg[i].offset + k.seg[i].filesz <= kernel_len);
				assert_true(k.seg[i].filesz <= k.seg[i].memsz);
				assert_true(k.seg[i].va >= k.kstart && k.seg[i].va + k.seg[i].memsz <= k.kend);
			}
		}
		kernel[at] = was;
	}
	for (at = 0; at < 1200; at++) {
		uint8_t *copy = malloc(at + 1);

		memcpy(copy, kernel, at);
		assert_int_not_equal(tl_elf_parse(copy, at, &k, &why), 0);
		free(copy);
	}
}

/* --- layouts --- */

struct world {
	struct tl_layout l;
	uint64_t *p2m;
	uint8_t *tables; /* pages of pt, then of p2m_pt */
};

#define MFN(pfn) ((pfn) + 0x5000)

static void *table_page(void *arg, uint64_t pfn) {
	struct world *w = arg;

	if (pfn - w->l.pt.pfn < w->l.pt.pages) return w->tables + (pfn - w->l.pt.pfn) * 4096;
	assert_true(pfn - w->l.p2m_pt.pfn < w->l.p2m_pt.pages);
	return w->tables + (w->l.pt.pages + pfn - w->l.p2m_pt.pfn) * 4096;
}

/* Walk as the processor does; returns the leaf entry, 0 when not mapped. */
static uint64_t walk(struct world *w, uint64_t va) {
	uint64_t *table = table_page(w, w->l.pt.pfn), e;
	int level;

	for (level = w->l.levels;; level--) {
		e = table[va >> (12 + 9 * (level - 1)) & 511];
		if (level == 1 || !(e & 1)) return e & 1 ? e : 0;
		table = table_page(w, (e >> 12 & 0xffffffffffull) - 0x5000);
	}
}

static int is_table(const struct tl_layout *l, uint64_t pfn) {
	return pfn - l->pt.pfn < l->pt.pages || pfn - l->p2m_pt.pfn < l->p2m_pt.pages;
}

static void check_world(struct tl_kernel *k, uint64_t pages, uint64_t initrd) {
	struct world w;
	const char *why;
	uint64_t pfn, e, i;

	assert_int_equal(tl_layout_plan(k, pages, initrd, &w.l, &why), 0);
	w.p2m = malloc(pages * sizeof(*w.p2m));
	w.tables = malloc((w.l.pt.pages + w.l.p2m_pt.pages) * 4096);
	for (pfn = 0; pfn < pages; pfn++) w.p2m[pfn] = MFN(pfn);
	tl_layout_tables(&w.l, w.p2m, table_page, &w);
	assert_true(w.l.end_pfn <= pages);
	assert_int_equal(w.l.v_end & 0x3fffff, 0);
	assert_true(w.l.v_end - tl_layout_va(&w.l, w.l.stack.pfn + 1) >= 512 << 10);
	for (pfn = 0; pfn < (w.l.v_end - w.l.virt_base) / 4096; pfn++) {
		e = walk(&w, tl_layout_va(&w.l, pfn));
		if (pfn >= pages) {
			assert_int_equal(e, 0);
			continue;
		}
		assert_true((e >> 12 & 0xffffffffffull) == MFN(pfn));
		assert_int_equal(!(e & 2), is_table(&w.l, pfn)); /* tables read-only, all else writable */
	}
	assert_int_equal(walk(&w, w.l.v_end), 0);
	for (i = 0; i < w.l.p2m.pages; i++)
		assert_true((walk(&w, w.l.p2m_va + i * 4096) >> 12 & 0xffffffffffull) == MFN(w.l.p2m.pfn + i));
	free(w.p2m);
	free(w.tables);
}

static void layouts(void **state) {
	static const uint64_t sizes[] = { 2048, 8192, 32768, 262144, 1048576 };
	struct tl_kernel k;
	const char *why;
	size_t i;
	int p2m, mod;

	(void)state;
	for (p2m = 0; p2m < 2; p2m++)
		for (mod = 0; mod < 2; mod++)
			for (i = 0; i < 5; i++) {
				make_kernel(p2m ? 0x8000000000ull : 0, mod);
				assert_int_equal(tl_elf_parse(kernel, kernel_len, &k, &why), 0);
				check_world(&k, sizes[i], 0);
				check_world(&k, sizes[i], 1234567);
			}
}

static void layout_pae(void **state) {
	struct tl_kernel k;
	const char *why;

	(void)state;
	make_kernel(0, 0);
	assert_int_equal(tl_elf_parse(kernel, kernel_len, &k, &why), 0);
	k.bits = 32;
	k.virt_base = 0xc0000000;
	k.kstart = 0xc0100000;
	k.kend = 0xc0106000;
	check_world(&k, 8192, 5000);
	k.virt_base = 0;
	k.kstart = 0x100000;
	k.kend = 0x106000;
	check_world(&k, 8192, 5000);
}

static void too_small(void **state) {
	struct tl_kernel k;
	struct tl_layout l;
	const char *why;

	(void)state;
	make_kernel(0, 1);
	assert_int_equal(tl_elf_parse(kernel, kernel_len, &k, &why), 0);
	assert_int_equal(tl_layout_plan(&k, 100, 0, &l, &why), -ENOMEM);
	assert_int_equal(tl_layout_plan(&k, 8192, 40 << 20, &l, &why), -ENOMEM);
	assert_non_null(why);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips),       cmocka_unit_test(bound_is_kept), cmocka_unit_test(damage),
		cmocka_unit_test(rejects_strangers), cmocka_unit_test(elf_facts),     cmocka_unit_test(elf_damage),
		cmocka_unit_test(layouts),           cmocka_unit_test(layout_pae),    cmocka_unit_test(too_small),
	};

	return cmocka_run_group_tests_name("tl-image", tests, NULL, NULL);
}
