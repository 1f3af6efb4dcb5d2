// SPDX-License-Identifier: Apache-2.0
// Packets from controllers (OpenFlow 1.3.5, 7.3.7).
#include <weft/fields.h>

#include "openflow/actions.h"
#include "openflow/match.h"
#include "session/conn.h"
#include "session/handlers.h"
#include "session/set_fields.h"

#define ETHERNET_HEADER 14u

static uint64_t action_room[OF_ACTIONS_MAX / 8];

// In 1.0 a packet of no port may say so; later it is the controller's.
static bool is_source(const struct session_switch *sw, uint32_t port, uint8_t version)
{
	return port == OFPP_CONTROLLER || session_ports_find(&sw->ports, port) ||
	       (version == OF_VERSION_1_0 && port == OFPP_ANY);
}

static int check(
	const struct session_switch *sw, const struct of_packet_out *in, struct of_reader *r)
{
	if (in->buffer_id != OFP_NO_BUFFER)
		return of_fail(r, OFPET_BAD_REQUEST, OFPBRC_BUFFER_UNKNOWN);
	if (!is_source(sw, in->in_port, r->version))
		return of_fail(r, OFPET_BAD_REQUEST, OFPBRC_BAD_PORT);
	if (in->data.len < ETHERNET_HEADER)
		return of_fail(r, OFPET_BAD_REQUEST, OFPBRC_BAD_PACKET);
	return 0;
}

// Fields that do not lie in the packet (1.5.1, 7.2.3.9).
static bool is_pipeline_field(enum weft_field f)
{
	return f <= WEFT_FIELD_METADATA || f == WEFT_FIELD_TUNNEL_ID ||
	       f == WEFT_FIELD_ACTSET_OUTPUT || f == WEFT_FIELD_PACKET_TYPE ||
	       (f >= WEFT_FIELD_TUN_SRC && f <= WEFT_FIELD_CT_LABEL);
}

static bool has_packet_field(const struct weft_flow_key *mask)
{
	static const uint8_t zero[16];

	for (unsigned f = 0; f < WEFT_FIELD_MAX; f++)
		if (!is_pipeline_field(f) &&
			memcmp(weft_key_field_const(mask, f), zero, weft_field_infos[f].bytes) != 0)
			return true;
	return false;
}

// Nothing to set: the port is told apart, and a packet is an Ethernet frame.
static void leave_out(const struct weft_flow_key *value, struct weft_flow_key *mask)
{
	mask->in_port = 0;
	if (value->in_phy_port == value->in_port)
		mask->in_phy_port = 0;
	if (value->packet_type == 0)
		mask->packet_type = 0;
}

// From 1.5 on the port is one of the pipeline fields that a match lists (7.3.6). The others become
// actions at the front; bytes of them.
static ssize_t take_match(struct of_packet_out *in, struct of_reader *r)
{
	struct weft_flow_key value, mask;
	struct weft_match match;
	struct of_error error;
	ssize_t n;

	if (of_match_read(in->match, r->version, &match, &error))
		return of_fail_error(r, error);
	weft_match_to_key(&match, &value, &mask);
	if (has_packet_field(&mask))
		return of_fail(r, OFPET_BAD_REQUEST, OFPBRC_PIPELINE_FIELDS_ONLY);
	if (mask.in_port != UINT32_MAX)
		return of_fail(r, OFPET_BAD_REQUEST, OFPBRC_BAD_PORT);
	in->in_port = ntohl(value.in_port);
	leave_out(&value, &mask);
	n = session_set_fields(action_room, sizeof(action_room), &value, &mask);
	return n < 0 ? of_fail(r, OFPET_BAD_MATCH, OFPBMC_BAD_FIELD) : n;
}

int session_handle_packet_out(struct session_conn *c, struct session_request *rq)
{
	struct session_switch *sw = c->sw;
	struct of_packet_out in;
	struct of_error error;
	ssize_t fields = 0, n;
	uint32_t in_port;

	if (of_packet_out_read(&rq->r, &in))
		return -EBADMSG;
	if (c->version >= OF_VERSION_1_5)
		fields = take_match(&in, &rq->r);
	if (fields < 0 || check(sw, &in, &rq->r))
		return -EBADMSG;
	n = of_actions_read(in.actions, c->version, OF_IN_PACKET_OUT, (char *)action_room + fields,
		sizeof(action_room) - (size_t)fields, &error);
	if (n < 0)
		return of_fail_error(&rq->r, error);
	in_port = in.in_port == OFPP_ANY ? OFPP_CONTROLLER : in.in_port;
	dpc_packet_out(sw->dpc, sw->tenant, in_port, action_room, (size_t)(fields + n), in.data.p,
		in.data.len, session_pending_done, session_pending_new(c, rq));
	return 0;
}
