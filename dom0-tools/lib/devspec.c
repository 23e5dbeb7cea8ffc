/* SPDX-License-Identifier: MIT */
/*
 * Device specifications: the strings in disk=[], vif=[], channel=[].
 *
 * Model: a specification is split in place at commas into KEY=VALUE, flags, and (disks only)
 * positional values; a table per device says where each key goes.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct field {
	const char *key;
	size_t off; /* of a char * */
};

#define FIELDS(table) (table), sizeof(table) / sizeof((table)[0])

static char *strip(char *s) {
	char *end;

	while (isspace((unsigned char)*s)) s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1])) *--end = 0;
	return s;
}

static char *next_item(char **rest) {
	char *item = *rest, *comma;

	if (!item) return NULL;
	comma = strchr(item, ',');
	if (comma) *comma = 0;
	*rest = comma ? comma + 1 : NULL;
	return strip(item);
}

static char *value_of(char *item) {
	char *eq = strchr(item, '=');

	if (!eq) return NULL;
	*eq = 0;
	strip(item);
	return strip(eq + 1);
}

static char **find_field(const struct field *f, size_t n, const char *key, void *base) {
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(f[i].key, key) == 0) return (char **)((char *)base + f[i].off);
	return NULL;
}

/* Letters to a drive index: a = 0, z = 25, aa = 26. Returns how many letters, 0 when none. */
static int drive_letters(const char *s, unsigned *index) {
	int n;

	*index = 0;
	for (n = 0; s[n] >= 'a' && s[n] <= 'z'; n++) {
		if (n == 4) return 0;
		*index = (*index + (n != 0)) * 26 + (s[n] - 'a');
	}
	return n;
}

static int partition(const char *s, unsigned *part) {
	char *end;

	*part = 0;
	if (!*s) return 0;
	if (!isdigit((unsigned char)*s)) return -EINVAL;
	*part = strtoul(s, &end, 10);
	return *end || *part > 255 ? -EINVAL : 0;
}

static int encode_xvd(unsigned disk, unsigned part, uint32_t *number) {
	if (disk < 16 && part < 16)
		*number = 202 << 8 | disk << 4 | part;
	else if (disk < 1 << 20)
		*number = 1u << 28 | disk << 8 | part;
	else
		return -EINVAL;
	return 0;
}

static int plain_number(const char *name, uint32_t *number) {
	unsigned disk, part;
	char *end;
	int n = 0;

	if (sscanf(name, "d%up%u%n", &disk, &part, &n) == 2 && !name[n] && part < 256)
		return encode_xvd(disk, part, number);
	if (!isdigit((unsigned char)*name)) return -EINVAL;
	errno = 0;
	*number = strtoul(name, &end, 0);
	return *end || errno ? -EINVAL : 0;
}

int tl_vdev_number(const char *name, uint32_t *number) {
	unsigned disk, part;
	const char *rest;
	int skip, n;

	if (strncmp(name, "/dev/", 5) == 0) name += 5;
	skip = strncmp(name, "xvd", 3) == 0 ? 3 : strncmp(name, "hd", 2) == 0 || strncmp(name, "sd", 2) == 0 ? 2 : 0;
	if (!skip) return plain_number(name, number);
	n = drive_letters(name + skip, &disk);
	rest = name + skip + n;
	if (!n || partition(rest, &part)) return -EINVAL;
	if (skip == 3) return encode_xvd(disk, part, number);
	if (name[0] == 'h') {
		if (disk > 3 || part > 63) return -EINVAL;
		*number = (disk < 2 ? 3 : 22) << 8 | (disk & 1) << 6 | part;
		return 0;
	}
	if (disk > 15 || part > 15) return -EINVAL;
	*number = 8 << 8 | disk << 4 | part;
	return 0;
}

struct disk_words {
	char *target, *format, *vdev, *access, *backend, *backendtype, *script, *devtype, *specification;
};

