/* SPDX-License-Identifier: MIT */
/*
 * The PV domain builder.
 *
 * Model: layout.c says where things go; p2m[] says which machine frame each page got. Pages are
 * written through windows (foreign mappings of a run of pages). All windows are closed before the
 * page tables are pinned, because a frame with a writable mapping cannot become a page table.
 *
 * Cost: one hypercall per 4096 extents of memory (2 MiB each while they last), one mapping per
 * area; every byte of the areas is written once.
 */
#include "build.h"
#include "layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/foreign/x86_32.h>

#define PAGE 4096ull

/* An area of the guest mapped here. */
struct window {
	uint8_t *p;
	uint64_t pfn, pages;
};

struct job {
	struct tl_ctx *ctx;
	struct tl_hyper *h;
	struct tl_build *b;
	const struct tl_kernel *k;
	struct tl_layout l;
	xen_pfn_t *p2m;
	struct window head; /* kernel .. stack, without what lies between */
	struct window tail; /* what lies behind the initial region */
	const char *why;
};

static void *page(void *arg, uint64_t pfn) {
	struct job *j = arg;

	if (pfn - j->head.pfn < j->head.pages) return j->head.p + (pfn - j->head.pfn) * PAGE;
	return j->tail.p + (pfn - j->tail.pfn) * PAGE;
}

static int open_window(struct job *j, struct window *w, uint64_t pfn, uint64_t end) {
	if (end <= pfn) return 0;
	w->p = tl_mem_map(j->h, j->b->domid, j->p2m + pfn, end - pfn);
	if (!w->p) return errno ? -errno : -ENOMEM;
	w->pfn = pfn;
	w->pages = end - pfn;
	return 0;
}

static void close_window(struct job *j, struct window *w) {
	if (w->p) tl_mem_unmap(j->h, w->p, w->pages);
	memset(w, 0, sizeof(*w));
}

#define SUPER_ORDER 9
#define SUPER_PAGES ((uint64_t)1 << SUPER_ORDER)
#define BATCH       4096

/* Populate [pfn, pfn + n * 2^order); returns how many extents got memory. */
static int populate_run(struct job *j, uint64_t pfn, uint64_t n, unsigned order) {
	xen_pfn_t *gfn = malloc(n * 2 * sizeof(*gfn));
	xen_pfn_t *mfn = gfn + n;
	uint64_t i, k;
	int done;

	if (!gfn) return -ENOMEM;
	for (i = 0; i < n; i++) gfn[i] = pfn + (i << order);
	done = tl_mem_populate(j->h, j->b->domid, gfn, mfn, n, order);
	for (i = 0; done > 0 && i < (uint64_t)done; i++)
		for (k = 0; k < (uint64_t)1 << order; k++) j->p2m[gfn[i] + k] = mfn[i] + k;
	free(gfn);
	return done;
}

/* Give the guest its memory, in 2 MiB extents while they last, then in pages. */
static int populate(struct job *j) {
	uint64_t pfn = 0, left, n;
	unsigned order = SUPER_ORDER;
	int done;

	j->why = "memory for the guest";
	while (pfn < j->l.nr_pages) {
		left = j->l.nr_pages - pfn;
		if (left < SUPER_PAGES) order = 0;
		n = left >> order;
		if (n > BATCH) n = BATCH;
		done = populate_run(j, pfn, n, order);
		if (done < 0) return done;
		pfn += (uint64_t)done << order;
		if ((uint64_t)done == n) continue;
		if (order == 0) return -ENOMEM;
		order = 0;
	}
	return 0;
}

