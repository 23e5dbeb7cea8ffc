/* SPDX-License-Identifier: MIT */
/* PCI configuration space: the ports for the first 256 bytes of segment 0, memory-mapped (MMCFG)
 * for the rest. */
#include "pci.h"
#include "acpi.h"
#include "pci_config.h"
#include "irq.h"
#include "x86.h"

#define BUS_SIZE (1UL << 20)

static struct spinlock lock = SPINLOCK_INIT(RANK_PCI);
static volatile uint8_t *bus_window[ACPI_MCFG_MAX][256]; /* mapped when first used (lock) */

static volatile uint8_t *mmcfg_of(sbdf_t dev) {
	unsigned bus = dev.n >> 8 & 0xff;

	for (unsigned i = 0; i < acpi.mcfgs; i++) {
		const struct acpi_mcfg *m = &acpi.mcfg[i];

		if (m->segment != dev.n >> 16 || bus < m->bus_first || bus > m->bus_last) continue;
		if (!bus_window[i][bus])
			bus_window[i][bus] = io_map(maddr(m->address + bus * BUS_SIZE), BUS_SIZE);
		return bus_window[i][bus] ? bus_window[i][bus] + ((dev.n & 0xff) << 12) : NULL;
	}
	return NULL;
}

static uint32_t memory_read(volatile uint8_t *p, unsigned bytes) {
	return bytes == 1 ? *p : bytes == 2 ? *(volatile uint16_t *)p : *(volatile uint32_t *)p;
}

static void memory_write(volatile uint8_t *p, unsigned bytes, uint32_t v) {
	if (bytes == 1)
		*p = (uint8_t)v;
	else if (bytes == 2)
		*(volatile uint16_t *)p = (uint16_t)v;
	else
		*(volatile uint32_t *)p = v;
}

static bool by_ports(sbdf_t dev, unsigned reg) { return dev.n >> 16 == 0 && reg < 256; }

uint32_t pci_read(sbdf_t dev, unsigned reg, unsigned bytes) {
	volatile uint8_t *p;

	if (by_ports(dev, reg)) return pci_cfg_read(dev.n, reg, bytes);
	spin_lock(&lock);
	p = mmcfg_of(dev);
	spin_unlock(&lock);
	return p ? memory_read(p + reg, bytes) : ~0u >> (32 - 8 * bytes);
}

void pci_write(sbdf_t dev, unsigned reg, unsigned bytes, uint32_t value) {
	volatile uint8_t *p;

	if (by_ports(dev, reg)) {
		pci_cfg_write(dev.n, reg, bytes, value);
		return;
	}
	spin_lock(&lock);
	p = mmcfg_of(dev);
	spin_unlock(&lock);
	if (p) memory_write(p + reg, bytes, value);
}

volatile uint32_t *arch_registers_map(uint64_t address, size_t size) { return io_map(maddr(address), size); }
