/* SPDX-License-Identifier: MIT */
/*
 * Ring 0's own page tables. They hang below `hv_root`; slot 271 of it points at itself, so every
 * table of ring 0's is visible at a fixed place, in every address space, and nowhere is a map of
 * memory that is not ring 0's.
 *
 * Guest roots get a copy of slots 256-271 when they are promoted, so all sixteen are filled before
 * the first guest exists and never change.
 */
#include "acpi.h"
#include "x86.h"
#include "boot.h"
#include "frame.h"
#include "irq.h"

#define SLOT_SELF 271UL
#define SELF_L1   (0xffff000000000000UL | SLOT_SELF << 39)

#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_A)
#define LEAF_FLAGS  (PTE_P | PTE_A | PTE_D)

uint64_t *m2p_table = (uint64_t *)M2P_RW_BASE;
static struct spinlock lock = SPINLOCK_INIT(RANK_OWNMAP);
static uint64_t io_next = IO_BASE;

static uint64_t *l1e_of(uint64_t va) { return (uint64_t *)(SELF_L1 + ((va >> 12 & 0xfffffffffUL) << 3)); }

/* The entry of a level maps the page in which the entry of the level below is seen. */
static uint64_t *l2e_of(uint64_t va) { return l1e_of((uint64_t)l1e_of(va)); }

static uint64_t *l3e_of(uint64_t va) { return l1e_of((uint64_t)l2e_of(va)); }

static uint64_t *l4e_of(uint64_t va) { return l1e_of((uint64_t)l3e_of(va)); }

/* The M2P's read-only view is the guests' to read: its upper levels need the user bit. */
static uint64_t table_flags(uint64_t va) { return va - M2P_RO_BASE < (1UL << 39) ? TABLE_FLAGS | PTE_US : TABLE_FLAGS; }

/*
 * Hang an empty table into the entry, if none is there; it will be seen around `below`. Lock held. 0
 * or -ENOMEM. While booting the allocator has nothing.
 *
 * It is empty before it hangs there: from then on any CPU's walks go through it, if only for an address that a
 * guest probes in vain, and what was left in the frame by the guest that had it before would be kept as a
 * translation of ring 0's. Before the first CPU is online there are neither windows nor guests.
 */
static int table_need(uint64_t va, uint64_t *entry, const uint64_t *below) {
	uint64_t *table = (uint64_t *)((uint64_t)below & PAGE_MASK);
	mfn_t page;

	if (*entry & PTE_P) return 0;
	page = frames_total ? frame_alloc_raw(0, 64) : boot_pages_alloc(1);
	if (mfn_eq(page, INVALID_MFN)) return -ENOMEM;
	if (cpus_online) frame_clear(page);
	__atomic_store_n(entry, mfn_to_maddr(page).a | table_flags(va), __ATOMIC_RELEASE);
	invlpg((uint64_t)table);
	if (!cpus_online) memset(table, 0, PAGE_SIZE);
	return 0;
}

int hv_map(uint64_t va, mfn_t first, unsigned long n, uint64_t flags) {
	SPIN_GUARD(&lock);

	for (unsigned long i = 0; i < n; i++, va += PAGE_SIZE) {
		if (table_need(va, l3e_of(va), l2e_of(va)) || table_need(va, l2e_of(va), l1e_of(va))) return -ENOMEM;
		WRITE_ONCE(*l1e_of(va), mfn_to_maddr(mfn_add(first, i)).a | flags | LEAF_FLAGS);
		invlpg(va);
	}
	return 0;
}

static void hv_unmap(uint64_t va, unsigned long n) {
	for (; n--; va += PAGE_SIZE) {
		if (!(*l3e_of(va) & PTE_P) || !(*l2e_of(va) & PTE_P)) continue;
		WRITE_ONCE(*l1e_of(va), 0);
		invlpg(va);
	}
}

uint64_t *hv_l1_of(uint64_t va) { return (uint64_t *)((uint64_t)l1e_of(va) & PAGE_MASK); }

/* Take the level-1 table of va out if nothing is in it any more. Lock held. */
static mfn_t table_drop(uint64_t va) {
	const uint64_t *l1 = hv_l1_of(va);
	mfn_t page = maddr_to_mfn(maddr(*l2e_of(va) & PTE_ADDR));

	if (!(*l2e_of(va) & PTE_P)) return INVALID_MFN;
	for (unsigned i = 0; i < 512; i++)
		if (l1[i]) return INVALID_MFN;
	WRITE_ONCE(*l2e_of(va), 0);
	return page;
}

void own_unmap(mfn_t first, unsigned long n) {
	while (n) {
		unsigned long part = MIN(n, 512 - mfn_x(first) % 512);
		uint64_t va = (uint64_t)own_va(first);
		mfn_t table;

		spin_lock(&lock);
		hv_unmap(va, part);
		table = table_drop(va);
		/* under the lock: nobody may hang in another table while a CPU remembers this one */
		arch_tlb_flush_own();
		spin_unlock(&lock);
		if (!mfn_eq(table, INVALID_MFN)) frame_free_raw(table, 0);
		first = mfn_add(first, part);
		n -= part;
	}
}

