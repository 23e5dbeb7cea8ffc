/* SPDX-License-Identifier: MIT */
/*
 * The xl.cfg syntax: KEY=VALUE pairs, separated by newlines or semicolons; values are strings,
 * numbers and lists of values; KEY+=VALUE appends to an earlier list or string. This file knows no
 * keys.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "diag.h"

enum tl_cfg_type { TL_CFG_STRING, TL_CFG_NUMBER, TL_CFG_LIST };

struct tl_cfg_value {
	enum tl_cfg_type type;
	int line;
	char *text;                /* STRING: the string; NUMBER: as written */
	int64_t num;               /* NUMBER */
	struct tl_cfg_value *item; /* LIST */
	size_t items;
};

struct tl_cfg_entry {
	char *key;
	int line;
	struct tl_cfg_value value;
};

struct tl_cfg {
	struct tl_cfg_entry *entry;
	size_t entries;
};

/* Bounds on what is accepted, so that a hostile file costs little. */
#define TL_CFG_SIZE_MAX  (1 << 20)
#define TL_CFG_DEPTH_MAX 8

/*
 * Parse text and add it to *cfg (zeroed, or from an earlier call: a later key replaces an earlier
 * one). Returns 0, or -EINVAL with errors in *d. In either case release with tl_cfg_free().
 */
int tl_cfg_parse(const char *text, size_t len, struct tl_cfg *cfg, struct tl_diag *d);
void tl_cfg_free(struct tl_cfg *cfg);

/* The entry of that key, or NULL. */
const struct tl_cfg_entry *tl_cfg_find(const struct tl_cfg *cfg, const char *key);
