/* SPDX-License-Identifier: MIT */
/* x86: inline part of the arch contract. */
#ifndef TENON_ARCH_ARCH_H
#define TENON_ARCH_ARCH_H

static inline void *own_va(mfn_t m)
{
	return (void *)(OWN_BASE + (m.n << PAGE_SHIFT));
}
static inline mfn_t own_mfn(const void *va)
{
	return mfn(((uint64_t)va - OWN_BASE) >> PAGE_SHIFT);
}
/* Fault injection of the host port; never here. */
static inline bool arch_alloc_fails(void)
{
	return false;
}

/* Frame windows (x86/window.c): the place a frame is looked for first, here; the rest there. */
void *frame_map_slow(mfn_t m);

static inline uint8_t *window_place(const struct cpu *c, unsigned i)
{
	return c->window_base + ((uint64_t)i << PAGE_SHIFT);
}
static inline void *frame_map(mfn_t m)
{
	struct cpu *c = this_cpu();
	unsigned i = m.n % WINDOW_FRAME_NR;

	if (unlikely(c->window[i].mfn != m.n))
		return frame_map_slow(m);
	c->window[i].users++;
	return window_place(c, i);
}
static inline void frame_unmap(const void *p)
{
	this_cpu()->window[((uint64_t)p >> PAGE_SHIFT) % WINDOW_FRAME_NR].users--;
}
static inline uint64_t frame_read(mfn_t m, unsigned index)
{
	struct cpu *c = this_cpu();
	unsigned i = m.n % WINDOW_FRAME_NR;
	const uint64_t *p;
	uint64_t word;

	if (likely(c->window[i].mfn == m.n))
		return READ_ONCE(((const uint64_t *)window_place(c, i))[index]);
	p = frame_map_slow(m);
	word = READ_ONCE(p[index]);
	frame_unmap(p);
	return word;
}

#endif
