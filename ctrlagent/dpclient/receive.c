// SPDX-License-Identifier: Apache-2.0
#include "internal.h"

#include <stdio.h>

#include "uptime.h"

// The data plane is trusted more than a controller, but not to be free of faults: a message that
// does not fit ends the connection, and the new one starts from what the data plane then says it
// holds.

static const struct weft_ipc_hdr *header(const struct dpc *dpc)
{
	return dpc->message;
}

static const void *body(const struct dpc *dpc)
{
	return header(dpc) + 1;
}

static size_t body_len(const struct dpc *dpc)
{
	return header(dpc)->len - sizeof(struct weft_ipc_hdr);
}

// ---- rules

static bool flow_parse(struct dpc_flow *flow, const void *data, size_t len)
{
	const struct weft_flow_stats *stats = data;
	struct weft_ipc_flow_tail tail;
	size_t fixed = sizeof(*stats) + sizeof(tail);

	if (len < fixed)
		return false;
	memcpy(&tail, stats + 1, sizeof(tail));
	flow->match.map = tail.match_map;
	size_t bytes = 8 * weft_match_words(&flow->match);
	if (tail.match_words * 8ull != bytes || bytes > sizeof(flow->match.value) ||
		len != fixed + 2 * bytes + tail.instr_len)
		return false;

	const char *words = (const char *)data + fixed;
	memcpy(flow->match.value, words, bytes);
	memcpy(flow->match.mask, words + bytes, bytes);
	flow->stats = stats;
	flow->instructions = NULL;
	if (!weft_match_ok(&flow->match))
		return false;
	if (!tail.instr_len)
		return true;

	const struct weft_instructions *in = (const void *)(words + 2 * bytes);
	if (tail.instr_len < sizeof(*in) || tail.instr_len != weft_instructions_bytes(in))
		return false;
	flow->instructions = in;
	return weft_actions_ok(weft_instructions_apply(in), in->apply_len) &&
	       weft_actions_ok(weft_instructions_write(in), in->write_len);
}

// ---- answers

// False: the connection is lost.
static bool error_parse(struct dpc *dpc, struct weft_ipc_error *e)
{
	if (body_len(dpc) != sizeof(*e)) {
		dpc_connection_lost(dpc, "the data plane sent a malformed error");
		return false;
	}
	memcpy(e, body(dpc), sizeof(*e));
	e->text[sizeof(e->text) - 1] = 0;
	return true;
}

// The fixed part of a dump's item; 0: not a dump.
static size_t item_size(unsigned type)
{
	switch (type) {
	case WEFT_IPC_DUMP_STATUS:
		return sizeof(struct weft_ipc_status);
	case WEFT_IPC_DUMP_TENANTS:
		return sizeof(struct weft_ipc_tenant);
	case WEFT_IPC_DUMP_PORTS:
		return sizeof(struct weft_ipc_port_status);
	case WEFT_IPC_DUMP_VTEPS:
		return sizeof(struct weft_ipc_vtep);
	case WEFT_IPC_DUMP_PROVIDERS:
		return sizeof(struct weft_ipc_provider);
	case WEFT_IPC_DUMP_NEXTHOPS:
		return sizeof(struct weft_ipc_nexthop);
	case WEFT_IPC_DUMP_FDB:
		return sizeof(struct weft_ipc_fdb);
	case WEFT_IPC_DUMP_FLOWS:
		return sizeof(struct weft_flow_stats);
	case WEFT_IPC_DUMP_AGGREGATE:
		return sizeof(struct weft_aggregate);
	case WEFT_IPC_DUMP_TABLES:
		return sizeof(struct weft_table_stats);
	case WEFT_IPC_DUMP_GROUPS:
		return sizeof(struct weft_group_stats);
	case WEFT_IPC_DUMP_METERS:
		return sizeof(struct weft_meter_stats);
	case WEFT_IPC_DUMP_DROPS:
		return sizeof(struct weft_ipc_ledger);
	case WEFT_IPC_DUMP_DROP_RULES:
		return sizeof(struct weft_ipc_drop_rule);
	case WEFT_IPC_DUMP_BFD:
		return sizeof(struct weft_ipc_bfd);
	case WEFT_IPC_DUMP_BONDS:
		return sizeof(struct weft_ipc_bond);
	case WEFT_IPC_DUMP_LISTENERS:
		return sizeof(struct weft_ipc_listener);
	case WEFT_IPC_DUMP_SNOOP_STATS:
		return sizeof(struct weft_ipc_snoop_stats);
	case WEFT_IPC_DUMP_NEIGHS:
		return sizeof(struct weft_ipc_neigh);
	case WEFT_IPC_DUMP_FDB_STATS:
		return sizeof(struct weft_ipc_fdb_stats);
	case WEFT_IPC_DUMP_HOST:
		return sizeof(struct weft_ipc_host);
	case WEFT_IPC_DUMP_WORKERS:
		return sizeof(struct weft_ipc_worker);
	case WEFT_IPC_DUMP_TABLE_DESC:
		return sizeof(struct weft_table_desc);
	default:
		return 0;
	}
}

