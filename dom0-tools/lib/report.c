/* SPDX-License-Identifier: MIT */
/*
 * Model: cells are kept as text; column types decide about quoting and alignment at printing time.
 * A name-value list is a table turned on its side: names are kept beside the cells.
 */
#include "report.h"
#include "diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_gen.h>

struct cell {
	char *text, *name; /* name: pairs only */
	enum tl_cell_type type;
};

struct tl_report {
	const char *schema;
	const struct tl_column *cols; /* NULL: pairs */
	int ncols;
	struct cell *cell;
	size_t cells;
	int lost; /* memory ran out on the way */
};

struct tl_report *tl_table(const char *schema, const struct tl_column *cols, int n) {
	struct tl_report *r = calloc(1, sizeof(*r));

	if (r) *r = (struct tl_report){ .schema = schema, .cols = cols, .ncols = n };
	return r;
}

struct tl_report *tl_pairs(const char *schema) {
	return tl_table(schema, NULL, 0);
}

static void add(struct tl_report *r, const char *name, enum tl_cell_type type, const char *fmt, va_list ap) {
	struct cell *grown;
	char *text = NULL;

	if (!r) return;
	grown = realloc(r->cell, (r->cells + 1) * sizeof(*grown));
	if (grown) r->cell = grown;
	if (!grown || vasprintf(&text, fmt, ap) < 0) {
		r->lost = 1;
		return;
	}
	r->cell[r->cells++] = (struct cell){ text, name ? strdup(name) : NULL, type };
}

void tl_cell(struct tl_report *r, const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	add(r, NULL, r ? r->cols[r->cells % r->ncols].type : TL_TEXT, fmt, ap);
	va_end(ap);
}

void tl_pair(struct tl_report *r, const char *name, enum tl_cell_type type, const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	add(r, name, type, fmt, ap);
	va_end(ap);
}

static const char *shown(const struct cell *c) { return *c->text ? c->text : c->type == TL_NUM ? "-" : ""; }

static int column_width(const struct tl_report *r, int col) {
	size_t w = strlen(r->cols[col].head), i, n;

	if (w < (size_t)r->cols[col].width) w = r->cols[col].width;
	for (i = col; i < r->cells; i += r->ncols) {
		n = strlen(shown(&r->cell[i]));
		if (n > w) w = n;
	}
	return w;
}

static int last_column(const struct tl_report *r) {
	int i, last = 0;

	for (i = 0; i < r->ncols; i++)
		if (!(r->cols[i].flags & TL_JSON_ONLY)) last = i;
	return last;
}

/* One line of a table; cells NULL: the heads. */
static void print_line(const struct tl_report *r, FILE *out, const struct cell *cells, const int *width) {
	int i, last = last_column(r), first = 1;
	const char *text;

	for (i = 0; i <= last; i++) {
		if (r->cols[i].flags & TL_JSON_ONLY) continue;
		text = cells ? shown(&cells[i]) : r->cols[i].head;
		if (!first) fputc(' ', out);
		first = 0;
		if (r->cols[i].flags & TL_RIGHT)
			fprintf(out, "%*s", width[i], text);
		else if (i == last)
			fputs(text, out);
		else
			fprintf(out, "%-*s", width[i], text);
	}
	fputc('\n', out);
}

static void print_text(const struct tl_report *r, FILE *out) {
	int width[64], i;
	size_t k;

	for (k = 0; k < r->cells; k++) tl_tame(r->cell[k].text);
	for (k = 0; !r->cols && k < r->cells; k++) fprintf(out, "%-22s : %s\n", r->cell[k].name, shown(&r->cell[k]));
	if (!r->cols) return;
	for (i = 0; i < r->ncols && i < 64; i++) width[i] = column_width(r, i);
	print_line(r, out, NULL, width);
	for (k = 0; k + r->ncols <= r->cells; k += r->ncols) print_line(r, out, &r->cell[k], width);
}

static void gen_text(yajl_gen g, const char *s) {
	if (yajl_gen_string(g, (const unsigned char *)s, strlen(s)) != yajl_gen_status_ok) yajl_gen_null(g);
}

static const char *skip_digits(const char *s) { return s + strspn(s, "0123456789"); }

/* Whether it is a number as JSON has them. */
static int is_number(const char *s) {
	const char *p = s + (*s == '-'), *end = skip_digits(p);

	if (end == p || (*p == '0' && end > p + 1)) return 0;
	if (*end == '.') {
		p = end + 1;
		end = skip_digits(p);
		if (end == p) return 0;
	}
	if (*end == 'e' || *end == 'E') {
		p = end + 1 + (end[1] == '+' || end[1] == '-');
		end = skip_digits(p);
		if (end == p) return 0;
	}
	return !*end;
}

static void gen_cell(yajl_gen g, const char *name, const struct cell *c) {
	gen_text(g, name);
	if (c->type == TL_TEXT)
		gen_text(g, c->text);
	else if (!*c->text)
		yajl_gen_null(g);
	else if (c->type == TL_BOOL)
		yajl_gen_bool(g, strcmp(c->text, "0") != 0 && strcmp(c->text, "no") != 0);
	else if (is_number(c->text))
		yajl_gen_number(g, c->text, strlen(c->text));
	else
		gen_text(g, c->text); /* a guest wrote what ought to be a number */
}

static void gen_rows(yajl_gen g, const struct tl_report *r) {
	size_t i;
	int k;

	gen_text(g, "rows");
	yajl_gen_array_open(g);
	for (i = 0; i + r->ncols <= r->cells; i += r->ncols) {
		yajl_gen_map_open(g);
		for (k = 0; k < r->ncols; k++) gen_cell(g, r->cols[k].key, &r->cell[i + k]);
		yajl_gen_map_close(g);
	}
	yajl_gen_array_close(g);
}

static void print_json(const struct tl_report *r, FILE *out) {
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *buf;
	char name[64];
	size_t n, i;

	if (!g) return;
	yajl_gen_config(g, yajl_gen_beautify, 1);
	yajl_gen_config(g, yajl_gen_validate_utf8, 1);
	yajl_gen_map_open(g);
	snprintf(name, sizeof(name), "tl.%s", r->schema);
	gen_text(g, "schema");
	gen_text(g, name);
	gen_text(g, "version");
	yajl_gen_integer(g, 1);
	for (i = 0; !r->cols && i < r->cells; i++) gen_cell(g, r->cell[i].name, &r->cell[i]);
	if (r->cols) gen_rows(g, r);
	yajl_gen_map_close(g);
	if (yajl_gen_get_buf(g, &buf, &n) == yajl_gen_status_ok) fwrite(buf, 1, n, out);
	yajl_gen_free(g);
}

void tl_report_print(struct tl_report *r, FILE *out, int json) {
	if (!r) return;
	if (json)
		print_json(r, out);
	else
		print_text(r, out);
	tl_report_free(r);
}

void tl_report_free(struct tl_report *r) {
	size_t i;

	if (!r) return;
	for (i = 0; i < r->cells; i++) {
		free(r->cell[i].text);
		free(r->cell[i].name);
	}
	free(r->cell);
	free(r);
}