static void load_kernel(struct job *j) {
	const struct tl_kernel *k = j->k;
	uint8_t *base = page(j, j->l.kernel.pfn);
	uint64_t off = k->kstart & (PAGE - 1), filled = k->kstart - off;
	int i;

	/* Gaps and bss first, segment by segment, so that no byte is written twice in the usual
	 * case. */
	for (i = 0; i < k->segs; i++) {
		const struct tl_segment *s = &k->seg[i];
		uint64_t at = s->va - (k->kstart - off);

		if (s->va < filled) {
			memset(base, 0, j->l.kernel.pages * PAGE);
			break;
		}
		memset(base + (filled - (k->kstart - off)), 0, s->va - filled);
		memset(base + at + s->filesz, 0, s->memsz - s->filesz);
		filled = s->va + s->memsz;
	}
	memset(base + (filled - (k->kstart - off)), 0, j->l.kernel.pages * PAGE - (filled - (k->kstart - off)));
	for (i = 0; i < k->segs; i++)
		memcpy(base + (k->seg[i].va - (k->kstart - off)), k->file + k->seg[i].offset, k->seg[i].filesz);
}

static void load_initrd(struct job *j) {
	uint64_t bytes = j->l.initrd.pages * PAGE;
	uint8_t *p;

	if (!j->l.initrd.pages) return;
	p = page(j, j->l.initrd.pfn);
	memcpy(p, j->b->initrd, j->b->initrd_len);
	memset(p + j->b->initrd_len, 0, bytes - j->b->initrd_len);
}

static void load_p2m(struct job *j) {
	uint64_t i, bytes = j->l.p2m.pages * PAGE;
	uint8_t *p = page(j, j->l.p2m.pfn);
	uint32_t *list32 = (uint32_t *)p;

	if (j->k->bits == 64) {
		memcpy(p, j->p2m, j->l.nr_pages * 8);
		memset(p + j->l.nr_pages * 8, 0, bytes - j->l.nr_pages * 8);
		return;
	}
	memset(p, 0, bytes);
	for (i = 0; i < j->l.nr_pages; i++) list32[i] = j->p2m[i];
}

static uint64_t mod_start(const struct job *j) {
	if (!j->l.initrd.pages) return 0;
	return j->l.initrd_mapped ? tl_layout_va(&j->l, j->l.initrd.pfn) : j->l.initrd.pfn;
}

/* Both layouts of start_info have the same member names; the macro fills either. */
#define FILL_START_INFO(si, j, sh, text)                                                                \
	do {                                                                                            \
		memset(si, 0, PAGE);                                                                    \
		strcpy((si)->magic, text);                                                              \
		(si)->nr_pages = (j)->l.nr_pages;                                                       \
		(si)->shared_info = (sh)*PAGE;                                                          \
		(si)->flags = (j)->l.initrd.pages && !(j)->l.initrd_mapped ? SIF_MOD_START_PFN : 0;     \
		(si)->store_mfn = (j)->b->store_mfn;                                                    \
		(si)->store_evtchn = (j)->b->store_port;                                                \
		(si)->console.domU.mfn = (j)->b->console_mfn;                                           \
		(si)->console.domU.evtchn = (j)->b->console_port;                                       \
		(si)->pt_base = tl_layout_va(&(j)->l, (j)->l.pt.pfn);                                   \
		(si)->nr_pt_frames = (j)->l.pt.pages;                                                   \
		(si)->mfn_list = (j)->l.p2m_va;                                                         \
		(si)->mod_start = mod_start(j);                                                         \
		(si)->mod_len = (j)->b->initrd_len;                                                     \
		(si)->first_p2m_pfn = (j)->l.p2m_pt.pages ? (j)->l.p2m.pfn : 0;                         \
		(si)->nr_p2m_frames = (j)->l.p2m_pt.pages ? (j)->l.p2m.pages + (j)->l.p2m_pt.pages : 0; \
		strncpy((char *)(si)->cmd_line, (j)->b->cmdline, MAX_GUEST_CMDLINE - 1);                \
	} while (0)

static void fill_start_info(struct job *j, uint64_t shared) {
	void *p = page(j, j->l.start_info.pfn);

	if (j->k->bits == 64)
		FILL_START_INFO((struct start_info *)p, j, shared, "xen-3.0-x86_64");
	else
		FILL_START_INFO((struct start_info_x86_32 *)p, j, shared, "xen-3.0-x86_32p");
}

