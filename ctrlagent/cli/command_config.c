// SPDX-License-Identifier: Apache-2.0
// What the agent itself knows: show, tenant, switch, vtep, underlay, apply, version.
#include <stdio.h>
#include <time.h>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/gather.h"
#include "text/address.h"
#include "text/names.h"

static json_t *ip_json(const struct weft_ip *ip)
{
	char text[IP_TEXT_MAX];

	return weft_ip_is_none(ip) ? json_null() : json_string(ip_format(ip, text));
}

// ---- tenant

static size_t count_ports(const struct model *m, weft_tenant_id tenant)
{
	size_t n = 0;

	MODEL_EACH_PORT (p, m, tenant)
		n++;
	return n;
}

static size_t count_vteps(const struct model *m, weft_tenant_id tenant)
{
	size_t n = 0;

	MODEL_EACH_VTEP (v, m, tenant)
		n++;
	return n;
}

static json_t *tenant_json(const struct model *m, const struct model_tenant *t)
{
	const struct weft_ipc_tenant *s = &t->set;
	json_t *network = s->encap ? json_integer(s->vni) : json_null();

	return json_pack(
		"{s:s, s:s, s:o, s:b, s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		"name", s->name, "encap",
		s->kind == WEFT_TENANT_KIND_PROVIDER ? "provider" : encap_name(s->encap), "network",
		network, "learn", !!(s->flags & WEFT_TENANT_LEARN), "inner_vlan",
		!!(s->flags & WEFT_TENANT_INNER_VLAN), "any_vtep",
		!!(s->flags & WEFT_TENANT_ANY_VTEP), "standalone",
		!!(s->flags & WEFT_TENANT_STANDALONE), "ports", (json_int_t)count_ports(m, t->id),
		"vteps", (json_int_t)count_vteps(m, t->id), "max_rules", (json_int_t)s->max_rules,
		"max_groups", (json_int_t)s->max_groups, "max_meters", (json_int_t)s->max_meters,
		"max_macs", (json_int_t)s->max_fdb, "packet_in", (json_int_t)s->punt_rate, "mtu",
		(json_int_t)s->mtu);
}

static json_t *tenant_row(struct request *r, const void *thing)
{
	const weft_tenant_id *id = thing;
	const struct model_tenant *t = model_tenant_by_id(&r->agent->model, *id);

	return t ? tenant_json(&r->agent->model, t) : NULL;
}

static void end_tenants(struct request *r, json_t *rows)
{
	static const struct column columns[] = {{"TENANT", "name"}, {"ENCAP", "encap"},
		{"VNI/VSID", "network"}, {"LEARN", "learn"}, {"STANDALONE", "standalone"},
		{"PORTS", "ports"}, {"VTEPS", "vteps"}, {"RULES", "max_rules"},
		{"GROUPS", "max_groups"}, {"METERS", "max_meters"}, {"MACS", "max_macs"},
		{"PACKET-IN/S", "packet_in"}, {0}};

	answer_rows(r, rows, columns, "no tenants");
}

void command_tenant_list(struct request *r)
{
	if (request_any_tenant(r))
		gather_tenants(r, tenant_row, end_tenants);
}

// ---- switch

// As the configuration has it.
struct switch_key {
	char tenant[WEFT_NAME_MAX + 1];
	uint64_t dpid;
	enum agent_fail_mode fail_mode;
};

static json_t *switch_row(struct request *r, const void *thing)
{
	const struct switch_key *key = thing;
	struct tenant_switch *ts = switches_named(&r->agent->switches, key->tenant);
	json_t *about = ts ? session_switch_describe(ts->session) : NULL;
	char dpid[17] = "";

	if (!about)
		about = json_pack("{s:[]}", "controllers");
	if (ts && !json_object_get(about, "dpid")) {
		snprintf(dpid, sizeof(dpid), "%016llx", (unsigned long long)key->dpid);
		json_object_set_new(about, "dpid", json_string(dpid));
	}
	json_object_set_new(about, "tenant", json_string(key->tenant));
	json_object_set_new(about, "fail_mode",
		json_string(key->fail_mode == AGENT_FAIL_SECURE ? "secure" : "standalone"));
	return about;
}

