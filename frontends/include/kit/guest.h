/* SPDX-License-Identifier: MIT */
/* What every guest built on the kit has: where it was started, text output, memory and string
 * functions, its end. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <kit/hypercall.h>

#define PAGE_SHIFT    12
#define PAGE_SIZE     4096UL
#define KIT_VIRT_BASE 0xffffffff80000000UL
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define barrier()     asm volatile("" ::: "memory")

/* The domain builder's page about this guest; valid from kit_start() on. */
extern struct start_info *kit_start_info;
extern char kit_image_start[], kit_image_end[];

/* The guest's program. Returning from it ends the guest with kit_poweroff(). */
void guest_main(void);

/* First C code of a guest: remembers start_info, opens the console, calls guest_main(). */
void kit_start(struct start_info *si) __attribute__((noreturn));

/* printf with %s %c %d %i %u %x %p %%, the flags 0 and -, a width, and l, ll, z; one console write
 * for each line. */
int kit_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int kit_vprintf(const char *fmt, va_list ap);

/* The same into `buf` of `size` bytes, always terminated; returns the length that the whole text
 * has. */
int kit_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int kit_snprintf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Writes to the domain's console: the hypervisor's console in dom0, the console ring elsewhere. May
 * wait for room. */
void kit_console_write(const char *text, size_t length);

/* Prints a line and stops the domain with reason "crash". */
void kit_panic(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Ends the domain: a domU powers off; dom0 asks for a reboot, which ends QEMU when it runs with
 * -no-reboot. */
void kit_poweroff(void) __attribute__((noreturn));

void *memset(void *to, int byte, size_t n);
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

/* Finds the word `key=value` in the guest's command line; copies the value; false when it is
 * absent. */
bool kit_option(const char *key, char *value, size_t size);
