/* SPDX-License-Identifier: MIT */
/* Console: ring positions, prefixes, lines of guests, thresholds, input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "console.h"
#include "host.h"
#include "hypercall.h"
#include "options.h"
#include "plat_dummies.h"

static unsigned virqs;

void virq_raise_global(unsigned virq) {
	assert_true(virq == VIRQ_CONSOLE || virq == VIRQ_CON_RING);
	virqs++;
}

static struct domain privileged = { .id = 0, .privileged = true };
static struct domain guest = { .id = 7 };

static int setup(void **state) {
	host_machine_init(4, 1);
	options = (struct options){ .com1 = "115200,8n1" };
	assert_true(log_threshold_parse("info", &log_own));
	assert_true(log_threshold_parse("all", &log_guests));
	console_init();
	console_ring_clear();
	host_serial_len = 0;
	host_serial[0] = 0;
	virqs = 0;
	return 0;
}

static int teardown(void **state) {
	host_machine_free();
	return 0;
}

static void test_message_has_prefix_and_fresh_line(void **state) {
	console_guest_write(&privileged, "login: ", 7);
	printk(LOG_INFO, "one\ntwo\n");
	printk(LOG_DEBUG, "hidden\n");
	assert_string_equal(host_serial, "login: \r\n(tenon) one\r\n(tenon) two\r\n");
}

static void test_crlf_is_not_doubled(void **state) {
	console_guest_write(&privileged, "a\r\nb\n", 5);
	assert_string_equal(host_serial, "a\r\nb\r\n");
}

static void test_guest_lines(void **state) {
	console_guest_write(&guest, "hel", 3);
	assert_string_equal(host_serial, "");
	console_guest_write(&guest, "lo\x1b[2J\nrest", 11);
	assert_string_equal(host_serial, "(d7) hello[2J\r\n");
	console_guest_write(&guest, "\n", 1);
	assert_string_equal(host_serial, "(d7) hello[2J\r\n(d7) rest\r\n");
}

static void test_guest_long_line_is_cut(void **state) {
	char text[500];

	memset(text, 'x', sizeof(text));
	console_guest_write(&guest, text, sizeof(text));
	assert_int_equal(host_serial_len, 3 * (5 + 160 + 2));
}

static void test_guest_rate_limit(void **state) {
	unsigned lines = 0;

	assert_true(log_threshold_parse("none/all", &log_guests));
	host_time_advance(6000000000ULL);
	for (unsigned i = 0; i < 100; i++) gprintk(&guest, LOG_WARN, "m\n");
	for (size_t i = 0; i < host_serial_len; i++) lines += host_serial[i] == '\n';
	assert_int_equal(lines, 20);
	host_time_advance(6000000000ULL);
	gprintk(&guest, LOG_WARN, "again\n");
	gprintk(&guest, LOG_WARN, "again\n");
	assert_non_null(strstr(host_serial, "80 messages were not shown"));
}

static void test_ring_overwrites_oldest(void **state) {
	static char text[40000], back[40000];
	uint32_t at = console_ring_start();
	uint32_t first = at;

	for (unsigned i = 0; i < sizeof(text); i++) text[i] = (char)('a' + i % 26);
	text[sizeof(text) - 1] = 0;
	console_log(text);
	text[sizeof(text) - 1] = '\n';
	assert_int_equal(console_ring_read(&at, back, sizeof(back)), 32768);
	assert_memory_equal(back, text + sizeof(text) - 32768, 32768);
	assert_int_equal(at, first + strlen("(tenon) ") + sizeof(text));
	assert_int_equal(console_ring_read(&at, back, sizeof(back)), 0);
	at = first + 50000; /* a position not reached yet: from the oldest */
	assert_int_equal(console_ring_read(&at, back, 10), 10);
}

static void test_input(void **state) {
	char buf[256];

	for (unsigned i = 0; i < 200; i++) console_input((char)i);
	assert_int_equal(virqs, 200);
	assert_int_equal(console_read(buf, 100), 100);
	assert_int_equal(buf[99], 99);
	assert_int_equal(console_read(buf, 100), 28);
	assert_int_equal(console_read(buf, 100), 0);
}

static void test_thresholds(void **state) {
	struct log_threshold t = { 9, 9 };

	assert_true(log_threshold_parse("warning", &t));
	assert_int_equal(t.always, LOG_WARN);
	assert_int_equal(t.limited, LOG_WARN);
	assert_true(log_threshold_parse("none/all", &t));
	assert_int_equal(t.always, -1);
	assert_int_equal(t.limited, LOG_DEBUG);
	assert_false(log_threshold_parse("loud", &t));
	assert_false(log_threshold_parse("none/", &t));
	assert_int_equal(t.always, -1);
}

static void test_hypercall_bounds(void **state) {
	static char mem[4096];
	struct vcpu v = { .domain = &privileged };

	this_cpu()->vcpu = &v;
	host_guest_memory(mem, 0x1000, sizeof(mem));
	memcpy(mem, "dom0 text", 9);
	assert_int_equal(do_console_io(CONSOLEIO_write, 9, 0x1000, 0, 0, 0), 0);
	assert_string_equal(host_serial, "dom0 text");
	/* of much, so many bytes that interrupts need not wait long */
	assert_int_equal(do_console_io(CONSOLEIO_write, (uint32_t)-1, 0x1000, 0, 0, 0), -ERESTART);
	assert_int_equal(host_serial_len, 9 + 128);
	this_cpu()->work = 0;
	assert_int_equal(do_console_io(CONSOLEIO_write, (uint32_t)-1, 0x1000 + sizeof(mem), 0, 0, 0), -EFAULT);
	assert_int_equal(do_console_io(9, 0, 0, 0, 0, 0), -ENOSYS);
	console_input('k');
	assert_int_equal(do_console_io(CONSOLEIO_read, 100, 0x1000, 0, 0, 0), 1);
	assert_int_equal(mem[0], 'k');
	v.domain = &guest;
	assert_int_equal(do_console_io(CONSOLEIO_read, 100, 0x1000, 0, 0, 0), -EPERM);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_message_has_prefix_and_fresh_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crlf_is_not_doubled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_guest_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_guest_long_line_is_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_guest_rate_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ring_overwrites_oldest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_input, setup, teardown),
		cmocka_unit_test_setup_teardown(test_thresholds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hypercall_bounds, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
