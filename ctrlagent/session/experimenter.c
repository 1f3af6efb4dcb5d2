// SPDX-License-Identifier: Apache-2.0
// Messages of experimenters: which handler is for which. Nicira's, as Open vSwitch has them, and
// the ONF's bundles for OpenFlow 1.3 (EXT-230).
#include "openflow/oxm.h"
#include "session/conn.h"
#include "session/handlers.h"
#include "session/nicira.h"

#define SLAVE_MAY_NOT 1u // OpenFlow 1.3.5, 6.3.4
#define THIRD_ONLY 4u    // an extension for 1.3, which later versions have built in
#define FIRST_ONLY 2u    // a message of 1.0, which later versions have words of their own for

struct entry {
	session_handler *handle;
	unsigned flags;
};

static const struct entry onf[OF_ONF_KINDS] = {
	[OF_ONF_BUNDLE_CONTROL] = {session_handle_onf_bundle_control, SLAVE_MAY_NOT},
	[OF_ONF_BUNDLE_ADD] = {session_handle_onf_bundle_add, SLAVE_MAY_NOT},
	[OF_ONF_FLOW_MONITOR_CANCEL] = {session_onf_flow_monitor_cancel},
};

static const struct entry onf_multiparts[OF_ONF_REQUEST_KINDS] = {
	[OF_ONF_FLOW_MONITOR_REQUEST] = {session_onf_flow_monitor, THIRD_ONLY},
};

static const struct entry nicira[OF_NICIRA_KINDS] = {
	[OF_NICIRA_ROLE_REQUEST] = {session_nicira_role},
	[OF_NICIRA_SET_FLOW_FORMAT] = {session_nicira_set_flow_format},
	[OF_NICIRA_FLOW_MOD] = {session_nicira_flow_mod, SLAVE_MAY_NOT | FIRST_ONLY},
	[OF_NICIRA_FLOW_MOD_TABLE_ID] = {session_nicira_flow_mod_table_id},
	[OF_NICIRA_FLOW_AGE] = {session_nicira_flow_age},
	[OF_NICIRA_SET_ASYNC_CONFIG] = {session_nicira_set_async},
	[OF_NICIRA_SET_ASYNC_CONFIG2] = {session_nicira_set_async2},
	[OF_NICIRA_SET_PACKET_IN_FORMAT] = {session_nicira_set_packet_in_format},
	[OF_NICIRA_SET_CONTROLLER_ID] = {session_nicira_set_controller_id},
	[OF_NICIRA_RESUME] = {session_nicira_resume, SLAVE_MAY_NOT},
	[OF_NICIRA_TLV_TABLE_MOD] = {session_nicira_tlv_table_mod, SLAVE_MAY_NOT},
	[OF_NICIRA_TLV_TABLE_REQUEST] = {session_nicira_tlv_table_request},
	[OF_NICIRA_GROUP_MOD] = {session_nicira_group_mod, SLAVE_MAY_NOT | FIRST_ONLY},
	[OF_NICIRA_FLOW_MONITOR_CANCEL] = {session_nicira_flow_monitor_cancel, FIRST_ONLY},
};

static const struct entry nicira_multiparts[OF_NICIRA_REQUEST_KINDS] = {
	[OF_NICIRA_FLOW_REQUEST] = {session_nicira_flow_stats, FIRST_ONLY},
	[OF_NICIRA_AGGREGATE_REQUEST] = {session_nicira_aggregate, FIRST_ONLY},
	[OF_NICIRA_FLOW_MONITOR_REQUEST] = {session_nicira_flow_monitor, FIRST_ONLY},
	[OF_NICIRA_GROUP_REQUEST] = {session_nicira_group_stats, FIRST_ONLY},
	[OF_NICIRA_GROUP_DESC_REQUEST] = {session_nicira_group_desc, FIRST_ONLY},
	[OF_NICIRA_GROUP_FEATURES_REQUEST] = {session_nicira_group_features, FIRST_ONLY},
};

// `error` is why the kind is 0.
static int handle(struct session_conn *c, struct session_request *rq, const struct entry *table,
	unsigned kind, struct of_error error)
{
	const struct entry *e = &table[kind];

	if (!kind)
		return of_fail_error(&rq->r, error);
	if (!e->handle || (e->flags & FIRST_ONLY && c->version != OF_VERSION_1_0) ||
		(e->flags & THIRD_ONLY && c->version != OF_VERSION_1_3))
		return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_BAD_EXP_TYPE);
	if (e->flags & SLAVE_MAY_NOT && c->role == OFPCR_ROLE_SLAVE)
		return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE);
	return e->handle(c, rq);
}

// The experimenter's id lies at `offset`. What follows is as each has it, and may be too short.
static int whose(struct session_request *rq, size_t offset, uint32_t *experimenter)
{
	if (rq->len < offset + 4)
		return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_BAD_LEN);
	*experimenter = of_load32(rq->msg + offset);
	return 0;
}

int session_handle_experimenter(struct session_conn *c, struct session_request *rq)
{
	struct of_error error = {0};
	uint32_t experimenter;
	unsigned kind;

	if (whose(rq, OF_HEADER_LEN, &experimenter))
		return -EBADMSG;
	switch (experimenter) {
	case OF_EXPERIMENTER_ONF:
		kind = of_onf_peek(&rq->r, &error);
		return handle(c, rq, onf, kind, error);
	case OF_EXPERIMENTER_NICIRA:
		kind = of_nicira_peek(&rq->r, &error);
		return handle(c, rq, nicira, kind, error);
	default:
		return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_BAD_EXPERIMENTER);
	}
}

int session_handle_experimenter_multipart(struct session_conn *c, struct session_request *rq)
{
	size_t header = c->version == OF_VERSION_1_0 ? 12 : 16; // of a multipart request
	struct of_error error = {0};
	uint32_t experimenter;
	unsigned kind;

	if (whose(rq, header, &experimenter))
		return -EBADMSG;
	switch (experimenter) {
	case OF_EXPERIMENTER_ONF:
		kind = of_onf_request_peek(&rq->r, &error);
		return handle(c, rq, onf_multiparts, kind, error);
	case OF_EXPERIMENTER_NICIRA:
		kind = of_nicira_request_peek(&rq->r, &error);
		return handle(c, rq, nicira_multiparts, kind, error);
	default:
		return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_BAD_EXPERIMENTER);
	}
}
