/* SPDX-License-Identifier: MIT */
/*
 * Page tables of a 64-bit PV guest. Entries hold machine frame numbers (mfn); the guest's own
 * numbering is the pfn, and mfn_list[pfn] = mfn, machine_to_phys_mapping[mfn] = pfn. Tables are
 * read-only to the guest: all changes are hypercalls.
 */
#ifndef KIT_PT_H
#define KIT_PT_H

#include <kit/guest.h>

#define PTE_P    0x001UL
#define PTE_RW   0x002UL
#define PTE_US   0x004UL
#define PTE_PWT  0x008UL
#define PTE_PCD  0x010UL
#define PTE_A    0x020UL
#define PTE_D    0x040UL
#define PTE_PSE  0x080UL /* L2, L3 */
#define PTE_PAT  0x080UL /* L1 */
#define PTE_G    0x100UL
#define PTE_NX   (1UL << 63)
#define PTE_ADDR 0x000ffffffffff000UL

/* Flags of an ordinary writable mapping, and of a link to a lower table. */
#define PTE_DATA  (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)
#define PTE_RO    (PTE_P | PTE_US | PTE_A | PTE_D)
#define PTE_TABLE (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

#endif
