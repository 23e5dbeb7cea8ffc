/* SPDX-License-Identifier: MIT */
/*
 * One console: a guest's ring on one side, a pty (or a socket, for channels) and a log on the
 * other.
 */
#pragma once

#include <stdint.h>

#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>

#include "guestlog.h"
#include "ring.h"
#include "store.h"

/* The handles that all consoles share. */
struct shared {
	xenevtchn_handle *evtchn;
	xengnttab_handle *gnttab;
	xenforeignmemory_handle *fmem;
	struct tl_store *store;
	const char *log_dir; /* NULL: no logs */
};

#define BACKLOG 65536 /* output kept while nobody reads the pty */

struct console {
	struct console *next;
	uint32_t domid;
	unsigned num; /* 0: the guest's console; else device/console/NUM */
	/* the guest's side */
	struct xencons_interface *ring;
	int by_grant;                   /* how the ring was mapped */
	xenevtchn_port_or_error_t port; /* local; -1: none */
	/* our side */
	int master, slave;  /* pty; the slave stays open so that the master never hangs up */
	int listener, peer; /* channel with connection=socket; -1 */
	char unix_path[108];
	struct guestlog log;
	char backlog[BACKLOG];
	unsigned from, len; /* the bytes in it, as a ring */
	/* flood control: bytes that may be taken before the next refill */
	long tokens;
	int starved; /* output waits in the ring for a refill */
	int broken;  /* the guest's indices were nonsense once: said in the log */
};

/*
 * Serve a console. Returns NULL (and leaves nothing open) when the guest has none ready, or it
 * cannot be mapped; the caller tries again after the next event.
 */
struct console *console_open(struct shared *s, uint32_t domid, unsigned num);
void console_close(struct shared *s, struct console *c);

/* Move guest output to log and backlog, as far as tokens go; notifies the guest. */
void console_drain(struct shared *s, struct console *c);

/* The outside can take or has bytes. */
void console_write_out(struct console *c);
void console_read_in(struct shared *s, struct console *c);

/* A connection to a channel's socket. */
void console_accept(struct console *c);

/* The descriptor to poll for input and output; -1: none now. */
int console_fd(const struct console *c);

/* Refill tokens: call every REFILL_MS. Returns 1 when output was waiting for it. */
#define REFILL_MS 50
extern long console_rate; /* bytes per refill; 64 KiB make 1.25 MiB/s for each guest */
int console_refill(struct console *c);
