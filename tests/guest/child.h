/* SPDX-License-Identifier: MIT */
/*
 * Other domains for a test. The test program is dom0 and its own toolstack: it makes domains of its own
 * image, which run one of its functions. Parent and child talk through the box, a page of the child's that
 * the parent maps too.
 *
 * Invariant: a child's image is the parent's as it was loaded: code and constants are copied, initialised
 * data come from a copy made at the start, everything else is zero.
 */
#pragma once

#include <kit/evtchn.h>
#include <kit/pt.h>
#include <kit/time.h>

#define MS     1000000UL
#define SECOND (1000 * MS)

#define CHILD_PAGES 704 /* the first MiB, the image, its tables, and a little to allocate */

/* The page that parent and child share. */
struct child_box {
	void (*run)(void); /* what the child runs */
	uint64_t arg[8];   /* for it */
	uint64_t state;    /* from it: how far it is, 0 at the start */
	uint64_t out[16];  /* from it: results */
	uint64_t count[8]; /* from it: one counter for each vCPU */
};

struct child {
	unsigned int id;
	volatile struct child_box *box; /* where the parent sees it */
	volatile void *console;
	unsigned long root_mfn, shared_mfn,
		spare_mfn; /* machine frames: its root, its shared_info, one it never uses */
};

struct child_limits {
	unsigned int vcpus, ports, grant_frames, maptrack_frames;
	unsigned long max_pages; /* 0: just CHILD_PAGES */
};

extern const struct child_limits child_usual; /* one vCPU, 1023 ports, 4 frames, 4 frames */

/* In a child: the box. */
extern volatile struct child_box *const child_own_box;

/*
 * First thing in guest_main(). Initialises the kit. In a child it runs what the box says and does not return.
 */
void child_init(void);

/* Creates a domain that will run `run` once started. 0 or the hypervisor's error; then nothing is left of it.
 */
long child_create(struct child *c, const struct child_limits *limits, void (*run)(void));
long child_start(struct child *c);

/* Destroys it and waits until it is gone, or until only mappings keep it. 0 or the hypervisor's error. */
long child_destroy(struct child *c);

/* Whether the hypervisor still lists it. */
bool child_exists(unsigned int id);

/* Nanoseconds that its vCPUs ran; its pages; whether it has ended (reason in *reason). */
uint64_t child_cpu_time(const struct child *c);
uint64_t child_tot_pages(const struct child *c);
bool child_ended(const struct child *c, unsigned int *reason);

/* Waits until box->state is at least `state`, showing what the child prints: false after `ns`. */
bool child_wait(struct child *c, uint64_t state, uint64_t ns);

/* Prints what the child has written to its console. */
void child_console(struct child *c);

/* Blocks the calling vCPU of the parent. */
void child_sleep(uint64_t ns);

/* domctl and sysctl: the caller fills `u`; 0 or the hypervisor's error. */
struct xen_domctl;
struct xen_sysctl;
long child_domctl(unsigned int cmd, unsigned int domid, struct xen_domctl *op);
long child_sysctl(unsigned int cmd, struct xen_sysctl *op);

/* Hard affinity of one vCPU, or of all (vcpu ALL_VCPUS). */
#define ALL_VCPUS (~0U)
long child_pin(const struct child *c, unsigned int vcpu, uint64_t cpus);

/* Weight and cap at the credit2 scheduler. */
long child_weight(const struct child *c, unsigned int weight, unsigned int cap);

/* Pages that the hypervisor has free. */
uint64_t child_free_pages(void);

/* Maps a frame of another domain at `va`; `pte` is complete. 0 unmaps. */
long child_map_foreign(const volatile void *va, uint64_t pte, unsigned int domid);
