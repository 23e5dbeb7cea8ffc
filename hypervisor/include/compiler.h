/* SPDX-License-Identifier: MIT */
/* Compiler attributes and the fixed-width types every file uses. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define __must_check   __attribute__((warn_unused_result))
#define __noreturn     __attribute__((noreturn))
#define __packed       __attribute__((packed))
#define __aligned(n)   __attribute__((aligned(n)))
#define __unused       __attribute__((unused))
#define __printf(f, a) __attribute__((format(printf, f, a)))
#define __noinline     __attribute__((noinline))
#undef __always_inline /* libc's */
#define __always_inline  inline __attribute__((always_inline))
#define __section_(name) __attribute__((section(name)))

/* Boot-only code and data: the memory is given back once dom0 runs. */
#define __init       __section_(".init.text") __attribute__((noinline))
#define __initdata   __section_(".init.data")
#define __initrodata __section_(".init.rodata")
/* Written while booting, read-only from then on. */
#define __ro_after_init __section_(".data.ro_after_init")

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define ARRAY_SIZE(a)                 (sizeof(a) / sizeof((a)[0]))
#define DIV_ROUND_UP(n, d)            (((n) + (d)-1) / (d))
#define ROUND_UP(n, a)                (((n) + (a)-1) & ~((__typeof__(n))(a)-1))
#define ROUND_DOWN(n, a)              ((n) & ~((__typeof__(n))(a)-1))
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* One load or store, neither torn, repeated nor invented by the compiler. */
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
