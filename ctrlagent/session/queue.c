// SPDX-License-Identifier: Apache-2.0
// Queues (OpenFlow 1.3.5, 7.3.6 and 7.3.5.8; 1.5.1, 7.3.5.8 and 7.3.5.9; 1.0.2, 5.3.4 and 5.3.5):
// ports have none, which is said truthfully.
#include "session/conn.h"
#include "session/handlers.h"

// In 1.0 all ports are OFPP_ALL in statistics, and OFPP_NONE names none.
static int check_port(
	const struct session_conn *c, uint32_t port, uint32_t all, struct of_reader *r)
{
	if (port != all && !session_ports_find(&c->sw->ports, port))
		return of_fail(r, OFPET_QUEUE_OP_FAILED, OFPQOFC_BAD_PORT);
	return 0;
}

static uint32_t all_ports(const struct session_conn *c)
{
	return c->version == OF_VERSION_1_0 ? OFPP_ALL : OFPP_ANY;
}

int session_handle_queue_get_config(struct session_conn *c, struct session_request *rq)
{
	struct of_queue_get_config_request in;
	struct of_queue_get_config_reply out = {.xid = rq->xid};

	if (of_queue_get_config_request_read(&rq->r, &in) ||
		check_port(c, in.port, all_ports(c), &rq->r))
		return -EBADMSG;
	out.port = in.port;
	of_queue_get_config_reply_write(session_begin(c), &out);
	session_end(c);
	return 0;
}

static int check(const struct session_conn *c, uint32_t port, uint32_t queue, struct of_reader *r)
{
	if (check_port(c, port, all_ports(c), r))
		return -EBADMSG;
	if (queue != OFPQ_ALL)
		return of_fail(r, OFPET_QUEUE_OP_FAILED, OFPQOFC_BAD_QUEUE);
	return 0;
}

int session_handle_queue_stats(struct session_conn *c, struct session_request *rq)
{
	struct of_queue_request in;
	struct of_queue_reply out = {.xid = rq->xid};

	if (of_queue_request_read(&rq->r, &in) || check(c, in.port_no, in.queue_id, &rq->r))
		return -EBADMSG;
	of_queue_reply_write(session_begin(c), &out);
	session_end(c);
	return 0;
}

int session_handle_queue_desc(struct session_conn *c, struct session_request *rq)
{
	struct of_queue_desc_request in;
	struct of_queue_desc_reply out = {.xid = rq->xid};

	if (of_queue_desc_request_read(&rq->r, &in) || check(c, in.port_no, in.queue_id, &rq->r))
		return -EBADMSG;
	of_queue_desc_reply_write(session_begin(c), &out);
	session_end(c);
	return 0;
}
