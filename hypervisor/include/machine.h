/* SPDX-License-Identifier: MIT */
/* Facts about and acts on the machine that platform and physdev hypercalls need; the arch's part. */
#ifndef TENON_MACHINE_H
#define TENON_MACHINE_H

#include "arch.h"

/* Enter an ACPI sleep state with the values dom0 wants in the PM1 control registers. Returns only on
 * failure (-ENODEV), or 0 if the machine goes on running. */
int machine_sleep(uint16_t pm1a_control, uint16_t pm1b_control);

/* APIC and ACPI identity of an online CPU. */
void arch_cpu_identity(unsigned cpu, uint32_t *apic_id, uint32_t *acpi_id);

/* PHYSDEVOP_apic_read: a register of the IO-APIC at a machine address. 0, -EINVAL. */
int arch_ioapic_read(uint64_t address, uint32_t reg, uint32_t *value) __must_check;

/* PHYSDEVOP_set_iopl and set_iobitmap of the running vCPU. */
void arch_vcpu_iopl_set(struct vcpu *v, unsigned iopl);
void arch_vcpu_iobitmap_set(struct vcpu *v, gvaddr_t bitmap, uint32_t ports);

#endif