static void gather_switches(struct request *r, gather_done_fn done)
{
	const struct config *c = r->agent->config;
	VEC(struct switch_key) keys = {0};

	for (size_t i = 0; i < c->tenant_count; i++) {
		const struct config_tenant *t = &c->tenants[i];
		if (r->operand_count && strcmp(t->name, r->operands[0]) != 0)
			continue;
		struct switch_key *key = vec_new(&keys);
		memcpy(key->tenant, t->name, sizeof(key->tenant));
		key->dpid = t->sw.dpid;
		key->fail_mode = t->sw.fail_mode;
	}
	gather_rows(r, keys.at, keys.count, sizeof(*keys.at), switch_row, done);
}

// One row a controller, with its switch's columns before it.
static json_t *controller_rows(const json_t *switches)
{
	json_t *rows = json_array(), *sw, *controller;
	size_t i, j;

	json_array_foreach (switches, i, sw) {
		json_t *controllers = json_object_get(sw, "controllers");
		if (!json_array_size(controllers))
			json_array_append(rows, sw);
		json_array_foreach (controllers, j, controller) {
			json_t *row = json_copy(sw);
			json_object_update(row, controller);
			json_array_append_new(rows, row);
		}
	}
	return rows;
}

static const struct column switch_columns[] = {{"TENANT", "tenant"}, {"DPID", "dpid"},
	{"FAIL-MODE", "fail_mode"}, {"CONTROLLER", "target"}, {"STATE", "state"}, {"ROLE", "role"},
	{"VERSION", "version"}, {"PEER", "peer"}, {"SINCE", "since_s", UNIT_SECONDS},
	{"LAST ERROR", "last_error", UNIT_NONE, true}, {0}};

static char *draw_switches(const json_t *switches)
{
	json_t *rows = controller_rows(switches);
	char *text = render_table(rows, switch_columns, "no tenants, no switches");

	json_decref(rows);
	return text;
}

static void end_switches(struct request *r, json_t *switches)
{
	struct answer as_json = {.value = switches};
	struct answer as_table = {.value = switches, .sort = true, .draw = draw_switches};

	answer_end(r, r->json ? &as_json : &as_table);
}

void command_switch_list(struct request *r)
{
	if (request_any_tenant(r))
		gather_switches(r, end_switches);
}

// ---- vtep, underlay

// Of a tenant; a provider's may lie in a prefix alone. What says more comes later.
enum vtep_kind {
	VTEP_LEARNED,
	VTEP_PROVIDER,
	VTEP_CONFIGURED,
};

static const char *const vtep_kinds[] = {"learned", "provider", "configured"};

static enum vtep_kind vtep_kind(const struct model *m, const struct model_vtep *v)
{
	const struct model_tenant *t = model_tenant_by_id(m, v->tenant);

	if (v->flags & WEFT_VTEP_LEARNED)
		return VTEP_LEARNED;
	return t && t->set.kind == WEFT_TENANT_KIND_PROVIDER ? VTEP_PROVIDER : VTEP_CONFIGURED;
}

static json_t *vtep_row(struct request *r, const void *thing)
{
	const struct model_vtep *v = thing;

	return json_pack("{s:s*, s:o, s:s}", "tenant", request_tenant_name(r, v->tenant), "vtep",
		ip_json(&v->ip), "kind", vtep_kinds[vtep_kind(&r->agent->model, v)]);
}

static void end_vteps(struct request *r, json_t *rows)
{
	static const struct column columns[] = {
		{"TENANT", "tenant"}, {"VTEP", "vtep"}, {"KIND", "kind"}, {0}};

	answer_rows(r, rows, columns, "no remote VTEPs");
}

void command_vtep_list(struct request *r)
{
	VEC(struct model_vtep) vteps = {0};

	if (!request_any_tenant(r))
		return;
	VEC_FOR_EACH (v, &r->agent->model.vteps)
		if (!r->tenant || v->tenant == r->tenant)
			vec_add(&vteps, *v);
	gather_rows(r, vteps.at, vteps.count, sizeof(*vteps.at), vtep_row, end_vteps);
}

