// SPDX-License-Identifier: Apache-2.0
#pragma once
// The metrics that there are, and a set of their samples under collection.
//
// The Prometheus text format wants all samples of a family together, but dumps bring them mixed: so
// each family collects its own lines, and they are put in order at the end.

#include "text/flow_text.h"

// clang-format off
// X(ID, name, type, help)
#define METRIC_FAMILIES(X)                                                                         \
	X(INFO, "weft_info", "gauge", "The agent's version and the host's name; always 1")           \
	X(DATAPLANE_UP, "weft_dataplane_up", "gauge", "Is the data plane connected?")              \
	X(READY, "weft_ready", "gauge", "Is the configuration in effect?")                         \
	X(BUFFERS_FREE, "weft_buffers_free", "gauge", "Free packet buffers")                       \
	X(BUFFERS, "weft_buffers", "gauge", "Packet buffers in all")                               \
	X(RECEIVED, "weft_packets_received_total", "counter", "Packets received")                  \
	X(COPIES, "weft_packet_copies_total", "counter", "Copies made of packets")                 \
	X(SENT, "weft_packets_sent_total", "counter", "Packets sent")                              \
	X(CONSUMED, "weft_packets_consumed_total", "counter", "Packets that ended as intended")    \
	X(DROPPED, "weft_packets_dropped_total", "counter", "Packets dropped, by reason")          \
	X(PUNT_SHED, "weft_packet_ins_shed_total", "counter", "Packet-ins over the rate, by what they were for") \
	X(PUNT_LOST, "weft_packet_ins_unread_total", "counter", "Packet-ins that a controller read too slowly for") \
	X(CACHE, "weft_flow_cache_lookups_total", "counter", "Packets whose way a worker's flow cache knew, or not") \
	X(CACHE_INSERTS, "weft_flow_cache_inserts_total", "counter", "Ways that flow caches took in") \
	X(CACHE_FLOWS, "weft_flow_cache_flows", "gauge", "Flows that flow caches know now")          \
	X(CACHE_ROOM, "weft_flow_cache_room_flows", "gauge", "Flows that flow caches have room for") \
	X(LEARNS, "weft_learns_total", "counter", "Rules that packets asked for, by what became of it") \
	X(PORT_UP, "weft_port_up", "gauge", "Has the port a link?")                                \
	X(PORT_RX, "weft_port_receive_packets_total", "counter", "Packets received by a port")     \
	X(PORT_RX_BYTES, "weft_port_receive_bytes_total", "counter", "Bytes received by a port")   \
	X(PORT_RX_DROP, "weft_port_receive_drop_total", "counter", "Received packets lost at a port") \
	X(PORT_TX, "weft_port_transmit_packets_total", "counter", "Packets sent by a port")        \
	X(PORT_TX_BYTES, "weft_port_transmit_bytes_total", "counter", "Bytes sent by a port")      \
	X(PORT_TX_DROP, "weft_port_transmit_drop_total", "counter", "Packets that a port did not take") \
	X(TABLE_RULES, "weft_table_rules", "gauge", "Rules in a flow table")                       \
	X(TABLE_LOOKUPS, "weft_table_lookups_total", "counter", "Lookups in a flow table")         \
	X(TABLE_MATCHED, "weft_table_matched_total", "counter", "Lookups that a rule matched")     \
	X(CONTROLLER, "weft_controller_connected", "gauge", "Is the controller connected?")        \
	X(VTEP, "weft_vtep_resolved", "gauge", "Is the way to the remote VTEP known?") \
	X(VTEPS, "weft_vteps", "gauge", "Remote VTEPs of a tenant, configured and learned") \
	X(BOND_LINK, "weft_bond_member_link", "gauge", "Has the bond's member a link?") \
	X(BOND_ACTIVE, "weft_bond_member_active", "gauge", "Are packets sent by the bond's member?") \
	X(BOND_LOSSES, "weft_bond_member_losses_total", "counter", "Times that the member lost its link") \
	X(BFD_UP, "weft_bfd_up", "gauge", "Is the BFD session with the remote VTEP up?") \
	X(BFD_DOWNS, "weft_bfd_downs_total", "counter", "Times that the BFD session went down")    \
	X(FDB, "weft_fdb_entries", "gauge", "MAC addresses known, learned and static")             \
	X(FDB_HELD, "weft_fdb_held", "gauge", "Addresses that moved too often, and are held")      \
	X(FDB_MOVES, "weft_fdb_moves_total", "counter", "Times that an address moved")             \
	X(FDB_REFUSED, "weft_fdb_refused_total", "counter", "Addresses not learned, by the limit that was met") \
	X(SNOOPED, "weft_multicast_snooped", "gauge", "Is multicast sent to listeners only?")      \
	X(MC_GROUPS, "weft_multicast_groups", "gauge", "Multicast groups with listeners")          \
	X(MC_LISTENERS, "weft_multicast_listeners", "gauge", "Listeners, each of a group at a place") \
	X(MC_ROUTERS, "weft_multicast_routers", "gauge", "Places of multicast routers")            \
	X(MC_REPORTS, "weft_multicast_reports_total", "counter", "Groups in reports, by what they said") \
	X(MC_QUERIES, "weft_multicast_queries_total", "counter", "Queries, by who asked")          \
	X(MC_REFUSED, "weft_multicast_refused_total", "counter", "Reports not learned from, by why")

// clang-format on

enum metric_family {
#define WEFT_X(id, name, type, help) METRIC_##id,
	METRIC_FAMILIES(WEFT_X)
#undef WEFT_X
	METRIC_MAX
};

struct metric_set {
	struct text families[METRIC_MAX];
};

// Adds a sample. `labels` come in pairs of name and value, NULL at the end; a NULL value leaves its
// label out.
void metric_add(struct metric_set *set, enum metric_family family, uint64_t value,
	const char *const *labels);

#define METRIC(set, family, value, ...)                                                            \
	metric_add(set, METRIC_##family, value, (const char *const[]){__VA_ARGS__, NULL})

// The whole as text, `*len` bytes, free() it; frees the set.
char *metric_render(struct metric_set *set, size_t *len);
