/* SPDX-License-Identifier: MIT */
/*
 * Message-signalled interrupts of PCI devices: the MSI capability (up to 32 messages in one
 * register set) and MSI-X tables (one entry per message, in a BAR). PCI 3.0, section 6.8.
 */
#include "irq_private.h"

/* Pages of MSI-X tables seen so far: mappings of registers last for good, so each is made once. */
#define TABLE_PAGES_MAX 128
static struct {
	uint64_t address;
	volatile uint32_t *at;
} table_pages[TABLE_PAGES_MAX];

unsigned pci_capability(sbdf_t dev, uint8_t id) {
	unsigned at, steps;

	if (pci_read(dev, PCI_VENDOR_ID, 2) == 0xffff || !(pci_read(dev, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
		return 0;
	at = pci_read(dev, PCI_CAPABILITY_LIST, 1) & ~3u;
	for (steps = 0; at >= 0x40 && steps < 48; steps++) {
		if (pci_read(dev, at + PCI_CAP_LIST_ID, 1) == id) return at;
		at = pci_read(dev, at + PCI_CAP_LIST_NEXT, 1) & ~3u;
	}
	return 0;
}

static volatile uint32_t *table_page(uint64_t address) {
	for (unsigned i = 0; i < TABLE_PAGES_MAX; i++) {
		if (!table_pages[i].at) {
			table_pages[i].address = address;
			return table_pages[i].at = arch_registers_map(address, PAGE_SIZE);
		}
		if (table_pages[i].address == address) return table_pages[i].at;
	}
	return NULL;
}

static int msix_setup(struct msi *m, const struct msi_request *req, uint32_t control) {
	uint64_t offset = pci_read(m->dev, m->cap + PCI_MSIX_TABLE, 4) & PCI_MSIX_TABLE_OFFSET;
	uint64_t at = req->table_base + offset + (uint64_t)req->index * PCI_MSIX_ENTRY_SIZE;
	volatile uint32_t *page;

	if (req->count != 1 || req->index > (control & PCI_MSIX_FLAGS_QSIZE) || !req->table_base ||
	    at % PCI_MSIX_ENTRY_SIZE)
		return -EINVAL;
	page = table_page(at & PAGE_MASK);
	if (!page) return -ENOMEM;
	m->entry = page + (at & ~PAGE_MASK) / sizeof(*page);
	return 0;
}

int msi_setup(struct msi *m, const struct msi_request *req) {
	uint16_t block = (uint16_t)(1u << bit_last(2 * req->count - 1)); /* the next power of two */
	uint32_t control;

	*m = (struct msi){ .dev = req->dev, .index = (uint16_t)req->index, .count = block };
	m->cap = (uint8_t)pci_capability(req->dev, req->msix ? PCI_CAP_ID_MSIX : PCI_CAP_ID_MSI);
	if (!m->cap) return -ENODEV;
	control = pci_read(m->dev, m->cap + PCI_MSI_FLAGS, 2);
	if (req->msix) return msix_setup(m, req, control);
	if (req->count > 1u << (control & PCI_MSI_FLAGS_QMASK) / 2) return -EINVAL;
	m->wide = control & PCI_MSI_FLAGS_64BIT;
	m->maskable = control & PCI_MSI_FLAGS_MASKBIT;
	return 0;
}

void msi_program(const struct msi *m, unsigned cpu, uint8_t vector) {
	if (m->entry) {
		m->entry[3] |= PCI_MSIX_ENTRY_CTRL_MASKBIT;
		m->entry[0] = arch_msi_address(cpu);
		m->entry[1] = 0;
		m->entry[2] = vector;
		return;
	}
	pci_write(m->dev, m->cap + PCI_MSI_ADDRESS_LO, 4, arch_msi_address(cpu));
	if (m->wide) pci_write(m->dev, m->cap + PCI_MSI_ADDRESS_HI, 4, 0);
	/* the device adds the message's index to the data of the block's first */
	pci_write(m->dev, m->cap + (m->wide ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32), 2, (uint8_t)(vector - m->index));
}

void msi_mask(const struct msi *m, bool masked) {
	unsigned reg = m->cap + (m->wide ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32);
	uint32_t bit = 1u << (m->index & 31);

	if (m->entry) {
		m->entry[3] = (m->entry[3] & ~PCI_MSIX_ENTRY_CTRL_MASKBIT) | (masked ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0);
		(void)m->entry[3]; /* the write has reached the device */
	} else if (m->maskable) {
		pci_write(m->dev, reg, 4, (pci_read(m->dev, reg, 4) & ~bit) | (masked ? bit : 0));
	}
}

void msi_enable(const struct msi *m, bool on) {
	uint32_t fields =
		m->entry ? PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL : PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE;
	uint32_t enabled = m->entry ? PCI_MSIX_FLAGS_ENABLE : PCI_MSI_FLAGS_ENABLE | bit_last(m->count) << 4;
	uint32_t control = pci_read(m->dev, m->cap + PCI_MSI_FLAGS, 2) & ~fields;

	pci_write(m->dev, m->cap + PCI_MSI_FLAGS, 2, control | (on ? enabled : 0));
}
