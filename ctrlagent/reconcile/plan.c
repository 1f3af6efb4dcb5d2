// SPDX-License-Identifier: Apache-2.0
#include "reconcile/plan.h"
#include "reconcile/provider.h"
#include "reconcile/snoop.h"

#include <stdio.h>

#include "text/address.h"
#include "text/names.h"

struct planner {
	struct plan *plan;
	const struct model *current, *desired;
};

__attribute__((format(printf, 2, 3))) static void line(struct plan *plan, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	char *more = agent_vformat(format, ap);
	va_end(ap);
	text_add(&plan->text, "%s\n", more);
	plan->added += more[0] == '+';
	plan->changed += more[0] == '~';
	plan->removed += more[0] == '-';
	free(more);
}

// Takes `what`.
static void operation(struct planner *p, enum weft_ipc_type type, weft_tenant_id tenant,
	const void *body, size_t len, char *what)
{
	struct plan_op *op = vec_new(&p->plan->ops);

	op->type = type;
	op->tenant = tenant;
	op->len = len;
	if (len)
		op->body = memcpy(agent_zalloc(len), body, len);
	op->what = what;
}

static const char *tenant_name(const struct model *m, weft_tenant_id id)
{
	const struct model_tenant *t = model_tenant_by_id(m, id);

	return t ? t->set.name : "?";
}

// "uplink up0" or "port red/vm1"
static char *port_name(const struct model *m, const struct model_port *p)
{
	if (!p->tenant)
		return agent_format("uplink %s", p->status.port.name);
	return agent_format("port %s/%s", tenant_name(m, p->tenant), p->status.port.name);
}

static char *fdb_name(const struct model *m, const struct model_fdb *f)
{
	char mac[MAC_TEXT_MAX];

	return agent_format("fdb %s %s%s%.0u", tenant_name(m, f->tenant),
		mac_format(&f->entry.mac, mac), f->entry.vlan ? " vlan " : "", f->entry.vlan);
}

static char *neigh_name(const struct model *m, const struct model_neigh *n)
{
	char ip[IP_TEXT_MAX];

	return agent_format("neighbour %s %s%s%.0u", tenant_name(m, n->tenant),
		ip_format(&n->entry.ip, ip), n->entry.vlan ? " vlan " : "", n->entry.vlan);
}

static char *vtep_name(const struct model *m, const struct model_vtep *v)
{
	char ip[IP_TEXT_MAX];

	return agent_format("vtep %s %s", tenant_name(m, v->tenant), ip_format(&v->ip, ip));
}

static void vtep_operation(
	struct planner *p, enum weft_ipc_type type, const struct model_vtep *v, char *what)
{
	struct weft_ipc_vtep body = {.ip = v->ip, .flags = v->flags};

	operation(p, type, v->tenant, &body, sizeof(body), what);
}

// ---- removals

static void remove_fdb(struct planner *p)
{
	VEC_FOR_EACH (f, &p->current->fdb) {
		if (model_has_fdb(p->desired, f))
			continue;
		char *what = fdb_name(p->current, f);
		line(p->plan, "- %s", what);
		operation(p, WEFT_IPC_FDB_DEL, f->tenant, &f->entry, sizeof(f->entry), what);
	}
}

static void remove_neighs(struct planner *p)
{
	VEC_FOR_EACH (n, &p->current->neighs) {
		if (model_has_neigh(p->desired, n))
			continue;
		char *what = neigh_name(p->current, n);
		line(p->plan, "- %s", what);
		operation(p, WEFT_IPC_NEIGH_DEL, n->tenant, &n->entry, sizeof(n->entry), what);
	}
}

static void remove_vteps(struct planner *p)
{
	VEC_FOR_EACH (v, &p->current->vteps) {
		if (model_has_vtep(p->desired, v))
			continue;
		char *what = vtep_name(p->current, v);
		line(p->plan, "- %s", what);
		vtep_operation(p, WEFT_IPC_VTEP_DEL, v, what);
	}
}

// A next hop must not name an uplink that is gone; the underlay finds another way afterwards.
static void remove_nexthops(struct planner *p, weft_port_id uplink)
{
	VEC_FOR_EACH (n, &p->current->nexthops)
		if (n->port == uplink)
			operation(p, WEFT_IPC_NEXTHOP_DEL, 0, n, sizeof(*n),
				agent_format("next hop"));
}