static const struct field disk_fields[] = {
	{ "target", offsetof(struct disk_words, target) },
	{ "format", offsetof(struct disk_words, format) },
	{ "vdev", offsetof(struct disk_words, vdev) },
	{ "access", offsetof(struct disk_words, access) },
	{ "backend", offsetof(struct disk_words, backend) },
	{ "backendtype", offsetof(struct disk_words, backendtype) },
	{ "script", offsetof(struct disk_words, script) },
	{ "devtype", offsetof(struct disk_words, devtype) },
	{ "specification", offsetof(struct disk_words, specification) },
};

#define DISK_POSITIONAL 4

/* Words without "="; returns 0 when it was none of them. */
static int disk_flag(struct tl_disk *disk, const char *word) {
	if (strcmp(word, "cdrom") == 0) return disk->cdrom = 1;
	if (strcmp(word, "discard") == 0) return disk->discard = 1;
	if (strcmp(word, "no-discard") == 0) {
		disk->discard = 0;
		return 1;
	}
	if (strcmp(word, "direct-io-safe") == 0) return disk->direct_io_safe = 1;
	if (strcmp(word, "trusted") == 0) return disk->trusted = 1;
	if (strcmp(word, "untrusted") == 0) {
		disk->trusted = 0;
		return 1;
	}
	return 0;
}

/*
 * target= takes the whole rest of the string. Deprecated prefixes (raw:, phy:, file:, tap:...)
 * before a positional target name the format.
 */
static void disk_prefix(struct disk_words *w) {
	static const char *const raw[] = { "raw:", "phy:", "file:", "tap:", "tap2:", "aio:" };
	size_t i, n, again = 1;

	while (w->target && again) {
		again = 0;
		for (i = 0; i < sizeof(raw) / sizeof(raw[0]); i++) {
			n = strlen(raw[i]);
			if (strncmp(w->target, raw[i], n) == 0) {
				w->target += n;
				again = 1;
			}
		}
	}
}

static int split_disk(char *rest, struct tl_disk *disk, struct disk_words *w, int line, struct tl_diag *d) {
	char *item, *value, **slot;
	int positional = 0;

	while (rest && *rest) {
		while (isspace((unsigned char)*rest)) rest++;
		if (strncmp(rest, "target=", 7) == 0) {
			w->target = rest + 7;
			return 0;
		}
		item = next_item(&rest);
		value = positional == 0 && item[0] == '/' ? NULL : value_of(item);
		if (!value && disk_flag(disk, item)) continue;
		if (value) {
			slot = find_field(FIELDS(disk_fields), item, w);
			if (!slot) {
				tl_diag_error(d, line, "disk", "unknown parameter \"%s\"", item);
				return -EINVAL;
			}
		} else {
			while (positional < DISK_POSITIONAL && *(char **)((char *)w + disk_fields[positional].off))
				positional++;
			if (positional == DISK_POSITIONAL) {
				tl_diag_error(d, line, "disk", "unexpected \"%s\"", item);
				return -EINVAL;
			}
			slot = (char **)((char *)w + disk_fields[positional++].off);
			value = item;
		}
		*slot = value;
	}
	return 0;
}

static char *given(char *s) { return s && *s ? s : NULL; }

static int disk_access(struct tl_disk *disk, const char *access) {
	if (!access)
		disk->readonly = disk->cdrom;
	else if (strcmp(access, "ro") == 0 || strcmp(access, "r") == 0)
		disk->readonly = 1;
	else if (strcmp(access, "rw") != 0 && strcmp(access, "w") != 0 && strcmp(access, "w!") != 0)
		return -EINVAL;
	return 0;
}

static int check_disk(struct tl_config *c, struct tl_disk *disk, struct disk_words *w, int line, struct tl_diag *d) {
	char *path;

	if (given(w->devtype) && strcmp(w->devtype, "cdrom") == 0) disk->cdrom = 1;
	if (!disk->vdev || tl_vdev_number(disk->vdev, &disk->devid)) {
		tl_diag_error(d, line, "disk", "vdev \"%s\" is not a disk name such as xvda",
			      disk->vdev ? disk->vdev : "");
		return -EINVAL;
	}
	if (disk_access(disk, given(w->access))) {
		tl_diag_error(d, line, "disk", "access \"%s\" is neither rw nor ro", w->access);
		return -EINVAL;
	}
	if (disk->format && strcmp(disk->format, "raw") != 0) {
		tl_diag_error(d, line, "disk", "format \"%s\" is not supported; convert the image to raw",
			      disk->format);
		return -EINVAL;
	}
	if (!disk->target) {
		tl_diag_error(d, line, "disk", "the target (file or block device) is missing");
		return -EINVAL;
	}
	if (disk->target[0] != '/' && !disk->script) {
		path = NULL;
		if (asprintf(&path, "/dev/%s", disk->target) < 0) path = NULL;
		disk->target = tl_config_keep(c, path);
	}
	return 0;
}

