/* SPDX-License-Identifier: MIT */
/*
 * The log: one line per fact, to stderr, syslog or a file. Levels are syslog's. While a journal is
 * replayed nothing is logged: those things have been said before.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

enum log_to { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_FILE };

/* Choose the sink; `path` is for LOG_TO_FILE. Returns 0 or -errno (the old sink stays). */
int log_open(enum log_to to, const char *path);
/* Drop messages less important than `level` (LOG_ERR .. LOG_DEBUG). */
void log_level(int level);
/* Nothing is logged while muted. */
void log_mute(bool mute);
/*
 * Whether the n-th time of what a guest can make happen at will is worth a line: the first, and then each
 * time that the count has doubled.
 */
static inline bool log_worth(uint32_t n) { return (n & (n - 1)) == 0; }
void log_msg(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The trace of every request and reply that CONTROL "log on" asks for. */
void log_trace_on(bool on);
bool log_tracing(void);

#define log_err(...)   log_msg(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_msg(LOG_WARNING, __VA_ARGS__)
#define log_info(...)  log_msg(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_msg(LOG_DEBUG, __VA_ARGS__)
