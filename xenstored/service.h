/* SPDX-License-Identifier: MIT */
/* The daemon towards the system: directory, socket, pid file, readiness. */
#pragma once

#include "options.h"

/* Go into the background, unless told not to; the first process ends when the store serves. */
void service_daemonize(const struct options *o);
/* Make the run directory and the listening socket in it; -1 after logging why not. */
int service_listen(const struct options *o);
void service_pid_file(const struct options *o);
/* Tell whoever waits (the starting process, systemd) that the store serves. */
void service_ready(const struct options *o);
/* Let go of the terminal or pipe: whoever started us may be reading our output to its end. */
void service_background(const struct options *o);
/* Remove what should not outlive the daemon. */
void service_end(const struct options *o);
