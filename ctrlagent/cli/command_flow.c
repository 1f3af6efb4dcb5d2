// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/connection.h"

static const char *port_name(void *arg, uint32_t ofport)
{
	struct request *r = arg;
	const struct model_port *p = model_port_numbered(&r->agent->model, r->tenant, ofport);

	return p ? p->status.port.name : NULL;
}

static void add_flags(struct text *t, uint16_t flags)
{
	text_add(t, "%s%s%s", flags & WEFT_FLOW_SEND_REMOVED ? "send_flow_rem " : "",
		flags & WEFT_FLOW_NO_PACKET_COUNTS ? "no_packet_counts " : "",
		flags & WEFT_FLOW_NO_BYTE_COUNTS ? "no_byte_counts " : "");
}

static char *match_text(struct request *r, const struct dpc_flow *f)
{
	struct flow_names names = {port_name, r};
	struct text t = {0};

	text_add_match(&t, &names, &f->match);
	char *text = agent_strdup(t.len ? t.at + 1 : ""); // without the first comma
	free(t.at);
	return text;
}

static char *actions_text(struct request *r, const struct dpc_flow *f)
{
	struct flow_names names = {port_name, r};
	struct text t = {0};

	text_add_instructions(&t, &names, f->instructions);
	return t.at;
}

static void print_flow(struct request *r, const struct dpc_flow *f)
{
	const struct weft_flow_stats *s = f->stats;
	char *match = match_text(r, f), *actions = actions_text(r, f);
	struct text t = {0};

	text_add(&t, "cookie=0x%llx, duration=%.3fs, table=%u, n_packets=%llu, n_bytes=%llu, ",
		(unsigned long long)s->cookie, (double)s->duration_ns / 1e9, s->table,
		(unsigned long long)s->packets, (unsigned long long)s->bytes);
	if (s->idle_timeout)
		text_add(&t, "idle_timeout=%u, ", s->idle_timeout);
	if (s->hard_timeout)
		text_add(&t, "hard_timeout=%u, ", s->hard_timeout);
	text_add(&t, "idle_age=%llu, ", (unsigned long long)(s->idle_ns / 1000000000u));
	add_flags(&t, s->flags);
	text_add(&t, "priority=%u%s%s", s->priority, match[0] ? "," : "", match);
	text_add(&t, " actions=%s\n", actions);
	request_out(r, t.at);
	free(t.at);
	free(actions);
	free(match);
	json_decref(r->data);
	r->data = json_true();
}

static void collect_flow(struct request *r, const struct dpc_flow *f)
{
	const struct weft_flow_stats *s = f->stats;
	char *match = match_text(r, f), *actions = actions_text(r, f);
	json_t *row = json_pack("{s:i, s:i, s:o, s:I, s:I, s:f, s:I, s:i, s:i, s:s, s:s}", "table",
		s->table, "priority", s->priority, "cookie",
		json_sprintf("0x%llx", (unsigned long long)s->cookie), "packets",
		(json_int_t)s->packets, "bytes", (json_int_t)s->bytes, "duration_s",
		(double)s->duration_ns / 1e9, "idle_s", (json_int_t)(s->idle_ns / 1000000000u),
		"idle_timeout", s->idle_timeout, "hard_timeout", s->hard_timeout, "match", match,
		"actions", actions);
	// One element at a time: a table may have a million of them.
	char *text = json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(12));
	char *line =
		agent_format("%s%s", json_is_true(r->data) ? ",\n" : "[", text ? text : "null");
	json_decref(r->data);
	r->data = json_true();
	request_out(r, line);
	free(line);
	free(text);
	json_decref(row);
	free(match);
	free(actions);
}

static void on_flow(void *arg, weft_tenant_id tenant, const struct dpc_flow *flow)
{
	struct request *r = arg;

	if (!r->connection)
		return;
	if (r->json)
		collect_flow(r, flow);
	else
		print_flow(r, flow);
	// A table may have a million rules, and the client may be a pager.
	if (cli_connection_is_full(r->connection))
		dpc_dump_pause(r->dump);
}

