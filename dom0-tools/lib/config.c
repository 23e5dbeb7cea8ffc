/* SPDX-License-Identifier: MIT */
/*
 * From key-value pairs to struct tl_config.
 *
 * Model: one row per key says what the key is and where it goes. Keys of other guest types, and
 * keys that this version cannot honour, have rows as well, so that the message can say which case
 * it is; a key without a row gets the nearest name as a suggestion.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpuid.h"
#include "cpuset.h"
#include "range.h"

enum kind {
	STR,
	NUM, /* min..max */
	BOOL,
	ENUM,     /* of names */
	CUSTOM,   /* take() does it */
	OTHER,    /* of another guest type: warning */
	NOEFFECT, /* accepted, has no effect on PV guests here: warning with the reason */
};

struct key {
	const char *name;
	enum kind kind;
	size_t off;
	int64_t min, max;
	const char *const *names;
	int (*take)(struct tl_config *c, const struct tl_cfg_entry *e, struct tl_diag *d);
	const char *note;
};

const char *const tl_action_names[] = { "destroy",          "restart",          "rename-restart", "preserve",
					"coredump-destroy", "coredump-restart", "soft-reset",     NULL };
static const char *const tsc_names[] = { "default", "always_emulate", "native", NULL };

static int take_type(struct tl_config *c, const struct tl_cfg_entry *e, struct tl_diag *d);
static int take_list(struct tl_config *c, const struct tl_cfg_entry *e, struct tl_diag *d);
static int take_cpus(struct tl_config *c, const struct tl_cfg_entry *e, struct tl_diag *d);
static int take_args(struct tl_config *c, const struct tl_cfg_entry *e, struct tl_diag *d);
static int take_pci(struct tl_config *c, const struct tl_cfg_entry *e, struct tl_diag *d);
static int take_ranges(struct tl_config *c, const struct tl_cfg_entry *e, struct tl_diag *d);

#define AT(m) offsetof(struct tl_config, m)
#define S(key, m) \
	{ .name = key, .kind = STR, .off = AT(m) }
#define N(key, m, lo, hi) \
	{ .name = key, .kind = NUM, .off = AT(m), .min = lo, .max = hi }
#define B(key, m) \
	{ .name = key, .kind = BOOL, .off = AT(m) }
#define E(key, m, list) \
	{ .name = key, .kind = ENUM, .off = AT(m), .names = list }
#define C(key, fn) \
	{ .name = key, .kind = CUSTOM, .take = fn }
#define O(key) \
	{ .name = key, .kind = OTHER }
#define X(key, why) \
	{ .name = key, .kind = NOEFFECT, .note = why }

