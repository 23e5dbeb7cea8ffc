/* SPDX-License-Identifier: MIT */
/*
 * A hypervisor made of files, for tests of the whole daemon on any Linux machine.
 *
 * In the directory $FAKE_XEN, domain N is the file N.ring (its page) with N.life holding one
 * letter: r(unning), s(hut down) or g(one). Event channels are datagrams: the daemon's are read
 * from the socket `daemon`, each carrying a port; to notify domain N one is sent to N.event.
 * Our port for domain N is N + 100; port 1 tells that some domain's life has changed. As with the
 * real thing, an event sent while nobody is bound is lost. While there is a file `storm` every event
 * that is taken is there again at once: a guest raises it as fast as that.
 */
#include "../../xenstored/xen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PORT_BASE      100
#define PORT_EXCEPTION 1

static int fake_fd = -1;

static void fake_name(char *out, size_t n, const char *what) { snprintf(out, n, "%s/%s", getenv("FAKE_XEN"), what); }

static void fake_address(struct sockaddr_un *a, const char *what) {
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	fake_name(a->sun_path, sizeof(a->sun_path), what);
}

int xen_open(void) {
	struct sockaddr_un a;

	if (!getenv("FAKE_XEN")) return -ENODEV;
	fake_address(&a, "daemon");
	fake_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(a.sun_path);
	if (fake_fd < 0 || bind(fake_fd, (struct sockaddr *)&a, sizeof(a))) return -errno;
	return 0;
}

int xen_fd(void) { return fake_fd; }

int xen_pending(void) {
	static uint32_t port;
	char name[200];

	fake_name(name, sizeof(name), "storm");
	if (port && !access(name, F_OK)) return (int)port;
	return recv(fake_fd, &port, sizeof(port), 0) == sizeof(port) ? (int)port : -1;
}

struct xenstore_domain_interface *xen_map(unsigned domid, uint64_t gfn) {
	char name[200], what[32];
	void *p;
	int fd;

	(void)gfn;
	snprintf(what, sizeof(what), "%u.ring", domid);
	fake_name(name, sizeof(name), what);
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0) return NULL;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

void xen_unmap(unsigned domid, struct xenstore_domain_interface *page) {
	(void)domid;
	munmap(page, 4096);
}

struct xenstore_domain_interface *xen_map_dom0(uint32_t *port) {
	*port = 1;
	return xen_map(0, 0);
}

int xen_bind(unsigned domid, uint32_t port) { return port ? (int)domid + PORT_BASE : -EINVAL; }

void xen_unbind(int port) { (void)port; }

void xen_notify(int port) {
	struct sockaddr_un a;
	char what[32];

	snprintf(what, sizeof(what), "%d.event", port - PORT_BASE);
	fake_address(&a, what);
	/* Nobody there, or a queue that is full of wake-ups already: just as good. */
	if (sendto(fake_fd, &port, sizeof(port), MSG_DONTWAIT, (struct sockaddr *)&a, sizeof(a)) < 0) return;
}

int xen_bind_exception(void) { return PORT_EXCEPTION; }

enum xen_life xen_life(unsigned domid) {
	char name[200], what[32], c = 'g';
	int fd;

	snprintf(what, sizeof(what), "%u.life", domid);
	fake_name(name, sizeof(name), what);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, &c, 1) != 1) c = 'g';
	if (fd >= 0) close(fd);
	return c == 'r' ? XEN_RUNNING : c == 's' ? XEN_SHUTDOWN : XEN_GONE;
}
