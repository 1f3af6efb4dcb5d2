// SPDX-License-Identifier: Apache-2.0
#pragma once
// The agent's end of <weft/ipc.h>: an asynchronous client of the data plane on a libevent loop.
//
// It connects to the control and the punt socket, reconnects with back-off, greets, and then turns
// requests into messages and answers into callbacks. One thread, the event loop's; no locks. The
// program ignores SIGPIPE.
//
// Requests. Every request takes a callback `done` (may be NULL) and calls it EXACTLY ONCE, from the
// event loop and never from within the call that made the request:
//   - an operation (dpc_flow_mod, …, dpc_op): with its error as soon as the data plane refuses it;
//     with WEFT_E_NONE once it is published; with WEFT_E_STATE if the connection is down or was
//     lost before the answer came.
//   - dpc_barrier: in its turn.
//   - a dump: `end`, after its items.
// So an argument that is freed in its callback is freed exactly once. `text` is never NULL; it may
// be empty and lives until the callback returns.
//
// Transactions. An operation opens one by itself, not atomic, which ends with this iteration of the
// event loop, or before the next barrier, dump, packet-out or staged transaction, or after
// DPC_BATCH operations, whichever comes first. A caller need not know: order is kept and `done` is
// called as said above. What is to be all or nothing is staged beside the stream: see below.
//
// Back-pressure. When much is waiting to be written or answered, dpc_blocked() is true: a session
// then stops reading from its controller until `unblocked` is called. Requests are accepted
// nevertheless, so that a message which is half done can be finished. A dump of rules, of which
// there may be a million, comes only as fast as its taker wants it: dpc_dump_pause() stops it
// within DPC_DUMP_WINDOW bytes, and nothing but it; until dpc_dump_resume() the data plane holds no
// more of it than a cursor, and other requests go on.
//
// Listeners. `up` comes after HELLO. The epoch tells data planes apart: if it differs from the one
// that was seen before, the data plane was started anew and is empty. Listeners of one tenant get
// the events of that tenant, those of tenant 0 the events of all. A listener may remove itself, or
// any other, from within a callback.

#include <event2/event.h>

#include <weft/ipc.h>

struct dpc;
struct dpc_dump;
struct dpc_listener;

// What dpc_new() needs; strings are copied.
struct dpc_options {
	const char *control_socket; // NULL: WEFT_IPC_CONTROL_SOCKET
	const char *punt_socket;    // NULL: WEFT_IPC_PUNT_SOCKET
};

// One rule, of a dump or a flow-removed event. Pointers live until the callback returns.
struct dpc_flow {
	const struct weft_flow_stats *stats;
	struct weft_match match;
	const struct weft_instructions *instructions; // NULL: none; its actions follow in memory
};

// Each may be NULL. `arg` is dpc_listen()'s.
struct dpc_listener_ops {
	void (*up)(void *arg, uint64_t epoch);
	void (*down)(void *arg, const char *why); // once per loss; every pending request has failed
	void (*unblocked)(void *arg);
	void (*flow_removed)(void *arg, weft_tenant_id tenant, const struct dpc_flow *flow);
	// Its statistics have reached a threshold.
	void (*flow_triggered)(void *arg, weft_tenant_id tenant, const struct dpc_flow *flow);
	// of a flow monitor; `flow` has change->stats
	void (*flow_changed)(void *arg, weft_tenant_id tenant,
		const struct weft_ipc_flow_change *change, const struct dpc_flow *flow);
	void (*port_status)(
		void *arg, weft_tenant_id tenant, const struct weft_ipc_port_status *port);
	void (*table_status)(void *arg, weft_tenant_id tenant, const struct weft_table_desc *table);
	// Something is left to be done of what was asked for, by requests that are not answered yet
	// among others; or all is done
	void (*busy)(void *arg, weft_tenant_id tenant, bool busy);
	void (*neigh_wanted)(void *arg, const struct weft_ipc_nexthop *nexthop);
	// VTEP_WANTED, or else VTEP_IDLE, of a provider's switch
	void (*vtep)(void *arg, weft_tenant_id tenant, const struct weft_ip *vtep, bool wanted);
	// `frame` has punt->data_len bytes
	void (*punt)(void *arg, weft_tenant_id tenant, const struct weft_ipc_punt *punt,
		const void *frame);
};

