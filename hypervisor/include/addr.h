/* SPDX-License-Identifier: MIT */
/*
 * Addresses are types. A machine frame number (mfn) names a frame of the machine; to mix it up with
 * an address is a compile error. Conversions live here only.
 */
#pragma once

#include "compiler.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096UL
#define PAGE_MASK  (~(PAGE_SIZE - 1))

typedef struct {
	uint64_t n;
} mfn_t;
/* A machine (physical) byte address. */
typedef struct {
	uint64_t a;
} maddr_t;
/* A virtual address in the guest's address space; never dereferenced, only handed to copy_*_guest
 * and the walker. */
typedef struct {
	uint64_t a;
} gvaddr_t;

#define INVALID_MFN ((mfn_t){ ~0ULL })

static inline mfn_t mfn(uint64_t n) { return (mfn_t){ n }; }
static inline maddr_t maddr(uint64_t a) { return (maddr_t){ a }; }
static inline gvaddr_t gvaddr(uint64_t a) { return (gvaddr_t){ a }; }
static inline uint64_t mfn_x(mfn_t m) { return m.n; }
static inline bool mfn_eq(mfn_t a, mfn_t b) { return a.n == b.n; }
static inline mfn_t mfn_add(mfn_t m, uint64_t k) { return (mfn_t){ m.n + k }; }
static inline maddr_t mfn_to_maddr(mfn_t m) { return (maddr_t){ m.n << PAGE_SHIFT }; }
static inline mfn_t maddr_to_mfn(maddr_t a) { return (mfn_t){ a.a >> PAGE_SHIFT }; }
