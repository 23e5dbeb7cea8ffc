/* SPDX-License-Identifier: MIT */
/*
 * Instructions that a guest executes in ring 3 and that fault.
 *
 * Stores to page tables: a guest sees its tables read-only; a store to one faults, and is carried out
 * here as the page-table update it means, checked like any other (pt_store). Read-modify-write
 * instructions become compare-exchange: if the entry changed in between, the guest simply runs the
 * instruction again.
 *
 * Privileged instructions, which fault with #GP: port access, control and debug registers, MSRs, cpuid
 * (forced), hlt, invlpg and the like. Emulated for the guest kernel; of a user only port access, under
 * I/O privilege or bitmap. What is not emulated goes back to the guest as its #GP.
 */
#include "frame.h"
#include "hypercall.h"
#include "sched.h"
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

/* Fetch (once) and decode the instruction at r->rip. 0, -EFAULT, -EINVAL. */
static int insn_fetch(const struct regs *r, struct insn *out) {
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

bool emulate_pt_store(struct regs *r, uint64_t cr2) {
	struct vcpu *v = current;
	struct store s;
	uint64_t shift = cr2 % sizeof(uint64_t) * 8, mask, entry;
	mfn_t table;
	int rc;

	if (!pt_store_target(v, gvaddr(cr2), &table, &entry) || insn_fetch(r, &s.insn)) return false;
	/* mov of a register to a whole entry, the commonest store */
	if (likely(s.insn.opcode == 0x89 && s.insn.rex & 8 && s.insn.mod != 3 && cr2 % sizeof(entry) == 0)) {
		rc = pt_store(v, table, gvaddr(cr2), NULL, *gpr(r, s.insn.reg));
		if (!rc) r->rip += s.insn.length;
		return !rc || rc == -EAGAIN;
	}
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

/* -- privileged instructions -- */

/* What became of an instruction: done, rip goes on; a #GP; or the guest goes on at rip as it is. */
enum outcome { DONE, REFUSED, AGAIN };

/* -- ports -- */

/* The guest's accesses, after its own privilege check. Ports it has no right to read as all ones and
 * ignore writes, as a machine without the device does. The PCI address port is the domain's own; only
 * the data port reaches the machine. */
static bool is_pci_address(unsigned port, unsigned bytes) { return port == 0xcf8 && bytes == 4; }

static bool is_pci_data(unsigned port, unsigned bytes) { return port >= 0xcfc && port + bytes <= 0xd00; }

static bool pci_open(const struct domain *d) { return d->privileged && d->pci_address >> 31; }

static bool port_open(struct domain *d, unsigned port, unsigned bytes) {
	return port + bytes <= 0x10000 && permitted(d, PERMIT_PORT, port, bytes);
}

static uint32_t port_in(struct domain *d, unsigned port, unsigned bytes) {
	if (is_pci_address(port, bytes)) return d->pci_address;
	if (is_pci_data(port, bytes)) return pci_open(d) ? pci_data_read(d->pci_address, port, bytes) : ~0u;
	return port_open(d, port, bytes) ? port_read(port, bytes) : ~0u;
}

static void port_out(struct domain *d, unsigned port, unsigned bytes, uint32_t value) {
	if (is_pci_address(port, bytes)) {
		d->pci_address = value;
	} else if (is_pci_data(port, bytes)) {
		if (pci_open(d)) pci_data_write(d->pci_address, port, bytes, value);
	} else if (port_open(d, port, bytes)) {
		port_write(port, bytes, value);
	}
}

static bool iobitmap_allows(const struct vcpu *v, unsigned port, unsigned bytes) {
	uint16_t bits = 0;
	int rc;

	if (!v->arch.iobitmap_limit || port + bytes > v->arch.iobitmap_limit) return false;
	/* it lies in the kernel's address space, which is not the present one in user mode */
	if (v->arch.user_mode) root_write(mfn_to_maddr(v->root_kernel).a);
	rc = copy_from_guest(&bits, gvaddr(v->arch.iobitmap.a + port / 8), port / 8 + 1 < 8192 ? 2 : 1);
	if (v->arch.user_mode) root_write(mfn_to_maddr(v->root_user).a);
	return !rc && !(bits >> port % 8 & ((1u << bytes) - 1));
}

/* The guest's own permission; ring 0's is applied to the access itself. */
static bool guest_permits(const struct vcpu *v, unsigned port, unsigned bytes) {
	return v->arch.iopl >= (v->arch.user_mode ? 3 : 1) || iobitmap_allows(v, port, bytes);
}

static enum outcome port_once(struct regs *r, const struct insn *i, unsigned port) {
	unsigned bytes = MIN(insn_operand_bytes(i), 4u);
	struct vcpu *v = current;

	if (!guest_permits(v, port, bytes)) return REFUSED;
	if (i->opcode & 2)
		port_out(v->domain, port, bytes, (uint32_t)gpr_read(r, i, 0, bytes));
	else
		gpr_write(r, i, 0, bytes, port_in(v->domain, port, bytes));
	return DONE;
}

/* One element of ins or outs. AGAIN: a fault was delivered. */
static enum outcome string_element(struct regs *r, const struct insn *i, unsigned bytes) {
	bool out = i->opcode & 2;
	uint64_t *at = out ? &r->rsi : &r->rdi;
	uint64_t va = *at + (out && i->segment ? rdmsr(i->segment == 0x64 ? MSR_FS_BASE : MSR_GS_BASE) : 0);
	unsigned port = (uint16_t)r->rdx;
	uint32_t value = 0;

	if (!guest_permits(current, port, bytes)) return REFUSED;
	if (!out) value = port_in(current->domain, port, bytes);
	if (out ? copy_from_guest(&value, gvaddr(va), bytes) : copy_to_guest(gvaddr(va), &value, bytes)) {
		guest_page_fault(r, va, (out ? 0 : PF_WRITE) | PF_USER);
		return AGAIN;
	}
	if (out) port_out(current->domain, port, bytes, value);
	*at += r->rflags & X86_EFLAGS_DF ? -(uint64_t)bytes : bytes;
	return DONE;
}

/* Up to 64 elements, then the guest runs the rest of the instruction again. */
static enum outcome port_string(struct regs *r, const struct insn *i) {
	unsigned bytes = MIN(insn_operand_bytes(i), 4u);

	for (uint64_t left = i->rep ? MIN(r->rcx, 64UL) : 1; left; left--) {
		enum outcome o = string_element(r, i, bytes);

		if (o != DONE) return o;
		if (i->rep) r->rcx--;
	}
	return i->rep && r->rcx ? AGAIN : DONE;
}

/* -- control and debug registers -- */

uint64_t cr0_view(const struct vcpu *v) { return 0x80050033UL | (v->arch.ts ? X86_CR0_TS : 0); }

/* What a guest may have in CR4, and what it always has. */
#define CR4_GUEST  (X86_CR4_TSD | X86_CR4_DE | X86_CR4_FSGSBASE | X86_CR4_OSXSAVE)
#define CR4_ALWAYS (X86_CR4_PAE | X86_CR4_MCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)

static enum outcome cr_read(const struct vcpu *v, unsigned cr, uint64_t *out) {
	switch (cr) {
	case 0: *out = cr0_view(v); return DONE;
	case 2: *out = v->arch.cr2; return DONE;
	case 3: *out = mfn_to_maddr(v->root_kernel).a; return DONE;
	case 4: *out = (v->arch.cr4 & CR4_GUEST) | CR4_ALWAYS; return DONE;
	default: return REFUSED;
	}
}

static enum outcome cr_write(struct vcpu *v, unsigned cr, uint64_t value) {
	int rc;

	switch (cr) {
	case 0:
		if ((value ^ cr0_view(v)) & ~X86_CR0_TS) return REFUSED;
		do_fpu_taskswitch(value & X86_CR0_TS, 0, 0, 0, 0, 0);
		return DONE;
	case 2:
		v->arch.cr2 = value;
		this_cpu()->vcpu_info->arch.cr2 = value;
		return DONE;
	case 3:
		rc = vcpu_root_set(v, maddr_to_mfn(maddr(value)), false);
		return rc == -ERESTART ? AGAIN : rc ? REFUSED : DONE;
	case 4:
		v->arch.cr4 = value & CR4_GUEST;
		write_cr4(cr4_of(v));
		return DONE;
	default: return REFUSED;
	}
}

static uint64_t edx_eax(const struct regs *r) { return r->rdx << 32 | (uint32_t)r->rax; }

static void edx_eax_set(struct regs *r, uint64_t value) {
	r->rax = (uint32_t)value;
	r->rdx = value >> 32;
}

/* -- group 7: invlpg, xsetbv -- */

static enum outcome xsetbv(struct vcpu *v, const struct regs *r) {
	if (r->rcx || !xcr0_ok(edx_eax(r))) return REFUSED;
	v->arch.xcr0 = edx_eax(r);
	xcr0_write(v->arch.xcr0);
	return DONE;
}

static enum outcome group7(struct vcpu *v, struct regs *r, const struct insn *i) {
	if (i->mod == 3 && (i->reg & 7) == 2 && (i->rm & 7) == 1) {
		if (v->arch.cr4 & X86_CR4_OSXSAVE) return xsetbv(v, r);
		guest_trap(r, TRAP_UD, 0);
		return AGAIN;
	}
	if (i->mod == 3 || (i->reg & 7) != 7) return REFUSED;
	/* invlpg: the operand's address is not worth computing, only old kernels do this */
	arch_root_load(v);
	return DONE;
}

static bool msr_read(struct vcpu *v, struct regs *r) {
	uint64_t value;

	if (guest_rdmsr(v, (uint32_t)r->rcx, &value)) return false;
	edx_eax_set(r, value);
	return true;
}

static void cpuid_emulate(struct vcpu *v, struct regs *r) {
	uint32_t out[4];

	guest_cpuid(v, (uint32_t)r->rax, (uint32_t)r->rcx, out);
	r->rax = out[0];
	r->rbx = out[1];
	r->rcx = out[2];
	r->rdx = out[3];
}

static enum outcome mov_dr(struct vcpu *v, struct regs *r, const struct insn *i) {
	if (i->reg >= 8) return REFUSED;
	if (i->opcode == 0x0f23) return debugreg_set(v, i->reg, *gpr(r, i->rm)) ? REFUSED : DONE;
	*gpr(r, i->rm) = debugreg_get(v, i->reg);
	return DONE;
}

/* Everything but ports; guest kernel only. */
static enum outcome kernel_instruction(struct vcpu *v, struct regs *r, const struct insn *i) {
	bool ok = true;

	switch (i->opcode) {
	case 0x0f20: return cr_read(v, i->reg, gpr(r, i->rm));
	case 0x0f22: return cr_write(v, i->reg, *gpr(r, i->rm));
	case 0x0f21:
	case 0x0f23: return mov_dr(v, r, i);
	case 0x0f01: return group7(v, r, i);
	case 0x0f06: do_fpu_taskswitch(0, 0, 0, 0, 0, 0); break;
	case 0x0f08 ... 0x0f09:
		if (v->domain->privileged) arch_cache_flush(CPUMASK_ALL);
		break;
	case 0x0f30: ok = guest_wrmsr(v, (uint32_t)r->rcx, edx_eax(r)) == 0; break;
	case 0x0f32: ok = msr_read(v, r); break;
	case 0x0f31: edx_eax_set(r, rdtsc()); break;
	case 0x0fa2: cpuid_emulate(v, r); break;
	case 0xf4: vcpu_block(); break; /* unmasks events, too */
	case 0xfa ... 0xfb:
		ok = v->arch.iopl >= 1;
		if (ok) this_cpu()->vcpu_info->evtchn_upcall_mask = i->opcode == 0xfa;
		break;
	default: ok = false;
	}
	return ok ? DONE : REFUSED;
}

bool emulate_privileged(struct regs *r) {
	struct vcpu *v = current;
	enum outcome o = REFUSED;
	struct insn i;

	if (insn_fetch(r, &i)) return false;
	switch (i.opcode) {
	case 0x6c ... 0x6f: o = port_string(r, &i); break;
	case 0xe4 ... 0xe7: o = port_once(r, &i, (uint8_t)i.imm); break;
	case 0xec ... 0xef: o = port_once(r, &i, (uint16_t)r->rdx); break;
	default:
		if (!v->arch.user_mode) o = kernel_instruction(v, r, &i);
	}
	if (o == DONE) r->rip += i.length;
	return o != REFUSED;
}

/* ud2a; .ascii "xen"; cpuid: the ABI's way to ask for the emulated cpuid from any mode
 * (arch-x86/xen.h). */
bool emulate_forced(struct regs *r) {
	static const uint8_t prefix[7] = { 0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2 };
	uint8_t bytes[sizeof(prefix)];

	if (copy_from_guest(bytes, gvaddr(r->rip), sizeof(bytes)) || memcmp(bytes, prefix, sizeof(prefix)))
		return false;
	cpuid_emulate(current, r);
	r->rip += sizeof(prefix);
	return true;
}
