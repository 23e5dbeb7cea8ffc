/* SPDX-License-Identifier: MIT */
/*
 * What an operating system's services cost, in the manner of lmbench, for the instruction counter
 * outside: each row is one operation between two marks (mark.h), many times over; the least counts.
 * A static program, so that the same file runs natively, in dom0 and in a domU.
 *
 * usage: os rows             rows 100 to 114, the services of the kernel
 *        os mark N           begin phase N, 1000 to 1019
 *        os disk DEVICE      rows 120 to 123; overwrites the device
 *        os server           serves `os net` on port 5001 of all addresses, for ever
 *        os net ADDRESS      rows 130 to 132 with a server there
 *        os busy             row 140, the processor alone for a while
 *        os pages            print how many pages the hypervisor has to give (dom0 only)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/sys/privcmd.h>
#include <xen/sysctl.h>
#include "mark.h"

#define PAGE    4096UL
#define SERVICE 5001
#define BULK    (8UL << 20)

/* `before` makes ready for one operation, the rest is the operation. */
#define ROW(row, rounds, before, ...)                   \
	do {                                            \
		for (int i_ = 0; i_ < (rounds); i_++) { \
			before;                         \
			MARK(2 * (row));                \
			__VA_ARGS__;                    \
			MARK(2 * (row) + 1);            \
		}                                       \
	} while (0)

static void must(bool good, const char *what) {
	if (good) return;
	printf("not ok - os: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *pages(size_t bytes) {
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(p != MAP_FAILED, "mmap");
	return p;
}

static void touch(volatile char *p) { *p = 1; }

/* --- system calls and signals */

static void on_signal(int number) { (void)number; }

/* Goes on behind touch()'s store, which is three bytes long: movb $1, (%rdi). */
static void on_fault(int number, siginfo_t *info, void *context) {
	(void)number;
	(void)info;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 3;
}

static void catch_faults(void) {
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &fault, NULL);
}

static void signal_rows(void) {
	struct sigaction act = { .sa_handler = on_signal };
	char *page = pages(PAGE);

	ROW(101, 50, , syscall(SYS_getppid));
	ROW(102, 50, , sigaction(SIGUSR1, &act, NULL));
	ROW(103, 50, , syscall(SYS_kill, getpid(), SIGUSR1));
	catch_faults();
	touch(page);
	must(!mprotect(page, PAGE, PROT_READ), "mprotect");
	ROW(109, 50, , asm volatile("movb $1, (%0)" ::"D"(page) : "memory"));
}

/* --- processes */

static void run_and_wait(char *const argv[]) {
	pid_t child = fork();
	int status;

	if (!child) {
		if (argv) execv(argv[0], argv);
		_exit(argv ? 127 : 0);
	}
	must(waitpid(child, &status, 0) == child && !status, "a child process");
}

/* One byte there and back: two switches of process. */
static void round_trip(int to, int from) {
	char byte = 0;

	must(write(to, &byte, 1) == 1 && read(from, &byte, 1) == 1, "one byte there and back");
}

static void echo(int from, int to) {
	char byte;

	while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1) {
	}
	_exit(0);
}

static void process_rows(void) {
	char *exec[] = { "/bin/os", "nothing", NULL };
	char *shell[] = { "/bin/sh", "-c", "/bin/os nothing", NULL };
	int there[2], back[2];

	ROW(104, 20, , run_and_wait(NULL));
	ROW(105, 20, , run_and_wait(exec));
	ROW(106, 20, , run_and_wait(shell));
	must(!pipe(there) && !pipe(back), "pipe");
	if (!fork()) {
		close(there[1]);
		echo(there[0], back[1]);
	}
	close(there[0]);
	ROW(107, 50, , round_trip(there[1], back[0]));
	close(there[1]);
	wait(NULL);
}

/* --- memory */

static void map_touch_unmap(void) {
	char *p = pages(4UL << 20);

	for (size_t at = 0; at < 4UL << 20; at += 4 * PAGE) touch(p + at);
	munmap(p, 4UL << 20);
}

static char *file_page(void) {
	int file = open("/tmp/os.data", O_RDWR | O_CREAT, 0600);
	char *p;

	must(file >= 0 && !ftruncate(file, 64 * PAGE), "/tmp/os.data");
	p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	must(p != MAP_FAILED, "mmap of a file");
	close(file);
	memset(p, 1, 64 * PAGE);
	return p;
}

static void memory_rows(void) {
	char *many = pages(256 * PAGE), *file = file_page();

	ROW(108, 20, , map_touch_unmap());
	ROW(110, 50, madvise(many, PAGE, MADV_DONTNEED), touch(many));
	ROW(111, 50, madvise(file, 64 * PAGE, MADV_DONTNEED), (void)*(volatile char *)file);
	memset(many, 1, 256 * PAGE);
	ROW(112, 20, mprotect(many, 256 * PAGE, PROT_READ | PROT_WRITE);
	    memset(many, 1, 256 * PAGE), mprotect(many, 256 * PAGE, PROT_READ));
	unlink("/tmp/os.data");
}

/* --- the network */

static struct sockaddr_in address_of(const char *text) {
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(SERVICE) };

	must(inet_pton(AF_INET, text, &a.sin_addr) == 1, text);
	return a;
}

