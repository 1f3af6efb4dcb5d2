// SPDX-License-Identifier: Apache-2.0
#include "underlay/resolve.h"

static bool covers(const struct view_route *r, const struct weft_ip *ip)
{
	return weft_prefix_covers(&(struct weft_prefix){r->prefix, r->prefix_len, 0}, ip);
}

static const struct resolve_uplink *uplink_named(const struct resolve_config *c, const char *name)
{
	VEC_FOR_EACH (u, &c->uplinks)
		if (strcmp(u->name, name) == 0)
			return u;
	return NULL;
}

// The uplink that an interface is, or that its VLAN lies on; `vlan` is set.
static const struct resolve_uplink *uplink_of(const struct view *v, const struct resolve_config *c,
	const struct view_link *link, uint16_t *vlan)
{
	const struct resolve_uplink *u = uplink_named(c, link->name);

	*vlan = 0;
	if (u || !link->parent)
		return u;
	const struct view_link *parent = view_link_by_index(v, link->parent);
	*vlan = link->vlan;
	return parent && parent->up ? uplink_named(c, parent->name) : NULL;
}

static bool has_link(
	const struct view *v, const struct resolve_config *c, const struct view_route *r)
{
	uint16_t vlan;

	for (unsigned i = 0; i < r->hop_count; i++) {
		const struct view_link *l = view_link_by_index(v, r->hops[i].link);
		const struct resolve_uplink *u = l ? uplink_of(v, c, l, &vlan) : NULL;
		if (l && l->up && !(u && u->down))
			return true;
	}
	return r->dead_end;
}

static bool is_better(const struct view *v, const struct resolve_config *c,
	const struct view_route *a, const struct view_route *b)
{
	bool a_up = has_link(v, c, a), b_up = has_link(v, c, b);

	if (a_up != b_up)
		return a_up;
	if (a->prefix_len != b->prefix_len)
		return a->prefix_len > b->prefix_len;
	return a->metric < b->metric;
}

static const struct view_route *best_route(
	const struct view *v, const struct resolve_config *c, const struct weft_ip *ip)
{
	const struct view_route *best = NULL;

	VEC_FOR_EACH (r, &v->routes)
		if (covers(r, ip) && (!best || is_better(v, c, r, best)))
			best = r;
	return best;
}

struct way {
	const struct view_link *link;
	const struct resolve_uplink *uplink;
	uint16_t vlan;
	struct weft_ip gateway;
	uint32_t weight;
};

// The usable ways of a route; if there is none, the result says what was wrong with the last.
static unsigned ways_of(const struct view *v, const struct resolve_config *c,
	const struct view_route *r, struct way ways[VIEW_HOPS_MAX], struct resolve_result *result)
{
	const char **why = &result->why;
	unsigned n = 0;

	*why = "no way in the route";
	for (unsigned i = 0; i < r->hop_count; i++) {
		struct way w = {.link = view_link_by_index(v, r->hops[i].link),
			.gateway = r->hops[i].gateway,
			.weight = r->hops[i].weight ? r->hops[i].weight : 1};
		if (!w.link || !w.link->up) {
			*why = "the interface is down";
			continue;
		}
		w.uplink = uplink_of(v, c, w.link, &w.vlan);
		if (w.uplink && w.uplink->down)
			*why = "the uplink has no link";
		else if (w.uplink)
			ways[n++] = w;
		else
			*why = "the route leads to an interface that is no uplink";
	}
	result->leads_to = !n && r->hop_count ? r->hops[r->hop_count - 1].link : 0;
	return n;
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
	return b ? gcd(b, a % b) : a;
}

// Who is furthest below the share that its weight gives it in `paths` paths.
static unsigned neediest(
	const struct way ways[], const unsigned has[], unsigned n, unsigned paths, uint32_t weights)
{
	int64_t most = INT64_MIN;
	unsigned who = 0;

	for (unsigned i = 0; i < n; i++) {
		int64_t lacks = (int64_t)ways[i].weight * paths - (int64_t)has[i] * weights;
		if (lacks > most) {
			most = lacks;
			who = i;
		}
	}
	return who;
}

// The n ways as paths, each as often as its weight says. Returns how many these are.
static unsigned weigh(const struct way ways[], unsigned n, struct way paths[WEFT_NEXTHOP_PATHS])
{
	unsigned has[VIEW_HOPS_MAX] = {0}, count, used = 0;
	uint32_t weights = 0, common = 0;

	n = n < WEFT_NEXTHOP_PATHS ? n : WEFT_NEXTHOP_PATHS;
	for (unsigned i = 0; i < n; i++) {
		weights += ways[i].weight;
		common = gcd(ways[i].weight, common);
		has[i] = 1;
	}
	count = n ? weights / common : 0;
	count = count < WEFT_NEXTHOP_PATHS ? count : WEFT_NEXTHOP_PATHS;
	for (unsigned given = n; given < count; given++)
		has[neediest(ways, has, n, count, weights)]++;
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < has[i]; j++)
			paths[used++] = ways[i];
	return used;
}

