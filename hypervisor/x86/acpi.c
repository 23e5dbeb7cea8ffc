/* SPDX-License-Identifier: MIT */
/*
 * ACPI's static tables. Firmware wrote them, so lengths and checksums are tested before use, but
 * they are no adversary's. The root pointer leads to a list (XSDT, or RSDT on old firmware) of
 * tables; of these APIC (MADT), FACP (FADT), HPET and MCFG are read.
 */
#include "acpi.h"
#include "lib.h"

#define TABLE_MAX (1u << 20) /* no table we read is longer */

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t checksum2;
	uint8_t reserved[3];
} __packed;
#define RSDP_V1_SIZE 20

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision, creator, creator_revision;
} __packed;

struct gas {
	uint8_t space, width, offset, access;
	uint64_t address;
} __packed;

struct fadt {
	struct header h;
	uint32_t facs, dsdt;
	uint8_t reserved0, profile;
	uint16_t sci_irq;
	uint32_t smi_command;
	uint8_t enable, disable, s4bios, pstate;
	uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
	uint8_t pm1_event_len, pm1_control_len, pm2_control_len, pm_timer_len;
	uint8_t gpe[4];
	uint16_t latency2, latency3, flush_size, flush_stride;
	uint8_t duty[2], rtc[3];
	uint16_t boot_flags;
	uint8_t reserved1;
	uint32_t flags;
	struct gas reset;
	uint8_t reset_value;
} __packed;
#define FADT_V1_SIZE      116
#define FADT_FLAG_RESET   (1u << 10)
#define FADT_BOOT_NO_CMOS (1u << 5)

struct madt {
	struct header h;
	uint32_t lapic_address, flags;
} __packed;
enum { MADT_LAPIC, MADT_IOAPIC, MADT_OVERRIDE, MADT_LAPIC_ADDRESS = 5, MADT_X2APIC = 9 };
#define MADT_CPU_ENABLED 1u

_Static_assert(sizeof(struct rsdp) == 36, "ACPI 6.4 table 5.3");
_Static_assert(offsetof(struct fadt, reset) == FADT_V1_SIZE, "ACPI 6.4 table 5.9");
_Static_assert(sizeof(struct madt) == 44, "ACPI 6.4 table 5.19");

static bool sums_to_zero(const void *p, size_t n) {
	const uint8_t *b = p;
	uint8_t sum = 0;

	while (n--) sum = (uint8_t)(sum + *b++);
	return !sum;
}

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

static uint32_t get32(const uint8_t *p) { return get16(p) | (uint32_t)get16(p + 2) << 16; }

static uint64_t get64(const uint8_t *p) { return get32(p) | (uint64_t)get32(p + 4) << 32; }

static bool rsdp_valid(const struct rsdp *r) {
	return !memcmp(r->signature, "RSD PTR ", 8) && sums_to_zero(r, RSDP_V1_SIZE);
}

long acpi_rsdp_find(const uint8_t *area, size_t n) {
	for (size_t i = 0; i + sizeof(struct rsdp) <= n; i += 16)
		if (rsdp_valid((const struct rsdp *)(area + i))) return (long)i;
	return -1;
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

	if (out->overrides == ACPI_OVERRIDES_MAX) return;
	out->override[out->overrides++] = (struct acpi_override){
		.irq = e[3],
		.gsi = get32(e + 4),
		.level = (flags >> 2 & 3) == 3,
		.active_low = (flags & 3) == 3,
	};
}

static void madt_entry(struct acpi_info *out, const uint8_t *e, uint8_t length) {
	if (e[0] == MADT_LAPIC && length >= 8) {
		cpu_add(out, e[3], e[2], get32(e + 4));
	} else if (e[0] == MADT_X2APIC && length >= 16) {
		cpu_add(out, get32(e + 4), get32(e + 12), get32(e + 8));
	} else if (e[0] == MADT_IOAPIC && length >= 12) {
		if (out->ioapics < ACPI_IOAPICS_MAX)
			out->ioapic[out->ioapics++] =
				(struct acpi_ioapic){ e[2], get32(e + 4), get32(e + 8) };
	} else if (e[0] == MADT_OVERRIDE && length >= 10) {
		override_add(out, e);
	} else if (e[0] == MADT_LAPIC_ADDRESS && length >= 12) {
		out->lapic_address = get64(e + 4);
	}
}

