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
#include "x86.h"
#include "frame.h"
#include "hypercall.h"

#define DESC_P          (1ULL << 47)
#define DESC_DPL        (3ULL << 45)
#define DESC_S          (1ULL << 44)
#define DESC_CONFORMING (3ULL << 42) /* code, and conforming */

/* Ring 0's page, as entries from selector 0xe000 on. */
#define ENTRY(sel) (((sel)-FIRST_RESERVED_GDT_BYTE) / 8)

static void system_entry(struct cpu *c, unsigned sel, uint64_t base, uint32_t limit, unsigned type) {
	uint64_t *e = &c->gdt[ENTRY(sel)];

	e[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)type << 40 | DESC_P |
	       (uint64_t)(limit >> 16 & 0xf) << 48 | (base >> 24 & 0xff) << 56;
	e[1] = base >> 32;
}

void gdt_fill(struct cpu *c) {
	static const uint64_t flat[] = {
		[ENTRY(SEL_HV_CS)] = 0x00af9b000000ffff, /* ring 0's code, 64-bit */
		[ENTRY(SEL_HV_DS)] = 0x00cf93000000ffff,
		[ENTRY(0xe018)] = 0x00cfbb000000ffff,          /* ring 1 code, 32-bit */
		[ENTRY(FLAT_RING3_CS32)] = 0x00cffb000000ffff, /* the guests' */
		[ENTRY(FLAT_RING3_SS64)] = 0x00cff3000000ffff,
		[ENTRY(FLAT_RING3_CS64)] = 0x00affb000000ffff,
	};

	memcpy(c->gdt, flat, sizeof(flat));
	c->gdt_shown = FIRST_RESERVED_GDT_PAGE; /* nothing yet: the first to come fills all pages */
	system_entry(c, SEL_TSS, (uint64_t)&c->tss, sizeof(c->tss) - 1, 9);
}

static void ldt_register_load(struct cpu *c, const struct vcpu *v) {
	c->ldt_shown = (uint16_t)table_pages(v->arch.ldt_entries);
	if (v->arch.ldt_entries) system_entry(c, SEL_LDT, ldt_view(c), v->arch.ldt_entries * 8 - 1, 2);
	__asm__ volatile("lldt %w0" : : "r"(v->arch.ldt_entries ? SEL_LDT : 0) : "memory");
}

/* A page of null descriptors stands where the guest has no GDT, so that its selectors there fault
 * as such. */
static uint64_t empty_gdt[PAGE_SIZE / sizeof(uint64_t)] __aligned(PAGE_SIZE);

/* Most guests have one page of GDT and no LDT: what was not shown and is not to be stays untouched. */
void segments_load(struct vcpu *v) {
	struct cpu *c = this_cpu();
	unsigned pages = table_pages(v->arch.gdt_entries), ldt_pages = table_pages(v->arch.ldt_entries);
	mfn_t empty = mfn(((uint64_t)empty_gdt - IMAGE_BASE) >> PAGE_SHIFT);

	for (unsigned i = 0; i < MAX(pages, c->gdt_shown); i++)
		window_set(c, WINDOW_GDT + i, i < pages ? mfn(v->arch.gdt_frames[i]) : empty);
	c->gdt_shown = (uint16_t)pages;
	for (unsigned i = 0; i < MAX(ldt_pages, c->ldt_shown); i++)
		window_set(c, WINDOW_LDT + i, v->arch.ldt_frames[i]);
	ldt_register_load(c, v);
}

bool arch_descriptor_fix(uint64_t *desc) {
	if (!(*desc & DESC_P)) return true;                             /* loading it faults */
	if (!(*desc & DESC_S)) return false;                            /* gates and system segments lead into ring 0 */
	if ((*desc & DESC_CONFORMING) == DESC_CONFORMING) return false; /* would run in the caller's ring */
	*desc |= DESC_DPL;
	return true;
}

/* -- LDT -- */

