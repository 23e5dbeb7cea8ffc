/* SPDX-License-Identifier: MIT */
/* The machine's registers and instructions, and what x86/ and boot/ share among their files. */
#pragma once

#include <asm/processor-flags.h>
#include "arch.h"
#include "domain.h"
#include "layout.h"
#include "pte.h"

/* -- control registers and instructions -- */

#define MSR_APIC_BASE      0x1b
#define MSR_PAT            0x277
#define MSR_EFER           0xc0000080
#define MSR_STAR           0xc0000081
#define MSR_LSTAR          0xc0000082
#define MSR_CSTAR          0xc0000083
#define MSR_SFMASK         0xc0000084
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_SYSENTER_CS    0x174
#define MSR_SYSENTER_ESP   0x175
#define MSR_SYSENTER_EIP   0x176

#define EFER_SCE (1u << 0)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define EFER_NXE (1u << 11)

/* WB, WT, UC-, UC, WC, WP, UC, UC: entries 0-7, fixed by the PV ABI. */
#define PAT_XEN 0x050100070406ULL

#define CONTROL_REGISTER(cr)                                     \
	static inline uint64_t read_##cr(void) {                 \
		uint64_t v;                                      \
		__asm__ volatile("mov %%" #cr ", %0" : "=r"(v)); \
		return v;                                        \
	}                                                        \
	static inline void write_##cr(uint64_t v) { __asm__ volatile("mov %0, %%" #cr : : "r"(v) : "memory"); }
CONTROL_REGISTER(cr0)
CONTROL_REGISTER(cr2)
CONTROL_REGISTER(cr3)
CONTROL_REGISTER(cr4)
static inline uint64_t rdmsr(uint32_t msr) {
	uint32_t lo, hi;
	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}