static void madt_parse(struct acpi_info *out, const struct header *h) {
	const uint8_t *p = (const uint8_t *)h + sizeof(struct madt);
	const uint8_t *end = (const uint8_t *)h + h->length;

	if (h->length < sizeof(struct madt)) return;
	out->lapic_address = ((const struct madt *)h)->lapic_address;
	while (p + 2 <= end && p[1] >= 2 && p + p[1] <= end) {
		madt_entry(out, p, p[1]);
		p += p[1];
	}
}

/* -- the other tables -- */

static void fadt_parse(struct acpi_info *out, const struct header *h) {
	const struct fadt *f = (const void *)h;

	if (h->length < FADT_V1_SIZE) return;
	out->pm1a_control = (uint16_t)f->pm1a_control;
	out->pm1b_control = (uint16_t)f->pm1b_control;
	if (f->pm_timer_len == 4) out->pm_timer = (uint16_t)f->pm_timer;
	out->no_cmos_rtc = h->revision >= 5 && (f->boot_flags & FADT_BOOT_NO_CMOS);
	if (h->length < sizeof(*f) || !(f->flags & FADT_FLAG_RESET) || f->reset.space > 1) return;
	out->reset_supported = true;
	out->reset_value = f->reset_value;
	out->reset = (struct acpi_register){ f->reset.space == 1, f->reset.width, f->reset.address };
}

static void hpet_parse(struct acpi_info *out, const struct header *h) {
	const uint8_t *p = (const uint8_t *)h;

	if (h->length >= 52 && p[40] == 0) out->hpet_address = get64(p + 44);
}

static void mcfg_parse(struct acpi_info *out, const struct header *h) {
	const uint8_t *p = (const uint8_t *)h;

	for (uint32_t at = 44; at + 16 <= h->length && out->mcfgs < ACPI_MCFG_MAX; at += 16)
		out->mcfg[out->mcfgs++] =
			(struct acpi_mcfg){ get64(p + at), get16(p + at + 8), p[at + 10], p[at + 11] };
}

static const struct {
	char signature[5];
	void (*parse)(struct acpi_info *out, const struct header *h);
} parsers[] = {
	{ "APIC", madt_parse },
	{ "FACP", fadt_parse },
	{ "HPET", hpet_parse },
	{ "MCFG", mcfg_parse },
};

/* A whole table with a good checksum, or NULL. */
static const struct header *table_map(uint64_t at, acpi_map_fn *map) {
	const struct header *h = at ? map(at, sizeof(*h)) : NULL;
	uint32_t length = h ? h->length : 0;

	if (length < sizeof(*h) || length > TABLE_MAX) return NULL;
	h = map(at, length);
	return h && h->length == length && sums_to_zero(h, length) ? h : NULL;
}

static void table_parse(uint64_t at, acpi_map_fn *map, struct acpi_info *out) {
	const struct header *h = at ? map(at, sizeof(*h)) : NULL;

	for (unsigned i = 0; h && i < ARRAY_SIZE(parsers); i++) {
		if (memcmp(h->signature, parsers[i].signature, 4)) continue;
		h = table_map(at, map);
		if (h) parsers[i].parse(out, h);
		return;
	}
}

bool acpi_parse(uint64_t rsdp, acpi_map_fn *map, struct acpi_info *out) {
	const struct rsdp *r = map(rsdp, sizeof(*r));
	const struct header *list = NULL;
	size_t width = 8;

	memset(out, 0, sizeof(*out));
	if (!r || !rsdp_valid(r)) return false;
	if (r->revision >= 2) list = table_map(r->xsdt, map);
	if (!list) {
		list = table_map(r->rsdt, map);
		width = 4;
	}
	if (!list) return false;
	for (uint32_t off = sizeof(*list); off + width <= list->length; off += (uint32_t)width) {
		const uint8_t *p = (const uint8_t *)list + off;

		table_parse(width == 8 ? get64(p) : get32(p), map, out);
	}
	return out->cpus && out->lapic_address;
}

struct acpi_override acpi_isa_irq(const struct acpi_info *info, uint8_t irq) {
	for (unsigned i = 0; i < info->overrides; i++)
		if (info->override[i].irq == irq) return info->override[i];
	return (struct acpi_override){ .irq = irq, .gsi = irq };
}
