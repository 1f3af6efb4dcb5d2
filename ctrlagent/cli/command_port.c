// SPDX-License-Identifier: Apache-2.0
#include "cli/answer.h"
#include "cli/commands.h"
#include "text/address.h"
#include "text/names.h"

// What an uplink's card does, or does not and is done in software.
static json_t *offloads(const struct weft_ipc_port_status *s, bool card)
{
	static const char *const names[] = {
#define WEFT_X(id, bit, name) [bit] = #name,
		WEFT_OFFLOADS(WEFT_X)
#undef WEFT_X
	};
	json_t *list = json_array();

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((s->offloads >> i & 1) == card)
			json_array_append_new(list, json_string(names[i]));
	return list;
}

static void on_port(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct request *r = arg;
	struct weft_ipc_port_status s;
	char mac[MAC_TEXT_MAX];

	memcpy(&s, body, sizeof(s));
	const struct weft_port_stats *c = &s.stats;
	const struct weft_ipc_port *p = &s.port;
	json_t *row = json_pack("{s:s?, s:s, s:o, s:s, s:s, s:s, s:b, s:s, s:i, s:i}", "tenant",
		request_tenant_name(r, tenant), "name", p->name, "number",
		p->ofport ? json_integer(p->ofport) : json_null(), "kind", port_kind_name(p->kind),
		"device", p->device, "state", s.state & WEFT_PORT_LINK_DOWN ? "down" : "up",
		"admin_down", !!(p->config & WEFT_PORT_DOWN), "mac", mac_format(&s.mac, mac), "mtu",
		(int)p->mtu, "speed_mbps", (int)s.speed_mbps);
	json_t *counters = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "rx_packets",
		(json_int_t)c->rx_packets, "rx_bytes", (json_int_t)c->rx_bytes, "rx_dropped",
		(json_int_t)c->rx_dropped, "rx_errors", (json_int_t)c->rx_errors, "tx_packets",
		(json_int_t)c->tx_packets, "tx_bytes", (json_int_t)c->tx_bytes, "tx_dropped",
		(json_int_t)c->tx_dropped, "tx_errors", (json_int_t)c->tx_errors);
	json_object_update(row, counters);
	if (!p->ofport) {
		json_object_set_new(row, "offload", offloads(&s, true));
		json_object_set_new(row, "software", offloads(&s, false));
	}
	json_decref(counters);
	json_array_append_new(r->rows, row);
}

// Ports that could not be opened, after those that there are.
static void add_missing(struct request *r)
{
	const struct missing *m = &r->agent->missing;

	VEC_FOR_EACH (p, &m->ports) {
		const struct weft_ipc_port *port = &p->port;
		if (r->operand_count && strcmp(p->tenant, r->operands[0]) != 0)
			continue;
		json_array_append_new(r->rows,
			json_pack("{s:s?, s:s, s:o, s:s, s:s, s:s, s:s}", "tenant",
				p->tenant[0] ? p->tenant : NULL, "name", port->name, "number",
				port->ofport ? json_integer(port->ofport) : json_null(), "kind",
				port_kind_name(port->kind), "device", port->device, "state",
				"failed", "error", p->why));
	}
}

static void end_port(struct request *r)
{
	static const struct column columns[] = {{"TENANT", "tenant"}, {"PORT", "name"},
		{"NUMBER", "number"}, {"KIND", "kind"}, {"DEVICE", "device"}, {"STATE", "state"},
		{"MTU", "mtu"}, {"MAC", "mac"}, {"RX", "rx_packets"}, {"RX-BYTES", "rx_bytes"},
		{"RX-DROP", "rx_dropped"}, {"TX", "tx_packets"}, {"TX-BYTES", "tx_bytes"},
		{"TX-DROP", "tx_dropped"}, {"OFFLOAD", "offload", UNIT_NONE, true},
		{"ERROR", "error", UNIT_NONE, true}, {0}};

	add_missing(r);
	answer_rows(r, json_incref(r->rows), columns, "no ports");
}

void command_port_list(struct request *r)
{
	if (!request_any_tenant(r))
		return;
	r->rows = json_array();
	r->finish = end_port;
	request_dump(r, WEFT_IPC_DUMP_PORTS, NULL, 0, on_port);
}
