// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_snoop.h"

#include "tenants/dp_punt.h"
#include "dp_worker.h"

#include "flowtable/cache/trace.h"
#include "overlay/membership.h"

#include <rte_ring_elem.h>

#include <stdlib.h>

#define DP_SNOOP_RATE 2000u // groups a second that a worker tells of for one tenant,
#define DP_SNOOP_BURST 256u // and at once: more than a report of 1500 bytes may have

struct dp_snoop_own {
	struct dp_bucket allowance;
	uint64_t lost;
	uint64_t unsound;
};

static bool dp_snoop_flag(const struct dp_tenant *t, uint32_t flag)
{
	return __atomic_load_n(&t->flags, __ATOMIC_RELAXED) & flag;
}

// ---- workers

static struct ft_listener dp_snoop_from(const struct weft_flow_key *k)
{
	struct ft_listener at = {.ofport = ntohl(k->in_port)};

	if (k->tun_src)
		at.vtep = weft_ip_from_v4(k->tun_src);
	else
		memcpy(at.vtep.b, k->tun_ipv6_src, sizeof(at.vtep.b));
	return at;
}

static void dp_snoop_tell(struct dp_worker *w, struct dp_tenant *t, const struct ft_packet *p,
	enum dp_snoop_what what, const struct weft_ip *group)
{
	struct dp_snoop_own *mine = &t->snoops[w->id];
	struct ft_listener from = dp_snoop_from(&p->key);
	struct dp_event e = {
		.type = WEFT_IPC_DUMP_LISTENERS,
		.tenant = t->id,
		.ip = *group,
		.vlan = ntohs(p->key.vlan_vid) & 0xfff,
		.ofport = from.ofport,
		.flags = what,
		.vtep = from.vtep,
	};

	if (!dp_bucket_take(&mine->allowance, DP_SNOOP_RATE, DP_SNOOP_BURST, w->now_ns) ||
		rte_ring_sp_enqueue_elem(w->events, &e, sizeof(e)))
		dp_count(&mine->lost, 1);
}

static void dp_snoop_learn(struct dp_worker *w, struct dp_tenant *t, const struct ft_packet *p,
	struct overlay_membership *m)
{
	struct weft_ip link = dp_snoop_link_of(m->v6);
	struct overlay_membership_record r;

	if (m->kind == OVERLAY_MEMBERSHIP_UNSOUND)
		dp_count(&t->snoops[w->id].unsound, 1);
	else if (m->kind == OVERLAY_MEMBERSHIP_ROUTER)
		dp_snoop_tell(w, t, p, DP_SNOOP_ROUTER, &link);
	else if (m->kind == OVERLAY_MEMBERSHIP_QUERY && (m->v6 || weft_ip_v4(&m->from)))
		dp_snoop_tell(w, t, p, DP_SNOOP_QUERY, &link); // no proxy's: RFC 4541, 2.1.1
	while (overlay_membership_next(m, &r))
		dp_snoop_tell(w, t, p, r.wants ? DP_SNOOP_JOIN : DP_SNOOP_LEAVE, &r.group);
}

static bool dp_snoop_group(const struct weft_flow_key *k, struct weft_ip *group)
{
	if (k->eth_type == htons(RTE_ETHER_TYPE_IPV4))
		*group = weft_ip_from_v4(k->ipv4_dst);
	else if (k->eth_type == htons(RTE_ETHER_TYPE_IPV6) && k->ipv6_dst[0] == 0xff)
		memcpy(group->b, k->ipv6_dst, sizeof(group->b));
	else
		return false;
	return weft_ip_is_multicast(group);
}

// The list, or NULL: everywhere.
static const struct dp_snoop_list *dp_snoop_decide(struct dp_worker *w, struct dp_tenant *t,
	const struct ft_packet *p, const struct weft_ip *group, bool *report)
{
	uint16_t vlan = ntohs(p->key.vlan_vid) & 0xfff;
	struct overlay_membership m;

	*report = false;
	if (overlay_membership_read(p->pkt.data, p->pkt.len, &m) != OVERLAY_MEMBERSHIP_NONE) {
		dp_snoop_learn(w, t, p, &m);
		*report = m.kind == OVERLAY_MEMBERSHIP_REPORT;
		return *report ? dp_snoop_routers(t->snoop, m.v6, vlan) : NULL;
	}
	if (overlay_membership_is_local(group))
		return NULL;
	return dp_snoop_data(t->snoop, group, vlan, dp_snoop_flag(t, WEFT_TENANT_SNOOP_STRICT));
}

