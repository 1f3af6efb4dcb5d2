// SPDX-License-Identifier: Apache-2.0
#include "edge/dp_vtep.h"

#include "dp.h"
#include "dp_log.h"
#include "dp_mbuf.h"
#include "offload/dp_offload.h"
#include "edge/dp_pmtu.h"
#include "edge/dp_provider.h"
#include "edge/dp_reasm.h"
#include "tenants/dp_tenant.h"
#include "edge/kernel_guard.h"

#include <stdio.h>
#include <stdlib.h>

static void dp_vtep_put(struct dp_vtep_set *set, const struct weft_ip *ip, unsigned i)
{
	bool v4 = weft_ip_is_v4(ip);
	uint32_t hash = dp_ip_hash(ip), at = hash;

	while (set->slot[at & set->mask].at)
		at++;
	set->slot[at & set->mask] = (struct dp_vtep_slot){
		.tag = v4 ? weft_ip_v4(ip) : hash,
		.at = (uint16_t)(i + 1),
		.v6 = !v4,
	};
	set->remote[i].ip = *ip;
	if (v4 && i < DP_VTEPS_NEAR)
		set->near[i] = weft_ip_v4(ip);
}

struct dp_vtep_set *dp_vtep_set_new(const struct weft_ip *ips, unsigned n, unsigned ways)
{
	unsigned slots = 4;
	struct dp_vtep_set *set;
	size_t bytes;

	while (slots < 2 * n)
		slots *= 2;
	bytes = sizeof(*set) + (n + ways) * sizeof(set->remote[0]) + slots * sizeof(set->slot[0]);
	set = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	if (!set)
		return NULL;
	memset(set, 0, bytes);
	set->n = n;
	set->mask = slots - 1;
	set->slot = (struct dp_vtep_slot *)(void *)&set->remote[n + ways];
	for (unsigned i = 0; i < n; i++)
		dp_vtep_put(set, &ips[i], i);
	return set;
}

static bool dp_nexthop_is(const struct dp_nexthop *h, const struct weft_ip *vtep, uint16_t path)
{
	return weft_ip_equal(&h->cfg.vtep, vtep) && h->cfg.path == path;
}

static struct dp_nexthop **dp_nexthop_bucket(struct dp *dp, const struct weft_ip *vtep)
{
	return &dp->nexthop_by_vtep[dp_ip_hash(vtep) % DP_NEXTHOP_BUCKETS];
}

struct dp_nexthop *dp_nexthop_chain(struct dp *dp, const struct weft_ip *vtep)
{
	return *dp_nexthop_bucket(dp, vtep);
}

struct dp_nexthop *dp_nexthop_find(struct dp *dp, const struct weft_ip *vtep, uint16_t path)
{
	for (struct dp_nexthop *h = dp_nexthop_chain(dp, vtep); h; h = h->same)
		if (dp_nexthop_is(h, vtep, path))
			return h;
	return NULL;
}

bool dp_nexthop_usable(struct dp *dp, const struct dp_nexthop *h, bool *up)
{
	const struct dp_port *uplink;

	*up = false;
	if (!(h->cfg.flags & WEFT_NEXTHOP_RESOLVED))
		return false;
	uplink = dp_port_find(dp, h->cfg.port);
	*up = uplink && uplink->link_up;
	return uplink;
}

// Those to go by, in the order of their paths: with a link, or if none has one, without.
static unsigned dp_nexthop_paths(
	struct dp *dp, const struct weft_ip *vtep, const struct dp_nexthop *out[])
{
	const struct dp_nexthop *path[WEFT_NEXTHOP_PATHS] = {NULL};
	bool up[WEFT_NEXTHOP_PATHS] = {false}, any_up = false;
	unsigned n = 0;

	for (const struct dp_nexthop *h = dp_nexthop_chain(dp, vtep); h; h = h->same)
		if (weft_ip_equal(&h->cfg.vtep, vtep) &&
			dp_nexthop_usable(dp, h, &up[h->cfg.path])) {
			path[h->cfg.path] = h;
			any_up |= up[h->cfg.path];
		}
	for (unsigned i = 0; i < WEFT_NEXTHOP_PATHS; i++)
		if (path[i] && up[i] == any_up)
			out[n++] = path[i];
	return n;
}

struct overlay_tunnel dp_vtep_tunnel(const struct dp *dp, const struct weft_ipc_nexthop *h)
{
	bool v4 = weft_ip_is_v4(&h->vtep);

