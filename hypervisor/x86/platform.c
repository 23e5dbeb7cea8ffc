/* SPDX-License-Identifier: MIT */
/* The machine around the CPUs, brought up in order: tables, controllers, clock, the console's
 * interrupt. */
#include "platform.h"
#include "acpi.h"
#include "boot.h"
#include "irq.h"
#include "machine.h"
#include "x86.h"

struct acpi_info acpi __ro_after_init;
static uint8_t keyboard_flags __ro_after_init;

#define PIC_1          0x20
#define PIC_2          0xa0
#define BIOS_AREA      0xe0000u
#define BIOS_AREA_END  0x100000u
#define KEYBOARD_FLAGS 0x417 /* in the BIOS data area, as is the EBDA's segment */
#define EBDA_SEGMENT   0x40e
#define EBDA_SIZE      1024u

static uint64_t __init rsdp_search(const uint8_t *bda) {
	uint64_t ebda = bda ? (uint64_t)(bda[EBDA_SEGMENT] | bda[EBDA_SEGMENT + 1] << 8) << 4 : 0;
	uint64_t found = 0;

	if (ebda >= 0x1000 && ebda + EBDA_SIZE <= BIOS_AREA_END) found = acpi_rsdp_find(ebda, EBDA_SIZE);
	return found ?: acpi_rsdp_find(BIOS_AREA, BIOS_AREA_END - BIOS_AREA);
}

uint8_t arch_keyboard_flags(void) { return keyboard_flags; }

static void __init acpi_init(void) {
	const uint8_t *bda = firmware_map(maddr(0), PAGE_SIZE);

	keyboard_flags = bda ? bda[KEYBOARD_FLAGS] : 0;
	if (!acpi_parse(boot_info.rsdp, &acpi) && !acpi_parse(rsdp_search(bda), &acpi))
		panic("no usable ACPI tables (RSDP, MADT): the machine's CPUs and interrupts are unknown");
	printk(LOG_INFO, "ACPI: %u CPUs, %u IO-APICs, %u interrupt overrides, %u MMCFG ranges\n", acpi.cpus,
	       acpi.ioapics, acpi.overrides, acpi.mcfgs);
}

/* A legacy PIC: moved away from the exceptions' vectors and masked for good. */
static void __init pic_disable(uint16_t port, uint8_t vector, uint8_t cascade) {
	uint16_t data = (uint16_t)(port + 1);

	outb(port, 0x11);
	outb(data, vector);
	outb(data, cascade);
	outb(data, 1);
	outb(data, 0xff);
}

/* What dom0 cannot have: interrupt controllers. */
static void __init resources_reserve(void) {
	permit_reserve(PERMIT_PORT, PIC_1, 2);
	permit_reserve(PERMIT_PORT, PIC_2, 2);
	permit_reserve(PERMIT_MMIO, acpi.lapic_address >> PAGE_SHIFT, 1);
	for (unsigned i = 0; i < acpi.ioapics; i++)
		permit_reserve(PERMIT_MMIO, acpi.ioapic[i].address >> PAGE_SHIFT, 1);
}

void __init platform_init(void) {
	acpi_init();
	pic_disable(PIC_1, 0x20, 4);
	pic_disable(PIC_2, 0x28, 2);
	lapic_init(acpi.lapic_address);
	ioapic_init();
	clock_init();
	irq_init();
	resources_reserve();
	uart_attach();
}
