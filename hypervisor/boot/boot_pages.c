/* SPDX-License-Identifier: MIT */
/*
 * Memory before the allocator exists: pages from the top of RAM below 4 GiB, where the boot
 * identity map reaches, and the hand-over of everything unused. What is in use is the image, the
 * modules, and the first MiB.
 */
#include "boot.h"
#include "frame.h"
#include "lib.h"
#include "x86.h"

struct range {
	uint64_t start, end;
};

#define LOW_END    (1UL << 20)
#define BELOW_4G   (1UL << 32)
#define MODULES_AT 2
#define RANGES_MAX (MODULES_AT + BOOT_MODULES_MAX + 1)

/* In use: the first MiB, the image, from MODULES_AT on the modules, and last what boot_pages_alloc() has taken. */
static struct range used[RANGES_MAX] __initdata;
static unsigned used_count __initdata;
static struct range pool __initdata; /* what pages are cut from, downward */

static void __init use(uint64_t start, uint64_t end) {
	used[used_count++] = (struct range){ ROUND_DOWN(start, PAGE_SIZE), ROUND_UP(end, PAGE_SIZE) };
}

/* Call fn for each piece of [start, end) that is in none of the first n ranges in use, lowest first. */
static void __init for_unused(uint64_t start, uint64_t end, unsigned n, void (*fn)(uint64_t, uint64_t)) {
	while (n--) {
		if (used[n].end <= start || used[n].start >= end) continue;
		for_unused(start, used[n].start, n, fn);
		start = used[n].end;
	}
	if (start < end) fn(start, end);
}

/* The same for all RAM but frames that are RAM in part only. */
static void __init for_unused_ram(unsigned n, void (*fn)(uint64_t, uint64_t)) {
	for (const struct e820entry *e = e820_map; e < e820_map + e820_count; e++)
		if (e->type == E820_RAM)
			for_unused(ROUND_UP(e->addr, PAGE_SIZE), ROUND_DOWN(e->addr + e->size, PAGE_SIZE), n, fn);
}

static void __init consider_pool(uint64_t start, uint64_t end) {
	if (start < BELOW_4G && MIN(end, BELOW_4G) - start > pool.end - pool.start)
		pool = (struct range){ start, MIN(end, BELOW_4G) };
}

void __init boot_pages_init(void) {
	use(0, LOW_END);
	use((uint64_t)_image_start - IMAGE_BASE, (uint64_t)image_end - IMAGE_BASE);
	for (unsigned i = 0; i < boot_info.modules; i++) use(boot_info.module[i].start, boot_info.module[i].end);
	for_unused_ram(used_count, consider_pool);
	if (pool.end - pool.start < (4UL << 20)) panic("no 4 MiB of free memory below 4 GiB to boot with");
	use(pool.end, pool.end);
}

mfn_t __init boot_pages_alloc(unsigned long n) {
	struct range *taken = &used[used_count - 1];

	if (taken->start - pool.start < n << PAGE_SHIFT)
		panic("out of memory while booting; the host has too little, or the modules are too large");
	taken->start -= n << PAGE_SHIFT;
	return maddr_to_mfn(maddr(taken->start));
}

static void __init hand_over(uint64_t start, uint64_t end) {
	frames_add(maddr_to_mfn(maddr(start)), (end - start) >> PAGE_SHIFT);
}

static void __init reserve(uint64_t start, uint64_t end) {
	frames_reserve(maddr_to_mfn(maddr(start)), (end - start) >> PAGE_SHIFT);
}

/*
 * All RAM is ring 0's until it is handed over; what is no RAM may be a device's, and so may a frame
 * that is RAM in part only, and the first MiB: firmware keeps its tables there, and dom0 looks for
 * them (Linux 6.12 maps all of 512 KiB to 1 MiB in search of an iSCSI boot table). Of the first MiB
 * ring 0 uses the trampoline's page alone, while it starts CPUs.
 */
void __init boot_pages_handover(void) {
	for_unused_ram(1, reserve); /* all but the first MiB */
	reserve((uint64_t)_image_start - IMAGE_BASE, (uint64_t)image_end - IMAGE_BASE);
	for_unused_ram(used_count, hand_over);
}

void __init boot_modules_free(void) {
	for (unsigned i = MODULES_AT; i < MODULES_AT + boot_info.modules; i++)
		if (used[i].end > used[i].start) hand_over(used[i].start, used[i].end);
}
