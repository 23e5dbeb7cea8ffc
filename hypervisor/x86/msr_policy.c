/* SPDX-License-Identifier: MIT */
/*
 * MSRs as a PV guest sees them. What is not listed faults, as rdmsr_safe and wrmsr_safe in guests
 * expect; writes that every PV kernel makes without meaning them (fast system calls are set up by
 * callbacks) are taken and dropped.
 */
#include "x86.h"

#define MSR_TSC         0x10
#define MSR_MISC_ENABLE 0x1a0
#define MSR_UCODE       0x8b
#define MSR_TSC_AUX     0xc0000103
#define MSR_HWCR        0xc0010015
#define MSR_NB_CFG      0xc001001f
#define MSR_MMCFG_BASE  0xc0010058
#define MSR_DE_CFG      0xc0011029

int guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value) {
	switch (msr) {
	/* kernel mode: the active GS base is the kernel's */
	case MSR_FS_BASE ... MSR_KERNEL_GS_BASE: return rdmsr_safe(msr, value);
	case MSR_EFER: *value = EFER_SCE | EFER_LME | EFER_LMA | (cpu_has.nx ? EFER_NXE : 0); return 0;
	case MSR_PAT: *value = PAT_XEN; return 0;
	case MSR_TSC: *value = rdtsc(); return 0;
	case MSR_UCODE: /* the revision, 0 where there is none */
		*value = 0;
		(void)!rdmsr_safe(msr, value);
		return 0;
	case MSR_APIC_BASE:
	case MSR_MISC_ENABLE:
	case MSR_PLATFORM_INFO:
	case MSR_HWCR:
	case MSR_NB_CFG:
	case MSR_MMCFG_BASE:
	case MSR_DE_CFG: /* the machine's, for dom0 */
		return v->domain->privileged && !rdmsr_safe(msr, value) ? 0 : -EPERM;
	default: gprintk(v->domain, LOG_DEBUG, "rdmsr %x refused\n", msr); return -EPERM;
	}
}

int guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value) {
	uint64_t now;

	switch (msr) {
	case MSR_FS_BASE ... MSR_KERNEL_GS_BASE:
		if (!is_canonical(value)) return -EPERM;
		wrmsr(msr, value);
		return 0;
	case MSR_STAR ... MSR_SFMASK:
	case MSR_SYSENTER_CS ... MSR_SYSENTER_EIP:
	case MSR_UCODE:
	case MSR_TSC_AUX: return 0;
	case MSR_EFER:
	case MSR_PAT:
	case MSR_APIC_BASE:
	case MSR_MISC_ENABLE:
	case MSR_HWCR:
	case MSR_NB_CFG:
	case MSR_DE_CFG:
		/* may be written back as it was read */
		return guest_rdmsr(v, msr, &now) || now != value ? -EPERM : 0;
	default: gprintk(v->domain, LOG_DEBUG, "wrmsr %x refused\n", msr); return -EPERM;
	}
}
