/* SPDX-License-Identifier: MIT */
/* Facts about and acts on the machine that platform and physdev hypercalls need; the arch's part. */
#pragma once

#include "arch.h"

/* Enter an ACPI sleep state with the values dom0 wants in the PM1 control registers. Returns only
 * on failure: -ENODEV (no such registers), -EIO (the machine goes on running). */
int machine_sleep(uint16_t pm1a_control, uint16_t pm1b_control);

/* APIC and ACPI identity of an online CPU. */
void arch_cpu_identity(unsigned cpu, uint32_t *apic_id, uint32_t *acpi_id);

/* PHYSDEVOP_apic_read: a register of the IO-APIC at a machine address. 0, -EINVAL. */
int arch_ioapic_read(uint64_t address, uint32_t reg, uint32_t *value) __must_check;

/* PHYSDEVOP_set_iopl and set_iobitmap of the running vCPU. */
void arch_vcpu_iopl_set(struct vcpu *v, unsigned iopl);
void arch_vcpu_iobitmap_set(struct vcpu *v, gvaddr_t bitmap, uint32_t ports);

/* Variable memory-type range number `reg`. 0, -EINVAL (no such register); n is 0 if it is unused. */
int arch_memory_type(unsigned reg, mfn_t *first, uint64_t *n, uint32_t *type) __must_check;
/* Shift flags of the BIOS keyboard as they were at boot. */
uint8_t arch_keyboard_flags(void);
/* The n-th symbol of the image by rising address; false past the last. */
bool arch_symbol(uint32_t n, uint64_t *address, const char **name);
