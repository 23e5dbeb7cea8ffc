/* SPDX-License-Identifier: MIT */
/*
 * ACPI's static tables. Firmware wrote them, so lengths and checksums are tested before use, but
 * they are no adversary's. The root pointer leads to a list (XSDT, or RSDT on old firmware) of
 * tables; of these APIC (MADT), FACP (FADT), HPET and MCFG are read.
 */
#include "acpi.h"
#include "lib.h"

#define TABLE_MAX (1u << 20) /* no table we read is longer */

/* The root pointer (ACPI 6.4 table 5.3): offsets of its fields. */
#define RSDP_REVISION 15
#define RSDP_RSDT     16
#define RSDP_V1_SIZE  20
#define RSDP_XSDT     24
#define RSDP_SIZE     36

/* FADT (table 5.9) */
#define FADT_PM1A_CONTROL    64
#define FADT_PM1B_CONTROL    68
#define FADT_PM_TIMER        76
#define FADT_PM_TIMER_LENGTH 91
#define FADT_BOOT_FLAGS      109
#define FADT_FLAGS           112
#define FADT_V1_SIZE         116
#define FADT_RESET           116 /* a register: its space (1: ports) first, its address at 4 */
#define FADT_RESET_VALUE     128
#define FADT_FLAG_RESET      (1u << 10)
#define FADT_BOOT_NO_CMOS    (1u << 5)

/* MADT (table 5.19) */
#define MADT_ENTRIES     44
#define MADT_CPU_ENABLED 1u
enum { MADT_LAPIC, MADT_IOAPIC, MADT_OVERRIDE, MADT_LAPIC_ADDRESS = 5, MADT_X2APIC = 9 };

/* A table: this, and its contents behind it (table 5.4). */
struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum, rest[26];
} __packed;

static bool sums_to_zero(const void *p, size_t n) {
	const uint8_t *b = p;
	uint8_t sum = 0;

	while (n--) sum = (uint8_t)(sum + *b++);
	return !sum;
}

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

static uint32_t get32(const uint8_t *p) { return get16(p) | (uint32_t)get16(p + 2) << 16; }

static uint64_t get64(const uint8_t *p) { return get32(p) | (uint64_t)get32(p + 4) << 32; }

static bool rsdp_valid(const uint8_t *r) { return !memcmp(r, "RSD PTR ", 8) && sums_to_zero(r, RSDP_V1_SIZE); }

uint64_t acpi_rsdp_find(uint64_t at, size_t size) {
	const uint8_t *area = firmware_map(maddr(at), size);

	for (size_t i = 0; area && i + RSDP_SIZE <= size; i += 16)
		if (rsdp_valid(area + i)) return at + i;
	return 0;
}

/* -- MADT -- */

static void cpu_add(struct acpi_info *out, uint32_t apic_id, uint32_t acpi_id, uint32_t flags) {
	if (!(flags & MADT_CPU_ENABLED) || out->cpus == ACPI_CPUS_MAX) return;
	for (unsigned i = 0; i < out->cpus; i++)
		if (out->cpu[i].apic_id == apic_id) return;
	out->cpu[out->cpus].apic_id = apic_id;
	out->cpu[out->cpus++].acpi_id = acpi_id;
}

static void override_add(struct acpi_info *out, const uint8_t *e) {
	uint16_t flags = get16(e + 8);

	if (e[3] >= ACPI_ISA_IRQS) return;
	out->overrides++;
	out->isa_irq[e[3]] = (struct acpi_isa_irq){ get32(e + 4), (flags >> 2 & 3) == 3, (flags & 3) == 3 };
}

static void madt_entry(struct acpi_info *out, const uint8_t *e, uint8_t length) {
	if (e[0] == MADT_LAPIC && length >= 8) {
		cpu_add(out, e[3], e[2], get32(e + 4));
	} else if (e[0] == MADT_X2APIC && length >= 16) {
		cpu_add(out, get32(e + 4), get32(e + 12), get32(e + 8));
	} else if (e[0] == MADT_IOAPIC && length >= 12) {
		if (out->ioapics < ACPI_IOAPICS_MAX)
			out->ioapic[out->ioapics++] = (struct acpi_ioapic){ get32(e + 4), get32(e + 8) };
	} else if (e[0] == MADT_OVERRIDE && length >= 10) {
		override_add(out, e);
	} else if (e[0] == MADT_LAPIC_ADDRESS && length >= 12) {
		out->lapic_address = get64(e + 4);
	}
}

