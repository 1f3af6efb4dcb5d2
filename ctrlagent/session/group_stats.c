// SPDX-License-Identifier: Apache-2.0
// Groups read back (OpenFlow 1.3.5, 7.3.5.9 to 7.3.5.11).
#include "session/bucket.h"
#include "session/dump.h"
#include "session/nicira.h"
#include "session/table_features.h"

// The parts of a reply to DUMP_GROUPS; false if they do not fit it.
struct parts {
	const struct weft_group_stats *stats;
	const char *buckets;
	const struct weft_bucket_counters *counters;
};

static bool split(const void *body, size_t len, struct parts *p)
{
	const struct weft_group_stats *s = body;
	size_t left = len - sizeof(*s), masks = 8 * (size_t)__builtin_popcountll(s->group.hash_map);

	p->stats = s;
	p->buckets = (const char *)(s + 1);
	p->counters = (const void *)(p->buckets + s->buckets_len);
	return s->buckets_len <= left && s->buckets_len % 8 == 0 &&
	       s->group.bucket_count * sizeof(*p->counters) + masks == left - s->buckets_len;
}

static void on_stats(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct session_dump *d = arg;
	struct of_writer *w = session_begin(d->conn);
	struct of_group_stats out;
	struct parts p;

	if (!split(body, len, &p))
		return;
	for (unsigned i = 0; i < p.stats->group.bucket_count; i++) {
		const struct of_bucket_counter b = {p.counters[i].packets, p.counters[i].bytes};

		of_bucket_counter_write(w, &b);
	}
	out = (struct of_group_stats){
		.group_id = p.stats->group.group,
		.ref_count = p.stats->ref_count,
		.packet_count = p.stats->packets,
		.byte_count = p.stats->bytes,
		.bucket_stats = of_written(w),
	};
	session_duration(p.stats->duration_ns, &out.duration_sec, &out.duration_nsec);
	of_group_stats_write(&d->w, &out);
	session_dump_next(d);
}

static void on_desc(void *arg, weft_tenant_id tenant, const void *body, size_t len)
{
	struct session_dump *d = arg;
	struct of_writer *w = session_begin(d->conn);
	struct of_group_desc out;
	struct parts p;

	if (!split(body, len, &p))
		return;
	session_buckets_write(w, p.buckets, p.stats->buckets_len, p.stats->group.type);
	out = (struct of_group_desc){
		.type = p.stats->group.type,
		.group_id = p.stats->group.group,
		.buckets = of_written(w),
	};
	of_group_desc_write(&d->w, &out);
	session_dump_next(d);
}

// A group that is not there has no statistics, which is no error.
static void on_end(void *arg, enum weft_error error, const char *text)
{
	if (error == WEFT_E_GROUP_UNKNOWN || error == WEFT_E_NOT_FOUND)
		error = WEFT_E_NONE;
	session_dump_end(arg, error, text);
}

static int dump(struct session_conn *c, uint32_t group, dpc_item_fn item, struct session_dump *d)
{
	const struct weft_ipc_id id = {.id = group};

	dpc_dump(c->sw->dpc, WEFT_IPC_DUMP_GROUPS, c->sw->tenant, &id, sizeof(id), item, on_end, d);
	return 0;
}

int session_handle_group_stats(struct session_conn *c, struct session_request *rq)
{
	struct of_group_request in;

	if (of_group_request_read(&rq->r, &in))
		return -EBADMSG;
	return dump(c, in.group_id, on_stats, session_dump_new(c, rq, OFPMP_GROUP));
}

int session_nicira_group_stats(struct session_conn *c, struct session_request *rq)
{
	struct of_nicira_group_request in;

	if (of_nicira_group_request_read(&rq->r, &in))
		return -EBADMSG;
	return dump(c, in.group_id, on_stats, session_dump_new_nicira(c, rq, SESSION_NXST_GROUP));
}

int session_handle_group_desc(struct session_conn *c, struct session_request *rq)
{
	struct of_group_desc_request in;

	if (of_group_desc_request_read(&rq->r, &in))
		return -EBADMSG;
	if (c->version < OF_VERSION_1_5) // it names none
		in.group_id = OFPG_ALL;
	return dump(c, in.group_id, on_desc, session_dump_new(c, rq, OFPMP_GROUP_DESC));
}

int session_nicira_group_desc(struct session_conn *c, struct session_request *rq)
{
	struct of_nicira_group_desc_request in;

	if (of_nicira_group_desc_request_read(&rq->r, &in))
		return -EBADMSG;
	return dump(
		c, in.group_id, on_desc, session_dump_new_nicira(c, rq, SESSION_NXST_GROUP_DESC));
}

#define GROUP_TYPES (1u << OFPGT_ALL | 1u << OFPGT_SELECT | 1u << OFPGT_INDIRECT | 1u << OFPGT_FF)
#define GROUP_CAPABILITIES                                                                         \
	(OFPGFC_SELECT_WEIGHT | OFPGFC_SELECT_LIVENESS | OFPGFC_CHAINING | OFPGFC_CHAINING_CHECKS)

// The same for each of the four types.
static void fill_by_type(const struct session_conn *c, uint32_t max_groups[4], uint32_t actions[4])
{
	for (unsigned i = 0; i < 4; i++) {
		max_groups[i] = c->sw->set.max_groups;
		actions[i] = session_action_bits(c->version);
	}
}

int session_handle_group_features(struct session_conn *c, struct session_request *rq)
{
	struct of_group_features_request in;
	struct of_group_features_reply out = {
		.xid = rq->xid,
		.types = GROUP_TYPES,
		.capabilities = GROUP_CAPABILITIES,
	};

	if (of_group_features_request_read(&rq->r, &in))
		return -EBADMSG;
	fill_by_type(c, out.max_groups, out.actions);
	of_group_features_reply_write(session_begin(c), &out);
	session_end(c);
	return 0;
}

int session_nicira_group_features(struct session_conn *c, struct session_request *rq)
{
	struct of_nicira_group_features_request in;
	struct of_nicira_group_features_reply out = {
		.xid = rq->xid,
		.types = GROUP_TYPES,
		.capabilities = GROUP_CAPABILITIES,
	};

	if (of_nicira_group_features_request_read(&rq->r, &in))
		return -EBADMSG;
	fill_by_type(c, out.max_groups, out.actions);
	of_nicira_group_features_reply_write(session_begin(c), &out);
	session_end(c);
	return 0;
}