	return (struct overlay_tunnel){
		.encap = WEFT_ENCAP_VXLAN,
		.local = weft_ip_is_none(&h->src) ? v4 ? dp->host.vtep4 : dp->host.vtep6 : h->src,
		.remote = h->vtep,
		.src_mac = h->src_mac,
		.dst_mac = h->dst_mac,
		.vlan = h->vlan != 0,
		.vlan_vid = h->vlan,
		.ttl = dp->host.ttl,
		.udp_csum = v4 ? dp->host.udp_csum : dp->host.udp6_csum,
		.udp_port = dp->host.vxlan_port,
	};
}

static int dp_vtep_template(struct dp *dp, const struct dp_tenant *t, enum weft_encap encap,
	const struct weft_ipc_nexthop *h, struct dp_remote *r)
{
	struct overlay_tunnel tunnel = dp_vtep_tunnel(dp, h);
	const char *why;
	int rc;

	tunnel.encap = encap;
	tunnel.vni = t->provider ? WEFT_VSID_MIN : t->cfg.vni;
	tunnel.any_network = t->provider != NULL;
	tunnel.dscp = t->cfg.dscp;
	tunnel.dscp_uniform = t->cfg.tos & WEFT_TOS_UNIFORM;
	tunnel.ecn = !(t->cfg.tos & WEFT_TOS_NO_ECN);
	rc = overlay_template_build(&r->tmpl, &tunnel, &why);
	if (rc)
		DP_LOG(WARNING, "tenant %s: no tunnel: %s", t->cfg.name, why);
	return rc;
}

static bool dp_vtep_way(struct dp *dp, const struct dp_tenant *t, enum weft_encap encap,
	const struct dp_nexthop *h, struct dp_remote *r)
{
	uint32_t mtu, path;

	r->uplink = dp_port_find(dp, h->cfg.port);
	if (!r->uplink || dp_vtep_template(dp, t, encap, &h->cfg, r))
		return false;
	mtu = dp_port_mtu(r->uplink);
	path = dp_pmtu_of(h);
	if (path && path < mtu)
		mtu = path;
	r->max_len = mtu;
	r->drop = DP_REMOTE_OK;
	return true;
}

// `r` stands for the n ways behind it.
static void dp_vtep_head(struct dp_remote *r, const struct dp_remote *way, unsigned n)
{
	uint32_t max_len = way[0].max_len;
	unsigned longest = 0;

	for (unsigned i = 1; i < n; i++) {
		if (way[i].tmpl.len > way[longest].tmpl.len)
			longest = i;
		if (way[i].max_len < max_len)
			max_len = way[i].max_len;
	}
	*r = way[longest];
	r->max_len = max_len;
	r->way = way;
	r->ways = (uint8_t)n;
}

// The ways are written at `way`; returns how many of these are used.
static unsigned dp_vtep_fill(struct dp *dp, const struct dp_tenant *t, enum weft_encap encap,
	struct dp_remote *r, struct dp_remote *way)
{
	const struct dp_nexthop *path[WEFT_NEXTHOP_PATHS], *first;
	unsigned n = dp_nexthop_paths(dp, &r->ip, path), ways = 0;

	r->down = dp_bfd_down_mark(dp, &r->ip);
	r->drop = WEFT_DROP_NO_ROUTE;
	if (!n) {
		first = dp_nexthop_find(dp, &r->ip, 0);
		if (first && !(first->cfg.flags & (WEFT_NEXTHOP_NO_ROUTE | WEFT_NEXTHOP_RESOLVED)))
			r->drop = WEFT_DROP_NO_NEIGHBOUR;
		return 0;
	}
	if (n == 1) {
		dp_vtep_way(dp, t, encap, path[0], r);
		return 0;
	}
	for (unsigned i = 0; i < n; i++) {
		way[ways].ip = r->ip;
		way[ways].down = r->down;
		ways += dp_vtep_way(dp, t, encap, path[i], &way[ways]);
	}
	if (ways)
		dp_vtep_head(r, way, ways);
	return ways;
}

// How many ways the VTEPs with several have, at most.
static unsigned dp_vtep_count_ways(struct dp *dp, const struct dp_tenant *t)
{
	const struct dp_nexthop *path[WEFT_NEXTHOP_PATHS];
	unsigned ways = 0;

	for (unsigned i = 0; i < t->n_vteps; i++) {
		unsigned n = dp_nexthop_paths(dp, &t->vtep_list[i], path);

		ways += n > 1 ? n : 0;
	}
	return ways;
}

