// SPDX-License-Identifier: Apache-2.0
// Flow mods (OpenFlow 1.3.5, 7.3.4.1; 1.5.1, 7.3.4.2; 1.0.2, 5.3.3).
//
// 1.0 differs in what it leaves unsaid. Its switch has one table, or the controller gives the
// table's number in the upper byte of the command (Nicira's NXT_FLOW_MOD_TABLE_ID): without it an
// add goes to table 0, all else to every table. An add starts its counters at zero, and a modify
// that finds no rule adds one (1.0.2, 4.6).
#include "session/flow.h"

#include "openflow/actions.h"
#include "openflow/errors.h"
#include "openflow/match.h"
#include "session/conn.h"
#include "session/handlers.h"
#include "session/wide.h"

#define FLAGS                                                                                      \
	(OFPFF_SEND_FLOW_REM | OFPFF_CHECK_OVERLAP | OFPFF_RESET_COUNTS | OFPFF_NO_PKT_COUNTS |    \
		OFPFF_NO_BYT_COUNTS)
#define FLAGS_1_0 (OFPFF_SEND_FLOW_REM | OFPFF_CHECK_OVERLAP)
#define EMERGENCY_1_0 4u // OFPFF_EMERG

// The flags have the same bits on both sides.
static_assert(OFPFF_SEND_FLOW_REM == WEFT_FLOW_SEND_REMOVED, "copied");
static_assert(OFPFF_CHECK_OVERLAP == WEFT_FLOW_CHECK_OVERLAP, "copied");
static_assert(OFPFF_RESET_COUNTS == WEFT_FLOW_RESET_COUNTS, "copied");
static_assert(OFPFF_NO_PKT_COUNTS == WEFT_FLOW_NO_PACKET_COUNTS, "copied");
static_assert(OFPFF_NO_BYT_COUNTS == WEFT_FLOW_NO_BYTE_COUNTS, "copied");

// Decoding needs up to 128 KiB; one thread, one message at a time, so one buffer serves all.
static uint64_t instruction_room[OF_INSTRUCTIONS_MAX / 8 + 1];

static bool is_delete(uint16_t command)
{
	return command == OFPFC_DELETE || command == OFPFC_DELETE_STRICT;
}

static bool is_modify(uint16_t command)
{
	return command == OFPFC_MODIFY || command == OFPFC_MODIFY_STRICT;
}

// No rules are kept for the time without a controller: the table for them is full, being of no
// size. Such a rule may not have timeouts (1.0.2, 5.3.3).
static int check_flags_1_0(const struct of_flow_mod *in, struct of_reader *r)
{
	if (in->flags & EMERGENCY_1_0 && (in->idle_timeout || in->hard_timeout))
		return of_fail(r, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_TIMEOUT);
	if (in->flags & EMERGENCY_1_0)
		return of_fail(r, OFPET_FLOW_MOD_FAILED, OFPFMFC_TABLE_FULL);
	if (in->flags & ~(unsigned)FLAGS_1_0)
		return of_fail(r, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_FLAGS);
	return 0;
}

static int check_flags(const struct of_flow_mod *in, struct of_reader *r)
{
	if (r->version == OF_VERSION_1_0)
		return check_flags_1_0(in, r);
	if (in->flags & ~(unsigned)FLAGS)
		return of_fail(r, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_FLAGS);
	return 0;
}

static int check(const struct of_flow_mod *in, struct of_reader *r)
{
	bool add = in->command == OFPFC_ADD;

	if (in->command > OFPFC_DELETE_STRICT)
		return of_fail(r, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_COMMAND);
	if (in->table_id == OFPTT_ALL && !is_delete(in->command) &&
		(add || r->version != OF_VERSION_1_0))
		return of_fail(r, OFPET_FLOW_MOD_FAILED, OFPFMFC_BAD_TABLE_ID);
	if (check_flags(in, r))
		return -EBADMSG;
	// Ignored on deletes (7.3.4.1); nothing else may name a buffer, for there is none.
	if (in->buffer_id != OFP_NO_BUFFER && !is_delete(in->command))
		return of_fail(r, OFPET_BAD_REQUEST, OFPBRC_BUFFER_UNKNOWN);
	return 0;
}

