/* SPDX-License-Identifier: MIT */
/*
 * Messages and their thresholds. Each of the two classes (ring 0's own: loglvl=, about and from
 * guests: guest_loglvl=) has a level up to which all is shown and one up to which lines are shown
 * within a rate limit: BURST lines per PERIOD, the rest counted and told.
 */
#include "console.h"

#define BURST  20u
#define PERIOD 5000000000ULL /* ns */

struct log_threshold log_own = { LOG_INFO, LOG_INFO };
struct log_threshold log_guests = { -1, LOG_WARN };

static struct {
	uint64_t since; /* begin of the period, now_ns() */
	uint32_t shown, lost;
} limit;

/* From none, -1, up. */
static const char *const levels[] = { "none", "error", "warning", "info", "debug", "all" };

/* The level of that name: false if there is none. */
static bool level_parse(const char *s, size_t n, int *out) {
	for (unsigned i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strlen(levels[i]) != n || strncmp(levels[i], s, n)) continue;
		*out = MIN((int)i - 1, (int)LOG_DEBUG);
		return true;
	}
	return false;
}

bool log_threshold_parse(const char *s, struct log_threshold *t) {
	const char *slash = strchrnul(s, '/');
	struct log_threshold r;

	if (!level_parse(s, (size_t)(slash - s), &r.always)) return false;
	r.limited = r.always;
	if (*slash && !level_parse(slash + 1, strlen(slash + 1), &r.limited)) return false;
	*t = r;
	return true;
}

/* Races between CPUs can only let a line more or less through. */
static bool within_rate(void) {
	uint64_t now = now_ns();

	if (now - READ_ONCE(limit.since) > PERIOD) {
		WRITE_ONCE(limit.since, now);
		WRITE_ONCE(limit.shown, 0);
	}
	if (__atomic_fetch_add(&limit.shown, 1, __ATOMIC_RELAXED) < BURST) return true;
	__atomic_fetch_add(&limit.lost, 1, __ATOMIC_RELAXED);
	return false;
}

bool log_admits(const struct log_threshold *t, enum log_level level) {
	return (int)level <= t->always || ((int)level <= t->limited && within_rate());
}

static void tell_lost(void) {
	if (!READ_ONCE(limit.lost) || READ_ONCE(limit.shown) > 1) return;
	printk(LOG_ERR, "%u messages were not shown (rate limit)\n",
	       __atomic_exchange_n(&limit.lost, 0, __ATOMIC_RELAXED));
}

void gprintk(const struct domain *d, enum log_level level, const char *fmt, ...) {
	char text[320];
	int n = 0;
	va_list ap;

	if (!log_admits(d ? &log_guests : &log_own, level)) return;
	if (d) {
		tell_lost();
		n = format(text, sizeof(text), "d%u: ", d->id);
	}
	va_start(ap, fmt);
	vformat(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	console_log(text);
}
