/* SPDX-License-Identifier: MIT */
/*
 * dom0: its memory, its kernel, the first address space and the start_info that <xen/xen.h>
 * describes under "start-of-day memory layout". Runs once; the code and the modules' memory are
 * given back.
 *
 * pfns, in order: [image .. start_info, page tables, stack, slack] mapped from virt_base; then the
 * initrd; then the p2m with its page tables, when the kernel wants it elsewhere (INIT_P2M). Without
 * MOD_START_PFN or INIT_P2M these two lie in the mapped part, behind the image.
 */
#include "boot.h"
#include "evtchn.h"
#include "frame.h"
#include "options.h"
#include "sched.h"
#include "x86.h"

#include <xen/elfnote.h>

#define CHUNK_ORDER  9
#define CHUNK_PAGES  (1UL << CHUNK_ORDER)
#define SLACK        (512UL << 10)
#define REGION_ALIGN (4UL << 20)

/* A virtual range of the layout and the pfns it takes. */
struct area {
	uint64_t va, pfn, pages;
};

struct layout {
	uint64_t virt_base, mapped_end;
	struct area initrd, p2m, p2m_tables, start_info, tables, stack;
	uint64_t pfns; /* given out to the areas so far */
};

static struct kernel_image kernel __initdata;
static struct layout layout __initdata;
static mfn_t *chunks __initdata; /* first frame of each 2 MiB of dom0 */
static uint64_t nr_pages __initdata;

static mfn_t __init mfn_of(uint64_t p) { return mfn_add(chunks[p / CHUNK_PAGES], p % CHUNK_PAGES); }

/* -- memory -- */

static uint64_t __init dom0_bytes(void) {
	uint64_t free_bytes = frames_free << PAGE_SHIFT;
	uint64_t limit = free_bytes - MIN(free_bytes, (4UL << 20) + free_bytes / 128);
	/* Xen's default: all but a sixteenth, at most 128 MiB, kept for ring 0 */
	uint64_t bytes = free_bytes - MIN(free_bytes / 16, 128UL << 20);

	if (options.dom0_mem)
		bytes = options.dom0_mem;
	else if (options.dom0_mem_max)
		bytes = MIN(bytes, options.dom0_mem_max);
	if (options.dom0_mem > limit)
		printk(LOG_WARN, "dom0_mem=%luM is more than this host has free (%luM): dom0 gets %luM; ask for less\n",
		       bytes >> 20, free_bytes >> 20, limit >> 20);
	return ROUND_DOWN(MAX(MIN(bytes, limit), options.dom0_mem_min), 2UL << 20);
}

static void __init memory_allocate(void) {
	uint64_t n = nr_pages / CHUNK_PAGES;

	chunks = heap_alloc(n * sizeof(*chunks));
	if (!chunks) panic("no memory for dom0's %lu MiB; give a smaller dom0_mem", nr_pages >> 8);
	for (uint64_t i = 0; i < n; i++) {
		if (domain_frames_alloc(dom0, CHUNK_ORDER, 64, &chunks[i]))
			panic("only %lu of dom0's %lu MiB could be found; give a smaller dom0_mem", i * 2,
			      nr_pages >> 8);
		for (unsigned k = 0; k < CHUNK_PAGES; k++) m2p_set(mfn_add(chunks[i], k), i * CHUNK_PAGES + k);
	}
}

/* -- layout -- */

static uint64_t __init pages_of(uint64_t bytes) { return DIV_ROUND_UP(bytes, PAGE_SIZE); }

static uint64_t __init note(unsigned type) { return kernel.note[type]; }

static uint64_t __init segment_va(const struct kernel_segment *s) {
	return s->paddr - note(XEN_ELFNOTE_PADDR_OFFSET) + layout.virt_base;
}

