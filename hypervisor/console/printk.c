/* SPDX-License-Identifier: MIT */
/*
 * Messages and their thresholds. Each of the two classes (ring 0's own: loglvl=, about and from
 * guests: guest_loglvl=) has a level up to which all is shown and one up to which lines are shown
 * within a rate limit: BURST lines per PERIOD, the rest counted and told.
 */
#include "console.h"
#include "options.h"

#define BURST  20u
#define PERIOD 5000000000ULL /* ns */

static struct log_threshold own = { LOG_INFO, LOG_INFO };
static struct log_threshold guests = { -1, LOG_WARN };

static struct {
	uint64_t since; /* begin of the period, now_ns() */
	uint32_t shown, lost;
} limit;

static const struct {
	const char *name;
	int level;
} levels[] = {
	{ "none", -1 },       { "error", LOG_ERR },   { "warning", LOG_WARN },
	{ "info", LOG_INFO }, { "debug", LOG_DEBUG }, { "all", LOG_DEBUG },
};

static bool level_parse(const char *s, size_t n, int *out) {
	for (unsigned i = 0; i < ARRAY_SIZE(levels); i++)
		if (strlen(levels[i].name) == n && !strncmp(levels[i].name, s, n)) {
			*out = levels[i].level;
			return true;
		}
	return false;
}

bool log_threshold_parse(const char *s, struct log_threshold *t) {
	const char *slash = strchr(s, '/');
	size_t n = slash ? (size_t)(slash - s) : strlen(s);
	struct log_threshold r;

	if (!level_parse(s, n, &r.always)) return false;
	r.limited = r.always;
	if (slash && !level_parse(slash + 1, strlen(slash + 1), &r.limited)) return false;
	*t = r;
	return true;
}

void log_init(void) {
	if (options.loglvl[0] && !log_threshold_parse(options.loglvl, &own))
		printk(LOG_WARN, "option loglvl=%s ignored: no such level\n", options.loglvl);
	if (options.guest_loglvl[0] && !log_threshold_parse(options.guest_loglvl, &guests))
		printk(LOG_WARN, "option guest_loglvl=%s ignored: no such level\n", options.guest_loglvl);
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

static bool admits(const struct log_threshold *t, enum log_level level) {
	if ((int)level <= t->always) return true;
	return (int)level <= t->limited && within_rate();
}

bool log_guest_admits(enum log_level level) { return admits(&guests, level); }

static void tell_lost(void) {
	char text[64];
	uint32_t n;

	if (!READ_ONCE(limit.lost) || READ_ONCE(limit.shown) > 1) return;
	n = __atomic_exchange_n(&limit.lost, 0, __ATOMIC_RELAXED);
	format(text, sizeof(text), "%u messages were not shown (rate limit)\n", n);
	console_log(text);
}

void printk(enum log_level level, const char *fmt, ...) {
	char text[320];
	va_list ap;

	if (!admits(&own, level)) return;
	va_start(ap, fmt);
	vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	console_log(text);
}

void gprintk(const struct domain *d, enum log_level level, const char *fmt, ...) {
	char text[320];
	int n;
	va_list ap;

	if (!admits(&guests, level)) return;
	tell_lost();
	n = format(text, sizeof(text), "d%u: ", d->id);
	va_start(ap, fmt);
	vformat(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	console_log(text);
}