// False: the connection is lost, for what came cannot be.
static bool give_item(struct dpc *dpc, const struct dpc_dump *d)
{
	weft_tenant_id tenant = header(dpc)->tenant;
	size_t len = body_len(dpc);
	struct dpc_flow flow;

	if (len < item_size(d->type)) {
		dpc_connection_lost(dpc, "the data plane sent a dump that is too short");
		return false;
	}
	if (d->type != WEFT_IPC_DUMP_FLOWS) {
		if (d->item && !d->cancelled)
			d->item(d->arg, tenant, body(dpc), len);
		return true;
	}
	if (!flow_parse(&flow, body(dpc), len)) {
		dpc_connection_lost(dpc, "the data plane sent a malformed rule");
		return false;
	}
	if (d->flow && !d->cancelled)
		d->flow(d->arg, tenant, &flow);
	return true;
}

static void dumped(struct dpc *dpc)
{
	const struct weft_ipc_hdr *hdr = header(dpc);
	struct dpc_dump *d = dump_find(&dpc->dumps, hdr->xid);
	uint32_t xid = hdr->xid, len = hdr->len;
	struct weft_ipc_error e = {0};

	if (!d || d->refused || hdr->type != d->type) {
		dpc_connection_lost(dpc, "the data plane dumped what was not asked for");
	} else if (hdr->flags & WEFT_IPC_ERROR) {
		if (error_parse(dpc, &e))
			dump_settle(d, e.error, e.text);
	} else if (!(hdr->flags & WEFT_IPC_MORE)) {
		dump_settle(d, WEFT_E_NONE, "");
	} else if (give_item(dpc, d) && (d = dump_find(&dpc->dumps, xid))) {
		dump_taken(d, len);
	}
}

static void greeted(struct dpc *dpc, struct pending *p)
{
	const struct weft_ipc_hello *hello = body(dpc);
	char why[80];

	if (dpc->state != DPC_GREETING || body_len(dpc) != sizeof(*hello)) {
		dpc_connection_lost(dpc, "the data plane sent a wrong greeting");
		return;
	}
	if (hello->version != WEFT_IPC_VERSION) {
		snprintf(why, sizeof(why), "the data plane speaks protocol version %u, not %u",
			hello->version, WEFT_IPC_VERSION);
		dpc_connection_lost(dpc, why);
		return;
	}
	dpc->epoch = hello->epoch;
	pending_settle(&dpc->pending, p, WEFT_E_NONE, "");
	dpc_greeted(dpc);
}

static void failed(struct dpc *dpc, uint32_t xid, struct pending *p)
{
	struct weft_ipc_error e;

	if (!error_parse(dpc, &e))
		return;
	dpc->look.beside = e.cpu;
	if (p->type == WEFT_IPC_HELLO)
		dpc_connection_lost(dpc, e.text[0] ? e.text : weft_error_text(e.error));
	else if (p->kind == PENDING_CHECKPOINT)
		pending_checkpoint(&dpc->pending, xid, e.error, e.text);
	else if (e.error)
		pending_settle(&dpc->pending, p, e.error, e.text);
}

static void answered(struct dpc *dpc)
{
	const struct weft_ipc_hdr *hdr = header(dpc);
	struct pending *p = pending_find(&dpc->pending, hdr->xid);

	if (p && p->kind == PENDING_CHECKPOINT)
		weft_look_end(&dpc->look, agent_ns());
	if (!p || p->kind == PENDING_REFUSED || p->kind == PENDING_RIDER)
		dpc_connection_lost(dpc, "the data plane answered what was not asked");
	else if (hdr->flags & WEFT_IPC_ERROR || hdr->type == WEFT_IPC_RESULT)
		failed(dpc, hdr->xid, p);
	else if (hdr->type != p->type)
		dpc_connection_lost(dpc, "the data plane answered with another type");
	else if (hdr->type == WEFT_IPC_HELLO)
		greeted(dpc, p);
	else if (p->kind == PENDING_CHECKPOINT)
		pending_checkpoint(&dpc->pending, hdr->xid, WEFT_E_NONE, "");
	else
		pending_settle(&dpc->pending, p, WEFT_E_NONE, "");
}

// ---- events

// False: malformed.
static bool changed(struct dpc *dpc)
{
	const struct weft_ipc_flow_change *change = body(dpc);
	size_t before = offsetof(struct weft_ipc_flow_change, stats), len = body_len(dpc);
	struct dpc_flow flow;

	if (len < sizeof(*change) || !flow_parse(&flow, &change->stats, len - before))
		return false;
	dpc_tell_flow_changed(dpc, header(dpc)->tenant, change, &flow);
	return true;
}