static void remove_ports(struct planner *p)
{
	VEC_FOR_EACH (port, &p->current->ports) {
		struct weft_ipc_port_ref ref = {.id = port->status.port.id};
		if (model_port_by_id(p->desired, port->tenant, ref.id))
			continue;
		char *what = port_name(p->current, port);
		if (!port->tenant)
			remove_nexthops(p, ref.id);
		line(p->plan, "- %s", what);
		operation(p, WEFT_IPC_PORT_DEL, port->tenant, &ref, sizeof(ref), what);
	}
}

static void remove_tenants(struct planner *p)
{
	VEC_FOR_EACH (t, &p->current->tenants) {
		if (model_tenant_by_id(p->desired, t->id))
			continue;
		line(p->plan, "- tenant %s", t->set.name);
		operation(p, WEFT_IPC_TENANT_DEL, t->id, NULL, 0,
			agent_format("tenant %s", t->set.name));
	}
}

// ---- additions and changes

static char *bfd_text(const struct weft_bfd_settings *b)
{
	if (b->mode == WEFT_BFD_NONE)
		return agent_strdup("off");
	return agent_format("%s %u ms x %u%s", bfd_mode_name(b->mode), b->interval_us / 1000,
		b->mult, b->learned ? ", with learned VTEPs, too" : "");
}

static void set_host(struct planner *p)
{
	const struct weft_ipc_host *now = &p->current->host, *want = &p->desired->host;
	static const char *const zero_csums[] = {"accept", "ipv4", "refuse"};
	char ip4[IP_TEXT_MAX], ip6[IP_TEXT_MAX];

	if (memcmp(now, want, sizeof(*want)) == 0)
		return;
	char *bfd = bfd_text(&want->bfd);
	line(p->plan,
		"%c host %s: vtep %s, vtep6 %s, vxlan port %u, ttl %u, udp checksum %s, over IPv6 "
		"%s, zero checksum %s, reassemble %u, path mtu age %u s, fdb age %u s, "
		"bfd %s",
		now->name[0] ? '~' : '+', want->name, ip_format(&want->vtep4, ip4),
		ip_format(&want->vtep6, ip6), want->vxlan_port, want->ttl,
		want->udp_csum ? "on" : "off", want->udp6_csum ? "on" : "off",
		zero_csums[want->zero_csum], want->reassemble, want->path_mtu_age_s,
		want->fdb_age_s, bfd);
	free(bfd);
	operation(
		p, WEFT_IPC_HOST_SET, 0, want, sizeof(*want), agent_format("host %s", want->name));
}

static char *network_text(const struct weft_ipc_tenant *t)
{
	if (t->kind == WEFT_TENANT_KIND_PROVIDER)
		return agent_strdup("provider");
	if (t->encap == WEFT_ENCAP_NONE)
		return agent_strdup("local");
	return agent_format("%s %s %u", encap_name(t->encap),
		t->encap == WEFT_ENCAP_NVGRE ? "vsid" : "vni", t->vni);
}

// ", rules 10 -> 20" for a setting that differs.
static void setting_text(char **text, const char *name, const char *old, const char *new)
{
	if (strcmp(old, new) == 0)
		return;
	char *more = agent_format("%s%s %s %s -> %s", *text, (*text)[0] ? "," : "", name, old, new);
	free(*text);
	*text = more;
}

static void setting(char **text, const char *name, uint32_t old, uint32_t new)
{
	char a[11], b[11]; // 4294967295

	snprintf(a, sizeof(a), "%u", old);
	snprintf(b, sizeof(b), "%u", new);
	setting_text(text, name, a, b);
}

static void setting_ip(
	char **text, const char *name, const struct weft_ip *old, const struct weft_ip *new)
{
	char a[IP_TEXT_MAX], b[IP_TEXT_MAX];

	setting_text(text, name, ip_format(old, a), ip_format(new, b));
}

