// SPDX-License-Identifier: Apache-2.0
#include "metrics/scrape.h"

#include <stdio.h>
#include <sys/queue.h>

#include "core/background.h"
#include "core/pieces.h"
#include "metrics/families.h"
#include "text/address.h"
#include "text/names.h"

// As the agent has them when it begins.
struct tenant_key {
	char name[WEFT_NAME_MAX + 1];
};
struct way_key {
	struct weft_ip vtep;
	bool resolved;
};

struct scrape {
	LIST_ENTRY(scrape) link;
	struct agent *agent;
	struct metric_set set;
	unsigned waiting;
	struct pieces *pieces;         // the agent's own; NULL: they are told
	struct background *background; // NULL: not yet
	VEC(struct tenant_key) switches;
	VEC(weft_tenant_id) tenants;
	VEC(struct way_key) ways;
	char *text;
	size_t len;
	scrape_done_fn done;
	void *arg;
};

// The event loop's.
static LIST_HEAD(, scrape) under_way = LIST_HEAD_INITIALIZER(under_way);

// *name is NULL for what is nobody's. False: it is a tenant's that the agent does not know yet, or
// no more, and without a name would be taken for nobody's.
static bool has_label(const struct scrape *s, weft_tenant_id id, const char **name)
{
	const struct model_tenant *t = model_tenant_by_id(&s->agent->model, id);

	*name = t ? t->set.name : NULL;
	return t || !id;
}

// ---- the agent's own

static void note_way(void *arg, const struct resolve_result *way, const char *interface)
{
	struct scrape *s = arg;

	if (!way->nexthop.path) // or another way to the same one
		vec_add(&s->ways, (struct way_key){way->nexthop.vtep,
					  way->nexthop.flags & WEFT_NEXTHOP_RESOLVED});
}

static void add_way(struct scrape *s, const struct way_key *way)
{
	char ip[IP_TEXT_MAX];

	METRIC(&s->set, VTEP, way->resolved, "vtep", ip_format(&way->vtep, ip));
}

static void add_vteps(struct scrape *s, weft_tenant_id id)
{
	const struct model_tenant *t = model_tenant_by_id(&s->agent->model, id);
	uint64_t learned = 0, all = 0;

	if (!t)
		return;
	MODEL_EACH_VTEP (v, &s->agent->model, id) {
		all++;
		learned += !!(v->flags & WEFT_VTEP_LEARNED);
	}
	METRIC(&s->set, VTEPS, all - learned, "tenant", t->set.name, "kind", "configured");
	METRIC(&s->set, VTEPS, learned, "tenant", t->set.name, "kind", "learned");
}

static void add_controllers(struct scrape *s, const struct tenant_key *of)
{
	const struct tenant_switch *ts = switches_named(&s->agent->switches, of->name);
	json_t *about = ts ? session_switch_describe(ts->session) : NULL, *controller;
	size_t i;

	if (!about)
		return;
	json_array_foreach (json_object_get(about, "controllers"), i, controller) {
		const char *state = json_string_value(json_object_get(controller, "state"));
		const char *target = json_string_value(json_object_get(controller, "target"));
		METRIC(&s->set, CONTROLLER, state && strcmp(state, "connected") == 0, "tenant",
			of->name, "target", target);
	}
	METRIC(&s->set, PUNT_LOST,
		(uint64_t)json_integer_value(json_object_get(about, "packet_ins_shed")), "tenant",
		of->name);
	json_decref(about);
}

static void add_missing(struct scrape *s)
{
	VEC_FOR_EACH (p, &s->agent->missing.ports) {
		const char *tenant = p->tenant[0] ? p->tenant : NULL;
		METRIC(&s->set, PORT_UP, 0, "tenant", tenant, "port", p->port.name);
	}
}