bool dp_snoop_listeners(struct ft_sink *sink, struct ft_packet *p, struct ft_listeners *out)
{
	struct dp_sink *s = (struct dp_sink *)(void *)sink;
	const struct dp_snoop_list *list;
	struct weft_ip group;
	bool report;

	if (!dp_snoop_flag(s->tenant, WEFT_TENANT_SNOOP))
		return false;
	ft_trace_spoil(p);
	list = dp_snoop_group(&p->key, &group)
		       ? dp_snoop_decide(s->worker, s->tenant, p, &group, &report)
		       : NULL;
	if (!list)
		return false;
	*out = (struct ft_listeners){.at = list->at, .n = list->n, .overlay = report};
	// The underlay makes the copies: whoever listens there, one goes to the group.
	if (__atomic_load_n(&s->tenant->vteps, __ATOMIC_ACQUIRE)->group)
		out->overlay |= list->n > list->ports;
	if (out->overlay)
		out->n = list->ports;
	return true;
}

// ---- control thread: what is told

static uint32_t dp_snoop_now_s(void)
{
	return (uint32_t)(dp_now_ns() / 1000000000u) + 1;
}

void dp_snoop_told(struct dp *dp, const struct dp_event *e)
{
	struct dp_tenant *t = dp_tenant_find(dp, e->tenant);
	struct dp_snoop_news news = {
		.what = (enum dp_snoop_what)e->flags,
		.at = {.ofport = e->ofport, .vtep = e->vtep},
		.group = e->ip,
		.vlan = e->vlan,
	};

	if (t)
		dp_snoop_heard(t->snoop, &news, dp_snoop_now_s());
}

// ---- what is asked

// The switch's own address, which no machine has: locally administered, and the one that follows
// from it on an IPv6 link (RFC 4291, appendix A).
static const struct weft_mac dp_snoop_mac = {{0x02, 0x57, 0x65, 0x66, 0x74, 0x01}};
static const struct weft_ip dp_snoop_ip6 = {
	.b = {0xfe, 0x80, [8] = 0x00, 0x57, 0x65, 0xff, 0xfe, 0x66, 0x74, 0x01}};

static struct rte_mbuf *dp_snoop_frame(
	const struct dp_tenant *t, const struct dp_snoop_question *ask)
{
	struct overlay_membership_query q = {
		.group = ask->group,
		.src = weft_ip_is_v4(&ask->group) ? weft_ip_from_v4(t->cfg.snoop.querier)
						  : dp_snoop_ip6,
		.src_mac = dp_snoop_mac,
		.vlan = ask->vlan,
		.response_ds = ask->response_ds,
		.interval_s = ask->interval_s,
	};
	struct rte_mbuf *m = rte_pktmbuf_alloc(t->dp->pool);
	uint32_t len;

	if (!m)
		return NULL;
	len = overlay_membership_query(
		&q, (uint8_t *)rte_pktmbuf_append(m, OVERLAY_MEMBERSHIP_QUERY_MAX));
	rte_pktmbuf_trim(m, (uint16_t)(OVERLAY_MEMBERSHIP_QUERY_MAX - len));
	return m;
}

// A flood that came from the overlay goes to all ports of this host, and to nobody else.
static struct dp_packet_out *dp_snoop_packet_out(struct dp_tenant *t, struct rte_mbuf *m)
{
	static const struct {
		struct weft_action a;
		struct weft_action_output payload;
	} flood = {.a = {WEFT_ACTION_OUTPUT, sizeof(flood), WEFT_OFPORT_FLOOD}};
	struct dp_packet_out *po = calloc(1, sizeof(*po) + sizeof(flood));

