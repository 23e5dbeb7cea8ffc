/* SPDX-License-Identifier: MIT */
/*
 * A guest's port accesses after its own privilege check. Ports it has no right to read as all ones
 * and ignore writes, as a machine without the device does. The PCI address port is the domain's
 * own; only the data port reaches the machine.
 */
#include "emulate.h"

static bool is_pci_address(unsigned port, unsigned bytes) { return port == 0xcf8 && bytes == 4; }

static bool is_pci_data(unsigned port, unsigned bytes) { return port >= 0xcfc && port + bytes <= 0xd00; }

uint32_t guest_port_read(struct domain *d, unsigned port, unsigned bytes) {
	if (is_pci_address(port, bytes)) return d->pci_address;
	if (is_pci_data(port, bytes) && d->privileged && d->pci_address >> 31)
		return pci_data_read(d->pci_address, port, bytes);
	if (port + bytes > 0x10000 || is_pci_data(port, bytes) || !permitted(d, PERMIT_PORT, port, bytes))
		return ~0u;
	return port_read(port, bytes);
}

void guest_port_write(struct domain *d, unsigned port, unsigned bytes, uint32_t value) {
	if (is_pci_address(port, bytes))
		d->pci_address = value;
	else if (is_pci_data(port, bytes) && d->privileged && d->pci_address >> 31)
		pci_data_write(d->pci_address, port, bytes, value);
	else if (port + bytes <= 0x10000 && !is_pci_data(port, bytes) &&
		 permitted(d, PERMIT_PORT, port, bytes))
		port_write(port, bytes, value);
}