static const struct key keys[] = {
	S("name", name),
	S("uuid", uuid_text),
	C("type", take_type),
	C("builder", take_type),
	N("vcpus", vcpus, 1, 8192),
	N("maxvcpus", maxvcpus, 1, 8192),
	N("memory", memory, 1, 1 << 24),
	N("maxmem", maxmem, 1, 1 << 24),
	S("kernel", kernel),
	S("ramdisk", ramdisk),
	S("cmdline", cmdline),
	S("root", root),
	S("extra", extra),
	S("bootloader", bootloader),
	C("bootloader_args", take_args),
	S("firmware", firmware),
	E("on_poweroff", on_poweroff, tl_action_names),
	E("on_reboot", on_reboot, tl_action_names),
	E("on_crash", on_crash, tl_action_names),
	E("on_watchdog", on_watchdog, tl_action_names),
	E("on_soft_reset", on_soft_reset, tl_action_names),
	C("disk", take_list),
	C("vif", take_list),
	C("channel", take_list),
	B("driver_domain", driver_domain),
	N("max_grant_frames", max_grant_frames, 1, 1 << 20),
	N("max_maptrack_frames", max_maptrack_frames, 0, 1 << 20),
	N("max_grant_version", max_grant_version, 0, 2),
	N("max_event_channels", max_event_channels, 0, 131071),
	B("nomigrate", nomigrate),
	C("cpus", take_cpus),
	C("cpus_soft", take_cpus),
	N("cpu_weight", cpu_weight, 1, 65535),
	N("cap", cap, 0, 65535),
	S("pool", pool),
	E("tsc_mode", tsc_mode, tsc_names),
	N("rtc_timeoffset", rtc_timeoffset, INT_MIN, INT_MAX),
	B("localtime", localtime),
	B("msr_relaxed", msr_relaxed),
	C("pci", take_pci),
	C("p9", take_pci),
	C("pvcalls", take_pci),
	C("vdispl", take_pci),
	C("vfb", take_pci),
	C("vkb", take_pci),
	C("vsnd", take_pci),
	C("vtpm", take_pci),
	C("usbctrl", take_pci),
	C("usbdev", take_pci),
	C("vnuma", take_pci),
	C("ioports", take_ranges),
	C("iomem", take_ranges),
	C("irqs", take_ranges),
	C("cpuid", tl_cpuid_parse),
	X("extratime", "the scheduler has no such setting"),
	X("period", "the scheduler has no such setting"),
	X("slice", "the scheduler has no such setting"),
	X("latency", "the scheduler has no such setting"),
	X("pci_permissive", "there is no PCI pass-through"),
	X("pci_msitranslate", "there is no PCI pass-through"),
	X("pci_seize", "there is no PCI pass-through"),
	X("pci_power_mgmt", "there is no PCI pass-through"),
	X("e820_host", "it is for PCI pass-through, which is not there"),
	X("passthrough", "there is no PCI pass-through"),
	X("seclabel", "there are no security labels"),
	X("init_seclabel", "there are no security labels"),
	X("device_model_args", "PV guests have no device model"),
	X("device_model_args_pv", "PV guests have no device model"),
	X("device_model_version", "PV guests have no device model"),
	X("device_model_override", "PV guests have no device model"),
	X("device_model_user", "PV guests have no device model"),
	X("vpmu", "the hypervisor decides"),
	X("vmtrace_buf_kb", "PV guests cannot be traced"),
	O("acpi"),
	O("acpi_firmware"),
	O("acpi_laptop_slate"),
	O("acpi_s3"),
	O("acpi_s4"),
	O("altp2m"),
	O("altp2mhvm"),
	O("apic"),
	O("bios"),
	O("bios_path_override"),
	O("boot"),
	O("device_model_args_hvm"),
	O("device_model_stubdomain_override"),
	O("device_model_stubdomain_seclabel"),
	O("device_tree"),
	O("dm_restrict"),
	O("dtdev"),
	O("gfx_passthru"),
	O("gic_version"),
	O("hap"),
	O("hdtype"),
	O("hpet"),
	O("keymap"),
	O("mca_caps"),
	O("mmio_hole"),
	O("ms_vm_genid"),
	O("nestedhvm"),
	O("nographic"),
	O("nx"),
	O("oos"),
	O("opengl"),
	O("pae"),
	O("pvshim"),
	O("pvshim_cmdline"),
	O("pvshim_extra"),
	O("pvshim_path"),
	O("rdm"),
	O("rdm_mem_boundary"),
	O("sdl"),
	O("serial"),
	O("shadow_memory"),
	O("smbios_firmware"),
	O("soundhw"),
	O("spice"),
	O("spicehost"),
	O("spicepasswd"),
	O("spiceport"),
	O("stdvga"),
	O("stubdomain_cmdline"),
	O("stubdomain_kernel"),
	O("stubdomain_memory"),
	O("stubdomain_ramdisk"),
	O("tee"),
	O("timer_mode"),
	O("usb"),
	O("usbdevice"),
	O("usbversion"),
	O("vendor_device"),
	O("vga"),
	O("videoram"),
	O("viridian"),
	O("vkb_device"),
	O("vnc"),
	O("vncdisplay"),
	O("vnclisten"),
	O("vncpasswd"),
	O("vncunused"),
	O("vpt_align"),
	O("vuart"),
	O("xen_platform_pci"),
	O("xend_suspend_evtchn_compat"),
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

char *tl_config_keep(struct tl_config *c, char *p) {
	void **grown = realloc(c->owned, (c->owneds + 1) * sizeof(*grown));

	if (!p || !grown) {
		free(p);
		return NULL;
	}
	c->owned = grown;
	c->owned[c->owneds++] = p;
	return p;
}

static unsigned distance(const char *a, const char *b) {
	unsigned row[64], i, k, diag, up;
	size_t n = strlen(b);

	if (n >= 63) return 99;
	for (k = 0; k <= n; k++) row[k] = k;
	for (i = 1; *a; a++, i++) {
		diag = row[0];
		row[0] = i;
		for (k = 1; k <= n; k++) {
			up = row[k];
			row[k] = diag + (tolower((unsigned char)*a) != b[k - 1]);
			if (up + 1 < row[k]) row[k] = up + 1;
			if (row[k - 1] + 1 < row[k]) row[k] = row[k - 1] + 1;
			diag = up;
		}
	}
	return row[n];
}

const char *tl_config_nearest(const char *key) {
	const char *best = NULL;
	unsigned near = strlen(key) < 5 ? 2 : 3, score;
	size_t i;

	for (i = 0; i < KEYS; i++) {
		score = distance(key, keys[i].name);
		if (keys[i].kind != OTHER && score < near) {
			near = score;
			best = keys[i].name;
		}
	}
	return best;
}

static const struct key *find_key(const char *name) {
	size_t i;

	for (i = 0; i < KEYS; i++)
		if (strcmp(keys[i].name, name) == 0) return &keys[i];
	return NULL;
}

/* A number, also when written as a string (xl accepts that). */
static int number(const struct tl_cfg_value *v, int64_t *out) {
	char *end;

	if (v->type == TL_CFG_NUMBER) {
		*out = v->num;
		return 0;
	}
	if (v->type != TL_CFG_STRING || !*v->text) return -EINVAL;
	errno = 0;
	*out = strtoll(v->text, &end, 0);
	return *end || errno ? -EINVAL : 0;
}

static int set_number(struct tl_config *c, const struct key *k, const struct tl_cfg_entry *e, struct tl_diag *d) {
	int64_t n;
	int32_t v;

	if (number(&e->value, &n)) {
		tl_diag_error(d, e->line, e->key, "expected a number");
		return -EINVAL;
	}
	if (n < k->min || n > k->max) {
		tl_diag_error(d, e->line, e->key, "%lld is out of range (%lld to %lld)", (long long)n,
			      (long long)k->min, (long long)k->max);
		return -EINVAL;
	}
	v = n;
	memcpy((char *)c + k->off, &v, sizeof(v));
	return 0;
}

static int set_bool(struct tl_config *c, const struct key *k, const struct tl_cfg_entry *e, struct tl_diag *d) {
	uint32_t *to = (uint32_t *)((char *)c + k->off);
	int64_t n;

	if (number(&e->value, &n)) {
		tl_diag_error(d, e->line, e->key, "expected 0 or 1");
		return -EINVAL;
	}
	*to = n != 0;
	return 0;
}

static int set_enum(struct tl_config *c, const struct key *k, const struct tl_cfg_entry *e, struct tl_diag *d) {
	uint32_t *to = (uint32_t *)((char *)c + k->off), i, names = 0;
	char text[160] = "";
	int64_t n;

	for (; k->names[names]; names++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", names ? ", " : "", k->names[names]);
	for (i = 0; e->value.type == TL_CFG_STRING && i < names; i++) {
		if (strcmp(e->value.text, k->names[i]) == 0) {
			*to = i;
			return 0;
		}
	}
	if (k->names == tsc_names && number(&e->value, &n) == 0 && n >= 0 && n < names) {
		*to = n;
		return 0;
	}
	tl_diag_error(d, e->line, e->key, "expected one of: %s", text);
	return -EINVAL;
}

static int set_string(struct tl_config *c, const struct key *k, const struct tl_cfg_entry *e, struct tl_diag *d) {
	if (e->value.type == TL_CFG_LIST) {
		tl_diag_error(d, e->line, e->key, "expected a string");
		return -EINVAL;
	}
	*(char **)((char *)c + k->off) = e->value.text;
	return 0;
}

static int take_type(struct tl_config *c, const struct tl_cfg_entry *e, struct tl_diag *d) {
	static const char *const pv[] = { "pv", "generic", "linux" };
	size_t i;

	(void)c;
	for (i = 0; e->value.type == TL_CFG_STRING && i < 3; i++)
		if (strcmp(e->value.text, pv[i]) == 0) return 0;
	tl_diag_error(d, e->line, e->key, "only paravirtualized guests are supported: write type=\"pv\"");
	return -EINVAL;
}

/* Lists that name devices we cannot offer: fine while empty. */
static int take_pci(struct tl_config *c, const struct tl_cfg_entry *e, struct tl_diag *d) {
	(void)c;
	if (e->value.type == TL_CFG_LIST && !e->value.items) return 0;
	tl_diag_error(d, e->line, e->key, "this kind of device or resource is not supported yet");
	return -EINVAL;
}

static int take_args(struct tl_config *c, const struct tl_cfg_entry *e, struct tl_diag *d) {
	(void)d;
	c->bootloader_args = &e->value;
	return 0;
}

static int check_cpus(const struct tl_cfg_entry *e, const struct tl_cfg_value *v, struct tl_diag *d) {
	struct tl_cpuset set;

	if (v->type == TL_CFG_LIST || tl_cpuset_parse(v->text, NULL, &set) == 0) return 0;
	tl_diag_error(d, v->line, e->key,
		      "\"%s\" is not a list of CPUs (for example \"0-3,^2\", \"all\" or \"node:0\")", v->text);
	return -EINVAL;
}

static int take_cpus(struct tl_config *c, const struct tl_cfg_entry *e, struct tl_diag *d) {
	size_t i;

	if (check_cpus(e, &e->value, d)) return -EINVAL;
	for (i = 0; i < e->value.items; i++)
		if (e->value.item[i].type == TL_CFG_LIST || check_cpus(e, &e->value.item[i], d)) return -EINVAL;
	if (strcmp(e->key, "cpus") == 0)
		c->cpus = &e->value;
	else
		c->cpus_soft = &e->value;
	return 0;
}

static int take_device(struct tl_config *c, const char *key, const char *spec, int line, struct tl_diag *d) {
	if (strcmp(key, "disk") == 0) return tl_disk_parse(c, spec, line, &c->disk[c->disks++], d);
	if (strcmp(key, "vif") == 0) return tl_vif_parse(c, spec, line, &c->vif[c->vifs++], d);
	return tl_channel_parse(c, spec, line, &c->channel[c->channels++], d);
}

static void *device_array(struct tl_config *c, size_t n, size_t size) {
	return tl_config_keep(c, calloc(n ? n : 1, size));
}

/* Room for the devices of a list, once per key. */
static int device_room(struct tl_config *c, const char *key, size_t n) {
	if (strcmp(key, "disk") == 0) return (c->disk = device_array(c, n, sizeof(*c->disk))) ? 0 : -ENOMEM;
	if (strcmp(key, "vif") == 0) return (c->vif = device_array(c, n, sizeof(*c->vif))) ? 0 : -ENOMEM;
	return (c->channel = device_array(c, n, sizeof(*c->channel))) ? 0 : -ENOMEM;
}

static int take_list(struct tl_config *c, const struct tl_cfg_entry *e, struct tl_diag *d) {
	const struct tl_cfg_value *v = &e->value;
	size_t i;
	int bad = 0;

	if (v->type != TL_CFG_LIST) {
		tl_diag_error(d, e->line, e->key, "expected a list: %s = [ '...' ]", e->key);
		return -EINVAL;
	}
	if (device_room(c, e->key, v->items)) return -ENOMEM;
	for (i = 0; i < v->items; i++) {
		if (v->item[i].type != TL_CFG_STRING) {
			tl_diag_error(d, v->item[i].line, e->key, "each device is one string");
			bad = 1;
		} else {
			bad |= take_device(c, e->key, v->item[i].text, v->item[i].line, d);
		}
	}
	return bad ? -EINVAL : 0;
}

static int take_ranges(struct tl_config *c, const struct tl_cfg_entry *e, struct tl_diag *d) {
	struct tl_ranges *to = strcmp(e->key, "ioports") == 0 ? &c->ioports
			       : strcmp(e->key, "iomem") == 0 ? &c->iomem
							      : &c->irqs;
	const struct tl_cfg_value *v = &e->value;
	size_t i;

	if (v->type != TL_CFG_LIST) {
		tl_diag_error(d, e->line, e->key, "expected a list: %s = [ ... ]", e->key);
		return -EINVAL;
	}
	to->range = device_array(c, v->items, sizeof(*to->range));
	if (!to->range) return -ENOMEM;
	for (i = 0; i < v->items; i++)
		if (tl_range_parse(e->key, &v->item[i], &to->range[to->n++], d)) return -EINVAL;
	return 0;
}

static void take_entry(struct tl_config *c, const struct tl_cfg_entry *e, struct tl_diag *d) {
	const struct key *k = find_key(e->key);
	const char *near;

	if (!k) {
		near = tl_config_nearest(e->key);
		tl_diag_warn(d, e->line, e->key, "unknown key, ignored%s%s%s", near ? "; did you mean \"" : "",
			     near ? near : "", near ? "\"?" : "");
		return;
	}
	switch (k->kind) {
	case STR: set_string(c, k, e, d); break;
	case NUM: set_number(c, k, e, d); break;
	case BOOL: set_bool(c, k, e, d); break;
	case ENUM: set_enum(c, k, e, d); break;
	case CUSTOM:
		if (k->take(c, e, d) == -ENOMEM) tl_diag_error(d, e->line, e->key, "out of memory");
		break;
	case OTHER: tl_diag_warn(d, e->line, e->key, "does not apply to PV guests, ignored"); break;
	case NOEFFECT: tl_diag_warn(d, e->line, e->key, "ignored: %s", k->note); break;
	}
}

static void defaults(struct tl_config *c) {
	c->vcpus = 1;
	c->memory = c->maxmem = c->maxvcpus = TL_DEFAULT;
	c->on_reboot = TL_ACTION_RESTART;
	c->on_soft_reset = TL_ACTION_SOFT_RESET;
	c->max_grant_frames = c->max_maptrack_frames = c->max_grant_version = TL_DEFAULT;
	c->max_event_channels = 1023;
	c->cpu_weight = c->cap = TL_DEFAULT;
}

static int line_of(const struct tl_config *c, const char *key) {
	const struct tl_cfg_entry *e = tl_cfg_find(&c->file, key);

	return e ? e->line : 0;
}

static int parse_uuid(const char *text, uint8_t uuid[16]) {
	int i;

	for (i = 0; i < 16; i++) {
		if (*text == '-') text++;
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) ||
		    sscanf(text, "%2hhx", &uuid[i]) != 1)
			return -EINVAL;
		text += 2;
	}
	return *text ? -EINVAL : 0;
}

