/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's management interface, over libxencall and libxenforeignmemory.
 *
 * Every function returns 0 (or a count) or a negative errno. Structures are copied through pinned
 * buffers here, so callers use ordinary memory. One handle serves one thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/memory.h>
#include <xen/sysctl.h>
#include <xen/event_channel.h>

struct tl_hyper;

/* Open the privileged devices. -ENOENT or -EACCES: not a privileged domain, or modules missing. */
int tl_hyper_open(struct tl_hyper **out);
void tl_hyper_close(struct tl_hyper *h);

/* One domctl or sysctl; the interface version is filled in; -ERESTART and -EAGAIN are retried. */
int tl_domctl(struct tl_hyper *h, uint32_t cmd, uint32_t domid, struct xen_domctl *op);
int tl_sysctl(struct tl_hyper *h, uint32_t cmd, struct xen_sysctl *op);

/* Memory that hypercalls may point into. tl_hbuf() returns NULL when out of memory. */
void *tl_hbuf(struct tl_hyper *h, size_t n);
void tl_hbuf_free(struct tl_hyper *h, void *p);

/* Domain life cycle. */
int tl_dom_destroy(struct tl_hyper *h, uint32_t domid);
int tl_dom_pause(struct tl_hyper *h, uint32_t domid);
int tl_dom_unpause(struct tl_hyper *h, uint32_t domid);
int tl_dom_max_mem(struct tl_hyper *h, uint32_t domid, uint64_t kib);
int tl_dom_max_vcpus(struct tl_hyper *h, uint32_t domid, uint32_t n);
int tl_dom_set_handle(struct tl_hyper *h, uint32_t domid, const uint8_t uuid[16]);

/* -ESRCH when there is no domain of exactly this number. */
int tl_dom_info(struct tl_hyper *h, uint32_t domid, struct xen_domctl_getdomaininfo *info);

/* All domains, ascending; *list is for free(). Returns how many. */
int tl_dom_list(struct tl_hyper *h, struct xen_domctl_getdomaininfo **list);

/*
 * Populate guest pages pfn[i] with memory, in extents of 2^order pages; mfn[i] receives the bases.
 * Returns how many extents got memory (fewer when memory is short).
 */
int tl_mem_populate(struct tl_hyper *h, uint32_t domid, const xen_pfn_t *pfn, xen_pfn_t *mfn, size_t n, unsigned order);
int tl_mem_set_map(struct tl_hyper *h, uint32_t domid, uint64_t bytes);

/* Pin a frame as a top-level page table (level 3 for PAE guests, 4 for 64-bit ones). */
int tl_mem_pin(struct tl_hyper *h, uint32_t domid, xen_pfn_t mfn, int level);

/* Map n frames of a domain read-write; NULL with errno set. */
void *tl_mem_map(struct tl_hyper *h, uint32_t domid, const xen_pfn_t *mfn, size_t n);
void tl_mem_unmap(struct tl_hyper *h, void *p, size_t n);

/* Write one entry of the domain's grant table: frame mfn, for domain `to`. */
int tl_grant_seed(struct tl_hyper *h, uint32_t domid, uint32_t ref, uint32_t to, xen_pfn_t mfn);

/* Give a domain the interrupt line as the pirq of that number. */
int tl_pirq_map(struct tl_hyper *h, uint32_t domid, unsigned gsi);

/* Allocate a port in domid for remote to bind. Returns the port. */
int tl_evtchn_alloc(struct tl_hyper *h, uint32_t domid, uint32_t remote);

/* Text of the xen_version sub-operations (XENVER_extraversion and so on); n bytes at most. */
int tl_version(struct tl_hyper *h, int cmd, void *arg, size_t n);
