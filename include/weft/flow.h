// SPDX-License-Identifier: Apache-2.0
#pragma once
// Requests on a tenant's tables, and what is read back of them: flows, groups, meters, tables,
// ports.
//
// Neutral between OpenFlow's versions. Each struct is what travels over IPC (host order, except for
// what is said to be in network order) and what flowtable/ takes as argument. A request may have a
// tail: a flow mod's match and instructions, a group's buckets, a meter's bands.

#include <weft/action.h>
#include <weft/error.h>
#include <weft/match.h>

// ---- flows

enum weft_flow_command { // as ofp_flow_mod_command
	WEFT_FLOW_ADD,
	WEFT_FLOW_MODIFY,
	WEFT_FLOW_MODIFY_STRICT,
	WEFT_FLOW_DELETE,
	WEFT_FLOW_DELETE_STRICT,
};

#define WEFT_FLOW_SEND_REMOVED 1u // tell when the rule goes (OFPFF_SEND_FLOW_REM)
#define WEFT_FLOW_CHECK_OVERLAP 2u
#define WEFT_FLOW_RESET_COUNTS 4u
#define WEFT_FLOW_NO_PACKET_COUNTS 8u
#define WEFT_FLOW_NO_BYTE_COUNTS 16u
#define WEFT_FLOW_HIDDEN 32u // the switch's own rule (fail-standalone): not dumped, not modified
#define WEFT_FLOW_OR_ADD 64u // modify: add, to table 0 if it is about all, if no rule is found

struct weft_flow_mod {
	uint64_t cookie;
	uint64_t cookie_mask; // modify, delete: only rules with (rule.cookie & mask) == (cookie & mask)
	uint32_t out_port;    // delete: only rules with an output to it; WEFT_OFPORT_ANY
	uint32_t out_group;   // likewise; WEFT_GROUP_ANY
	uint16_t idle_timeout; // seconds, 0: none
	uint16_t hard_timeout;
	uint16_t priority;
	uint16_t flags;       // WEFT_FLOW_*
	uint16_t importance;  // OpenFlow 1.4 eviction
	uint8_t command;      // enum weft_flow_command
	uint8_t table;        // or WEFT_TABLE_ALL to delete from, or modify in, every table
	uint32_t pad;
};
static_assert(sizeof(struct weft_flow_mod) == 40, "travels");

// Which rules a dump or an aggregate is about; a match follows (loose, as for delete).
struct weft_flow_filter {
	uint64_t cookie;
	uint64_t cookie_mask;
	uint32_t out_port;
	uint32_t out_group;
	uint8_t table;
	uint8_t pad[7];
	uint64_t since; // DUMP_FLOWS: only what was added or modified by a later version
};
static_assert(sizeof(struct weft_flow_filter) == 40, "travels");

// One rule as it is read back, and the body of a flow-removed; match and instructions follow.
struct weft_flow_stats {
	uint64_t cookie;
	uint64_t packets;
	uint64_t bytes;
	uint64_t duration_ns; // since it was added
	uint64_t idle_ns;     // since the last packet, or since it was added
	uint16_t idle_timeout;
	uint16_t hard_timeout;
	uint16_t priority;
	uint16_t flags;
	uint16_t importance;
	uint8_t table;
	uint8_t reason;       // flow-removed only: enum weft_removed
	uint32_t pad;
};
static_assert(sizeof(struct weft_flow_stats) == 56, "travels");

enum weft_removed { // as ofp_flow_removed_reason
	WEFT_REMOVED_IDLE,
	WEFT_REMOVED_HARD,
	WEFT_REMOVED_DELETE,
	WEFT_REMOVED_GROUP,
	WEFT_REMOVED_METER,
	WEFT_REMOVED_EVICTION,
};

enum weft_change { // of rules, as flow monitors are told of them
	WEFT_CHANGE_ADDED,
	WEFT_CHANGE_REMOVED,
	WEFT_CHANGE_MODIFIED,
};

struct weft_aggregate {
	uint64_t packets;
	uint64_t bytes;
	uint64_t flows;
};

struct weft_table_stats {
	uint64_t lookups;
	uint64_t matched;
	uint32_t active;
	uint32_t max;
	uint8_t table;
	uint8_t pad[7];
};
static_assert(sizeof(struct weft_table_stats) == 32, "travels");