typedef void (*dpc_done_fn)(void *arg, enum weft_error error, const char *text);
// One item of a dump: the reply's body, whose fixed part was checked to be whole.
typedef void (*dpc_item_fn)(void *arg, weft_tenant_id tenant, const void *body, size_t len);
typedef void (*dpc_flow_fn)(void *arg, weft_tenant_id tenant, const struct dpc_flow *flow);

#define DPC_BATCH 128u // operations in an implicit transaction

// Starts to connect at once (on the loop). dpc_free() fails what is pending
// (callbacks are called) and removes all listeners.
struct dpc *dpc_new(struct event_base *base, const struct dpc_options *options);
void dpc_free(struct dpc *dpc);

// Ends the connection and fails what is pending now, so that its callbacks run while their
// arguments are alive. For the end of the program: it does not connect again.
void dpc_shutdown(struct dpc *dpc);

bool dpc_is_up(const struct dpc *dpc);
// An answer that a barrier waits for is about to come, or another message of a controller whose
// barrier was replied to (which the sessions tell): look for it before you sleep (weft/look.h).
bool dpc_looks(struct dpc *dpc);
void dpc_replied(struct dpc *dpc);
void dpc_asked(struct dpc *dpc);
uint64_t dpc_epoch(const struct dpc *dpc); // 0: never connected
bool dpc_blocked(const struct dpc *dpc);

// `ops` must outlive the listener. If the connection is up already, `up` is
// not called: ask dpc_is_up().
struct dpc_listener *dpc_listen(
	struct dpc *dpc, weft_tenant_id tenant, const struct dpc_listener_ops *ops, void *arg);
void dpc_unlisten(struct dpc_listener *listener); // NULL is fine

// Once all that was requested before is published or refused. If the data plane has been asked for
// an answer that will say so already, it is not asked again.
void dpc_barrier(struct dpc *dpc, dpc_done_fn done, void *arg);

// The place behind all requests that were made so far, dumps and the ends of staged transactions
// apart; and whether all before a place are published or refused, and `done` was called.
uint32_t dpc_place(const struct dpc *dpc);
bool dpc_is_through(const struct dpc *dpc, uint32_t place);

// ---- operations; everything pointed to is copied before the call returns

// `instructions` may be NULL (delete). The match must be weft_match_ok().
void dpc_flow_mod(struct dpc *dpc, weft_tenant_id tenant, const struct weft_flow_mod *mod,
	const struct weft_match *match, const struct weft_instructions *instructions,
	dpc_done_fn done, void *arg);

// `buckets`: mod->bucket_count times a weft_bucket and its actions, `bytes` in all.
void dpc_group_mod(struct dpc *dpc, weft_tenant_id tenant, const struct weft_group_mod *mod,
	const void *buckets, size_t bytes, dpc_done_fn done, void *arg);

// `bands`: mod->band_count of them.
void dpc_meter_mod(struct dpc *dpc, weft_tenant_id tenant, const struct weft_meter_mod *mod,
	const struct weft_band *bands, dpc_done_fn done, void *arg);

// MONITOR_SET.
void dpc_monitor_set(struct dpc *dpc, weft_tenant_id tenant, const struct weft_ipc_monitor *monitor,
	const struct weft_match *match, dpc_done_fn done, void *arg);

// Any other operation (PORT_MOD, TENANT_SET, …) whose body is `len` bytes, a multiple of 8.
void dpc_op(struct dpc *dpc, enum weft_ipc_type type, weft_tenant_id tenant, const void *body,
	size_t len, dpc_done_fn done, void *arg);

// `actions_len` is a multiple of 8, `frame_len` is not padded. Not within an explicit transaction.
// A packet that had stopped goes on. Everything is copied.
struct dpc_resumption {
	const void *continuation; // struct weft_continuation
	size_t continuation_len;
	const void *actions; // done to it before
	size_t actions_len;
	const void *frame;
	size_t frame_len;
};
void dpc_resume(struct dpc *dpc, weft_tenant_id tenant, const struct dpc_resumption *r,
	dpc_done_fn done, void *arg);