	if (!po)
		return NULL;
	po->tenant = t;
	po->frame = m;
	po->in_port = WEFT_OFPORT_OVERLAY;
	po->actions_len = sizeof(flood);
	memcpy(po->tail, &flood, sizeof(flood));
	return po;
}

static bool dp_snoop_ask(void *ctx, const struct dp_snoop_question *ask)
{
	struct dp_tenant *t = ctx;
	struct rte_mbuf *m = dp_snoop_frame(t, ask);
	struct dp_packet_out *po = m ? dp_snoop_packet_out(t, m) : NULL;

	if (po && dp_worker_packet_out(t->dp, po)) {
		dp_count(&t->counters[dp_control(t->dp)].received, 1);
		return true;
	}
	rte_pktmbuf_free(m);
	free(po);
	return false;
}

// ---- the tenant's part

static void dp_snoop_retire(void *ctx, void (*fn)(void *obj), void *obj)
{
	const struct dp_tenant *t = ctx;

	dp_rcu_retire(t->dp->rcu, fn, obj);
}

static bool dp_snoop_there(void *ctx, const struct ft_listener *at)
{
	const struct dp_tenant *t = ctx;

	return at->ofport == WEFT_OFPORT_OVERLAY ? dp_tenant_has_vtep(t, &at->vtep)
						 : dp_portmap_get(t->ports, at->ofport) != NULL;
}

bool dp_snoop_init(struct dp_tenant *t)
{
	const struct dp_snoop_hooks hooks = {
		.ctx = t, .retire = dp_snoop_retire, .ask = dp_snoop_ask, .there = dp_snoop_there};
	size_t bytes = dp_threads(t->dp) * sizeof(*t->snoops);

	t->snoop = dp_snoop_new(t->dp->seed, &hooks);
	t->snoops = aligned_alloc(64, bytes);
	if (t->snoops)
		memset(t->snoops, 0, bytes);
	return t->snoop && t->snoops;
}

void dp_snoop_fini(struct dp_tenant *t)
{
	dp_snoop_free(t->snoop);
	free(t->snoops);
}

void dp_snoop_apply(struct dp_tenant *t)
{
	const struct weft_ipc_tenant *cfg = &t->cfg;
	struct dp_snoop_settings set = {
		.on = cfg->flags & WEFT_TENANT_SNOOP,
		.querier = cfg->flags & WEFT_TENANT_QUERIER,
		.age_s = cfg->snoop.age_s,
		.leave_s = cfg->snoop.leave_s,
		.max_groups = cfg->snoop.max_groups,
		.max_port_groups = cfg->snoop.max_port_groups,
	};

	for (unsigned i = 0; i < WEFT_SNOOP_ROUTERS; i++) {
		if (cfg->snoop.router_port[i])
			set.router[set.n_routers++].ofport = cfg->snoop.router_port[i];
		if (!weft_ip_is_none(&cfg->snoop.router_vtep[i]))
			set.router[set.n_routers++] = (struct ft_listener){
				.ofport = WEFT_OFPORT_OVERLAY, .vtep = cfg->snoop.router_vtep[i]};
	}
	dp_snoop_set(t->snoop, &set);
}

void dp_snoop_second(struct dp_tenant *t)
{
	bool moved = t->snoop_ports != t->ports;

	t->snoop_ports = t->ports;
	dp_snoop_tick(t->snoop, dp_snoop_now_s(), moved);
}

void dp_snoop_each(const struct dp_tenant *t,
	void (*fn)(void *arg, const struct weft_ipc_listener *), void *arg)
{
	dp_snoop_walk(t->snoop, dp_snoop_now_s(), fn, arg);
}

void dp_snoop_sum(const struct dp_tenant *t, struct weft_ipc_snoop_stats *out)
{
	dp_snoop_stats(t->snoop, out);
	for (unsigned i = 0; i < t->dp->opt.workers; i++) {
		out->lost += __atomic_load_n(&t->snoops[i].lost, __ATOMIC_RELAXED);
		out->unsound += __atomic_load_n(&t->snoops[i].unsound, __ATOMIC_RELAXED);
	}
}
