/* SPDX-License-Identifier: MIT */
/*
 * CPUID as a PV guest sees it through the emulated instruction: the CPU's leaves with everything
 * taken out that the guest cannot use (paging modes, virtualization, state that ring 0 does not
 * save), and the hypervisor's own leaves
 * (<xen/arch-x86/cpuid.h>). Leaves that are not named here read as zero.
 */
#include "x86.h"

#include <xen/arch-x86/cpuid.h>
#include <xen/version.h>

enum { A, B, C, D };
#define BIT(n)            (1u << (n))
#define BITS(first, last) (~0u >> (31 - (last) + (first)) << (first))

/* Leaf 1: DTES64 MONITOR DS-CPL VMX SMX EIST TM2 xTPR PDCM PCID DCA x2APIC TSC-deadline OSXSAVE */
#define LEAF1_C_HIDE (BITS(2, 8) | BIT(11) | BITS(14, 15) | BITS(17, 18) | BIT(21) | BIT(24) | BIT(27))
/* VME PSE MCE MTRR PGE MCA PSE36 DS ACPI SS TM PBE: machine checks are ring 0's */
#define LEAF1_D_HIDE (BIT(1) | BIT(3) | BIT(7) | BITS(12, 14) | BIT(17) | BITS(21, 22) | BIT(27) | BIT(29) | BIT(31))
/* what is shown of leaf 7 EBX: FSGSBASE BMI1 AVX2 BMI2 ERMS AVX512F DQ RDSEED ADX IFMA CLFLUSHOPT CLWB CD
 * SHA BW VL */
#define LEAF7_B_SHOW (BIT(0) | BIT(3) | BIT(5) | BITS(8, 9) | BITS(16, 19) | BIT(21) | BITS(23, 24) | BITS(28, 31))
/* ECX: VBMI VBMI2 GFNI VAES VPCLMULQDQ VNNI BITALG VPOPCNTDQ CLDEMOTE MOVDIRI MOVDIR64B */
#define LEAF7_C_SHOW (BIT(1) | BIT(6) | BITS(8, 12) | BIT(14) | BIT(25) | BITS(27, 28))
/* EDX: 4VNNIW 4FMAPS FSRM VP2INTERSECT SERIALIZE AVX512-FP16 */
#define LEAF7_D_SHOW (BITS(2, 4) | BIT(8) | BIT(14) | BIT(23))
#define XCR0_AVX512  0xe0u /* three parts that come together */
#define AVX512_B     (BITS(16, 17) | BIT(21) | BIT(28) | BITS(30, 31))
/* 80000001 ECX: LAHF CMP-LEGACY ABM SSE4A MISALIGNSSE PREFETCH XOP FMA4 TBM */
#define EXT1_C_SHOW (BITS(0, 1) | BITS(5, 8) | BIT(11) | BIT(16) | BIT(21))
/* 80000001 EDX: PSE MTRR PGE PSE36 FFXSR 1GB-pages RDTSCP (TSC_AUX is not switched) */
#define EXT1_D_HIDE (BIT(3) | BITS(12, 13) | BIT(17) | BITS(25, 27))

bool xcr0_ok(uint64_t value) {
	return value & 1 && !(value & ~cpu_has.xcr0) && (!(value & 4) || value & 2) &&
	       (!(value & XCR0_AVX512) || (value & (XCR0_AVX512 | 4)) == (XCR0_AVX512 | 4));
}

/* Bytes of the standard format of the XSAVE area with these components. */
static uint32_t xstate_size(uint64_t xcr0) {
	uint32_t size = 576, r[4];

	for (unsigned i = 2; i < 63; i++) {
		if (!(xcr0 >> i & 1)) continue;
		cpuid_host(0xd, i, r);
		size = MAX(size, r[A] + r[B]);
	}
	return size;
}

/* Let these bits of a leaf pass. */
static void pass(uint32_t r[4], uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
	r[A] &= a;
	r[B] &= b;
	r[C] &= c;
	r[D] &= d;
}

static void leaf1(const struct vcpu *v, uint32_t r[4]) {
	uint32_t vendor[4];

	cpuid_host(0, 0, vendor);
	r[B] = (r[B] & 0x0000ffff) | v->id << 24 | MIN(v->domain->max_vcpus, 255u) << 16;
	r[C] = (r[C] & ~LEAF1_C_HIDE) | BIT(31);
	if (cpu_has.xsave)
		r[C] |= BIT(27);
	else
		r[C] &= ~(BIT(12) | BIT(26) | BIT(28) | BIT(29));
	r[D] &= ~LEAF1_D_HIDE;
	/* sysenter: other than Intel's long mode does not have it */
	if (vendor[B] != 0x756e6547 /* "Genu" */) r[D] &= ~BIT(11);
}

