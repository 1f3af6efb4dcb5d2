// SPDX-License-Identifier: Apache-2.0
// Group mods (OpenFlow 1.3.5, 7.3.4.2; 1.5.1, 7.3.4.4).
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

// What of a bucket became properties in 1.5; a weight that is not said is 1 where weights count.
static int read_properties(struct of_bucket *b, uint8_t group_type, struct of_reader *r)
{
	struct of_reader it = of_list(b->properties, r->version);
	struct of_bucket_prop prop;
	unsigned seen = 0;

	b->weight = group_type == OFPGT_SELECT;
	b->watch_port = OFPP_ANY;
	b->watch_group = OFPG_ANY;
	while (of_bucket_prop_next(&it, &prop)) {
		if (seen >> prop.kind & 1)
			return of_fail(r, OFPET_BAD_PROPERTY, OFPBPC_DUP_TYPE);
		seen |= 1u << prop.kind;
		if (prop.kind == OF_BUCKET_PROP_WEIGHT)
			b->weight = prop.weight.weight;
		else if (prop.kind == OF_BUCKET_PROP_WATCH_PORT)
			b->watch_port = prop.watch_port.watch;
		else if (prop.kind == OF_BUCKET_PROP_WATCH_GROUP)
			b->watch_group = prop.watch_group.watch;
		else
			return of_fail(r, OFPET_BAD_PROPERTY, OFPBPC_BAD_EXPERIMENTER);
	}
	return it.failed ? of_fail_error(r, it.error) : 0;
}

// The ids of the buckets of one group differ (1.5.1, 7.3.4.4). `id` is the latest, at the end of
// `n` bytes of buckets.
static bool is_taken(uint32_t id, const char *buckets, size_t n)
{
	while (n) {
		const struct weft_bucket *b = (const void *)buckets;
		size_t len = sizeof(*b) + b->actions_len;

		if (b->bucket_id == id)
			return true;
		buckets += len;
		n -= len;
	}
	return false;
}

static int check_id(uint32_t id, const char *at, struct of_reader *r)
{
	if (id > OFPG_BUCKET_MAX)
		return of_fail(r, OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_BUCKET);
	if (is_taken(id, (char *)bucket_room, (size_t)(at - (char *)bucket_room)))
		return of_fail(r, OFPET_GROUP_MOD_FAILED, OFPGMFC_BUCKET_EXISTS);
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

// The form of 1.5, into what it was before; the id is of its own.
static int read_late(struct of_bucket *b, uint8_t group_type, const char *at, struct of_reader *r)
{
	return check_id(b->bucket_id, at, r) || read_properties(b, group_type, r) ? -EBADMSG : 0;
}

static ssize_t read_buckets(const struct of_group_mod *in, uint16_t *count, struct of_reader *r)
{
	bool late = r->version >= OF_VERSION_1_5;
	struct of_reader it = of_list(in->buckets, r->version);
	char *at = (char *)bucket_room, *end = at + sizeof(bucket_room);
	struct of_bucket b;

	*count = 0;
	for (; of_bucket_next(&it, &b); (*count)++) {
		if (late && read_late(&b, in->type, at, r))
			return -EBADMSG;
		if (read_bucket(&b, late ? b.bucket_id : *count, r->version, &at, end, r))
			return -EBADMSG;
	}
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
	if (in.properties.len) // there are only experimenters'
		return of_fail(&rq->r, OFPET_BAD_PROPERTY, OFPBPC_BAD_EXPERIMENTER);
	if (in.command != OFPGC_DELETE)
		bytes = read_buckets(&in, &count, &rq->r);
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
