// SPDX-License-Identifier: Apache-2.0
#pragma once
// Messages of Nicira's (openflow/nicira-ext.h of Open vSwitch; the codec's spec/nicira.ofd). They
// come as experimenter messages, are told apart once more by their subtype, and then go to handlers
// of the same kind as all other messages.

#include "session/handlers.h"

#define SESSION_NXST_FLOW 0u // subtypes of multiparts
#define SESSION_NXST_AGGREGATE 1u
#define SESSION_NXST_FLOW_MONITOR 2u
#define SESSION_NXST_GROUP 7u
#define SESSION_NXST_GROUP_DESC 8u

session_handler session_nicira_role, session_nicira_set_flow_format, session_nicira_flow_mod,
	session_nicira_flow_mod_table_id, session_nicira_set_async, session_nicira_flow_age;
session_handler session_nicira_flow_stats, session_nicira_aggregate;
session_handler session_nicira_set_packet_in_format, session_nicira_set_async2,
	session_nicira_set_controller_id, session_nicira_resume, session_nicira_tlv_table_mod,
	session_nicira_tlv_table_request;
session_handler session_nicira_flow_monitor, session_nicira_flow_monitor_cancel;
session_handler session_nicira_group_mod, session_nicira_group_stats, session_nicira_group_desc,
	session_nicira_group_features;
