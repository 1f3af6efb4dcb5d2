// SPDX-License-Identifier: Apache-2.0
#pragma once
// flowtable: one tenant's virtual switch. Tables, groups, meters, ports and the FDB, and how a
// burst of packets runs through them. OpenFlow's meaning without its wire format; no DPDK, no
// system call.
//
// Threads. One writer (the control thread) calls everything but ft_switch_process(). Any number of
// workers call ft_switch_process() at the same time, each with its own worker number and each
// inside a read-side section of its own making (rte_rcu_qsbr in the data plane).
//
// Versions. Every rule and group carries the version that adds it and the version that removes it.
// Changes are staged for version + 1, where no worker sees them, until ft_txn_commit() publishes
// them by one release-store. A worker loads the version once per burst, so no packet ever meets
// half of a transaction. What was removed is unlinked when no worker can be at an older version any
// more, and freed one grace period later; env->retire tells when.
//
// Ownership. Requests are copied; the caller keeps its buffers. Packets belong to the sink's side:
// each packet given to ft_switch_process() comes back through exactly one final call of the sink
// (see struct ft_sink).

#include <weft/continuation.h>
#include <weft/drop.h>
#include <weft/flow.h>
#include <weft/ipc.h>
#include <weft/packet.h>

#include "flowtable/fdb_move.h"

struct ft_switch;
struct ft_rule;
struct ft_trace;

// ---- what the surroundings give

struct ft_change;

struct ft_env {
	void *ctx;
	// Calls fn(obj), on the writer's thread, once every worker has passed through a quiescent
	// state, in which it has nothing pending either (ft_cache_fold()).
	void (*retire)(void *ctx, void (*fn)(void *obj), void *obj);
	// Monotonic nanoseconds; the only clock. Writer's thread.
	uint64_t (*now_ns)(void *ctx);
	// What workers had counted at that time is in the counters: some of it they keep back,
	// until a grace period ends (ft_cache_fold()). Monotonic nanoseconds as now_ns; NULL:
	// nothing is kept back.
	uint64_t (*counted_ns)(void *ctx);
	// Returns after a grace period. Writer's thread, rarely; NULL: as above.
	void (*count)(void *ctx);
	struct ft_commons *commons; // commons.h; NULL: each switch has all for itself
	uint64_t seed;              // keys every hash
	unsigned workers;           // worker numbers are 0 to workers - 1
	// Meters run outside (rte_meter): make, free (called after the grace period) and run one.
	// `run` is called by workers; it says what becomes of the packet and which band, counted
	// from 0, hit.
	void *(*meter_new)(void *ctx, const struct weft_meter_mod *, const struct weft_band *);
	void (*meter_free)(void *ctx, void *meter);
	int (*meter_run)(void *ctx, void *meter, unsigned worker, uint64_t now_ns, uint32_t bytes);
	// Workers: whether the VTEP can be reached, for fast failover. NULL: all can.
	bool (*vtep_live)(void *ctx, void *sw_ctx, const struct weft_ip *vtep);
	// Told on the writer's thread. `removed` for rules with WEFT_FLOW_SEND_REMOVED.
	void (*removed)(void *ctx, void *sw_ctx, const struct weft_flow_stats *,
		const struct weft_match *, const struct weft_instructions *);
	// A change that a flow monitor wants (below). It must not call back. NULL: there are no
	// monitors.
	void (*changed)(void *ctx, void *sw_ctx, const struct ft_change *,
		const struct weft_flow_stats *, const struct weft_match *,
		const struct weft_instructions *);
	// Of rules with a trigger, from within ft_triggers_tell(). It must not call back. NULL:
	// nobody asks.
	void (*triggered)(void *ctx, void *sw_ctx, const struct weft_flow_stats *,
		const struct weft_match *, const struct weft_instructions *);
	// Within a commit, whose changes wait for ft_changes_tell() as none did before; it must not
	// call back. NULL: nobody asks.
	void (*backlog)(void *ctx, void *sw_ctx);
	// Told within the commit that crossed a threshold; it must not call back. NULL: nobody
	// asks.
	void (*table_status)(void *ctx, void *sw_ctx, const struct weft_table_desc *);
	// Within a call that leaves something to be done by ft_aftermath_run(). `awaited`: it was
	// asked for, and is not done until ft_aftermath_awaited() says so. It must not call back.
	// NULL: ft_aftermath_run() is called now and then.
	void (*aftermath)(void *ctx, void *sw_ctx, bool awaited);
};
#define FT_METER_PASS (-1) // meter_run: no band hit