static uint64_t __init image_pages(void) {
	uint64_t end = layout.virt_base;

	for (unsigned i = 0; i < kernel.segments; i++) {
		uint64_t va = segment_va(&kernel.segment[i]);

		if (va < layout.virt_base || va + kernel.segment[i].mem_size < va)
			panic("the kernel's ELF loads below its own VIRT_BASE; its Xen notes are wrong");
		end = MAX(end, va + kernel.segment[i].mem_size);
	}
	return pages_of(end - layout.virt_base);
}

/* Give an area the next pfns; its address is where the mapped part has them. */
static void __init append(struct area *a, uint64_t pages) {
	*a = (struct area){ layout.virt_base + (layout.pfns << PAGE_SHIFT), layout.pfns, pages };
	layout.pfns += pages;
}

/* Tables of one level (span: bytes one table covers) for [va, end). */
static uint64_t __init tables_for(uint64_t va, uint64_t end, uint64_t span) {
	return end > va ? (end - 1) / span - va / span + 1 : 0;
}

static uint64_t __init tables_below_root(uint64_t va, uint64_t end) {
	return tables_for(va, end, 1UL << 21) + tables_for(va, end, 1UL << 30) + tables_for(va, end, 1UL << 39);
}

/* The tables map themselves: grow until they fit. The mapped part ends with them and the stack. */
static void __init append_tables(void) {
	uint64_t va = layout.virt_base + (layout.pfns << PAGE_SHIFT), n = 1, need;

	for (;; n = need) {
		layout.mapped_end = ROUND_UP(va + ((n + 1) << PAGE_SHIFT) + SLACK, REGION_ALIGN);
		need = 1 + tables_below_root(layout.virt_base, layout.mapped_end);
		if (need == n) break;
	}
	append(&layout.tables, n);
	append(&layout.stack, 1);
	layout.pfns = (layout.mapped_end - layout.virt_base) >> PAGE_SHIFT;
}

static void __init lay_out(uint64_t initrd_bytes) {
	uint64_t p2m_va = note(XEN_ELFNOTE_INIT_P2M), p2m_pages = pages_of(nr_pages * 8);

	layout.virt_base = note(XEN_ELFNOTE_VIRT_BASE);
	layout.pfns = image_pages();
	if (!note(XEN_ELFNOTE_MOD_START_PFN)) append(&layout.initrd, pages_of(initrd_bytes));
	if (!p2m_va) append(&layout.p2m, p2m_pages);
	append(&layout.start_info, 1);
	append_tables();
	if (note(XEN_ELFNOTE_MOD_START_PFN)) append(&layout.initrd, pages_of(initrd_bytes));
	if (p2m_va) {
		append(&layout.p2m, p2m_pages);
		layout.p2m.va = p2m_va;
		append(&layout.p2m_tables, tables_below_root(p2m_va, p2m_va + (p2m_pages << PAGE_SHIFT)));
	}
	if (layout.pfns > nr_pages)
		panic("dom0's %lu MiB do not hold its kernel and initrd (%lu MiB); give a larger dom0_mem",
		      nr_pages >> 8, (layout.pfns >> 8) + 1);
}

/* -- contents -- */

/* Copy bytes of a module (identity-mapped) to dom0's memory from byte `offset` of pfn on. */
static void __init copy_in(uint64_t pfn_first, uint64_t offset, const uint8_t *src, uint64_t size) {
	while (size) {
		uint64_t n = MIN(size, PAGE_SIZE - offset % PAGE_SIZE);
		uint8_t *page = frame_map(mfn_of(pfn_first + offset / PAGE_SIZE));

		memcpy(page + offset % PAGE_SIZE, src, n);
		frame_unmap(page);
		offset += n;
		src += n;
		size -= n;
	}
}

static void __init load_kernel(void) {
	for (unsigned i = 0; i < kernel.segments; i++) {
		const struct kernel_segment *s = &kernel.segment[i];

		copy_in(0, segment_va(s) - layout.virt_base, kernel.data + s->file_offset, s->file_size);
	}
}

