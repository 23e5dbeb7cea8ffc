/* SPDX-License-Identifier: MIT */
/*
 * Kernel images to ELF files.
 *
 * The input is hostile: a boot loader may take it from a guest's own disk. Every length is checked
 * against the file before it is used, and the output never exceeds the caller's bound.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* More than any real kernel unpacks to, and less than would hurt a dom0. */
#define TL_UNPACK_MAX ((size_t)512 << 20)

struct tl_image {
	uint8_t *data; /* the ELF file */
	size_t len;
	size_t mapped; /* bytes that tl_unpack() mapped for data; 0: data points into the input */
};

/*
 * Find the ELF file in a kernel image: an ELF file itself, a bzImage (protocol 2.08 and later), or
 * a bare compressed payload (xz, lzma, zstd, gzip, lz4).
 *
 * Returns 0, or a negative errno with *why set to a constant sentence: -ENOEXEC (not a kernel
 * image), -EOPNOTSUPP (a compression we do not read), -EBADMSG (damaged), -EFBIG (more than max
 * bytes), -ENOMEM. On success the input must live as long as *out unless out->mapped is set.
 */
int tl_unpack(const uint8_t *img, size_t len, size_t max, struct tl_image *out, const char **why);

/* Release what tl_unpack() allocated; harmless on a zeroed image. */
void tl_image_free(struct tl_image *image);
