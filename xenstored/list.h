/* SPDX-License-Identifier: MIT */
/*
 * Intrusive doubly linked list with a head node. An unlinked node points to itself, so
 * list_del() may be called twice.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

#define list_entry(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Walk a list whose current element may be deleted by the body. */
#define list_each_safe(pos, tmp, head) \
	for (pos = (head)->next, tmp = pos->next; pos != (head); pos = tmp, tmp = pos->next)

static inline void list_init(struct list *l) { l->next = l->prev = l; }

static inline bool list_empty(const struct list *l) { return l->next == l; }

static inline void list_add_tail(struct list *head, struct list *l) {
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

static inline void list_del(struct list *l) {
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}
