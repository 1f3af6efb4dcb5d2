// SPDX-License-Identifier: Apache-2.0
// What dumps tell at once: all that there is of a thing, or what one tenant has of it.

#include "ipc/dp_ipc_dump.h"

#include "dp.h"
#include "ports/dp_bond.h"
#include "ipc/dp_event.h"
#include "edge/dp_provider.h"
#include "tenants/dp_punt.h"
#include "tenants/dp_tenant.h"
#include "dp_worker.h"

static void dp_dump_status(struct dp_dump *d)
{
	struct dp *dp = d->dp;
	struct weft_ipc_status s = {
		.epoch = dp->epoch,
		.uptime_ns = dp_now_ns() - dp->start_ns,
		.workers = dp->opt.workers,
		.mbufs_free = rte_mempool_avail_count(dp->pool),
		.mbufs_total = dp->pool->size,
		.version = WEFT_VERSION,
	};

	for (unsigned i = 0; i < dp->opt.workers && dp->opt.flow_cache; i++) {
		s.cache_flows += ft_cache_flows(dp->worker[i]->cache);
		s.cache_room += ft_cache_room(dp->worker[i]->cache);
	}
	dp_dump_item(d, 0, &s, sizeof(s));
}

static void dp_dump_host(struct dp_dump *d)
{
	dp_dump_item(d, 0, &d->dp->host, sizeof(d->dp->host));
}

static void dp_dump_workers(struct dp_dump *d)
{
	for (unsigned i = 0; i < d->dp->opt.workers; i++) {
		const struct ft_cache *cache = d->dp->worker[i]->cache;
		struct dp_worker_stats *s = &d->dp->worker[i]->stats;
		struct weft_ipc_worker out = {
			.packets = __atomic_load_n(&s->packets, __ATOMIC_RELAXED),
			.bursts = __atomic_load_n(&s->bursts, __ATOMIC_RELAXED),
			.busy_cycles = __atomic_load_n(&s->busy_cycles, __ATOMIC_RELAXED),
			.idle_cycles = __atomic_load_n(&s->idle_cycles, __ATOMIC_RELAXED),
			.cycles_hz = rte_get_tsc_hz(),
			.id = i,
			.thread = __atomic_load_n(&s->thread, __ATOMIC_RELAXED),
			.longest_cycles =
				__atomic_exchange_n(&s->longest_cycles, 0, __ATOMIC_RELAXED),
			.over_10us = __atomic_load_n(&s->over_10us, __ATOMIC_RELAXED),
			.over_50us = __atomic_load_n(&s->over_50us, __ATOMIC_RELAXED),
			.cache_hits = __atomic_load_n(&s->cache_hits, __ATOMIC_RELAXED),
			.cache_misses = __atomic_load_n(&s->cache_misses, __ATOMIC_RELAXED),
			.cache_inserts = __atomic_load_n(&s->cache_inserts, __ATOMIC_RELAXED),
			.cache_flows = cache ? ft_cache_flows(cache) : 0,
			.cache_room = cache ? ft_cache_room(cache) : 0,
		};

		dp_dump_item(d, 0, &out, sizeof(out));
	}
}

static void dp_dump_ports(struct dp_dump *d)
{
	for (struct dp_port *p = d->dp->ports.head; p; p = p->next) {
		struct weft_ipc_port_status s;

		if (p->hidden || p->role == DP_KERNEL || (d->tenant && p->tenant->id != d->tenant))
			continue;
		dp_port_status(d->dp, p, &s);
		dp_dump_item(d, p->tenant->id, &s, sizeof(s));
	}
	// The overlay port is the agent's to tell, but that it is down only we know.
	for (const struct dp_tenant *t = d->dp->tenants; t; t = t->next) {
		struct weft_ipc_port_status s = dp_event_overlay_port(t);

		if (t->overlay_down && !t->hidden && (!d->tenant || d->tenant == t->id))
			dp_dump_item(d, t->id, &s, sizeof(s));
	}
}

static void dp_dump_nexthops(struct dp_dump *d)
{
	for (const struct dp_nexthop *h = d->dp->nexthops; h; h = h->next) {
		struct weft_ipc_nexthop out = h->cfg;

		out.learned_mtu = h->learned_mtu;
		dp_dump_item(d, 0, &out, sizeof(out));
	}
}

static void dp_dump_vteps(struct dp_dump *d, struct dp_tenant *t)
{
	for (unsigned i = 0; i < t->n_vteps; i++) {
		struct weft_ipc_vtep v = dp_tenant_vtep(t, i);

		dp_dump_item(d, t->id, &v, sizeof(v));
	}
}

static void dp_dump_provider(struct dp_dump *d, struct dp_tenant *t)
{
	if (t->provider)
		dp_dump_item(d, t->id, t->provider->cfg, sizeof(*t->provider->cfg));
}

static void dp_dump_neigh(void *arg, const struct weft_ipc_neigh *n)
{
	struct dp_dump *d = arg;

	dp_dump_item(d, d->tenant, n, sizeof(*n));
}

static void dp_dump_neighs(struct dp_dump *d, struct dp_tenant *t)
{
	struct dp_dump of = *d;

	of.tenant = t->id;
	dp_neigh_walk(t->neighs, dp_dump_neigh, &of);
}

