// SPDX-License-Identifier: Apache-2.0
// Where packets ended. received + copies = sent + consumed + drops (+ what is in flight).
#include "cli/answer.h"
#include "cli/commands.h"
#include "text/address.h"
#include "text/names.h"

static void add_count(json_t *counts, const char *name, uint64_t n)
{
	if (n)
		json_object_set_new(counts, name, json_integer((json_int_t)n));
}

static void on_ledger(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct request *r = arg;
	struct weft_ipc_ledger l;
	json_t *drops = json_object(), *consumed = json_object();
	uint64_t out;

	memcpy(&l, body, sizeof(l));
	out = l.sent + l.in_flight;
	for (unsigned i = 0; i < WEFT_CONSUMED_MAX; i++) {
		add_count(consumed, consumed_name(i), l.consumed[i]);
		out += l.consumed[i];
	}
	for (unsigned i = 0; i < WEFT_DROP_MAX; i++) {
		add_count(drops, drop_name(i), l.drops[i]);
		out += l.drops[i];
	}
	json_array_append_new(r->rows,
		json_pack("{s:s?, s:I, s:I, s:I, s:I, s:o, s:o, s:I}", "tenant",
			request_tenant_name(r, tenant), "received", (json_int_t)l.received,
			"copies", (json_int_t)l.copies, "sent", (json_int_t)l.sent, "in_flight",
			(json_int_t)l.in_flight, "consumed", consumed, "drops", drops, "missing",
			(json_int_t)(l.received + l.copies - out)));
}

// What is missing over all: a packet may come in as nobody's and go out as a tenant's.
static json_int_t missing(const json_t *rows)
{
	json_int_t n = 0;
	size_t i;
	json_t *row;

	json_array_foreach (rows, i, row)
		n += json_integer_value(json_object_get(row, "missing"));
	return n;
}

static const char *text_of(const char *name)
{
	for (unsigned i = 0; i < WEFT_DROP_MAX; i++)
		if (strcmp(drop_name(i), name) == 0)
			return drop_text(i);
	return "";
}

static json_t *drop_rows(const json_t *ledgers)
{
	json_t *rows = json_array(), *ledger, *n;
	const char *name;
	size_t i;

	json_array_foreach (ledgers, i, ledger)
		json_object_foreach (json_object_get(ledger, "drops"), name, n)
			json_array_append_new(
				rows, json_pack("{s:O, s:s, s:O, s:s}", "tenant",
					      json_object_get(ledger, "tenant"), "reason", name,
					      "packets", n, "text", text_of(name)));
	return rows;
}

static char *draw_ledgers(const json_t *rows)
{
	static const struct column totals[] = {{"TENANT", "tenant"}, {"RECEIVED", "received"},
		{"COPIES", "copies"}, {"SENT", "sent"}, {"CONSUMED", "consumed"},
		{"IN FLIGHT", "in_flight"}, {0}};
	static const struct column reasons[] = {{"TENANT", "tenant"}, {"REASON", "reason"},
		{"PACKETS", "packets"}, {"MEANING", "text"}, {0}};
	json_t *found = drop_rows(rows), *drops = rows_sorted(found);
	char *a = render_table(rows, totals, NULL), *b = render_table(drops, reasons, "no drops");
	char *text = agent_format("%s\n%s", a, b);

	free(a);
	free(b);
	json_decref(drops);
	json_decref(found);
	return text;
}

static void end_drops(struct request *r)
{
	bool check = request_flag(r, "check");
	json_int_t off = missing(r->rows);
	struct answer a = {.value = r->rows, .sort = true, .draw = draw_ledgers};

	r->rows = NULL;
	if (r->json)
		a = (struct answer){.value = json_pack("{s:o, s:b, s:I}", "tenants", a.value,
					    "balanced", off == 0, "missing", off)};
	else if (check && !off)
		a.text = agent_strdup("\nevery packet is accounted for\n");
	if (check && off)
		a.error = agent_format("%lld packets are not accounted for", (long long)off);
	answer_end(r, &a);
}

// ---- --rules

static void on_rule(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct request *r = arg;
	struct weft_ipc_drop_rule d;

	memcpy(&d, body, sizeof(d));
	const struct model_port *p = model_port_numbered(&r->agent->model, tenant, d.in_port);
	const char *tunnel = tunnel_port_name(d.in_port);
	json_t *port = tunnel ? json_string(tunnel)
		       : p    ? json_string(p->status.port.name)
			      : json_null();
	json_t *row = json_pack("{s:s?, s:s, s:o, s:I, s:f, s:s}", "tenant",
		request_tenant_name(r, tenant), "reason", drop_name(d.reason), "in_port", port,
		"packets", (json_int_t)d.packets, "last_s", (double)d.last_ns / 1e9, "text",
		drop_text(d.reason));
	if (d.has_rule) {
		json_object_set_new(row, "table", json_integer(d.table));
		json_object_set_new(row, "priority", json_integer(d.priority));
		json_object_set_new(
			row, "cookie", json_sprintf("0x%llx", (unsigned long long)d.cookie));
	}
	if (!weft_ip_is_none(&d.vtep)) {
		char ip[IP_TEXT_MAX];
		json_object_set_new(row, "encap", json_string(encap_name(d.encap)));
		json_object_set_new(row, "network", json_integer(d.network));
		json_object_set_new(row, "vtep", json_string(ip_format(&d.vtep, ip)));
	}
	json_array_append_new(r->rows, row);
}

static void end_rules(struct request *r)
{
	static const struct column columns[] = {{"TENANT", "tenant"}, {"REASON", "reason"},
		{"IN", "in_port"}, {"TABLE", "table"}, {"PRIORITY", "priority"},
		{"COOKIE", "cookie"}, {"PACKETS", "packets"}, {"LAST", "last_s", UNIT_SECONDS},
		{"VNI/VSID", "network", UNIT_NONE, true}, {"FROM", "vtep", UNIT_NONE, true},
		{"MEANING", "text"}, {0}};

	answer_rows(r, json_incref(r->rows), columns, "no drops that are remembered");
}

void command_drops(struct request *r)
{
	bool rules = request_flag(r, "rules");

	if (!request_any_tenant(r))
		return;
	r->rows = json_array();
	r->finish = rules ? end_rules : end_drops;
	request_dump(r, rules ? WEFT_IPC_DUMP_DROP_RULES : WEFT_IPC_DUMP_DROPS, NULL, 0,
		rules ? on_rule : on_ledger);
}
