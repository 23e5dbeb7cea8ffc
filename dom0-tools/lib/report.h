/* SPDX-License-Identifier: MIT */
/*
 * What commands print: tables and name-value lists, as aligned text or as JSON from the same rows.
 *
 * A JSON document is one object: "schema" (tl.NAME), "version" (a number that grows when a member
 * changes its meaning or goes away; new members may appear at any time), and either "rows" (an
 * array of objects) or the members themselves.
 */
#pragma once

#include <stdio.h>

enum tl_cell_type { TL_TEXT, TL_NUM, TL_BOOL };

#define TL_JSON_ONLY 1 /* column flag: not in the text table */
#define TL_RIGHT     2 /* column flag: right-aligned text */

struct tl_column {
	const char *key;  /* in JSON */
	const char *head; /* in text */
	enum tl_cell_type type;
	int width; /* least width in text */
	int flags;
};

struct tl_report;

/* A table. The columns must stay alive. NULL when out of memory; all functions accept NULL. */
struct tl_report *tl_table(const char *schema, const struct tl_column *cols, int n);

/* A list of names and values; add with tl_pair(). */
struct tl_report *tl_pairs(const char *schema);

/* The next cell of a table, row by row. A NULL or empty NUM cell is null in JSON and "-" in text. */
__attribute__((format(printf, 2, 3))) void tl_cell(struct tl_report *r, const char *fmt, ...);
__attribute__((format(printf, 4, 5))) void tl_pair(struct tl_report *r, const char *name, enum tl_cell_type type,
						   const char *fmt, ...);

/* Print and free. */
void tl_report_print(struct tl_report *r, FILE *out, int json);
void tl_report_free(struct tl_report *r);
