/* SPDX-License-Identifier: MIT */
/*
 * Segments. Each CPU has a 16-page GDT in its window area: pages 0-13 show the running vCPU's own
 * GDT frames, page 14 (selectors 0xe000 and up) is ring 0's with the ABI's flat segments, the TSS
 * and the LDT. The guest's LDT is seen through 16 more pages, filled when a fault asks for them,
 * and so its frames are typed only while in view.
 *
 * Invariant: every frame in view has a type use FT_SEGDESC held by the vCPU, so its descriptors
 * have passed arch_descriptor_fix() and cannot change but through update_descriptor.
 */
#include "segments.h"
#include "frame.h"
#include "hypercall.h"

#define DESC_P       (1ULL << 47)
#define DESC_DPL_POS 45
#define DESC_S       (1ULL << 44)
#define DESC_CODE    (1ULL << 43)
#define DESC_CONFORM (1ULL << 42)

/* Ring 0's page, as entries from selector 0xe000 on. The three user entries differ for 32-bit
 * guests. */
#define ENTRY(sel) (((sel)-GDT_RESERVED_FIRST) / 8)

static void gdt_user_entries(struct cpu *c, bool pv32) {
	c->gdt[ENTRY(0xe018)] = 0x00cfbb000000ffffULL;        /* ring 1 code, 32-bit */
	c->gdt[ENTRY(0xe020)] = pv32 ? 0x00cfb3000000ffffULL  /* ring 1 data */
				     : 0x00cffb000000ffffULL; /* ring 3 code, 32-bit */
	c->gdt[ENTRY(0xe028)] = pv32 ? 0x00cffb000000ffffULL  /* ring 3 code, 32-bit */
				     : 0x00cff3000000ffffULL; /* ring 3 data */
	c->gdt[ENTRY(0xe030)] = pv32 ? 0x00cff3000000ffffULL  /* ring 3 data */
				     : 0x00affb000000ffffULL; /* ring 3 code, 64-bit */
}

static void system_entry(struct cpu *c, unsigned sel, uint64_t base, uint32_t limit, unsigned type) {
	uint64_t *e = &c->gdt[ENTRY(sel)];

	e[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)type << 40 | DESC_P |
	       (uint64_t)(limit >> 16 & 0xf) << 48 | (base >> 24 & 0xff) << 56;
	e[1] = base >> 32;
}

void gdt_fill(struct cpu *c) {
	c->gdt[ENTRY(SEL_HV_CS)] = 0x00af9b000000ffffULL;
	c->gdt[ENTRY(SEL_HV_DS)] = 0x00cf93000000ffffULL;
	gdt_user_entries(c, false);
	c->gdt_shown = GDT_GUEST_FRAMES; /* nothing yet: the first to come fills all pages */
	system_entry(c, SEL_TSS, (uint64_t)&c->tss, sizeof(c->tss) - 1, 9);
}

static void ldt_register_load(struct cpu *c, const struct vcpu *v) {
	if (!v->arch.ldt_entries) {
		__asm__ volatile("lldt %w0" : : "r"(0));
		return;
	}
	system_entry(c, SEL_LDT, ldt_view(c), v->arch.ldt_entries * 8 - 1, 2);
	__asm__ volatile("lldt %w0" : : "r"(SEL_LDT));
}

/* A page of null descriptors stands where the guest has no GDT, so that its selectors there fault
 * as such. */
static mfn_t empty_gdt_page __ro_after_init;

void segments_init(void) {
	void *page = heap_alloc(PAGE_SIZE);

	if (!page) panic("no memory for a page of descriptors");
	empty_gdt_page = own_mfn(page);
}

/* A page of the guest's LDT, or INVALID_MFN. */
static void ldt_show(struct cpu *c, unsigned i, mfn_t m) {
	window_set(c, WINDOW_LDT + i, m);
	c->ldt_shown = (uint16_t)((c->ldt_shown & ~(1u << i)) | !mfn_eq(m, INVALID_MFN) << i);
}

/* Most guests have one page of GDT and no LDT: what was not shown and is not to be stays untouched. */
void segments_load(struct vcpu *v) {
	struct cpu *c = this_cpu();
	unsigned pages = (v->arch.gdt_entries + 511) / 512;

	gdt_user_entries(c, v->domain->pv32);
	for (unsigned i = 0; i < MAX(pages, c->gdt_shown); i++)
		window_set(c, WINDOW_GDT + i, i < pages ? v->arch.gdt_frames[i] : empty_gdt_page);
	c->gdt_shown = (uint16_t)pages;
	for (unsigned i = 0; i < 16; i++)
		if (c->ldt_shown >> i & 1 || !mfn_eq(v->arch.ldt_frames[i], INVALID_MFN))
			ldt_show(c, i, v->arch.ldt_frames[i]);
	ldt_register_load(c, v);
}

