/* SPDX-License-Identifier: MIT */
/*
 * Event channels, 2-level format: a port is pending in shared_info.evtchn_pending, masked in
 * evtchn_mask; each vCPU has a selector of words with pending ports. kit_events_init() makes the
 * event callback call one handler for each port.
 */
#pragma once

#include <kit/shared.h>
#include <kit/trap.h>

#define KIT_PORTS 4096U

typedef void event_handler(unsigned int port);

/* Takes the event callback; all ports stay masked until kit_event_handle(). Needs
 * kit_shared_init(), kit_traps_init(). */
void kit_events_init(void);

/* Sets the handler of a port and unmasks it (NULL: masks it). */
void kit_event_handle(unsigned int port, event_handler *handler);

/* Mask and pending bits. kit_event_unmask() delivers an event that came meanwhile. */
void kit_event_mask(unsigned int port);
void kit_event_unmask(unsigned int port);
bool kit_event_pending(unsigned int port);
void kit_event_clear(unsigned int port);

/* Requests of the hypervisor. The binds return a port, or a negative errno. */
long kit_event_bind_virq(unsigned int virq, unsigned int vcpu);
long kit_event_bind_ipi(unsigned int vcpu);
long kit_event_alloc_unbound(unsigned int dom, unsigned int remote);
long kit_event_bind_interdomain(unsigned int remote, unsigned int remote_port);
long kit_event_send(unsigned int port);
long kit_event_close(unsigned int port);

/* Delivery to the calling vCPU as a whole. kit_events_on() delivers what is pending. */
void kit_events_off(void);
void kit_events_on(void);
