/* SPDX-License-Identifier: MIT */
/*
 * The arch contract: everything the objects need from the machine. Implemented by x86/ and, with a
 * journal in place of the hardware, by host/. Unless said otherwise: callable with any lock held,
 * interrupts off, cannot fail.
 */
#pragma once

#include "cpu.h"

struct vcpu;
struct domain;

/* -- frames -- */

/*
 * Map a frame for this CPU and return its address; frame_unmap() gives the window back. Windows are
 * per-CPU, nest (at least 8 deep) and must be closed before the CPU leaves ring 0 or opens a
 * preemption point. Mapping a frame that is in a window already is cheap. The frame must be RAM.
 */
static inline void *frame_map(mfn_t m) __must_check;
static inline void frame_unmap(const void *p);
/* The 64-bit word `index` of a frame of RAM, read once; cheaper than a window around it. */
static inline uint64_t frame_read(mfn_t m, unsigned index);

/*
 * Ring 0's own memory. `own_va` is where a frame appears while it belongs to ring 0: a fixed
 * function of the mfn, so conversions are arithmetic. own_map/own_unmap make n frames accessible
 * (read, write, no execute) or inaccessible there. own_map returns 0 or -ENOMEM (page-table memory,
 * taken with frame_alloc_raw and given back with frame_free_raw); after own_unmap no CPU has a
 * translation. Any context below RANK_OWNMAP.
 */
static inline void *own_va(mfn_t m);
static inline mfn_t own_mfn(const void *va);
int own_map(mfn_t first, unsigned long n) __must_check;
void own_unmap(mfn_t first, unsigned long n);

/* -- TLB -- */

/*
 * Advances with every full flush, before the CPU flushes (so that tlb_time > stamp proves that the
 * flush came after the stamp was taken); frames remember its low half when they lose a type or the
 * last reference. 64 bits: never wraps. Starts at 1.
 */
extern uint64_t tlb_clock;
#define TLB_FLUSH_ALL (~0ULL)
/*
 * Drop guest translations on the CPUs of the mask: of one page (va) or all (TLB_FLUSH_ALL), and
 * return when it is done. A full flush of a CPU sets its tlb_time. CPUs that are offline are
 * ignored.
 */
void arch_tlb_flush(cpumask_t cpus, uint64_t va);
/* Drop everything, ring 0's own global entries too, on all CPUs. */
void arch_tlb_flush_own(void);
/* Write back and invalidate caches on the CPUs of the mask. That may take milliseconds: it uses up what
 * work hypercall_preempt() allows. */
void arch_cache_flush(cpumask_t cpus);
/* The same for what any CPU has of one frame; takes some microseconds. */
void arch_frame_flush(mfn_t m);

/* -- address spaces -- */

/* Write ring 0's part (slots 256-271) into a root that is being promoted. */
void arch_root_install(void *l4);
/* The root in use in the vCPU's present mode. */
mfn_t arch_vcpu_root(const struct vcpu *v);
/* Load the running vCPU's root for its present mode (v->root_kernel or v->root_user); flushes guest
 * translations. */
void arch_root_load(struct vcpu *v);
/* The frames where the machine-to-physical table is stored, for machphys_mfn_list: first of the 512
 * consecutive frames of the i-th 2 MiB piece. */
mfn_t arch_m2p_frame(unsigned long i);

/*
 * Judge a GDT or LDT entry of a guest, raising its privilege level out of ring 0 where that makes
 * it safe. False: not to be loaded. A page becomes FT_SEGDESC when all its entries pass, and only
 * passed entries are written to it.
 */
bool arch_descriptor_fix(uint64_t *desc) __must_check;
/* MMUEXT_SET_LDT: the running vCPU's LDT is `entries` descriptors at base (0: none). 0, -EINVAL. */
int vcpu_ldt_set(struct vcpu *v, gvaddr_t base, unsigned entries) __must_check;

/* -- guest memory -- */

/*
 * Copy between ring 0 and the running guest's current address space. 0 or -EFAULT (not mapped, not
 * writable, or not guest space); a failed copy may have moved a part. Never fetches a byte twice.
 */