static void __init write_p2m(void) {
	for (uint64_t p = 0; p < nr_pages; p += 512) {
		uint64_t *page = frame_map(mfn_of(layout.p2m.pfn + p / 512));

		for (unsigned i = 0; i < 512 && p + i < nr_pages; i++) page[i] = mfn_x(mfn_of(p + i));
		frame_unmap(page);
	}
}

static void __init write_hypercall_page(void) {
	uint64_t va = note(XEN_ELFNOTE_HYPERCALL_PAGE);
	uint8_t *page;

	if (!va) return;
	if (va % PAGE_SIZE || va < layout.virt_base || va >= layout.start_info.va)
		panic("the kernel's HYPERCALL_PAGE note lies outside its image");
	page = frame_map(mfn_of((va - layout.virt_base) >> PAGE_SHIFT));
	arch_hypercall_page_fill(page);
	frame_unmap(page);
}

static void __init write_start_info(const struct module *initrd) {
	struct start_info *si = frame_map(mfn_of(layout.start_info.pfn));

	memset(si, 0, PAGE_SIZE);
	str_copy(si->magic, "xen-3.0-x86_64", sizeof(si->magic));
	si->nr_pages = nr_pages;
	si->shared_info = mfn_to_maddr(own_mfn(dom0->shared_info)).a;
	si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
	si->pt_base = layout.tables.va;
	si->nr_pt_frames = layout.tables.pages;
	si->mfn_list = layout.p2m.va;
	if (note(XEN_ELFNOTE_INIT_P2M)) {
		si->first_p2m_pfn = layout.p2m.pfn;
		si->nr_p2m_frames = layout.p2m.pages + layout.p2m_tables.pages;
	}
	if (initrd) {
		si->mod_start = layout.initrd.va;
		si->mod_len = initrd->end - initrd->start;
		if (note(XEN_ELFNOTE_MOD_START_PFN)) {
			si->mod_start = layout.initrd.pfn;
			si->flags |= SIF_MOD_START_PFN;
		}
	}
	str_copy((char *)si->cmd_line, boot_info.module[0].cmdline, sizeof(si->cmd_line));
	frame_unmap(si);
}

/* -- page tables -- */

#define TABLE (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

/* The table below entry `va` of the table at pfn, made if it is not there. */
static uint64_t __init table_below(uint64_t table, unsigned shift, uint64_t va, uint64_t *next) {
	uint64_t *t = frame_map(mfn_of(table)), *entry = &t[va >> shift & 511];
	uint64_t below;

	if (!(*entry & PTE_P)) *entry = mfn_to_maddr(mfn_of((*next)++)).a | TABLE;
	below = m2p_get(maddr_to_mfn(maddr(*entry & PTE_ADDR)));
	frame_unmap(t);
	return below;
}

static bool __init is_table(uint64_t p) {
	return p - layout.tables.pfn < layout.tables.pages || p - layout.p2m_tables.pfn < layout.p2m_tables.pages;
}

static void __init map_range(uint64_t va, uint64_t first, uint64_t pages, uint64_t *next) {
	for (uint64_t i = 0; i < pages; i++, va += PAGE_SIZE) {
		uint64_t l3 = table_below(layout.tables.pfn, 39, va, next);
		uint64_t l2 = table_below(l3, 30, va, next);
		uint64_t l1 = table_below(l2, 21, va, next);
		uint64_t *t = frame_map(mfn_of(l1));
		uint64_t flags = is_table(first + i) ? TABLE & ~PTE_RW : TABLE;

		t[va >> 12 & 511] = mfn_to_maddr(mfn_of(first + i)).a | flags;
		frame_unmap(t);
	}
}

static void __init build_tables(void) {
	uint64_t next_table = layout.tables.pfn + 1, next_p2m_table = layout.p2m_tables.pfn;

	map_range(layout.virt_base, 0, (layout.mapped_end - layout.virt_base) >> PAGE_SHIFT, &next_table);
	if (note(XEN_ELFNOTE_INIT_P2M)) map_range(layout.p2m.va, layout.p2m.pfn, layout.p2m.pages, &next_p2m_table);
	CHECK(next_table <= layout.tables.pfn + layout.tables.pages);
	CHECK(next_p2m_table <= layout.p2m_tables.pfn + layout.p2m_tables.pages);
}