/* Write everything that lies in guest pages; the caller closes the windows. */
static int load(struct job *j, uint64_t shared) {
	uint64_t region_end = (j->l.v_end - j->l.virt_base) / PAGE;
	int e;

	j->why = "mapping the guest's memory";
	e = open_window(j, &j->head, j->l.kernel.pfn, j->l.stack.pfn + 1);
	if (!e) e = open_window(j, &j->tail, region_end, j->l.end_pfn);
	if (e) return e;
	load_kernel(j);
	load_initrd(j);
	load_p2m(j);
	memset(page(j, j->l.store.pfn), 0, PAGE);
	memset(page(j, j->l.console.pfn), 0, PAGE);
	memset(page(j, j->l.stack.pfn), 0, PAGE);
	fill_start_info(j, shared);
	tl_part_done(j->ctx, TL_PART_CONTENT);
	tl_layout_tables(&j->l, j->p2m, page, j);
	tl_part_done(j->ctx, TL_PART_TABLES);
	return 0;
}

/* The 32 vCPUs with a legacy slot start with events masked. */
static int init_shared_info(struct job *j, uint64_t mfn) {
	struct shared_info *s;
	struct shared_info_x86_32 *s32;
	unsigned i;

	j->why = "mapping the shared info page";
	s = tl_mem_map(j->h, j->b->domid, &mfn, 1);
	if (!s) return errno ? -errno : -ENOMEM;
	s32 = (struct shared_info_x86_32 *)s;
	for (i = 0; i < XEN_LEGACY_MAX_VCPUS; i++) {
		if (j->k->bits == 64)
			s->vcpu_info[i].evtchn_upcall_mask = 1;
		else
			s32->vcpu_info[i].evtchn_upcall_mask = 1;
	}
	tl_mem_unmap(j->h, s, 1);
	return 0;
}

static int set_address_size(struct job *j) {
	struct xen_domctl op = { .u.address_size.size = 32 };

	if (j->k->bits == 64) return 0;
	j->why = "switching the domain to 32-bit mode (this hypervisor may not support 32-bit PV "
		 "guests)";
	return tl_domctl(j->h, XEN_DOMCTL_set_address_size, j->b->domid, &op);
}

static int fill_hypercall_page(struct job *j) {
	struct xen_domctl op = { 0 };

	if (j->k->hypercall_page == TL_ADDR_NONE) return 0;
	j->why = "filling the hypercall page";
	op.u.hypercall_init.gmfn = j->p2m[(j->k->hypercall_page - j->k->virt_base) / PAGE];
	return tl_domctl(j->h, XEN_DOMCTL_hypercall_init, j->b->domid, &op);
}

static void context64(const struct job *j, struct vcpu_guest_context *c) {
	uint64_t stack = tl_layout_va(&j->l, j->l.stack.pfn + 1);

	c->flags = VGCF_in_kernel | VGCF_online;
	c->user_regs.rip = j->k->entry;
	c->user_regs.rsp = stack;
	c->user_regs.rsi = tl_layout_va(&j->l, j->l.start_info.pfn);
	c->user_regs.rflags = 1 << 9;
	c->user_regs.cs = FLAT_KERNEL_CS64;
	c->user_regs.ss = FLAT_KERNEL_SS64;
	c->kernel_ss = FLAT_KERNEL_SS64;
	c->kernel_sp = stack;
	c->ctrlreg[3] = j->p2m[j->l.pt.pfn] << 12;
}