static void end_list(struct request *r)
{
	bool any = json_is_true(r->data);

	if (r->json)
		request_out(r, any ? "]\n" : "[]\n");
	else if (!any)
		request_out(r, "no rules\n");
	request_end(r, 0);
}

void command_flow_list(struct request *r)
{
	struct weft_flow_filter filter = {
		.table = WEFT_TABLE_ALL, .out_port = WEFT_OFPORT_ANY, .out_group = WEFT_GROUP_ANY};
	const char *table = request_option(r, "table");
	struct weft_match any = {0};
	char *end;

	if (!request_tenant(r))
		return;
	if (table) {
		unsigned long n = strtoul(table, &end, 10);
		if (!table[0] || *end || n >= WEFT_TABLES) {
			request_fail(r, "--table: expected a number from 0 to %u", WEFT_TABLES - 1);
			return;
		}
		filter.table = (uint8_t)n;
	}
	r->finish = end_list;
	r->waiting = 1;
	r->dump = dpc_dump_flows(
		r->agent->dpc, r->tenant, &filter, &any, on_flow, request_dump_ended, r);
}

// ---- tables

static void on_table(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct request *r = arg;
	struct weft_table_stats s;

	memcpy(&s, body, sizeof(s));
	json_array_append_new(
		r->rows, json_pack("{s:i, s:I, s:I, s:I, s:I}", "table", s.table, "rules",
				 (json_int_t)s.active, "max", (json_int_t)s.max, "lookups",
				 (json_int_t)s.lookups, "matched", (json_int_t)s.matched));
}

static void end_tables(struct request *r)
{
	static const struct column columns[] = {{"TABLE", "table"}, {"RULES", "rules"},
		{"MAX", "max"}, {"LOOKUPS", "lookups"}, {"MATCHED", "matched"}, {0}};

	answer_rows(r, json_incref(r->rows), columns, "no table has rules, or was looked up in");
}

void command_table_list(struct request *r)
{
	if (!request_tenant(r))
		return;
	r->rows = json_array();
	r->finish = end_tables;
	request_dump(r, WEFT_IPC_DUMP_TABLES, NULL, 0, on_table);
}

// ---- groups

static json_t *bucket_json(
	struct request *r, const struct weft_bucket *b, const struct weft_bucket_counters *c)
{
	struct flow_names names = {port_name, r};
	struct text t = {0};

	text_add(&t, "%s", "");
	text_add_actions(&t, &names, b + 1, b->actions_len);
	json_t *row = json_pack("{s:i, s:s, s:I, s:I}", "weight", b->weight, "actions", t.at,
		"packets", (json_int_t)c->packets, "bytes", (json_int_t)c->bytes);
	free(t.at);
	return row;
}

// The tail of a group: buckets with their actions, a counter each, masks. NULL: malformed.
static json_t *buckets_json(
	struct request *r, const struct weft_group_stats *s, const char *tail, size_t len)
{
	size_t counters = s->group.bucket_count * sizeof(struct weft_bucket_counters), at = 0;
	size_t masks = 8 * (size_t)__builtin_popcountll(s->group.hash_map);
	json_t *rows = json_array();

	if (s->buckets_len > len || len - s->buckets_len != counters + masks)
		return rows;
	for (unsigned i = 0; i < s->group.bucket_count; i++) {
		const struct weft_bucket *b = (const void *)(tail + at);
		struct weft_bucket_counters c;
		if (s->buckets_len - at < sizeof(*b) ||
			s->buckets_len - at - sizeof(*b) < b->actions_len ||
			!weft_actions_ok(b + 1, b->actions_len))
			break;
		memcpy(&c, tail + s->buckets_len + i * sizeof(c), sizeof(c));
		json_array_append_new(rows, bucket_json(r, b, &c));
		at += sizeof(*b) + b->actions_len;
	}
	return rows;
}

