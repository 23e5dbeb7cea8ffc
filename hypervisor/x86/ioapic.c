/* SPDX-License-Identifier: MIT */
/*
 * IO-APICs: a pin is a GSI, its redirection entry says vector, destination and wiring. Entries are
 * accessed through an index and a data register, so a lock covers each access.
 */
#include "acpi.h"
#include "platform.h"
#include "irq.h"
#include "machine.h"
#include "x86.h"

#define REG_VERSION      1
#define REG_ENTRY        0x10
#define ENTRY_MASKED     (1u << 16)
#define ENTRY_LEVEL      (1u << 15)
#define ENTRY_ACTIVE_LOW (1u << 13)

/* Those of acpi.ioapic[], with the same index. */
static struct ioapic {
	volatile uint32_t *registers;
	unsigned pins;
} ioapics[ACPI_IOAPICS_MAX] __ro_after_init;
static unsigned gsi_count __ro_after_init;
static struct spinlock lock = SPINLOCK_INIT(RANK_LEAF);

static uint32_t reg_read(const struct ioapic *a, unsigned reg) {
	a->registers[0] = reg;
	return a->registers[4];
}

static void reg_write(const struct ioapic *a, unsigned reg, uint32_t v) {
	a->registers[0] = reg;
	a->registers[4] = v;
}

/* The IO-APIC of a GSI, if there is one, and where the redirection entry begins. */
static const struct ioapic *ioapic_of(unsigned gsi, unsigned *reg) {
	for (unsigned i = 0; i < acpi.ioapics; i++) {
		unsigned pin = gsi - acpi.ioapic[i].gsi_base;

		*reg = REG_ENTRY + 2 * pin;
		if (pin < ioapics[i].pins) return &ioapics[i];
	}
	return NULL;
}

void __init ioapic_init(void) {
	for (unsigned i = 0; i < acpi.ioapics; i++) {
		struct ioapic *a = &ioapics[i];

		a->registers = arch_registers_map(acpi.ioapic[i].address, PAGE_SIZE);
		if (!a->registers) panic("no memory to map an IO-APIC");
		a->pins = (reg_read(a, REG_VERSION) >> 16 & 0xff) + 1;
		gsi_count = MAX(gsi_count, acpi.ioapic[i].gsi_base + a->pins);
		for (unsigned pin = 0; pin < a->pins; pin++) {
			reg_write(a, REG_ENTRY + 2 * pin, ENTRY_MASKED);
			reg_write(a, REG_ENTRY + 2 * pin + 1, 0);
		}
	}
}

void arch_gsi_program(unsigned gsi, bool level, bool active_low, uint8_t vector, unsigned cpu) {
	unsigned reg;
	const struct ioapic *a = ioapic_of(gsi, &reg);
	SPIN_GUARD(&lock);

	if (!a) return;
	reg_write(a, reg, ENTRY_MASKED | (level ? ENTRY_LEVEL : 0) | (active_low ? ENTRY_ACTIVE_LOW : 0) | vector);
	reg_write(a, reg + 1, cpu_of(cpu)->apic_id << 24);
}

void arch_gsi_mask(unsigned gsi, bool masked) {
	unsigned reg;
	const struct ioapic *a = ioapic_of(gsi, &reg);
	SPIN_GUARD(&lock);

	if (a) reg_write(a, reg, (reg_read(a, reg) & ~ENTRY_MASKED) | (masked ? ENTRY_MASKED : 0));
}

int arch_ioapic_read(uint64_t address, uint32_t reg, uint32_t *value) {
	SPIN_GUARD(&lock);

	for (unsigned i = 0; i < acpi.ioapics; i++) {
		if (acpi.ioapic[i].address != address || reg > 0xff) continue;
		*value = reg_read(&ioapics[i], reg);
		return 0;
	}
	return -EINVAL;
}

unsigned arch_gsi_count(void) { return gsi_count; }

/* Intel SDM 10.11: physical destination, fixed delivery, edge. */
uint32_t arch_msi_address(unsigned cpu) { return 0xfee00000u | (cpu_of(cpu)->apic_id & 0xff) << 12; }