static void leaf_xsave(const struct vcpu *v, uint32_t subleaf, uint32_t r[4]) {
	if (!cpu_has.xsave || (subleaf >= 2 && (subleaf > 62 || !(cpu_has.xcr0 >> subleaf & 1)))) {
		pass(r, 0, 0, 0, 0);
	} else if (subleaf < 2) {
		r[A] = subleaf ? r[A] & (BIT(0) | BIT(1) | BIT(2)) : (uint32_t)cpu_has.xcr0;
		r[B] = xstate_size(v->arch.xcr0);
		r[C] = subleaf ? 0 : xstate_size(cpu_has.xcr0);
		r[D] = 0;
	}
}

static void leaf_hypervisor(uint32_t leaf, uint32_t subleaf, uint32_t r[4]) {
	static const uint32_t fixed[XEN_CPUID_MAX_NUM_LEAVES + 1][4] = {
		{ XEN_CPUID_FIRST_LEAF + XEN_CPUID_MAX_NUM_LEAVES, XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX,
		  XEN_CPUID_SIGNATURE_EDX },
		{ 4 << 16 | 17 },
		/* EBX: MSR that would fill a hypercall page */
		{ 1, XEN_CPUID_FIRST_LEAF, XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD },
	};
	uint64_t tsc, ns;
	int8_t shift;

	memcpy(r, fixed[index_nospec(leaf, ARRAY_SIZE(fixed))], sizeof(fixed[0]));
	if (leaf == 5) r[B] = cpu_has.phys_bits & XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK;
	if (leaf != 3) return;
	if (subleaf == 0) r[C] = tsc_khz();
	if (subleaf == 1) {
		arch_tsc_params(&r[C], &shift, &tsc, &ns);
		r[D] = (uint32_t)shift;
	}
	if (subleaf == 2) r[A] = tsc_khz();
}

static void leaf_machine(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t r[4]) {
	switch (leaf) {
	case 0: r[A] = MIN(r[A], 0xdu); break;
	case 1: leaf1(v, r); break;
	case 2:
	case 4:
	case 0x80000002 ... 0x80000006: break;
	case 6:
		pass(r, 0, 0, 0, 0);
		r[A] = BIT(2); /* the timer does not stop */
		break;
	case 7:
		pass(r, 0, cpu_has.xcr0 & XCR0_AVX512 ? LEAF7_B_SHOW : LEAF7_B_SHOW & ~AVX512_B, LEAF7_C_SHOW,
		     LEAF7_D_SHOW);
		if (subleaf) pass(r, 0, 0, 0, 0);
		break;
	case 0xd: leaf_xsave(v, subleaf, r); break;
	case 0x80000000: r[A] = MIN(r[A], 0x80000008u); break;
	case 0x80000001: pass(r, ~0u, ~0u, EXT1_C_SHOW, ~EXT1_D_HIDE); break;
	case 0x80000007: pass(r, 0, 0, 0, v->domain->privileged ? BIT(8) : 0); break;
	case 0x80000008:
		pass(r, 0xff, BIT(0) | BIT(2), 0, 0); /* CLZERO, XSAVE of error pointers */
		r[A] |= 48 << 8;                      /* four levels of page tables */
		break;
	default: pass(r, 0, 0, 0, 0);
	}
}

/* What a toolstack set for the domain takes features away; it gives none. OSXSAVE and the
 * hypervisor bit say how the guest runs. */
static void toolstack_apply(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t r[4]) {
	uint32_t set[4];

	if (!cpu_policy_find(v->domain, leaf, subleaf, set)) return;
	switch (leaf) {
	case 1:
		r[A] = set[A];
		pass(r, ~0u, ~0u, set[C] | BIT(27) | BIT(31), set[D]);
		break;
	case 7:
	case 0x80000001: pass(r, ~0u, set[B], set[C], set[D]); break;
	case 0x80000002 ... 0x80000004: memcpy(r, set, sizeof(set)); break;
	}
}

void guest_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t r[4]) {
	if (leaf - XEN_CPUID_FIRST_LEAF <= XEN_CPUID_MAX_NUM_LEAVES) {
		leaf_hypervisor(leaf - XEN_CPUID_FIRST_LEAF, subleaf, r);
	} else {
		cpuid_host(leaf, subleaf, r);
		leaf_machine(v, leaf, subleaf, r);
		toolstack_apply(v, leaf, subleaf, r);
	}
}
