/* SPDX-License-Identifier: MIT */
/*
 * From bzImage or compressed payload to ELF.
 *
 * Model: locate() narrows the input to the payload (bounds-checked slices of the input, never
 * copies); a table picks the decoder by magic; each decoder writes through struct sink, the only
 * place that grows memory, and the only place that enforces the bound. A decoder returns 0 when its
 * stream ended properly; what follows the stream (padding, the size word that the kernel build
 * appends) is ignored.
 */
#include "unpack.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

struct slice {
	const uint8_t *p;
	size_t n;
};

struct sink {
	uint8_t *data;
	size_t len, cap, max;
};

#define SINK_FIRST   ((size_t)4 << 20)
#define LZMA_MEM_MAX ((uint64_t)256 << 20)
#define LZ4_BLOCK    ((size_t)8 << 20)
#define LZ4_MAGIC    0x184c2102u

static uint32_t le32(const uint8_t *p) { return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24; }

/*
 * Memory is mapped, and filled at once rather than fault by fault: under paravirtualization each
 * fault costs tens of thousands of instructions.
 */
static uint8_t *map_more(uint8_t *old, size_t was, size_t n) {
	void *p;

	if (old)
		p = mremap(old, was, n, MREMAP_MAYMOVE);
	else
		p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* Make room for at least one more byte. */
static int sink_grow(struct sink *s, size_t want) {
	size_t cap = s->cap ? s->cap * 2 : want > SINK_FIRST ? want : SINK_FIRST;
	uint8_t *data;

	if (cap < want) cap = want;
	if (cap > s->max) cap = s->max;
	if (want > cap || cap == s->cap) return -EFBIG;
	data = map_more(s->data, s->cap, cap);
	if (!data) return -ENOMEM;
	s->data = data;
	s->cap = cap;
	return 0;
}

static int sink_room(struct sink *s) { return s->len < s->cap ? 0 : sink_grow(s, s->len + 1); }

static int run_lzma(lzma_stream *z, struct slice in, struct sink *s) {
	lzma_ret r = LZMA_OK;
	int e;

	z->next_in = in.p;
	z->avail_in = in.n;
	while (r == LZMA_OK) {
		e = sink_room(s);
		if (e) return e;
		z->next_out = s->data + s->len;
		z->avail_out = s->cap - s->len;
		r = lzma_code(z, LZMA_RUN);
		s->len = s->cap - z->avail_out;
		if (r == LZMA_OK && z->avail_in == 0 && z->avail_out != 0) return -EBADMSG;
	}
	if (r == LZMA_MEM_ERROR || r == LZMA_MEMLIMIT_ERROR) return -ENOMEM;
	return r == LZMA_STREAM_END ? 0 : -EBADMSG;
}

static int decode_xz(struct slice in, struct sink *s) {
	lzma_stream z = LZMA_STREAM_INIT;
	int e;

	if (lzma_stream_decoder(&z, LZMA_MEM_MAX, 0) != LZMA_OK) return -ENOMEM;
	e = run_lzma(&z, in, s);
	lzma_end(&z);
	return e;
}

static int decode_lzma(struct slice in, struct sink *s) {
	lzma_stream z = LZMA_STREAM_INIT;
	int e;

	if (lzma_alone_decoder(&z, LZMA_MEM_MAX) != LZMA_OK) return -ENOMEM;
	e = run_lzma(&z, in, s);
	lzma_end(&z);
	return e;
}

static int decode_gzip(struct slice in, struct sink *s) {
	z_stream z = { .next_in = (uint8_t *)in.p, .avail_in = in.n };
	int r = Z_OK, e = 0;

	if (in.n > UINT32_MAX) return -EFBIG;
	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) return -ENOMEM;
	while (r == Z_OK && !e) {
		e = sink_room(s);
		if (e) break;
		z.next_out = s->data + s->len;
		z.avail_out = s->cap - s->len;
		r = inflate(&z, Z_NO_FLUSH);
		s->len = s->cap - z.avail_out;
	}
	inflateEnd(&z);
	if (e) return e;
	return r == Z_STREAM_END ? 0 : r == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static int run_zstd(ZSTD_DStream *z, struct slice in, struct sink *s) {
	ZSTD_inBuffer ib = { in.p, in.n, 0 };
	ZSTD_outBuffer ob;
	size_t r;
	int e;

	for (;;) {
		e = sink_room(s);
		if (e) return e;
		ob = (ZSTD_outBuffer){ s->data + s->len, s->cap - s->len, 0 };
		r = ZSTD_decompressStream(z, &ob, &ib);
		s->len += ob.pos;
		if (ZSTD_isError(r)) return -EBADMSG;
		if (r == 0) return 0;
		if (ib.pos == ib.size && ob.pos < ob.size) return -EBADMSG;
	}
}

static int decode_zstd(struct slice in, struct sink *s) {
	ZSTD_DStream *z = ZSTD_createDStream();
	int e;

	if (!z) return -ENOMEM;
	ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, 27);
	e = run_zstd(z, in, s);
	ZSTD_freeDStream(z);
	return e;
}

/*
 * lz4's "legacy" frame, the one kernels use: magic, then blocks of (length, data) that unpack to 8
 * MiB each, the last one to less. The kernel build appends the unpacked size as one more word, so a
 * remainder of exactly one word ends the stream.
 */