static json_t *uplink_name(const struct model *m, weft_port_id id)
{
	const struct model_port *p = id ? model_port_by_id(m, 0, id) : NULL;

	return p ? json_string(p->status.port.name) : json_null();
}

// Of all tenants that have it: what any of them has configured is; else what a provider has.
static const char *way_kind(const struct model *m, const struct weft_ip *vtep)
{
	const char *kind = weft_ip_is_multicast(vtep) ? "group" : NULL;
	enum vtep_kind best = VTEP_LEARNED, is;

	MODEL_EACH_VTEP_AT (v, m, vtep) {
		is = vtep_kind(m, v);
		best = is > best ? is : best;
		kind = vtep_kinds[best];
	}
	return kind;
}

static const char *way_why(const struct request *r, const struct resolve_result *way)
{
	return underlay_is_foreign(r->agent->underlay, &way->nexthop.src)
		       ? "the source is not an address of this host"
		       : way->why;
}

static json_t *way_row(struct request *r, const void *thing)
{
	const struct gather_way *w = thing;
	const struct resolve_result *way = &w->result;
	const struct weft_ipc_nexthop *n = &way->nexthop;
	bool resolved = n->flags & WEFT_NEXTHOP_RESOLVED;
	char mac[MAC_TEXT_MAX];

	return json_pack("{s:o, s:s?, s:i, s:o, s:s, s:s?, s:o, s:o, s:o, s:s?, s:o, s:i}", "vtep",
		ip_json(&n->vtep), "kind", way_kind(&r->agent->model, &n->vtep), "path", n->path,
		"source", ip_json(&n->src), "state",
		resolved                           ? "resolved"
		: n->flags & WEFT_NEXTHOP_NO_ROUTE ? "no-route"
						   : "unresolved",
		"why", way_why(r, way), "uplink", uplink_name(&r->agent->model, n->port),
		"interface", w->interface[0] ? json_string(w->interface) : json_null(), "gateway",
		ip_json(&way->gateway), "mac", resolved ? mac_format(&n->dst_mac, mac) : NULL,
		"vlan", n->vlan ? json_integer(n->vlan) : json_null(), "mtu", n->mtu);
}

static void end_ways(struct request *r, json_t *rows)
{
	static const struct column columns[] = {{"VTEP", "vtep"}, {"KIND", "kind"},
		{"STATE", "state"}, {"UPLINK", "uplink"}, {"INTERFACE", "interface"},
		{"NEXT HOP", "gateway"}, {"MAC", "mac"}, {"VLAN", "vlan"}, {"MTU", "mtu"},
		{"SOURCE", "source"}, {"WHY", "why", UNIT_NONE, true}, {0}};

	answer_rows(r, rows, columns, "no tenant has remote VTEPs: nothing to reach");
}

void command_underlay_list(struct request *r)
{
	gather_ways(r, way_row, end_ways);
}

// ---- apply

// What was missing before, and is not part of the difference.
static void add_missing(const struct request *r, struct text *out)
{
	const struct missing *m = &r->agent->missing;

	VEC_FOR_EACH (p, &m->ports)
		text_add(out, "! port %s%s%s: %s; it is tried again\n", p->tenant,
			p->tenant[0] ? "/" : "", p->port.name, p->why);
}

static void on_applied(void *arg, const struct apply_result *result)
{
	struct request *r = arg;

	if (!result->ok) {
		request_fail(r, "%s", result->error);
	} else if (r->json) {
		answer_json(r, json_pack("{s:b, s:i, s:i, s:i, s:s}", "dry_run",
				       request_flag(r, "dry-run"), "added", (int)result->added,
				       "changed", (int)result->changed, "removed",
				       (int)result->removed, "difference", result->difference));
	} else {
		struct text t = {0};

		text_add(&t, "%s",
			result->difference[0] ? result->difference : "nothing to change\n");
		add_missing(r, &t);
		answer_end(r, &(struct answer){.text = t.at});
	}
}

void command_apply(struct request *r)
{
	agent_apply(r->agent, r->operand_count ? r->operands[0] : NULL, request_flag(r, "dry-run"),
		on_applied, r);
}

// ---- version, show