struct ft_limits {
	uint32_t max_rules;
	uint32_t max_groups;
	uint32_t max_meters;
	uint32_t max_fdb;
	struct ft_fdb_move_limits moves;
};

// ---- the switch

// `sw_ctx` is handed back by env->removed. NULL: out of memory.
struct ft_switch *ft_switch_new(const struct ft_env *, const struct ft_limits *, void *sw_ctx);
void *ft_switch_ctx(const struct ft_switch *);
// Frees after a grace period; no worker may start on it after this call (unpublish it first).
void ft_switch_free(struct ft_switch *);
void ft_switch_set_limits(struct ft_switch *, const struct ft_limits *);

#define FT_SWITCH_LEARN 1u      // ask the sink to learn source addresses
#define FT_SWITCH_STANDALONE 2u // every packet as by NORMAL, whatever the tables say
#define FT_SWITCH_FRAG_DROP 4u
#define FT_SWITCH_TTL_PACKET_IN 8u   // a controller asked for packets with an invalid TTL
#define FT_SWITCH_MISS_PACKET_IN 16u // and one for packets that no rule matches
void ft_switch_set_flags(struct ft_switch *, unsigned flags);
// Tunnel destinations and ids that set-field may name: tunnel_id must be `network_id` (host
// order); 0: the switch has no overlay, and any will do.
void ft_switch_set_network(struct ft_switch *, uint32_t network_id);

// ---- changes (writer)
//
// Within begin … commit the calls below stage; each that fails changes nothing. The writer sees its
// own staged state: a modify finds what an add before it has added. abort undoes all since begin,
// and like commit can't fail. Without a begin, each call is a transaction of its own.
//
// env->removed is called for what a commit removed when its counters are final, that is from within
// env->retire's callback; env->retire itself is called at the end of calls, when it may call back
// at once.

// False: no memory, or one is open.
bool ft_txn_begin(struct ft_switch *);
void ft_txn_commit(struct ft_switch *);
void ft_txn_abort(struct ft_switch *);
// The same in steps: undoes at most `max` changes. True: the transaction is still open, and nothing
// may be staged in it any more; call again.
bool ft_txn_abort_some(struct ft_switch *, size_t max);
// Before commit, for one that packets must meet whole: a step of what goes with it (rules that were
// learned by those it removes), which the commit would leave to be done otherwise. True: there is
// more. Nothing may be staged after the first call.
bool ft_txn_complete_some(struct ft_switch *);

// What changes leave to be done, a step of some hundred microseconds (aftermath.h); not while a
// transaction is open. True: it did something, call again soon.
bool ft_aftermath_run(struct ft_switch *);
bool ft_aftermath_any(const struct ft_switch *);
// Some of it belongs to what was asked for before: rules that are to go, eviction that is to begin.
bool ft_aftermath_awaited(const struct ft_switch *);

enum weft_error ft_flow_mod(struct ft_switch *, const struct weft_flow_mod *,
	const struct weft_match *, const struct weft_instructions *);
// `buckets`: buckets_len bytes, as in weft_group_mod, the masks of hash_map included. The same in
// steps, for one that must look at many rules: `max` of them a step. `steps` is zeroed before the
// first call. True: there is more to do; call again with the same, in the same transaction, and
// stage nothing else meanwhile. False: done, and *error says how it went. Without an open
// transaction it is done at once.
struct ft_flow_steps {
	struct ft_switch *sw; // NULL: none is under way
	size_t mark;          // in the transaction
	uint32_t next, end;   // numbers of rules
	bool any;             // a rule was found
};
bool ft_flow_mod_some(struct ft_switch *, const struct weft_flow_mod *, const struct weft_match *,
	const struct weft_instructions *, uint32_t max, struct ft_flow_steps *,
	enum weft_error *error);