static void add_agent(struct scrape *s)
{
	METRIC(&s->set, INFO, 1, "version", WEFT_VERSION, "host", s->agent->config->host.name);
	METRIC(&s->set, DATAPLANE_UP, dpc_is_up(s->agent->dpc), NULL);
	METRIC(&s->set, READY, s->agent->ready, NULL);
	add_missing(s);
}

static void note_all(struct scrape *s)
{
	VEC_FOR_EACH (ts, &s->agent->switches.all)
		memcpy(vec_new(&s->switches)->name, (*ts)->name, sizeof((*ts)->name));
	VEC_FOR_EACH (t, &s->agent->model.tenants)
		vec_add(&s->tenants, t->id);
	underlay_each(s->agent->underlay, note_way, s);
}

static void add_piece(void *arg, size_t i)
{
	struct scrape *s = arg;

	if (i < s->switches.count)
		add_controllers(s, &s->switches.at[i]);
	else if ((i -= s->switches.count) < s->tenants.count)
		add_vteps(s, s->tenants.at[i]);
	else
		add_way(s, &s->ways.at[i - s->tenants.count]);
}

// ---- the data plane's

static void on_status(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct scrape *s = arg;
	struct weft_ipc_status st;

	memcpy(&st, body, sizeof(st));
	METRIC(&s->set, BUFFERS_FREE, st.mbufs_free, NULL);
	METRIC(&s->set, BUFFERS, st.mbufs_total, NULL);
	METRIC(&s->set, CACHE_FLOWS, st.cache_flows, NULL);
	METRIC(&s->set, CACHE_ROOM, st.cache_room, NULL);
}

static void on_ledger(void *arg, weft_tenant_id id, const void *body, size_t len)
{
	struct scrape *s = arg;
	const char *tenant;
	struct weft_ipc_ledger l;

	if (!has_label(s, id, &tenant))
		return;
	memcpy(&l, body, sizeof(l));
	METRIC(&s->set, RECEIVED, l.received, "tenant", tenant);
	METRIC(&s->set, COPIES, l.copies, "tenant", tenant);
	METRIC(&s->set, SENT, l.sent, "tenant", tenant);
	for (unsigned i = 0; i < WEFT_CONSUMED_MAX; i++)
		METRIC(&s->set, CONSUMED, l.consumed[i], "tenant", tenant, "reason",
			consumed_name(i));
	for (unsigned i = 0; i < WEFT_DROP_MAX; i++)
		METRIC(&s->set, DROPPED, l.drops[i], "tenant", tenant, "reason", drop_name(i));
	for (unsigned i = 0; i < WEFT_PUNT_REASONS; i++)
		METRIC(&s->set, PUNT_SHED, l.punts_shed[i], "tenant", tenant, "reason",
			punt_reason_name(i));
	METRIC(&s->set, CACHE, l.cache_hits, "tenant", tenant, "result", "hit");
	METRIC(&s->set, CACHE, l.cache_misses, "tenant", tenant, "result", "miss");
	METRIC(&s->set, CACHE_INSERTS, l.cache_inserts, "tenant", tenant);
	METRIC(&s->set, LEARNS, l.learns, "tenant", tenant, "result", "taken");
	METRIC(&s->set, LEARNS, l.learns_lost, "tenant", tenant, "result", "lost");
	METRIC(&s->set, LEARNS, l.learns_failed, "tenant", tenant, "result", "refused");
}

static void on_port(void *arg, weft_tenant_id id, const void *body, size_t len)
{
	struct scrape *s = arg;
	const char *tenant;
	struct weft_ipc_port_status p;

	if (!has_label(s, id, &tenant))
		return;
	memcpy(&p, body, sizeof(p));
	const char *port = p.port.name;
	METRIC(&s->set, PORT_UP, !(p.state & WEFT_PORT_LINK_DOWN), "tenant", tenant, "port", port);
	METRIC(&s->set, PORT_RX, p.stats.rx_packets, "tenant", tenant, "port", port);
	METRIC(&s->set, PORT_RX_BYTES, p.stats.rx_bytes, "tenant", tenant, "port", port);
	METRIC(&s->set, PORT_RX_DROP, p.stats.rx_dropped, "tenant", tenant, "port", port);
	METRIC(&s->set, PORT_TX, p.stats.tx_packets, "tenant", tenant, "port", port);
	METRIC(&s->set, PORT_TX_BYTES, p.stats.tx_bytes, "tenant", tenant, "port", port);
	METRIC(&s->set, PORT_TX_DROP, p.stats.tx_dropped, "tenant", tenant, "port", port);
}