// ---- how tables are set (OpenFlow 1.5.1, 7.3.4.1; egress tables: 5.1.2, 7.3.5.18)

#define WEFT_EVICT_OTHER 1u // as ofp_table_mod_prop_eviction_flag
#define WEFT_EVICT_IMPORTANCE 2u
#define WEFT_EVICT_LIFETIME 4u

#define WEFT_TABLE_SET_EVICTION 1u
#define WEFT_TABLE_SET_VACANCY 2u
#define WEFT_TABLE_SET_EGRESS 4u

// Changes what `set` names, and nothing else.
struct weft_table_mod {
	uint8_t table;        // or WEFT_TABLE_ALL, but not with SET_EGRESS
	uint8_t set;          // WEFT_TABLE_SET_*
	uint8_t eviction;     // WEFT_EVICT_*; 0: a full table refuses rules
	uint8_t vacancy;      // 1: tell of vacancy
	uint8_t vacancy_down; // per cent of the table that are free; below: WEFT_TABLE_VACANCY_DOWN
	uint8_t vacancy_up;   // above, and not less than vacancy_down: WEFT_TABLE_VACANCY_UP
	uint8_t first_egress; // 1: egress processing starts at this table; 0: there is none
	uint8_t pad;
};
static_assert(sizeof(struct weft_table_mod) == 8, "travels");

#define WEFT_TABLE_INGRESS 1u
#define WEFT_TABLE_EGRESS 2u
#define WEFT_TABLE_FIRST_EGRESS 4u

enum weft_table_reason { // as ofp_table_reason
	WEFT_TABLE_VACANCY_DOWN = 3,
	WEFT_TABLE_VACANCY_UP = 4,
};

// A table as it is set, and the body of a table status.
struct weft_table_desc {
	uint8_t table;
	uint8_t eviction;     // WEFT_EVICT_*
	uint8_t vacancy;      // 1: events
	uint8_t vacancy_down; // per cent
	uint8_t vacancy_up;
	uint8_t vacant;       // per cent of the table that are free now
	uint8_t role;         // WEFT_TABLE_*
	uint8_t reason;       // table status only: enum weft_table_reason
};
static_assert(sizeof(struct weft_table_desc) == 8, "travels");

// ---- groups

enum weft_group_command {
	WEFT_GROUP_ADD,
	WEFT_GROUP_MODIFY,
	WEFT_GROUP_DELETE,        // WEFT_GROUP_ALL: every one
	WEFT_GROUP_INSERT_BUCKET, // behind `bucket` (OpenFlow 1.5.1, 6.7)
	WEFT_GROUP_REMOVE_BUCKET, // `bucket`
	WEFT_GROUP_ADD_OR_MODIFY, // ovs-ofctl's --may-create
};

// Numbered as in OpenFlow 1.5.1, 7.3.4.3 (ofp_group_bucket).
#define WEFT_BUCKET_MAX 0xffffff00u // of ids
#define WEFT_BUCKET_FIRST 0xfffffffdu
#define WEFT_BUCKET_LAST 0xfffffffeu
#define WEFT_BUCKET_ALL 0xffffffffu

// How a select group chooses (NTR selection method of ovs-ofctl(8)).
enum weft_select {
	WEFT_SELECT_DEFAULT, // by the flow
	WEFT_SELECT_HASH,    // by the fields that hash_map names, or the flow if it names none
	WEFT_SELECT_DP_HASH, // by the flow, and `select_param`'s low half is a seed
	WEFT_SELECT_MAX
};

enum weft_group_type { // as ofp_group_type
	WEFT_GROUP_TYPE_ALL,
	WEFT_GROUP_TYPE_SELECT,
	WEFT_GROUP_TYPE_INDIRECT,
	WEFT_GROUP_TYPE_FF,
};

struct weft_group_mod {
	uint32_t group;
	uint8_t command;
	uint8_t type;
	uint16_t bucket_count; // buckets follow: each a weft_bucket, then its actions
	uint32_t bucket;       // INSERT_BUCKET, REMOVE_BUCKET: which; an id or WEFT_BUCKET_*
	uint8_t select;        // enum weft_select, with type SELECT only
	uint8_t pad[3];
	uint64_t select_param; // the method's parameter
	// SELECT_HASH: words of the key; behind the buckets follows a mask for each. In statistics:
	// behind the counters.
	uint64_t hash_map;
};
static_assert(sizeof(struct weft_group_mod) == 32, "travels");

