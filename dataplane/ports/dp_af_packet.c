// SPDX-License-Identifier: Apache-2.0
#include "ports/dp_af_packet.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

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

uint32_t dp_af_packet_speed(const char *ifname)
{
	struct ethtool_cmd link = {.cmd = ETHTOOL_GSET};
	struct ifreq ifr = {.ifr_data = (char *)&link};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t speed = UINT32_MAX;

	if (fd < 0)
		return speed;
	memcpy(ifr.ifr_name, ifname, strnlen(ifname, IFNAMSIZ - 1));
	if (ioctl(fd, SIOCETHTOOL, &ifr) == 0)
		speed = ethtool_cmd_speed(&link);
	close(fd);
	return speed;
}