// Before a group or meter is deleted, in the same transaction: rules that name it (or any:
// WEFT_GROUP_ALL, WEFT_METER_ALL) go, `max` looked at a step, so that little is left for the
// deletion to do. As ft_flow_mod_some(); false at once where there are few rules.
enum ft_users {
	FT_USERS_GROUP,
	FT_USERS_METER
};
bool ft_del_users_some(struct ft_switch *, enum ft_users, uint32_t id, uint32_t max,
	struct ft_flow_steps *, enum weft_error *error);
// What is under way is undone; nothing if nothing is.
void ft_flow_mod_cancel(struct ft_flow_steps *);
enum weft_error ft_group_mod(
	struct ft_switch *, const struct weft_group_mod *, const void *buckets, size_t buckets_len);
enum weft_error ft_meter_mod(
	struct ft_switch *, const struct weft_meter_mod *, const struct weft_band *);
// Checks a packet-out's actions as those of a rule that matches anything.
enum weft_error ft_actions_check(const struct ft_switch *, const void *actions, size_t len);

// Eviction, vacancy events, egress tables. Not versioned: seen at once. TABLE_UNKNOWN,
// TABLE_CONFIG, NO_MEMORY. Turning eviction on costs a look at each rule, in steps.
enum weft_error ft_table_mod(struct ft_switch *, const struct weft_table_mod *);
// `table` is less than WEFT_TABLES.
void ft_table_describe(const struct ft_switch *, uint8_t table, struct weft_table_desc *);

// Ports are not versioned: a change is seen at once. `live` false: fast failover passes by.
struct ft_port {
	uint32_t ofport;
	uint32_t config; // WEFT_PORT_*
	bool live;
	uint32_t max_macs; // that may be learned there; 0: as many as the switch takes
};
enum weft_error ft_port_set(struct ft_switch *, const struct ft_port *);
void ft_port_del(struct ft_switch *, uint32_t ofport);

// Idle and hard timeouts: removes, in a transaction of its own if there is any, what is due. Call
// about once a second, with no transaction open. It may look at *looks rules, and takes away those
// that it looked at; where none are left, others may be due as well. Returns how many went.
unsigned ft_expire(struct ft_switch *, unsigned *looks);
// Makes one table that has been left alone since the call before the latest as quick to look up as
// it can be. Call about once a second, with no transaction open. True: that took time, half a
// millisecond at most. What takes longer it begins, for ft_settle_more().
bool ft_settle(struct ft_switch *);
// A part of that, and of what ft_settle_gist() begins. True: there is more; call again soon, as
// long as no transaction is open.
bool ft_settle_more(struct ft_switch *);
bool ft_settle_has_more(const struct ft_switch *);
// Puts all tables together for packets whose way is not known (gist.h), if all of them have come to
// rest. True: that took time, half a millisecond at most. Where rules are many it begins.
bool ft_settle_gist(struct ft_switch *);

// Rules whose statistics have reached a threshold (trigger.h): looks at `max` at most, and starts
// anew every tenth of a second. True: there are more to look at now, or a transaction is open; call
// again soon.
bool ft_triggers_tell(struct ft_switch *, unsigned max);

// What a packet asked for (struct ft_sink, learn_rule), in a transaction of its own: added,
// replaced, or its timeouts start anew. STATE: one is open, ask again later; else as ft_flow_mod(),
// and TABLE_FULL also for more than the learn action's limit.
struct ft_learned;
enum weft_error ft_learn_apply(struct ft_switch *, const struct ft_learned *);
// It is not asked again: what it holds is free.
void ft_learn_drop(struct ft_switch *, const struct ft_learned *);

