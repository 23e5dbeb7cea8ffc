/* SPDX-License-Identifier: MIT */
/*
 * The fake machine's devices: a serial line that a buffer records, an IO-APIC of 24 pins, and one
 * PCI function (host_pci_dev) with an MSI and an MSI-X capability.
 */
#include "host.h"
#include "console.h"
#include "irq.h"
#include "machine.h"

char host_serial[HOST_SERIAL_MAX];
size_t host_serial_len;
struct host_pin host_pins[HOST_PINS];
unsigned host_irq_acks;
uint8_t host_pci_config[256];
uint32_t host_msix_table[64];

bool uart_init(const char *settings) {
	host_serial_len = 0;
	return settings[0] != '?';
}

void uart_putc(char c) {
	if (host_serial_len < HOST_SERIAL_MAX - 1) host_serial[host_serial_len++] = c;
	host_serial[host_serial_len] = 0;
}

void uart_interrupt(void) { console_input('i'); }

/* -- interrupt controllers -- */

unsigned arch_gsi_count(void) { return HOST_PINS; }

void arch_gsi_program(unsigned gsi, bool level, bool active_low, uint8_t vector, unsigned cpu) {
	host_pins[gsi] = (struct host_pin){ vector, (uint8_t)cpu, level, active_low, true };
}

void arch_gsi_mask(unsigned gsi, bool masked) { host_pins[gsi].masked = masked; }

void arch_irq_ack(void) { host_irq_acks++; }

uint32_t arch_msi_address(unsigned cpu) { return 0xfee00000u | cpu << 12; }

/* -- PCI: MSI at 0x50 (8 messages, 64-bit, maskable), MSI-X at 0x70 (4 entries) -- */

#define MSI_AT  0x50
#define MSIX_AT 0x70

static void config_set(unsigned at, unsigned bytes, uint32_t v) { memcpy(host_pci_config + at, &v, bytes); }

void host_pci_reset(void) {
	memset(host_pci_config, 0, sizeof(host_pci_config));
	memset(host_msix_table, 0, sizeof(host_msix_table));
	config_set(PCI_VENDOR_ID, 2, 0x1af4);
	config_set(PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	config_set(PCI_CAPABILITY_LIST, 1, MSI_AT);
	config_set(MSI_AT, 4, 0x01860000u | MSIX_AT << 8 | PCI_CAP_ID_MSI);
	config_set(MSIX_AT, 4, 0x00030000u | PCI_CAP_ID_MSIX);
	config_set(MSIX_AT + 4, 4, 0x40 | 1); /* offset in BAR 1 */
	for (unsigned i = 0; i < 4; i++) host_msix_table[16 + 4 * i + 3] = 1;
}

uint32_t pci_read(sbdf_t dev, unsigned reg, unsigned bytes) {
	uint32_t v = 0;

	if (dev.n != host_pci_dev.n || reg + bytes > sizeof(host_pci_config)) return ~0u >> (32 - 8 * bytes);
	memcpy(&v, host_pci_config + reg, bytes);
	return v;
}

void pci_write(sbdf_t dev, unsigned reg, unsigned bytes, uint32_t value) {
	if (dev.n == host_pci_dev.n && reg + bytes <= sizeof(host_pci_config)) config_set(reg, bytes, value);
}

volatile uint32_t *arch_registers_map(uint64_t address, size_t size) {
	(void)size;
	return address == HOST_BAR ? host_msix_table : NULL;
}

/* -- the rest of machine.h -- */

int machine_sleep(uint16_t pm1a_control, uint16_t pm1b_control) {
	(void)pm1a_control, (void)pm1b_control;
	return -EIO;
}

void arch_cpu_identity(unsigned cpu, uint32_t *apic_id, uint32_t *acpi_id) {
	*apic_id = 2 * cpu;
	*acpi_id = cpu + 1;
}

int arch_ioapic_read(uint64_t address, uint32_t reg, uint32_t *value) {
	*value = reg;
	return address == 0xfec00000 ? 0 : -EINVAL;
}

void arch_vcpu_iopl_set(struct vcpu *v, unsigned iopl) { (void)v, (void)iopl; }

void arch_vcpu_iobitmap_set(struct vcpu *v, gvaddr_t bitmap, uint32_t ports) { (void)v, (void)bitmap, (void)ports; }

int arch_memory_type(unsigned reg, mfn_t *first, uint64_t *n, uint32_t *type) {
	*first = mfn(0x100);
	*n = 16;
	*type = 6;
	return reg < 2 ? 0 : -EINVAL;
}

uint8_t arch_keyboard_flags(void) { return 0x20; }

bool arch_symbol(uint32_t n, uint64_t *address, const char **name) {
	static const char *const names[] = { "start", "schedule" };

	if (n >= ARRAY_SIZE(names)) return false;
	*address = 0x1000 * (n + 1);
	*name = names[n];
	return true;
}
