/* SPDX-License-Identifier: MIT */
/* Fuzzing kernel images: unpack, parse, plan, and fill page tables; whatever the bytes, within
 * bounds. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "elfimg.h"
#include "layout.h"
#include "unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define LIMIT ((size_t)1 << 20)
#define PAGES 8192

struct tables {
	struct tl_layout l;
	uint8_t *p;
};

static void *page(void *arg, uint64_t pfn) {
	struct tables *t = arg;

	if (pfn - t->l.pt.pfn < t->l.pt.pages) return t->p + (pfn - t->l.pt.pfn) * 4096;
	if (pfn - t->l.p2m_pt.pfn < t->l.p2m_pt.pages) return t->p + (t->l.pt.pages + pfn - t->l.p2m_pt.pfn) * 4096;
	abort();
}

static void plan(const struct tl_kernel *k) {
	static uint64_t p2m[PAGES];
	struct tables t;
	const char *why;
	size_t i;

	if (tl_layout_plan(k, PAGES, 12345, &t.l, &why)) return;
	for (i = 0; i < PAGES; i++) p2m[i] = i + 1;
	if (t.l.end_pfn > PAGES) abort();
	t.p = malloc((t.l.pt.pages + t.l.p2m_pt.pages) * 4096);
	if (t.p) tl_layout_tables(&t.l, p2m, page, &t);
	free(t.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
	struct tl_image image;
	struct tl_kernel k;
	const char *why;

	if (tl_unpack(data, n, LIMIT, &image, &why)) return 0;
	if (image.mapped && image.len > LIMIT) abort();
	if (tl_elf_parse(image.data, image.len, &k, &why) == 0) plan(&k);
	tl_image_free(&image);
	return 0;
}
