/* SPDX-License-Identifier: MIT */
/* The built-in vif-bridge: what the stock script does for a plain bridge, without a shell. */
#include "device.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <net/if_arp.h>

static int control(unsigned long req, struct ifreq *r) {
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), e;

	if (fd < 0) return -errno;
	e = ioctl(fd, req, r) < 0 ? -errno : 0;
	close(fd);
	return e;
}

static void name_request(struct ifreq *r, const char *netif) {
	memset(r, 0, sizeof(*r));
	strncpy(r->ifr_name, netif, IFNAMSIZ - 1);
}

static int set_flags(const char *netif, int set, int clear) {
	struct ifreq r;
	int e;

	name_request(&r, netif);
	e = control(SIOCGIFFLAGS, &r);
	if (e) return e;
	r.ifr_flags = (r.ifr_flags | set) & ~clear;
	return control(SIOCSIFFLAGS, &r);
}

/* Backends get a fixed address that never wins a bridge's election for the lowest one. */
static void set_mac(const char *netif) {
	struct ifreq r;

	name_request(&r, netif);
	r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(r.ifr_hwaddr.sa_data, "\xfe\xff\xff\xff\xff\xff", 6);
	control(SIOCSIFHWADDR, &r);
}

int tl_netif_bridge(const char *netif, const char *bridge, unsigned mtu) {
	struct ifreq r;
	int e;

	name_request(&r, bridge);
	if (!mtu && control(SIOCGIFMTU, &r) == 0) mtu = r.ifr_mtu;
	set_mac(netif);
	if (mtu) {
		name_request(&r, netif);
		r.ifr_mtu = mtu;
		control(SIOCSIFMTU, &r);
	}
	name_request(&r, bridge);
	r.ifr_ifindex = if_nametoindex(netif);
	if (!r.ifr_ifindex) return -ENODEV;
	e = control(SIOCBRADDIF, &r);
	if (e && e != -EBUSY) /* busy: it is in the bridge already */
		return e;
	return set_flags(netif, IFF_UP, 0);
}

int tl_netif_rename(const char *from, const char *to) {
	struct ifreq r;
	int e;

	if (if_nametoindex(to) && !if_nametoindex(from)) return 0; /* done before */
	e = set_flags(from, 0, IFF_UP);
	if (e) return e;
	name_request(&r, from);
	strncpy(r.ifr_newname, to, IFNAMSIZ - 1);
	return control(SIOCSIFNAME, &r);
}