// Without a way to the group, broadcasts go to each VTEP, for these listen anyway.
static const struct dp_remote *dp_vtep_group(
	struct dp *dp, const struct dp_tenant *t, struct dp_remote *r)
{
	const struct dp_nexthop *h = dp_nexthop_find(dp, &t->cfg.group, 0);
	bool up;

	r->ip = t->cfg.group;
	if (!h || !dp_nexthop_usable(dp, h, &up) ||
		!dp_vtep_way(dp, t, (enum weft_encap)t->cfg.encap, h, r))
		return NULL;
	return r;
}

struct dp_vtep_set *dp_vtep_build(struct dp *dp, const struct dp_tenant *t, enum weft_encap encap)
{
	bool tunnels = encap != WEFT_ENCAP_NONE;
	bool group = tunnels && !weft_ip_is_none(&t->cfg.group);
	unsigned n = tunnels ? t->n_vteps : 0, used = 0;
	struct dp_vtep_set *set =
		dp_vtep_set_new(t->vtep_list, n, group + (n ? dp_vtep_count_ways(dp, t) : 0));

	if (!set)
		return NULL;
	set->learned = tunnels ? t->n_vteps - t->n_fixed : 0;
	set->max_learned = t->cfg.max_vteps;
	for (unsigned i = 0; i < set->n; i++)
		used += dp_vtep_fill(dp, t, encap, &set->remote[i], &set->remote[n + used]);
	if (group)
		set->group = dp_vtep_group(dp, t, &set->remote[n + used]);
	return set;
}

static void dp_nexthop_link(struct dp *dp, struct dp_nexthop *h, const struct weft_ip *vtep)
{
	struct dp_nexthop **bucket = dp_nexthop_bucket(dp, vtep);

	h->next = dp->nexthops;
	h->prev = &dp->nexthops;
	if (h->next)
		h->next->prev = &h->next;
	dp->nexthops = h;
	h->same = *bucket;
	*bucket = h;
}

enum weft_error dp_nexthop_put(struct dp *dp, const struct weft_ipc_nexthop *cfg)
{
	struct dp_nexthop *h = dp_nexthop_find(dp, &cfg->vtep, cfg->path);

	if (!h) {
		h = calloc(1, sizeof(*h));
		if (!h)
			return WEFT_E_NO_MEMORY;
		dp_nexthop_link(dp, h, &cfg->vtep);
	}
	if (cfg->port != h->cfg.port || !weft_mac_equal(&cfg->dst_mac, &h->cfg.dst_mac))
		h->learned_mtu = 0; // another path
	h->cfg = *cfg;
	h->cfg.learned_mtu = 0;
	dp_tenants_stale(dp, &cfg->vtep);
	return WEFT_E_NONE;
}

enum weft_error dp_nexthop_set(
	struct dp *dp, const struct weft_ipc_nexthop *cfg, char why[static 100])
{
	struct dp_port *port = cfg->port ? dp_port_find(dp, cfg->port) : NULL;

	if (weft_ip_is_none(&cfg->vtep) || cfg->vlan > 4094 || cfg->path >= WEFT_NEXTHOP_PATHS) {
		snprintf(why, 100,
			"want a VTEP address, a VLAN of at most 4094, a path of at most %u",
			WEFT_NEXTHOP_PATHS - 1);
		return WEFT_E_MALFORMED;
	}
	if ((cfg->flags & WEFT_NEXTHOP_RESOLVED) && (!port || port->role != DP_UPLINK)) {
		snprintf(why, 100, "port %u is no uplink", cfg->port);
		return WEFT_E_NO_PORT;
	}
	return dp_nexthop_put(dp, cfg);
}

enum weft_error dp_nexthop_del(struct dp *dp, const struct weft_ip *vtep, uint16_t path)
{
	for (struct dp_nexthop **at = dp_nexthop_bucket(dp, vtep), *h; (h = *at); at = &h->same)
		if (dp_nexthop_is(h, vtep, path)) {
			*at = h->same;
			*h->prev = h->next;
			if (h->next)
				h->next->prev = h->prev;
			free(h);
			dp_tenants_stale(dp, vtep);
			return WEFT_E_NONE;
		}
	return WEFT_E_NOT_FOUND;
}

