/* SPDX-License-Identifier: MIT */
/*
 * A QEMU TCG plugin that counts instructions without disturbing the guest.
 *
 * Every executed instruction belongs to a region by its address (low: user space and firmware; hv:
 * the hypervisor's range; kernel: above it) and is either ordinary or a `rep` string instruction,
 * of which TCG counts each iteration. In the hypervisor's range, classes of costly instructions are
 * counted as well; sysret and iret there are the exits, so as many entries.
 *
 * The guest marks windows with `nopl 0xBEEFiiii(%rax)`, which works in every ring. Each mark writes
 * a line with its number and all counters, under a head line that names the columns; a line with
 * the number "end" follows at exit.
 *
 * usage: -plugin counter.so,out=FILE[,symbols=FILE,row=N]
 *
 * With icount the counts are the same in every run. `symbols` (the output of nm -n) and `row` ask for
 * a profile: the hypervisor's instructions by function in the cheapest window of that row, written
 * to FILE.profile at exit.
 *
 * QEMU installs no header for plugins: the few prototypes below are the interface, version 4.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;

/* One counter of a scoreboard that QEMU keeps for each vCPU. */
typedef struct {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
} qemu_plugin_u64;

enum qemu_plugin_op { INLINE_ADD_U64, INLINE_STORE_U64 };
enum qemu_plugin_cb_flags { CB_NO_REGS, CB_R_REGS, CB_RW_REGS };

typedef void tb_trans_cb(plugin_id id, struct qemu_plugin_tb *tb);
typedef void vcpu_udata_cb(unsigned int vcpu, void *user);
typedef void udata_cb(plugin_id id, void *user);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t size);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, tb_trans_cb *cb);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, vcpu_udata_cb *cb,
					    enum qemu_plugin_cb_flags flags, void *user);
void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn, enum qemu_plugin_op op,
							 qemu_plugin_u64 entry, uint64_t value);
void qemu_plugin_register_atexit_cb(plugin_id id, udata_cb *cb, void *user);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
uint64_t qemu_plugin_u64_sum(qemu_plugin_u64 entry);

__attribute__((visibility("default"))) extern int qemu_plugin_version;
int qemu_plugin_version = 4;
int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

enum counter {
	LOW,
	LOW_REP,
	HV,
	HV_REP,
	KERNEL,
	KERNEL_REP,
	SYSRET,
	IRET,
	CR3,
	INVLPG,
	LOCKED,
	WRMSR,
	RDMSR,
	CPUID,
	SWAPGS,
	PORT,
	COUNTERS
};

static const char *const names[COUNTERS] = {
	"low", "low_rep", "hv",     "hv_rep", "kernel", "kernel_rep", "sysret", "iret",
	"cr3", "invlpg",  "locked", "wrmsr",  "rdmsr",  "cpuid",      "swapgs", "port",
};

#define HV_FIRST     0xffff800000000000ULL
#define KERNEL_FIRST 0xffff880000000000ULL
#define MARK         0xbeef0000U

static struct qemu_plugin_scoreboard *board;
static FILE *out;

/* The profile: functions by address; their counts when its window began, and in the cheapest so far. */
struct function {
	uint64_t va, start, least;
	char name[64];
};

static struct function *functions;
static size_t function_nr;
static unsigned int profile_row;
static uint64_t profile_least = UINT64_MAX;
static struct qemu_plugin_scoreboard *profile;
static const char *out_path;

static qemu_plugin_u64 profile_cell(size_t i) { return (qemu_plugin_u64){ profile, i * sizeof(uint64_t) }; }

static void read_symbols(const char *path) {
	FILE *f = fopen(path, "r");
	struct function one = { 0 };
	char kind;

	while (f && fscanf(f, "%" SCNx64 " %c %63s", &one.va, &kind, one.name) == 3) {
		if (one.va < HV_FIRST || !strchr("tTwW", kind)) continue;
		functions = realloc(functions, (function_nr + 1) * sizeof(one));
		if (!functions) abort();
		functions[function_nr++] = one;
	}
	if (f) fclose(f);
}

static void profile_insn(struct qemu_plugin_insn *insn, uint64_t va) {
	size_t low = 0, high = function_nr;

	while (high - low > 1) {
		size_t mid = (low + high) / 2;

		*(functions[mid].va <= va ? &low : &high) = mid;
	}
	qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, INLINE_ADD_U64, profile_cell(low), 1);
}

static void profile_mark(unsigned int number) {
	uint64_t sum = 0;

	if (number / 2 != profile_row) return;
	for (size_t i = 0; i < function_nr; i++) {
		uint64_t now = qemu_plugin_u64_sum(profile_cell(i));

		if (number % 2 == 0) functions[i].start = now;
		sum += now - functions[i].start;
	}
	if (number % 2 == 0 || sum >= profile_least) return;
	profile_least = sum;
	for (size_t i = 0; i < function_nr; i++)
		functions[i].least = qemu_plugin_u64_sum(profile_cell(i)) - functions[i].start;
}

static int by_count(const void *a, const void *b) {
	const struct function *x = a, *y = b;

	return x->least < y->least ? 1 : x->least > y->least ? -1 : 0;
}

static void write_profile(void) {
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s.profile", out_path);
	f = fopen(path, "w");
	if (!f) return;
	qsort(functions, function_nr, sizeof(*functions), by_count);
	for (size_t i = 0; i < function_nr && functions[i].least; i++)
		fprintf(f, "%8" PRIu64 " %s\n", functions[i].least, functions[i].name);
	fclose(f);
}

