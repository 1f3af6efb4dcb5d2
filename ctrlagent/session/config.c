// SPDX-License-Identifier: Apache-2.0
// Features and switch configuration (OpenFlow 1.3.5, 7.3.1 and 7.3.2; 1.0.2, 5.3.1 and 5.3.2).
//
// miss_send_len is the session's own: what one controller wants to see of a packet is no matter of
// the others. Fragment handling is the switch's.
#include "session/conn.h"
#include "session/handlers.h"
#include "session/table_features.h"

#define ARP_MATCH_IP_1_0 (1u << 7) // OFPC_ARP_MATCH_IP

static uint32_t capabilities(uint8_t version)
{
	const uint32_t common = OFPC_FLOW_STATS | OFPC_TABLE_STATS | OFPC_PORT_STATS;

	return common | (version == OF_VERSION_1_0 ? ARP_MATCH_IP_1_0 : OFPC_GROUP_STATS);
}

int session_handle_features(struct session_conn *c, struct session_request *rq)
{
	struct of_writer ports = {.version = c->version};
	struct of_features_request in;
	struct of_features_reply out = {
		.xid = rq->xid,
		.datapath_id = c->sw->set.dpid,
		.n_buffers = 0, // packets are never kept
		.n_tables = WEFT_TABLES,
		.capabilities = capabilities(c->version),
		.actions = session_action_bits(OF_VERSION_1_0),
	};

	if (of_features_request_read(&rq->r, &in))
		return -EBADMSG;
	if (c->version == OF_VERSION_1_0)
		session_ports_write(&c->sw->ports, &ports);
	out.ports = of_written(&ports);
	of_features_reply_write(session_begin(c), &out);
	session_end(c);
	of_writer_free(&ports);
	return 0;
}

int session_handle_get_config(struct session_conn *c, struct session_request *rq)
{
	struct of_get_config_request in;
	struct of_get_config_reply out = {
		.xid = rq->xid,
		.flags = c->sw->frag_drop ? OFPC_FRAG_DROP : OFPC_FRAG_NORMAL,
		.miss_send_len = c->miss_send_len,
	};

	if (of_get_config_request_read(&rq->r, &in))
		return -EBADMSG;
	of_get_config_reply_write(session_begin(c), &out);
	session_end(c);
	return 0;
}

int session_handle_set_config(struct session_conn *c, struct session_request *rq)
{
	struct session_switch *sw = c->sw;
	struct of_set_config in;
	bool drop;

	if (of_set_config_read(&rq->r, &in))
		return -EBADMSG;
	drop = in.flags == OFPC_FRAG_DROP;
	if (in.flags != OFPC_FRAG_NORMAL && !drop) // no reassembly: OFPC_IP_REASM is not announced
		return of_fail(&rq->r, OFPET_SWITCH_CONFIG_FAILED, OFPSCFC_BAD_FLAGS);
	if (drop != sw->frag_drop) {
		if (c->role == OFPCR_ROLE_SLAVE)
			return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE);
		sw->frag_drop = drop;
		sw->ops->frag_drop(sw->arg, drop);
	}
	c->miss_send_len = in.miss_send_len;
	return 0;
}
