// SPDX-License-Identifier: Apache-2.0
// How long a tenant's packets may be: on each path what limits it, and what is left inside.
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/gather.h"
#include "text/address.h"

// Outer bytes from the IP header to the inner one: IP, UDP and VXLAN (8 + 8) or GRE (8), Ethernet.
// A provider's rules choose the encapsulation: the longer one counts.
static uint32_t headers_of(
	const struct model *m, const struct model_tenant *t, const struct weft_ip *vtep)
{
	const struct model_provider *p = model_provider_of(m, t->id);
	bool vxlan =
		p ? weft_provider_has(&p->set, WEFT_ENCAP_VXLAN) : t->set.encap == WEFT_ENCAP_VXLAN;

	return (weft_ip_is_v4(vtep) ? 20 : 40) + (vxlan ? 16 : 8) + 14;
}

// ---- what is known of each path, kept in r->data by the VTEP's address

static json_t *path_of(struct request *r, const struct weft_ip *vtep)
{
	char ip[IP_TEXT_MAX];
	json_t *path;

	ip_format(vtep, ip);
	path = json_object_get(r->data, ip);
	if (!path) {
		path = json_object();
		json_object_set_new(r->data, ip, path);
	}
	return path;
}

// A limit that applies, if it is the smallest so far. 0: it is none.
static void limit(json_t *path, const char *key, uint32_t mtu, const char *by)
{
	json_int_t now = json_integer_value(json_object_get(path, "path"));

	json_int_t was = json_integer_value(json_object_get(path, key)); // of another way there

	if (!mtu)
		return;
	if (!was || mtu < was)
		json_object_set_new(path, key, json_integer(mtu));
	if (now && now <= mtu)
		return;
	json_object_set_new(path, "path", json_integer(mtu));
	json_object_set_new(path, "by", json_string(by));
}

static json_t *note_way(struct request *r, const void *thing)
{
	const struct gather_way *w = thing;
	const struct resolve_result *way = &w->result;
	json_t *path = path_of(r, &way->nexthop.vtep);
	const struct model_port *uplink = model_port_by_id(&r->agent->model, 0, way->nexthop.port);

	if (w->interface[0])
		json_object_set_new(path, "interface", json_string(w->interface));
	limit(path, "link", way->link_mtu, "the interface");
	if (uplink && uplink->status.port.mtu)
		limit(path, "uplink", uplink->status.port.mtu, "the uplink");
	limit(path, "route", way->route_mtu, "the route");
	if (way->path_mtu != way->route_mtu)
		limit(path, "kernel", way->path_mtu, "the kernel's path MTU discovery");
	if (way->why)
		json_object_set_new(path, "by", json_string(way->why));
	return NULL;
}

static void on_nexthop(void *arg, weft_tenant_id none, const void *body, size_t len)
{
	struct weft_ipc_nexthop n;

	memcpy(&n, body, sizeof(n));
	if (n.learned_mtu)
		limit(path_of(arg, &n.vtep), "icmp", n.learned_mtu, "a router, by ICMP");
}

// ---- rows

// What is left inside on the paths of a tenant, whose turn it is: the least so far.
#define LEAST "least"

// A path as one tenant sees it.
static json_t *path_row(struct request *r, const struct model_tenant *t, const struct weft_ip *vtep)
{
	json_t *row = json_deep_copy(path_of(r, vtep));
	json_int_t path = json_integer_value(json_object_get(row, "path"));
	uint32_t headers = headers_of(&r->agent->model, t, vtep);
	uint32_t inner = path > headers ? (uint32_t)path - headers : 0;
	char ip[IP_TEXT_MAX];

	json_object_set_new(row, "tenant", json_string(t->set.name));
	json_object_set_new(row, "vtep", json_string(ip_format(vtep, ip)));
	json_object_set_new(row, "headers", json_integer(headers));
	if (!inner)
		return row;
	json_object_set_new(row, "mtu", json_integer(inner));
	uint32_t least = (uint32_t)json_integer_value(json_object_get(r->data, LEAST));
	if (!least || inner < least)
		json_object_set_new(r->data, LEAST, json_integer(inner));
	return row;
}