// ---- flow monitors (writer)
//
// Changes of rules that fit a monitor are told by env->changed, in the order of commits: within the
// commit that published them, or, if that was a large one, by ft_changes_tell(). Rules that hide
// are not told of.

#define FT_MONITORS 64u

enum ft_change_kind {                        // as of a weft_ipc_flow_change
	FT_CHANGE_ADDED = WEFT_CHANGE_ADDED, // also in another rule's place
	FT_CHANGE_REMOVED = WEFT_CHANGE_REMOVED,
	FT_CHANGE_MODIFIED = WEFT_CHANGE_MODIFIED,
};
#define FT_CHANGE_BIT(kind) (1u << (kind))

struct ft_change {
	uint64_t monitors; // a bit for each that wants it
	uint64_t cause;    // what ft_cause() said when it was staged
	uint64_t version;  // of the transaction
	uint64_t time_ns;  // when it was committed
	enum ft_change_kind kind;
};

// In place of what the slot had. `kinds`: FT_CHANGE_BIT(). As in a dump, but for filter->since.
enum weft_error ft_monitor_set(struct ft_switch *, unsigned slot,
	const struct weft_flow_filter *filter, const struct weft_match *, unsigned kinds);
void ft_monitor_clear(struct ft_switch *, unsigned slot);
void ft_monitors_clear(struct ft_switch *);
// Whose the changes are that are staged from now on, until the transaction ends; 0: nobody's.
void ft_cause(struct ft_switch *, uint64_t cause);
// Tells of at most `max` changes that wait. True: there are more.
bool ft_changes_tell(struct ft_switch *, unsigned max);
bool ft_changes_wait(const struct ft_switch *);

// ---- reading back (writer)
//
// Of what packets on known ways have counted, the latest may be missing; not what they had counted
// when a grace period began that has ended since.

typedef void ft_flow_fn(void *arg, const struct weft_flow_stats *, const struct weft_match *,
	const struct weft_instructions *);

// Walks the rules that the filter and the (loose) match select, at most `max` a call, and may be
// continued after changes in between: no rule that stays is missed or told twice.
struct ft_flow_walk *ft_flow_walk_new(
	struct ft_switch *, const struct weft_flow_filter *, const struct weft_match *);
// True: there may be more.
bool ft_flow_walk_next(struct ft_flow_walk *, unsigned max, ft_flow_fn *, void *arg);
void ft_flow_walk_free(struct ft_flow_walk *);

void ft_aggregate(struct ft_switch *, const struct weft_flow_filter *, const struct weft_match *,
	struct weft_aggregate *);
// Tables that have rules or were looked up; returns how many were written, at most WEFT_TABLES.
unsigned ft_table_stats(struct ft_switch *, struct weft_table_stats out[WEFT_TABLES]);

// For each group (or the one `id`): the stats, its buckets (stats->buckets_len bytes), behind which
// lie the masks of hash_map, and the counters.
typedef void ft_group_fn(void *arg, const struct weft_group_stats *, const void *buckets,
	const struct weft_bucket_counters *);
enum weft_error ft_groups(struct ft_switch *, uint32_t id, ft_group_fn *, void *arg);
// The numbers of all, in order, for who tells of many in pieces. The caller frees; NULL: no memory.
uint32_t *ft_group_numbers(const struct ft_switch *, uint32_t *n);
uint32_t *ft_meter_numbers(const struct ft_switch *, uint32_t *n);
typedef void ft_meter_fn(void *arg, const struct weft_meter_stats *, const struct weft_band *,
	const struct weft_bucket_counters *);
enum weft_error ft_meters(struct ft_switch *, uint32_t id, ft_meter_fn *, void *arg);

// What of a rule may be shown beside a drop. The rule must be alive (inside the worker's burst).
struct ft_rule_id {
	uint64_t cookie;
	uint16_t priority;
	uint8_t table;
};
struct ft_rule_id ft_rule_id(const struct ft_rule *);

