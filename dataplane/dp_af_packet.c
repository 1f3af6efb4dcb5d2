// SPDX-License-Identifier: Apache-2.0
#include "dp_af_packet.h"

#include <dirent.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

static int dp_af_packet_is_bound(int fd, unsigned ifindex)
{
	struct sockaddr_ll sll = {0};
	socklen_t len = sizeof(sll);

	return getsockname(fd, (struct sockaddr *)&sll, &len) == 0 && sll.sll_family == AF_PACKET &&
	       sll.sll_ifindex == (int)ifindex;
}

int dp_af_packet_ignore_outgoing(const char *ifname)
{
	unsigned ifindex = if_nametoindex(ifname);
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	int one = 1, found = 0;

	if (!dir)
		return -errno;
	while (ifindex && (e = readdir(dir))) {
		int fd = atoi(e->d_name);

		if (!dp_af_packet_is_bound(fd, ifindex))
			continue;
		if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) == 0)
			found++;
	}
	closedir(dir);
	return found;
}

int dp_af_packet_mtu(const char *ifname)
{
	struct ifreq ifr = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return -errno;
	memcpy(ifr.ifr_name, ifname, strnlen(ifname, IFNAMSIZ - 1));
	rc = ioctl(fd, SIOCGIFMTU, &ifr) ? -errno : ifr.ifr_mtu;
	close(fd);
	return rc;
}

// IFF_RUNNING follows the carrier by up to a second (the kernel gathers such changes); the driver
// knows at once.
static bool dp_af_packet_carrier(int fd, struct ifreq *ifr)
{
	struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
	bool running = ifr->ifr_flags & IFF_RUNNING;

	ifr->ifr_data = (char *)&link;
	return ioctl(fd, SIOCETHTOOL, ifr) == 0 ? link.data : running;
}

bool dp_af_packet_link(const char *ifname)
{
	struct ifreq ifr = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up;

	if (fd < 0)
		return false;
	memcpy(ifr.ifr_name, ifname, strnlen(ifname, IFNAMSIZ - 1));
	up = ioctl(fd, SIOCGIFFLAGS, &ifr) == 0 && (ifr.ifr_flags & IFF_UP) &&
	     dp_af_packet_carrier(fd, &ifr);
	close(fd);
	return up;
}

// DPDK's driver puts its sockets into a fanout group with PACKET_FANOUT_FLAG_DEFRAG and has no
// option against it. The kernel then keeps fragments until it has the whole datagram, which is
// longer than a frame may be: a VM's fragments would never get through, and an outer fragment would
// not be seen as one. So the program's own setsockopt() stands before libc's and takes that flag
// away; all else passes. Fragments of a datagram still reach one queue: the fanout hash has no
// ports for them.
int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	unsigned fanout;

	if (level == SOL_PACKET && name == PACKET_FANOUT && len == sizeof(fanout)) {
		memcpy(&fanout, value, sizeof(fanout));
		fanout &= ~((unsigned)PACKET_FANOUT_FLAG_DEFRAG << 16);
		value = &fanout;
	}
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

// The driver makes its sockets for every protocol at once, and binds them to the interface only
// after the receive ring was set up: until then the ring takes the frames of all interfaces, other
// tenants' among them, and they would come out of the new port. A socket for no protocol hears
// nothing before bind(), which names protocol and interface together (packet(7)).
int socket(int domain, int type, int protocol)
{
	if (domain == AF_PACKET)
		protocol = 0;
	return (int)syscall(SYS_socket, domain, type, protocol);
}