static void take(const struct view *v, const struct way *w, const struct view_route *r,
	const struct weft_ip *vtep, struct resolve_result *result)
{
	struct weft_ipc_nexthop *nh = &result->nexthop;
	uint32_t mtu = r->mtu && r->mtu < w->link->mtu ? r->mtu : w->link->mtu;

	result->link_mtu = w->link->mtu;
	result->route_mtu = r->mtu;
	nh->port = w->uplink->port;
	nh->src_mac = w->link->mac;
	nh->link = (uint32_t)w->link->index;
	nh->vlan = w->vlan;
	nh->mtu = (uint16_t)(mtu > UINT16_MAX ? UINT16_MAX : mtu);
	result->link = w->link->index;
	result->gateway = weft_ip_is_none(&w->gateway) ? *vtep : w->gateway;
	const struct view_neighbour *n = view_neighbour_at(v, result->link, &result->gateway);
	if (!n || !n->usable) {
		result->why = "the next hop's MAC address is not known";
		return;
	}
	nh->dst_mac = n->mac;
	nh->flags = WEFT_NEXTHOP_RESOLVED;
	result->stale = n->stale;
}

// RFC 1112, 6.4; RFC 2464, 7.
static struct weft_mac group_mac(const struct weft_ip *group)
{
	const uint8_t *b = group->b;

	if (weft_ip_is_v4(group))
		return (struct weft_mac){{0x01, 0x00, 0x5e, b[13] & 0x7f, b[14], b[15]}};
	return (struct weft_mac){{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}

static bool has_address(const struct view *v, int link, const struct weft_ip *ip)
{
	VEC_FOR_EACH (a, &v->addresses)
		if (a->link == link && weft_ip_equal(&a->ip, ip))
			return true;
	return false;
}

// Where no route says. The first is that by name: which one the kernel numbered first is chance,
// for an uplink's TAP is made anew now and then.
static bool default_way(const struct view *v, const struct resolve_config *c,
	const struct weft_ip *own, struct way *out)
{
	bool found = false, best = false;

	VEC_FOR_EACH (l, &v->links) {
		struct way w = {.link = l};
		bool has = has_address(v, l->index, own);
		w.uplink = l->up ? uplink_of(v, c, l, &w.vlan) : NULL;
		if (!w.uplink || w.uplink->down || (best && !has))
			continue;
		if (!found || (has && !best) || strcmp(l->name, out->link->name) < 0)
			*out = w;
		found = true;
		best |= has;
	}
	return found;
}

static void resolve_group(const struct view *v, const struct resolve_config *c,
	const struct weft_ip *group, struct resolve_result *result)
{
	static const struct view_route none;
	struct weft_ipc_nexthop *nh = &result->nexthop;
	const struct view_route *r = best_route(v, c, group);
	struct way ways[VIEW_HOPS_MAX];

	if ((!r || !ways_of(v, c, r, ways, result)) && !default_way(v, c, &nh->src, ways)) {
		nh->flags = WEFT_NEXTHOP_NO_ROUTE;
		result->why = "no uplink has a link";
		return;
	}
	result->paths = 1;
	take(v, &ways[0], r ? r : &none, group, result);
	result->gateway = *group;
	nh->dst_mac = group_mac(group);
	nh->flags = WEFT_NEXTHOP_RESOLVED;
	result->why = NULL;
	result->stale = false;
}

void resolve(const struct view *v, const struct resolve_config *config, const struct weft_ip *vtep,
	uint16_t path, struct resolve_result *result)
{
	const struct view_route *r = best_route(v, config, vtep);
	struct way ways[VIEW_HOPS_MAX], paths[WEFT_NEXTHOP_PATHS];
	unsigned n = 0;

	*result = (struct resolve_result){.nexthop = {.vtep = *vtep, .path = path}};
	result->nexthop.src = weft_ip_is_v4(vtep) ? config->own4 : config->own6;
	if (weft_ip_is_none(&result->nexthop.src))
		result->why = "the host has no VTEP address of this family";
	else if (weft_ip_is_multicast(vtep)) {
		resolve_group(v, config, vtep, result);
		return;
	} else if (!r)
		result->why = "no route";
	else if (r->dead_end)
		result->why = "the route is a dead end";
	else
		n = ways_of(v, config, r, ways, result);
	if (!n) {
		result->nexthop.flags = WEFT_NEXTHOP_NO_ROUTE;
		return;
	}
	result->why = NULL;
	result->paths = weigh(ways, n, paths);
	if (path < result->paths)
		take(v, &paths[path], r, vtep, result);
}
