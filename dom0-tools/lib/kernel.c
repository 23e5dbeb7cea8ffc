/* SPDX-License-Identifier: MIT */
/*
 * Loading kernels, with a cache of unpacked ones.
 *
 * Cache: TL_CACHE_DIR/PATHHASH-FINGERPRINT.elf, the fingerprint made of device, inode, size, mtime
 * and ctime of the compressed file, so that a replaced kernel never matches. The directory must
 * belong to root and be closed to others; else, or when it does not exist, there is no caching.
 * Failures of the cache are never failures of the load.
 */
#include "domain.h"
#include "fault.h"
#include "unpack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t mix(uint64_t h, const void *p, size_t n) {
	const uint8_t *b = p;

	while (n--) h = (h ^ *b++) * 0x100000001b3ull;
	return h;
}

static void cache_name(const char *path, const struct stat *st, char *out, size_t n) {
	uint64_t p = mix(0xcbf29ce484222325ull, path, strlen(path)), f = 0xcbf29ce484222325ull;

	f = mix(f, &st->st_dev, sizeof(st->st_dev));
	f = mix(f, &st->st_ino, sizeof(st->st_ino));
	f = mix(f, &st->st_size, sizeof(st->st_size));
	f = mix(f, &st->st_mtim, sizeof(st->st_mtim));
	f = mix(f, &st->st_ctim, sizeof(st->st_ctim));
	snprintf(out, n, "%016llx-%016llx.elf", (unsigned long long)p, (unsigned long long)f);
}

static int open_cache(void) {
	int dir = open(TL_CACHE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (dir >= 0 && (fstat(dir, &st) || st.st_uid != 0 || st.st_mode & 022)) {
		close(dir);
		dir = -1;
	}
	return dir;
}

/* Drop what is cached for an earlier version of the same path. */
static void drop_old(int dir, const char *name) {
	DIR *d = fdopendir(dup(dir));
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (strncmp(e->d_name, name, 17) == 0 && strcmp(e->d_name, name) != 0) unlinkat(dir, e->d_name, 0);
	if (d) closedir(d);
}

/* Returns 1 when the image is kept. */
static int save(int dir, const char *name, const struct tl_image *image) {
	char tmp[64];
	size_t at = 0;
	ssize_t n = 1;
	int fd;

	snprintf(tmp, sizeof(tmp), ".new-%d", (int)getpid());
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) return 0;
	while (at < image->len && n > 0) {
		n = write(fd, image->data + at, image->len - at);
		at += n > 0 ? n : 0;
	}
	if (close(fd) || at < image->len || renameat(dir, tmp, dir, name)) {
		unlinkat(dir, tmp, 0);
		return 0;
	}
	drop_old(dir, name);
	return 1;
}

static void *map_file(int fd, size_t *len) {
	struct stat st;
	void *p;

	if (fstat(fd, &st) || st.st_size == 0) {
		errno = EINVAL;
		return NULL;
	}
	p = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	*len = st.st_size;
	return p == MAP_FAILED ? NULL : p;
}

/* Replace the mapped file by the cached unpacked one; returns 1 when there is one. */
static int load_cached(int dir, const char *name, struct tl_loaded *l) {
	int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_CLOEXEC);
	size_t len;
	void *p;

	if (fd < 0) return 0;
	p = map_file(fd, &len);
	close(fd);
	if (!p) return 0;
	if (l->map) munmap(l->map, l->map_len);
	l->map = p;
	l->map_len = len;
	return 1;
}

static int unpack(struct tl_ctx *ctx, const char *path, struct tl_loaded *l, const struct stat *st,
		  struct tl_image *image) {
	char name[64];
	const char *why;
	int dir, e;

	if (l->map_len >= 4 && memcmp(l->map,
				      "\x7f"
				      "ELF",
				      4) == 0) {
		*image = (struct tl_image){ l->map, l->map_len, 0 };
		return 0;
	}
	dir = open_cache();
	cache_name(path, st, name, sizeof(name));
	if (load_cached(dir, name, l)) {
		close(dir);
		*image = (struct tl_image){ l->map, l->map_len, 0 };
		return 0;
	}
	e = tl_unpack(l->map, l->map_len, TL_UNPACK_MAX, image, &why);
	if (e)
		tl_fail(ctx, e, "kernel %s: %s", path, why);
	else if (image->mapped && dir >= 0)
		l->kept = save(dir, name, image);
	if (dir >= 0) close(dir);
	return e;
}

int tl_kernel_load(struct tl_ctx *ctx, const char *path, struct tl_loaded *out) {
	struct tl_image image = { 0 };
	const char *why;
	struct stat st;
	int fd, e;

	memset(out, 0, sizeof(*out));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || tl_fault_step()) {
		e = -errno;
		if (fd >= 0) close(fd);
		return tl_fail(ctx, e, "kernel %s: %s", path, strerror(-e));
	}
	out->map = map_file(fd, &out->map_len);
	close(fd);
	if (!out->map) return tl_fail(ctx, -errno, "kernel %s: %s", path, strerror(errno));
	e = unpack(ctx, path, out, &st, &image);
	if (e) return e;
	out->unpacked = image;
	e = tl_elf_parse(image.data, image.len, &out->kernel, &why);
	return e ? tl_fail(ctx, e, "kernel %s: %s", path, why) : 0;
}

void tl_kernel_release(struct tl_loaded *l) {
	if (l->map) munmap(l->map, l->map_len);
	tl_image_free(&l->unpacked);
	memset(l, 0, sizeof(*l));
}
