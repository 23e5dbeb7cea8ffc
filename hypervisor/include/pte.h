/* SPDX-License-Identifier: MIT */
/* Bits of page-table entries, in the processor's encoding (Intel SDM volume 3, 4.5), which is the ABI's too. */
#pragma once

#define PTE_P           (1ULL << 0)
#define PTE_RW          (1ULL << 1)
#define PTE_US          (1ULL << 2)
#define PTE_PWT         (1ULL << 3)
#define PTE_PCD         (1ULL << 4)
#define PTE_A           (1ULL << 5)
#define PTE_D           (1ULL << 6)
#define PTE_PSE         (1ULL << 7) /* L2 and above: superpage */
#define PTE_PAT         (1ULL << 7) /* L1 */
#define PTE_G           (1ULL << 8)
#define PTE_AVAIL_SHIFT 9 /* bits 9 to 11: the guest's own */
#define PTE_NX          (1ULL << 63)
#define PTE_ADDR        0x000ffffffffff000ULL
#define PTE_CACHE       (PTE_PAT | PTE_PCD | PTE_PWT)
