// SPDX-License-Identifier: Apache-2.0
// Flow mods (OpenFlow 1.3.5, 7.3.4.1) and what becomes of rules in time (7.4.2).
#include "session/flow.h"

#include "openflow/actions.h"
#include "openflow/errors.h"
#include "openflow/match.h"
#include "session/conn.h"
#include "session/handlers.h"

#define FLAGS_1_3                                                                                  \
	(OFPFF_SEND_FLOW_REM | OFPFF_CHECK_OVERLAP | OFPFF_RESET_COUNTS | OFPFF_NO_PKT_COUNTS |    \
		OFPFF_NO_BYT_COUNTS)

// The flags have the same bits on both sides.
static_assert(OFPFF_SEND_FLOW_REM == WEFT_FLOW_SEND_REMOVED, "copied");
static_assert(OFPFF_CHECK_OVERLAP == WEFT_FLOW_CHECK_OVERLAP, "copied");
static_assert(OFPFF_RESET_COUNTS == WEFT_FLOW_RESET_COUNTS, "copied");
static_assert(OFPFF_NO_PKT_COUNTS == WEFT_FLOW_NO_PACKET_COUNTS, "copied");
static_assert(OFPFF_NO_BYT_COUNTS == WEFT_FLOW_NO_BYTE_COUNTS, "copied");

// Decoding needs up to 128 KiB; one thread, one message at a time, so one buffer serves all.
static uint64_t instruction_room[OF_INSTRUCTIONS_MAX / 8 + 1];

static bool is_delete(uint8_t command)
{
	return command == OFPFC_DELETE || command == OFPFC_DELETE_STRICT;
}

static int check(const struct of_flow_mod *in, struct of_reader *r)
{
	if (in->command > OFPFC_DELETE_STRICT)
		return of_fail(r, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_COMMAND);
	if (in->table_id == OFPTT_ALL && !is_delete(in->command))
		return of_fail(r, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_TABLE_ID);
	if (in->flags & ~(unsigned)FLAGS_1_3)
		return of_fail(r, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_FLAGS);
	// Ignored on deletes (7.3.4.1); nothing else may name a buffer, for there is none.
	if (in->buffer_id != OFP_NO_BUFFER && !is_delete(in->command))
		return of_fail(r, OFPET_BAD_REQUEST, OFPBRC_BUFFER_UNKNOWN);
	return 0;
}

static void neutral(const struct of_flow_mod *in, struct weft_flow_mod *out)
{
	bool deletes = is_delete(in->command);

	*out = (struct weft_flow_mod){
		.cookie = in->cookie,
		.cookie_mask = in->command == OFPFC_ADD ? 0 : in->cookie_mask,
		.out_port = deletes ? in->out_port : WEFT_OFPORT_ANY,
		.out_group = deletes ? in->out_group : WEFT_GROUP_ANY,
		.idle_timeout = in->idle_timeout,
		.hard_timeout = in->hard_timeout,
		.priority = in->priority,
		.flags = in->flags,
		.importance = in->importance,
		.command = in->command,
		.table = in->table_id,
	};
}

int session_handle_flow_mod(struct session_conn *c, struct session_request *rq)
{
	struct weft_instructions *instructions = (struct weft_instructions *)instruction_room;
	struct of_flow_mod in;
	struct session_pending *pending;
	struct weft_flow_mod mod;
	struct weft_match match;
	struct of_error error;

	if (of_flow_mod_read(&rq->r, &in) || check(&in, &rq->r))
		return -EBADMSG;
	if (of_match_read(in.match, c->version, &match, &error))
		return of_fail_error(&rq->r, error);
	neutral(&in, &mod);
	if (is_delete(in.command))
		instructions = NULL;
	else if (of_instructions_read(in.instructions, c->version, instructions,
			 sizeof(instruction_room), &error) < 0)
		return of_fail_error(&rq->r, error);
	pending = session_pending_new(c, rq);
	if (in.command == OFPFC_DELETE || in.command == OFPFC_MODIFY)
		session_pending_search(pending);
	dpc_flow_mod(c->sw->dpc, c->sw->tenant, &mod, &match, instructions, session_pending_done,
		pending);
	return 0;
}

// Reasons that 1.3 does not have are deletions to it.
static uint8_t reason_1_3(uint8_t reason)
{
	return reason <= WEFT_REMOVED_GROUP ? reason : OFPRR_DELETE;
}

static void removed_message(
	const struct dpc_flow *flow, struct of_span oxm, struct of_flow_removed *out)
{
	const struct weft_flow_stats *s = flow->stats;

	*out = (struct of_flow_removed){
		.cookie = s->cookie,
		.priority = s->priority,
		.reason = reason_1_3(s->reason),
		.table_id = s->table,
		.duration_sec = (uint32_t)(s->duration_ns / 1000000000u),
		.duration_nsec = (uint32_t)(s->duration_ns % 1000000000u),
		.idle_timeout = s->idle_timeout,
		.hard_timeout = s->hard_timeout,
		.packet_count = s->packets,
		.byte_count = s->bytes,
		.match = oxm,
	};
}

static void send_removed(struct session_conn *c, const struct dpc_flow *flow)
{
	struct of_writer oxm = {.version = c->version};
	struct of_flow_removed out;

	of_match_write(&oxm, &flow->match);
	removed_message(flow, of_written(&oxm), &out);
	if (!of_writer_status(&oxm)) {
		of_flow_removed_write(session_begin(c), &out);
		session_end(c);
	}
	of_writer_free(&oxm);
}

void session_flow_removed(struct session_switch *sw, const struct dpc_flow *flow)
{
	struct session_conn *c;

	LIST_FOREACH(c, &sw->conns, link)
	if (session_async_wanted(c, SESSION_ASYNC_FLOW_REMOVED, reason_1_3(flow->stats->reason)))
		send_removed(c, flow);
}
