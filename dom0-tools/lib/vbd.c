/* SPDX-License-Identifier: MIT */
/*
 * Disks.
 *
 * The kernel's blkback serves block devices; a file gets a loop device that frees itself when the
 * backend closes it (autoclear), so nothing is left behind whatever dies. A disk with script= is
 * plugged by that script, which then names the physical device.
 */
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/loop.h>

static void fill(const struct tl_disk *disk, struct tl_kv *front, struct tl_kv *back) {
	const char *type = disk->cdrom ? "cdrom" : "disk";

	tl_kv_add(front, "virtual-device", "%u", disk->devid);
	tl_kv_add(front, "device-type", "%s", type);
	tl_kv_add(front, "trusted", "%d", disk->trusted);
	tl_kv_add(back, "params", "%s", disk->target);
	if (disk->script)
		tl_kv_add(back, "script", "%s%s", disk->script[0] == '/' ? "" : TL_SCRIPT_DIR "/", disk->script);
	tl_kv_add(back, "type", "phy");
	tl_kv_add(back, "dev", "%s", disk->vdev);
	tl_kv_add(back, "mode", "%s", disk->readonly ? "r" : "w");
	tl_kv_add(back, "device-type", "%s", type);
	tl_kv_add(back, "removable", "%d", disk->cdrom);
	tl_kv_add(back, "bootable", "1");
	tl_kv_add(back, "discard-enable", "%d", disk->discard);
	tl_kv_add(back, "direct-io-safe", "%d", disk->direct_io_safe);
	tl_kv_add(back, "online", "1");
	tl_kv_add(front, "state", "%d", TL_XS_INITIALISING);
	tl_kv_add(back, "state", "%d", TL_XS_INITIALISING);
}

/* A loop device for an open file; returns an open descriptor that keeps it alive. */
static int make_loop(int file, int readonly, char *path, size_t n) {
	struct loop_config cfg = { .fd = file };
	int ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC), tries, num, fd, e = -EBUSY;

	if (ctl < 0) return -errno;
	cfg.info.lo_flags = LO_FLAGS_AUTOCLEAR | (readonly ? LO_FLAGS_READ_ONLY : 0);
	for (tries = 0; tries < 64; tries++) {
		num = ioctl(ctl, LOOP_CTL_GET_FREE);
		snprintf(path, n, "/dev/loop%d", num);
		fd = num < 0 ? -1 : open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
		if (fd < 0) {
			e = -errno;
			break;
		}
		if (ioctl(fd, LOOP_CONFIGURE, &cfg) == 0) {
			close(ctl);
			return fd;
		}
		e = -errno;
		close(fd);
		if (e != -EBUSY) break;
	}
	close(ctl);
	return e;
}

/*
 * Open what the target names as a block device. Returns a descriptor (to hold until the backend has
 * opened the device itself) and its number.
 */
static int open_target(struct tl_ctx *ctx, const char *target, int readonly, dev_t *dev) {
	int fd = open(target, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC), loop;
	char path[32];
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		loop = -errno;
		if (fd >= 0) close(fd);
		return tl_fail(ctx, loop, "disk %s: %s", target, strerror(-loop));
	}
	if (S_ISBLK(st.st_mode)) {
		*dev = st.st_rdev;
		return fd;
	}
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		return tl_fail(ctx, -EINVAL, "disk %s: neither a file nor a block device", target);
	}
	loop = make_loop(fd, readonly, path, sizeof(path));
	close(fd);
	if (loop < 0)
		return tl_fail(ctx, loop, "disk %s: no loop device: %s (is the loop module loaded?)", target,
			       strerror(-loop));
	if (fstat(loop, &st)) {
		close(loop);
		return tl_fail(ctx, -errno, "disk %s: %s", target, strerror(errno));
	}
	*dev = st.st_rdev;
	return loop;
}

struct opened {
	struct tl_ctx *ctx;
	const struct tl_device *d;
	char back[160];
};