/* pvgrub is a kernel like any other; the names are those of Debian's package. */
static void use_firmware(struct tl_config *c, struct tl_diag *d) {
	int line = line_of(c, "firmware");

	if (c->kernel)
		tl_diag_error(d, line, "firmware", "a kernel is given as well; only one of them can boot");
	else if (strcmp(c->firmware, "pvgrub64") == 0)
		c->kernel = "/usr/lib/grub-xen/grub-x86_64-xen.bin";
	else if (strcmp(c->firmware, "pvgrub32") == 0)
		c->kernel = "/usr/lib/grub-xen/grub-i386-xen.bin";
	else
		tl_diag_error(d, line, "firmware", "expected pvgrub64 or pvgrub32");
}

static void make_cmdline(struct tl_config *c, struct tl_diag *d) {
	char *text = NULL;

	if (c->cmdline) {
		if (c->root || c->extra)
			tl_diag_warn(d, line_of(c, "cmdline"), "cmdline", "root and extra are ignored");
		return;
	}
	if (asprintf(&text, "%s%s%s%s", c->root ? "root=" : "", c->root ? c->root : "", c->root && c->extra ? " " : "",
		     c->extra ? c->extra : "") < 0)
		text = NULL;
	c->cmdline = tl_config_keep(c, text);
}