static void ldt_drop(struct vcpu *v) {
	for (unsigned i = 0; i < 16; i++) {
		if (mfn_eq(v->arch.ldt_frames[i], INVALID_MFN)) continue;
		if (v == current) window_set(this_cpu(), WINDOW_LDT + i, INVALID_MFN);
		frame_put_as(v->arch.ldt_frames[i]);
		v->arch.ldt_frames[i] = INVALID_MFN;
	}
}

int vcpu_ldt_set(struct vcpu *v, gvaddr_t base, unsigned entries) {
	if (entries > 8192 || base.a % PAGE_SIZE || (entries && !guest_range_ok(base.a, entries * 8UL))) return -EINVAL;
	if (!entries && !v->arch.ldt_entries) return 0;
	ldt_drop(v);
	v->arch.ldt_base = base;
	v->arch.ldt_entries = entries;
	ldt_register_load(this_cpu(), v);
	return 0;
}

bool ldt_fault_in(struct vcpu *v, uint64_t offset) {
	unsigned i = (unsigned)(offset >> PAGE_SHIFT);
	uint64_t e;
	mfn_t m;

	if (offset >= v->arch.ldt_entries * 8UL || !mfn_eq(v->arch.ldt_frames[i], INVALID_MFN)) return false;
	e = guest_walk(v, gvaddr(v->arch.ldt_base.a + ((uint64_t)i << PAGE_SHIFT)));
	m = maddr_to_mfn(maddr(e & PTE_ADDR));
	if (!(e & PTE_P) || frame_get_as(m, v->domain, FT_SEGDESC)) return false;
	v->arch.ldt_frames[i] = m;
	window_set(this_cpu(), WINDOW_LDT + i, m);
	return true;
}

/* -- GDT -- */

void gdt_put(const uint64_t *frames, unsigned entries) {
	for (unsigned i = 0; i < table_pages(entries); i++) frame_put_as(mfn(frames[i]));
}

bool gdt_take(struct domain *d, const uint64_t *frames, unsigned entries) {
	for (unsigned i = 0; i < table_pages(entries); i++) {
		if (frame_get_as(mfn(frames[i]), d, FT_SEGDESC) == 0) continue;
		gdt_put(frames, i * 512);
		return false;
	}
	return true;
}

void gdt_replace(struct vcpu *v, const uint64_t *frames, unsigned entries) {
	gdt_put(v->arch.gdt_frames, v->arch.gdt_entries);
	memcpy(v->arch.gdt_frames, frames, table_pages(entries) * sizeof(frames[0]));
	v->arch.gdt_entries = entries;
}

void segments_release(struct vcpu *v) {
	ldt_drop(v);
	v->arch.ldt_entries = 0;
	gdt_replace(v, v->arch.gdt_frames, 0);
}

HYPERCALL(do_set_gdt) {
	unsigned entries = (unsigned)a2;
	uint64_t frames[FIRST_RESERVED_GDT_PAGE];
	struct vcpu *v = current;

	if (entries > FIRST_RESERVED_GDT_ENTRY) return -EINVAL;
	if (copy_from_guest(frames, gvaddr(a1), table_pages(entries) * sizeof(uint64_t))) return -EFAULT;
	if (!gdt_take(v->domain, frames, entries)) return -EINVAL;
	gdt_replace(v, frames, entries);
	segments_load(v);
	return 0;
}

HYPERCALL(do_update_descriptor) {
	mfn_t m = maddr_to_mfn(maddr(a1));
	struct domain *d = current->domain;
	uint64_t desc = a2, *page;

	if (a1 % 8 || !arch_descriptor_fix(&desc)) return -EINVAL;
	/* a page that is no descriptor table may be written as ordinary memory; a page table may
	 * not */
	if (frame_get_as(m, d, FT_SEGDESC) && frame_get_as(m, d, FT_WRITABLE)) return -EINVAL;
	page = frame_map(m);
	WRITE_ONCE(page[a1 % PAGE_SIZE / 8], desc);
	frame_unmap(page);
	frame_put_as(m);
	return 0;
}
