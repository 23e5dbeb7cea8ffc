/* SPDX-License-Identifier: MIT */
/*
 * Ring 0's address space: slots 256-271 of every root table, the part that the PV ABI reserves
 * (HYPERVISOR_VIRT_START in <xen/arch-x86/xen-x86_64.h>). docs/memory-layout.md explains it. Shared
 * with assembler.
 *
 * slot 256  machine-to-physical table, read-only for guests
 * slot 257  the same, writable, ring 0 only
 * slot 258  frame table
 * slot 259  frame windows, guest GDT/LDT views, device registers
 * slot 260- own memory: machine address + OWN_BASE, present only while the frame is ring 0's
 * slot 264  the image, and within reach of its relative jumps the per-CPU blocks
 */
#pragma once

#ifdef __ASSEMBLY__
#define UL(x) x
#else
#define UL(x) x##UL
#endif

#define HV_SLOT_FIRST 256
#define HV_SLOT_END   272

#define HV_START    UL(0xffff800000000000)
#define HV_END      UL(0xffff880000000000)
#define IMAGE_BASE  UL(0xffff840000000000)
#define M2P_RO_BASE UL(0xffff800000000000)
#define M2P_RW_BASE UL(0xffff808000000000)
#define FRAMES_BASE UL(0xffff810000000000)

/* One block per CPU. */
#define PERCPU_BASE (IMAGE_BASE + UL(0x40000000))
#define PERCPU_SIZE UL(0x10000)
/* pages of a block; those not named are guards */
#define PERCPU_STUB       UL(0x0000)                    /* syscall entry code, read-only and executable */
#define PERCPU_IST_TOP(i) (UL(0x3000) + (i)*UL(0x2000)) /* NMI, #DF, #MC, #DB */
#define PERCPU_STACK_LOW  UL(0xa000)
#define PERCPU_STACK_TOP  UL(0xd000) /* end of struct regs on the main stack */
#define PERCPU_STRUCT     UL(0xd000) /* struct cpu, three pages */

/* Per-CPU windows: 2 MiB each, so that one page of entries describes one CPU's. */
#define WINDOW_BASE  UL(0xffff819000000000)
#define WINDOW_SHIFT 21
/* entries of a CPU's window page */
#define WINDOW_FRAMES    0 /* frame_map() */
#define WINDOW_FRAME_NR  64
#define WINDOW_VCPU_INFO 64  /* current's vcpu_info page */
#define WINDOW_GDT       128 /* 16 pages: guest's 14, ring 0's one */
#define WINDOW_LDT       160 /* 16 pages */

/* Device registers: LAPIC, IO-APICs, HPET, MMCFG. */
#define IO_BASE UL(0xffff81a000000000)
#define IO_SIZE UL(0x1000000000)

#define OWN_BASE UL(0xffff820000000000)

/* where other CPUs start: a page below 1 MiB that is never handed out */
#define TRAMPOLINE 0x8000

/* selectors: the ABI's FLAT_RING* (xen-x86_64.h) and ring 0's own, all in page 14 of the GDT */
#define SEL_HV_CS 0xe008
#define SEL_HV_DS 0xe010
#define SEL_TSS   0xe040
#define SEL_LDT   0xe050

/* vectors */
#define VEC_SYSCALL     0x100 /* entry_vector of a syscall, for the frame only */
#define VEC_INT80       0x80
#define VEC_IRQ_FIRST   0x30 /* device interrupts */
#define VEC_IRQ_LAST    0xef
#define VEC_TIMER       0xf0
#define VEC_KICK        0xf1 /* look at cpu->work */
#define VEC_FLUSH       0xf2 /* TLB flush request */
#define VEC_LAPIC_ERROR 0xfe
#define VEC_SPURIOUS    0xff
