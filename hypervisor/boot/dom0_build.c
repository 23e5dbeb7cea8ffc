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

static const struct module *const initrd = &boot_info.module[1]; /* empty if the loader gave none */
static struct kernel_image kernel __initdata;
static struct {
	struct area mapped; /* the part from virt_base on, with those areas that lie in it */
	struct area initrd, p2m, p2m_tables, start_info, tables, stack;
	uint64_t pfns; /* given out to the areas so far */
} layout __initdata;
static mfn_t *chunks __initdata; /* first frame of each 2 MiB of dom0 */
static uint64_t nr_pages __initdata;

static mfn_t __init mfn_of(uint64_t p) { return mfn_add(chunks[p / CHUNK_PAGES], p % CHUNK_PAGES); }

/* -- memory -- */

static uint64_t __init dom0_bytes(void) {
	uint64_t free_bytes = frames_free << PAGE_SHIFT;
	uint64_t limit = free_bytes - MIN(free_bytes, (4UL << 20) + free_bytes / 128);
	/* Xen's default: all but a sixteenth, at most 128 MiB, kept for ring 0 */
	uint64_t usual = free_bytes - MIN(free_bytes / 16, 128UL << 20);
	uint64_t bytes = options.dom0_mem ?: MIN(usual, options.dom0_mem_max ?: usual);

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

static uint64_t __init note(unsigned type) { return kernel.note[type]; }

/* Where in the mapped part, which begins with the image, a segment goes. */
static uint64_t __init segment_offset(const Elf64_Phdr *s) { return s->p_paddr - note(XEN_ELFNOTE_PADDR_OFFSET); }

static uint64_t __init image_pages(void) {
	uint64_t end = 0;

	for (const Elf64_Phdr *s = kernel.segment; s < kernel.segment + kernel.segments; s++) {
		uint64_t va = layout.mapped.va + segment_offset(s);

		if (va < layout.mapped.va || va + s->p_memsz < va)
			panic("the kernel's ELF loads below its own VIRT_BASE; its Xen notes are wrong");
		end = MAX(end, segment_offset(s) + s->p_memsz);
	}
	return (end - 1) / PAGE_SIZE + 1; /* it may be the last address */
}

static void __init layout_check(void) {
	if (layout.pfns > nr_pages)
		panic("dom0's %lu MiB do not hold its kernel and initrd (%lu MiB); give a larger dom0_mem",
		      nr_pages >> 8, (layout.pfns >> 8) + 1);
}

/* Give an area the next pfns; its address is where the mapped part has them. */
static void __init append(struct area *a, uint64_t pages) {
	*a = (struct area){ layout.mapped.va + (layout.pfns << PAGE_SHIFT), layout.pfns, pages };
	layout.pfns += pages;
}

static uint64_t __init tables_below_root(const struct area *a) {
	uint64_t last = a->va + (a->pages << PAGE_SHIFT) - 1, n = 0;

	for (unsigned shift = 21; shift <= 39; shift += 9) n += (last >> shift) - (a->va >> shift) + 1;
	return n;
}

/* The tables map themselves: grow until they fit. The mapped part ends with them and the stack. */
static void __init append_tables(void) {
	uint64_t va = layout.mapped.va + (layout.pfns << PAGE_SHIFT), n, need = 1;

	do {
		uint64_t end = ROUND_UP(va + ((need + 1) << PAGE_SHIFT) + SLACK, REGION_ALIGN);

		n = need;
		layout.mapped.pages = (end - layout.mapped.va) >> PAGE_SHIFT;
		need = 1 + tables_below_root(&layout.mapped);
	} while (need != n);
	append(&layout.tables, n);
	append(&layout.stack, 1);
	layout.pfns = layout.mapped.pages;
}

static void __init lay_out(void) {
	uint64_t p2m_va = note(XEN_ELFNOTE_INIT_P2M), p2m_pages = DIV_ROUND_UP(nr_pages, 512);
	uint64_t initrd_pages = DIV_ROUND_UP(initrd->end - initrd->start, PAGE_SIZE);

	layout.mapped.va = note(XEN_ELFNOTE_VIRT_BASE);
	layout.pfns = image_pages();
	layout_check(); /* nothing below overflows then */
	if (!note(XEN_ELFNOTE_MOD_START_PFN)) append(&layout.initrd, initrd_pages);
	if (!p2m_va) append(&layout.p2m, p2m_pages);
	append(&layout.start_info, 1);
	append_tables();
	if (note(XEN_ELFNOTE_MOD_START_PFN)) append(&layout.initrd, initrd_pages);
	if (p2m_va) {
		append(&layout.p2m, p2m_pages);
		layout.p2m.va = p2m_va;
		append(&layout.p2m_tables, tables_below_root(&layout.p2m));
	}
	layout_check();
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
	for (const Elf64_Phdr *s = kernel.segment; s < kernel.segment + kernel.segments; s++)
		copy_in(0, segment_offset(s), kernel.data + s->p_offset, s->p_filesz);
}

/* Word `index` of the page at pfn. */
static void __init word_write(uint64_t pfn, unsigned index, uint64_t value) {
	uint64_t *page = frame_map(mfn_of(pfn));

	page[index] = value;
	frame_unmap(page);
}

static void __init write_p2m(void) {
	for (uint64_t p = 0; p < nr_pages; p++) word_write(layout.p2m.pfn + p / 512, p % 512, mfn_x(mfn_of(p)));
}

static void __init write_hypercall_page(void) {
	uint64_t va = note(XEN_ELFNOTE_HYPERCALL_PAGE);
	uint8_t *page;

	if (!va) return;
	if (va % PAGE_SIZE || va < layout.mapped.va || va >= layout.start_info.va)
		panic("the kernel's HYPERCALL_PAGE note lies outside its image");
	page = frame_map(mfn_of((va - layout.mapped.va) >> PAGE_SHIFT));
	arch_hypercall_page_fill(page);
	frame_unmap(page);
}

static void __init write_start_info(void) {
	struct start_info *si = frame_map(mfn_of(layout.start_info.pfn));

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
	if (boot_info.modules > 1) {
		bool by_pfn = note(XEN_ELFNOTE_MOD_START_PFN);

		si->mod_start = by_pfn ? layout.initrd.pfn : layout.initrd.va;
		si->mod_len = initrd->end - initrd->start;
		if (by_pfn) si->flags |= SIF_MOD_START_PFN;
	}
	str_copy((char *)si->cmd_line, boot_info.module[0].cmdline, sizeof(si->cmd_line));
	frame_unmap(si);
}

/* -- page tables -- */

#define TABLE (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

/* The table below entry `va` of the table at pfn, made if it is not there. */
static uint64_t __init table_below(uint64_t table, unsigned shift, uint64_t va, uint64_t *next) {
	uint64_t entry = frame_read(mfn_of(table), va >> shift & 511);

	if (entry & PTE_P) return m2p_get(maddr_to_mfn(maddr(entry & PTE_ADDR)));
	word_write(table, va >> shift & 511, mfn_to_maddr(mfn_of(*next)).a | TABLE);
	return (*next)++;
}

static bool __init is_table(uint64_t p) {
	return p - layout.tables.pfn < layout.tables.pages || p - layout.p2m_tables.pfn < layout.p2m_tables.pages;
}

/* Map an area; tables are taken from pfn `next` on, up to the end of an area for them. */
static void __init map_area(const struct area *a, uint64_t next, const struct area *tables) {
	for (uint64_t i = 0; i < a->pages; i++) {
		uint64_t va = a->va + (i << PAGE_SHIFT), table = layout.tables.pfn;
		uint64_t flags = is_table(a->pfn + i) ? TABLE & ~PTE_RW : TABLE;

		for (unsigned shift = 39; shift > PAGE_SHIFT; shift -= 9) table = table_below(table, shift, va, &next);
		word_write(table, va >> PAGE_SHIFT & 511, mfn_to_maddr(mfn_of(a->pfn + i)).a | flags);
	}
	CHECK(next <= tables->pfn + tables->pages);
}

/* -- the domain -- */

static void __init start_vcpu0(void) {
	static struct vcpu_guest_context ctx __initdata;
	mfn_t root = mfn_of(layout.tables.pfn);
	int rc;

	ctx.flags = VGCF_in_kernel | VGCF_online;
	ctx.user_regs.rip = note(XEN_ELFNOTE_ENTRY);
	ctx.user_regs.rsp = layout.stack.va + PAGE_SIZE;
	ctx.user_regs.rsi = layout.start_info.va;
	ctx.user_regs.rflags = X86_EFLAGS_IF;
	ctx.user_regs.cs = FLAT_KERNEL_CS;
	ctx.user_regs.ss = FLAT_KERNEL_SS;
	ctx.kernel_sp = layout.stack.va + PAGE_SIZE;
	ctx.kernel_ss = FLAT_KERNEL_SS;
	ctx.ctrlreg[3] = mfn_to_maddr(root).a;
	while ((rc = table_pin(dom0, root, 4)) == -ERESTART)
		;
	if (rc) panic("dom0's first page tables were refused (%d)", rc);
	rc = arch_vcpu_set_context(dom0->vcpu[0], &ctx);
	if (rc) panic("dom0's first context was refused (%d)", rc);
	dom0->shared_info->vcpu_info[0].evtchn_upcall_mask = 1;
}

static void __init create_domain(void) {
	struct domain_params p = {
		.privileged = true,
		.max_pages = MAX(options.dom0_mem_max >> PAGE_SHIFT, nr_pages),
		.config.max_vcpus = MIN(options.dom0_max_vcpus ?: bit_count(cpus_online), (unsigned)MAX_VCPUS),
		.config.max_grant_frames = 64,
		.config.max_maptrack_frames = 1024,
		.config.max_evtchn_port = ~0u,
		.config.grant_opts = 2,
	};

	if (domain_create(&p, &dom0)) panic("no memory to create dom0");
	for (unsigned i = 0; i < dom0->max_vcpus; i++)
		if (vcpu_create(dom0, i)) panic("no memory for dom0's vCPU %u", i);
}

void __init dom0_build(void) {
	if (!boot_info.modules)
		panic("no dom0 kernel: the boot loader must give an ELF kernel as the first module "
		      "(QEMU: -initrd \"vmlinux ...\"; GRUB: module2)");
	kernel_parse(&boot_info.module[0], &kernel);
	nr_pages = dom0_bytes() >> PAGE_SHIFT;
	create_domain();
	memory_allocate();
	lay_out();
	load_kernel();
	copy_in(layout.initrd.pfn, 0, (const uint8_t *)initrd->start, initrd->end - initrd->start);
	write_p2m();
	map_area(&layout.mapped, layout.tables.pfn + 1, &layout.tables);
	if (note(XEN_ELFNOTE_INIT_P2M)) map_area(&layout.p2m, layout.p2m_tables.pfn, &layout.p2m_tables);
	write_hypercall_page();
	write_start_info();
	start_vcpu0();
	heap_free(chunks);
	printk(LOG_INFO, "dom0: %lu MiB, %u vCPUs, kernel %lx-%lx, entry %lx\n", nr_pages >> 8, dom0->max_vcpus,
	       layout.mapped.va, layout.start_info.va, note(XEN_ELFNOTE_ENTRY));
}