// ---- the FDB (NORMAL, and where the overlay sends a known MAC)

enum weft_error ft_fdb_add(
	struct ft_switch *, const struct weft_ipc_fdb *); // WEFT_FDB_STATIC or learned
enum weft_error ft_fdb_del(struct ft_switch *, const struct weft_mac *, uint16_t vlan);
// What it says of the address; false: nothing, and *out is left as it was.
bool ft_fdb_get(
	struct ft_switch *, const struct weft_mac *, uint16_t vlan, struct weft_ipc_fdb *out);
void ft_fdb_flush(struct ft_switch *);                       // learned entries
void ft_fdb_flush_port(struct ft_switch *, uint32_t ofport); // of one port; ft_port_del() does so
void ft_fdb_flush_vtep(struct ft_switch *, const struct weft_ip *vtep); // behind one VTEP
unsigned ft_fdb_age(struct ft_switch *, uint32_t max_age_s);            // returns how many went
// Lets go of the addresses whose hold is over (fdb_move.h). Call about once a second.
void ft_fdb_release(struct ft_switch *);
void ft_fdb_stats(struct ft_switch *, struct weft_ipc_fdb_stats *out);
void ft_fdb_walk(struct ft_switch *, void (*fn)(void *arg, const struct weft_ipc_fdb *), void *arg);
// The same in pieces: first the names of all, then what is said of each, if it is still there.
void ft_fdb_ids(struct ft_switch *, void (*fn)(void *arg, uint64_t id), void *arg);
bool ft_fdb_get_id(struct ft_switch *, uint64_t id, struct weft_ipc_fdb *out);

// Workers: the FDB has the address, wherever that is.
bool ft_fdb_knows(const struct ft_switch *, const struct weft_mac *, uint16_t vlan);

// ---- packets (workers)

#define FT_BURST 64

// One packet on its way. The caller fills `pkt`, and of the key in_port, in_phy_port and, for what
// came out of a tunnel, tunnel_id, tun_src, tun_dst. What lies before eth_dst and from tun_src on
// must be zero else. The rest is extracted here.
struct ft_packet {
	struct weft_packet pkt;
	struct weft_flow_key key;
	const struct ft_rule *rule; // the latest that matched, NULL: none
	uint8_t table;              // where that was
	struct ft_trace *trace;     // what is done is written there (trace.h); NULL: nowhere
};

#define FT_KEEP 1u // the packet goes on being used: take a copy. Without: it is yours now.

// What a packet-in says besides the packet.
struct ft_packet_in {
	uint64_t cookie; // all ones: no rule
	uint16_t max_len;
	uint8_t table;
	uint8_t reason; // enum weft_packet_in_reason
	uint16_t controller_id;
	// With its userdata, if that action asked for it; lives as long as the rule. NULL: another.
	const struct weft_action_controller *controller;
	// The packet stopped, and this is how it goes on (weft/continuation.h); valid during the
	// call. NULL: it did not stop.
	const void *continuation;
	uint16_t continuation_len;
};

// Where packets go. Each packet ends in exactly one call without FT_KEEP: output, packet_in or
// drop. The sink reads pkt.data/len/headroom as they are then: edits have been made. What a learn
// action asks the writer for (learn.h), or a fin_timeout (fin.h). A flow-mod, with its match as in
// weft_match: `words` values, then as many masks; then instructions.
#define FT_LEARN_BYTES 1024u // as long as one may be
struct ft_learned {
	struct weft_flow_mod mod;
	uint64_t map;
	uint32_t words;
	uint32_t instr_len;
	uint32_t limit; // 0: none
	uint32_t size;  // of all of it, bytes; a multiple of 8
	uint32_t room;  // where a place was taken for it (learn_room.h); 0: none was
	uint32_t pad;
	uint64_t print; // by which that place's room knows it; 0: nobody asked
	uint64_t bytes[];
};
static_assert(sizeof(struct ft_learned) == 80, "travels between threads");