static void happened(struct dpc *dpc)
{
	const struct weft_ipc_hdr *hdr = header(dpc);
	struct dpc_flow flow;

	switch (hdr->type) {
	case WEFT_IPC_FLOW_REMOVED:
		if (!flow_parse(&flow, body(dpc), body_len(dpc)))
			break;
		dpc_tell_flow_removed(dpc, hdr->tenant, &flow);
		return;
	case WEFT_IPC_FLOW_TRIGGERED:
		if (!flow_parse(&flow, body(dpc), body_len(dpc)))
			break;
		dpc_tell_flow_triggered(dpc, hdr->tenant, &flow);
		return;
	case WEFT_IPC_FLOW_CHANGED:
		if (!changed(dpc))
			break;
		return;
	case WEFT_IPC_PORT_STATUS:
		if (body_len(dpc) != sizeof(struct weft_ipc_port_status))
			break;
		dpc_tell_port_status(dpc, hdr->tenant, body(dpc));
		return;
	case WEFT_IPC_TABLE_STATUS:
		if (body_len(dpc) != sizeof(struct weft_table_desc))
			break;
		dpc_tell_table_status(dpc, hdr->tenant, body(dpc));
		return;
	case WEFT_IPC_SWITCH_BUSY:
		if (body_len(dpc) != sizeof(struct weft_ipc_switch_busy))
			break;
		dpc_tell_busy(
			dpc, hdr->tenant, ((const struct weft_ipc_switch_busy *)body(dpc))->busy);
		return;
	case WEFT_IPC_NEIGH_WANTED:
		if (body_len(dpc) != sizeof(struct weft_ipc_nexthop))
			break;
		dpc_tell_neigh_wanted(dpc, body(dpc));
		return;
	case WEFT_IPC_VTEP_WANTED:
	case WEFT_IPC_VTEP_IDLE:
		if (body_len(dpc) != sizeof(struct weft_ipc_vtep))
			break;
		dpc_tell_vtep(dpc, hdr->tenant, body(dpc), hdr->type == WEFT_IPC_VTEP_WANTED);
		return;
	case WEFT_IPC_RESULT: // what it says about the connection itself
		if (body_len(dpc) == sizeof(struct weft_ipc_error)) {
			const struct weft_ipc_error *e = body(dpc);
			char why[sizeof(e->text)];
			snprintf(why, sizeof(why), "%.*s", (int)sizeof(e->text) - 1, e->text);
			dpc_connection_lost(dpc, why[0] ? why : weft_error_text(e->error));
			return;
		}
		break;
	default:
		break;
	}
	dpc_connection_lost(dpc, "the data plane sent a malformed event");
}

// False: the connection is lost.
static bool take_message(struct dpc *dpc)
{
	uint32_t xid = header(dpc)->xid;

	if (xid & DUMP_XID)
		dumped(dpc);
	else if (xid)
		answered(dpc);
	else
		happened(dpc);
	dpc_check_unblocked(dpc);
	return dpc->readable;
}

void dpc_receive_control(struct dpc *dpc)
{
	struct wire *w = &dpc->wire;
	size_t at = 0;

	while (w->in_len - at >= sizeof(struct weft_ipc_hdr)) {
		uint32_t len;

		dpc->message = (const void *)((const uint8_t *)w->in + at);
		len = dpc->message->len;
		if (len < sizeof(struct weft_ipc_hdr) || len > WEFT_IPC_MAX_LEN || len % 8) {
			dpc_connection_lost(dpc, "the data plane sent a message of a wrong length");
			return;
		}
		if (w->in_len - at < len)
			break;
		if (!take_message(dpc))
			return;
		at += len;
	}
	wire_taken(w, at);
}

// `room`: bytes that lie behind the padded frame.
static bool punt_more_ok(const struct weft_ipc_punt *punt, size_t room)
{
	const struct weft_ipc_punt_more *more;

	if (punt->more_len != room || !room)
		return !room && !punt->more_len;
	more = weft_ipc_punt_more(punt);
	return room >= sizeof(*more) && !(more->map >> WEFT_KEY_WORDS) &&
	       weft_ipc_punt_more_bytes(more) == room;
}

static bool punt_ok(const struct weft_ipc_hdr *hdr, size_t len)
{
	const struct weft_ipc_punt *punt = (const void *)(hdr + 1);
	size_t fixed = sizeof(*hdr) + sizeof(*punt), frame;

	if (len < fixed || hdr->len != len || hdr->type != WEFT_IPC_PUNT)
		return false;
	frame = ((size_t)punt->data_len + 7) / 8 * 8;
	return frame <= len - fixed && punt_more_ok(punt, len - fixed - frame);
}

void dpc_receive_punt(struct dpc *dpc, size_t len)
{
	const struct weft_ipc_hdr *hdr = (const void *)dpc->punted;
	const struct weft_ipc_punt *punt = (const void *)(hdr + 1);

	if (!punt_ok(hdr, len)) {
		log_warning("a malformed packet-in of %zu bytes is ignored", len);
		return;
	}
	dpc_tell_punt(dpc, hdr->tenant, punt, punt + 1);
}
