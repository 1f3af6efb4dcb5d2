// SPDX-License-Identifier: Apache-2.0
#include "edge/dp_provider.h"

#include "edge/dp_vtep_learn.h"
#include "ipc/dp_event.h"
#include "dp_worker.h"

#include <stdio.h>
#include <stdlib.h>

// ---- workers

bool dp_provider_takes(const struct dp_provider *p, const struct weft_ip *vtep)
{
	const struct weft_ipc_provider *cfg = __atomic_load_n(&p->cfg, __ATOMIC_ACQUIRE);

	for (unsigned i = 0; i < cfg->prefixes; i++)
		if (weft_prefix_covers(&cfg->prefix[i], vtep))
			return true;
	return false;
}

static bool dp_provider_is_own(const struct overlay_vtep *own, const struct weft_ip *ip)
{
	return weft_ip_equal(&own->ipv4, ip) || weft_ip_equal(&own->ipv6, ip);
}

// One of the key's two pairs of addresses; none: no rule has set it. What a packet came with is
// this host's own address, and not a place to send it to.
static struct weft_ip dp_provider_address(
	const struct overlay_vtep *own, weft_be32 v4, const uint8_t v6[static 16])
{
	struct weft_ip ip = weft_ip_from_v4(v4);

	if (v4 && !dp_provider_is_own(own, &ip))
		return ip;
	memcpy(ip.b, v6, sizeof(ip.b));
	return dp_provider_is_own(own, &ip) ? (struct weft_ip){.q = {0, 0}} : ip;
}

static bool dp_provider_is_tunnel(weft_be32 port)
{
	return port == htonl(WEFT_OFPORT_VXLAN) || port == htonl(WEFT_OFPORT_NVGRE);
}

// A rule asked for a source that is not this host's. What a packet from a tunnel came with, the
// other VTEP's address, is nobody's wish.
static bool dp_provider_forges(const struct overlay_vtep *own, const struct weft_flow_key *k)
{
	struct weft_ip src = dp_provider_address(own, k->tun_src, k->tun_ipv6_src);

	return !weft_ip_is_none(&src) && !dp_provider_is_tunnel(k->in_port) &&
	       !dp_provider_is_tunnel(k->in_phy_port);
}

static enum weft_drop dp_provider_miss(struct dp_worker *w, struct dp_tenant *t,
	const struct dp_vtep_set *set, const struct weft_ip *dst)
{
	if (weft_ip_is_multicast(dst) || !dp_provider_takes(t->provider, dst))
		return WEFT_DROP_FOREIGN_VTEP;
	if (set->n == DP_VTEPS_MAX)
		return WEFT_DROP_VTEPS_FULL;
	dp_encap_want(w, t, dst, WEFT_IPC_VTEP_WANTED);
	return WEFT_DROP_NO_NEIGHBOUR;
}

enum weft_drop dp_provider_route(struct dp_worker *w, struct dp_tenant *t,
	const struct ft_packet *p, uint32_t ofport, const struct dp_remote **to, uint32_t *network)
{
	const struct overlay_vtep *own = __atomic_load_n(&w->dp->vtep, __ATOMIC_ACQUIRE);
	enum weft_encap encap = ofport == WEFT_OFPORT_VXLAN ? WEFT_ENCAP_VXLAN : WEFT_ENCAP_NVGRE;
	const struct dp_vtep_set *set = __atomic_load_n(
		encap == WEFT_ENCAP_VXLAN ? &t->vteps : &t->provider->nvgre, __ATOMIC_ACQUIRE);
	const struct weft_flow_key *k = &p->key;
	struct weft_ip dst = dp_provider_address(own, k->tun_dst, k->tun_ipv6_dst);
	uint64_t id = weft_ntohll(k->tunnel_id);

	if (weft_ip_is_none(&dst))
		return WEFT_DROP_NO_TUNNEL_DST;
	if (id > WEFT_VNI_MAX || dp_networks_owner(w->dp, encap, (uint32_t)id) != t)
		return WEFT_DROP_FOREIGN_NETWORK;
	if (dp_provider_forges(own, k))
		return WEFT_DROP_FOREIGN_VTEP;
	*to = dp_vtep_find(set, &dst);
	*network = (uint32_t)id;
	if (!*to)
		return dp_provider_miss(w, t, set, &dst);
	dp_remote_used(*to);
	return WEFT_DROP_MAX;
}

// ---- control thread: whose networks