// Somebody who listens to a multicast group.
struct ft_listener {
	uint32_t ofport;     // WEFT_OFPORT_OVERLAY: behind `vtep`
	struct weft_ip vtep; // none, if at a port
};

// Where a packet goes instead of being flooded.
struct ft_listeners {
	const struct ft_listener *at; // good until the worker's next quiescent state
	unsigned n;
	bool overlay; // and to all that the overlay has
};

struct ft_step;
struct ft_sink {
	// To a port that exists and takes packets, or to WEFT_OFPORT_OVERLAY: key.tun_dst (or
	// tun_ipv6_dst) names the VTEP; zero: to all of the tenant's VTEPs.
	void (*output)(struct ft_sink *, struct ft_packet *, uint32_t ofport, unsigned flags);
	void (*packet_in)(
		struct ft_sink *, struct ft_packet *, const struct ft_packet_in *, unsigned flags);
	void (*drop)(struct ft_sink *, struct ft_packet *, enum weft_drop);
	// A copy that may be edited, key included; it must end like any packet. NULL: no buffer,
	// and the sink has counted that.
	struct ft_packet *(*clone)(struct ft_sink *, const struct ft_packet *);
	// The source address was seen at this port (and VTEP, in the key) and the FDB does not say
	// so: pass it to the writer, who calls ft_fdb_add(). May be lossy.
	void (*learn)(struct ft_sink *, const struct ft_packet *);
	// A packet asks for a rule: a copy goes to the writer, who calls ft_learn_apply(). False:
	// lost, and the sink has counted that. NULL: nothing is learned.
	bool (*learn_rule)(struct ft_sink *, const struct ft_learned *);
	// Once more to where an output of the same went, as that told the flow cache (path.h): the
	// step says where. NULL: nothing is remembered.
	void (*again)(struct ft_sink *, struct ft_packet *, const struct ft_step *, unsigned flags);
	// Multicast that NORMAL is about to flood: who is to have it? False: everybody. NULL:
	// always.
	bool (*listeners)(struct ft_sink *, struct ft_packet *, struct ft_listeners *);
};

// Runs up to FT_BURST packets through the pipeline, from table 0. now_ns: for meters and ages, read
// once a burst.
void ft_switch_process(struct ft_switch *, unsigned worker, uint64_t now_ns,
	struct ft_packet *pkts[], unsigned n, struct ft_sink *);
// The same; packet i's trace is traces[i], which may be NULL. `extracted`: of all of them the key
// has been, by ft_look_ahead() (ahead.h).
void ft_switch_process_traced(struct ft_switch *, unsigned worker, uint64_t now_ns,
	struct ft_packet *pkts[], struct ft_trace *const traces[], unsigned n, bool extracted,
	struct ft_sink *);
// Something that this switch's packets depend on has changed outside of it: where a port leads, how
// long frames may be. Nothing that was found out before holds any more. The writer, after the
// change.
void ft_switch_changed(struct ft_switch *);
// A packet that had stopped (pause.h), and what is done to it before it goes on.
struct ft_resumption {
	const struct weft_continuation *continuation; // weft_continuation_ok()
	size_t continuation_len;
	const void *actions; // not NULL
	size_t actions_len;
};
// The actions, and what is left to do as if it were a packet-out's and new rules': the tables may
// have changed, and nothing may come of it that they would refuse. MALFORMED, or the first error.
enum weft_error ft_resume_check(const struct ft_switch *, const struct weft_continuation *,
	const void *actions, size_t len);
// `pkt` as for ft_switch_packet_out(), its key all zero; ft_resume_check() has passed it.
void ft_switch_resume(struct ft_switch *, unsigned worker, uint64_t now_ns, struct ft_packet *pkt,
	const struct ft_resumption *, struct ft_sink *);
// A packet-out: the actions first, on one packet; output to TABLE starts the pipeline.
void ft_switch_packet_out(struct ft_switch *, unsigned worker, uint64_t now_ns, struct ft_packet *,
	const void *actions, size_t len, struct ft_sink *);
