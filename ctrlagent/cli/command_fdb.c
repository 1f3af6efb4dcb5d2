// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "cli/answer.h"
#include "cli/commands.h"
#include "text/address.h"
#include "text/names.h"

json_t *command_port_json(const struct request *r, weft_tenant_id tenant, uint32_t ofport)
{
	const struct model_port *p = model_port_numbered(&r->agent->model, tenant, ofport);

	if (tunnel_port_name(ofport))
		return json_string(tunnel_port_name(ofport));
	return p ? json_string(p->status.port.name) : json_integer(ofport);
}

static void on_entry(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct request *r = arg;
	struct weft_ipc_fdb e;
	char mac[MAC_TEXT_MAX], ip[IP_TEXT_MAX];

	memcpy(&e, body, sizeof(e));
	bool fixed = e.flags & WEFT_FDB_STATIC, held = e.flags & WEFT_FDB_HELD;
	const char *from = !fixed ? NULL : e.flags & WEFT_FDB_CONFIG ? "configuration" : "command";
	json_array_append_new(
		r->rows, json_pack("{s:s?, s:s, s:o, s:o, s:s?, s:s, s:s?, s:o, s:o}", "tenant",
				 request_tenant_name(r, tenant), "mac", mac_format(&e.mac, mac),
				 "vlan", e.vlan ? json_integer(e.vlan) : json_null(), "port",
				 command_port_json(r, tenant, e.ofport), "vtep",
				 weft_ip_is_none(&e.vtep) ? NULL : ip_format(&e.vtep, ip), "kind",
				 fixed  ? "static"
				 : held ? "held"
					: "learned",
				 "from", from, "age_s", fixed ? json_null() : json_integer(e.age_s),
				 "moves", fixed ? json_null() : json_integer(e.moves)));
}

void command_fdb_list(struct request *r)
{
	static const struct column columns[] = {{"TENANT", "tenant"}, {"MAC", "mac"},
		{"VLAN", "vlan"}, {"PORT", "port"}, {"VTEP", "vtep"}, {"KIND", "kind"},
		{"FROM", "from"}, {"IDLE", "age_s", UNIT_SECONDS}, {"MOVES", "moves"}, {0}};
	static const struct listing listing = {
		WEFT_IPC_DUMP_FDB, on_entry, columns, "no MAC addresses known"};

	answer_listing(r, &listing);
}

// ---- what became of learning

static void on_stats(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct request *r = arg;
	struct weft_ipc_fdb_stats s;

	memcpy(&s, body, sizeof(s));
	json_array_append_new(r->rows,
		json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "tenant",
			request_tenant_name(r, tenant), "entries", (json_int_t)s.entries,
			"held_now", (json_int_t)s.held_now, "neighbours", (json_int_t)s.neighbours,
			"moves", (json_int_t)s.moves, "held", (json_int_t)s.held, "conflicts",
			(json_int_t)s.conflicts, "over_port", (json_int_t)s.over_port,
			"over_tenant", (json_int_t)s.over_tenant));
}

void command_fdb_stats(struct request *r)
{
	static const struct column columns[] = {{"TENANT", "tenant"}, {"ENTRIES", "entries"},
		{"HELD", "held_now"}, {"NEIGHBOURS", "neighbours"}, {"MOVES", "moves"},
		{"TIMES HELD", "held"}, {"CONFLICTS", "conflicts"}, {"OVER PORT", "over_port"},
		{"OVER TENANT", "over_tenant"}, {0}};
	static const struct listing listing = {
		WEFT_IPC_DUMP_FDB_STATS, on_stats, columns, "no tenants"};

	answer_listing(r, &listing);
}

// ---- bindings

static void on_neighbour(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct request *r = arg;
	struct weft_ipc_neigh n;
	char mac[MAC_TEXT_MAX], ip[IP_TEXT_MAX];

	memcpy(&n, body, sizeof(n));
	json_array_append_new(r->rows,
		json_pack("{s:s, s:s, s:o, s:s, s:s, s:b}", "tenant",
			request_tenant_name(r, tenant), "ip", ip_format(&n.ip, ip), "vlan",
			n.vlan ? json_integer(n.vlan) : json_null(), "mac", mac_format(&n.mac, mac),
			"kind", n.flags & WEFT_NEIGH_STATIC ? "static" : "learned", "router",
			!!(n.flags & WEFT_NEIGH_ROUTER)));
}