int tl_disk_parse(struct tl_config *c, const char *spec, int line, struct tl_disk *disk, struct tl_diag *d) {
	char *copy = tl_config_keep(c, strdup(spec));
	struct disk_words w = { 0 };

	memset(disk, 0, sizeof(*disk));
	disk->spec = spec;
	disk->discard = disk->trusted = 1;
	if (!copy || split_disk(copy, disk, &w, line, d)) return -EINVAL;
	disk_prefix(&w);
	disk->target = given(w.target);
	disk->format = given(w.format);
	disk->vdev = given(w.vdev);
	disk->backend = given(w.backend);
	disk->backendtype = given(w.backendtype);
	disk->script = given(w.script);
	return check_disk(c, disk, &w, line, d);
}

static int parse_mac(const char *s, uint8_t mac[6]) {
	int n = 0;

	if (sscanf(s, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5],
		   &n) != 6 ||
	    s[n])
		return -EINVAL;
	return mac[0] & 1 ? -EINVAL : 0; /* multicast */
}

/* "10Mb/s" or "1MB/s@20ms"; the result is what netback reads: bytes per interval. */
static int parse_rate(const char *s, struct tl_vif *vif) {
	static const struct {
		const char *unit;
		uint64_t mul, div;
	} units[] = { { "GB/s", 1000000000, 1 }, { "MB/s", 1000000, 1 }, { "KB/s", 1000, 1 }, { "B/s", 1, 1 },
		      { "Gb/s", 1000000000, 8 }, { "Mb/s", 1000000, 8 }, { "Kb/s", 1000, 8 }, { "b/s", 1, 8 } };
	unsigned long long amount, interval = 50000;
	char unit[8], every[4] = "us";
	int n = 0;
	size_t i;

	if (sscanf(s, "%llu%4[GMKBb/s]%n", &amount, unit, &n) != 2 || amount > 1000000000) return -EINVAL;
	if (s[n] == '@') {
		int m = 0;

		if (sscanf(s + n, "@%llu%2[mus]%n", &interval, every, &m) != 2 || s[n + m]) return -EINVAL;
		interval *= strcmp(every, "s") == 0 ? 1000000 : strcmp(every, "ms") == 0 ? 1000 : 1;
	} else if (s[n]) {
		return -EINVAL;
	}
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(unit, units[i].unit) != 0) continue;
		if (!interval || interval > 4000000000u) return -EINVAL;
		vif->rate_bytes = amount * units[i].mul / units[i].div * interval / 1000000;
		vif->rate_usecs = interval;
		return vif->rate_bytes ? 0 : -EINVAL;
	}
	return -EINVAL;
}

struct vif_words {
	char *mac, *bridge, *gatewaydev, *ip, *script, *backend, *vifname, *rate, *mtu, *devid, *model, *type;
};

static const struct field vif_fields[] = {
	{ "mac", offsetof(struct vif_words, mac) },
	{ "bridge", offsetof(struct vif_words, bridge) },
	{ "gatewaydev", offsetof(struct vif_words, gatewaydev) },
	{ "netdev", offsetof(struct vif_words, gatewaydev) },
	{ "ip", offsetof(struct vif_words, ip) },
	{ "script", offsetof(struct vif_words, script) },
	{ "backend", offsetof(struct vif_words, backend) },
	{ "vifname", offsetof(struct vif_words, vifname) },
	{ "rate", offsetof(struct vif_words, rate) },
	{ "mtu", offsetof(struct vif_words, mtu) },
	{ "devid", offsetof(struct vif_words, devid) },
	{ "model", offsetof(struct vif_words, model) },
	{ "type", offsetof(struct vif_words, type) },
};