/* -- the domain -- */

static void __init start_vcpu0(void) {
	struct vcpu_guest_context *ctx = heap_alloc(sizeof(*ctx));
	struct vcpu *v = dom0->vcpu[0];
	mfn_t root = mfn_of(layout.tables.pfn);
	int rc;

	if (!ctx) panic("no memory for dom0's first vCPU");
	ctx->flags = VGCF_in_kernel | VGCF_online;
	ctx->user_regs.rip = note(XEN_ELFNOTE_ENTRY);
	ctx->user_regs.rsp = layout.stack.va + PAGE_SIZE;
	ctx->user_regs.rsi = layout.start_info.va;
	ctx->user_regs.rflags = EFLAGS_IF;
	ctx->user_regs.cs = FLAT_KERNEL_CS;
	ctx->user_regs.ss = FLAT_KERNEL_SS;
	ctx->kernel_sp = layout.stack.va + PAGE_SIZE;
	ctx->kernel_ss = FLAT_KERNEL_SS;
	ctx->ctrlreg[3] = mfn_to_maddr(root).a;
	while ((rc = table_pin(dom0, root, 4)) == -ERESTART)
		;
	if (rc) panic("dom0's first page tables were refused (%d)", rc);
	rc = arch_vcpu_set_context(v, ctx);
	if (rc) panic("dom0's first context was refused (%d)", rc);
	dom0->shared_info->vcpu_info[0].evtchn_upcall_mask = 1;
	heap_free(ctx);
}

static void __init create_domain(void) {
	unsigned vcpus = options.dom0_max_vcpus ? options.dom0_max_vcpus : bit_count(cpus_online);
	struct domain_params p = {
		.privileged = true,
		.max_pages = options.dom0_mem_max ? options.dom0_mem_max >> PAGE_SHIFT : nr_pages,
		.config.max_vcpus = MIN(vcpus, (unsigned)MAX_VCPUS),
		.config.max_grant_frames = 64,
		.config.max_maptrack_frames = 1024,
		.config.max_evtchn_port = ~0u,
		.config.grant_opts = 2,
	};

	p.max_pages = MAX(p.max_pages, nr_pages);
	if (domain_create(&p, &dom0)) panic("no memory to create dom0");
	for (unsigned i = 0; i < dom0->max_vcpus; i++)
		if (vcpu_create(dom0, i)) panic("no memory for dom0's vCPU %u", i);
}

void __init dom0_build(void) {
	const struct module *initrd = boot_info.modules > 1 ? &boot_info.module[1] : NULL;
	const char *why;

	if (!boot_info.modules)
		panic("no dom0 kernel: the boot loader must give an ELF kernel as the first module "
		      "(QEMU: -initrd \"vmlinux ...\"; GRUB: module2)");
	why = kernel_parse((const void *)boot_info.module[0].start, boot_info.module[0].end - boot_info.module[0].start,
			   &kernel);
	if (why) panic("%s", why);
	nr_pages = dom0_bytes() >> PAGE_SHIFT;
	create_domain();
	memory_allocate();
	lay_out(initrd ? initrd->end - initrd->start : 0);
	load_kernel();
	if (initrd) copy_in(layout.initrd.pfn, 0, (const uint8_t *)initrd->start, initrd->end - initrd->start);
	write_p2m();
	build_tables();
	write_hypercall_page();
	write_start_info(initrd);
	start_vcpu0();
	heap_free(chunks);
	printk(LOG_INFO, "dom0: %lu MiB, %u vCPUs, kernel %lx-%lx, entry %lx\n", nr_pages >> 8, dom0->max_vcpus,
	       layout.virt_base, layout.start_info.va, note(XEN_ELFNOTE_ENTRY));
}
