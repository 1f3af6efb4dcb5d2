// SPDX-License-Identifier: Apache-2.0
// Group mods (OpenFlow 1.3.5, 7.3.4.2).
#include "openflow/actions.h"
#include "session/conn.h"
#include "session/handlers.h"

// A bucket of 16 bytes with its actions becomes one of 16 and at most three times the actions (a
// set-field of 16 bytes becomes one of 40), so this holds whatever a message can.
static uint64_t bucket_room[4 * 65536 / 8];

static int check(const struct of_group_mod *in, struct of_reader *r)
{
	if (in->command > OFPGC_DELETE)
		return of_fail(r, OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_COMMAND);
	if (in->command != OFPGC_DELETE && in->type > OFPGT_FF)
		return of_fail(r, OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_TYPE);
	if (in->group_id > OFPG_MAX && !(in->command == OFPGC_DELETE && in->group_id == OFPG_ALL))
		return of_fail(r, OFPET_GROUP_MOD_FAILED, OFPGMFC_INVALID_GROUP);
	return 0;
}

// One bucket to *at, which is moved past it.
static int read_bucket(const struct of_bucket *in, uint32_t id, uint8_t version, char **at,
	const char *end, struct of_reader *r)
{
	struct weft_bucket *out = (struct weft_bucket *)(void *)*at;
	struct of_error error;
	ssize_t n;

	if ((size_t)(end - *at) < sizeof(*out))
		return of_fail(r, OFPET_GROUP_MOD_FAILED, OFPGMFC_OUT_OF_BUCKETS);
	n = of_actions_read(
		in->actions, version, 0, out + 1, (size_t)(end - (char *)(out + 1)), &error);
	if (n < 0)
		return of_fail_error(r, error);
	if (n > UINT16_MAX)
		return of_fail(r, OFPET_BAD_ACTION, OFPBAC_TOO_MANY);
	*out = (struct weft_bucket){
		.bucket_id = id,
		.watch_port = in->watch_port,
		.watch_group = in->watch_group,
		.weight = in->weight,
		.actions_len = (uint16_t)n,
	};
	*at += sizeof(*out) + (size_t)n;
	return 0;
}

static ssize_t read_buckets(
	struct of_span list, uint8_t version, uint16_t *count, struct of_reader *r)
{
	struct of_reader it = of_list(list, version);
	char *at = (char *)bucket_room, *end = at + sizeof(bucket_room);
	struct of_bucket b;

	*count = 0;
	while (of_bucket_next(&it, &b))
		if (read_bucket(&b, (*count)++, version, &at, end, r))
			return -EBADMSG;
	if (it.failed)
		return of_fail_error(r, it.error);
	return at - (char *)bucket_room;
}

int session_handle_group_mod(struct session_conn *c, struct session_request *rq)
{
	struct of_group_mod in;
	struct weft_group_mod mod;
	uint16_t count = 0;
	ssize_t bytes = 0;

	if (of_group_mod_read(&rq->r, &in) || check(&in, &rq->r))
		return -EBADMSG;
	if (in.command != OFPGC_DELETE)
		bytes = read_buckets(in.buckets, c->version, &count, &rq->r);
	if (bytes < 0)
		return -EBADMSG;
	mod = (struct weft_group_mod){
		.group = in.group_id,
		.command = (uint8_t)in.command,
		.type = in.type,
		.bucket_count = count,
	};
	dpc_group_mod(c->sw->dpc, c->sw->tenant, &mod, bucket_room, (size_t)bytes,
		session_pending_done, session_pending_new(c, rq));
	return 0;
}
