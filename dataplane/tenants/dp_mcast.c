// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_mcast.h"

#include "dp.h"
#include "dp_log.h"
#include "tenants/dp_tenant.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int dp_mcast_join(const struct weft_ip *group, uint32_t link)
{
	bool v4 = weft_ip_is_v4(group);
	struct group_req req = {.gr_interface = link};
	struct sockaddr_in *in4 = (struct sockaddr_in *)&req.gr_group;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&req.gr_group;
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (v4) {
		in4->sin_family = AF_INET;
		in4->sin_addr.s_addr = weft_ip_v4(group);
	} else {
		in6->sin6_family = AF_INET6;
		memcpy(&in6->sin6_addr, group->b, 16);
	}
	if (fd >= 0 && setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, MCAST_JOIN_GROUP, &req,
			       sizeof(req)) == 0)
		return fd;
	DP_LOG(WARNING, "cannot join a multicast group on interface %u: %s", link, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static void dp_mcast_want(struct dp *dp, const struct weft_ip *group, uint32_t link)
{
	struct dp_membership *m = dp->memberships;

	while (m && !(weft_ip_equal(&m->group, group) && m->link == link))
		m = m->next;
	if (!m) {
		m = calloc(1, sizeof(*m));
		if (!m)
			return; // at the next refresh
		*m = (struct dp_membership){
			.group = *group, .link = link, .fd = -1, .next = dp->memberships};
		dp->memberships = m;
	}
	m->wanted = true;
	if (m->fd < 0)
		m->fd = dp_mcast_join(group, link);
}

static void dp_mcast_drop_unwanted(struct dp *dp)
{
	for (struct dp_membership **at = &dp->memberships; *at;) {
		struct dp_membership *m = *at;

		if (m->wanted) {
			at = &m->next;
			continue;
		}
		*at = m->next;
		if (m->fd >= 0)
			close(m->fd);
		free(m);
	}
}

void dp_mcast_refresh(struct dp *dp)
{
	bool any = dp->memberships;

	for (struct dp_membership *m = dp->memberships; m; m = m->next)
		m->wanted = false;
	for (const struct dp_tenant *t = dp->tenants; t; t = t->next) {
		const struct dp_nexthop *h;

		if (t->hidden || weft_ip_is_none(&t->cfg.group))
			continue;
		any = true;
		h = dp_nexthop_find(dp, &t->cfg.group, 0);
		if (h && h->cfg.link)
			dp_mcast_want(dp, &t->cfg.group, h->cfg.link);
	}
	if (!any)
		return;
	dp_mcast_drop_unwanted(dp);
	dp_vtep_publish(dp);
}

void dp_mcast_free(struct dp *dp)
{
	for (struct dp_membership *m = dp->memberships; m; m = m->next)
		m->wanted = false;
	dp_mcast_drop_unwanted(dp);
}
