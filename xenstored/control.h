/* SPDX-License-Identifier: MIT */
/* CONTROL commands that concern the process: its log, its memory, its replacement. */
#pragma once

#include <stdint.h>

struct worker;

/* Execute the command (strings, NUL-separated, checked by control.c). Returns 0 or -errno. */
int64_t control_process(struct worker *w, const char *text, uint32_t len);