static void snoop_changes(
	char **text, const struct weft_ipc_tenant *old, const struct weft_ipc_tenant *new)
{
	uint32_t of = old->flags, nf = new->flags;

	setting(text, "multicast.snoop", !!(of & WEFT_TENANT_SNOOP), !!(nf & WEFT_TENANT_SNOOP));
	setting(text, "multicast.routers_only", !!(of & WEFT_TENANT_SNOOP_STRICT),
		!!(nf & WEFT_TENANT_SNOOP_STRICT));
	setting(text, "multicast.querier", !!(of & WEFT_TENANT_QUERIER),
		!!(nf & WEFT_TENANT_QUERIER));
	struct weft_ip was = weft_ip_from_v4(old->snoop.querier);
	struct weft_ip is = weft_ip_from_v4(new->snoop.querier);
	char *routers = snoop_routers_text(&old->snoop), *now = snoop_routers_text(&new->snoop);
	setting_text(text, "multicast.routers", routers, now);
	free(routers);
	free(now);
	setting_ip(text, "multicast.querier_address", &was, &is);
	setting(text, "multicast.age", old->snoop.age_s, new->snoop.age_s);
	setting(text, "multicast.leave", old->snoop.leave_s, new->snoop.leave_s);
	setting(text, "multicast.groups", old->snoop.max_groups, new->snoop.max_groups);
	setting(text, "multicast.port_groups", old->snoop.max_port_groups,
		new->snoop.max_port_groups);
}

// What controllers have said goes with them.
static void runtime_changes(char **text, uint32_t of, uint32_t nf)
{
	setting(text, "standalone", !!(of & WEFT_TENANT_STANDALONE),
		!!(nf & WEFT_TENANT_STANDALONE));
	setting(text, "frag_drop", !!(of & WEFT_TENANT_FRAG_DROP), !!(nf & WEFT_TENANT_FRAG_DROP));
	setting(text, "ttl_packet_in", !!(of & WEFT_TENANT_TTL_PACKET_IN),
		!!(nf & WEFT_TENANT_TTL_PACKET_IN));
	setting(text, "miss_packet_in", !!(of & WEFT_TENANT_MISS_PACKET_IN),
		!!(nf & WEFT_TENANT_MISS_PACKET_IN));
}

static char *tenant_changes(const struct weft_ipc_tenant *old, const struct weft_ipc_tenant *new)
{
	char *text = agent_strdup("");
	uint32_t of = old->flags, nf = new->flags;

	setting(&text, "learn", !!(of & WEFT_TENANT_LEARN), !!(nf & WEFT_TENANT_LEARN));
	setting(&text, "inner_vlan", !!(of & WEFT_TENANT_INNER_VLAN),
		!!(nf & WEFT_TENANT_INNER_VLAN));
	setting(&text, "any_vtep", !!(of & WEFT_TENANT_ANY_VTEP), !!(nf & WEFT_TENANT_ANY_VTEP));
	runtime_changes(&text, of, nf);
	setting(&text, "rules", old->max_rules, new->max_rules);
	setting(&text, "groups", old->max_groups, new->max_groups);
	setting(&text, "meters", old->max_meters, new->max_meters);
	setting(&text, "macs", old->max_fdb, new->max_fdb);
	setting(&text, "packet_in", old->punt_rate, new->punt_rate);
	setting(&text, "packet_in_burst", old->punt_burst, new->punt_burst);
	setting(&text, "mtu", old->mtu, new->mtu);
	setting(&text, "suppress", !!(of & WEFT_TENANT_SUPPRESS), !!(nf & WEFT_TENANT_SUPPRESS));
	setting_ip(&text, "group", &old->group, &new->group);
	setting(&text, "learn_vteps", old->max_vteps, new->max_vteps);
	snoop_changes(&text, old, new);
	setting(&text, "moves.most", old->max_moves, new->max_moves);
	setting(&text, "moves.within", old->move_within_s, new->move_within_s);
	setting(&text, "moves.hold", old->move_hold_s, new->move_hold_s);
	setting_text(&text, "too_big", too_big_name(old->too_big), too_big_name(new->too_big));
	setting(&text, "dscp", old->dscp, new->dscp);
	setting(&text, "dscp_uniform", !!(old->tos & WEFT_TOS_UNIFORM),
		!!(new->tos &WEFT_TOS_UNIFORM));
	setting(&text, "ecn", !(old->tos & WEFT_TOS_NO_ECN), !(new->tos &WEFT_TOS_NO_ECN));
	return text;
}

