/* SPDX-License-Identifier: MIT */
/* The address port holds one address for all: it is written anew for each access, under RANK_PCI. */
#include "pci_config.h"
#include "x86.h"

#define ADDRESS_PORT 0xcf8
#define DATA_PORT    0xcfc

static struct spinlock lock = SPINLOCK_INIT(RANK_PCI);

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
	uint32_t value;

	spin_lock(&lock);
	outl(ADDRESS_PORT, address);
	value = port_read(port, bytes);
	spin_unlock(&lock);
	return value;
}

void pci_data_write(uint32_t address, unsigned port, unsigned bytes, uint32_t value) {
	spin_lock(&lock);
	outl(ADDRESS_PORT, address);
	port_write(port, bytes, value);
	spin_unlock(&lock);
}

static uint32_t address_of(unsigned bdf, unsigned reg) { return 1u << 31 | bdf << 8 | (reg & 0xfc); }

uint32_t pci_cfg_read(unsigned bdf, unsigned reg, unsigned bytes) {
	return pci_data_read(address_of(bdf, reg), DATA_PORT + (reg & 3), bytes);
}

void pci_cfg_write(unsigned bdf, unsigned reg, unsigned bytes, uint32_t value) {
	pci_data_write(address_of(bdf, reg), DATA_PORT + (reg & 3), bytes, value);
}