int own_map(mfn_t first, unsigned long n) {
	int rc = hv_map((uint64_t)own_va(first), first, n, PTE_RW | PTE_NX | PTE_G);

	if (rc) own_unmap(first, n); /* what was mapped before there was no memory for tables */
	return rc;
}

/* Memory that is not ring 0's own, at the next place of the I/O area, for good. */
static void *foreign_map(maddr_t at, size_t size, uint64_t flags) {
	uint64_t offset = at.a & ~PAGE_MASK;
	unsigned long n = (offset + size + PAGE_SIZE - 1) >> PAGE_SHIFT;
	uint64_t va = __atomic_fetch_add(&io_next, n << PAGE_SHIFT, __ATOMIC_RELAXED);

	if (va + (n << PAGE_SHIFT) > IO_BASE + IO_SIZE || hv_map(va, maddr_to_mfn(at), n, flags | PTE_NX | PTE_G))
		return NULL;
	return (void *)(va + offset);
}

volatile uint32_t *arch_registers_map(uint64_t address, size_t size) {
	return foreign_map(maddr(address), size, PTE_RW | PTE_PCD | PTE_PWT);
}

const void *firmware_map(maddr_t at, size_t size) { return foreign_map(at, size, 0); }

mfn_t arch_m2p_frame(unsigned long i) { return maddr_to_mfn(maddr(*l1e_of(M2P_RO_BASE + (i << 21)) & PTE_ADDR)); }

void arch_root_install(void *l4) {
	memcpy((uint64_t *)l4 + HV_SLOT_FIRST, hv_root + HV_SLOT_FIRST,
	       (HV_SLOT_END - HV_SLOT_FIRST) * sizeof(uint64_t));
}

/*
 * Back a table of `bytes` at va with fresh memory, filled with `fill`, in pieces of 2 MiB that are
 * each consecutive; a second, read-only view at ro if not 0.
 */
static void __init table_back(uint64_t va, uint64_t bytes, int fill, uint64_t ro) {
	for (uint64_t at = 0; at < bytes; at += 1UL << 21) {
		unsigned long n = DIV_ROUND_UP(MIN(bytes - at, 1UL << 21), PAGE_SIZE);
		mfn_t first = boot_pages_alloc(n);

		CHECK(hv_map(va + at, first, n, PTE_RW | PTE_NX | PTE_G) == 0);
		memset((void *)(va + at), fill, n << PAGE_SHIFT);
		if (ro) CHECK(hv_map(ro + at, first, n, PTE_US | PTE_NX | PTE_G) == 0);
	}
}

void __init own_map_init(uint64_t nr_frames) {
	/* all slots of the root, so that they never change again */
	for (uint64_t va = HV_START; va < HV_END; va += 1UL << 39) CHECK(table_need(va, l4e_of(va), l3e_of(va)) == 0);
	table_back(FRAMES_BASE, nr_frames * sizeof(struct frame), 0, 0);
	table_back(M2P_RW_BASE, ROUND_UP(nr_frames * 8, 1UL << 21), 0xff, M2P_RO_BASE);
	frame_table = (struct frame *)FRAMES_BASE;
	frame_count = nr_frames;
	frames_init();
	/* own_unmap() frees level-1 tables only, so the level above is there from the start */
	for (uint64_t n = 0; n < nr_frames; n += 1UL << 18) {
		uint64_t va = (uint64_t)own_va(mfn(n));

		CHECK(table_need(va, l3e_of(va), l2e_of(va)) == 0);
	}
}

/* The image's pages get the rights their contents need: W^X from here on. */
static void image_range(const char *from, const char *to, uint64_t flags) {
	mfn_t first = mfn(((uint64_t)from - IMAGE_BASE) >> PAGE_SHIFT);

	CHECK(hv_map((uint64_t)from, first, (unsigned long)(to - from) >> PAGE_SHIFT, flags | PTE_G) == 0);
}

void __init image_protect(void) {
	image_range(_image_start, _text_end, 0);
	image_range(_text_end, _rodata_end, PTE_NX | PTE_RW); /* read-only once booted */
	image_range(_init_start, _init_text_end, 0);
	image_range(_init_text_end, image_end, PTE_NX | PTE_RW);
	hv_unmap((uint64_t)image_end, (unsigned long)(_image_start + (2UL << 20) - image_end) >> PAGE_SHIFT);
	write_cr3(read_cr3());
}

/* Boot is over: constants turn read-only, boot code, data and the identity map go; their frames are
 * given to the allocator. */
void image_seal(void) {
	mfn_t first = mfn(((uint64_t)_init_start - IMAGE_BASE) >> PAGE_SHIFT);
	unsigned long n = (unsigned long)(_init_end - _init_start) >> PAGE_SHIFT;

	image_range(_text_end, _rodata_end, PTE_NX);
	hv_unmap((uint64_t)_init_start, n);
	hv_root[0] = 0;
	arch_tlb_flush_own();
	frames_add(first, n);
}