static inline void wrmsr(uint32_t msr, uint64_t v) {
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}
static inline uint64_t rdtsc(void) { return __builtin_ia32_rdtsc(); }
static inline void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]) {
	__asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(subleaf));
}
static inline void invlpg(uint64_t va) { __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory"); }
#define PORT_ACCESS(in, out, type)                                      \
	static inline type in(uint16_t port) {                          \
		type v;                                                 \
		__asm__ volatile(#in " %1, %0" : "=a"(v) : "Nd"(port)); \
		return v;                                               \
	}                                                               \
	static inline void out(uint16_t port, type v) { __asm__ volatile(#out " %0, %1" : : "a"(v), "Nd"(port)); }
PORT_ACCESS(inb, outb, uint8_t)
PORT_ACCESS(inw, outw, uint16_t)
PORT_ACCESS(inl, outl, uint32_t)
/* a * b / c with all bits of the product; the quotient must fit. */
static inline uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c) {
	uint64_t q, r;

	__asm__("mul %3; div %4" : "=&a"(q), "=&d"(r) : "0"(a), "r"(b), "r"(c) : "cc");
	return q;
}
static inline void cpu_pause(void) { __asm__ volatile("pause" : : : "memory"); }
static inline bool is_canonical(uint64_t va) { return (int64_t)(va << 16) >> 16 == (int64_t)va; }
/* Canonical and outside ring 0's slots. */
static inline bool guest_address_ok(uint64_t va) { return is_canonical(va) && uaccess_ok(va); }
/* rdmsr that survives a #GP: 0 or -EFAULT. (x86/uaccess.c) */
int rdmsr_safe(uint32_t msr, uint64_t *v) __must_check;

/* -- what this CPU model has (x86/percpu.c), const after boot -- */
struct cpu_features {
	bool smep, smap, nx, xsave, fsgsbase, x2apic;
	uint64_t xcr0; /* components ring 0 saves for guests; 0: no xsave */
	unsigned phys_bits;
	unsigned cache_line; /* bytes that CLFLUSH reaches */
};
extern struct cpu_features cpu_has;

/* -- ring 0's address space (x86/own_map.c) -- */

/* Map n frames at va with the PTE flags; existing entries are replaced. 0 or -ENOMEM. */
int hv_map(uint64_t va, mfn_t first, unsigned long n, uint64_t flags) __must_check;
extern uint64_t hv_root[]; /* ring 0's own root table: the idle address space */

/* A vCPU's state while no CPU has it loaded: a page that ring 0 sees only through a window. */
struct vcpu_state {
	struct regs regs;
	uint8_t fpu[PAGE_SIZE - ROUND_UP(sizeof(struct regs), 64)] __aligned(64);
};
_Static_assert(sizeof(struct vcpu_state) == PAGE_SIZE, "a vCPU's saved state is one page");

/* -- CPUs (x86/percpu.c, x86/smp.c) -- */

/* Allocate and map the block of a CPU (stacks, struct cpu, GDT, windows, syscall stub). NULL: out
 * of memory. */
struct cpu *cpu_block_create(unsigned id) __must_check;
/* Load GDT, TSS, IDT, control registers and MSRs on the running CPU, whose stack is its block's. */
void cpu_block_load(struct cpu *c);

/* Entries 0-511 of the table that maps a 2 MiB range of ring 0's, seen once part of it is mapped. */
uint64_t *hv_l1_of(uint64_t va);
void windows_init(struct cpu *c);
/* The CPU turns to another domain: no frame of the last one stays in a window. */
void windows_drop(struct cpu *c);
/* Map a frame (INVALID_MFN: nothing) at a fixed entry of the CPU's window page (WINDOW_*); returns
 * its address. */
void *window_set(struct cpu *c, unsigned index, mfn_t m);
/* Load a root on this CPU and note the flush. */
void root_write(uint64_t cr3);
/* Leave to the guest that schedule() chose, whatever is on the stack (x86/entry.S). */
void reset_stack_and_exit(void) __noreturn;
/* Serve another CPU's flush request, if there is one for this CPU. */
void tlb_serve(void);
/* Fill in cpu_has, and have the code do without SMAP if there is none. */
void cpu_features_read(void);
uint64_t cr4_of(const struct vcpu *v);
void idt_init(void);
static inline void xcr0_write(uint64_t v) {
	__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

/* -- descriptor tables: ring 0's GDT page, the guests' GDT and LDT pages in this CPU's view (x86/segments.c) -- */

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
/* Take and drop references of a whole GDT: frames[] of `entries` descriptors. False: not all can be had. */
bool gdt_take(struct domain *d, const uint64_t *frames, unsigned entries) __must_check;
void gdt_put(const uint64_t *frames, unsigned entries);
/* The vCPU's GDT is this one, whose references were taken; those of the last one go. */
void gdt_replace(struct vcpu *v, const uint64_t *frames, unsigned entries);

/* -- ports (x86/pci.c) -- */

/* 1, 2 or 4 bytes at a port; the same at a data port of PCI (cfc-cff) for what an address port says. */
uint32_t port_read(unsigned port, unsigned bytes);
void port_write(unsigned port, unsigned bytes, uint32_t value);
uint32_t pci_data_read(uint32_t address, unsigned port, unsigned bytes);
void pci_data_write(uint32_t address, unsigned port, unsigned bytes, uint32_t value);

/* -- traps -- */

enum { TRAP_DB = 1, TRAP_NMI, TRAP_BP, TRAP_OF, TRAP_UD = 6, TRAP_NM, TRAP_DF, TRAP_GP = 13, TRAP_PF, TRAP_MC = 18 };

#define PF_PRESENT (1u << 0)
#define PF_WRITE   (1u << 1)
#define PF_USER    (1u << 2)
#define PF_RSVD    (1u << 3)
#define PF_FETCH   (1u << 4)

/* Deliver an exception to the running guest through its trap table (x86/bounce.c). */
void guest_trap(struct regs *r, unsigned vector, uint32_t error_code);
/* The same for #PF: records the address. */
void guest_page_fault(struct regs *r, uint64_t addr, uint32_t error_code);
/* What entry.S calls. guest_iret_failed(): also when a selector of the guest's did not load; its failsafe
 * callback learns of it. */
typedef void entry_fn(struct regs *r);
entry_fn trap_from_guest, trap_from_ring0, exit_work_do, deliver_event, guest_iret_failed, user_syscall_bounce,
	user_syscall32_bounce, user_sysenter_bounce;

/* Privileged instruction at r->rip of the running guest kernel: true if emulated (or another trap
 * raised). */
bool emulate_privileged(struct regs *r);
/* #UD: forced-emulation prefix or an instruction to emulate. */
bool emulate_forced(struct regs *r);
/* Store to a page table of the running guest at cr2. */
bool emulate_pt_store(struct regs *r, uint64_t cr2);

/* CR0 as a guest sees it: PE, MP, ET, NE, WP, AM, PG and its own TS. */
uint64_t cr0_view(const struct vcpu *v);
/* Enter the guest mode that is not the present one: page tables and GS base (x86/context.c). */
void toggle_guest_mode(struct vcpu *v);
/* Store the data segments' selectors, as they are loaded, in the vCPU. */
void selectors_read(struct vcpu *v);
/* A debug register, 0-7, where 4 and 5 are 6 and 7; to set it audits the value. 0, -EINVAL, -EPERM. */
uint64_t debugreg_get(const struct vcpu *v, unsigned reg);
int debugreg_set(struct vcpu *v, unsigned reg, uint64_t value) __must_check;
/* In a kick interrupt: give up the idle vCPU that another CPU wants. */
void context_serve(void);

/* The time-stamp counter's rate (x86/clock.c). */
uint32_t tsc_khz(void);

/* -- policies: what a guest sees of the processor; also built on the host -- */

#define MSR_PLATFORM_INFO     0xce
#define MSR_ARCH_CAPABILITIES 0x10a

/* Where the values of a policy come from: a leaf's EAX, EBX, ECX, EDX. */
typedef void cpuid_source(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
cpuid_source cpuid_host; /* the processor itself (x86/cpuid.c) */
/* What a vCPU sees (x86/cpuid_policy.c). */
void guest_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
/* May a guest have this XCR0? x87 always; AVX needs SSE; the three AVX-512 parts come together and need
 * AVX; only what ring 0 saves. */
bool xcr0_ok(uint64_t xcr0);
/* What a toolstack set for the domain's leaf, if it did (x86/cpu_policy.c). */
bool cpu_policy_find(const struct domain *d, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
/* What MSRs the running guest may see and set (x86/msr_policy.c). -EPERM: #GP. */
int guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value) __must_check;
int guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value) __must_check;

/* -- panic (x86/panic.c) -- */
void fatal_trap(struct regs *r) __noreturn;