static unsigned dp_networks_list(const struct dp *dp, unsigned encap, struct dp_range *out)
{
	unsigned n = 0;

	for (struct dp_tenant *t = dp->providers; t; t = t->provider_next) {
		const struct weft_ipc_provider *cfg = t->provider->cfg;

		for (unsigned i = 0; !t->hidden && i < cfg->ranges[encap]; i++, n++)
			if (out)
				out[n] = (struct dp_range){
					cfg->range[encap][i].first, cfg->range[encap][i].last, t};
	}
	return n;
}

static struct dp_tenant *dp_networks_rest(const struct dp *dp, unsigned encap)
{
	for (struct dp_tenant *t = dp->providers; t; t = t->provider_next)
		if (!t->hidden && t->provider->cfg->rest & 1u << encap)
			return t;
	return NULL;
}

// NULL with *any true: no memory; with *any false: nobody has anything.
static struct dp_ranges *dp_networks_build(const struct dp *dp, unsigned encap, bool *any)
{
	unsigned n = dp_networks_list(dp, encap, NULL);
	struct dp_tenant *rest = dp_networks_rest(dp, encap);
	struct dp_range *list = calloc(n ? n : 1, sizeof(*list));
	struct dp_ranges *r = NULL;
	enum weft_encap kind = (enum weft_encap)(encap + 1);

	*any = n || rest || !list;
	if (list && *any) {
		dp_networks_list(dp, encap, list);
		r = dp_ranges_new(list, n);
	}
	free(list);
	if (!r)
		return NULL;
	r->rest = rest;
	r->lowest = weft_network_min(kind);
	r->highest = weft_network_max(kind);
	if (kind == WEFT_ENCAP_VXLAN && dp->host.bfd.mode == WEFT_BFD_VXLAN)
		r->except = dp->host.bfd.vni;
	return r;
}

bool dp_networks_publish(struct dp *dp)
{
	struct dp_ranges *r[WEFT_PROVIDER_ENCAPS] = {NULL};
	bool any, ok = true;

	for (unsigned i = 0; i < WEFT_PROVIDER_ENCAPS && ok; i++) {
		r[i] = dp_networks_build(dp, i, &any);
		ok = r[i] || !any;
	}
	for (unsigned i = 0; i < WEFT_PROVIDER_ENCAPS; i++) {
		struct dp_ranges *old = ok ? dp->ranges[i] : r[i];

		if (ok)
			__atomic_store_n(&dp->ranges[i], r[i], __ATOMIC_RELEASE);
		if (old)
			dp_rcu_retire(dp->rcu, free, old);
	}
	if (ok)
		dp_networks_changed(dp);
	return ok;
}

void dp_networks_changed(struct dp *dp)
{
	for (struct dp_tenant *t = dp->providers; t; t = t->provider_next)
		ft_switch_changed(t->sw);
}

// ---- control thread: the switch

struct dp_provider *dp_provider_new(void)
{
	struct dp_provider *p = aligned_alloc(64, sizeof(*p));

	if (!p)
		return NULL;
	*p = (struct dp_provider){
		.cfg = calloc(1, sizeof(*p->cfg)), .nvgre = dp_vtep_set_new(NULL, 0, 0)};
	if (p->cfg && p->nvgre)
		return p;
	dp_provider_free(p);
	return NULL;
}

void dp_provider_free(struct dp_provider *p)
{
	if (!p)
		return;
	free(p->cfg);
	free(p->nvgre);
	free(p);
}

static enum weft_error dp_provider_check(const struct weft_ipc_provider *cfg, char why[static 100])
{
	if (cfg->ranges[0] > WEFT_PROVIDER_RANGES || cfg->ranges[1] > WEFT_PROVIDER_RANGES ||
		cfg->prefixes > WEFT_PROVIDER_PREFIXES || cfg->rest >> WEFT_PROVIDER_ENCAPS) {
		snprintf(why, 100, "provider: too many ranges or prefixes, or unknown bits");
		return WEFT_E_MALFORMED;
	}
	for (unsigned e = 0; e < WEFT_PROVIDER_ENCAPS; e++)
		for (unsigned i = 0; i < cfg->ranges[e]; i++) {
			const struct weft_networks *r = &cfg->range[e][i];
			enum weft_encap encap = (enum weft_encap)(e + 1);

			if (r->first <= r->last && r->first >= weft_network_min(encap) &&
				r->last <= weft_network_max(encap))
				continue;
			snprintf(why, 100, "provider: no range of networks: %u-%u", r->first,
				r->last);
			return WEFT_E_MALFORMED;
		}
	for (unsigned i = 0; i < cfg->prefixes; i++)
		if (cfg->prefix[i].len > 128) {
			snprintf(why, 100, "provider: a prefix of %u bits", cfg->prefix[i].len);
			return WEFT_E_MALFORMED;
		}
	return WEFT_E_NONE;
}

