/* SPDX-License-Identifier: MIT */
/*
 * unpack-kernel VMLINUZ OUT: write the ELF file inside a kernel image.
 *
 * The hypervisor boots ELF kernels only; this is the step between a distribution's vmlinuz and the
 * boot module. OUT appears under its name only when complete (written beside it, then renamed).
 * Exit: 0 done, 1 failed, 2 wrong usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/unpack.h"

static int fail(const char *what, const char *why) {
	fprintf(stderr, "unpack-kernel: %s: %s\n", what, why);
	return 1;
}

static int write_all(int fd, const uint8_t *p, size_t n) {
	while (n) {
		ssize_t r = write(fd, p, n);

		if (r < 0 && errno == EINTR) continue;
		if (r <= 0) return -1;
		p += r;
		n -= r;
	}
	return 0;
}

static int save(const char *path, const struct tl_image *image) {
	char *tmp;
	int fd, bad;

	if (asprintf(&tmp, "%s.XXXXXX", path) < 0) return fail(path, strerror(ENOMEM));
	fd = mkstemp(tmp);
	if (fd < 0) {
		free(tmp);
		return fail(path, strerror(errno));
	}
	bad = write_all(fd, image->data, image->len) || fchmod(fd, 0644);
	bad = close(fd) || bad || rename(tmp, path);
	if (bad) {
		fail(path, strerror(errno));
		unlink(tmp);
	}
	free(tmp);
	return bad;
}

int main(int argc, char **argv) {
	struct tl_image image;
	const char *why;
	struct stat st;
	uint8_t *in;
	int fd, bad;

	if (argc != 3) {
		fprintf(stderr, "usage: unpack-kernel VMLINUZ OUT\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) return fail(argv[1], strerror(errno));
	if (st.st_size == 0) return fail(argv[1], "empty file");
	in = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (in == MAP_FAILED) return fail(argv[1], strerror(errno));
	if (tl_unpack(in, st.st_size, TL_UNPACK_MAX, &image, &why)) return fail(argv[1], why);
	bad = save(argv[2], &image);
	tl_image_free(&image);
	return bad;
}
