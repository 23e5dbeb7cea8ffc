/* SPDX-License-Identifier: MIT */
/*
 * Whole domains: create, destroy, and what is remembered about them.
 */
#pragma once

#include "build.h"
#include "config.h"
#include "ctx.h"
#include "unpack.h"

/* A kernel ready to build from. */
struct tl_loaded {
	void *map; /* the file as given, or the cached unpacked one */
	size_t map_len;
	struct tl_kernel kernel;
	struct tl_image unpacked;
	int kept; /* unpacked just now, and kept for the next time */
};

/*
 * Load, unpack and parse a kernel. Unpacked kernels are kept in TL_CACHE_DIR if that directory
 * exists, so that only the first guest pays for the decompression.
 */
int tl_kernel_load(struct tl_ctx *ctx, const char *path, struct tl_loaded *out);
void tl_kernel_release(struct tl_loaded *l);

/* Check that the host has `kib` free, shrinking domain 0 if that is allowed; else explain what
 * would help. */
int tl_memory_reserve(struct tl_ctx *ctx, uint64_t kib);

/* What a new domain's nodes in the store need to know. */
struct tl_birth {
	uint32_t domid;
	const struct tl_config *c;
	uint64_t store_mfn, console_mfn;
	uint32_t store_port, console_port;
};

/* 0 when no domain has that name, else -EEXIST with ctx->err set. */
int tl_name_check(struct tl_ctx *ctx, const char *name);

/* Write all nodes of a new domain in one transaction. -EEXIST: the name is taken. */
int tl_birth_publish(struct tl_ctx *ctx, const struct tl_birth *b);

/* Remove all nodes of a domain, except its devices' backend directories. */
void tl_birth_erase(struct tl_ctx *ctx, uint32_t domid);

/*
 * Create a domain, paused. On failure the host is as before, and ctx->err says which step failed.
 * config_text and overrides are remembered for restarts.
 */
int tl_domain_create(struct tl_ctx *ctx, struct tl_config *c, const char *config_text, const char *overrides,
		     uint32_t *domid);

/* Destroy a domain and all that belongs to it. Devices that do not answer are taken away. */
int tl_domain_destroy(struct tl_ctx *ctx, uint32_t domid);

/*
 * The remembered configuration of a domain: the text it was made from and the overrides, for
 * free(). Returns 0 or -ENOENT.
 */
int tl_saved_read(uint32_t domid, char **text, char **overrides);
int tl_saved_write(uint32_t domid, const char *text, const char *overrides);
void tl_saved_erase(uint32_t domid);

/* The remembered configuration, parsed; NULL when there is none. Free with tl_config_free() and
 * free(). */
struct tl_config *tl_saved_config(uint32_t domid);

/* Give a domain that has not run the CPUID leaves of its configuration; the ports, device memory and
 * interrupts. */
int tl_domain_cpuid(struct tl_ctx *ctx, uint32_t domid, const struct tl_config *c);
int tl_domain_permit(struct tl_ctx *ctx, uint32_t domid, const struct tl_config *c);

/* The number of the CPU pool of that name; NULL: the one that is always there. Returns 0 or -ESRCH. */
int tl_pool_find(struct tl_ctx *ctx, const char *name, uint32_t *id);

/* Set scheduling parameters and CPU affinity from the configuration. */
int tl_domain_schedule(struct tl_ctx *ctx, uint32_t domid, const struct tl_config *c);
/* Hard and soft affinity, as cpuset.h has them, NULL: as it is; the host's masks narrow the hard one. */
int tl_vcpu_pin(struct tl_ctx *ctx, uint32_t domid, unsigned vcpu, const char *hard, const char *soft, int force);

void tl_uuid_format(const uint8_t uuid[16], char out[37]);
