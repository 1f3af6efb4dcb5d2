// SPDX-License-Identifier: Apache-2.0
#pragma once
// The inside of a switch, for the files of this folder.

#include <sys/queue.h>

#include "session/ports.h"
#include "session/tlv_map.h"
#include "session/session.h"
#include "session/stream.h"

struct session_conn;
struct session_endpoint;
struct session_share;
struct session_tls;

LIST_HEAD(session_conn_list, session_conn);
TAILQ_HEAD(session_bundle_queue, session_bundle);
LIST_HEAD(session_endpoint_list, session_endpoint);
LIST_HEAD(session_snooper_list, session_snooper);

// Strings of the configuration that are kept.
struct session_settings {
	char *tenant_name;
	char *host_name;
	char *key, *cert, *ca; // NULL: not set
	uint64_t dpid;
	uint32_t inactivity_s;
	uint32_t max_backoff_s;
	uint32_t max_rules, max_groups, max_meters;
};

struct session_switch {
	struct event_base *base;
	struct dpc *dpc;
	struct dpc_listener *listener;
	weft_tenant_id tenant;
	struct session_settings set;
	const struct agent_switch_ops *ops;
	void *arg;
	struct session_tls *tls; // NULL: no key
	struct session_endpoint_list endpoints;
	struct session_conn_list conns;         // every session, shaken hands or not
	struct session_snooper_list snoopers;   // who look on (snoop.h)
	struct session_share *share;            // of the data plane
	struct session_bundle_queue committing; // bundles; the first is under way
	struct session_tlv_map tlv_map;
	uint64_t monitor_slots;              // flow monitors' slots in use
	size_t bundle_bytes;                 // of all its sessions
	struct session_stream_limits limits; // of each of its sessions
	unsigned conn_count, snooper_count;
	unsigned up_count; // those that have shaken hands
	bool ready;
	int told_connected;  // what ops->connected was told last; -1: nothing yet
	struct event *alone; // until it is told that nobody is there
	struct session_ports ports;
	bool frag_drop;
	bool ttl_packet_in;  // what ops->ttl_packet_in was told last
	bool miss_packet_in; // and ops->miss_packet_in
	uint64_t epoch;      // of the data plane when the switch was ready last; 0: never
	// wide.h: it may have rules_base and rules_added rules; the latter are those of all time
	int64_t rules_base;
	uint64_t rules_added;
	bool has_generation; // OpenFlow 1.3.5, 6.3.4
	uint64_t generation;
	uint8_t seal[32]; // the key of its continuations (resume.h)
	bool has_seal;
	uint64_t refused;    // connections beyond SESSION_CONNS_MAX
	uint64_t snoop_shed; // messages that an onlooker did not get
	uint64_t punt_shed;  // packet-ins that a session did not get, for it read too slowly
};

// A session shook hands, or one that had is over.
void session_switch_up(struct session_switch *sw);
void session_switch_down(struct session_switch *sw);