int copy_from_guest(void *dst, gvaddr_t src, size_t n) __must_check;
int copy_to_guest(gvaddr_t dst, const void *src, size_t n) __must_check;
/* [va, va + n) is no address of ring 0's. It need not be mapped. */
bool guest_range_ok(uint64_t va, size_t n);
/* As copy_to_guest(), but in the running vCPU's kernel address space also while it is in user mode. */
int copy_to_guest_kernel(gvaddr_t dst, const void *src, size_t n) __must_check;

/* -- vCPUs -- */

struct vcpu_guest_context;
/* Allocate and free what the arch keeps for a vCPU (register page, trap table). 0 or -ENOMEM: a part of it
 * may be there, to be freed. */
int arch_vcpu_create(struct vcpu *v) __must_check;
void arch_vcpu_destroy(struct vcpu *v);
/*
 * Set the whole state of a vCPU that does not run, from a checked-on-the-way context
 * (VCPUOP_initialise, domctl). Takes references on its page tables and GDT frames. 0 (it is initialised),
 * -EINVAL, -EBUSY, -ENOMEM, -ERESTART; on an error nothing has changed.
 */
int arch_vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *ctx) __must_check;
void arch_vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *ctx);
/* Drop the references of set_context (roots, GDT, LDT). The vCPU does not run any more. -ERESTART
 * when preempted. */
int arch_vcpu_release(struct vcpu *v) __must_check;
/* Make this CPU run `next` (NULL: nothing); saves the one loaded before if it is another. Called by
 * schedule() only. */
void arch_context_switch(struct vcpu *next);
/* If a CPU keeps v's registers and page tables lazily, make it store and drop them; returns when
 * done. */
void arch_vcpu_sync(struct vcpu *v);
/* The CPU that has v's page tables loaded, lazily perhaps; -1: none, or one that is about to. */
int arch_vcpu_loaded_on(const struct vcpu *v);
/* v is current and its vcpu_info has moved (info_mfn, info_offset): set this CPU's cpu->vcpu_info
 * anew. */
void arch_vcpu_info_moved(struct vcpu *v);
/* Sleep until an interrupt; called with interrupts off and nothing to run, returns with interrupts
 * off. */
void arch_idle(void);

struct xen_domctl_cpu_policy;
struct xen_sysctl;
/* Sub-operations that only the arch knows: 0, -ENOSYS, other errnos. */
long arch_sysctl(struct xen_sysctl *op) __must_check;
/* XEN_DOMCTL_{get,set}_cpu_policy: 0, errnos. */
long arch_cpu_policy_get(const struct domain *d, struct xen_domctl_cpu_policy *to) __must_check;
long arch_cpu_policy_set(struct domain *d, struct xen_domctl_cpu_policy *from) __must_check;
/* Make a page one of stubs, each of which makes the hypercall of its number. */
void arch_hypercall_page_fill(uint8_t *page);

/* -- interrupts between CPUs, preemption -- */

/* Make a CPU look at its cpu->work (an IPI that interrupts guest or idle). */
void arch_cpu_kick(unsigned cpu);
/* Called in every turn of a wait loop: pause, and serve flush requests of other CPUs. */
void arch_spin_wait(void);

/* -- time -- */

/* Nanoseconds since boot, monotonic across CPUs. */
uint64_t now_ns(void);
/* The pvclock parameters that turn the time-stamp counter into now_ns(). */
void arch_tsc_params(uint32_t *mul, int8_t *shift, uint64_t *tsc_stamp, uint64_t *ns_stamp);
/* The counter runs at one rate and shows one time on all CPUs: guests may use it without ring 0. */
bool arch_tsc_stable(void);
/* Program this CPU's one-shot timer to interrupt at an absolute now_ns() (0: never). A deadline in
 * the past fires at once. */
void arch_timer_program(uint64_t deadline_ns);
/* Seconds since 1970 read from the machine's clock at boot. */
uint64_t arch_wallclock_boot(void);

/* -- machine -- */

enum machine_action { MACHINE_HALT, MACHINE_REBOOT };
/* Stop all CPUs and reset or halt; honours the noreboot option. */
void arch_machine_stop(enum machine_action action) __noreturn;

#include <arch/arch.h>