bool arch_descriptor_fix(const struct domain *d, uint64_t *desc) {
	uint64_t lowest = d->pv32 ? 1 : 3;

	if (!(*desc & DESC_P)) return true;  /* loading it faults */
	if (!(*desc & DESC_S)) return false; /* gates and system segments lead into ring 0 */
	if ((*desc & (DESC_CODE | DESC_CONFORM)) == (DESC_CODE | DESC_CONFORM))
		return false; /* conforming code would run in the caller's ring */
	if ((*desc >> DESC_DPL_POS & 3) < lowest)
		*desc = (*desc & ~(3ULL << DESC_DPL_POS)) | lowest << DESC_DPL_POS;
	return true;
}

/* -- LDT -- */

static void ldt_drop(struct vcpu *v) {
	for (unsigned i = 0; i < 16; i++) {
		if (mfn_eq(v->arch.ldt_frames[i], INVALID_MFN)) continue;
		if (v == current) ldt_show(this_cpu(), i, INVALID_MFN);
		frame_put_as(v->arch.ldt_frames[i]);
		v->arch.ldt_frames[i] = INVALID_MFN;
	}
}

int vcpu_ldt_set(struct vcpu *v, gvaddr_t base, unsigned entries) {
	if (entries > 8192 || base.a % PAGE_SIZE || (entries && !guest_range_ok(base.a, entries * 8UL)))
		return -EINVAL;
	if (!entries && !v->arch.ldt_entries) return 0;
	ldt_drop(v);
	v->arch.ldt_base = base;
	v->arch.ldt_entries = entries;
	if (v == current) ldt_register_load(this_cpu(), v);
	return 0;
}

bool ldt_fault_in(struct vcpu *v, uint64_t offset) {
	unsigned i = (unsigned)(offset >> PAGE_SHIFT);
	uint64_t e;
	mfn_t m;

	if (offset >= v->arch.ldt_entries * 8UL || !mfn_eq(v->arch.ldt_frames[i], INVALID_MFN)) return false;
	e = guest_walk(v, gvaddr(v->arch.ldt_base.a + ((uint64_t)i << PAGE_SHIFT)));
	if (!(e & PTE_P)) return false;
	m = maddr_to_mfn(maddr(e & PTE_ADDR));
	if (!mfn_valid(m) || frame_get_as(m, v->domain, FT_SEGDESC)) return false;
	v->arch.ldt_frames[i] = m;
	ldt_show(this_cpu(), i, m);
	return true;
}

/* -- GDT -- */

int gdt_take(struct domain *d, const uint64_t *frames, unsigned entries) {
	unsigned n = (entries + 511) / 512, i;
	int rc = 0;

	for (i = 0; i < n; i++) {
		rc = mfn_valid(mfn(frames[i])) ? frame_get_as(mfn(frames[i]), d, FT_SEGDESC) : -EINVAL;
		if (rc) break;
	}
	if (i == n) return 0;
	while (i--) frame_put_as(mfn(frames[i]));
	return -EINVAL;
}

void gdt_drop(struct vcpu *v) {
	for (unsigned i = 0; i < GDT_GUEST_FRAMES; i++) {
		if (mfn_eq(v->arch.gdt_frames[i], INVALID_MFN)) continue;
		frame_put_as(v->arch.gdt_frames[i]);
		v->arch.gdt_frames[i] = INVALID_MFN;
	}
	v->arch.gdt_entries = 0;
}

void gdt_install(struct vcpu *v, const uint64_t *frames, unsigned entries) {
	for (unsigned i = 0; i < (entries + 511) / 512; i++) v->arch.gdt_frames[i] = mfn(frames[i]);
	v->arch.gdt_entries = entries;
}

void segments_release(struct vcpu *v) {
	ldt_drop(v);
	v->arch.ldt_entries = 0;
	gdt_drop(v);
}

HYPERCALL(do_set_gdt) {
	unsigned entries = (unsigned)a2;
	uint64_t frames[GDT_GUEST_FRAMES];
	struct vcpu *v = current;
	int rc;

	if (entries > GDT_GUEST_FRAMES * 512) return -EINVAL;
	if (copy_from_guest(frames, gvaddr(a1), (entries + 511) / 512 * sizeof(uint64_t))) return -EFAULT;
	rc = gdt_take(v->domain, frames, entries);
	if (rc) return rc;
	gdt_drop(v);
	gdt_install(v, frames, entries);
	segments_load(v);
	return 0;
}

HYPERCALL(do_update_descriptor) {
	mfn_t m = maddr_to_mfn(maddr(a1));
	struct domain *d = current->domain;
	uint64_t desc = a2, *page;

	if (a1 % 8 || !mfn_valid(m) || !arch_descriptor_fix(d, &desc)) return -EINVAL;
	/* a page that is no descriptor table may be written as ordinary memory; a page table may
	 * not */
	if (frame_get_as(m, d, FT_SEGDESC) && frame_get_as(m, d, FT_WRITABLE)) return -EINVAL;
	page = frame_map(m);
	WRITE_ONCE(page[a1 % PAGE_SIZE / 8], desc);
	frame_unmap(page);
	frame_put_as(m);
	return 0;
}
