/* SPDX-License-Identifier: MIT */
/*
 * Event channels in the FIFO format: each vCPU has a control block with 16 queue heads, by
 * priority; an event is a word in the event array that links to the next event of its queue. It
 * replaces the 2-level format for the whole domain.
 */
#pragma once

#include <kit/evtchn.h>

/* Switches to FIFO for the calling vCPU, with an event array for 1024 ports. 0 or the hypervisor's
 * error. */
long kit_fifo_init(void);

/* Adds a control block for another vCPU; one more array page (1024 ports). */
long kit_fifo_init_vcpu(unsigned int vcpu);
long kit_fifo_expand(void);

/* An event's word, and its bits. */
volatile event_word_t *kit_fifo_word(unsigned int port);
bool kit_fifo_test(unsigned int port, unsigned int bit);

/* Calls `handler` for every event; it gets the queue (the priority) too. */
void kit_fifo_handle(void (*handler)(unsigned int port, unsigned int queue));

/* Clears the mask bit and, when the event is pending, has it delivered. */
void kit_fifo_unmask(unsigned int port);
void kit_fifo_mask(unsigned int port);

long kit_fifo_priority(unsigned int port, unsigned int priority);