/* At once, whatever its size. */
static void no_delay(int s) {
	int on = 1;

	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* Connects and says what the server shall do: 'e' echo, 's' swallow BULK bytes, 'g' give as many. */
static int connection(const char *address, char service) {
	struct sockaddr_in a = address_of(address);
	int s = socket(AF_INET, SOCK_STREAM, 0);

	must(s >= 0 && !connect(s, (void *)&a, sizeof(a)), address);
	no_delay(s);
	must(write(s, &service, 1) == 1, "write to a socket");
	return s;
}

static void give(int s, char *buffer) {
	for (size_t left = BULK; left;) {
		ssize_t n = write(s, buffer, left < 65536 ? left : 65536);

		must(n > 0, "write to a socket");
		left -= n;
	}
}

static void take(int s, char *buffer) {
	for (size_t left = BULK; left;) {
		ssize_t n = read(s, buffer, left < 65536 ? left : 65536);

		must(n > 0, "read from a socket");
		left -= n;
	}
}

static void serve(int s) {
	char service, *buffer = pages(65536);

	no_delay(s);
	if (read(s, &service, 1) != 1) _exit(0);
	if (service == 'e') echo(s, s);
	/* One byte asks to be given more; what is to be taken begins without a word. */
	for (;;) {
		char go;

		if (recv(s, &go, 1, service == 'g' ? 0 : MSG_PEEK) != 1) _exit(0);
		if (service == 'g') {
			give(s, buffer);
		} else {
			take(s, buffer);
			must(write(s, buffer, 1) == 1, "write to a socket");
		}
	}
}

static void server(void) {
	struct sockaddr_in a = address_of("0.0.0.0");
	int s = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	must(s >= 0 && !bind(s, (void *)&a, sizeof(a)) && !listen(s, 8), "listen");
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int peer = accept(s, NULL, NULL);

		if (peer >= 0 && !fork()) serve(peer);
		if (peer >= 0) close(peer);
	}
}

static void loopback_row(void) {
	pid_t child = fork();
	int s;

	if (!child) server();
	usleep(50000);
	s = connection("127.0.0.1", 'e');
	ROW(113, 50, , round_trip(s, s));
	close(s);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void net_rows(const char *address) {
	char *buffer = pages(65536), byte = 0;
	int s = connection(address, 'e');

	memset(buffer, 1, 65536);
	ROW(130, 50, , round_trip(s, s));
	close(s);
	s = connection(address, 's');
	ROW(131, 4, , give(s, buffer); must(read(s, &byte, 1) == 1, "the server's answer"));
	close(s);
	s = connection(address, 'g');
	ROW(132, 4, , must(write(s, &byte, 1) == 1, "the server's word"); take(s, buffer));
	close(s);
}

/* --- the processor and the disk */

static void spin(uint64_t rounds) { asm volatile("1: decq %0; jnz 1b" : "+r"(rounds)::"cc"); }

static void disk_rows(const char *device) {
	int disk = open(device, O_RDWR | O_DIRECT | O_SYNC);
	char *buffer = pages(1UL << 20);
	unsigned int at = 1;

	must(disk >= 0, device);
	memset(buffer, 1, 1UL << 20);
	/* A fixed sequence of places within 8 MiB. */
	ROW(120, 50, at = at * 1103515245U + 12345U,
	    must(pread(disk, buffer, PAGE, (at >> 8 & 2047) * PAGE) == (ssize_t)PAGE, "read 4 KiB"));
	ROW(121, 50, at = at * 1103515245U + 12345U,
	    must(pwrite(disk, buffer, PAGE, (at >> 8 & 2047) * PAGE) == (ssize_t)PAGE, "write 4 KiB"));
	ROW(122, 8, , must(pread(disk, buffer, 1 << 20, 0) == 1 << 20, "read 1 MiB"));
	ROW(123, 8, , must(pwrite(disk, buffer, 1 << 20, 0) == 1 << 20, "write 1 MiB"));
	close(disk);
}

static void rows(void) {
	signal_rows();
	process_rows();
	memory_rows();
	loopback_row();
	ROW(114, 10, , spin(250000));
}

/* --- the hypervisor */

/* XEN_SYSCTL_physinfo through privcmd; the argument must be in locked memory. */
static void print_free_pages(void) {
	struct xen_sysctl *op = pages(PAGE);
	struct privcmd_hypercall call = { .op = __HYPERVISOR_sysctl, .arg = { (uintptr_t)op } };
	int privcmd = open("/dev/xen/privcmd", O_RDWR);

	must(!mlock(op, PAGE), "mlock");
	op->cmd = XEN_SYSCTL_physinfo;
	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	must(privcmd >= 0 && !ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call), "physinfo");
	printf("%llu\n", (unsigned long long)op->u.physinfo.free_pages);
}

#define PHASE(n) \
	case n: MARK(n); break

static void mark(const char *number) {
	switch (atoi(number)) {
		PHASE(1001);
		PHASE(1002);
		PHASE(1003);
		PHASE(1004);
		PHASE(1005);
		PHASE(1006);
		PHASE(1007);
		PHASE(1008);
		PHASE(1009);
		PHASE(1010);
		PHASE(1011);
		PHASE(1012);
		PHASE(1013);
	default: must(false, "this number of a phase");
	}
}

int main(int argc, char **argv) {
	const char *what = argc > 1 ? argv[1] : "", *with = argc > 2 ? argv[2] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(what, "nothing")) return 0;
	if (!strcmp(what, "rows"))
		rows();
	else if (!strcmp(what, "mark"))
		mark(with);
	else if (!strcmp(what, "disk"))
		disk_rows(with);
	else if (!strcmp(what, "server"))
		server();
	else if (!strcmp(what, "net"))
		net_rows(with);
	else if (!strcmp(what, "busy"))
		ROW(140, 1, , spin(100000000));
	else if (!strcmp(what, "pages"))
		print_free_pages();
	else
		return 2;
	return 0;
}
