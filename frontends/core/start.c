/* SPDX-License-Identifier: MIT */
/* A guest's life: start on vCPU 0 with what the domain builder left, guest_main(), end by sched_op
 * shutdown. */
#include <kit/guest.h>

struct start_info *kit_start_info;

static void shutdown(unsigned int reason) __attribute__((noreturn));

static void shutdown(unsigned int reason) {
	struct sched_shutdown how = { .reason = reason };

	for (;;) hv_sched_op(SCHEDOP_shutdown, &how);
}

void kit_poweroff(void) { shutdown(kit_start_info->flags & SIF_INITDOMAIN ? SHUTDOWN_reboot : SHUTDOWN_poweroff); }

void kit_panic(const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	kit_vprintf(fmt, ap);
	va_end(ap);
	kit_console_write("\n", 1);
	shutdown(SHUTDOWN_crash);
}

void kit_start(struct start_info *si) {
	kit_start_info = si;
	guest_main();
	kit_poweroff();
}

static bool word_has_key(const char *word, const char *key, size_t length) {
	return strncmp(word, key, length) == 0 && word[length] == '=';
}

bool kit_option(const char *key, char *value, size_t size) {
	const char *word = (const char *)kit_start_info->cmd_line;
	size_t length = strlen(key), n = 0;

	while (*word && !word_has_key(word, key, length)) {
		while (*word && *word != ' ') word++;
		while (*word == ' ') word++;
	}
	if (!*word || !size) return false;
	for (word += length + 1; *word && *word != ' ' && n + 1 < size; word++) value[n++] = *word;
	value[n] = '\0';
	return true;
}
