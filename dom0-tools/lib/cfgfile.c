/* SPDX-License-Identifier: MIT */
/*
 * Recursive descent over one buffer; see cfgfile.h for the language.
 *
 * Model: struct parser holds the position and the first error; once failed is set every function
 * returns at once. Values own their text; a half-built value is freed by whoever holds it.
 */
#include "cfgfile.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct parser {
	const char *at, *end;
	int line;
	int failed;
	const char *key; /* the one being read, or NULL */
	struct tl_diag *d;
};

static void fail(struct parser *p, const char *what) {
	if (!p->failed) tl_diag_error(p->d, p->line, p->key, "%s", what);
	p->failed = 1;
}

static int peek(const struct parser *p) { return p->at < p->end ? (unsigned char)*p->at : -1; }

/* Skip blanks and comments, and newlines too when they mean nothing here. */
static void skip(struct parser *p, int newlines) {
	int c;

	while ((c = peek(p)) >= 0) {
		if (c == '#') {
			while (peek(p) >= 0 && peek(p) != '\n') p->at++;
		} else if (c == '\n' && newlines) {
			p->line++;
			p->at++;
		} else if (c == ' ' || c == '\t' || c == '\r') {
			p->at++;
		} else if (c == '\\' && p->at + 1 < p->end && p->at[1] == '\n') {
			p->line++;
			p->at += 2;
		} else {
			break;
		}
	}
}

static void free_value(struct tl_cfg_value *v) {
	size_t i;

	for (i = 0; i < v->items; i++) free_value(&v->item[i]);
	free(v->item);
	free(v->text);
	memset(v, 0, sizeof(*v));
}