struct weft_bucket {
	uint32_t bucket_id;   // OpenFlow 1.5, each once in a group; else its position
	uint32_t watch_port;  // WEFT_OFPORT_ANY: none
	uint32_t watch_group; // WEFT_GROUP_ANY: none
	uint16_t weight;
	uint16_t actions_len; // bytes of actions that follow
};
static_assert(sizeof(struct weft_bucket) == 16, "travels");

// weft_group_mod.bucket_count buckets follow, each weft_bucket with its actions, then as many
// weft_bucket_counters, then the masks of hash_map.
struct weft_group_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t duration_ns;
	uint32_t ref_count; // rules and groups that name it
	uint32_t buckets_len; // bytes of the buckets
	struct weft_group_mod group;
};
static_assert(sizeof(struct weft_group_stats) == 64, "travels");

struct weft_bucket_counters {
	uint64_t packets;
	uint64_t bytes;
};

// ---- meters

enum weft_meter_command {
	WEFT_METER_ADD,
	WEFT_METER_MODIFY,
	WEFT_METER_DELETE,
};

#define WEFT_METER_KBPS 1u // as ofp_meter_flags
#define WEFT_METER_PKTPS 2u
#define WEFT_METER_BURST 4u
#define WEFT_METER_STATS 8u

enum weft_band_type {
	WEFT_BAND_DROP = 1,
	WEFT_BAND_DSCP_REMARK = 2,
};

struct weft_meter_mod {
	uint32_t meter;
	uint16_t flags;
	uint8_t command;
	uint8_t band_count; // struct weft_band follow
};
static_assert(sizeof(struct weft_meter_mod) == 8, "travels");

#define WEFT_BANDS_MAX 16u // of a meter

struct weft_band {
	uint32_t rate;  // kb/s or packets/s
	uint32_t burst; // kb or packets, with WEFT_METER_BURST
	uint16_t type;
	uint8_t prec_level; // DSCP remark: how much to raise the drop precedence
	uint8_t pad[5];
};
static_assert(sizeof(struct weft_band) == 16, "travels");

// The bands follow, then as many weft_bucket_counters, one a band.
struct weft_meter_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t duration_ns;
	uint32_t flow_count;
	uint32_t pad;
	struct weft_meter_mod meter;
};
static_assert(sizeof(struct weft_meter_stats) == 40, "travels");

// ---- ports of a tenant's switch, as the tables see them

#define WEFT_PORT_DOWN 1u         // OFPPC_PORT_DOWN, administratively
#define WEFT_PORT_NO_RECV 4u      // OFPPC_NO_RECV
#define WEFT_PORT_NO_FWD 32u      // OFPPC_NO_FWD
#define WEFT_PORT_NO_PACKET_IN 64u // OFPPC_NO_PACKET_IN
#define WEFT_PORT_NO_FLOOD 16u    // OpenFlow 1.0's OFPPC_NO_FLOOD

#define WEFT_PORT_LINK_DOWN 1u // state: no carrier (OFPPS_LINK_DOWN)

struct weft_port_stats {
	uint64_t rx_packets, tx_packets;
	uint64_t rx_bytes, tx_bytes;
	uint64_t rx_dropped, tx_dropped;
	uint64_t rx_errors, tx_errors;
	uint64_t duration_ns;
};

// Why a packet goes to the controller, as ofp_packet_in_reason of OpenFlow 1.5 (1.3 has the first
// three).
enum weft_packet_in_reason {
	WEFT_PACKET_IN_MISS,
	WEFT_PACKET_IN_ACTION,
	WEFT_PACKET_IN_TTL,
	WEFT_PACKET_IN_ACTION_SET,
	WEFT_PACKET_IN_GROUP,
	WEFT_PACKET_IN_PACKET_OUT,
	WEFT_PACKET_IN_IMPLICIT_MISS, // no rule, not even a table-miss rule, matched; OpenFlow 1.0's alone
};
