/* SPDX-License-Identifier: MIT */
/*
 * A guest's configuration: what an xl.cfg file means for a PV guest.
 *
 * Strings point into memory that the configuration owns; NULL means "not given". Sizes are in MiB,
 * as in the file, unless the name says otherwise.
 */
#pragma once

#include <stdint.h>

#include "cfgfile.h"

enum tl_action {
	TL_ACTION_DESTROY,
	TL_ACTION_RESTART,
	TL_ACTION_RENAME_RESTART,
	TL_ACTION_PRESERVE,
	TL_ACTION_COREDUMP_DESTROY,
	TL_ACTION_COREDUMP_RESTART,
	TL_ACTION_SOFT_RESET,
};

enum tl_tsc_mode { TL_TSC_DEFAULT, TL_TSC_ALWAYS_EMULATE, TL_TSC_NATIVE };

struct tl_disk {
	const char *spec; /* as written */
	char *target, *format, *vdev, *backend, *backendtype, *script;
	uint32_t devid; /* the vbd number of vdev */
	int readonly, cdrom, discard, direct_io_safe, trusted;
};

struct tl_vif {
	const char *spec;
	char *bridge, *gatewaydev, *ip, *script, *backend, *vifname;
	uint8_t mac[6];
	int mac_set, trusted;
	int devid;           /* -1: the next free one */
	uint32_t mtu;        /* 0: the bridge's */
	uint64_t rate_bytes; /* per rate_usecs; 0: unlimited */
	uint32_t rate_usecs;
};

struct tl_channel {
	const char *spec;
	char *name, *connection, *path, *backend;
};

struct tl_cpuid_edit; /* cpuid.h */
struct tl_range;      /* range.h */

struct tl_ranges {
	struct tl_range *range;
	int n;
};

struct tl_config {
	struct tl_cfg file;
	void **owned; /* further memory */
	int owneds;

	char *name, *kernel, *ramdisk, *root, *extra, *cmdline, *bootloader, *firmware, *pool, *uuid_text;
	uint8_t uuid[16];
	int uuid_set;
	uint32_t vcpus, maxvcpus, memory, maxmem;
	uint32_t on_poweroff, on_reboot, on_crash, on_watchdog, on_soft_reset;
	uint32_t max_grant_frames, max_maptrack_frames, max_grant_version, max_event_channels;
	uint32_t cpu_weight, cap, tsc_mode;
	int32_t rtc_timeoffset;
	uint32_t localtime, nomigrate, driver_domain, msr_relaxed;
	const struct tl_cfg_value *cpus, *cpus_soft, *bootloader_args;

	struct tl_disk *disk;
	struct tl_vif *vif;
	struct tl_channel *channel;
	int disks, vifs, channels;
	struct tl_cpuid_edit *cpuid;
	int cpuids;
	struct tl_ranges ioports, iomem, irqs;
};

#define TL_DEFAULT 0xffffffffu /* a number that was not given and has no default here */

/*
 * Read a configuration from text, then overrides (each a KEY=VALUE line, as on tl's command line;
 * NULL for none). Returns 0, or -EINVAL with errors in *d; warnings may be there in both cases.
 * Release with tl_config_free() in both cases.
 */
int tl_config_parse(const char *text, size_t len, const char *overrides, struct tl_config *c, struct tl_diag *d);
void tl_config_free(struct tl_config *c);

/* Parse one device specification, as in the lists of the file and in tl's attach commands. */
int tl_disk_parse(struct tl_config *c, const char *spec, int line, struct tl_disk *disk, struct tl_diag *d);
int tl_vif_parse(struct tl_config *c, const char *spec, int line, struct tl_vif *vif, struct tl_diag *d);
int tl_channel_parse(struct tl_config *c, const char *spec, int line, struct tl_channel *ch, struct tl_diag *d);

/* The vbd number of a name such as xvda1, sdb, hdc or 51712. Returns 0 or -EINVAL. */
int tl_vdev_number(const char *name, uint32_t *number);

/* Memory that lives as long as the configuration. */
char *tl_config_keep(struct tl_config *c, char *p);

extern const char *const tl_action_names[];

/* The known key nearest to a misspelt one, or NULL when none is near. */
const char *tl_config_nearest(const char *key);
