// SPDX-License-Identifier: Apache-2.0
// Roles of controllers (OpenFlow 1.3.5, 6.3.4 and 7.3.9).
#include "session/conn.h"
#include "session/handlers.h"

// Generation ids are compared as a circle: one that lies less than half of it behind is stale.
static bool is_stale(const struct session_switch *sw, uint64_t generation)
{
	return sw->has_generation && (int64_t)(generation - sw->generation) < 0;
}

static void demote_masters(struct session_conn *except)
{
	struct session_conn *c;

	LIST_FOREACH(c, &except->sw->conns, link)
	if (c != except && c->role == OFPCR_ROLE_MASTER)
		c->role = OFPCR_ROLE_SLAVE;
}

int session_handle_role(struct session_conn *c, struct session_request *rq)
{
	struct session_switch *sw = c->sw;
	struct of_role_request in;
	struct of_role_reply out = {.xid = rq->xid};

	if (of_role_request_read(&rq->r, &in))
		return -EBADMSG;
	if (in.role > OFPCR_ROLE_SLAVE)
		return of_fail(&rq->r, OFPET_ROLE_REQUEST_FAILED, OFPRRFC_BAD_ROLE);
	if (in.role == OFPCR_ROLE_MASTER || in.role == OFPCR_ROLE_SLAVE) {
		if (is_stale(sw, in.generation_id))
			return of_fail(&rq->r, OFPET_ROLE_REQUEST_FAILED, OFPRRFC_STALE);
		sw->generation = in.generation_id;
		sw->has_generation = true;
	}
	if (in.role == OFPCR_ROLE_MASTER)
		demote_masters(c);
	if (in.role != OFPCR_ROLE_NOCHANGE)
		c->role = (uint8_t)in.role;
	session_async_changed(sw);
	out.role = c->role;
	out.generation_id = sw->has_generation ? sw->generation : UINT64_MAX;
	of_role_reply_write(session_begin(c), &out);
	session_end(c);
	return 0;
}
