/* SPDX-License-Identifier: MIT */
/*
 * The console ring (xen/io/console.h), from the daemon's side.
 *
 * The page is shared with the guest and hostile: indices are read once, and a distance larger than
 * the ring is answered by skipping to the guest's index. Bytes are copied before anything looks at
 * them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct xencons_interface;

/*
 * Copy up to n bytes of guest output. Returns how many; *broken is set when the guest's indices made no
 * sense. The bytes stay in the ring until ring_done(): who dies between the two finds them again.
 */
size_t ring_peek(struct xencons_interface *ring, char *out, size_t n, int *broken);
void ring_done(struct xencons_interface *ring, size_t n);

/* Is there output to take? */
int ring_pending(const struct xencons_interface *ring);

/* Give up to n bytes of input to the guest. Returns how many fitted. */
size_t ring_give(struct xencons_interface *ring, const char *in, size_t n);

/* How many bytes of input would fit now. */
size_t ring_space(const struct xencons_interface *ring);
