// SPDX-License-Identifier: Apache-2.0
// Roles of controllers (OpenFlow 1.3.5, 6.3.4 and 7.3.9; 1.5.1, 7.3.8 and 7.4.4). One switch has
// one master and one generation, whatever versions its controllers speak.
#include "session/role.h"

#include "session/conn.h"
#include "session/controller_status.h"
#include "session/handlers.h"

// Generation ids are compared as a circle: one that lies less than half of it behind is stale.
static bool is_stale(const struct session_switch *sw, uint64_t generation)
{
	return sw->has_generation && (int64_t)(generation - sw->generation) < 0;
}

static uint64_t generation_of(const struct session_switch *sw)
{
	return sw->has_generation ? sw->generation : UINT64_MAX;
}

// To one whose role another's request has changed.
static void tell_status(struct session_conn *c, uint8_t reason)
{
	const struct of_role_status m = {
		.role = c->role,
		.reason = reason,
		.generation_id = generation_of(c->sw),
	};

	if (!session_async_wanted(c, SESSION_ASYNC_ROLE_STATUS, reason))
		return;
	of_role_status_write(session_begin(c), &m);
	session_end(c);
}

static void demote_masters(struct session_conn *except)
{
	struct session_conn *c;

	LIST_FOREACH (c, &except->sw->conns, link) {
		if (c == except || c->role != OFPCR_ROLE_MASTER)
			continue;
		c->role = OFPCR_ROLE_SLAVE;
		tell_status(c, OFPCRR_MASTER_REQUEST);
		session_controller_changed(c, OFPCSR_ROLE, true);
	}
}

void session_role_set(struct session_conn *c, uint8_t role)
{
	bool changed = c->role != role;

	c->role = role;
	if (role == OFPCR_ROLE_MASTER)
		demote_masters(c);
	session_async_changed(c->sw);
	if (changed)
		session_controller_changed(c, OFPCSR_ROLE, true);
}

// 0 is OFPCID_UNDEFINED, and leaves the id as it is (1.5.1, 7.3.8).
static int take_short_id(struct session_conn *c, uint16_t id, struct of_reader *r)
{
	const struct session_conn *other;

	if (!id)
		return 0;
	LIST_FOREACH (other, &c->sw->conns, link)
		if (other != c && other->short_id == id)
			return of_fail(r, OFPET_ROLE_REQUEST_FAILED, OFPRRFC_ID_IN_USE);
	if (c->short_id != id) {
		c->short_id = id;
		session_controller_changed(c, OFPCSR_SHORT_ID, true);
	}
	return 0;
}

static int take(struct session_conn *c, const struct of_role_request *in, struct of_reader *r)
{
	struct session_switch *sw = c->sw;
	bool generation = in->role == OFPCR_ROLE_MASTER || in->role == OFPCR_ROLE_SLAVE;

	if (in->role > OFPCR_ROLE_SLAVE)
		return of_fail(r, OFPET_ROLE_REQUEST_FAILED, OFPRRFC_BAD_ROLE);
	if (generation && is_stale(sw, in->generation_id))
		return of_fail(r, OFPET_ROLE_REQUEST_FAILED, OFPRRFC_STALE);
	if (take_short_id(c, in->short_id, r))
		return -EBADMSG;
	if (generation) {
		sw->generation = in->generation_id;
		sw->has_generation = true;
	}
	if (in->role != OFPCR_ROLE_NOCHANGE)
		session_role_set(c, (uint8_t)in->role);
	return 0;
}

int session_handle_role(struct session_conn *c, struct session_request *rq)
{
	struct of_role_request in;
	struct of_role_reply out = {.xid = rq->xid};

	if (of_role_request_read(&rq->r, &in) || take(c, &in, &rq->r))
		return -EBADMSG;
	out.role = c->role;
	out.short_id = c->short_id;
	out.generation_id = generation_of(c->sw);
	of_role_reply_write(session_begin(c), &out);
	session_end(c);
	return 0;
}
