// SPDX-License-Identifier: Apache-2.0
#include "session/async.h"

#include "session/conn.h"
#include "session/handlers.h"

#define PACKET_IN_DEFAULT (1u << OFPR_NO_MATCH | 1u << OFPR_ACTION)
#define PORT_STATUS_ALL (1u << OFPPR_ADD | 1u << OFPPR_DELETE | 1u << OFPPR_MODIFY)
#define FLOW_REMOVED_ALL                                                                           \
	(1u << OFPRR_IDLE_TIMEOUT | 1u << OFPRR_HARD_TIMEOUT | 1u << OFPRR_DELETE |                \
		1u << OFPRR_GROUP_DELETE)

void session_async_init(struct session_async *a)
{
	*a = (struct session_async){
		.mask = {
			[SESSION_ASYNC_PACKET_IN] = {PACKET_IN_DEFAULT, 0},
			[SESSION_ASYNC_PORT_STATUS] = {PORT_STATUS_ALL, PORT_STATUS_ALL},
			[SESSION_ASYNC_FLOW_REMOVED] = {FLOW_REMOVED_ALL, 0},
		}};
}

bool session_async_wanted(
	const struct session_conn *c, enum session_async_kind kind, unsigned reason)
{
	bool slave = c->role == OFPCR_ROLE_SLAVE;

	return session_conn_is_up(c) && reason < 32 && c->async.mask[kind][slave] >> reason & 1;
}

void session_async_changed(struct session_switch *sw)
{
	struct session_conn *c;
	bool any = false;

	LIST_FOREACH(c, &sw->conns, link)
	any |= session_async_wanted(c, SESSION_ASYNC_PACKET_IN, OFPR_INVALID_TTL);
	if (any == sw->ttl_packet_in || !sw->ready)
		return;
	sw->ttl_packet_in = any;
	sw->ops->ttl_packet_in(sw->arg, any);
}

int session_handle_get_async(struct session_conn *c, struct session_request *rq)
{
	const struct session_async *a = &c->async;
	struct of_get_async_request in;
	struct of_get_async_reply out = {.xid = rq->xid};

	if (of_get_async_request_read(&rq->r, &in))
		return -EBADMSG;
	memcpy(out.packet_in_mask, a->mask[SESSION_ASYNC_PACKET_IN], sizeof(out.packet_in_mask));
	memcpy(out.port_status_mask, a->mask[SESSION_ASYNC_PORT_STATUS],
		sizeof(out.port_status_mask));
	memcpy(out.flow_removed_mask, a->mask[SESSION_ASYNC_FLOW_REMOVED],
		sizeof(out.flow_removed_mask));
	of_get_async_reply_write(session_begin(c), &out);
	session_end(c);
	return 0;
}

// Bits of reasons that 1.3 does not have are kept, to be read back; nothing comes of them.
int session_handle_set_async(struct session_conn *c, struct session_request *rq)
{
	struct session_async *a = &c->async;
	struct of_set_async in;

	if (of_set_async_read(&rq->r, &in))
		return -EBADMSG;
	memcpy(a->mask[SESSION_ASYNC_PACKET_IN], in.packet_in_mask, sizeof(in.packet_in_mask));
	memcpy(a->mask[SESSION_ASYNC_PORT_STATUS], in.port_status_mask,
		sizeof(in.port_status_mask));
	memcpy(a->mask[SESSION_ASYNC_FLOW_REMOVED], in.flow_removed_mask,
		sizeof(in.flow_removed_mask));
	session_async_changed(c->sw);
	return 0;
}
