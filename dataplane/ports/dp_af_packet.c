// SPDX-License-Identifier: Apache-2.0
#include "ports/dp_af_packet.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int dp_af_packet_ioctl(const char *ifname, unsigned long what, struct ifreq *ifr)
{
	static int fd = -1;

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memcpy(ifr->ifr_name, ifname, strnlen(ifname, IFNAMSIZ - 1));
	return ioctl(fd, what, ifr) ? -errno : 0;
}

unsigned dp_af_packet_index(const char *ifname)
{
	struct ifreq ifr = {0};

	return dp_af_packet_ioctl(ifname, SIOCGIFINDEX, &ifr) ? 0 : (unsigned)ifr.ifr_ifindex;
}

int dp_af_packet_mtu(const char *ifname)
{
	struct ifreq ifr = {0};
	int rc = dp_af_packet_ioctl(ifname, SIOCGIFMTU, &ifr);

	return rc ? rc : ifr.ifr_mtu;
}

// IFF_RUNNING follows the carrier by up to a second (the kernel gathers such changes); the driver
// knows at once.
static bool dp_af_packet_carrier(const char *ifname, bool running)
{
	struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
	struct ifreq ifr = {.ifr_data = (char *)&link};

	return dp_af_packet_ioctl(ifname, SIOCETHTOOL, &ifr) ? running : link.data;
}

bool dp_af_packet_link(const char *ifname)
{
	struct ifreq ifr = {0};

	return dp_af_packet_ioctl(ifname, SIOCGIFFLAGS, &ifr) == 0 && (ifr.ifr_flags & IFF_UP) &&
	       dp_af_packet_carrier(ifname, ifr.ifr_flags & IFF_RUNNING);
}

uint32_t dp_af_packet_speed(const char *ifname)
{
	struct ethtool_cmd link = {.cmd = ETHTOOL_GSET};
	struct ifreq ifr = {.ifr_data = (char *)&link};

	return dp_af_packet_ioctl(ifname, SIOCETHTOOL, &ifr) ? UINT32_MAX
							     : ethtool_cmd_speed(&link);
}
