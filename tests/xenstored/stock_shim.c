/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a stock xenstored so that it runs on a machine without Xen: it serves sockets, and
 * believes in one domain 0 whose ring is silent. For comparing behaviour and speed.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#define SHIM __attribute__((visibility("default")))

static char shim_page[4096] __attribute__((aligned(4096)));
static int shim_event = -1;

SHIM xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *l, unsigned f) {
	(void)l;
	(void)f;
	shim_event = eventfd(0, EFD_NONBLOCK);
	return (xenevtchn_handle *)shim_page;
}

SHIM xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *l, int fd, unsigned f) {
	(void)l;
	(void)f;
	shim_event = fd;
	return (xenevtchn_handle *)shim_page;
}

SHIM int xenevtchn_close(xenevtchn_handle *h) {
	(void)h;
	return 0;
}

SHIM int xenevtchn_fd(xenevtchn_handle *h) {
	(void)h;
	return shim_event;
}

SHIM int xenevtchn_notify(xenevtchn_handle *h, evtchn_port_t p) {
	(void)h;
	(void)p;
	return 0;
}

SHIM xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *h, uint32_t d, evtchn_port_t p) {
	(void)h;
	(void)d;
	(void)p;
	return 5;
}

SHIM xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *h, unsigned v) {
	(void)h;
	(void)v;
	return 6;
}

SHIM int xenevtchn_unbind(xenevtchn_handle *h, evtchn_port_t p) {
	(void)h;
	(void)p;
	return 0;
}

SHIM xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *h) {
	(void)h;
	return -1;
}

SHIM int xenevtchn_unmask(xenevtchn_handle *h, evtchn_port_t p) {
	(void)h;
	(void)p;
	return 0;
}

SHIM xengnttab_handle *xengnttab_open(struct xentoollog_logger *l, unsigned f) {
	(void)l;
	(void)f;
	return (xengnttab_handle *)shim_page;
}

SHIM void *xengnttab_map_grant_ref(xengnttab_handle *h, uint32_t d, uint32_t r, int p) {
	(void)h;
	(void)d;
	(void)r;
	(void)p;
	return shim_page;
}

SHIM int xengnttab_unmap(xengnttab_handle *h, void *p, uint32_t c) {
	(void)h;
	(void)p;
	(void)c;
	return 0;
}

SHIM xc_interface *xc_interface_open(xentoollog_logger *a, xentoollog_logger *b, unsigned f) {
	(void)a;
	(void)b;
	(void)f;
	return (xc_interface *)shim_page;
}

SHIM int xc_interface_close(xc_interface *x) {
	(void)x;
	return 0;
}

SHIM int xc_domain_getinfo(xc_interface *x, uint32_t first, unsigned max, xc_dominfo_t *i) {
	(void)x;
	(void)max;
	memset(i, 0, sizeof(*i));
	i->domid = first;
	i->running = 1;
	return 1;
}

static int shim_file(const char *path) {
	int fd = -1;

	if (!strcmp(path, "/proc/xen/xsd_port")) {
		fd = memfd_create("port", 0);
		if (fd >= 0 && (write(fd, "3", 1) != 1 || lseek(fd, 0, SEEK_SET))) fd = -1;
	}
	return fd;
}

static int shim_open(const char *name, const char *path, int flags, mode_t mode) {
	int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);

	if (!strcmp(path, "/proc/xen/xsd_kva")) return real("/dev/zero", O_RDWR);
	if (!strcmp(path, "/proc/xen/xsd_port")) return shim_file(path);
	return real(path, flags, mode);
}

SHIM int open(const char *path, int flags, ...) {
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return shim_open("open", path, flags, mode);
}

SHIM int open64(const char *path, int flags, ...) {
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return shim_open("open64", path, flags, mode);
}

SHIM int setrlimit(__rlimit_resource_t what, const struct rlimit *l) {
	(void)what;
	(void)l;
	return 0;
}
