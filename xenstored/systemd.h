/* SPDX-License-Identifier: MIT */
/*
 * systemd, spoken to by its two documented interfaces, without its library: notification
 * (sd_notify(3)) and descriptors that the service manager keeps for us, so that they outlive even
 * the holder (sd_listen_fds(3), FileDescriptorStoreMax=). Without systemd these do nothing.
 */
#pragma once

#include <stdbool.h>

/* Whether a service manager listens. */
bool systemd_present(void);
/* Send lines of VARIABLE=value, with a descriptor if fd >= 0. Never waits. */
void systemd_notify(const char *text, int fd);
/* Have it keep a descriptor by a name, and forget it. */
void systemd_keep(const char *name, int fd);
void systemd_forget(const char *name);
/* Call fn for each descriptor that it had kept; how many there were. */
int systemd_kept(void (*fn)(void *arg, const char *name, int fd), void *arg);