static void on_status(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct request *r = arg;
	struct weft_ipc_status s;

	memcpy(&s, body, sizeof(s));
	s.version[sizeof(s.version) - 1] = 0;
	r->data = json_pack("{s:s, s:f, s:i, s:I, s:I, s:o}", "version", s.version, "uptime_s",
		(double)s.uptime_ns / 1e9, "workers", (int)s.workers, "buffers_free",
		(json_int_t)s.mbufs_free, "buffers_total", (json_int_t)s.mbufs_total, "epoch",
		json_sprintf("%016llx", (unsigned long long)s.epoch));
}

// What each tenant's packet-ins had too many of.
static void on_shed(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct request *r = arg;
	struct weft_ipc_ledger l;
	uint64_t all = 0;
	json_t *row;

	memcpy(&l, body, sizeof(l));
	for (unsigned i = 0; i < WEFT_PUNT_REASONS; i++)
		all += l.punts_shed[i];
	if (!all)
		return;
	row = json_pack("{s:s?}", "tenant", request_tenant_name(r, tenant));
	for (unsigned i = 0; i < WEFT_PUNT_REASONS; i++)
		json_object_set_new(
			row, punt_reason_name(i), json_integer((json_int_t)l.punts_shed[i]));
	json_array_append_new(r->rows, row);
}

static void end_version(struct request *r)
{
	const char *theirs = json_string_value(json_object_get(r->data, "version"));

	if (r->json) {
		answer_json(
			r, json_pack("{s:s, s:s?}", "agent", WEFT_VERSION, "dataplane", theirs));
		return;
	}
	char *text = agent_format(
		"agent      %s\ndata plane %s\n", WEFT_VERSION, theirs ? theirs : "not connected");
	request_out(r, text);
	free(text);
	request_end(r, 0);
}

void command_version(struct request *r)
{
	r->finish = end_version;
	if (dpc_is_up(r->agent->dpc))
		request_dump(r, WEFT_IPC_DUMP_STATUS, NULL, 0, on_status);
	else
		end_version(r);
}

static void add_table(
	struct text *t, const char *title, const json_t *rows, const struct column *columns)
{
	json_t *sorted = rows_sorted(rows);
	char *table = render_table(sorted, columns, "none");

	text_add(t, "\n%s\n%s", title, table);
	free(table);
	json_decref(sorted);
}

static const char *host_state(const struct agent *a)
{
	if (!dpc_is_up(a->dpc))
		return "data plane not connected";
	if (!a->ready)
		return "configuration not in effect";
	return a->failure || a->missing.ports.count ? "ready, but for what failed" : "ready";
}

static const char *vtep_note(const struct agent *a)
{
	return underlay_is_foreign(a->underlay, &a->config->host.vtep)
		       ? " (not an address of this host)"
		       : "";
}

static const char *port_state(const struct agent *a, const struct model_port *p)
{
	if (!dpc_is_up(a->dpc))
		return "unknown"; // what it was is no answer
	return p->status.state & WEFT_PORT_LINK_DOWN ? "down" : "up";
}

static json_t *port_rows(const struct agent *a)
{
	const struct model *m = &a->model;
	json_t *rows = json_array();

	VEC_FOR_EACH (p, &m->ports) {
		const struct model_tenant *t = model_tenant_by_id(m, p->tenant);
		const struct weft_ipc_port *port = &p->status.port;
		json_array_append_new(
			rows, json_pack("{s:s?, s:s, s:o, s:s, s:s, s:s}", "tenant",
				      t ? t->set.name : NULL, "name", port->name, "number",
				      port->ofport ? json_integer(port->ofport) : json_null(),
				      "kind", port_kind_name(port->kind), "device", port->device,
				      "state", port_state(a, p)));
	}
	VEC_FOR_EACH (p, &a->missing.ports)
		json_array_append_new(rows,
			json_pack("{s:s?, s:s, s:o, s:s, s:s, s:s, s:s}", "tenant",
				p->tenant[0] ? p->tenant : NULL, "name", p->port.name, "number",
				p->port.ofport ? json_integer(p->port.ofport) : json_null(), "kind",
				port_kind_name(p->port.kind), "device", p->port.device, "state",
				"failed", "error", p->why));
	return rows;
}

