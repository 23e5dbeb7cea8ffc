/* SPDX-License-Identifier: MIT */
/* Descriptor tables: ring 0's GDT page, the guests' GDT and LDT pages in this CPU's view. */
#ifndef TENON_SEGMENTS_H
#define TENON_SEGMENTS_H

#include "x86.h"

void gdt_fill(struct cpu *c);
/* Show the vCPU's GDT and LDT pages on this CPU, and take them away. The vCPU is about to run or
 * has just stopped. */
void segments_load(struct vcpu *v);
void segments_release(struct vcpu *v);

/*
 * A page fault in the view of the guest's LDT (offset into it): map the page if the guest's tables
 * have it. True: try again.
 */
bool ldt_fault_in(struct vcpu *v, uint64_t offset);
static inline unsigned table_pages(unsigned entries) { return (entries + 511) / 512; }
/* Take and drop references of a whole GDT: frames[] of `entries` descriptors. 0, -EINVAL. */
int gdt_take(struct domain *d, const uint64_t *frames, unsigned entries) __must_check;
void gdt_put(const uint64_t *frames, unsigned entries);
/* The vCPU's GDT is this one, whose references were taken; those of the last one go. */
void gdt_replace(struct vcpu *v, const uint64_t *frames, unsigned entries);

/* Where a CPU's guest sees its LDT. */
static inline uint64_t ldt_view(const struct cpu *c) { return (uint64_t)window_place(c, WINDOW_LDT); }

#endif
