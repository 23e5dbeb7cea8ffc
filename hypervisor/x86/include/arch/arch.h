/* SPDX-License-Identifier: MIT */
/* x86: inline part of the arch contract. */
#pragma once

static inline void *own_va(mfn_t m) { return (void *)(OWN_BASE + (m.n << PAGE_SHIFT)); }
static inline mfn_t own_mfn(const void *va) { return mfn(((uint64_t)va - OWN_BASE) >> PAGE_SHIFT); }
/* Fault injection of the host port; never here. */
static inline bool arch_alloc_fails(void) { return false; }

/* Frame windows (x86/window.c): the place a frame is looked for first, here; the rest there. */
void *frame_map_slow(mfn_t m);

static inline uint8_t *window_place(const struct cpu *c, unsigned i) {
	return c->window_base + ((uint64_t)i << PAGE_SHIFT);
}
/* Where a CPU's guest sees its LDT. */
static inline uint64_t ldt_view(const struct cpu *c) { return (uint64_t)window_place(c, WINDOW_LDT); }
/* A frame's first place, by a hash: domains that were built alike have the same low bits in theirs. */
static inline unsigned window_first(mfn_t m) {
	return (uint32_t)m.n * 2654435769u / (uint32_t)((1ULL << 32) / WINDOW_FRAME_NR);
}
static inline void *frame_map(mfn_t m) {
	struct cpu *c = this_cpu();
	unsigned i = window_first(m);

	if (unlikely(c->window[i].mfn != m.n)) return frame_map_slow(m);
	c->window[i].users++;
	return window_place(c, i);
}
static inline void frame_unmap(const void *p) {
	this_cpu()->window[((uint64_t)p >> PAGE_SHIFT) % WINDOW_FRAME_NR].users--;
}
static inline uint64_t frame_read(mfn_t m, unsigned index) {
	struct cpu *c = this_cpu();
	unsigned i = window_first(m);
	const uint64_t *p;
	uint64_t word;

	if (likely(c->window[i].mfn == m.n)) return READ_ONCE(((const uint64_t *)window_place(c, i))[index]);
	p = frame_map_slow(m);
	word = READ_ONCE(p[index]);
	frame_unmap(p);
	return word;
}

/* -- guest memory, a few words at a time: in line, an instruction or two a word -- */

/* stac and clac are patched to nops where there is no SMAP. */
#define SMAP_SITE(insn) "771: " insn "\n.pushsection .patch, \"a\"\n.quad 771b\n.popsection"
static inline void uaccess_open(void) { __asm__ volatile(SMAP_SITE("stac") : : : "memory"); }
static inline void uaccess_close(void) { __asm__ volatile(SMAP_SITE("clac") : : : "memory"); }

/* Load or store one word of the guest's; a fault goes on at the label. Between open and close. */
#define UACCESS_EX(to) "\n.pushsection .extable, \"a\"\n.balign 8\n.quad 1b, " to "\n.popsection"
#define uaccess_load(out, at, label) \
	__asm__ volatile goto("1: mov %1, %0" UACCESS_EX("%l2") : "=r"(out) : "m"(*(at)) : : label)
#define uaccess_store(at, value, label) \
	__asm__ volatile goto("1: mov %0, %1" UACCESS_EX("%l2") : : "r"(value), "m"(*(at)) : "memory" : label)

/*
 * Guest space: all but ring 0's slots. What is not canonical faults by itself, as does a range that
 * runs into the hole below the slots; one that wraps around is the guest's at both ends.
 */
static inline bool uaccess_ok(uint64_t va) { return va - HV_START >= HV_END - HV_START; }

/* A few words from the guest (get) or to it; the other side is ring 0's. */
static __always_inline int uaccess_words(void *dst, const void *src, const size_t n, const bool get) {
	const uint64_t *from = src;
	uint64_t *to = dst, word;
	uint32_t half;

	if (unlikely(!uaccess_ok((uint64_t)(get ? src : dst)))) return -EFAULT;
	uaccess_open();
#pragma GCC unroll 9
	for (size_t i = 0; i < n / 8; i++) {
		if (get) uaccess_load(word, from + i, fault);
		if (get) __builtin_memcpy(to + i, &word, 8);
		if (!get) __builtin_memcpy(&word, from + i, 8);
		if (!get) uaccess_store(to + i, word, fault);
	}
	if (n % 8) {
		if (get) uaccess_load(half, (const uint32_t *)(from + n / 8), fault);
		if (get) __builtin_memcpy(to + n / 8, &half, 4);
		if (!get) __builtin_memcpy(&half, from + n / 8, 4);
		if (!get) uaccess_store((uint32_t *)(to + n / 8), half, fault);
	}
	uaccess_close();
	return 0;
fault:
	uaccess_close();
	return -EFAULT;
}

/* Sizes known when compiling, of whole words, go in line; the rest through x86/uaccess.c. */
#define UACCESS_SMALL(n) (__builtin_constant_p(n) && (n) > 0 && (n) <= 72 && (n) % 4 == 0)
#define copy_from_guest(dst, src, n) \
	(UACCESS_SMALL(n) ? uaccess_words(dst, (const void *)(src).a, n, true) : (copy_from_guest)(dst, src, n))
#define copy_to_guest(dst, src, n) \
	(UACCESS_SMALL(n) ? uaccess_words((void *)(dst).a, src, n, false) : (copy_to_guest)(dst, src, n))
