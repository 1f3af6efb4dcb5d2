// SPDX-License-Identifier: Apache-2.0
// From a message to its handler.
#include "session/conn.h"
#include "session/handlers.h"

#define SLAVE_MAY_NOT true // OpenFlow 1.3.5, 6.3.4

static const struct {
	session_handler *handle;
	bool write;
} table[OF_MESSAGE_KINDS] = {
	[OF_HELLO] = {session_handle_hello_again},
	[OF_ERROR_MSG] = {session_handle_error},
	[OF_ECHO_REQUEST] = {session_handle_echo_request},
	[OF_ECHO_REPLY] = {session_handle_echo_reply},
	[OF_EXPERIMENTER] = {session_handle_experimenter},
	[OF_FEATURES_REQUEST] = {session_handle_features},
	[OF_GET_CONFIG_REQUEST] = {session_handle_get_config},
	[OF_SET_CONFIG] = {session_handle_set_config},
	[OF_PACKET_OUT] = {session_handle_packet_out, SLAVE_MAY_NOT},
	[OF_FLOW_MOD] = {session_handle_flow_mod, SLAVE_MAY_NOT},
	[OF_GROUP_MOD] = {session_handle_group_mod, SLAVE_MAY_NOT},
	[OF_PORT_MOD] = {session_handle_port_mod, SLAVE_MAY_NOT},
	[OF_TABLE_MOD] = {session_handle_table_mod, SLAVE_MAY_NOT},
	[OF_METER_MOD] = {session_handle_meter_mod, SLAVE_MAY_NOT},
	[OF_BARRIER_REQUEST] = {session_handle_barrier},
	[OF_QUEUE_GET_CONFIG_REQUEST] = {session_handle_queue_get_config},
	[OF_ROLE_REQUEST] = {session_handle_role},
	[OF_GET_ASYNC_REQUEST] = {session_handle_get_async},
	[OF_SET_ASYNC] = {session_handle_set_async},
	[OF_BUNDLE_CONTROL] = {session_handle_bundle_control, SLAVE_MAY_NOT},
	[OF_BUNDLE_ADD] = {session_handle_bundle_add, SLAVE_MAY_NOT},
	[OF_FLOW_MONITOR_REQUEST] = {session_handle_flow_monitor},
	[OF_BUNDLE_FEATURES_REQUEST] = {session_handle_bundle_features},
	[OF_DESC_REQUEST] = {session_handle_desc},
	[OF_FLOW_REQUEST] = {session_handle_flow_stats},
	[OF_FLOW_COUNTS_REQUEST] = {session_handle_flow_counts},
	[OF_AGGREGATE_REQUEST] = {session_handle_aggregate},
	[OF_TABLE_REQUEST] = {session_handle_table_stats},
	[OF_TABLE_DESC_REQUEST] = {session_handle_table_desc},
	[OF_CONTROLLERS_REQUEST] = {session_handle_controllers},
	[OF_TABLE_FEATURES_REQUEST] = {session_handle_table_features},
	[OF_PORT_STATS_REQUEST] = {session_handle_port_stats},
	[OF_PORT_DESC_REQUEST] = {session_handle_port_desc},
	[OF_QUEUE_REQUEST] = {session_handle_queue_stats},
	[OF_QUEUE_DESC_REQUEST] = {session_handle_queue_desc},
	[OF_GROUP_REQUEST] = {session_handle_group_stats},
	[OF_GROUP_DESC_REQUEST] = {session_handle_group_desc},
	[OF_GROUP_FEATURES_REQUEST] = {session_handle_group_features},
	[OF_METER_REQUEST] = {session_handle_meter_stats},
	[OF_METER_CONFIG_REQUEST] = {session_handle_meter_config},
	[OF_METER_FEATURES_REQUEST] = {session_handle_meter_features},
	[OF_EXPERIMENTER_REQUEST] = {session_handle_experimenter_multipart},
};

static int handle(struct session_conn *c, struct session_request *rq, enum of_message_kind kind)
{
	if (!table[kind].handle) // a switch's message, not a controller's
		return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_BAD_TYPE);
	if (table[kind].write && c->role == OFPCR_ROLE_SLAVE)
		return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE);
	return table[kind].handle(c, rq);
}

static int dispatch(struct session_conn *c, struct session_request *rq)
{
	enum of_message_kind kind;
	struct of_error error;
	int status;

	if (rq->msg[0] != c->version && rq->msg[1] != OFPT_HELLO)
		return of_fail(&rq->r, OFPET_BAD_REQUEST, OFPBRC_BAD_VERSION);
	status = session_multipart_assemble(c, rq);
	if (status)
		return status > 0 ? 0 : status;
	kind = of_message_peek(&rq->r, &error);
	if (kind == OF_MESSAGE_NONE)
		return of_fail_error(&rq->r, error);
	return handle(c, rq, kind);
}

void session_dispatch(struct session_conn *c, struct session_request *rq)
{
	rq->r = of_reader(rq->msg, rq->len, c->version);
	if (dispatch(c, rq))
		session_error_send(
			c, rq->r.error, rq->msg, rq->len < SESSION_HEAD ? rq->len : SESSION_HEAD);
	if (rq->msg == c->multipart.joined)
		session_multipart_free(&c->multipart);
	if (c->sw && dpc_blocked(c->sw->dpc))
		session_conn_pause(c, SESSION_PAUSE_DPC);
	if (c->sw && c->share->spent)
		session_conn_pause(c, SESSION_PAUSE_SHARE);
}
