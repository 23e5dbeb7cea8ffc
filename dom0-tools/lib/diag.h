/* SPDX-License-Identifier: MIT */
/*
 * Messages about a configuration, collected with their place.
 *
 * Text has one message per line: "FILE:LINE: KEY: error|warning: sentence". Nothing is printed
 * here.
 */
#pragma once

struct tl_diag {
	const char *file;
	char *text; /* NULL while empty; freed by tl_diag_free() */
	int errors, warnings;
};

__attribute__((format(printf, 4, 5))) void tl_diag_error(struct tl_diag *d, int line, const char *key, const char *fmt,
							 ...);
__attribute__((format(printf, 4, 5))) void tl_diag_warn(struct tl_diag *d, int line, const char *key, const char *fmt,
							...);
void tl_diag_free(struct tl_diag *d);

/* Text that may come from a guest is to be shown: replace what would command the terminal. */
void tl_tame(char *text);