static int hex_digit(int c) {
	if (c >= '0' && c <= '9') return c - '0';
	c = tolower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Digits of a numeric escape in base 8 or 16, at most max of them. */
static int escape_number(struct parser *p, int base, int max) {
	int v = 0, n = 0, digit;

	while (n < max && (digit = hex_digit(peek(p))) >= 0 && digit < base) {
		v = v * base + digit;
		n++;
		p->at++;
	}
	if (!n || v == 0 || v > 255) fail(p, "bad numeric escape in a string");
	return v;
}

static int escape(struct parser *p) {
	static const char from[] = "abfnrtv\\\"'", to[] = "\a\b\f\n\r\t\v\\\"'";
	int c = peek(p);
	const char *hit = c > 0 ? strchr(from, c) : NULL;

	if (hit) {
		p->at++;
		return to[hit - from];
	}
	if (c == 'x') {
		p->at++;
		return escape_number(p, 16, 2);
	}
	if (c >= '0' && c <= '7') return escape_number(p, 8, 3);
	fail(p, "unknown escape in a string; write \\\\ for a backslash");
	return 0;
}

static void parse_string(struct parser *p, struct tl_cfg_value *v) {
	int quote = *p->at++, c;
	size_t n = 0;

	v->type = TL_CFG_STRING;
	v->text = malloc(p->end - p->at + 1);
	if (!v->text) {
		fail(p, "out of memory");
		return;
	}
	while ((c = peek(p)) >= 0 && c != quote && !p->failed) {
		p->at++;
		if (c == '\n' || c == 0) {
			fail(p, "the string is not closed on its line");
			break;
		}
		v->text[n++] = c == '\\' ? escape(p) : c;
	}
	v->text[n] = 0;
	v->text = realloc(v->text, n + 1);
	if (c != quote)
		fail(p, "the string is not closed");
	else
		p->at++;
}

static void parse_number(struct parser *p, struct tl_cfg_value *v) {
	const char *start = p->at;
	char *end;

	while (peek(p) > 0 && (isalnum(peek(p)) || peek(p) == '-' || peek(p) == '.')) p->at++;
	v->type = TL_CFG_NUMBER;
	v->text = strndup(start, p->at - start);
	if (!v->text) {
		fail(p, "out of memory");
		return;
	}
	errno = 0;
	v->num = strtoll(v->text, &end, 0);
	if (*end || end == v->text || errno)
		fail(p, isdigit((unsigned char)v->text[0]) || v->text[0] == '-'
				? "not a number (decimal, 0x hexadecimal or 0 octal)"
				: "a word without quotes; write \"...\" around strings");
}

static void parse_value(struct parser *p, struct tl_cfg_value *v, int depth);

static void parse_list(struct parser *p, struct tl_cfg_value *v, int depth) {
	struct tl_cfg_value *grown;

	p->at++;
	v->type = TL_CFG_LIST;
	for (skip(p, 1); peek(p) != ']' && !p->failed; skip(p, 1)) {
		grown = realloc(v->item, (v->items + 1) * sizeof(*grown));
		if (!grown) {
			fail(p, "out of memory");
			return;
		}
		v->item = grown;
		memset(&v->item[v->items], 0, sizeof(*grown));
		parse_value(p, &v->item[v->items++], depth + 1);
		skip(p, 1);
		if (peek(p) == ',')
			p->at++;
		else if (peek(p) != ']')
			fail(p, "expected , or ] in the list");
	}
	if (!p->failed) p->at++;
}

static void parse_value(struct parser *p, struct tl_cfg_value *v, int depth) {
	int c = peek(p);

	memset(v, 0, sizeof(*v));
	v->line = p->line;
	if (depth > TL_CFG_DEPTH_MAX)
		fail(p, "lists are nested too deeply");
	else if (c == '"' || c == '\'')
		parse_string(p, v);
	else if (c == '[')
		parse_list(p, v, depth);
	else if (c < 0 || c == '\n' || c == ';')
		fail(p, "the value is missing");
	else if (isalnum(c) || c == '-' || c == '_')
		parse_number(p, v);
	else
		fail(p, "expected a string, a number or a list");
}

static char *parse_key(struct parser *p) {
	const char *start = p->at;

	while (peek(p) > 0 && (isalnum(peek(p)) || peek(p) == '_' || peek(p) == '-' || peek(p) == '.')) p->at++;
	if (p->at == start || isdigit((unsigned char)*start)) {
		fail(p, "expected KEY=VALUE");
		return NULL;
	}
	return strndup(start, p->at - start);
}

static struct tl_cfg_entry *find(struct tl_cfg *cfg, const char *key) {
	size_t i;

	for (i = 0; i < cfg->entries; i++)
		if (strcmp(cfg->entry[i].key, key) == 0) return &cfg->entry[i];
	return NULL;
}

const struct tl_cfg_entry *tl_cfg_find(const struct tl_cfg *cfg, const char *key) {
	return find((struct tl_cfg *)cfg, key);
}

/* Append v to *to; v is consumed. Only like types add up. */
static int append(struct tl_cfg_value *to, struct tl_cfg_value *v) {
	char *text;
	void *grown;

	if (to->type != v->type || to->type == TL_CFG_NUMBER) return -EINVAL;
	if (to->type == TL_CFG_STRING) {
		text = malloc(strlen(to->text) + strlen(v->text) + 1);
		if (!text) return -ENOMEM;
		strcpy(stpcpy(text, to->text), v->text);
		free(to->text);
		to->text = text;
		free_value(v);
		return 0;
	}
	grown = realloc(to->item, (to->items + v->items) * sizeof(*v) + 1);
	if (!grown) return -ENOMEM;
	to->item = grown;
	if (v->items) memcpy(to->item + to->items, v->item, v->items * sizeof(*v));
	to->items += v->items;
	free(v->item);
	memset(v, 0, sizeof(*v));
	return 0;
}

/* Put a parsed pair into the set; key and value are consumed. */
static void put(struct parser *p, struct tl_cfg *cfg, char *key, int line, struct tl_cfg_value *v, int add) {
	struct tl_cfg_entry *e = find(cfg, key), *grown;

	if (e && add) {
		if (append(&e->value, v)) fail(p, "+= needs two lists or two strings");
		p->key = NULL;
		free_value(v);
		free(key);
		return;
	}
	if (e) {
		free_value(&e->value);
		free(e->key);
	} else {
		grown = realloc(cfg->entry, (cfg->entries + 1) * sizeof(*grown));
		if (!grown) {
			fail(p, "out of memory");
			free_value(v);
			free(key);
			return;
		}
		cfg->entry = grown;
		e = &grown[cfg->entries++];
	}
	*e = (struct tl_cfg_entry){ key, line, *v };
}

static void parse_pair(struct parser *p, struct tl_cfg *cfg) {
	int line = p->line, add = 0;
	struct tl_cfg_value v = { 0 };
	char *key = parse_key(p);

	if (!key) return;
	p->key = key;
	skip(p, 0);
	if (peek(p) == '+') {
		add = 1;
		p->at++;
	}
	if (peek(p) != '=') {
		fail(p, "expected = after the key");
		p->key = NULL;
		free(key);
		return;
	}
	p->at++;
	skip(p, 0);
	parse_value(p, &v, 0);
	if (p->failed) {
		p->key = NULL;
		free_value(&v);
		free(key);
		return;
	}
	put(p, cfg, key, line, &v, add);
	p->key = NULL;
}

int tl_cfg_parse(const char *text, size_t len, struct tl_cfg *cfg, struct tl_diag *d) {
	struct parser p = { .at = text, .end = text + len, .line = 1, .d = d };

	if (len > TL_CFG_SIZE_MAX) fail(&p, "the file is larger than 1 MiB");
	for (;;) {
		skip(&p, 1);
		while (peek(&p) == ';') {
			p.at++;
			skip(&p, 1);
		}
		if (p.failed || peek(&p) < 0) break;
		parse_pair(&p, cfg);
		skip(&p, 0);
		if (!p.failed && peek(&p) >= 0 && peek(&p) != '\n' && peek(&p) != ';')
			fail(&p, "something follows the value; end it with a newline or ;");
	}
	return p.failed ? -EINVAL : 0;
}

void tl_cfg_free(struct tl_cfg *cfg) {
	size_t i;

	for (i = 0; i < cfg->entries; i++) {
		free(cfg->entry[i].key);
		free_value(&cfg->entry[i].value);
	}
	free(cfg->entry);
	memset(cfg, 0, sizeof(*cfg));
}
