// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_tenant.h"

#include "dp.h"
#include "ipc/dp_event.h"
#include "ipc/dp_ipc.h"
#include "dp_log.h"
#include "edge/dp_provider.h"
#include "edge/dp_vtep_learn.h"
#include "tenants/dp_aftermath.h"
#include "tenants/dp_punt.h"
#include "ipc/dp_stage.h"

#include "flowtable/cache/cache.h"

#include <stdio.h>
#include <stdlib.h>

static struct dp_radix *dp_networks(struct dp *dp, unsigned encap)
{
	if (encap == WEFT_ENCAP_VXLAN)
		return &dp->vxlan;
	return encap == WEFT_ENCAP_NVGRE ? &dp->nvgre : NULL;
}

static struct dp_radix *dp_tenant_radix(struct dp *dp, const struct dp_tenant *t)
{
	return dp_networks(dp, t->cfg.encap);
}

// Who has it; NULL: nobody, or one that is hidden.
static const struct dp_tenant *dp_tenant_of_network(struct dp *dp, unsigned encap, uint32_t id)
{
	const struct dp_radix *map = dp_networks(dp, encap);
	const struct ft_front *front = map ? dp_radix_get(map, id) : NULL;

	return front ? front->ctx : NULL;
}

static void dp_tenant_free(void *obj)
{
	struct dp_tenant *t = obj;

	free(t->ports);
	free(t->vteps);
	dp_neigh_free(t->neighs);
	dp_snoop_fini(t);
	dp_tenant_vteps_fini(t);
	dp_provider_free(t->provider);
	free(t);
}

static struct dp_tenant *dp_tenant_alloc(struct dp *dp, weft_tenant_id id)
{
	unsigned threads = dp_threads(dp);
	size_t of_thread = sizeof(struct dp_counters) + sizeof(struct dp_punt_limit) +
			   3 * sizeof(struct dp_bucket);
	size_t bytes = sizeof(struct dp_tenant) + threads * of_thread;
	struct dp_tenant *t = aligned_alloc(64, bytes);

	if (!t)
		return NULL;
	memset(t, 0, bytes);
	t->counters = (void *)(t + 1);
	t->punts = (void *)(t->counters + threads);
	t->learns = (void *)(t->punts + threads);
	t->tells = t->learns + threads;
	t->rules = t->tells + threads;
	t->dp = dp;
	t->id = id;
	t->ports = dp_portmap_new(0);
	t->vteps = dp_vtep_set_new(NULL, 0, 0);
	t->neighs = dp_neigh_new(dp->seed);
	if (!t->ports || !t->vteps || !t->neighs || !dp_snoop_init(t)) {
		dp_tenant_free(t);
		return NULL;
	}
	return t;
}

struct dp_tenant *dp_tenant_nobody(struct dp *dp)
{
	return dp_tenant_alloc(dp, 0);
}

struct dp_tenant *dp_tenant_find(struct dp *dp, weft_tenant_id id)
{
	for (struct dp_tenant *t = dp->tenant_by_id[id % DP_TENANT_BUCKETS]; t; t = t->id_next)
		if (t->id == id && !t->hidden)
			return t;
	return NULL;
}

static void dp_tenant_link(struct dp *dp, struct dp_tenant *t)
{
	struct dp_tenant **by_id = &dp->tenant_by_id[t->id % DP_TENANT_BUCKETS];
	struct dp_tenant **by_network = &dp->tenant_by_network[t->network % DP_TENANT_BUCKETS];

	t->next = dp->tenants;
	t->prev = &dp->tenants;
	if (t->next)
		t->next->prev = &t->next;
	dp->tenants = t;
	t->id_next = *by_id;
	*by_id = t;
	t->network_next = *by_network;
	*by_network = t;
	if (t->provider) {
		t->provider_next = dp->providers;
		dp->providers = t;
	}
}

// Out of one of the lists that few are in.
#define DP_TENANT_LEAVE(list, t, link)                                                             \
	for (struct dp_tenant **at_ = &(list); *at_; at_ = &(*at_)->link)                          \
		if (*at_ == (t)) {                                                                 \
			*at_ = (t)->link;                                                          \
			break;                                                                     \
		}

