/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration space: the ports cf8/cfc for the first 256 bytes of segment 0, memory-mapped
 * (MMCFG) for the rest. The address that dom0 last wrote to cf8 is kept in software: ring 0's own
 * accesses do not disturb it.
 */
#include "pci.h"
#include "acpi.h"
#include "pci_ports.h"
#include "irq.h"
#include "x86.h"

#define PORT_ADDRESS 0xcf8
#define PORT_DATA    0xcfc
#define BUS_SIZE     (1UL << 20)

static struct spinlock lock = SPINLOCK_INIT(RANK_PCI);
static volatile uint8_t *bus_window[ACPI_MCFG_MAX][256]; /* mapped when first used (lock) */

static volatile uint8_t *mmcfg_of(sbdf_t dev)
{
	unsigned bus = dev.n >> 8 & 0xff;

	for (unsigned i = 0; i < acpi.mcfgs; i++) {
		const struct acpi_mcfg *m = &acpi.mcfg[i];

		if (m->segment != dev.n >> 16 || bus < m->bus_first || bus > m->bus_last)
			continue;
		if (!bus_window[i][bus])
			bus_window[i][bus] = io_map(maddr(m->address + bus * BUS_SIZE), BUS_SIZE);
		return bus_window[i][bus] ? bus_window[i][bus] + ((dev.n & 0xff) << 12) : NULL;
	}
	return NULL;
}

static uint32_t memory_read(volatile uint8_t *p, unsigned bytes)
{
	return bytes == 1 ? *p : bytes == 2 ? *(volatile uint16_t *)p : *(volatile uint32_t *)p;
}

static void memory_write(volatile uint8_t *p, unsigned bytes, uint32_t v)
{
	if (bytes == 1)
		*p = (uint8_t)v;
	else if (bytes == 2)
		*(volatile uint16_t *)p = (uint16_t)v;
	else
		*(volatile uint32_t *)p = v;
}

uint32_t port_in(uint16_t port, unsigned bytes)
{
	return bytes == 1 ? inb(port) : bytes == 2 ? inw(port) : inl(port);
}

void port_out(uint16_t port, unsigned bytes, uint32_t v)
{
	if (bytes == 1)
		outb(port, (uint8_t)v);
	else if (bytes == 2)
		outw(port, (uint16_t)v);
	else
		outl(port, v);
}

static bool by_ports(sbdf_t dev, unsigned reg)
{
	return dev.n >> 16 == 0 && reg < 256;
}

uint32_t pci_read(sbdf_t dev, unsigned reg, unsigned bytes)
{
	uint32_t v = ~0u >> (32 - 8 * bytes);
	volatile uint8_t *p;

	spin_lock(&lock);
	if (by_ports(dev, reg)) {
		outl(PORT_ADDRESS, 0x80000000u | dev.n << 8 | (reg & 0xfc));
		v = port_in((uint16_t)(PORT_DATA + (reg & 3)), bytes);
	} else if ((p = mmcfg_of(dev)) != NULL) {
		v = memory_read(p + reg, bytes);
	}
	spin_unlock(&lock);
	return v;
}

void pci_write(sbdf_t dev, unsigned reg, unsigned bytes, uint32_t value)
{
	volatile uint8_t *p;

	spin_lock(&lock);
	if (by_ports(dev, reg)) {
		outl(PORT_ADDRESS, 0x80000000u | dev.n << 8 | (reg & 0xfc));
		port_out((uint16_t)(PORT_DATA + (reg & 3)), bytes, value);
	} else if ((p = mmcfg_of(dev)) != NULL) {
		memory_write(p + reg, bytes, value);
	}
	spin_unlock(&lock);
}

uint32_t pci_port_read(uint32_t address, unsigned offset, unsigned bytes)
{
	uint32_t v;

	if (!(address & 0x80000000u))
		return ~0u >> (32 - 8 * bytes);
	spin_lock(&lock);
	outl(PORT_ADDRESS, address);
	v = port_in((uint16_t)(PORT_DATA + offset), bytes);
	spin_unlock(&lock);
	return v;
}

void pci_port_write(uint32_t address, unsigned offset, unsigned bytes, uint32_t value)
{
	if (!(address & 0x80000000u))
		return;
	spin_lock(&lock);
	outl(PORT_ADDRESS, address);
	port_out((uint16_t)(PORT_DATA + offset), bytes, value);
	spin_unlock(&lock);
}

volatile uint32_t *arch_registers_map(uint64_t address, size_t size)
{
	return io_map(maddr(address), size);
}