static void madt_parse(struct acpi_info *out, const uint8_t *t, uint32_t length) {
	if (length < MADT_ENTRIES) return;
	out->lapic_address = get32(t + sizeof(struct header));
	for (const uint8_t *e = t + MADT_ENTRIES; e + 2 <= t + length && e[1] >= 2 && e + e[1] <= t + length; e += e[1])
		madt_entry(out, e, e[1]);
}

/* -- the other tables -- */

static void fadt_parse(struct acpi_info *out, const uint8_t *t, uint32_t length) {
	if (length < FADT_V1_SIZE) return;
	out->pm1a_control = get16(t + FADT_PM1A_CONTROL);
	out->pm1b_control = get16(t + FADT_PM1B_CONTROL);
	if (t[FADT_PM_TIMER_LENGTH] == 4) out->pm_timer = get16(t + FADT_PM_TIMER);
	out->no_cmos_rtc = t[offsetof(struct header, revision)] >= 5 && get16(t + FADT_BOOT_FLAGS) & FADT_BOOT_NO_CMOS;
	if (length <= FADT_RESET_VALUE || !(get32(t + FADT_FLAGS) & FADT_FLAG_RESET) || t[FADT_RESET] != 1) return;
	out->reset_port = get16(t + FADT_RESET + 4);
	out->reset_value = t[FADT_RESET_VALUE];
}

static void hpet_parse(struct acpi_info *out, const uint8_t *t, uint32_t length) {
	if (length >= 52 && t[40] == 0) out->hpet_address = get64(t + 44);
}

static void mcfg_parse(struct acpi_info *out, const uint8_t *t, uint32_t length) {
	for (uint32_t at = 44; at + 16 <= length && out->mcfgs < ACPI_MCFG_MAX; at += 16)
		out->mcfg[out->mcfgs++] =
			(struct acpi_mcfg){ get64(t + at), get16(t + at + 8), t[at + 10], t[at + 11] };
}

static const struct {
	char signature[5];
	void (*parse)(struct acpi_info *out, const uint8_t *t, uint32_t length);
} parsers[] = {
	{ "APIC", madt_parse },
	{ "FACP", fadt_parse },
	{ "HPET", hpet_parse },
	{ "MCFG", mcfg_parse },
};

/* A whole table with a good checksum, or NULL. */
static const struct header *table_map(uint64_t at) {
	const struct header *h = at ? firmware_map(maddr(at), sizeof(*h)) : NULL;
	uint32_t length = h ? h->length : 0;

	if (length < sizeof(*h) || length > TABLE_MAX) return NULL;
	h = firmware_map(maddr(at), length);
	return h && h->length == length && sums_to_zero(h, length) ? h : NULL;
}

static void table_parse(uint64_t at, struct acpi_info *out) {
	const struct header *h = table_map(at);

	for (unsigned i = 0; h && i < ARRAY_SIZE(parsers); i++)
		if (!memcmp(h->signature, parsers[i].signature, 4))
			parsers[i].parse(out, (const uint8_t *)h, h->length);
}

bool acpi_parse(uint64_t rsdp, struct acpi_info *out) {
	const uint8_t *r = firmware_map(maddr(rsdp), RSDP_SIZE);
	const struct header *list = NULL;
	size_t width = 8;

	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < ACPI_ISA_IRQS; i++) out->isa_irq[i].gsi = i;
	if (!r || !rsdp_valid(r)) return false;
	if (r[RSDP_REVISION] >= 2) list = table_map(get64(r + RSDP_XSDT));
	if (!list) {
		list = table_map(get32(r + RSDP_RSDT));
		width = 4;
	}
	for (size_t off = sizeof(*list); list && off + width <= list->length; off += width) {
		const uint8_t *p = (const uint8_t *)list + off;

		table_parse(width == 8 ? get64(p) : get32(p), out);
	}
	return out->cpus && out->lapic_address;
}