static qemu_plugin_u64 cell(enum counter c) { return (qemu_plugin_u64){ board, c * sizeof(uint64_t) }; }

static void count(struct qemu_plugin_insn *insn, enum counter c) {
	qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, INLINE_ADD_U64, cell(c), 1);
}

static void write_line(const char *label) {
	fputs(label, out);
	for (enum counter c = 0; c < COUNTERS; c++) fprintf(out, " %" PRIu64, qemu_plugin_u64_sum(cell(c)));
	fputc('\n', out);
}

static void on_mark(unsigned int vcpu, void *user) {
	char label[16];

	(void)vcpu;
	snprintf(label, sizeof(label), "%u", (unsigned int)(uintptr_t)user);
	write_line(label);
	if (function_nr) profile_mark((unsigned int)(uintptr_t)user);
}

/* An instruction's bytes behind its prefixes; what the prefixes were. */
struct decoded {
	const uint8_t *op;
	size_t left;
	bool locked, rep;
};

static struct decoded decode(const uint8_t *bytes, size_t size) {
	struct decoded d = { bytes, size, false, false };

	for (; d.left > 1; d.op++, d.left--) {
		if (*d.op == 0xf0)
			d.locked = true;
		else if (*d.op == 0xf2 || *d.op == 0xf3)
			d.rep = true;
		else if (*d.op != 0x66 && *d.op != 0x67 && *d.op != 0x2e && *d.op != 0x36 && *d.op != 0x3e &&
			 *d.op != 0x26 && *d.op != 0x64 && *d.op != 0x65 && (*d.op & 0xf0) != 0x40)
			break;
	}
	return d;
}

/* Prefixes F2 and F3 mean repetition with string instructions only. */
static bool is_string(uint8_t op) {
	return (op >= 0xa4 && op <= 0xa7) || (op >= 0xaa && op <= 0xaf) || (op >= 0x6c && op <= 0x6f);
}

/* The class of a two-byte instruction 0F op; COUNTERS for none. */
static enum counter class_0f(const uint8_t *op, size_t left) {
	uint8_t modrm = left > 2 ? op[2] : 0;

	switch (op[1]) {
	case 0x07: return SYSRET;
	case 0x22: return (modrm >> 3 & 7) == 3 ? CR3 : COUNTERS;
	case 0x30: return WRMSR;
	case 0x32: return RDMSR;
	case 0xa2: return CPUID;
	case 0x01:
		if (modrm == 0xf8) return SWAPGS;
		return (modrm >> 3 & 7) == 7 && modrm < 0xc0 ? INVLPG : COUNTERS;
	default: return COUNTERS;
	}
}

static enum counter class_of(const struct decoded *d) {
	uint8_t op = *d->op;

	if (op == 0x0f && d->left > 1) return class_0f(d->op, d->left);
	if (op == 0xcf) return IRET;
	if ((op >= 0xe4 && op <= 0xe7) || (op >= 0xec && op <= 0xef)) return PORT;
	return COUNTERS;
}

static bool is_mark(const uint8_t *b, size_t size, uint32_t *number) {
	uint32_t disp;

	if (size != 7 || b[0] != 0x0f || b[1] != 0x1f || b[2] != 0x80) return false;
	memcpy(&disp, b + 3, sizeof(disp));
	*number = disp & 0xffff;
	return (disp & 0xffff0000) == MARK;
}

static void on_insn(struct qemu_plugin_insn *insn) {
	uint64_t va = qemu_plugin_insn_vaddr(insn);
	uint8_t bytes[16];
	size_t size = qemu_plugin_insn_data(insn, bytes, sizeof(bytes));
	struct decoded d = decode(bytes, size);
	bool rep = d.rep && is_string(*d.op);
	enum counter region = va >= KERNEL_FIRST ? KERNEL : va >= HV_FIRST ? HV : LOW;
	uint32_t number;

	count(insn, region + rep);
	if (region == HV) {
		enum counter c = class_of(&d);

		if (c != COUNTERS) count(insn, c);
		if (d.locked) count(insn, LOCKED);
		if (function_nr && !rep) profile_insn(insn, va);
	}
	if (is_mark(bytes, size, &number))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, CB_NO_REGS, (void *)(uintptr_t)number);
}

static void on_translate(plugin_id id, struct qemu_plugin_tb *tb) {
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) on_insn(qemu_plugin_tb_get_insn(tb, i));
}

static void on_exit_of_qemu(plugin_id id, void *user) {
	(void)id;
	(void)user;
	write_line("end");
	if (function_nr) write_profile();
	fclose(out);
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv) {
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4)) out_path = argv[i] + 4;
		if (!strncmp(argv[i], "symbols=", 8)) read_symbols(argv[i] + 8);
		if (!strncmp(argv[i], "row=", 4)) profile_row = (unsigned int)atoi(argv[i] + 4);
	}
	out = out_path ? fopen(out_path, "w") : NULL;
	if (!out) {
		fprintf(stderr, "counter: give out=FILE, a file that can be written\n");
		return 1;
	}
	setvbuf(out, NULL, _IOLBF, 0);
	fputs("mark", out);
	for (enum counter c = 0; c < COUNTERS; c++) fprintf(out, " %s", names[c]);
	fputc('\n', out);
	board = qemu_plugin_scoreboard_new(COUNTERS * sizeof(uint64_t));
	if (function_nr) profile = qemu_plugin_scoreboard_new(function_nr * sizeof(uint64_t));
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
	return 0;
}
