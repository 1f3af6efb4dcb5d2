// SPDX-License-Identifier: Apache-2.0
#pragma once
// Flow monitors: a session is told of changes to rules as they happen (OpenFlow 1.4.1, 7.3.5.15;
// for 1.3 the ONF's EXT-187; for 1.0 Nicira's NXST_FLOW_MONITOR).
//
//	monitor.c          what is told, and when not
//	monitor_request.c  what is asked for, in the three forms, and what is there at first
//	monitor_write.c    the messages in the three forms
//
// The data plane holds the rules, so it does the selecting: each monitor has one of its
// WEFT_MONITORS slots, and each change comes once, with a bit for each slot that wants it. While
// the switch has monitors, every request says first whose it is (WEFT_IPC_CAUSE), so that a session
// can be told shortly of what it did itself.
//
// ONLY_OWN is as the specification has it: only what this very session changed. (Open vSwitch 3.1
// takes that bit of 1.4 to mean that own changes are told in full; for that there is NO_ABBREV.)
//
// A controller that reads too slowly is told that its monitors are paused. Then only removals of
// rules that it may know are told; when what waited has been sent, the data plane is asked for what
// came or changed since, and then the monitors are resumed. Updates that happen while this goes on,
// or while the first reply is being sent, are told as well: they may come before the same rule is
// told from the dump, and what is told last is right.

#include <sys/queue.h>

#include <weft/ipc.h>

#include "openflow/of_wire.h"

struct dpc_dump;
struct dpc_flow;
struct session_conn;
struct session_dump;
struct session_request;
struct session_switch;

struct session_monitor {
	LIST_ENTRY(session_monitor) link; // in its session's
	uint32_t id;                      // the controller's
	unsigned flags;                   // OFPFMF_*, as 1.4 has them
	unsigned slot;
	struct weft_flow_filter filter;
	struct weft_match match;
};

struct session_monitors {
	LIST_HEAD(, session_monitor) list;
	bool paused;
	bool resuming;   // and what was missed is being told
	uint64_t since;  // the version up to which all was told
	uint64_t when;   // of the change that was told last: monotonic ns
	unsigned cursor; // slots below are resumed
	struct dpc_dump *dump;
	bool abbreviated; // what `cause` did was told
	uint64_t cause;
};

// ---- monitor.c

void session_monitors_init(struct session_monitors *m);
void session_monitors_close(struct session_conn *c);   // the session is over
void session_monitors_drained(struct session_conn *c); // less waits to be sent

// A request of the session comes next.
void session_monitor_cause(struct session_conn *c, uint32_t xid);
static inline uint64_t session_cause(uint32_t session, uint32_t xid)
{
	return (uint64_t)session << 32 | xid;
}

// What the data plane tells.
void session_flow_changed(struct session_switch *sw, const struct weft_ipc_flow_change *change,
	const struct dpc_flow *flow);

struct session_monitor *session_monitor_find(struct session_conn *c, uint32_t id);
// As *like, whose slot does not matter. NULL: the switch has no more slots.
struct session_monitor *session_monitor_add(
	struct session_conn *c, const struct session_monitor *like);
void session_monitor_change(
	struct session_conn *c, struct session_monitor *m, const struct session_monitor *like);
void session_monitor_remove(struct session_conn *c, struct session_monitor *m);

// ---- monitor_write.c

// `event` is OFPFME_INITIAL, ADDED, REMOVED or MODIFIED; others have it otherwise.
void session_monitor_put(
	struct of_writer *w, const struct dpc_flow *flow, unsigned event, bool instructions);
struct session_dump *session_monitor_reply(
	struct session_conn *c, const struct session_request *rq);
// Messages of one update.
void session_monitor_send(
	struct session_conn *c, const struct dpc_flow *flow, unsigned event, bool instructions);
void session_monitor_send_abbrev(struct session_conn *c, uint32_t xid);
void session_monitor_send_paused(struct session_conn *c, bool resumed);