static void set_tenants(struct planner *p)
{
	VEC_FOR_EACH (t, &p->desired->tenants) {
		const struct model_tenant *old = model_tenant_by_id(p->current, t->id);
		enum weft_ipc_type type = WEFT_IPC_TENANT_ADD;
		if (old && memcmp(&old->set, &t->set, sizeof(t->set)) == 0)
			continue;
		if (old) {
			char *changes = tenant_changes(&old->set, &t->set);
			line(p->plan, "~ tenant %s:%s", t->set.name, changes);
			free(changes);
			type = WEFT_IPC_TENANT_SET;
		} else {
			char *network = network_text(&t->set);
			line(p->plan, "+ tenant %s: %s", t->set.name, network);
			free(network);
		}
		operation(p, type, t->id, &t->set, sizeof(t->set),
			agent_format("tenant %s", t->set.name));
	}
}

static void set_providers(struct planner *p)
{
	VEC_FOR_EACH (want, &p->desired->providers) {
		const struct model_provider *old = model_provider_of(p->current, want->tenant);
		const char *name = tenant_name(p->desired, want->tenant);
		char *text;
		if (old && memcmp(&old->set, &want->set, sizeof(want->set)) == 0)
			continue;
		text = provider_text(&want->set);
		line(p->plan, "%c provider %s: %s", old ? '~' : '+', name, text);
		free(text);
		operation(p, WEFT_IPC_PROVIDER_SET, want->tenant, &want->set, sizeof(want->set),
			agent_format("provider %s", name));
	}
}

static char *limits_text(const struct weft_port_limits *l)
{
	return agent_format("macs %u, broadcast %u/s, multicast %u/s, unknown %u/s", l->max_macs,
		l->storm[WEFT_STORM_BROADCAST], l->storm[WEFT_STORM_MULTICAST],
		l->storm[WEFT_STORM_UNKNOWN]);
}

// Of a port that stays. What a new one has comes with it.
static void set_limits(struct planner *p)
{
	VEC_FOR_EACH (port, &p->desired->ports) {
		const struct model_port *old =
			model_port_by_id(p->current, port->tenant, port->status.port.id);
		struct weft_ipc_port_set set = {
			.id = port->status.port.id, .limits = port->status.port.limits};
		if (!old || memcmp(&old->status.port.limits, &set.limits, sizeof(set.limits)) == 0)
			continue;
		char *what = port_name(p->desired, port), *limits = limits_text(&set.limits);
		line(p->plan, "~ %s: %s", what, limits);
		operation(p, WEFT_IPC_PORT_SET, port->tenant, &set, sizeof(set), what);
		free(limits);
	}
}

// Of a bond that stays.
static void set_members(struct planner *p)
{
	VEC_FOR_EACH (port, &p->desired->ports) {
		const struct weft_ipc_port *want = &port->status.port;
		const struct model_port *old = model_port_by_id(p->current, port->tenant, want->id);
		struct weft_ipc_port_members set = {.id = want->id};
		if (!old || strcmp(old->status.port.device, want->device) == 0)
			continue;
		memcpy(set.device, want->device, sizeof(set.device));
		char *what = port_name(p->desired, port);
		line(p->plan, "~ %s: %s -> %s", what, old->status.port.device, want->device);
		operation(p, WEFT_IPC_PORT_MEMBERS, port->tenant, &set, sizeof(set), what);
	}
}

static void add_ports(struct planner *p, bool uplinks)
{
	VEC_FOR_EACH (port, &p->desired->ports) {
		const struct weft_ipc_port *set = &port->status.port;
		if (!port->tenant != uplinks || model_port_by_id(p->current, port->tenant, set->id))
			continue;
		char *what = port_name(p->desired, port);
		if (uplinks)
			line(p->plan, "+ %s: %s %s", what, port_kind_name(set->kind), set->device);
		else
			line(p->plan, "+ %s: number %u, %s %s", what, set->ofport,
				port_kind_name(set->kind), set->device);
		operation(p, WEFT_IPC_PORT_ADD, port->tenant, set, sizeof(*set), what);
	}
}

