// SPDX-License-Identifier: Apache-2.0
// Nicira's small settings of a session, flow mods and roles, from the time of OpenFlow 1.0.
#include "session/nicira.h"

#include "session/conn.h"
#include "session/flow.h"
#include "session/role.h"

#define FLOW_FORMAT_OPENFLOW10 0u
#define FLOW_FORMAT_NXM 2u

// The format that flow-removed messages of 1.0 have from now on. Flow mods and requests say by
// their kind what they are.
int session_nicira_set_flow_format(struct session_conn *c, struct session_request *rq)
{
	struct of_nicira_set_flow_format in;

	if (of_nicira_set_flow_format_read(&rq->r, &in))
		return -EBADMSG;
	if (in.format != FLOW_FORMAT_OPENFLOW10 && in.format != FLOW_FORMAT_NXM)
		return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_EPERM);
	c->nxm = in.format == FLOW_FORMAT_NXM;
	return 0;
}

int session_nicira_flow_mod_table_id(struct session_conn *c, struct session_request *rq)
{
	struct of_nicira_flow_mod_table_id in;

	if (of_nicira_flow_mod_table_id_read(&rq->r, &in))
		return -EBADMSG;
	c->table_in_command = in.set;
	return 0;
}

int session_nicira_flow_mod(struct session_conn *c, struct session_request *rq)
{
	struct of_nicira_flow_mod in;
	struct session_flow_mod fm;

	if (of_nicira_flow_mod_read(&rq->r, &in) || session_flow_mod_read_nx(c, rq, &in, &fm))
		return -EBADMSG;
	session_flow_mod_run(c, rq, &fm);
	return 0;
}

// Asks for ages in flow statistics, which Nicira's have always.
int session_nicira_flow_age(struct session_conn *c, struct session_request *rq)
{
	struct of_nicira_flow_age in;

	return of_nicira_flow_age_read(&rq->r, &in);
}

int session_nicira_set_async(struct session_conn *c, struct session_request *rq)
{
	struct of_nicira_set_async_config in;

	if (of_nicira_set_async_config_read(&rq->r, &in))
		return -EBADMSG;
	session_async_set_masks(c, in.packet_in_mask, in.port_status_mask, in.flow_removed_mask);
	return 0;
}

// ---- roles: "other" (equal), master, slave, by numbers one lower than OpenFlow's, and without
// generations

#define NX_ROLE_MAX 2u

int session_nicira_role(struct session_conn *c, struct session_request *rq)
{
	struct of_nicira_role_request in;
	struct of_nicira_role_reply out = {.xid = rq->xid};

	if (of_nicira_role_request_read(&rq->r, &in))
		return -EBADMSG;
	if (in.role > NX_ROLE_MAX)
		return of_fail(&rq->r, OFPET_ROLE_REQUEST_FAILED, OFPRRFC_BAD_ROLE);
	session_role_set(c, (uint8_t)(in.role + OFPCR_ROLE_EQUAL));
	out.role = in.role;
	of_nicira_role_reply_write(session_begin(c), &out);
	session_end(c);
	return 0;
}
