/* SPDX-License-Identifier: MIT */
/*
 * What the boot loader left. Multiboot 1: flags-guarded fields of one structure; Multiboot 2: a
 * list of 8-aligned tags. Strings are copied, since the memory they lie in is reused. The formats
 * are the Multiboot specifications' (0.6.96, 2.0).
 */
#include "boot.h"
#include "layout.h"
#include "lib.h"

#define MB1_MAGIC 0x2badb002u
#define MB2_MAGIC 0x36d76289u

#define MB1_CMDLINE (1u << 2)
#define MB1_MODS    (1u << 3)
#define MB1_MMAP    (1u << 6)

struct mb1_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr, drives_length, drives_addr, config_table, loader_name;
};
struct mb1_module {
	uint32_t start, end, string, reserved;
};
struct mb1_mmap {
	uint32_t size; /* of the rest */
	struct e820entry region;
} __packed;

enum { MB2_END, MB2_CMDLINE, MB2_LOADER, MB2_MODULE, MB2_MMAP = 6, MB2_ACPI_OLD = 14, MB2_ACPI_NEW = 15 };
struct mb2_tag {
	uint32_t type, size;
	char data[];
};
struct mb2_module {
	uint32_t start, end;
	char string[];
};
struct mb2_mmap {
	uint32_t entry_size, version;
	char entries[];
};

struct boot_info boot_info __initdata;
struct e820entry e820_map[E820_MAX];
unsigned e820_count;
static char rsdp_copy[36] __initdata;
static char module_strings[BOOT_MODULES_MAX][1024] __initdata;

static void __init *at(uint64_t machine) { return (void *)machine; /* identity-mapped while booting */ }

static void __init region_add(const struct e820entry *e) {
	unsigned i = e820_count;

	if (!e->size) return;
	if (e820_count == E820_MAX) panic("the firmware's memory map has more than %u entries", E820_MAX);
	for (; i && e820_map[i - 1].addr > e->addr; i--) e820_map[i] = e820_map[i - 1];
	e820_map[i] = *e;
	e820_count++;
}

static void __init module_add(uint64_t start, uint64_t end, const char *string) {
	unsigned i = boot_info.modules;

	if (i == BOOT_MODULES_MAX || end < start) return;
	str_copy(module_strings[i], string, sizeof(module_strings[i]));
	boot_info.module[i] = (struct module){ start, end, module_strings[i] };
	boot_info.modules++;
}

static const char *__init skip_word(const char *s) {
	s = strchrnul(s, ' ');
	while (*s == ' ') s++;
	return s;
}

/* The image's own path comes first by some loaders (QEMU, GRUB 1), "placeholder" by Debian's GRUB scripts. */
static const char *__init arguments(const char *s) {
	const char *rest = skip_word(s), *slash = strchrnul(s, '/');
	bool path = slash < rest && slash < strchrnul(s, '=');

	return path || !strncmp(s, "placeholder", 11) ? rest : s;
}

static void __init command_line(const char *s) {
	str_copy(hypervisor_cmdline, arguments(s), sizeof(hypervisor_cmdline));
}

static void __init parse_v1(const struct mb1_info *mb) {
	const struct mb1_module *mods = at(mb->mods_addr);

	for (uint32_t off = 0; mb->flags & MB1_MMAP && off < mb->mmap_length;) {
		const struct mb1_mmap *e = at(mb->mmap_addr + off);

		region_add(&e->region);
		off += e->size + 4;
	}
	if (mb->flags & MB1_CMDLINE) command_line(at(mb->cmdline));
	for (uint32_t i = 0; (mb->flags & MB1_MODS) && i < mb->mods_count; i++)
		module_add(mods[i].start, mods[i].end, skip_word(at(mods[i].string)));
}

static void __init parse_tag_v2(const struct mb2_tag *t) {
	const struct mb2_module *module = (const void *)t->data;
	const struct mb2_mmap *map = (const void *)t->data;

	switch (t->type) {
	case MB2_CMDLINE: command_line(t->data); break;
	case MB2_MODULE: module_add(module->start, module->end, arguments(module->string)); break;
	case MB2_MMAP:
		for (const char *p = map->entries; p < (const char *)t + t->size && map->entry_size;
		     p += map->entry_size)
			region_add((const struct e820entry *)p);
		break;
	case MB2_ACPI_OLD:
	case MB2_ACPI_NEW:
		/* the tag holds a copy of the RSDP, and lies in memory that is reused */
		memcpy(rsdp_copy, t->data, MIN(t->size - sizeof(*t), sizeof(rsdp_copy)));
		boot_info.rsdp = (uint64_t)rsdp_copy - IMAGE_BASE;
		break;
	}
}

static void __init parse_v2(const char *p) {
	const char *end = p + *(const uint32_t *)p;

	for (p += 8; p + sizeof(struct mb2_tag) <= end;) {
		const struct mb2_tag *t = (const void *)p;

		if (t->type == MB2_END || t->size < sizeof(*t)) break;
		parse_tag_v2(t);
		p += ROUND_UP(t->size, 8u);
	}
}

void __init multiboot_parse(uint32_t magic, uint32_t info) {
	if (magic == MB1_MAGIC)
		parse_v1(at(info));
	else if (magic == MB2_MAGIC)
		parse_v2(at(info));
	else
		panic("not started by a Multiboot loader (magic %x); use GRUB's multiboot2 or QEMU's -kernel", magic);
	if (!e820_count) panic("the boot loader gave no memory map");
}