static enum weft_error dp_provider_ports(struct dp_tenant *t, const struct weft_ipc_provider *cfg)
{
	enum weft_error e = WEFT_E_NONE;

	for (unsigned i = WEFT_ENCAP_VXLAN; i <= WEFT_ENCAP_NVGRE && !e; i++) {
		uint32_t port = dp_tenant_tunnel_port(t, (enum weft_encap)i);
		bool now = weft_provider_has(t->provider->cfg, (enum weft_encap)i);
		bool want = weft_provider_has(cfg, (enum weft_encap)i);

		if (want && !now)
			e = ft_port_set(t->sw, &(struct ft_port){.ofport = port, .live = true});
		else if (now && !want)
			ft_port_del(t->sw, port);
	}
	return e;
}

enum weft_error dp_provider_set(struct dp *dp, struct dp_tenant *t,
	const struct weft_ipc_provider *cfg, char why[static 100])
{
	struct weft_ipc_provider *new, *old = t->provider ? t->provider->cfg : NULL;
	enum weft_error e = dp_provider_check(cfg, why);

	if (e)
		return e;
	if (!old) {
		snprintf(why, 100, "tenant %.60s is no provider", t->cfg.name);
		return WEFT_E_STATE;
	}
	new = malloc(sizeof(*new));
	if (!new)
		return WEFT_E_NO_MEMORY;
	*new = *cfg;
	e = dp_provider_ports(t, cfg);
	if (e) {
		free(new);
		return e;
	}
	__atomic_store_n(&t->provider->cfg, new, __ATOMIC_RELEASE);
	if (!dp_networks_publish(dp)) {
		dp_provider_ports(t, old);
		__atomic_store_n(&t->provider->cfg, old, __ATOMIC_RELEASE);
		dp_rcu_retire(dp->rcu, free, new);
		return WEFT_E_NO_MEMORY;
	}
	dp_rcu_retire(dp->rcu, free, old);
	return WEFT_E_NONE;
}

// ---- control thread: VTEPs

bool dp_provider_rebuild(struct dp *dp, struct dp_tenant *t, struct dp_vtep_set *vxlan)
{
	struct dp_vtep_set *old = t->provider->nvgre;
	struct dp_vtep_set *set = dp_vtep_build(dp, t, WEFT_ENCAP_NVGRE);

	if (!set)
		return false;
	dp_vtep_keep_marks(vxlan, t->vteps);
	dp_vtep_keep_marks(set, old);
	__atomic_store_n(&t->provider->nvgre, set, __ATOMIC_RELEASE);
	dp_rcu_retire(dp->rcu, free, old);
	return true;
}

void dp_provider_wanted(struct dp *dp, const struct dp_event *e)
{
	struct dp_tenant *t = dp_tenant_find(dp, e->tenant);
	struct weft_ipc_vtep body = {.ip = e->ip};

	if (!t || !t->provider || !dp_provider_takes(t->provider, &e->ip) ||
		dp_tenant_has_vtep(t, &e->ip))
		return;
	if (dp_bucket_take(&t->provider->wanted, DP_PROVIDER_WANTED, DP_PROVIDER_WANTED_BURST,
		    dp_now_ns()))
		dp_event_send(dp, WEFT_IPC_VTEP_WANTED, t->id, &body, sizeof(body));
}

static void dp_provider_round(struct dp *dp, struct dp_tenant *t)
{
	for (unsigned i = 0; i < t->n_vteps; i++) {
		struct weft_ipc_vtep v = {.ip = t->vtep_list[i]};
		bool vxlan = dp_vtep_was_used(t->vteps, &v.ip);
		bool nvgre = dp_vtep_was_used(t->provider->nvgre, &v.ip);

		if (!vxlan && !nvgre)
			dp_event_send(dp, WEFT_IPC_VTEP_IDLE, t->id, &v, sizeof(v));
	}
}

void dp_provider_age(struct dp *dp)
{
	uint64_t now = dp_now_ns();

	for (struct dp_tenant *t = dp->providers; t; t = t->provider_next) {
		struct dp_provider *p = t->provider;

		if (t->hidden || !p->cfg->age_s ||
			now - p->round_ns < p->cfg->age_s * 1000000000ull)
			continue;
		p->round_ns = now;
		dp_provider_round(dp, t);
	}
}