static void dp_tenant_fresh(struct dp_tenant *t)
{
	if (!t->stale)
		return;
	TAILQ_REMOVE(&t->dp->tenants_stale, t, stale_link);
	t->dp->stale_awaited -= t->awaited;
	t->stale = t->awaited = false;
}

static void dp_tenant_unlink(struct dp *dp, struct dp_tenant *t)
{
	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
	DP_TENANT_LEAVE(dp->tenant_by_id[t->id % DP_TENANT_BUCKETS], t, id_next);
	DP_TENANT_LEAVE(dp->tenant_by_network[t->network % DP_TENANT_BUCKETS], t, network_next);
	dp_tenant_fresh(t);
	if (t->behind)
		DP_TENANT_LEAVE(dp->tenants_behind, t, behind_next);
	if (t->provider)
		DP_TENANT_LEAVE(dp->providers, t, provider_next);
	dp_aftermath_forget(dp, t);
	dp_expiry_forget(dp, t);
	dp_ipc_dump_forget(t);
}

void dp_tenant_stale(struct dp_tenant *t)
{
	t->dp->groups_stale |= !weft_ip_is_none(&t->cfg.group);
	if (t->stale)
		return;
	t->stale = t->dp->stale_came = true;
	TAILQ_INSERT_TAIL(&t->dp->tenants_stale, t, stale_link);
}

void dp_tenant_await(struct dp_tenant *t)
{
	if (!t->stale || t->awaited)
		return;
	t->awaited = true;
	t->dp->stale_awaited++;
	TAILQ_REMOVE(&t->dp->tenants_stale, t, stale_link);
	TAILQ_INSERT_HEAD(&t->dp->tenants_stale, t, stale_link);
}

static enum weft_error dp_tenant_check(const struct weft_ipc_tenant *cfg, char why[static 100])
{
	if (cfg->encap > WEFT_ENCAP_NVGRE)
		snprintf(why, 100, "encap: unknown");
	else if (cfg->encap == WEFT_ENCAP_VXLAN && cfg->vni > WEFT_VNI_MAX)
		snprintf(why, 100, "vni: %u is more than %u", cfg->vni, WEFT_VNI_MAX);
	else if (cfg->encap == WEFT_ENCAP_NVGRE &&
		 (cfg->vni < WEFT_VSID_MIN || cfg->vni > WEFT_VSID_MAX))
		snprintf(why, 100, "vsid: %u is not %u to %u (RFC 7637, 3.2)", cfg->vni,
			WEFT_VSID_MIN, WEFT_VSID_MAX);
	else if (cfg->too_big > WEFT_TOO_BIG_DROP)
		snprintf(why, 100, "too_big: unknown");
	else if (cfg->dscp > 63 || cfg->tos & ~(WEFT_TOS_UNIFORM | WEFT_TOS_NO_ECN))
		snprintf(why, 100, "dscp: want 0 to 63; tos: unknown bits");
	else if (!weft_ip_is_none(&cfg->group) &&
		 (!weft_ip_is_multicast(&cfg->group) || cfg->encap == WEFT_ENCAP_NONE))
		snprintf(why, 100, "group: want a multicast address, and an overlay");
	else if (cfg->max_vteps > DP_VTEPS_MAX || (cfg->max_vteps && weft_ip_is_none(&cfg->group)))
		snprintf(why, 100, "max_vteps: want at most %u, and a group", DP_VTEPS_MAX);
	else if (cfg->kind > WEFT_TENANT_KIND_PROVIDER ||
		 (cfg->kind && cfg->encap != WEFT_ENCAP_NONE))
		snprintf(why, 100, "kind: unknown, or a provider with a network of its own");
	else if (cfg->flags & WEFT_TENANT_SNOOP && cfg->kind)
		snprintf(why, 100, "multicast.snoop: not in a provider's switch");
	else if (cfg->flags & WEFT_TENANT_SNOOP && cfg->snoop.age_s < 5)
		snprintf(why, 100, "multicast.age: want at least 5 seconds");
	else if (cfg->flags & ~WEFT_TENANT_FLAGS)
		snprintf(why, 100, "flags: unknown bits %#x", cfg->flags);
	else
		return WEFT_E_NONE;
	return WEFT_E_MALFORMED;
}

