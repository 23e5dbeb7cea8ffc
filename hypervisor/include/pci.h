/* SPDX-License-Identifier: MIT */
/* PCI configuration space (x86/pci.c; host/platform.c). */
#pragma once

#include <linux/pci_regs.h>
#include "compiler.h"

/* Segment, bus, device and function in one word. */
typedef struct {
	uint32_t n;
} sbdf_t;

static inline sbdf_t sbdf(unsigned segment, unsigned bus, unsigned devfn) {
	return (sbdf_t){ (segment & 0xffff) << 16 | (bus & 0xff) << 8 | (devfn & 0xff) };
}

/*
 * Read or write 1, 2 or 4 bytes at an aligned register below 4096. What cannot be reached (no such
 * segment, extended register without MMCFG) reads as all ones; writes to it are lost.
 */
uint32_t pci_read(sbdf_t dev, unsigned reg, unsigned bytes);
void pci_write(sbdf_t dev, unsigned reg, unsigned bytes, uint32_t value);

/* Offset of a capability in the device's list, 0 if it has none (or there is no device). */
unsigned pci_capability(sbdf_t dev, uint8_t id);