static void dp_dump_fdb_stats(struct dp_dump *d, struct dp_tenant *t)
{
	struct weft_ipc_fdb_stats s;

	ft_fdb_stats(t->sw, &s);
	s.neighbours = dp_neigh_count(t->neighs);
	dp_dump_item(d, t->id, &s, sizeof(s));
}

static void dp_dump_listener(void *arg, const struct weft_ipc_listener *l)
{
	struct dp_dump *d = arg;

	dp_dump_item(d, d->tenant, l, sizeof(*l));
}

static void dp_dump_listeners(struct dp_dump *d, struct dp_tenant *t)
{
	struct dp_dump of = *d;

	of.tenant = t->id;
	dp_snoop_each(t, dp_dump_listener, &of);
}

static void dp_dump_snoop_stats(struct dp_dump *d, struct dp_tenant *t)
{
	struct weft_ipc_snoop_stats s;

	dp_snoop_sum(t, &s);
	dp_dump_item(d, t->id, &s, sizeof(s));
}

static void dp_dump_session(void *arg, const struct weft_ipc_bfd *b)
{
	dp_dump_item(arg, 0, b, sizeof(*b));
}

static void dp_dump_member(void *arg, const struct weft_ipc_bond *b)
{
	dp_dump_item(arg, 0, b, sizeof(*b));
}

static void dp_dump_tenant(struct dp_dump *d, struct dp_tenant *t)
{
	dp_dump_item(d, t->id, &t->cfg, sizeof(t->cfg));
}

static void dp_dump_ledger(struct dp_dump *d, struct dp_tenant *t)
{
	struct weft_ipc_ledger l;

	dp_ledger_sum(t->counters, dp_threads(d->dp), &l);
	dp_punt_limit_shed(t->punts, dp_threads(d->dp), l.punts_shed);
	dp_dump_item(d, t->id, &l, sizeof(l));
}

static void dp_dump_table_stats(struct dp_dump *d, struct dp_tenant *t)
{
	struct weft_table_stats stats[WEFT_TABLES];
	unsigned n = ft_table_stats(t->sw, stats);

	for (unsigned i = 0; i < n; i++)
		dp_dump_item(d, t->id, &stats[i], sizeof(stats[i]));
}

static void dp_dump_notes(struct dp_dump *d, struct dp_tenant *t)
{
	struct weft_ipc_drop_rule notes[DP_DROP_NOTES];
	uint64_t now = dp_now_ns();

	for (unsigned w = 0; w < dp_threads(d->dp); w++) {
		const struct dp_drops *drops = w < d->dp->opt.workers ? &d->dp->worker[w]->drops
								      : dp_punt_drops(d->dp->punt);
		unsigned n = dp_drop_notes(drops, t->id, now, notes, DP_DROP_NOTES);

		for (unsigned i = 0; i < n; i++)
			dp_dump_item(d, t->id, &notes[i], sizeof(notes[i]));
	}
}

const struct dp_dump_listing *dp_dump_listing(uint16_t type)
{
	static const struct dp_dump_listing all[] = {
		{WEFT_IPC_DUMP_TENANTS, false, false, dp_dump_tenant},
		{WEFT_IPC_DUMP_VTEPS, false, false, dp_dump_vteps},
		{WEFT_IPC_DUMP_PROVIDERS, false, false, dp_dump_provider},
		{WEFT_IPC_DUMP_LISTENERS, false, false, dp_dump_listeners},
		{WEFT_IPC_DUMP_SNOOP_STATS, false, false, dp_dump_snoop_stats},
		{WEFT_IPC_DUMP_NEIGHS, false, false, dp_dump_neighs},
		{WEFT_IPC_DUMP_FDB_STATS, false, false, dp_dump_fdb_stats},
		{WEFT_IPC_DUMP_TABLES, false, true, dp_dump_table_stats},
		{WEFT_IPC_DUMP_DROPS, true, true, dp_dump_ledger},
		{WEFT_IPC_DUMP_DROP_RULES, true, true, dp_dump_notes},
	};

	for (size_t i = 0; i < RTE_DIM(all); i++)
		if (all[i].type == type)
			return &all[i];
	return NULL;
}

bool dp_dump_tell(struct dp_dump *d)
{
	switch (d->type) {
	case WEFT_IPC_DUMP_STATUS:
		dp_dump_status(d);
		return true;
	case WEFT_IPC_DUMP_HOST:
		dp_dump_host(d);
		return true;
	case WEFT_IPC_DUMP_WORKERS:
		dp_dump_workers(d);
		return true;
	case WEFT_IPC_DUMP_PORTS:
		dp_dump_ports(d);
		return true;
	case WEFT_IPC_DUMP_NEXTHOPS:
		dp_dump_nexthops(d);
		return true;
	case WEFT_IPC_DUMP_BFD:
		dp_bfd_walk(d->dp, dp_dump_session, d);
		return true;
	case WEFT_IPC_DUMP_BONDS:
		dp_bond_walk(d->dp, dp_dump_member, d);
		return true;
	default:
		return false;
	}
}
