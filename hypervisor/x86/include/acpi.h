/* SPDX-License-Identifier: MIT */
/*
 * What ring 0 needs of ACPI's static tables. acpi.c reads them and touches no hardware; it is also
 * built on the host. Layouts: ACPI specification 6.4, chapter 5.
 */
#pragma once

#include "addr.h"

#define ACPI_CPUS_MAX    256
#define ACPI_IOAPICS_MAX 16
#define ACPI_ISA_IRQS    16
#define ACPI_MCFG_MAX    8

struct acpi_ioapic {
	uint32_t address, gsi_base;
};
/* The GSI of an ISA interrupt and its wiring: unless overridden that of the same number, edge-triggered active-high. */
struct acpi_isa_irq {
	uint32_t gsi;
	bool level, active_low;
};
struct acpi_mcfg {
	uint64_t address;
	uint16_t segment;
	uint8_t bus_first, bus_last;
};

struct acpi_info {
	/* MADT */
	uint64_t lapic_address;
	unsigned cpus;
	struct {
		uint32_t apic_id, acpi_id;
	} cpu[ACPI_CPUS_MAX];
	unsigned ioapics;
	struct acpi_ioapic ioapic[ACPI_IOAPICS_MAX];
	unsigned overrides; /* of ISA interrupts */
	struct acpi_isa_irq isa_irq[ACPI_ISA_IRQS];
	/* FADT */
	uint16_t pm1a_control, pm1b_control, pm_timer; /* ports, 0: none */
	uint16_t reset_port;                           /* 0: none, or the register is not a port */
	uint8_t reset_value;
	bool no_cmos_rtc;
	/* HPET, MCFG */
	uint64_t hpet_address;
	unsigned mcfgs;
	struct acpi_mcfg mcfg[ACPI_MCFG_MAX];
};

/* Memory that firmware left, mapped read-only for good (x86/own_map.c); NULL if out of space or memory. */
const void *firmware_map(maddr_t at, size_t size) __must_check;

/*
 * Read the tables below the root pointer at rsdp. False if the root or MADT cannot be used; tables
 * with a bad checksum or length are passed over.
 */
bool acpi_parse(uint64_t rsdp, struct acpi_info *out);
/* Where in a firmware area a valid root pointer is (16-byte steps); 0: nowhere. */
uint64_t acpi_rsdp_find(uint64_t at, size_t size);

/* As found at boot (x86/platform.c). */
extern struct acpi_info acpi;