static struct ft_limits dp_tenant_limits(const struct weft_ipc_tenant *cfg)
{
	return (struct ft_limits){
		.max_rules = cfg->max_rules,
		.max_groups = cfg->max_groups,
		.max_meters = cfg->max_meters,
		.max_fdb = cfg->max_fdb,
		.moves = {cfg->max_moves, cfg->move_within_s, cfg->move_hold_s},
	};
}

// Everything of `cfg` that may change at any time.
static void dp_tenant_apply(struct dp_tenant *t, const struct weft_ipc_tenant *cfg)
{
	struct ft_limits limits = dp_tenant_limits(cfg);
	unsigned flags = 0, says = 0;

	if (cfg->flags & WEFT_TENANT_LEARN)
		flags |= FT_SWITCH_LEARN;
	if (cfg->flags & WEFT_TENANT_STANDALONE)
		flags |= FT_SWITCH_STANDALONE;
	if (cfg->flags & WEFT_TENANT_FRAG_DROP)
		flags |= FT_SWITCH_FRAG_DROP;
	if (cfg->flags & WEFT_TENANT_TTL_PACKET_IN)
		flags |= FT_SWITCH_TTL_PACKET_IN;
	if (cfg->flags & WEFT_TENANT_MISS_PACKET_IN)
		flags |= FT_SWITCH_MISS_PACKET_IN;
	t->dp->groups_stale |= !weft_ip_is_none(&t->cfg.group);
	dp_tenant_use_group(t, &cfg->group);
	t->cfg = *cfg;
	dp_snoop_apply(t);
	if (cfg->flags & WEFT_TENANT_SUPPRESS)
		__atomic_store_n(&t->dp->suppressing, true, __ATOMIC_RELAXED);
	__atomic_store_n(&t->flags, cfg->flags, __ATOMIC_RELAXED);
	__atomic_store_n(&t->mtu, cfg->mtu, __ATOMIC_RELAXED);
	__atomic_store_n(&t->too_big, cfg->too_big, __ATOMIC_RELAXED);
	__atomic_store_n(&t->dscp_uniform, cfg->tos & WEFT_TOS_UNIFORM, __ATOMIC_RELAXED);
	if (!t->provider && !cfg->max_vteps)
		says |= DP_FRONT_LISTED;
	if (cfg->tos & WEFT_TOS_UNIFORM)
		says |= DP_FRONT_UNIFORM;
	atomic_store_explicit(&ft_switch_front(t->sw)->flags, says, memory_order_relaxed);
	dp_tenant_stale(t); // outer headers say some of it
	__atomic_store_n(&t->punt_rate, cfg->punt_rate, __ATOMIC_RELAXED);
	__atomic_store_n(&t->punt_burst, cfg->punt_burst, __ATOMIC_RELAXED);
	ft_switch_set_limits(t->sw, &limits);
	ft_switch_set_flags(t->sw, flags);
}

static enum weft_error dp_tenant_start(
	struct dp *dp, struct dp_tenant *t, const struct weft_ipc_tenant *cfg)
{
	struct ft_limits limits = dp_tenant_limits(cfg);
	struct dp_radix *map;

	if (cfg->kind == WEFT_TENANT_KIND_PROVIDER && !(t->provider = dp_provider_new()))
		return WEFT_E_NO_MEMORY;
	t->network = cfg->vni;
	t->sw = ft_switch_new(&dp->env, &limits, t);
	if (!t->sw)
		return WEFT_E_NO_MEMORY;
	t->sw_number = ft_switch_number(t->sw);
	dp_tenant_apply(t, cfg);
	map = dp_tenant_radix(dp, t);
	if (map) { // the overlay is a port of the switch
		ft_switch_set_network(t->sw, cfg->vni);
		ft_port_set(t->sw, &(struct ft_port){.ofport = WEFT_OFPORT_OVERLAY, .live = true});
	}
	if (map && dp_radix_set(map, cfg->vni, ft_switch_front(t->sw))) {
		ft_switch_free(t->sw);
		return WEFT_E_NO_MEMORY;
	}
	dp_networks_changed(dp);
	return WEFT_E_NONE;
}