// Ports whose machines may send packets that not all of the tenant's paths carry.
static json_t *ports_above(const struct model *m, weft_tenant_id tenant, uint32_t mtu)
{
	json_t *names = json_string("");

	MODEL_EACH_PORT (p, m, tenant) {
		const struct weft_ipc_port *port = &p->status.port;
		if (port->mtu <= mtu)
			continue;
		char *more = agent_format("%s%s%s (%u)", json_string_value(names),
			json_string_value(names)[0] ? ", " : "", port->name, port->mtu);
		json_decref(names);
		names = json_string(more);
		free(more);
	}
	if (json_string_value(names)[0])
		return names;
	json_decref(names);
	return NULL;
}

// The tenant as a whole: what its machines may be told. After its paths.
static json_t *tenant_row(struct request *r, const struct model_tenant *t)
{
	uint32_t mtu = t->set.mtu;
	uint32_t paths = (uint32_t)json_integer_value(json_object_get(r->data, LEAST));
	const char *by = "the configuration";

	json_object_del(r->data, LEAST);
	if (paths && (!mtu || paths < mtu)) {
		mtu = paths;
		by = "the smallest path";
	}
	json_t *row = json_pack(
		"{s:s, s:s}", "tenant", t->set.name, "by", mtu ? by : "nothing: no path is known");
	if (mtu) {
		json_object_set_new(row, "mtu", json_integer(mtu));
		json_t *above = ports_above(&r->agent->model, t->id, mtu);
		if (above)
			json_object_set_new(row, "above", above);
	}
	return row;
}

struct place {
	weft_tenant_id tenant;
	struct weft_ip vtep; // none: the tenant as a whole
};

static json_t *place_row(struct request *r, const void *thing)
{
	const struct place *p = thing;
	const struct model_tenant *t = model_tenant_by_id(&r->agent->model, p->tenant);

	if (!t) {
		json_object_del(r->data, LEAST);
		return NULL;
	}
	return weft_ip_is_none(&p->vtep) ? tenant_row(r, t) : path_row(r, t, &p->vtep);
}

static void end_mtu(struct request *r, json_t *rows)
{
	static const struct column columns[] = {{"TENANT", "tenant"}, {"VTEP", "vtep"},
		{"INTERFACE", "interface"}, {"LINK", "link"}, {"UPLINK", "uplink"},
		{"ROUTE", "route", UNIT_NONE, true}, {"KERNEL", "kernel", UNIT_NONE, true},
		{"ICMP", "icmp", UNIT_NONE, true}, {"PATH", "path"}, {"HEADERS", "headers"},
		{"MTU", "mtu"}, {"BY", "by"}, {"PORTS ABOVE", "above", UNIT_NONE, true}, {0}};

	answer_rows(r, rows, columns, "no tenants");
}

static void gather_mtu(struct request *r)
{
	const struct model *m = &r->agent->model;
	VEC(struct place) places = {0};

	VEC_FOR_EACH (t, &m->tenants) {
		if (r->tenant && t->id != r->tenant)
			continue;
		MODEL_EACH_VTEP (v, m, t->id)
			vec_add(&places, (struct place){t->id, v->ip});
		vec_add(&places, (struct place){.tenant = t->id});
	}
	gather_rows(r, places.at, places.count, sizeof(*places.at), place_row, end_mtu);
}

static void end_ways(struct request *r, json_t *none)
{
	json_decref(none);
	r->finish = gather_mtu;
	request_dump(r, WEFT_IPC_DUMP_NEXTHOPS, NULL, 0, on_nexthop);
}

void command_mtu_list(struct request *r)
{
	if (!request_any_tenant(r))
		return;
	r->data = json_object();
	gather_ways(r, note_way, end_ways);
}
