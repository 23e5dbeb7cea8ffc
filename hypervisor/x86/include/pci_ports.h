/* SPDX-License-Identifier: MIT */
/* Ports on behalf of the privileged domain. */
#ifndef TENON_PCI_PORTS_H
#define TENON_PCI_PORTS_H

#include "compiler.h"

/* One access of 1, 2 or 4 bytes. */
uint32_t port_in(uint16_t port, unsigned bytes);
void port_out(uint16_t port, unsigned bytes, uint32_t v);

/* Data port cfc + offset with a given content of cf8. */
uint32_t pci_port_read(uint32_t address, unsigned offset, unsigned bytes);
void pci_port_write(uint32_t address, unsigned offset, unsigned bytes, uint32_t value);

#endif