enum weft_error dp_tenant_add(
	struct dp *dp, weft_tenant_id id, const struct weft_ipc_tenant *cfg, char why[static 100])
{
	enum weft_error e = dp_tenant_check(cfg, why);
	const struct dp_tenant *other;
	struct dp_tenant *t;

	if (e)
		return e;
	if (!id || dp_tenant_find(dp, id))
		return id ? WEFT_E_EXISTS : WEFT_E_NO_TENANT;
	other = dp_tenant_of_network(dp, cfg->encap, cfg->vni);
	if (other) {
		snprintf(why, 100, "network %u is tenant %.60s's", cfg->vni, other->cfg.name);
		return WEFT_E_EXISTS;
	}
	t = dp_tenant_alloc(dp, id);
	if (!t)
		return WEFT_E_NO_MEMORY;
	e = dp_tenant_start(dp, t, cfg);
	if (e) {
		dp_tenant_fresh(t);
		dp_tenant_free(t);
		return e;
	}
	dp_tenant_link(dp, t);
	return WEFT_E_NONE;
}

enum weft_error dp_tenant_set(
	struct dp *dp, struct dp_tenant *t, const struct weft_ipc_tenant *cfg, char why[static 100])
{
	enum weft_error e = dp_tenant_check(cfg, why);

	if (e)
		return e;
	if (cfg->encap != t->cfg.encap || cfg->vni != t->cfg.vni || cfg->kind != t->cfg.kind) {
		snprintf(why, 100, "a tenant's kind, encapsulation and network cannot change");
		return WEFT_E_STATE;
	}
	dp_tenant_apply(t, cfg);
	return WEFT_E_NONE;
}

enum weft_error dp_tenant_can_go(const struct dp_tenant *t)
{
	for (uint32_t i = 0; i <= t->ports->mask; i++)
		if (t->ports->slot[i].port)
			return WEFT_E_IN_USE;
	return WEFT_E_NONE;
}

void dp_tenant_hide(struct dp *dp, struct dp_tenant *t, bool hidden)
{
	struct dp_radix *map = dp_tenant_radix(dp, t);

	__atomic_store_n(&t->hidden, hidden, __ATOMIC_RELAXED);
	dp->bfd.stale = true;
	dp->groups_stale |= !weft_ip_is_none(&t->cfg.group);
	if (map)
		dp_radix_set(map, t->network,
			hidden ? &dp->no_front : ft_switch_front(t->sw)); // its page exists
	if (hidden && t->provider)
		for (unsigned i = 0; i < WEFT_PROVIDER_ENCAPS; i++)
			dp_ranges_forget(dp->ranges[i], t);
	else if (t->provider && !dp_networks_publish(dp))
		DP_LOG(ERR, "provider %s: no memory for its networks", t->cfg.name);
	dp_networks_changed(dp);
}

// What a tenant that goes has had is nobody's, and not a provider's at once: it may come back yet.
static void dp_tenant_release_network(struct dp *dp, const struct dp_tenant *t)
{
	struct dp_radix *map = dp_tenant_radix(dp, t);

	if (!map || dp_radix_get(map, t->network) != &dp->no_front)
		return;
	for (const struct dp_tenant *o = dp->tenant_by_network[t->network % DP_TENANT_BUCKETS]; o;
		o = o->network_next)
		if (o->cfg.encap == t->cfg.encap && o->network == t->network)
			return;
	dp_radix_set(map, t->network, NULL);
	dp_networks_changed(dp);
}

// Nobody has a pointer to the tenant any more.
static void dp_tenant_bury(void *obj)
{
	struct dp_tenant *t = obj;
	struct dp *dp = t->dp;

	dp_ledger_fold(t->counters, dp_threads(dp), &dp->nobody->counters[dp_control(dp)]);
	dp_tenant_free(t);
}

// No worker puts it into a ring any more, and none will take it out of one but here.
// ft_switch_free() counts its own grace period, and frames in rings need no switch.
static void dp_tenant_silent(void *obj)
{
	struct dp_tenant *t = obj;

	dp_punt_drain(t->dp);
	ft_switch_free(t->sw);
	dp_rcu_retire2(t->dp->rcu, dp_tenant_bury, t);
}