/* The kernel's backend shows physical_device in sysfs once it holds the disk. */
static int backend_holds(void *arg) {
	struct opened *o = arg;
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/xen-backend/devices/vbd-%u-%u/physical_device", o->d->domid,
		 o->d->devid);
	if (access(path, F_OK) == 0) return 1;
	return tl_store_exists(o->ctx->s, "%s/hotplug-error", o->back) ? -EIO : 0;
}

static int hand_over(struct tl_ctx *ctx, const struct tl_device *d, dev_t dev) {
	struct opened o = { ctx, d, "" };
	int e;

	tl_back_path(d, o.back, sizeof(o.back));
	e = tl_store_putf(ctx->s, o.back, "physical-device", "%x:%x", major(dev), minor(dev));
	if (!e) e = tl_store_watch(ctx->s, o.back, "hold");
	if (e) return tl_fail(ctx, e, "vbd %u: writing to the store: %s", d->devid, strerror(-e));
	e = tl_store_wait(ctx->s, tl_plug_ms(ctx), backend_holds, &o);
	tl_store_unwatch(ctx->s, o.back, "hold");
	if (e > 0) return 0;
	return tl_fail(ctx, e, "vbd %u: the backend driver did not take the disk%s", d->devid,
		       e == -ETIMEDOUT ? " in time (is xen-blkback loaded?)" : "");
}

int tl_vbd_plug(struct tl_ctx *ctx, const struct tl_device *d) {
	char back[160], *script, *params, *mode;
	int e, fd;
	dev_t dev;

	tl_back_path(d, back, sizeof(back));
	script = tl_store_get(ctx->s, "%s/script", back);
	if (script) {
		e = tl_hotplug_run(ctx, d, script, "add", NULL, tl_plug_ms(ctx));
		free(script);
		return e;
	}
	params = tl_store_get(ctx->s, "%s/params", back);
	mode = tl_store_get(ctx->s, "%s/mode", back);
	fd = open_target(ctx, params ? params : "", mode && *mode == 'r', &dev);
	free(params);
	free(mode);
	if (fd < 0) return fd;
	e = tl_device_wait(ctx, d, 0, TL_XS_INITWAIT, tl_plug_ms(ctx));
	if (!e) e = hand_over(ctx, d, dev);
	close(fd);
	return e;
}

int tl_vbd_attach(struct tl_ctx *ctx, uint32_t domid, const struct tl_disk *disk, int wait_ms) {
	struct tl_device d = { .kind = "vbd", .domid = domid, .devid = disk->devid };
	struct tl_kv front = { 0 }, back = { 0 };
	int e = tl_backend_domid(ctx, disk->backend, &d.backend);

	if (e) return e;
	if (disk->backendtype && strcmp(disk->backendtype, "phy") != 0)
		return tl_fail(ctx, -EOPNOTSUPP, "disk %s: backendtype %s is not supported, use phy", disk->vdev,
			       disk->backendtype);
	fill(disk, &front, &back);
	e = tl_device_publish_free(ctx, &d, &front, &back);
	return e ? e : tl_device_bring_up(ctx, &d, wait_ms);
}

void tl_device_unplug(struct tl_ctx *ctx, const struct tl_device *d) {
	char back[160], netif[32], *script;
	int disk = strcmp(d->kind, "vbd") == 0;

	tl_back_path(d, back, sizeof(back));
	script = tl_store_get(ctx->s, "%s/script", back);
	snprintf(netif, sizeof(netif), "vif%u.%u", d->domid, d->devid);
	if (script && !tl_store_exists(ctx->s, "%s/tl-plug", back))
		tl_hotplug_run(ctx, d, script, disk ? "remove" : "offline", disk ? NULL : netif, tl_plug_ms(ctx));
	ctx->err[0] = 0; /* nothing can be done about it: the log has it */
	free(script);
}
