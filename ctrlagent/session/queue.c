// SPDX-License-Identifier: Apache-2.0
// Queues (OpenFlow 1.3.5, 7.3.6 and 7.3.5.8): ports have none, which is said truthfully.
#include "session/conn.h"
#include "session/handlers.h"

static int check_port(const struct session_conn *c, uint32_t port, struct of_reader *r)
{
	if (port != OFPP_ANY && !session_ports_find(&c->sw->ports, port))
		return of_fail(r, OFPET_QUEUE_OP_FAILED, OFPQOFC_BAD_PORT);
	return 0;
}

int session_handle_queue_get_config(struct session_conn *c, struct session_request *rq)
{
	struct of_queue_get_config_request in;
	struct of_queue_get_config_reply out = {.xid = rq->xid};

	if (of_queue_get_config_request_read(&rq->r, &in) || check_port(c, in.port, &rq->r))
		return -EBADMSG;
	out.port = in.port;
	of_queue_get_config_reply_write(session_begin(c), &out);
	session_end(c);
	return 0;
}

int session_handle_queue_stats(struct session_conn *c, struct session_request *rq)
{
	struct of_queue_request in;
	struct of_queue_reply out = {.xid = rq->xid};

	if (of_queue_request_read(&rq->r, &in) || check_port(c, in.port_no, &rq->r))
		return -EBADMSG;
	if (in.queue_id != OFPQ_ALL)
		return of_fail(&rq->r, OFPET_QUEUE_OP_FAILED, OFPQOFC_BAD_QUEUE);
	of_queue_reply_write(session_begin(c), &out);
	session_end(c);
	return 0;
}
