/* SPDX-License-Identifier: MIT */
/* ACPI tables: a small machine's set, and sets with wrong checksums, lengths and entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "acpi.h"
#include "lib.h"
#include "plat_dummies.h"

#define MEMORY 8192
#define RSDP   0x100
#define RSDT   0x200
#define XSDT   0x300
#define MADT   0x400
#define FADT   0x600
#define HPET   0x800
#define MCFG   0x900

static uint8_t memory[MEMORY];
static struct acpi_info info;

const void *firmware_map(maddr_t at, size_t size) {
	return at.a < MEMORY && size <= MEMORY - at.a ? memory + at.a : NULL;
}

static void put(uint64_t at, uint64_t v, unsigned bytes) { memcpy(memory + at, &v, bytes); }

static void checksum(uint64_t at, size_t n, uint64_t where) {
	uint8_t sum = 0;

	memory[where] = 0;
	for (size_t i = 0; i < n; i++) sum = (uint8_t)(sum + memory[at + i]);
	memory[where] = (uint8_t)-sum;
}

static void table(uint64_t at, const char *signature, uint32_t length) {
	memcpy(memory + at, signature, 4);
	put(at + 4, length, 4);
	checksum(at, length, at + 9);
}

static void madt_fill(void) {
	static const uint8_t entries[] = {
		0, 8,  1, 0, 1, 0, 0,    0,                               /* CPU: ACPI id 1, APIC id 0 */
		0, 8,  2, 2, 1, 0, 0,    0,                               /* ACPI id 2, APIC id 2 */
		0, 8,  3, 4, 0, 0, 0,    0,                               /* not enabled */
		9, 16, 0, 0, 0, 1, 0,    0,    1,    0, 0, 0, 9, 0, 0, 0, /* x2APIC id 256 */
		9, 16, 0, 0, 2, 0, 0,    0,    1,    0, 0, 0, 2, 0, 0, 0, /* id 2 again */
		1, 12, 5, 0, 0, 0, 0xc0, 0xfe, 0,    0, 0, 0,             /* IO-APIC 5 */
		2, 10, 0, 0, 2, 0, 0,    0,    0,    0,                   /* IRQ 0 is GSI 2 */
		2, 10, 0, 9, 9, 0, 0,    0,    0x0f, 0,                   /* IRQ 9 level, low */
	};

	put(MADT + 36, 0xfee00000, 4);
	memcpy(memory + MADT + 44, entries, sizeof(entries));
	table(MADT, "APIC", 44 + sizeof(entries));
}

static void fadt_fill(void) {
	put(FADT + 46, 9, 2);     /* SCI */
	put(FADT + 56, 0x600, 4); /* PM1a event */
	put(FADT + 64, 0x604, 4); /* PM1a control */
	put(FADT + 76, 0x608, 4); /* PM timer */
	put(FADT + 91, 4, 1);
	put(FADT + 112, 1u << 10, 4); /* flags: reset register */
	put(FADT + 116, 1, 1);        /* port */
	put(FADT + 117, 8, 1);
	put(FADT + 120, 0xcf9, 8);
	put(FADT + 128, 6, 1);
	table(FADT, "FACP", 244);
}

static int setup(void **state) {
	static const uint32_t list[] = { MADT, FADT, HPET, MCFG };

	memset(memory, 0, sizeof(memory));
	madt_fill();
	fadt_fill();
	put(HPET + 44, 0xfed00000, 8);
	table(HPET, "HPET", 56);
	put(MCFG + 44, 0xb0000000, 8);
	put(MCFG + 55, 255, 1);
	table(MCFG, "MCFG", 60);
	for (unsigned i = 0; i < 4; i++) {
		put(RSDT + 36 + 4 * i, list[i], 4);
		put(XSDT + 36 + 8 * i, list[i], 8);
	}
	table(RSDT, "RSDT", 36 + 16);
	table(XSDT, "XSDT", 36 + 32);
	memcpy(memory + RSDP, "RSD PTR ", 8);
	put(RSDP + 15, 2, 1);
	put(RSDP + 16, RSDT, 4);
	put(RSDP + 20, 36, 4);
	put(RSDP + 24, XSDT, 8);
	checksum(RSDP, 20, RSDP + 8);
	return 0;
}

