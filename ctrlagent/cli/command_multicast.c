// SPDX-License-Identifier: Apache-2.0
#include "cli/answer.h"
#include "cli/commands.h"
#include "text/address.h"

// "239.1.2.3"; or of a router what it is there for.
static json_t *group_json(const struct weft_ipc_listener *l)
{
	char text[IP_TEXT_MAX];

	if (l->flags & WEFT_LISTENER_ROUTER)
		return json_null();
	return json_string(ip_format(&l->group, text));
}

static const char *kind_text(const struct weft_ipc_listener *l)
{
	if (l->flags & WEFT_LISTENER_QUERIER)
		return "querier";
	if (l->flags & WEFT_LISTENER_STATIC)
		return "static";
	if (l->flags & WEFT_LISTENER_ROUTER)
		return "router";
	return l->flags & WEFT_LISTENER_LEAVING ? "leaving" : "listener";
}

static void on_listener(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct request *r = arg;
	struct weft_ipc_listener l;
	char vtep[IP_TEXT_MAX];

	memcpy(&l, body, sizeof(l));
	json_array_append_new(r->rows,
		json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:s?, s:o}", "tenant",
			request_tenant_name(r, tenant), "family",
			weft_ip_is_v4(&l.group) ? "ipv4" : "ipv6", "group", group_json(&l), "kind",
			kind_text(&l), "vlan", l.vlan ? json_integer(l.vlan) : json_null(), "port",
			command_port_json(r, tenant, l.ofport), "vtep",
			weft_ip_is_none(&l.vtep) ? NULL : ip_format(&l.vtep, vtep), "left_s",
			l.left_s || !(l.flags & WEFT_LISTENER_STATIC) ? json_integer(l.left_s)
								      : json_null()));
}

void command_multicast_list(struct request *r)
{
	static const struct column columns[] = {{"TENANT", "tenant"}, {"FAMILY", "family"},
		{"GROUP", "group"}, {"KIND", "kind"}, {"VLAN", "vlan"}, {"PORT", "port"},
		{"VTEP", "vtep"}, {"LEFT", "left_s", UNIT_SECONDS}, {0}};
	static const struct listing listing = {
		WEFT_IPC_DUMP_LISTENERS, on_listener, columns, "no listeners known"};

	answer_listing(r, &listing);
}

// ---- what became of it

static void on_stats(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct request *r = arg;
	struct weft_ipc_snoop_stats s;

	memcpy(&s, body, sizeof(s));
	json_array_append_new(r->rows,
		json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			"tenant", request_tenant_name(r, tenant), "ipv4",
			s.asked4 ? "snooped" : "flooded", "ipv6", s.asked6 ? "snooped" : "flooded",
			"groups", (json_int_t)s.groups, "members", (json_int_t)s.members, "routers",
			(json_int_t)s.routers, "joins", (json_int_t)s.joins, "leaves",
			(json_int_t)s.leaves, "queries", (json_int_t)s.queries, "asked",
			(json_int_t)s.asked, "over_port", (json_int_t)s.over_port, "over_tenant",
			(json_int_t)s.over_tenant, "lost", (json_int_t)s.lost, "unsound",
			(json_int_t)s.unsound));
}

void command_multicast_stats(struct request *r)
{
	static const struct column columns[] = {{"TENANT", "tenant"}, {"IPV4", "ipv4"},
		{"IPV6", "ipv6"}, {"GROUPS", "groups"}, {"MEMBERS", "members"},
		{"ROUTERS", "routers"}, {"JOINS", "joins"}, {"LEAVES", "leaves"},
		{"QUERIES", "queries"}, {"ASKED", "asked"}, {"OVER PORT", "over_port"},
		{"OVER TENANT", "over_tenant"}, {"LOST", "lost"}, {"UNSOUND", "unsound"}, {0}};
	static const struct listing listing = {
		WEFT_IPC_DUMP_SNOOP_STATS, on_stats, columns, "no tenants"};

	answer_listing(r, &listing);
}
