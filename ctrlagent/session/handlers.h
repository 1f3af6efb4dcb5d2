// SPDX-License-Identifier: Apache-2.0
#pragma once
// One handler a message; dispatch.c has the table. What a handler may assume: the session is up,
// the message is whole, its version is the session's, its role allows it.

struct session_conn;
struct session_request;

typedef int session_handler(struct session_conn *c, struct session_request *rq);

session_handler session_handle_hello_again, session_handle_error, session_handle_echo_request,
	session_handle_echo_reply, session_handle_experimenter;
session_handler session_handle_features, session_handle_get_config, session_handle_set_config;
session_handler session_handle_packet_out, session_handle_flow_mod, session_handle_group_mod,
	session_handle_port_mod, session_handle_table_mod, session_handle_meter_mod;
session_handler session_handle_flow_monitor, session_onf_flow_monitor,
	session_onf_flow_monitor_cancel;
session_handler session_handle_bundle_control, session_handle_bundle_add,
	session_handle_onf_bundle_control, session_handle_onf_bundle_add,
	session_handle_bundle_features;
session_handler session_handle_barrier, session_handle_queue_get_config, session_handle_role,
	session_handle_get_async, session_handle_set_async;

session_handler session_handle_desc, session_handle_flow_stats, session_handle_flow_counts,
	session_handle_aggregate, session_handle_queue_desc, session_handle_table_desc,
	session_handle_controllers, session_handle_table_stats, session_handle_table_features,
	session_handle_port_stats, session_handle_port_desc, session_handle_queue_stats,
	session_handle_group_stats, session_handle_group_desc, session_handle_group_features,
	session_handle_meter_stats, session_handle_meter_config, session_handle_meter_features,
	session_handle_experimenter_multipart;