static void context32(const struct job *j, struct vcpu_guest_context_x86_32 *c) {
	uint32_t stack = tl_layout_va(&j->l, j->l.stack.pfn + 1);

	c->flags = VGCF_in_kernel_X86_32 | VGCF_online_X86_32;
	c->user_regs.eip = j->k->entry;
	c->user_regs.esp = stack;
	c->user_regs.esi = tl_layout_va(&j->l, j->l.start_info.pfn);
	c->user_regs.eflags = 1 << 9;
	c->user_regs.cs = FLAT_KERNEL_CS_X86_32;
	c->user_regs.ss = FLAT_KERNEL_SS_X86_32;
	c->user_regs.ds = c->user_regs.es = FLAT_KERNEL_DS_X86_32;
	c->user_regs.fs = c->user_regs.gs = FLAT_KERNEL_DS_X86_32;
	c->kernel_ss = FLAT_KERNEL_SS_X86_32;
	c->kernel_sp = stack;
	c->ctrlreg[3] = xen_pfn_to_cr3_x86_32(j->p2m[j->l.pt.pfn]);
}

static int set_first_vcpu(struct job *j) {
	struct xen_domctl op = { .u.vcpucontext.vcpu = 0 };
	struct vcpu_guest_context *c;
	int e;

	j->why = "setting the first vCPU's registers";
	c = tl_hbuf(j->h, sizeof(*c));
	if (!c) return -ENOMEM;
	memset(c, 0, sizeof(*c));
	if (j->k->bits == 64)
		context64(j, c);
	else
		context32(j, (struct vcpu_guest_context_x86_32 *)c);
	set_xen_guest_handle(op.u.vcpucontext.ctxt, c);
	e = tl_domctl(j->h, XEN_DOMCTL_setvcpucontext, j->b->domid, &op);
	tl_hbuf_free(j->h, c);
	return e;
}

static int seed_grants(struct job *j) {
	int e;

	j->why = "granting the console and store rings to their daemons";
	e = tl_grant_seed(j->h, j->b->domid, GNTTAB_RESERVED_CONSOLE, j->b->console_domid, j->b->console_mfn);
	if (e) return e;
	return tl_grant_seed(j->h, j->b->domid, GNTTAB_RESERVED_XENSTORE, j->b->store_domid, j->b->store_mfn);
}

/* The steps that follow once the guest's pages are complete and unmapped. */
static int finish(struct job *j, uint64_t shared) {
	int e;

	j->why = "pinning the page tables";
	e = tl_mem_pin(j->h, j->b->domid, j->p2m[j->l.pt.pfn], j->l.levels);
	if (!e) e = fill_hypercall_page(j);
	if (!e) e = init_shared_info(j, shared);
	if (!e) e = seed_grants(j);
	return e ? e : set_first_vcpu(j);
}

static int run(struct job *j) {
	struct xen_domctl_getdomaininfo info;
	int e;

	e = set_address_size(j);
	if (!e) e = populate(j);
	tl_part_done(j->ctx, TL_PART_MEMORY);
	if (e) return e;
	j->why = "reading the domain's state";
	e = tl_dom_info(j->h, j->b->domid, &info);
	if (e) return e;
	j->b->store_mfn = j->p2m[j->l.store.pfn];
	j->b->console_mfn = j->p2m[j->l.console.pfn];
	e = load(j, info.shared_info_frame);
	close_window(j, &j->head);
	close_window(j, &j->tail);
	if (!e) e = finish(j, info.shared_info_frame);
	tl_part_done(j->ctx, TL_PART_PIN);
	return e;
}

int tl_build_pv(struct tl_ctx *ctx, struct tl_build *b, const char **why) {
	struct job j = { .ctx = ctx, .h = ctx->h, .b = b, .k = b->kernel };
	int e = tl_layout_plan(b->kernel, b->nr_pages, b->initrd_len, &j.l, why);

	if (e) return e;
	j.p2m = malloc(b->nr_pages * sizeof(*j.p2m));
	if (!j.p2m) {
		*why = "memory for the builder";
		return -ENOMEM;
	}
	e = run(&j);
	free(j.p2m);
	*why = e ? j.why : NULL;
	return e;
}
