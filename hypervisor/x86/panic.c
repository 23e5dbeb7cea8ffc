/* SPDX-License-Identifier: MIT */
/*
 * The end: registers, a backtrace with names and the current guest on the console. The symbol table
 * is linked in by a second pass (scripts/symbols); frames are followed by return addresses that lie
 * in the text.
 */
#include "boot.h"
#include "console.h"
#include "machine.h"
#include "x86.h"

struct symbol {
	uint32_t offset; /* from _image_start */
	uint32_t name;   /* into symbol_names */
};
extern const struct symbol symbol_table[];
extern const uint32_t symbol_count;
extern const char symbol_names[];

bool arch_symbol(uint32_t n, uint64_t *address, const char **name) {
	if (n >= symbol_count) return false;
	*address = (uint64_t)_image_start + symbol_table[n].offset;
	*name = symbol_names + symbol_table[n].name;
	return true;
}

static bool is_text(uint64_t a) {
	return (a >= (uint64_t)_image_start && a < (uint64_t)_text_end) ||
	       (a >= (uint64_t)_init_start && a < (uint64_t)_init_text_end);
}

static void print_symbol(uint64_t a) {
	uint64_t offset = a - (uint64_t)_image_start;
	const struct symbol *s = symbol_table; /* the first is where the image begins */

	while (s + 1 < symbol_table + symbol_count && s[1].offset <= offset) s++;
	printk(LOG_ERR, "    %016lx %s+0x%lx\n", a, symbol_names + s->name, offset - s->offset);
}

static void backtrace(uint64_t sp) {
	uint64_t end = ROUND_UP(sp + 1, PAGE_SIZE);
	unsigned shown = 0;

	printk(LOG_ERR, "backtrace (return addresses on the stack):\n");
	for (sp = ROUND_DOWN(sp, 8UL); sp < end && shown < 24; sp += 8) {
		if (!is_text(*(uint64_t *)sp)) continue;
		print_symbol(*(uint64_t *)sp);
		shown++;
	}
}

static void regs_dump(const struct regs *r) {
	printk(LOG_ERR, "rip %04x:%016lx rsp %04x:%016lx rflags %08lx\n", (unsigned)r->cs, r->rip, (unsigned)r->ss,
	       r->rsp, r->rflags);
	printk(LOG_ERR, "rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
	printk(LOG_ERR, "rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", r->rsi, r->rdi, r->rbp, r->r8);
	printk(LOG_ERR, "r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", r->r9, r->r10, r->r11, r->r12);
	printk(LOG_ERR, "r13 %016lx r14 %016lx r15 %016lx\n", r->r13, r->r14, r->r15);
	printk(LOG_ERR, "cr0 %016lx cr2 %016lx cr3 %016lx cr4 %08lx\n", read_cr0(), read_cr2(), read_cr3(), read_cr4());
}

static void current_dump(void) {
	struct vcpu *v = current;

	if (!v) {
		printk(LOG_ERR, "CPU %u, no guest running\n", cpu_id());
		return;
	}
	printk(LOG_ERR, "CPU %u, guest d%u vCPU %u in %s mode:\n", cpu_id(), v->domain->id, v->id,
	       v->arch.user_mode ? "user" : "kernel");
	regs_dump(guest_regs());
}

/* By vector, one behind the other; the last is for all others. */
static const char trap_names[] =
	"divide error\0debug\0NMI\0breakpoint\0overflow\0bounds\0invalid opcode\0no FPU\0"
	"double fault\0trap 9\0invalid TSS\0segment not present\0stack fault\0general protection\0"
	"page fault\0trap 15\0x87\0alignment check\0machine check\0SIMD\0trap";
#define TRAP_NAMES 20

void fatal_trap(struct regs *r) {
	const char *name = trap_names;

	for (unsigned i = MIN(r->vector, TRAP_NAMES); i; i--) name += strlen(name) + 1;
	console_emergency();
	printk(LOG_ERR, "\nTenon: fatal %s in ring 0 (vector %u, error %x)\n", name, r->vector, r->error_code);
	regs_dump(r);
	if (is_text(r->rip)) print_symbol(r->rip);
	backtrace(r->rsp);
	current_dump();
	arch_machine_stop(MACHINE_REBOOT);
}

void panic(const char *fmt, ...) {
	static char text[256];
	uint64_t sp;
	va_list ap;

	__asm__ volatile("cli; mov %%rsp, %0" : "=r"(sp));
	va_start(ap, fmt);
	vformat(text, sizeof(text), fmt, ap);
	va_end(ap);
	console_emergency();
	printk(LOG_ERR, "\nTenon: panic: %s\n", text);
	if (cpus_online) {
		backtrace(sp);
		current_dump();
	}
	arch_machine_stop(MACHINE_REBOOT);
}

/* -fstack-protector: a function's frame was overwritten. */
uint64_t __stack_chk_guard = 0x9d3c5a1be7f20d46ULL;
void __stack_chk_fail(void) __noreturn;
void __stack_chk_fail(void) { panic("stack frame overwritten"); }