void command_neighbour_list(struct request *r)
{
	static const struct column columns[] = {{"TENANT", "tenant"}, {"IP", "ip"},
		{"VLAN", "vlan"}, {"MAC", "mac"}, {"KIND", "kind"}, {"ROUTER", "router"}, {0}};
	static const struct listing listing = {
		WEFT_IPC_DUMP_NEIGHS, on_neighbour, columns, "no bindings known"};

	answer_listing(r, &listing);
}

// ---- changes

static void on_changed(void *arg, enum weft_error error, const char *text)
{
	struct request *r = arg;

	if (error == WEFT_E_NOT_FOUND)
		request_fail(r, "tenant %s has no such MAC address; weft fdb list %s shows them",
			r->operands[0], r->operands[0]);
	else if (error)
		request_fail_error(r, error, text);
	else if (r->json)
		answer_json(r, json_object());
	else
		request_end(r, 0);
}

// NULL: good; else what is wrong.
static const char *parse_key(const struct request *r, struct weft_ipc_fdb *e)
{
	static const struct weft_mac none;
	const char *vlan = request_option(r, "vlan");
	char *end;

	if (!mac_parse(r->operands[1], &e->mac) || weft_mac_is_multicast(&e->mac) ||
		weft_mac_equal(&e->mac, &none))
		return "expected a unicast MAC address like 02:00:00:00:00:01";
	if (!vlan)
		return NULL;
	unsigned long n = strtoul(vlan, &end, 10);
	if (*end || n < 1 || n > 4094)
		return "--vlan: expected a number from 1 to 4094";
	e->vlan = (uint16_t)n;
	return NULL;
}

// A provider's VTEPs come and go as packets name them.
static bool may_be_behind(const struct request *r, const struct weft_ip *vtep)
{
	const struct model *m = &r->agent->model;

	MODEL_EACH_VTEP_AT (v, m, vtep)
		if (v->tenant == r->tenant)
			return true;
	return model_provider_of(m, r->tenant);
}

static const char *parse_place(const struct request *r, struct weft_ipc_fdb *e)
{
	const char *vtep = request_option(r, "vtep"), *port = request_option(r, "port");

	if (!vtep == !port)
		return "expected either --vtep or --port";
	if (vtep) {
		e->ofport = WEFT_OFPORT_OVERLAY;
		if (!ip_parse(vtep, &e->vtep))
			return "--vtep: expected an IP address";
		if (!may_be_behind(r, &e->vtep))
			return "--vtep: the tenant has no such VTEP; weft vtep list shows them";
		return NULL;
	}
	const struct model_port *p = model_port_named(&r->agent->model, r->tenant, port);
	if (!p)
		return "--port: the tenant has no such port; weft port list shows them";
	e->ofport = p->status.port.ofport;
	return NULL;
}

static void change(struct request *r, enum weft_ipc_type type)
{
	struct weft_ipc_fdb e = {.flags = WEFT_FDB_STATIC};

	if (!request_tenant(r))
		return;
	const char *wrong = parse_key(r, &e);
	if (!wrong && type == WEFT_IPC_FDB_ADD)
		wrong = parse_place(r, &e);
	if (wrong)
		request_fail(r, "%s", wrong);
	else
		dpc_op(r->agent->dpc, type, r->tenant, &e, sizeof(e), on_changed, r);
}

void command_fdb_add(struct request *r)
{
	change(r, WEFT_IPC_FDB_ADD);
}

void command_fdb_del(struct request *r)
{
	change(r, WEFT_IPC_FDB_DEL);
}

void command_fdb_flush(struct request *r)
{
	if (request_tenant(r))
		dpc_op(r->agent->dpc, WEFT_IPC_FDB_FLUSH, r->tenant, NULL, 0, on_changed, r);
}