// What a flow mod of 1.0 leaves unsaid, so that it reads as one of later.
static void complete_1_0(const struct session_conn *c, struct of_flow_mod *in)
{
	in->cookie_mask = 0;
	in->out_group = OFPG_ANY;
	in->table_id = OFPTT_ALL;
	if (c->table_in_command) {
		in->table_id = (uint8_t)(in->command >> 8);
		in->command &= 0xff;
	}
	if (in->command == OFPFC_ADD && in->table_id == OFPTT_ALL)
		in->table_id = 0;
}

static uint16_t neutral_flags(const struct of_flow_mod *in, uint8_t version)
{
	if (version != OF_VERSION_1_0)
		return in->flags;
	if (is_modify(in->command))
		return in->flags | WEFT_FLOW_OR_ADD;
	return in->command == OFPFC_ADD ? in->flags | WEFT_FLOW_RESET_COUNTS : in->flags;
}

static void neutral(const struct of_flow_mod *in, uint8_t version, struct weft_flow_mod *out)
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
		.flags = neutral_flags(in, version),
		.importance = in->importance,
		.command = (uint8_t)in->command,
		.table = in->table_id,
	};
}

// `in` with its match read already.
static int read_rest(
	const struct of_flow_mod *in, struct of_reader *r, struct session_flow_mod *out)
{
	struct of_error error;
	ssize_t n;

	neutral(in, r->version, &out->mod);
	n = r->version == OF_VERSION_1_0
		    ? of_instructions_read_actions(in->actions, r->version, instruction_room,
			      sizeof(instruction_room), &error)
		    : of_instructions_read(in->instructions, r->version, instruction_room,
			      sizeof(instruction_room), &error);
	if (n < 0)
		return of_fail_error(r, error);
	// A delete has no use for them, but one that ends in garbage must not delete anything.
	out->instructions =
		is_delete(in->command) ? NULL : (const struct weft_instructions *)instruction_room;
	return 0;
}

int session_flow_mod_read(
	struct session_conn *c, struct session_request *rq, struct session_flow_mod *out)
{
	struct of_flow_mod in;
	struct of_error error;

	if (of_flow_mod_read(&rq->r, &in))
		return -EBADMSG;
	if (c->version == OF_VERSION_1_0)
		complete_1_0(c, &in);
	if (check(&in, &rq->r))
		return -EBADMSG;
	if (of_match_read(in.match, c->version, &out->match, &error))
		return of_fail_error(&rq->r, error);
	return read_rest(&in, &rq->r, out);
}

int session_flow_mod_read_nx(struct session_conn *c, struct session_request *rq,
	const struct of_nicira_flow_mod *nx, struct session_flow_mod *out)
{
	struct of_flow_mod in = {
		.cookie = nx->cookie,
		.command = nx->command,
		.idle_timeout = nx->idle_timeout,
		.hard_timeout = nx->hard_timeout,
		.priority = nx->priority,
		.buffer_id = nx->buffer_id,
		.out_port = of_port_widen(nx->out_port),
		.flags = nx->flags,
		.actions = nx->actions,
	};
	struct of_error error;

	complete_1_0(c, &in);
	if (check(&in, &rq->r))
		return -EBADMSG;
	if (of_nxm_read(nx->match, c->version, &out->match, &error))
		return of_fail_error(&rq->r, error);
	return read_rest(&in, &rq->r, out);
}

void session_flow_mod_run(
	struct session_conn *c, struct session_request *rq, const struct session_flow_mod *fm)
{
	bool wide = session_wide_flow_mod(c, &fm->mod);
	struct session_pending *pending;

	if (wide)
		session_wide_open(c);
	pending = session_pending_new(c, rq);
	if (fm->mod.command == WEFT_FLOW_DELETE || fm->mod.command == WEFT_FLOW_MODIFY)
		session_pending_search(pending);
	dpc_flow_mod(c->sw->dpc, c->sw->tenant, &fm->mod, &fm->match, fm->instructions,
		session_pending_done, pending);
	if (wide)
		session_wide_run(c, rq);
}

int session_handle_flow_mod(struct session_conn *c, struct session_request *rq)
{
	struct session_flow_mod fm;

	if (session_flow_mod_read(c, rq, &fm))
		return -EBADMSG;
	session_flow_mod_run(c, rq, &fm);
	return 0;
}
