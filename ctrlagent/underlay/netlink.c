// SPDX-License-Identifier: Apache-2.0
#include "underlay/netlink.h"

#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/vlan.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <sys/socket.h>

#define AGENT_LOG_MODULE "underlay"
#include "log.h"

struct netlink {
	struct nl_sock *query;
	struct nl_sock *watch;
	struct event *watcher;
	struct event *settle;
	void (*changed)(void *arg);
	void *arg;
};

static bool ip_of(struct nl_addr *a, struct weft_ip *ip)
{
	weft_be32 v4;

	*ip = (struct weft_ip){0};
	if (!a)
		return false;
	if (nl_addr_get_family(a) == AF_INET && nl_addr_get_len(a) == 4) {
		memcpy(&v4, nl_addr_get_binary_addr(a), 4);
		*ip = weft_ip_from_v4(v4);
		return true;
	}
	if (nl_addr_get_family(a) == AF_INET6 && nl_addr_get_len(a) == 16) {
		memcpy(ip->b, nl_addr_get_binary_addr(a), 16);
		return true;
	}
	return false;
}

static bool mac_of(struct nl_addr *a, struct weft_mac *mac)
{
	if (!a || nl_addr_get_len(a) != 6)
		return false;
	memcpy(mac->b, nl_addr_get_binary_addr(a), 6);
	return true;
}

// ---- reading

static void read_link(struct nl_object *o, void *arg)
{
	struct rtnl_link *l = (struct rtnl_link *)o;
	struct view_link *out = vec_new(&((struct view *)arg)->links);
	unsigned flags = rtnl_link_get_flags(l);

	out->index = rtnl_link_get_ifindex(l);
	strncpy(out->name, rtnl_link_get_name(l) ? rtnl_link_get_name(l) : "", IFNAMSIZ - 1);
	mac_of(rtnl_link_get_addr(l), &out->mac);
	out->mtu = rtnl_link_get_mtu(l);
	out->up = flags & IFF_UP && flags & IFF_RUNNING;
	if (rtnl_link_is_vlan(l)) {
		out->parent = rtnl_link_get_link(l);
		out->vlan = (uint16_t)rtnl_link_vlan_get_id(l);
	}
}

static void read_address(struct nl_object *o, void *arg)
{
	struct rtnl_addr *a = (struct rtnl_addr *)o;
	struct weft_ip ip;

	if (ip_of(rtnl_addr_get_local(a), &ip))
		vec_add(&((struct view *)arg)->addresses,
			(struct view_address){rtnl_addr_get_ifindex(a), ip});
}

static void read_hop(struct rtnl_nexthop *nh, void *arg)
{
	struct view_route *out = arg;
	struct view_hop hop = {.link = rtnl_route_nh_get_ifindex(nh),
		.weight = (uint16_t)(rtnl_route_nh_get_weight(nh) + 1)}; // rtnh_hops is one less
	struct nl_addr *gateway = rtnl_route_nh_get_gateway(nh);

	if (!gateway)
		gateway = rtnl_route_nh_get_via(nh);
	if (gateway && !ip_of(gateway, &hop.gateway))
		return;
	if (out->hop_count < VIEW_HOPS_MAX)
		out->hops[out->hop_count++] = hop;
}

static void read_route(struct nl_object *o, void *arg)
{
	struct rtnl_route *r = (struct rtnl_route *)o;
	struct nl_addr *dst = rtnl_route_get_dst(r);
	int type = rtnl_route_get_type(r);
	bool v4 = rtnl_route_get_family(r) == AF_INET;
	struct view_route out = {.metric = rtnl_route_get_priority(r)};

	if (rtnl_route_get_table(r) != RT_TABLE_MAIN || rtnl_route_get_flags(r) & RTM_F_CLONED)
		return;
	out.dead_end = type == RTN_UNREACHABLE || type == RTN_BLACKHOLE || type == RTN_PROHIBIT;
	if (type != RTN_UNICAST && !out.dead_end)
		return;
	if (!ip_of(dst, &out.prefix) && v4)
		out.prefix = weft_ip_from_v4(0);
	out.prefix_len = (uint8_t)((v4 ? 96 : 0) + (dst ? nl_addr_get_prefixlen(dst) : 0));
	if (rtnl_route_get_metric(r, RTAX_MTU, &out.mtu) < 0)
		out.mtu = 0;
	rtnl_route_foreach_nexthop(r, read_hop, &out);
	vec_add(&((struct view *)arg)->routes, out);
}

static void read_neighbour(struct nl_object *o, void *arg)
{
	struct rtnl_neigh *n = (struct rtnl_neigh *)o;
	struct view_neighbour out = {.link = rtnl_neigh_get_ifindex(n)};
	int state = rtnl_neigh_get_state(n);

	if (!ip_of(rtnl_neigh_get_dst(n), &out.ip))
		return;
	out.usable = mac_of(rtnl_neigh_get_lladdr(n), &out.mac) && state > 0 &&
		     state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT);
	out.stale = state > 0 && state & NUD_STALE;
	view_add_neighbour(arg, &out);
}

