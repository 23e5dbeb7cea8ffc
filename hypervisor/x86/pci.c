/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration space: the ports for the first 256 bytes of segment 0, memory-mapped (MMCFG) for the
 * rest. The address port holds one address for ring 0 and dom0: it is written anew for each access.
 */
#include "pci.h"
#include "acpi.h"
#include "irq.h"
#include "x86.h"

#define ADDRESS_PORT 0xcf8
#define DATA_PORT    0xcfc
#define BUS_SIZE     (1UL << 20)

static struct spinlock lock = SPINLOCK_INIT(RANK_PCI);
/* lock: the two ports, and: */
static volatile uint8_t *bus_window[ACPI_MCFG_MAX][256]; /* mapped when first used */

/* -- by ports -- */

uint32_t port_read(unsigned port, unsigned bytes) {
	return bytes == 1 ? inb((uint16_t)port) : bytes == 2 ? inw((uint16_t)port) : inl((uint16_t)port);
}

void port_write(unsigned port, unsigned bytes, uint32_t value) {
	if (bytes == 1)
		outb((uint16_t)port, (uint8_t)value);
	else if (bytes == 2)
		outw((uint16_t)port, (uint16_t)value);
	else
		outl((uint16_t)port, value);
}

uint32_t pci_data_read(uint32_t address, unsigned port, unsigned bytes) {
	SPIN_GUARD(&lock);

	outl(ADDRESS_PORT, address);
	return port_read(port, bytes);
}

void pci_data_write(uint32_t address, unsigned port, unsigned bytes, uint32_t value) {
	SPIN_GUARD(&lock);

	outl(ADDRESS_PORT, address);
	port_write(port, bytes, value);
}

static bool by_ports(sbdf_t dev, unsigned reg) { return dev.n >> 16 == 0 && reg < 256; }

static uint32_t address_of(sbdf_t dev, unsigned reg) { return 1u << 31 | dev.n << 8 | (reg & 0xfc); }

/* -- by memory -- */

/* Where a register is mapped, NULL if nowhere. */
static volatile void *mmcfg_of(sbdf_t dev, unsigned reg) {
	unsigned bus = dev.n >> 8 & 0xff;
	SPIN_GUARD(&lock);

	for (unsigned i = 0; i < acpi.mcfgs; i++) {
		const struct acpi_mcfg *m = &acpi.mcfg[i];
		volatile uint8_t **at = &bus_window[i][bus];

		if (m->segment != dev.n >> 16 || bus < m->bus_first || bus > m->bus_last) continue;
		if (!*at) *at = (volatile uint8_t *)arch_registers_map(m->address + bus * BUS_SIZE, BUS_SIZE);
		return *at ? *at + ((dev.n & 0xff) << 12) + reg : NULL;
	}
	return NULL;
}

uint32_t pci_read(sbdf_t dev, unsigned reg, unsigned bytes) {
	volatile void *p = by_ports(dev, reg) ? NULL : mmcfg_of(dev, reg);

	if (by_ports(dev, reg)) return pci_data_read(address_of(dev, reg), DATA_PORT + (reg & 3), bytes);
	if (!p) return ~0u >> (32 - 8 * bytes);
	return bytes == 1 ? *(volatile uint8_t *)p : bytes == 2 ? *(volatile uint16_t *)p : *(volatile uint32_t *)p;
}

void pci_write(sbdf_t dev, unsigned reg, unsigned bytes, uint32_t value) {
	volatile void *p = by_ports(dev, reg) ? NULL : mmcfg_of(dev, reg);

	if (by_ports(dev, reg))
		pci_data_write(address_of(dev, reg), DATA_PORT + (reg & 3), bytes, value);
	else if (p && bytes == 1)
		*(volatile uint8_t *)p = (uint8_t)value;
	else if (p && bytes == 2)
		*(volatile uint16_t *)p = (uint16_t)value;
	else if (p)
		*(volatile uint32_t *)p = value;
}