static void check_machine(void) {
	assert_true(acpi_parse(RSDP, &info));
	assert_int_equal(info.lapic_address, 0xfee00000);
	assert_int_equal(info.cpus, 3);
	assert_int_equal(info.cpu[1].apic_id, 2);
	assert_int_equal(info.cpu[1].acpi_id, 2);
	assert_int_equal(info.cpu[2].apic_id, 256);
	assert_int_equal(info.ioapics, 1);
	assert_int_equal(info.ioapic[0].address, 0xfec00000);
	assert_int_equal(info.pm1a_control, 0x604);
	assert_int_equal(info.pm_timer, 0x608);
	assert_int_equal(info.reset_port, 0xcf9);
	assert_int_equal(info.reset_value, 6);
	assert_int_equal(info.hpet_address, 0xfed00000);
	assert_int_equal(info.mcfgs, 1);
	assert_int_equal(info.mcfg[0].bus_last, 255);
}

static void test_whole_machine(void **state) { check_machine(); }

static void test_rsdt_when_old_or_xsdt_bad(void **state) {
	put(RSDP + 15, 0, 1);
	checksum(RSDP, 20, RSDP + 8);
	check_machine();
	put(RSDP + 15, 2, 1);
	checksum(RSDP, 20, RSDP + 8);
	memory[XSDT + 9]++;
	check_machine();
}

static void test_isa_irqs(void **state) {
	assert_true(acpi_parse(RSDP, &info));
	assert_int_equal(info.overrides, 2);
	assert_int_equal(info.isa_irq[0].gsi, 2);
	assert_false(info.isa_irq[0].level || info.isa_irq[0].active_low);
	assert_int_equal(info.isa_irq[9].gsi, 9);
	assert_true(info.isa_irq[9].level && info.isa_irq[9].active_low);
	assert_int_equal(info.isa_irq[4].gsi, 4);
}

static void test_bad_table_is_passed_over(void **state) {
	memory[HPET + 9]++;
	put(MCFG + 4, 1u << 30, 4);
	assert_true(acpi_parse(RSDP, &info));
	assert_int_equal(info.hpet_address, 0);
	assert_int_equal(info.mcfgs, 0);
	assert_int_equal(info.cpus, 3);
}

static void test_unusable(void **state) {
	memory[MADT + 9]++;
	assert_false(acpi_parse(RSDP, &info));
	memory[MADT + 9]--;
	memory[RSDP]++;
	assert_false(acpi_parse(RSDP, &info));
	assert_false(acpi_parse(MEMORY + 1, &info));
}

static void test_madt_entry_without_length_ends_it(void **state) {
	put(MADT + 44 + 8 + 1, 0, 1); /* the second entry */
	table(MADT, "APIC", 44 + 90);
	assert_true(acpi_parse(RSDP, &info));
	assert_int_equal(info.cpus, 1);
}

static void test_find_root(void **state) {
	assert_int_equal(acpi_rsdp_find(0x80, MEMORY - 0x80), RSDP);
	memory[RSDP + 1]++;
	assert_int_equal(acpi_rsdp_find(0x80, MEMORY - 0x80), 0);
	assert_int_equal(acpi_rsdp_find(0, 20), 0);
	assert_int_equal(acpi_rsdp_find(0, MEMORY + 16), 0);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(test_whole_machine), T(test_rsdt_when_old_or_xsdt_bad),
		T(test_isa_irqs),      T(test_bad_table_is_passed_over),
		T(test_unusable),      T(test_madt_entry_without_length_ends_it),
		T(test_find_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
