/* SPDX-License-Identifier: MIT */
/* The machine around the CPUs, brought up in order: tables, controllers, clock, the console's
 * interrupt. */
#include "platform.h"
#include "acpi.h"
#include "apic.h"
#include "boot.h"
#include "irq.h"
#include "machine.h"
#include "options.h"
#include "uart.h"
#include "x86.h"

struct acpi_info acpi __ro_after_init;
static uint8_t keyboard_flags __ro_after_init;

#define BIOS_AREA      0xe0000u
#define BIOS_AREA_END  0x100000u
#define KEYBOARD_FLAGS 0x417 /* in the BIOS data area, as is the EBDA's segment */
#define EBDA_SEGMENT   0x40e
#define EBDA_SIZE      1024u

static const void __init *table_view(uint64_t at, size_t size) { return firmware_map(maddr(at), size); }

static uint64_t __init rsdp_in(uint64_t at, size_t size) {
	const uint8_t *area = firmware_map(maddr(at), size);
	long off = area ? acpi_rsdp_find(area, size) : -1;

	return off < 0 ? 0 : at + (uint64_t)off;
}

static uint64_t __init rsdp_search(const uint8_t *bda) {
	uint64_t ebda = bda ? (uint64_t)(bda[EBDA_SEGMENT] | bda[EBDA_SEGMENT + 1] << 8) << 4 : 0;
	uint64_t found = 0;

	if (ebda >= 0x1000 && ebda + EBDA_SIZE <= BIOS_AREA_END) found = rsdp_in(ebda, EBDA_SIZE);
	return found ? found : rsdp_in(BIOS_AREA, BIOS_AREA_END - BIOS_AREA);
}

uint8_t arch_keyboard_flags(void) { return keyboard_flags; }

static void __init acpi_init(void) {
	const uint8_t *bda = firmware_map(maddr(0), PAGE_SIZE);
	bool ok = boot_info.rsdp && acpi_parse(boot_info.rsdp, table_view, &acpi);

	keyboard_flags = bda ? bda[KEYBOARD_FLAGS] : 0;
	if (!ok) {
		uint64_t rsdp = rsdp_search(bda);

		ok = rsdp && acpi_parse(rsdp, table_view, &acpi);
	}
	if (!ok)
		panic("no usable ACPI tables (RSDP, MADT): the machine's CPUs and interrupts are "
		      "unknown");
	printk(LOG_INFO, "ACPI: %u CPUs, %u IO-APICs, %u interrupt overrides, %u MMCFG ranges\n", acpi.cpus,
	       acpi.ioapics, acpi.overrides, acpi.mcfgs);
}

/* The legacy PICs: moved away from the exceptions' vectors and masked for good. */
static void __init pic_disable(void) {
	static const uint8_t init[][4] = { { 0x11, 0x20, 4, 1 }, { 0x11, 0x28, 2, 1 } };

	for (unsigned i = 0; i < 2; i++) {
		uint16_t port = i ? 0xa0 : 0x20;

		outb(port, init[i][0]);
		for (unsigned w = 1; w < 4; w++) outb((uint16_t)(port + 1), init[i][w]);
		outb((uint16_t)(port + 1), 0xff);
	}
}

/* What dom0 cannot have: interrupt controllers and the console line. */
static void __init resources_reserve(void) {
	static const struct { uint16_t first, count; } ports[] = { { 0x20, 2 }, { 0xa0, 2 } };

	for (unsigned i = 0; i < ARRAY_SIZE(ports); i++)
		permit_reserve(PERMIT_PORT, ports[i].first, ports[i].count);
	if (uart_present()) permit_reserve(PERMIT_PORT, COM1_BASE, COM1_PORTS);
	permit_reserve(PERMIT_MMIO, acpi.lapic_address >> PAGE_SHIFT, 1);
	for (unsigned i = 0; i < acpi.ioapics; i++)
		permit_reserve(PERMIT_MMIO, acpi.ioapic[i].address >> PAGE_SHIFT, 1);
}

static void __init console_irq_init(void) {
	struct acpi_override o = acpi_isa_irq(&acpi, COM1_IRQ);

	if (!uart_present()) return;
	if (irq_own_gsi(o.gsi, o.level, o.active_low)) {
		printk(LOG_WARN, "console: no interrupt for COM1, input does not work\n");
		return;
	}
	uart_interrupts_on();
}

void __init platform_init(void) {
	struct cpu *c = this_cpu();

	acpi_init();
	pic_disable();
	lapic_init(acpi.lapic_address);
	lapic_init_cpu();
	c->apic_id = lapic_id();
	ioapic_init();
	clock_init();
	irq_init();
	resources_reserve();
	console_irq_init();
}