static void on_group(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	static const char *const types[] = {"all", "select", "indirect", "fast-failover"};
	struct request *r = arg;
	struct weft_group_stats s;

	memcpy(&s, body, sizeof(s));
	json_array_append_new(r->rows,
		json_pack("{s:I, s:s, s:I, s:I, s:I, s:f, s:o}", "group", (json_int_t)s.group.group,
			"type", s.group.type < 4 ? types[s.group.type] : "?", "references",
			(json_int_t)s.ref_count, "packets", (json_int_t)s.packets, "bytes",
			(json_int_t)s.bytes, "duration_s", (double)s.duration_ns / 1e9, "buckets",
			buckets_json(r, &s, (const char *)body + sizeof(s), len - sizeof(s))));
}

static void end_groups(struct request *r)
{
	static const struct column columns[] = {{"GROUP", "group"}, {"TYPE", "type"},
		{"REFERENCES", "references"}, {"PACKETS", "packets"}, {"BYTES", "bytes"},
		{"BUCKET", "bucket"}, {"WEIGHT", "bucket_weight"}, {"PACKETS", "bucket_packets"},
		{"BYTES", "bucket_bytes"}, {"ACTIONS", "bucket_actions"}, {0}};

	answer_rows(r, r->json ? json_incref(r->rows) : rows_unfolded(r->rows, "buckets", "bucket"),
		columns, "no groups");
}

void command_group_list(struct request *r)
{
	struct weft_ipc_id all = {.id = WEFT_GROUP_ALL};

	if (!request_tenant(r))
		return;
	r->rows = json_array();
	r->finish = end_groups;
	request_dump(r, WEFT_IPC_DUMP_GROUPS, &all, sizeof(all), on_group);
}

// ---- meters

static json_t *bands_json(const struct weft_meter_stats *s, const char *tail, size_t len)
{
	size_t n = s->meter.band_count;
	json_t *rows = json_array();

	if (len != n * (sizeof(struct weft_band) + sizeof(struct weft_bucket_counters)))
		return rows;
	for (size_t i = 0; i < n; i++) {
		struct weft_band b;
		struct weft_bucket_counters c;
		memcpy(&b, tail + i * sizeof(b), sizeof(b));
		memcpy(&c, tail + n * sizeof(b) + i * sizeof(c), sizeof(c));
		json_array_append_new(
			rows, json_pack("{s:s, s:I, s:I, s:I, s:I}", "type",
				      b.type == WEFT_BAND_DROP ? "drop" : "dscp-remark", "rate",
				      (json_int_t)b.rate, "burst", (json_int_t)b.burst, "packets",
				      (json_int_t)c.packets, "bytes", (json_int_t)c.bytes));
	}
	return rows;
}

static void on_meter(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct request *r = arg;
	struct weft_meter_stats s;

	memcpy(&s, body, sizeof(s));
	json_array_append_new(r->rows,
		json_pack("{s:I, s:s, s:I, s:I, s:I, s:o}", "meter", (json_int_t)s.meter.meter,
			"unit", s.meter.flags & WEFT_METER_PKTPS ? "packets/s" : "kb/s", "flows",
			(json_int_t)s.flow_count, "packets", (json_int_t)s.packets, "bytes",
			(json_int_t)s.bytes, "bands",
			bands_json(&s, (const char *)body + sizeof(s), len - sizeof(s))));
}

static void end_meters(struct request *r)
{
	static const struct column columns[] = {{"METER", "meter"}, {"FLOWS", "flows"},
		{"PACKETS", "packets"}, {"BYTES", "bytes"}, {"BAND", "band"}, {"TYPE", "band_type"},
		{"RATE", "band_rate"}, {"BURST", "band_burst"}, {"UNIT", "unit"},
		{"PACKETS OVER", "band_packets"}, {0}};

	answer_rows(r, r->json ? json_incref(r->rows) : rows_unfolded(r->rows, "bands", "band"),
		columns, "no meters");
}

void command_meter_list(struct request *r)
{
	struct weft_ipc_id all = {.id = WEFT_METER_ALL};

	if (!request_tenant(r))
		return;
	r->rows = json_array();
	r->finish = end_meters;
	request_dump(r, WEFT_IPC_DUMP_METERS, &all, sizeof(all), on_meter);
}