static int small_number(const char *s, long min, long max, long *out) {
	char *end;

	*out = strtol(s, &end, 10);
	return *s && !*end && *out >= min && *out <= max ? 0 : -EINVAL;
}

static int check_vif(struct tl_vif *vif, struct vif_words *w, int line, struct tl_diag *d) {
	long n;

	if (given(w->mac) && parse_mac(w->mac, vif->mac)) {
		tl_diag_error(d, line, "vif",
			      "mac \"%s\" is not a unicast address such as "
			      "00:16:3e:12:34:56",
			      w->mac);
		return -EINVAL;
	}
	vif->mac_set = given(w->mac) != NULL;
	if (given(w->rate) && parse_rate(w->rate, vif)) {
		tl_diag_error(d, line, "vif", "rate \"%s\" is not like 10Mb/s or 1MB/s@20ms", w->rate);
		return -EINVAL;
	}
	if (given(w->mtu)) {
		if (small_number(w->mtu, 68, 65517, &n)) {
			tl_diag_error(d, line, "vif", "mtu \"%s\" is not 68 to 65517", w->mtu);
			return -EINVAL;
		}
		vif->mtu = n;
	}
	if (given(w->devid)) {
		if (small_number(w->devid, 0, 65535, &n)) {
			tl_diag_error(d, line, "vif", "devid \"%s\" is not a small number", w->devid);
			return -EINVAL;
		}
		vif->devid = n;
	}
	if (given(w->model) || given(w->type))
		tl_diag_warn(d, line, "vif", "model and type do not apply to PV guests, ignored");
	return 0;
}

int tl_vif_parse(struct tl_config *c, const char *spec, int line, struct tl_vif *vif, struct tl_diag *d) {
	char *rest = tl_config_keep(c, strdup(spec)), *item, *value, **slot;
	struct vif_words w = { 0 };

	memset(vif, 0, sizeof(*vif));
	vif->spec = spec;
	vif->devid = -1;
	vif->trusted = 1;
	while (rest && *rest) {
		item = next_item(&rest);
		value = value_of(item);
		slot = value ? find_field(FIELDS(vif_fields), item, &w) : NULL;
		if (slot) {
			*slot = value;
		} else if (strcmp(item, "untrusted") == 0) {
			vif->trusted = 0;
		} else if (*item && strcmp(item, "trusted") != 0) {
			tl_diag_error(d, line, "vif", "unknown parameter \"%s\"", item);
			return -EINVAL;
		}
	}
	vif->bridge = given(w.bridge);
	vif->gatewaydev = given(w.gatewaydev);
	vif->ip = given(w.ip);
	vif->script = given(w.script);
	vif->backend = given(w.backend);
	vif->vifname = given(w.vifname);
	return check_vif(vif, &w, line, d);
}

static const struct field channel_fields[] = {
	{ "name", offsetof(struct tl_channel, name) },
	{ "connection", offsetof(struct tl_channel, connection) },
	{ "path", offsetof(struct tl_channel, path) },
	{ "backend", offsetof(struct tl_channel, backend) },
};

int tl_channel_parse(struct tl_config *c, const char *spec, int line, struct tl_channel *ch, struct tl_diag *d) {
	char *rest = tl_config_keep(c, strdup(spec)), *item, *value, **slot;

	memset(ch, 0, sizeof(*ch));
	ch->spec = spec;
	while (rest && *rest) {
		item = next_item(&rest);
		value = value_of(item);
		slot = value ? find_field(FIELDS(channel_fields), item, ch) : NULL;
		if (!slot) {
			tl_diag_error(d, line, "channel", "unknown parameter \"%s\"", item);
			return -EINVAL;
		}
		*slot = value;
	}
	if (!ch->name || !ch->connection) {
		tl_diag_error(d, line, "channel", "name= and connection= are needed");
		return -EINVAL;
	}
	if (strcmp(ch->connection, "pty") != 0 && (strcmp(ch->connection, "socket") != 0 || !given(ch->path))) {
		tl_diag_error(d, line, "channel", "connection is pty, or socket with path=");
		return -EINVAL;
	}
	return 0;
}
