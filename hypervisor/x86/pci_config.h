/* SPDX-License-Identifier: MIT */
/* PCI configuration space through ports cf8/cfc, shared by ring 0 and dom0 under one lock. */
#ifndef TENON_PCI_CONFIG_H
#define TENON_PCI_CONFIG_H

#include "compiler.h"

/* bdf: bus << 8 | device << 3 | function; reg 0-255, aligned to bytes (1, 2, 4). */
uint32_t pci_cfg_read(unsigned bdf, unsigned reg, unsigned bytes);
void pci_cfg_write(unsigned bdf, unsigned reg, unsigned bytes, uint32_t value);
/* The data port for a guest's own address latch; port cfc-cff. */
uint32_t pci_data_read(uint32_t address, unsigned port, unsigned bytes);
void pci_data_write(uint32_t address, unsigned port, unsigned bytes, uint32_t value);
uint32_t port_read(unsigned port, unsigned bytes);
void port_write(unsigned port, unsigned bytes, uint32_t value);

#endif
