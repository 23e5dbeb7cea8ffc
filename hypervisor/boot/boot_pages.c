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
#define RANGES_MAX (BOOT_MODULES_MAX + 3)

/* In use from the start, sorted by address; the last is what boot_page_alloc() has taken. */
static struct range used[RANGES_MAX] __initdata;
static unsigned used_count __initdata;
static struct range pool; /* free part that pages are cut from, downward */
static uint64_t pool_end __initdata;
static bool live = false;

bool boot_pages_live(void) { return live; }

static void __init use(uint64_t start, uint64_t end) {
	unsigned i = used_count++;

	start = ROUND_DOWN(start, PAGE_SIZE);
	end = ROUND_UP(end, PAGE_SIZE);
	for (; i && used[i - 1].start > start; i--) used[i] = used[i - 1];
	used[i] = (struct range){ start, end };
}

/* Call fn for each piece of RAM that is not in use, lowest first. */
static void __init for_unused(void (*fn)(uint64_t, uint64_t)) {
	for (unsigned i = 0; i < e820_count; i++) {
		uint64_t start = ROUND_UP(e820_map[i].addr, PAGE_SIZE);
		uint64_t end = ROUND_DOWN(e820_map[i].addr + e820_map[i].size, PAGE_SIZE);

		if (e820_map[i].type != E820_RAM) continue;
		for (unsigned k = 0; k < used_count && start < end; k++) {
			if (used[k].end <= start || used[k].start >= end) continue;
			if (used[k].start > start) fn(start, used[k].start);
			start = MAX(start, used[k].end);
		}
		if (start < end) fn(start, end);
	}
}

static void __init consider_pool(uint64_t start, uint64_t end) {
	if (start < BELOW_4G && MIN(end, BELOW_4G) - start > pool.end - pool.start)
		pool = (struct range){ start, MIN(end, BELOW_4G) };
}

void __init boot_pages_init(void) {
	use(0, LOW_END);
	use((uint64_t)_image_start - IMAGE_BASE, (uint64_t)image_end - IMAGE_BASE);
	for (unsigned i = 0; i < boot_info.modules; i++) use(boot_info.module[i].start, boot_info.module[i].end);
	for_unused(consider_pool);
	if (pool.end - pool.start < (4UL << 20)) panic("no 4 MiB of free memory below 4 GiB to boot with");
	pool_end = pool.end;
	live = true;
}

mfn_t boot_pages_alloc(unsigned long n) {
	if (pool.end - pool.start < n << PAGE_SHIFT)
		panic("out of memory while booting; the host has too little, or the modules are too large");
	pool.end -= n << PAGE_SHIFT;
	return maddr_to_mfn(maddr(pool.end));
}

mfn_t boot_page_alloc(void) { return boot_pages_alloc(1); }

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
static void __init reserve_ram(void) {
	for (unsigned i = 0; i < e820_count; i++) {
		uint64_t start = ROUND_UP(MAX(e820_map[i].addr, LOW_END), PAGE_SIZE);
		uint64_t end = ROUND_DOWN(e820_map[i].addr + e820_map[i].size, PAGE_SIZE);

		if (e820_map[i].type == E820_RAM && end > start) reserve(start, end);
	}
}

void __init boot_pages_handover(void) {
	live = false;
	reserve_ram();
	use(pool.end, pool_end);
	reserve((uint64_t)_image_start - IMAGE_BASE, (uint64_t)image_end - IMAGE_BASE);
	for_unused(hand_over);
}

void __init boot_modules_free(void) {
	for (unsigned i = 0; i < boot_info.modules; i++) {
		uint64_t start = ROUND_DOWN(boot_info.module[i].start, PAGE_SIZE);
		uint64_t end = ROUND_UP(boot_info.module[i].end, PAGE_SIZE);

		if (end > start) hand_over(start, end);
	}
}
