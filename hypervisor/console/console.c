/* SPDX-License-Identifier: MIT */
/*
 * All output of ring 0 goes into a ring, and to the serial line once that is up. Positions in the
 * ring are 32-bit counters that only grow; the byte of position p is at p mod size, and the oldest
 * one kept is `start` (at most a ring's length back). dom0's console bytes go to the line raw and
 * are not kept; other domains' are gathered into lines, shown as "(dN) line" at the guests' debug
 * level.
 *
 * console_lock guards everything here but the input ring, which has one writer (the serial
 * interrupt) and one reader (dom0's CONSOLEIO_read). A panic breaks the lock.
 */
#include "console.h"
#include "options.h"

#include <xen/xen.h>

#define RING_SIZE  32768u
#define INPUT_SIZE 128u
#define LINE_MAX   160u
#define LINES      16u

static const char prefix[] = "(tenon) ";

static struct spinlock console_lock = SPINLOCK_INIT(RANK_CONSOLE);
static bool emergency;
/* console_lock: */
static bool serial_up;
static char ring[RING_SIZE];
static uint32_t ring_end, ring_start, ring_notified;
static char last_sent = '\n';
static struct line {
	domid_t domid; /* 0: free */
	unsigned len;
	char text[LINE_MAX];
} lines[LINES];
static unsigned line_victim;
/* input: */
static char input[INPUT_SIZE];
static uint32_t input_end, input_start;

static struct spinlock *lock(void) { return emergency ? NULL : &console_lock; }

void console_emergency(void) { emergency = true; }

static void send(char c) {
	if (c == '\n' && last_sent != '\r') uart_putc('\r');
	uart_putc(c);
	last_sent = c;
}

static void keep(char c) {
	ring[ring_end++ % RING_SIZE] = c;
	if (ring_end - ring_start > RING_SIZE) ring_start = ring_end - RING_SIZE;
}

static void emit(const char *s, size_t n) {
	for (; n; n--, s++) {
		keep(*s);
		if (serial_up) send(*s);
	}
}

/* Start a fresh line on whatever is in the middle of one. */
static void fresh_line(void) {
	if (serial_up && last_sent != '\n') send('\n');
	if (ring_end && ring[(ring_end - 1) % RING_SIZE] != '\n') keep('\n');
}

void console_log(const char *text) {
	SPIN_GUARD(lock());

	fresh_line();
	while (*text) {
		const char *end = strchrnul(text, '\n');

		emit(prefix, sizeof(prefix) - 1);
		emit(text, (size_t)(end - text));
		emit("\n", 1);
		text = *end ? end + 1 : end;
	}
}

void console_init(void) {
	bool up = options.com1[0] && uart_init(options.com1);
	SPIN_GUARD(lock());

	serial_up = up;
	for (uint32_t at = ring_start; up && at != ring_end; at++) send(ring[at % RING_SIZE]);
}

/* -- output of guests -- */

static struct line *line_of(domid_t id) {
	struct line *l;

	for (l = lines; l < lines + LINES; l++)
		if (l->domid == id) return l;
	l = &lines[line_victim++ % LINES];
	*l = (struct line){ .domid = id };
	return l;
}

static void line_show(struct line *l) {
	char head[16];

	if (log_admits(&log_guests, LOG_DEBUG)) {
		fresh_line();
		emit(head, (size_t)format(head, sizeof(head), "(d%u) ", l->domid));
		emit(l->text, l->len);
		emit("\n", 1);
	}
	l->len = 0;
}

/* Control characters other than tab are dropped, so that a guest cannot steer the terminal. */
static void line_add(struct line *l, char c) {
	if (c == '\n' || l->len == LINE_MAX) line_show(l);
	if ((unsigned char)c >= ' ' || c == '\t') l->text[l->len++] = c;
}

void console_guest_write(struct domain *d, const char *s, size_t n) {
	SPIN_GUARD(lock());

	if (d->privileged)
		while (serial_up && n--) send(*s++);
	else
		for (struct line *l = line_of(d->id); n--; s++) line_add(l, *s);
}

/* -- input -- */

void console_input(char c) {
	uint32_t end = input_end;

	if (end - __atomic_load_n(&input_start, __ATOMIC_ACQUIRE) < INPUT_SIZE) {
		input[end % INPUT_SIZE] = c;
		__atomic_store_n(&input_end, end + 1, __ATOMIC_RELEASE);
	}
	virq_raise_global(VIRQ_CONSOLE);
}

size_t console_read(char *buf, size_t n) {
	uint32_t at = input_start, end = __atomic_load_n(&input_end, __ATOMIC_ACQUIRE);
	size_t got = 0;

	while (got < n && at != end) buf[got++] = input[at++ % INPUT_SIZE];
	__atomic_store_n(&input_start, at, __ATOMIC_RELEASE);
	return got;
}

/* -- the ring -- */

size_t console_ring_read(uint32_t *index, char *buf, size_t n) {
	SPIN_GUARD(lock());
	size_t got = 0;

	if (ring_end - *index > ring_end - ring_start) *index = ring_start;
	while (got < n && *index != ring_end) buf[got++] = ring[(*index)++ % RING_SIZE];
	return got;
}

uint32_t console_ring_start(void) { return READ_ONCE(ring_start); }

void console_ring_clear(void) {
	SPIN_GUARD(lock());

	ring_start = ring_end;
}

void console_notify(void) {
	if (READ_ONCE(ring_end) == ring_notified) return;
	WRITE_ONCE(ring_notified, ring_end);
	virq_raise_global(VIRQ_CON_RING);
}