static void on_bfd(void *arg, weft_tenant_id id, const void *body, size_t len)
{
	struct scrape *s = arg;
	struct weft_ipc_bfd b;
	char ip[IP_TEXT_MAX];

	memcpy(&b, body, sizeof(b));
	ip_format(&b.vtep, ip);
	METRIC(&s->set, BFD_UP, b.state == 3, "vtep", ip);
	METRIC(&s->set, BFD_DOWNS, b.downs, "vtep", ip);
}

static void on_bond(void *arg, weft_tenant_id id, const void *body, size_t len)
{
	struct scrape *s = arg;
	struct weft_ipc_bond b;

	memcpy(&b, body, sizeof(b));
	b.uplink[WEFT_NAME_MAX] = b.member[WEFT_BOND_MEMBER_MAX] = 0;
	METRIC(&s->set, BOND_LINK, !!(b.flags & WEFT_BOND_LINK), "uplink", b.uplink, "member",
		b.member);
	METRIC(&s->set, BOND_ACTIVE, !!(b.flags & WEFT_BOND_ACTIVE), "uplink", b.uplink, "member",
		b.member);
	METRIC(&s->set, BOND_LOSSES, b.losses, "uplink", b.uplink, "member", b.member);
}

static void on_table(void *arg, weft_tenant_id id, const void *body, size_t len)
{
	struct scrape *s = arg;
	const char *tenant;
	struct weft_table_stats t;
	char table[8];

	if (!has_label(s, id, &tenant))
		return;
	memcpy(&t, body, sizeof(t));
	snprintf(table, sizeof(table), "%u", t.table);
	METRIC(&s->set, TABLE_RULES, t.active, "tenant", tenant, "table", table);
	METRIC(&s->set, TABLE_LOOKUPS, t.lookups, "tenant", tenant, "table", table);
	METRIC(&s->set, TABLE_MATCHED, t.matched, "tenant", tenant, "table", table);
}

static void on_fdb(void *arg, weft_tenant_id id, const void *body, size_t len)
{
	struct scrape *s = arg;
	const char *tenant;
	struct weft_ipc_fdb_stats f;

	if (!has_label(s, id, &tenant))
		return;
	memcpy(&f, body, sizeof(f));
	METRIC(&s->set, FDB, f.entries, "tenant", tenant);
	METRIC(&s->set, FDB_HELD, f.held_now, "tenant", tenant);
	METRIC(&s->set, FDB_MOVES, f.moves, "tenant", tenant);
	METRIC(&s->set, FDB_REFUSED, f.over_port, "tenant", tenant, "reason", "port");
	METRIC(&s->set, FDB_REFUSED, f.over_tenant, "tenant", tenant, "reason", "tenant");
}