void dp_tenant_del(struct dp *dp, struct dp_tenant *t)
{
	dp_stage_drop(dp, t);
	if (!t->hidden)
		dp_tenant_hide(dp, t, true);
	dp_tenant_vteps_fini(t);
	dp_tenant_unlink(dp, t);
	dp_tenant_release_network(dp, t);
	dp_ipc_dump_cancel(t->sw);
	dp_rcu_retire2(dp->rcu, dp_tenant_silent, t);
}

static bool dp_tenant_maps(const struct dp_tenant *t, const struct dp_port *p)
{
	return p->tenant == t && !p->hidden && p->role == DP_LOCAL;
}

bool dp_tenant_map_ports(struct dp *dp, struct dp_tenant *t)
{
	struct dp_portmap *map, *old = t->ports;
	unsigned n = 0;

	for (const struct dp_port *p = dp->ports.head; p; p = p->next)
		n += dp_tenant_maps(t, p);
	map = dp_portmap_new(n);
	if (!map)
		return false;
	for (struct dp_port *p = dp->ports.head; p; p = p->next)
		if (dp_tenant_maps(t, p))
			dp_portmap_put(map, p->ofport, p);
	__atomic_store_n(&t->ports, map, __ATOMIC_RELEASE);
	ft_switch_changed(t->sw);
	dp_rcu_retire(dp->rcu, free, old);
	return true;
}

void dp_tenant_overlay_live(struct dp *dp, struct dp_tenant *t)
{
	bool down = !dp_bfd_overlay_live(dp, t);

	if (t->cfg.encap == WEFT_ENCAP_NONE || down == t->overlay_down)
		return;
	t->overlay_down = down;
	ft_port_set(t->sw, &(struct ft_port){.ofport = WEFT_OFPORT_OVERLAY, .live = !down});
	dp_event_overlay_status(dp, t);
}

// False: no memory.
static bool dp_tenant_refresh(struct dp *dp, struct dp_tenant *t)
{
	struct dp_vtep_set *set, *old = t->vteps;

	set = dp_vtep_build(dp, t, t->provider ? WEFT_ENCAP_VXLAN : (enum weft_encap)t->cfg.encap);
	if (!set || (t->provider && !dp_provider_rebuild(dp, t, set))) {
		free(set);
		DP_LOG(ERR, "tenant %s: no memory for its VTEPs", t->cfg.name);
		return false;
	}
	if (set->learned)
		dp_vtep_keep_marks(set, old);
	__atomic_store_n(&t->vteps, set, __ATOMIC_RELEASE);
	ft_switch_changed(t->sw);
	dp_rcu_retire(dp->rcu, free, old);
	dp_tenant_overlay_live(dp, t);
	return true;
}

// What all of them look at, before any of them does.
static void dp_tenants_prepare(struct dp *dp)
{
	if (dp->stale_came || dp->bfd.stale)
		dp_bfd_refresh(dp);
	if (dp->groups_stale)
		dp_mcast_refresh(dp);
	dp->stale_came = dp->groups_stale = false;
}

bool dp_tenants_refresh_some(struct dp *dp, uint64_t until_ns)
{
	struct dp_stale failed = TAILQ_HEAD_INITIALIZER(failed);
	struct dp_tenant *t;

	dp_tenants_prepare(dp);
	while ((t = TAILQ_FIRST(&dp->tenants_stale))) {
		dp_tenant_fresh(t);
		if (!dp_tenant_refresh(dp, t))
			TAILQ_INSERT_TAIL(&failed, t, stale_link);
		if (dp_now_ns() >= until_ns)
			break;
	}
	dp->refreshing = !TAILQ_EMPTY(&dp->tenants_stale);
	while ((t = TAILQ_FIRST(&failed))) { // the next time
		TAILQ_REMOVE(&failed, t, stale_link);
		dp_tenant_stale(t);
	}
	dp->fresh += TAILQ_EMPTY(&dp->tenants_stale);
	return dp->refreshing;
}

void dp_tenants_refresh(struct dp *dp)
{
	dp_tenants_refresh_some(dp, UINT64_MAX);
}
