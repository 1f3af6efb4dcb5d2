// SPDX-License-Identifier: Apache-2.0
// Group mods (OpenFlow 1.3.5, 7.3.4.2; 1.5.1, 7.3.4.4).
#include "session/bucket.h"
#include "session/conn.h"
#include "session/forward.h"
#include "session/nicira.h"
#include "session/wide.h"

// A bucket of 16 bytes with its actions becomes one of 16 and at most three times the actions (a
// set-field of 16 bytes becomes one of 40), so this holds whatever a message can.
static uint64_t bucket_room[4 * 65536 / 8];

#define ADD_OR_MODIFY 0x8000u // Open vSwitch's, in every version

// The neutral command, or -1. Where buckets have ids they can be changed one by one.
static int command_of(const struct of_group_mod *in, uint8_t version)
{
	if (in->command <= OFPGC_DELETE)
		return in->command;
	if (in->command == ADD_OR_MODIFY)
		return WEFT_GROUP_ADD_OR_MODIFY;
	if (session_buckets_late(version) && in->command == OFPGC_INSERT_BUCKET)
		return WEFT_GROUP_INSERT_BUCKET;
	if (session_buckets_late(version) && in->command == OFPGC_REMOVE_BUCKET)
		return WEFT_GROUP_REMOVE_BUCKET;
	return -1;
}

static bool has_type(const struct of_group_mod *in)
{
	return in->command == OFPGC_ADD || in->command == OFPGC_MODIFY ||
	       in->command == ADD_OR_MODIFY;
}

static bool has_buckets(const struct of_group_mod *in)
{
	return in->command != OFPGC_DELETE && in->command != OFPGC_REMOVE_BUCKET;
}

static int check(const struct of_group_mod *in, struct of_reader *r)
{
	if (command_of(in, r->version) < 0)
		return of_fail(r, OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_COMMAND);
	if (has_type(in) && in->type > OFPGT_FF)
		return of_fail(r, OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_TYPE);
	if (in->group_id > OFPG_MAX && !(in->command == OFPGC_DELETE && in->group_id == OFPG_ALL))
		return of_fail(r, OFPET_GROUP_MOD_FAILED, OFPGMFC_INVALID_GROUP);
	if (in->properties.len) // there are only experimenters'
		return of_fail(r, OFPET_BAD_PROPERTY, OFPBPC_BAD_EXPERIMENTER);
	return 0;
}

static int run(struct session_conn *c, struct session_request *rq, const struct of_group_mod *in)
{
	struct session_pending *pending;
	struct weft_group_mod mod;
	uint16_t count;
	ssize_t bytes;
	bool wide;

	if (check(in, &rq->r))
		return -EBADMSG;
	// Those of a delete count for nothing; one that ends in garbage deletes nothing.
	bytes = session_buckets_read(in, bucket_room, sizeof(bucket_room), &count, &rq->r);
	if (bytes < 0)
		return -EBADMSG;
	if (!has_buckets(in))
		bytes = count = 0;
	mod = (struct weft_group_mod){
		.group = in->group_id,
		.command = (uint8_t)command_of(in, c->version),
		.type = in->type,
		.bucket_count = count,
		.bucket = in->command_bucket_id,
	};
	wide = mod.command == WEFT_GROUP_DELETE && session_wide_removal(c);
	if (wide)
		session_wide_open(c);
	pending = session_pending_new(c, rq);
	session_pending_forward(pending, session_forward_new(c, rq, WEFT_IPC_GROUP_MOD, &mod,
						 sizeof(mod), bucket_room, (size_t)bytes));
	dpc_group_mod(c->sw->dpc, c->sw->tenant, &mod, bucket_room, (size_t)bytes,
		session_pending_done, pending);
	if (wide)
		session_wide_run(c, rq);
	return 0;
}

int session_handle_group_mod(struct session_conn *c, struct session_request *rq)
{
	struct of_group_mod in;

	return of_group_mod_read(&rq->r, &in) ? -EBADMSG : run(c, rq, &in);
}

int session_nicira_group_mod(struct session_conn *c, struct session_request *rq)
{
	struct of_nicira_group_mod in;
	struct of_group_mod as;

	if (of_nicira_group_mod_read(&rq->r, &in))
		return -EBADMSG;
	as = (struct of_group_mod){
		.command = in.command,
		.type = in.type,
		.group_id = in.group_id,
		.command_bucket_id = in.command_bucket_id,
		.buckets = in.buckets,
		.properties = in.properties,
	};
	return run(c, rq, &as);
}
