// SPDX-License-Identifier: Apache-2.0
#include "session/packet_in.h"

#include "openflow/match.h"
#include "session/conn.h"

#define OVERHEAD 128u // an OFPT_PACKET_IN without its data is shorter

// The reason as the session's version has it, -1 if it has no such packet-in. Before 1.4 what an
// action set, a group or a packet-out sent was OFPR_ACTION. A miss without a table-miss rule was
// OFPR_NO_MATCH in 1.0, and is nothing later.
static int reason_in(uint8_t version, uint8_t reason)
{
	if (reason == WEFT_PACKET_IN_IMPLICIT_MISS)
		return version < OF_VERSION_1_3 ? OFPR_NO_MATCH : -1;
	if (version >= OF_VERSION_1_4 || reason <= WEFT_PACKET_IN_TTL)
		return reason;
	return OFPR_ACTION;
}

static void pipeline_fields(const struct weft_ipc_punt *punt, struct weft_flow_key *key)
{
	*key = (struct weft_flow_key){
		.metadata = punt->metadata,
		.tunnel_id = punt->tunnel_id,
		.in_port = htonl(punt->in_port),
		.in_phy_port = htonl(punt->in_phy_port),
		.tun_src = punt->tun_src,
		.tun_dst = punt->tun_dst,
	};
}

// What of the pipeline's fields only some packets have.
static void more_fields(const struct weft_ipc_punt *punt, struct weft_flow_key *key)
{
	const struct weft_ipc_punt_more *more = weft_ipc_punt_more(punt);
	const char *word;

	if (!more)
		return;
	word = (const char *)(more + 1);
	for (uint64_t map = more->map; map; map &= map - 1, word += 8)
		memcpy((char *)key + 8 * (size_t)__builtin_ctzll(map), word, 8);
}

static size_t cut(const struct session_conn *c, const struct weft_ipc_punt *punt)
{
	size_t max = punt->reason == WEFT_PACKET_IN_TTL ? c->miss_send_len : punt->max_len;

	if (max == WEFT_MAX_LEN_ALL || max > UINT16_MAX - OVERHEAD)
		max = UINT16_MAX - OVERHEAD;
	return punt->data_len < max ? punt->data_len : max;
}

static bool offer_standard(struct session_conn *c, const struct session_punt *p)
{
	struct of_writer oxm = {.version = c->version};
	struct of_packet_in m = {
		.buffer_id = OFP_NO_BUFFER,
		.total_len = p->total_len,
		.in_port = p->punt->in_port,
		.reason = p->reason,
		.table_id = p->punt->table,
		.cookie = p->punt->cookie,
		.data = p->data,
	};
	bool sent;

	if (c->version > OF_VERSION_1_0)
		of_packet_match_write(&oxm, p->key);
	m.match = of_written(&oxm);
	of_packet_in_write(session_begin(c), &m);
	sent = !of_writer_status(&oxm) && session_end_offer(c);
	of_writer_free(&oxm);
	return sent;
}

static bool offer(struct session_conn *c, const struct weft_ipc_punt *punt, const void *frame,
	const struct weft_flow_key *key)
{
	const struct session_punt p = {
		.punt = punt,
		.key = key,
		.data = {frame, cut(c, punt)},
		.total_len =
			(uint16_t)(punt->total_len < UINT16_MAX ? punt->total_len : UINT16_MAX),
		.reason = (uint8_t)reason_in(c->version, punt->reason),
	};

	return c->packet_in_format == SESSION_PACKET_IN_STANDARD
		       ? offer_standard(c, &p)
		       : session_packet_in_offer_nx(c, &p);
}

void session_packet_in(
	struct session_switch *sw, const struct weft_ipc_punt *punt, const void *frame)
{
	struct weft_flow_key key;
	struct session_conn *c;

	pipeline_fields(punt, &key);
	more_fields(punt, &key);
	LIST_FOREACH (c, &sw->conns, link)
		if (c->controller_id == punt->controller_id &&
			session_async_wanted(
				c, SESSION_ASYNC_PACKET_IN, reason_in(c->version, punt->reason)) &&
			!offer(c, punt, frame, &key))
			sw->punt_shed++;
}
