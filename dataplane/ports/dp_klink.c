// SPDX-License-Identifier: Apache-2.0
#include "ports/dp_klink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

struct dp_klink_request {
	struct nlmsghdr nl;
	struct ifinfomsg link;
	struct rtattr attr;
	uint32_t value;
};

struct dp_klink_answer {
	struct nlmsghdr nl;
	struct nlmsgerr error;
};

static int dp_klink_ask(int fd, const struct dp_klink_request *r)
{
	struct dp_klink_answer a = {0};

	if (send(fd, r, sizeof(*r), 0) != sizeof(*r))
		return -errno;
	if (recv(fd, &a, sizeof(a), MSG_TRUNC) < (ssize_t)sizeof(a) ||
		a.nl.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return a.error.error;
}

int dp_klink_set_gso_max(const char *ifname, uint32_t bytes)
{
	struct dp_klink_request r = {
		.nl = {.nlmsg_len = sizeof(r),
			.nlmsg_type = RTM_NEWLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		.link = {.ifi_index = (int)if_nametoindex(ifname)},
		.attr = {RTA_LENGTH(sizeof(r.value)), IFLA_GSO_MAX_SIZE},
		.value = bytes,
	};
	int fd, rc;

	if (!r.link.ifi_index)
		return -errno;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	rc = dp_klink_ask(fd, &r);
	close(fd);
	return rc;
}