void dpc_packet_out(struct dpc *dpc, weft_tenant_id tenant, uint32_t in_port, const void *actions,
	size_t actions_len, const void *frame, size_t frame_len, dpc_done_fn done, void *arg);

// ---- recordings and staged transactions (weft/ipc.h), for bundles
//
// While dpc_record() is in force, operations and packet-outs are written down instead of sent, and
// their `done` is never called. dpc_stage_begin … commit play them into the transaction that the
// tenant's switch has beside the stream's. Unlike the others it may stay open while the event loop
// runs; each `done` of dpc_stage_play() is called when the next dpc_barrier() is through, or with
// an error before; then the rest of the transaction is passed over until it is committed (which
// fails) or aborted. Nobody else may change rules of this switch meanwhile.

struct dpc_recording {
	uint8_t *data; // free() it
	size_t len;
	size_t room;
};

void dpc_record(struct dpc *dpc, struct dpc_recording *into); // appends; NULL: no longer

void dpc_stage_begin(struct dpc *dpc, weft_tenant_id tenant);
// The configuration's, of tenant 0: commit and abort as the others. `done` of it and of its
// operations is called as that of dpc_stage_play(), once for each.
void dpc_stage_host(struct dpc *dpc, uint32_t flags, dpc_done_fn done, void *arg);
void dpc_stage_op(struct dpc *dpc, enum weft_ipc_type type, weft_tenant_id tenant, const void *body,
	size_t len, dpc_done_fn done, void *arg);
// What dpc_record() wrote: `len` bytes at `messages`, 8-byte aligned, of this very tenant. `done`
// is called for each operation in it.
void dpc_stage_play(struct dpc *dpc, weft_tenant_id tenant, const void *messages, size_t len,
	dpc_done_fn done, void *arg);
// The same with one operation that may be about very many rules. Nothing else is played, and
// nothing committed, until it is done; others are served meanwhile.
void dpc_stage_play_slow(
	struct dpc *dpc, weft_tenant_id tenant, const void *message, dpc_done_fn done, void *arg);
// Operations after this are not overtaken by its answer, but may overtake it.
void dpc_stage_commit(struct dpc *dpc, weft_tenant_id tenant, dpc_done_fn done, void *arg);
void dpc_stage_abort(struct dpc *dpc, weft_tenant_id tenant, dpc_done_fn done, void *arg);

// ---- dumps; not within an explicit transaction

#define DPC_DUMP_WINDOW (256u << 10) // bytes of a dump of rules that may be under way

// DUMP_FLOWS: `flow` is called per rule. The result is good until `end` is called.
struct dpc_dump *dpc_dump_flows(struct dpc *dpc, weft_tenant_id tenant,
	const struct weft_flow_filter *filter, const struct weft_match *match, dpc_flow_fn flow,
	dpc_done_fn end, void *arg);
// What was under way already comes still. All may be called from `flow`.
void dpc_dump_pause(struct dpc_dump *dump);
void dpc_dump_resume(struct dpc_dump *dump);
// No more rules, not even what is under way; `end` comes soon (WEFT_E_NONE, or WEFT_E_STATE after a
// loss).
void dpc_dump_cancel(struct dpc_dump *dump);

// DUMP_AGGREGATE: the item is a weft_aggregate.
void dpc_dump_aggregate(struct dpc *dpc, weft_tenant_id tenant,
	const struct weft_flow_filter *filter, const struct weft_match *match, dpc_item_fn item,
	dpc_done_fn end, void *arg);

// Every other dump; `request` is its body as <weft/ipc.h> lists it, NULL if none. Tails (buckets,
// bands, counters) are within `len` but not checked: read them by their own lengths.
void dpc_dump(struct dpc *dpc, enum weft_ipc_type type, weft_tenant_id tenant, const void *request,
	size_t len, dpc_item_fn item, dpc_done_fn end, void *arg);