static int dp_vtep_by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct weft_ip));
}

static unsigned dp_vtep_groups(const struct dp *dp, struct weft_ip *out)
{
	unsigned n = 0;

	for (const struct dp_tenant *t = dp->tenants; t; t = t->next) {
		if (t->hidden || weft_ip_is_none(&t->cfg.group))
			continue;
		if (out)
			out[n] = t->cfg.group;
		n++;
	}
	if (out)
		qsort(out, n, sizeof(*out), dp_vtep_by_bytes);
	return n;
}

bool dp_vtep_publish(struct dp *dp)
{
	const struct overlay_vtep *old = dp->vtep;
	unsigned groups = dp_vtep_groups(dp, NULL);
	size_t bytes = sizeof(struct overlay_vtep) + groups * sizeof(struct weft_ip);
	struct overlay_vtep *vtep = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	struct weft_ip *group = (struct weft_ip *)(void *)(vtep + 1);

	if (!vtep)
		return false;
	*vtep = (struct overlay_vtep){
		.ipv4 = dp->host.vtep4,
		.ipv6 = dp->host.vtep6,
		.vxlan_port = dp->host.vxlan_port,
		.nvgre = true,
		.udp6_zero_csum_ok = dp->host.zero_csum == WEFT_ZERO_CSUM_ACCEPT,
		.udp4_zero_csum_bad = dp->host.zero_csum == WEFT_ZERO_CSUM_REFUSE,
		.reassemble = dp->host.reassemble,
		.group_count = dp_vtep_groups(dp, group),
		.groups = group,
		.tail = dp_mbuf_sum_tail,
	};
	__atomic_store_n(&dp->vtep, vtep, __ATOMIC_RELEASE);
	dp_rcu_retire(dp->rcu, free, (void *)(uintptr_t)old);
	return true;
}

// That the kernel sees, and must not answer for us; 0: none.
static uint16_t dp_vtep_bfd_port(const struct weft_ipc_host *cfg)
{
	if (cfg->bfd.mode == WEFT_BFD_SINGLE_HOP)
		return OVERLAY_BFD_PORT;
	return cfg->bfd.mode == WEFT_BFD_MULTIHOP ? OVERLAY_BFD_PORT_MULTIHOP : 0;
}

enum weft_error dp_host_set(struct dp *dp, const struct weft_ipc_host *cfg, char why[static 100])
{
	struct dp_reasm *tables[DP_MAX_WORKERS] = {NULL};
	struct weft_ipc_host was;

	if (!cfg->vxlan_port || cfg->udp_csum > 1 || cfg->udp6_csum > 1 ||
		cfg->zero_csum > WEFT_ZERO_CSUM_REFUSE) {
		snprintf(why, 100, "vxlan_port: want 1 to 65535; checksums: want 0 or 1; 0 to 2");
		return WEFT_E_MALFORMED;
	}
	if ((!weft_ip_is_none(&cfg->vtep4) && !weft_ip_is_v4(&cfg->vtep4)) ||
		weft_ip_is_v4(&cfg->vtep6)) {
		snprintf(why, 100, "vtep4 or vtep6: of the other family");
		return WEFT_E_MALFORMED;
	}
	if (dp_bfd_check(&cfg->bfd, why))
		return WEFT_E_MALFORMED;
	was = dp->host;
	if (cfg->reassemble != was.reassemble && !dp_reasm_prepare(dp, cfg->reassemble, tables))
		return WEFT_E_NO_MEMORY;
	dp->host = *cfg;
	if (!dp_networks_publish(dp) || !dp_vtep_publish(dp)) {
		dp->host = was;
		dp_reasm_discard(tables);
		return WEFT_E_NO_MEMORY;
	}
	if (cfg->reassemble != was.reassemble)
		dp_reasm_use(dp, tables);
	if (weft_ip_is_none(&cfg->vtep4) && weft_ip_is_none(&cfg->vtep6))
		dp_kernel_guard_close(&dp->guard);
	else
		dp_kernel_guard_set(&dp->guard, cfg->vxlan_port, dp_vtep_bfd_port(cfg));
	dp_offload_change_port(dp, was.vxlan_port);
	dp->bfd.stale = true;
	dp_tenants_stale(dp, NULL);
	return WEFT_E_NONE;
}
