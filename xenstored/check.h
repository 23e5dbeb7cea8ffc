/* SPDX-License-Identifier: MIT */
/* The machine's own invariants, checked from outside its working code. */
#pragma once

#include "machine.h"

/* Number of violations; each is described by a line appended to `why`. */
int machine_check(const struct machine *m, struct buf *why);