static void add_vteps(struct planner *p)
{
	VEC_FOR_EACH (v, &p->desired->vteps) {
		if (model_has_vtep(p->current, v))
			continue;
		char *what = vtep_name(p->desired, v);
		line(p->plan, "+ %s", what);
		vtep_operation(p, WEFT_IPC_VTEP_ADD, v, what);
	}
}

static void add_neighs(struct planner *p)
{
	VEC_FOR_EACH (n, &p->desired->neighs) {
		char mac[MAC_TEXT_MAX];
		if (model_has_neigh(p->current, n))
			continue;
		char *what = neigh_name(p->desired, n);
		line(p->plan, "+ %s at %s", what, mac_format(&n->entry.mac, mac));
		operation(p, WEFT_IPC_NEIGH_ADD, n->tenant, &n->entry, sizeof(n->entry), what);
	}
}

static void add_fdb(struct planner *p)
{
	VEC_FOR_EACH (f, &p->desired->fdb) {
		char ip[IP_TEXT_MAX];
		if (model_has_fdb(p->current, f))
			continue;
		char *what = fdb_name(p->desired, f);
		const struct model_port *at =
			model_port_numbered(p->desired, f->tenant, f->entry.ofport);
		line(p->plan, "+ %s at %s", what,
			at ? at->status.port.name : ip_format(&f->entry.vtep, ip));
		operation(p, WEFT_IPC_FDB_ADD, f->tenant, &f->entry, sizeof(f->entry), what);
	}
}

void plan_make(struct plan *plan, const struct model *current, const struct model *desired)
{
	struct planner p = {plan, current, desired};

	*plan = (struct plan){0};
	text_add(&plan->text, "%s", "");
	remove_fdb(&p);
	remove_neighs(&p);
	remove_vteps(&p);
	remove_ports(&p);
	remove_tenants(&p);
	set_host(&p);
	add_ports(&p, true);
	set_tenants(&p);
	set_providers(&p);
	add_vteps(&p);
	add_ports(&p, false);
	set_limits(&p);
	set_members(&p);
	add_fdb(&p);
	add_neighs(&p);
}

void plan_free(struct plan *plan)
{
	VEC_FOR_EACH (op, &plan->ops) {
		free(op->body);
		free(op->what);
	}
	vec_free(&plan->ops);
	free(plan->text.at);
	plan->text = (struct text){0};
}

// ---- sessions

static bool controllers_equal(const struct config_switch *a, const struct config_switch *b)
{
	if (a->controller_count != b->controller_count)
		return false;
	for (size_t i = 0; i < a->controller_count; i++)
		if (strcmp(a->controllers[i].text, b->controllers[i].text) != 0)
			return false;
	return true;
}

static bool switch_equal(const struct config_switch *a, const struct config_switch *b)
{
	return a->dpid == b->dpid && a->fail_mode == b->fail_mode &&
	       a->inactivity_s == b->inactivity_s && a->max_backoff_s == b->max_backoff_s &&
	       memcmp(&a->tls, &b->tls, sizeof(a->tls)) == 0 && controllers_equal(a, b);
}

// Without controllers there is no switch to speak of.
static void add_switch(
	struct plan *plan, const struct config_tenant *was, const struct config_tenant *t)
{
	bool had = was && was->sw.controller_count, has = t->sw.controller_count;

	if (had && !has)
		line(plan, "- switch %s", t->name);
	else if (has && !(had && switch_equal(&was->sw, &t->sw)))
		line(plan, "%c switch %s: dpid %016llx, %zu controller%s, %s", had ? '~' : '+',
			t->name, (unsigned long long)t->sw.dpid, t->sw.controller_count,
			t->sw.controller_count == 1 ? "" : "s",
			t->sw.fail_mode == AGENT_FAIL_SECURE ? "secure" : "standalone");
}

void plan_add_switches(struct plan *plan, const struct config *old, const struct config *config)
{
	for (size_t i = 0; old && i < config->tenant_count; i++) {
		const struct config_tenant *t = &config->tenants[i];

		add_switch(plan, config_tenant_named(old, t->name), t);
	}
}
