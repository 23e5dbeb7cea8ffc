/* SPDX-License-Identifier: MIT */
/*
 * vCPU state on this machine. While a vCPU is loaded its registers are at the top of the CPU's
 * stack, its segments, bases, debug registers and FPU in the CPU. An idle CPU keeps the last vCPU
 * loaded (cpu->loaded), so that waking it costs nothing; another CPU that wants the vCPU asks for
 * it with arch_vcpu_sync(). Unloaded, everything secret lies in the vCPU's state page, which ring 0
 * sees only through a window.
 */
#include "frame.h"
#include "hypercall.h"
#include "sched.h"
#include "x86.h"

/* -- FPU -- */

/* the components as xsave and xrstor take them */
#define XCR0_OPERANDS "a"((uint32_t)cpu_has.xcr0), "d"((uint32_t)(cpu_has.xcr0 >> 32))

static void fpu_save(struct vcpu *v, void *area) {
	__asm__ volatile("clts");
	if (v->arch.xcr0 != cpu_has.xcr0) xcr0_write(cpu_has.xcr0);
	if (cpu_has.xsave)
		__asm__ volatile("xsave64 (%0)" : : "r"(area), XCR0_OPERANDS : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

/* FCW 0x37f, MXCSR 0x1f80; the rest of the area is zero. */
static const uint8_t fpu_initial[1024] __aligned(64) = { [0] = 0x7f, [1] = 0x03, [24] = 0x80, [25] = 0x1f };

/* False: a bad image, nothing is loaded. */
static bool fpu_restore(const void *area) {
	if (!cpu_has.xsave)
		__asm__ goto("1: fxrstor64 (%0)" UACCESS_EX("%l[bad]") : : "r"(area) : "memory" : bad);
	else
		__asm__ goto("1: xrstor64 (%0)" UACCESS_EX("%l[bad]") : : "r"(area), XCR0_OPERANDS : : bad);
	return true;
bad:
	return false;
}

/* A bad image (a guest's context may hold one) leaves the initial state. */
static void fpu_load(struct vcpu *v, const void *area) {
	__asm__ volatile("clts");
	if (!fpu_restore(area)) CHECK(fpu_restore(fpu_initial));
	if (v->arch.xcr0 != cpu_has.xcr0) xcr0_write(v->arch.xcr0);
	if (v->arch.ts) write_cr0(read_cr0() | X86_CR0_TS);
}

/* -- debug registers -- */

static void debug_load(const struct vcpu *v) {
	const uint64_t *dr = v->arch.dr;

	/* with no breakpoint enabled the addresses are dead: a guest reads its own copies */
	if (dr[7] & 0xff)
		__asm__ volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2; mov %3, %%dr3"
				 :
				 : "r"(dr[0]), "r"(dr[1]), "r"(dr[2]), "r"(dr[3]));
	__asm__ volatile("mov %0, %%dr7" : : "r"(dr[7] & 0xff ? dr[7] : 0x400UL));
}

/* Breakpoints on ring 0's addresses, I/O breakpoints (type 2) and general detect are not for guests
 * (XSA-12, XSA-444). */
static bool dr7_ok(const struct arch_vcpu *v, uint64_t dr7) {
	for (unsigned i = 0; i < 4; i++)
		if (dr7 >> (i * 2) & 3 && ((dr7 >> (16 + i * 4) & 3) == 2 || !guest_address_ok(v->dr[i]))) return false;
	return !(dr7 >> 32);
}

int debugreg_set(struct vcpu *v, unsigned reg, uint64_t value) {
	if (reg < 4) {
		if (!guest_address_ok(value)) return -EPERM;
		v->arch.dr[reg] = value;
	} else if (reg % 2 == 0) {
		v->arch.dr[6] = (value & 0xe00f) | 0xffff0ff0;
	} else {
		value = (value & ~0xfc00ULL) | 0x400;
		if (!dr7_ok(&v->arch, value)) return -EINVAL;
		v->arch.dr[7] = value;
	}
	if (v == current) debug_load(v);
	return 0;
}

uint64_t debugreg_get(const struct vcpu *v, unsigned reg) {
	return v->arch.dr[index_nospec(reg == 4 || reg == 5 ? reg + 2 : reg, 8)];
}

HYPERCALL(do_set_debugreg) { return (unsigned)a1 < 8 ? debugreg_set(current, (unsigned)a1, a2) : -EINVAL; }

HYPERCALL(do_get_debugreg) { return (unsigned)a1 < 8 ? (long)debugreg_get(current, (unsigned)a1) : -EINVAL; }

/* -- segments and bases -- */

/* load_SEG(selector): false if it is bad; the null selector is loaded then. */
#define SEGMENT_LOADER(seg)                                                                             \
	static bool load_##seg(uint16_t sel) {                                                          \
		__asm__ goto("1: mov %0, %%" #seg UACCESS_EX("%l[bad]") : : "r"(sel) : "memory" : bad); \
		return true;                                                                            \
	bad:                                                                                            \
		__asm__ volatile("mov %0, %%" #seg : : "r"(0));                                         \
		return false;                                                                           \
	}
SEGMENT_LOADER(ds)
SEGMENT_LOADER(es)
SEGMENT_LOADER(fs)
SEGMENT_LOADER(gs)

static void bases_save(struct vcpu *v) {
	uint64_t *active = &v->arch.gs_base[v->arch.user_mode], *other = &v->arch.gs_base[!v->arch.user_mode];

	if (likely(cpu_has.fsgsbase)) {
		__asm__ volatile("rdfsbase %0; rdgsbase %1; swapgs; rdgsbase %2; swapgs"
				 : "=r"(v->arch.fs_base), "=r"(*active), "=r"(*other));
		return;
	}
	v->arch.fs_base = rdmsr(MSR_FS_BASE);
	*active = rdmsr(MSR_GS_BASE);
	*other = rdmsr(MSR_KERNEL_GS_BASE);
}

static void bases_load(const struct vcpu *v) {
	uint64_t active = v->arch.gs_base[v->arch.user_mode], other = v->arch.gs_base[!v->arch.user_mode];

	if (likely(cpu_has.fsgsbase)) {
		__asm__ volatile("wrfsbase %0; swapgs; wrgsbase %2; swapgs; wrgsbase %1"
				 :
				 : "r"(v->arch.fs_base), "r"(active), "r"(other));
		return;
	}
	wrmsr(MSR_FS_BASE, v->arch.fs_base);
	wrmsr(MSR_GS_BASE, active);
	wrmsr(MSR_KERNEL_GS_BASE, other);
}

void selectors_read(struct vcpu *v) {
	__asm__ volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
			 : "=r"(v->arch.ds), "=r"(v->arch.es), "=r"(v->arch.fs), "=r"(v->arch.gs));
}

/* Save the selectors and bases, and leave null selectors behind. */
static void selectors_save(struct vcpu *v) {
	selectors_read(v);
	bases_save(v);
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs; lldt %w0" : : "r"(0));
}

/* A selector that does not load any more becomes null and the guest's failsafe handler learns of
 * it. */
static void selectors_load(struct vcpu *v) {
	bool ok = load_ds(v->arch.ds) & load_es(v->arch.es) & load_fs(v->arch.fs) & load_gs(v->arch.gs);

	if (!ok) {
		v->arch.bad_selectors = true;
		cpu_raise(cpu_id(), CPU_WORK_TRAP);
	}
	bases_load(v);
}

HYPERCALL(do_set_segment_base) {
	/* a hypercall comes from kernel mode */
	static const uint32_t msr[] = {
		[SEGBASE_FS] = MSR_FS_BASE, [SEGBASE_GS_USER] = MSR_KERNEL_GS_BASE, [SEGBASE_GS_KERNEL] = MSR_GS_BASE
	};
	unsigned which = (unsigned)a1;

	if (which == SEGBASE_GS_USER_SEL) {
		/*
		 * Its base comes from the descriptor, or from null if it does not load, and belongs to the mode that
		 * is not the present one: the load, which overwrites the active base, stands between two swapgs.
		 */
		__asm__ volatile("swapgs");
		(void)load_gs((uint16_t)a2);
		__asm__ volatile("mfence; swapgs" : : : "memory");
		return 0;
	}
	if (which >= ARRAY_SIZE(msr) || !is_canonical(a2)) return -EINVAL;
	wrmsr(msr[index_nospec(which, ARRAY_SIZE(msr))], a2);
	return 0;
}

/*
 * Between two roots of one vCPU the clock does not move: the flush counts only against stamps that are older
 * than somebody else's flush. No locked instruction on a system call's way.
 */
void toggle_guest_mode(struct vcpu *v) {
	struct cpu *c = this_cpu();

	v->arch.user_mode = !v->arch.user_mode;
	__asm__ volatile("swapgs");
	c->tlb_time = READ_ONCE(tlb_clock); /* read before the flush, which CR3's load orders */
	c->cr3 = mfn_to_maddr(arch_vcpu_root(v)).a;
	write_cr3(c->cr3);
}

mfn_t arch_vcpu_root(const struct vcpu *v) { return v->arch.user_mode ? v->root_user : v->root_kernel; }

void arch_root_load(struct vcpu *v) { root_write(mfn_to_maddr(arch_vcpu_root(v)).a); }

/* -- switching -- */

static void unload(struct cpu *c, struct vcpu *v) {
	struct vcpu_state *s;

	if (read_cr4() != cr4_of(NULL)) write_cr4(cr4_of(NULL));
	s = frame_map(v->arch.state_mfn);
	s->regs = *guest_regs();
	fpu_save(v, s->fpu);
	frame_unmap(s);
	selectors_save(v);
	window_set(c, WINDOW_VCPU_INFO, INVALID_MFN);
}

static void load(struct cpu *c, struct vcpu *v) {
	struct vcpu_state *s;

	__atomic_or_fetch(&v->domain->dirty_cpus, cpumask_of(c->id), __ATOMIC_SEQ_CST);
	arch_root_load(v);
	s = frame_map(v->arch.state_mfn);
	*guest_regs() = s->regs;
	fpu_load(v, s->fpu);
	frame_unmap(s);
	segments_load(v);
	selectors_load(v);
	debug_load(v);
	if (cr4_of(v) != cr4_of(NULL)) write_cr4(cr4_of(v));
	v->arch.loaded_on = (int)c->id;
}

/*
 * Store the vCPU that the CPU has loaded, if any, and load v (NULL: ring 0's own page tables). On the CPU
 * itself, in an interrupt from idle or while choosing a vCPU.
 */
static void exchange(struct cpu *c, struct vcpu *v) {
	struct vcpu *old = c->loaded;

	if (old) unload(c, old);
	c->loaded = v;
	windows_drop(c);
	if (v)
		load(c, v);
	else
		root_write((uint64_t)hv_root - IMAGE_BASE);
	if (!old) return;
	/* its page tables are left too: after this another CPU may take it up, or free it */
	if (!v || v->domain != old->domain)
		__atomic_and_fetch(&old->domain->dirty_cpus, ~cpumask_of(c->id), __ATOMIC_SEQ_CST);
	__atomic_store_n(&old->arch.loaded_on, -1, __ATOMIC_RELEASE);
}

static void info_map(struct cpu *c, struct vcpu *v) {
	if (mfn_eq(v->info_mfn, INVALID_MFN))
		c->vcpu_info = vcpu_info_legacy(v);
	else
		c->vcpu_info = (void *)((char *)window_set(c, WINDOW_VCPU_INFO, v->info_mfn) + v->info_offset);
}

void arch_vcpu_info_moved(struct vcpu *v) { info_map(this_cpu(), v); }

void arch_context_switch(struct vcpu *next) {
	struct cpu *c = this_cpu();

	if (next && next != c->loaded) {
		/* what this CPU has loaded may be wanted, and dropped, meanwhile */
		if (arch_vcpu_loaded_on(next) >= 0) arch_vcpu_sync(next);
		exchange(c, next);
	}
	c->vcpu = next;
	if (next) info_map(c, next);
}

void context_serve(void) {
	struct cpu *c = this_cpu();
	struct vcpu *v = c->loaded;

	if (v && v != c->vcpu && __atomic_load_n(&v->arch.wanted, __ATOMIC_ACQUIRE)) exchange(c, NULL);
}

int arch_vcpu_loaded_on(const struct vcpu *v) { return __atomic_load_n(&v->arch.loaded_on, __ATOMIC_ACQUIRE); }

void arch_vcpu_sync(struct vcpu *v) {
	int cpu;

	while ((cpu = arch_vcpu_loaded_on(v)) >= 0) {
		__atomic_store_n(&v->arch.wanted, true, __ATOMIC_SEQ_CST);
		if (cpu == (int)cpu_id()) {
			if (current == v) break; /* it runs here: nothing is kept lazily */
			exchange(this_cpu(), NULL);
		} else {
			arch_cpu_kick((unsigned)cpu);
			for (unsigned i = 0; i < 1000 && v->arch.loaded_on == cpu; i++) {
				context_serve(); /* that CPU may wait for what this one keeps */
				arch_spin_wait();
			}
		}
	}
	__atomic_store_n(&v->arch.wanted, false, __ATOMIC_SEQ_CST);
}

void arch_idle(void) {
	context_serve();
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* -- creation and contexts -- */

int arch_vcpu_create(struct vcpu *v) {
	struct vcpu_state *s;

	v->arch.loaded_on = -1;
	for (unsigned i = 0; i < ARRAY_SIZE(v->arch.ldt_frames); i++) v->arch.ldt_frames[i] = INVALID_MFN;
	v->arch.xcr0 = cpu_has.xcr0;
	v->arch.dr[6] = 0xffff0ff0;
	v->arch.dr[7] = 0x400;
	v->arch.traps = heap_alloc(256 * sizeof(struct trap_info));
	v->arch.state_mfn = frame_alloc_raw(0, 64);
	if (!v->arch.traps || mfn_eq(v->arch.state_mfn, INVALID_MFN)) return -ENOMEM; /* destroyed by the caller */
	s = frame_map(v->arch.state_mfn);
	memset(s, 0, PAGE_SIZE);
	memcpy(s->fpu, fpu_initial, sizeof(fpu_initial));
	frame_unmap(s);
	return 0;
}

void arch_vcpu_destroy(struct vcpu *v) {
	if (!mfn_eq(v->arch.state_mfn, INVALID_MFN)) frame_free_raw(v->arch.state_mfn, 0);
	heap_free(v->arch.traps);
}

int arch_vcpu_release(struct vcpu *v) {
	arch_vcpu_sync(v);
	segments_release(v);
	return vcpu_root_set(v, INVALID_MFN, true) ?: vcpu_root_set(v, INVALID_MFN, false) ?: table_giveup_finish(v);
}