static void add_snooping(struct scrape *s, const char *tenant, const struct weft_ipc_snoop_stats *m)
{
	METRIC(&s->set, SNOOPED, m->asked4, "tenant", tenant, "family", "ipv4");
	METRIC(&s->set, SNOOPED, m->asked6, "tenant", tenant, "family", "ipv6");
	METRIC(&s->set, MC_GROUPS, m->groups, "tenant", tenant);
	METRIC(&s->set, MC_LISTENERS, m->members, "tenant", tenant);
	METRIC(&s->set, MC_ROUTERS, m->routers, "tenant", tenant);
	METRIC(&s->set, MC_REPORTS, m->joins, "tenant", tenant, "kind", "join");
	METRIC(&s->set, MC_REPORTS, m->leaves, "tenant", tenant, "kind", "leave");
	METRIC(&s->set, MC_QUERIES, m->queries, "tenant", tenant, "by", "router");
	METRIC(&s->set, MC_QUERIES, m->asked, "tenant", tenant, "by", "switch");
	METRIC(&s->set, MC_REFUSED, m->over_port, "tenant", tenant, "reason", "port");
	METRIC(&s->set, MC_REFUSED, m->over_tenant, "tenant", tenant, "reason", "tenant");
	METRIC(&s->set, MC_REFUSED, m->lost, "tenant", tenant, "reason", "rate");
	METRIC(&s->set, MC_REFUSED, m->unsound, "tenant", tenant, "reason", "unsound");
}

// Of tenants that snoop.
static void on_snooping(void *arg, weft_tenant_id id, const void *body, size_t len)
{
	struct scrape *s = arg;
	const struct model_tenant *t = model_tenant_by_id(&s->agent->model, id);
	struct weft_ipc_snoop_stats m;

	memcpy(&m, body, sizeof(m));
	if (t && t->set.flags & WEFT_TENANT_SNOOP)
		add_snooping(s, t->set.name, &m);
}

// ---- the end

// In a thread.
static void render(void *arg)
{
	struct scrape *s = arg;

	s->text = metric_render(&s->set, &s->len);
}

static void rendered(void *arg)
{
	struct scrape *s = arg;

	LIST_REMOVE(s, link);
	s->done(s->arg, s->text, s->len);
	vec_free(&s->switches);
	vec_free(&s->tenants);
	vec_free(&s->ways);
	free(s);
}

static void release(struct scrape *s)
{
	if (!--s->waiting)
		s->background = background_start(s->agent->base, render, rendered, s);
}

static void on_pieces_added(void *arg)
{
	struct scrape *s = arg;

	s->pieces = NULL;
	release(s);
}

static void on_end(void *arg, enum weft_error error, const char *text)
{
	release(arg); // what a failed dump would have said is absent
}

// Of all tenants.
static void dump(struct scrape *s, enum weft_ipc_type type, dpc_item_fn item)
{
	s->waiting++;
	dpc_dump(s->agent->dpc, type, 0, NULL, 0, item, on_end, s);
}

void scrape(struct agent *agent, scrape_done_fn done, void *arg)
{
	struct scrape *s = agent_zalloc(sizeof(*s));

	s->agent = agent;
	s->done = done;
	s->arg = arg;
	s->waiting = 1;
	LIST_INSERT_HEAD(&under_way, s, link);
	add_agent(s);
	note_all(s);
	s->pieces = pieces_start(agent->base, s->switches.count + s->tenants.count + s->ways.count,
		add_piece, on_pieces_added, s);
	if (!dpc_is_up(agent->dpc))
		return;
	dump(s, WEFT_IPC_DUMP_STATUS, on_status);
	dump(s, WEFT_IPC_DUMP_DROPS, on_ledger);
	dump(s, WEFT_IPC_DUMP_PORTS, on_port);
	dump(s, WEFT_IPC_DUMP_BFD, on_bfd);
	dump(s, WEFT_IPC_DUMP_BONDS, on_bond);
	dump(s, WEFT_IPC_DUMP_FDB_STATS, on_fdb);
	dump(s, WEFT_IPC_DUMP_SNOOP_STATS, on_snooping);
	dump(s, WEFT_IPC_DUMP_TABLES, on_table);
}

void scrape_end_all(void)
{
	struct scrape *s;

	while ((s = LIST_FIRST(&under_way))) {
		if (s->pieces)
			pieces_cancel(s->pieces);
		if (s->background)
			background_cancel(s->background);
		else
			render(s);
		rendered(s);
	}
}
