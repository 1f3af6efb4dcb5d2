// SPDX-License-Identifier: Apache-2.0
// Packets from controllers (OpenFlow 1.3.5, 7.3.7).
#include "openflow/actions.h"
#include "session/conn.h"
#include "session/handlers.h"

#define ETHERNET_HEADER 14u

static uint64_t action_room[OF_ACTIONS_MAX / 8];

static int check(
	const struct session_switch *sw, const struct of_packet_out *in, struct of_reader *r)
{
	if (in->buffer_id != OFP_NO_BUFFER)
		return of_fail(r, OFPET_BAD_REQUEST, OFPBRC_BUFFER_UNKNOWN);
	if (in->in_port != OFPP_CONTROLLER && !session_ports_find(&sw->ports, in->in_port))
		return of_fail(r, OFPET_BAD_REQUEST, OFPBRC_BAD_PORT);
	if (in->data.len < ETHERNET_HEADER)
		return of_fail(r, OFPET_BAD_REQUEST, OFPBRC_BAD_PACKET);
	return 0;
}

int session_handle_packet_out(struct session_conn *c, struct session_request *rq)
{
	struct session_switch *sw = c->sw;
	struct of_packet_out in;
	struct of_error error;
	ssize_t n;

	if (of_packet_out_read(&rq->r, &in) || check(sw, &in, &rq->r))
		return -EBADMSG;
	n = of_actions_read(
		in.actions, c->version, OF_IN_PACKET_OUT, action_room, sizeof(action_room), &error);
	if (n < 0)
		return of_fail_error(&rq->r, error);
	dpc_packet_out(sw->dpc, sw->tenant, in.in_port, action_room, (size_t)n, in.data.p,
		in.data.len, session_pending_done, session_pending_new(c, rq));
	return 0;
}
