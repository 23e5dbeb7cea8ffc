/* SPDX-License-Identifier: MIT */
/* Host port of the arch contract's inline part. Machine memory is one array; own_va is a place in
 * it. */
#pragma once

extern uint8_t *host_memory; /* frame 0 of the fake machine */

static inline void *own_va(mfn_t m) { return host_memory + (m.n << PAGE_SHIFT); }
static inline mfn_t own_mfn(const void *va) { return mfn((uint64_t)((const uint8_t *)va - host_memory) >> PAGE_SHIFT); }
void *host_frame_map(mfn_t m);
void host_frame_unmap(const void *p);
static inline void *frame_map(mfn_t m) { return host_frame_map(m); }
static inline void frame_unmap(const void *p) { host_frame_unmap(p); }
static inline uint64_t frame_read(mfn_t m, unsigned index) {
	uint64_t *p = host_frame_map(m), word = READ_ONCE(p[index]);

	host_frame_unmap(p);
	return word;
}

/* An address of the fake guest's may be any. */
static inline bool uaccess_ok(uint64_t va) { return va != ~0ULL; }

bool host_should_fail(void);
/* True if a test wants this allocation to fail. */
static inline bool arch_alloc_fails(void) { return host_should_fail(); }
