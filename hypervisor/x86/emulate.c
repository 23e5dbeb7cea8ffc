/* SPDX-License-Identifier: MIT */
/*
 * Fetching instructions, for both emulators; and the one of stores to page tables. A guest sees its
 * tables read-only; a store to one faults, and is carried out here as the page-table update it means,
 * checked like any other (pt_store). Read-modify-write instructions become compare-exchange:
 * if the entry changed in between, the guest simply runs the instruction again.
 */
#include "frame.h"
#include "store.h"
#include "x86.h"

/* access rights as lar gives them: L, P, S, code */
#define LAR_CODE64 (1u << 21 | 1u << 15 | 1u << 12 | 1u << 11)

/* A 64-bit code segment, ring 0's flat one or the guest's own (vCPUs may start on it). */
static bool is_code64(uint64_t selector) {
	uint32_t rights;
	bool ok;

	if (likely(selector == FLAT_KERNEL_CS)) return true;
	__asm__("lar %2, %0" : "=r"(rights), "=@ccz"(ok) : "r"((uint32_t)selector));
	return ok && (rights & LAR_CODE64) == LAR_CODE64;
}

int insn_fetch(const struct regs *r, struct insn *out) {
	uint8_t bytes[INSN_BUFFER] = { 0 };
	unsigned n = INSN_MAX;

	if (!is_code64(r->cs)) return -EINVAL; /* 32-bit code, or a base to add */
	if (copy_from_guest(bytes, gvaddr(r->rip), n)) {
		/* the instruction may end before the next page, which is not there */
		n = (unsigned)(PAGE_SIZE - r->rip % PAGE_SIZE);
		if (n >= INSN_MAX || copy_from_guest(bytes, gvaddr(r->rip), n)) return -EFAULT;
	}
	return insn_decode(bytes, n, out);
}

/* -- stores to page tables -- */

/* mov of a register to a whole entry, the commonest store. */
static bool is_entry_mov(const struct insn *i) { return i->opcode == 0x89 && i->rex & 8 && i->mod != 3; }

static bool entry_mov(struct vcpu *v, mfn_t table, struct regs *r, const struct insn *i, uint64_t cr2) {
	int rc = pt_store(v, table, gvaddr(cr2), NULL, *gpr(r, i->reg));

	if (!rc) r->rip += i->length;
	return !rc || rc == -EAGAIN;
}

bool emulate_pt_store(struct regs *r, uint64_t cr2) {
	struct vcpu *v = current;
	struct store s;
	uint64_t shift = cr2 % sizeof(uint64_t) * 8, mask, entry;
	mfn_t table;
	int rc;

	if (!pt_store_target(v, gvaddr(cr2), &table, &entry) || insn_fetch(r, &s.insn)) return false;
	if (likely(is_entry_mov(&s.insn) && cr2 % sizeof(entry) == 0)) return entry_mov(v, table, r, &s.insn, cr2);
	s = (struct store){ .insn = s.insn };
	if (store_is_string(&s.insn) ? r->rdi != cr2 : s.insn.mod == 3) return false;
	s.bytes = store_bytes(&s.insn);
	mask = width_mask(s.bytes);
	s.old = entry >> shift & mask;
	if (cr2 % s.bytes || (store_is_copy(&s.insn) && copy_from_guest(&s.new_value, gvaddr(r->rsi), s.bytes)) ||
	    !store_compute(&s, r))
		return false;
	rc = pt_store(v, table, gvaddr(cr2), s.plain && s.bytes == sizeof(entry) ? NULL : &entry,
		      (entry & ~(mask << shift)) | (s.new_value & mask) << shift);
	if (rc == -EAGAIN) return true; /* not done: the guest runs the instruction again */
	if (rc) return false;
	store_finish(&s, r);
	return true;
}