static bool read_table(
	struct nl_cache *cache, int error, void (*read)(struct nl_object *, void *), struct view *v)
{
	if (error < 0) {
		log_warning("reading the kernel's tables: %s", nl_geterror(error));
		return false;
	}
	nl_cache_foreach(cache, read, v);
	nl_cache_free(cache);
	return true;
}

bool netlink_read(struct netlink *nl, struct view *v)
{
	struct nl_cache *cache = NULL;
	int e;
	bool ok = (e = rtnl_link_alloc_cache(nl->query, AF_UNSPEC, &cache),
			  read_table(cache, e, read_link, v)) &&
		  (e = rtnl_addr_alloc_cache(nl->query, &cache),
			  read_table(cache, e, read_address, v)) &&
		  (e = rtnl_route_alloc_cache(nl->query, AF_UNSPEC, 0, &cache),
			  read_table(cache, e, read_route, v)) &&
		  (e = rtnl_neigh_alloc_cache(nl->query, &cache),
			  read_table(cache, e, read_neighbour, v));

	if (!ok)
		view_free(v);
	return ok;
}

// ---- asking for a neighbour

static struct nl_addr *addr_of(const struct weft_ip *ip)
{
	if (weft_ip_is_v4(ip))
		return nl_addr_build(AF_INET, &ip->b[12], 4);
	return nl_addr_build(AF_INET6, ip->b, 16);
}

uint32_t netlink_path_mtu(struct netlink *nl, const struct weft_ip *ip)
{
	struct nl_addr *dst = addr_of(ip);
	struct rtnl_route *route = NULL;
	uint32_t mtu = 0;

	if (dst && rtnl_route_lookup(nl->query, dst, &route) == 0 && route) {
		if (rtnl_route_get_metric(route, RTAX_MTU, &mtu) < 0)
			mtu = 0;
		rtnl_route_put(route);
	}
	nl_addr_put(dst);
	return mtu;
}

void netlink_probe(struct netlink *nl, int link, const struct weft_ip *ip)
{
	struct rtnl_neigh *n = rtnl_neigh_alloc();
	struct nl_addr *dst = addr_of(ip);
	struct nl_msg *m = NULL;

	if (n && dst) {
		rtnl_neigh_set_ifindex(n, link);
		rtnl_neigh_set_dst(n, dst);
		rtnl_neigh_set_flags(n, NTF_USE);
		rtnl_neigh_set_family(n, nl_addr_get_family(dst));
		if (rtnl_neigh_build_add_request(n, NLM_F_CREATE | NLM_F_REPLACE, &m) == 0) {
			nl_send_auto(nl->watch, m);
			nlmsg_free(m);
		}
	}
	nl_addr_put(dst);
	rtnl_neigh_put(n);
}

// ---- watching

static void on_settled(evutil_socket_t fd, short what, void *arg)
{
	struct netlink *nl = arg;

	nl->changed(nl->arg);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct netlink *nl = arg;
	struct timeval wait = {.tv_usec = NETLINK_SETTLE_MS * 1000};
	char buf[16384];

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		; // what it says will be read from the tables
	if (!evtimer_pending(nl->settle, NULL))
		evtimer_add(nl->settle, &wait);
}

static struct nl_sock *open_socket(const char **error)
{
	struct nl_sock *s = nl_socket_alloc();
	int e = s ? nl_connect(s, NETLINK_ROUTE) : -NLE_NOMEM;

	if (e == 0)
		return s;
	*error = nl_geterror(e);
	nl_socket_free(s);
	return NULL;
}

struct netlink *netlink_new(
	struct event_base *base, void (*changed)(void *arg), void *arg, const char **error)
{
	struct netlink *nl = agent_zalloc(sizeof(*nl));

	nl->changed = changed;
	nl->arg = arg;
	nl->query = open_socket(error);
	nl->watch = nl->query ? open_socket(error) : NULL;
	if (!nl->watch) {
		netlink_free(nl);
		return NULL;
	}
	nl_socket_disable_auto_ack(nl->watch);
	nl_socket_set_buffer_size(nl->watch, 1 << 20, 0);
	nl_socket_set_nonblocking(nl->watch);
	nl_socket_add_memberships(nl->watch, RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR,
		RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, 0);
	nl->settle = evtimer_new(base, on_settled, nl);
	nl->watcher =
		event_new(base, nl_socket_get_fd(nl->watch), EV_READ | EV_PERSIST, on_readable, nl);
	event_add(nl->watcher, NULL);
	return nl;
}

void netlink_free(struct netlink *nl)
{
	if (!nl)
		return;
	if (nl->watcher)
		event_free(nl->watcher);
	if (nl->settle)
		event_free(nl->settle);
	nl_socket_free(nl->watch);
	nl_socket_free(nl->query);
	free(nl);
}