static int decode_lz4(struct slice in, struct sink *s) {
	size_t at = 4;
	uint32_t n;
	int e, r;

	while (in.n - at > 4) {
		n = le32(in.p + at);
		at += 4;
		if (n == LZ4_MAGIC) continue;
		if (n == 0 || n > in.n - at || n > LZ4_COMPRESSBOUND(LZ4_BLOCK)) return -EBADMSG;
		if (s->cap - s->len < LZ4_BLOCK && s->cap < s->max) {
			e = sink_grow(s, s->len + LZ4_BLOCK < s->max ? s->len + LZ4_BLOCK : s->max);
			if (e) return e;
		}
		r = LZ4_decompress_safe((const char *)in.p + at, (char *)s->data + s->len, n,
					s->cap - s->len < LZ4_BLOCK ? s->cap - s->len : LZ4_BLOCK);
		if (r < 0) return s->cap == s->max ? -EFBIG : -EBADMSG;
		s->len += r;
		at += n;
	}
	return s->len ? 0 : -EBADMSG;
}

static const struct format {
	const char *magic;
	size_t n;
	int (*decode)(struct slice in, struct sink *s); /* NULL: known, not supported */
	const char *damaged;
} formats[] = {
	{ "\xfd"
	  "7zXZ\0",
	  6, decode_xz, "the xz data is damaged" },
	{ "\x28\xb5\x2f\xfd", 4, decode_zstd, "the zstd data is damaged" },
	{ "\x1f\x8b", 2, decode_gzip, "the gzip data is damaged" },
	{ "\x02\x21\x4c\x18", 4, decode_lz4, "the lz4 data is damaged" },
	{ "\x5d\0\0", 3, decode_lzma, "the lzma data is damaged" },
	{ "BZh", 3, NULL, "bzip2 kernels are not supported; unpack the kernel first" },
	{ "\x89LZO", 4, NULL, "lzo kernels are not supported; unpack the kernel first" },
};

static int is_elf(struct slice s) {
	return s.n >= 4 && memcmp(s.p,
				  "\x7f"
				  "ELF",
				  4) == 0;
}

/*
 * Narrow a bzImage to its payload, by the fields of the x86 boot protocol (setup_sects at 0x1f1,
 * magic at 0x202, version at 0x206, payload at 0x248). Anything else is left as it is.
 */
static int locate(struct slice *s, const char **why) {
	size_t setup, off, n;

	if (s->n < 0x250 || s->p[0x1fe] != 0x55 || s->p[0x1ff] != 0xaa || memcmp(s->p + 0x202, "HdrS", 4) != 0)
		return 0;
	if ((s->p[0x206] | s->p[0x207] << 8) < 0x208) {
		*why = "this bzImage is too old: its header names no payload";
		return -EOPNOTSUPP;
	}
	setup = ((s->p[0x1f1] ? s->p[0x1f1] : 4) + (size_t)1) * 512;
	off = le32(s->p + 0x248);
	n = le32(s->p + 0x24c);
	if (setup > s->n || off > s->n - setup || n > s->n - setup - off) {
		*why = "the bzImage is cut short";
		return -EBADMSG;
	}
	*s = (struct slice){ s->p + setup + off, n };
	return 0;
}

/*
 * The unpacked size that the kernel build (or gzip) puts behind the data, when it is believable: a
 * wrong one costs memory for a moment, so it must be in proportion to the input.
 */
static size_t size_hint(struct slice in, size_t max) {
	size_t hint = le32(in.p + in.n - 4);

	return hint && hint < max && hint / 32 <= in.n ? hint + 1 : 0;
}

static int decode(const struct format *f, struct slice in, size_t max, struct tl_image *out, const char **why) {
	struct sink sink = { .max = max };
	size_t hint = size_hint(in, max);
	int e = hint ? sink_grow(&sink, hint) : 0;

	if (!e) e = f->decode(in, &sink);
	if (!e && !is_elf((struct slice){ sink.data, sink.len })) {
		*why = "the image unpacks to something that is not an ELF file";
		e = -ENOEXEC;
	} else if (e == -EFBIG) {
		*why = "the image unpacks to more than the limit";
	} else if (e) {
		*why = e == -ENOMEM ? "not enough memory to unpack the image" : f->damaged;
	}
	if (e) {
		if (sink.data) munmap(sink.data, sink.cap);
		return e;
	}
	*out = (struct tl_image){ sink.data, sink.len, sink.cap };
	return 0;
}

int tl_unpack(const uint8_t *img, size_t len, size_t max, struct tl_image *out, const char **why) {
	struct slice in = { img, len };
	size_t i;
	int e;

	*why = NULL;
	memset(out, 0, sizeof(*out));
	e = locate(&in, why);
	if (e) return e;
	if (is_elf(in)) {
		*out = (struct tl_image){ (uint8_t *)in.p, in.n, 0 };
		return 0;
	}
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const struct format *f = &formats[i];

		if (in.n < f->n + 4 || memcmp(in.p, f->magic, f->n) != 0) continue;
		if (f->decode) return decode(f, in, max, out, why);
		*why = f->damaged;
		return -EOPNOTSUPP;
	}
	*why = "not a kernel image: neither ELF nor bzImage nor a known compression";
	return -ENOEXEC;
}

void tl_image_free(struct tl_image *image) {
	if (image->mapped) munmap(image->data, image->mapped);
	memset(image, 0, sizeof(*image));
}
