// SPDX-License-Identifier: Apache-2.0
#include "session/bucket.h"

#include "openflow/actions.h"
#include "openflow/header.h"

// ---- from the wire

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
static int read_late(struct of_bucket *b, uint8_t group_type, struct of_reader *r)
{
	if (b->bucket_id > OFPG_BUCKET_MAX)
		return of_fail(r, OFPET_GROUP_MOD_FAILED, OFPGMFC_BAD_BUCKET);
	return read_properties(b, group_type, r);
}

ssize_t session_buckets_read(const struct of_group_mod *in, void *room, size_t size,
	uint16_t *count, struct of_reader *r)
{
	bool late = session_buckets_late(r->version);
	struct of_reader it = of_list(in->buckets, r->version);
	char *at = room, *end = at + size;
	struct of_bucket b;

	*count = 0;
	for (; of_bucket_next(&it, &b); (*count)++) {
		if (late && read_late(&b, in->type, r))
			return -EBADMSG;
		if (read_bucket(&b, late ? b.bucket_id : *count, r->version, &at, end, r))
			return -EBADMSG;
	}
	if (it.failed)
		return of_fail_error(r, it.error);
	return at - (char *)room;
}

// ---- to the wire

// What became properties in 1.5.
static void put_properties(struct of_writer *w, const struct weft_bucket *b, uint8_t group_type)
{
	if (group_type == OFPGT_SELECT)
		of_bucket_prop_weight_write(w, &(struct of_bucket_prop_weight){b->weight});
	if (b->watch_port != OFPP_ANY)
		of_bucket_prop_watch_port_write(
			w, &(struct of_bucket_prop_watch_port){b->watch_port});
	if (b->watch_group != OFPG_ANY)
		of_bucket_prop_watch_group_write(
			w, &(struct of_bucket_prop_watch_group){b->watch_group});
}

static void put_bucket(struct of_writer *w, const struct weft_bucket *b, uint8_t group_type)
{
	struct of_writer actions = {.version = w->version}, properties = actions;
	struct of_bucket out = {
		.bucket_id = b->bucket_id,
		.weight = b->weight,
		.watch_port = b->watch_port,
		.watch_group = b->watch_group,
	};

	if (weft_actions_ok(b + 1, b->actions_len))
		of_actions_write(&actions, b + 1, b->actions_len);
	if (session_buckets_late(w->version))
		put_properties(&properties, b, group_type);
	out.actions = of_written(&actions);
	out.properties = of_written(&properties);
	of_bucket_write(w, &out);
	of_writer_free(&actions);
	of_writer_free(&properties);
}

void session_buckets_write(
	struct of_writer *w, const void *buckets, size_t left, uint8_t group_type)
{
	const char *at = buckets;

	while (left >= sizeof(struct weft_bucket)) {
		const struct weft_bucket *b = (const void *)at;
		size_t n = sizeof(*b) + b->actions_len;

		if (n > left)
			return;
		put_bucket(w, b, group_type);
		at += n;
		left -= n;
	}
}