// Of what the JSON has, and a heading.
static char *draw_show(const json_t *all)
{
	static const struct column tenants[] = {{"TENANT", "name"}, {"ENCAP", "encap"},
		{"VNI/VSID", "network"}, {"PORTS", "ports"}, {"VTEPS", "vteps"},
		{"STANDALONE", "standalone"}, {0}};
	static const struct column ports[] = {{"TENANT", "tenant"}, {"PORT", "name"},
		{"NUMBER", "number"}, {"KIND", "kind"}, {"DEVICE", "device"}, {"STATE", "state"},
		{"ERROR", "error", UNIT_NONE, true}, {0}};
	static const struct column shed[] = {{"TENANT", "tenant"}, {"MISS", "miss"},
		{"ACTION", "action"}, {"INVALID TTL", "invalid_ttl"}, {0}};
	const json_t *over = json_object_get(all, "packet_ins_shed");
	json_t *switches = controller_rows(json_object_get(all, "switches"));
	struct text t = {0};

	text_add(&t, "%s", json_string_value(json_object_get(all, "heading")));
	add_table(&t, "tenants", json_object_get(all, "tenants"), tenants);
	add_table(&t, "switches", switches, switch_columns);
	add_table(&t, "ports", json_object_get(all, "ports"), ports);
	if (json_array_size(over))
		add_table(&t, "packet-ins over the rate", over, shed);
	json_decref(switches);
	return t.at;
}

static json_t *heading(const struct agent *a, const json_t *status)
{
	const char *epoch = json_string_value(json_object_get(status, "epoch"));
	char *up = duration_text(json_real_value(json_object_get(status, "uptime_s")));
	long long workers = json_integer_value(json_object_get(status, "workers"));
	char ip[IP_TEXT_MAX];
	struct text t = {0};

	text_add(&t, "host %s, vtep %s%s, %s\n", a->config->host.name,
		ip_format(&a->config->host.vtep, ip), vtep_note(a), host_state(a));
	if (status)
		text_add(&t, "data plane %s, up %s, %lld worker%s, epoch %s\n",
			json_string_value(json_object_get(status, "version")), up, workers,
			workers == 1 ? "" : "s", epoch ? epoch : "");
	json_t *text = json_string(t.at);
	free(up);
	free(t.at);
	return text;
}

// What was gathered until now: {"dataplane", "packet_ins_shed", "tenants"}.
static void end_show(struct request *r, json_t *switches)
{
	const struct agent *a = r->agent;
	json_t *status = json_object_get(r->data, "dataplane");
	json_t *all = json_pack("{s:{s:s, s:o}, s:s, s:b, s:O?, s:O, s:o, s:o, s:O}", "host",
		"name", a->config->host.name, "vtep", ip_json(&a->config->host.vtep), "state",
		host_state(a), "ready", a->ready, "dataplane", status, "tenants",
		json_object_get(r->data, "tenants"), "switches", switches, "ports", port_rows(a),
		"packet_ins_shed", json_object_get(r->data, "packet_ins_shed"));

	if (!r->json)
		json_object_set_new(all, "heading", heading(a, status));
	json_decref(r->data); // the rest of it goes with the answer
	r->data = NULL;
	answer_end(r, &(struct answer){.value = all, .draw = r->json ? NULL : draw_show});
}

static void show_switches(struct request *r, json_t *tenants)
{
	json_object_set_new(r->data, "tenants", tenants);
	gather_switches(r, end_show);
}

static void show_tenants(struct request *r)
{
	json_t *parts = json_pack("{s:o}", "packet_ins_shed", r->rows);

	if (r->data)
		json_object_set_new(parts, "dataplane", r->data);
	r->data = parts;
	r->rows = NULL;
	gather_tenants(r, tenant_row, show_switches);
}

void command_show(struct request *r)
{
	r->finish = show_tenants;
	r->rows = json_array();
	if (dpc_is_up(r->agent->dpc)) {
		request_dump(r, WEFT_IPC_DUMP_STATUS, NULL, 0, on_status);
		request_dump(r, WEFT_IPC_DUMP_DROPS, NULL, 0, on_shed);
	} else {
		show_tenants(r);
	}
}