static void check_devices(struct tl_config *c, struct tl_diag *d) {
	int i, k;

	for (i = 0; i < c->disks; i++)
		for (k = 0; k < i; k++)
			if (c->disk[i].vdev && c->disk[k].vdev && c->disk[i].devid == c->disk[k].devid)
				tl_diag_error(d, line_of(c, "disk"), "disk", "%s is given twice", c->disk[i].vdev);
	for (i = 0; i < c->vifs; i++)
		if (c->vif[i].devid < 0) c->vif[i].devid = i;
	for (i = 0; i < c->vifs; i++)
		for (k = 0; k < i; k++)
			if (c->vif[i].devid == c->vif[k].devid)
				tl_diag_error(d, line_of(c, "vif"), "vif", "devid %d is used twice", c->vif[i].devid);
}

static void check(struct tl_config *c, struct tl_diag *d) {
	if (!c->name || !*c->name)
		tl_diag_error(d, 0, "name", "is missing");
	else if (strlen(c->name) > 64 || strchr(c->name, '/') || isdigit((unsigned char)c->name[0]))
		tl_diag_error(d, line_of(c, "name"), "name",
			      "may have 64 characters, no slash, and must not begin with a digit");
	if (c->memory == TL_DEFAULT) c->memory = c->maxmem == TL_DEFAULT ? 32 : c->maxmem;
	if (c->maxmem == TL_DEFAULT) c->maxmem = c->memory;
	if (c->maxmem < c->memory)
		tl_diag_error(d, line_of(c, "maxmem"), "maxmem", "is less than memory (%u)", c->memory);
	if (c->maxvcpus == TL_DEFAULT) c->maxvcpus = c->vcpus;
	if (c->maxvcpus < c->vcpus)
		tl_diag_error(d, line_of(c, "maxvcpus"), "maxvcpus", "is less than vcpus (%u)", c->vcpus);
	if (c->firmware) use_firmware(c, d);
	if (c->bootloader && !c->kernel)
		tl_diag_error(d, line_of(c, "bootloader"), "bootloader",
			      "%s is not run: it would read the guest's disk with domain 0's rights. Write "
			      "firmware=\"pvgrub64\" instead (Debian's package grub-xen-host): GRUB then runs "
			      "inside the guest and reads the same menu; or name kernel and ramdisk",
			      c->bootloader);
	if (!c->kernel && !c->bootloader) tl_diag_error(d, 0, "kernel", "is missing (or bootloader, or firmware)");
	if (c->uuid_text && parse_uuid(c->uuid_text, c->uuid))
		tl_diag_error(d, line_of(c, "uuid"), "uuid", "is not a UUID");
	else
		c->uuid_set = c->uuid_text != NULL;
	make_cmdline(c, d);
	if (c->cmdline && strlen(c->cmdline) > 1023)
		tl_diag_error(d, line_of(c, "extra"), "extra", "the kernel command line exceeds 1023 bytes");
	check_devices(c, d);
}

int tl_config_parse(const char *text, size_t len, const char *overrides, struct tl_config *c, struct tl_diag *d) {
	const char *file = d->file;
	size_t i;

	memset(c, 0, sizeof(*c));
	defaults(c);
	if (tl_cfg_parse(text, len, &c->file, d)) return -EINVAL;
	if (overrides) {
		d->file = "command line";
		if (tl_cfg_parse(overrides, strlen(overrides), &c->file, d)) return -EINVAL;
		d->file = file;
	}
	for (i = 0; i < c->file.entries; i++) take_entry(c, &c->file.entry[i], d);
	check(c, d);
	return d->errors ? -EINVAL : 0;
}

void tl_config_free(struct tl_config *c) {
	while (c->owneds) free(c->owned[--c->owneds]);
	free(c->owned);
	free(c->cpuid);
	tl_cfg_free(&c->file);
	memset(c, 0, sizeof(*c));
}
