// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the files of this folder share. connection.c owns the sockets, request.c what goes out,
// stage.c what goes out later, receive.c what comes in, dump.c the dumps under way, listener.c who
// is told.

#include <event2/event.h>
#include <sys/queue.h>

#include <weft/look.h>

#include "dump.h"
#include "pending.h"
#include "wire.h"

#define AGENT_LOG_MODULE "dpclient"
#include "log.h"

// Output and unanswered requests above which sessions shall stop reading, and below which they may
// go on.
#define DPC_OUTPUT_HIGH (4u << 20)
#define DPC_OUTPUT_LOW (1u << 20)
#define DPC_OUTPUT_CHUNK (32u << 10) // that is sent before the turn ends, so that both ends work
#define DPC_PENDING_HIGH 32768u
#define DPC_PENDING_LOW 8192u

#define DPC_LOOK_NS 100000u

#define DPC_LISTENER_BUCKETS 256u

struct dpc_listener {
	LIST_ENTRY(dpc_listener) link;
	struct dpc *dpc;
	weft_tenant_id tenant;
	const struct dpc_listener_ops *ops; // NULL: removed, freed when nobody walks the lists
	void *arg;
};

LIST_HEAD(dpc_listener_list, dpc_listener);

enum dpc_state {
	DPC_DOWN,
	DPC_GREETING, // connected, waiting for HELLO
	DPC_UP,
};

struct dpc {
	struct event_base *base;
	char *control_path;
	char *punt_path;

	enum dpc_state state;
	struct wire wire;
	struct event *readable; // NULL: there is no connection
	struct event *writable; // pending while the wire has more than the socket takes
	struct event *retry;    // connects again; or ends a greeting that takes too long
	unsigned backoff_ms;
	char why[160]; // the last failure that was logged, so that it is logged once
	uint64_t epoch;

	int punt_fd;
	struct event *punt;
	struct event *punt_retry;

	struct pending_ring pending;
	struct dump_table dumps;
	struct dpc_recording *recording; // NULL: operations are sent
	struct event *flush;             // end of this iteration of the loop
	uint32_t checkpoint;             // id of the latest
	uint32_t covered;                // the place behind it and what rides on it
	struct weft_look look;           // for the answer to it
	struct weft_look next;           // for the controller's next message
	uint32_t txn;                    // number of the latest transaction
	unsigned batch;                  // operations in the open transaction
	bool txn_open;
	bool unanswered; // operations were sent since the last checkpoint
	bool refused;    // pending or dumps have refused requests
	bool blocked;
	bool flush_due; // `flush` is to run in this iteration

	// 0: listeners to all tenants; tenant t is in 1 + t % (BUCKETS - 1)
	struct dpc_listener_list listeners[DPC_LISTENER_BUCKETS];
	unsigned walkers; // dispatches under way
	bool dead_listeners;

	const struct weft_ipc_hdr *message;    // that is being handled
	uint64_t punted[WEFT_IPC_MAX_LEN / 8]; // one packet-in, aligned as its structs need
};

// connection.c
void dpc_connection_lost(struct dpc *dpc, const char *why);
void dpc_greeted(struct dpc *dpc); // HELLO came and is right

// request.c
struct iovec;
// One message, the parts of which are a multiple of 8 bytes together. The connection is there.
void dpc_send(struct dpc *dpc, const struct weft_ipc_hdr *hdr, const struct iovec *parts,
	unsigned count); // fills in hdr.len
// Sends it and lets it wait for its answer, or fails it from the loop.
void dpc_request(struct dpc *dpc, struct pending p, weft_tenant_id tenant, uint16_t flags,
	const struct iovec *parts, unsigned count);
// What is answered out of order: dumps, and the ends of staged transactions.
struct dpc_dump *dpc_start_dump(struct dpc *dpc, weft_tenant_id tenant, struct dpc_dump like,
	uint16_t flags, const struct iovec *parts, unsigned count);
void dpc_end_implicit(struct dpc *dpc); // commits what operations without a transaction opened
void dpc_send_hello(struct dpc *dpc);
void dpc_on_flush(evutil_socket_t fd, short what, void *arg);
void dpc_flush_soon(struct dpc *dpc); // at the end of this iteration of the loop
void dpc_flush_wire(struct dpc *dpc);
void dpc_check_unblocked(struct dpc *dpc);

// stage.c
void dpc_record_message(struct dpc *dpc, enum weft_ipc_type type, weft_tenant_id tenant,
	const struct iovec *parts, unsigned count);

// receive.c
// Takes the whole messages that the wire has, until it was lost.
void dpc_receive_control(struct dpc *dpc);
// One datagram in dpc->punted.
void dpc_receive_punt(struct dpc *dpc, size_t len);

// listener.c
void dpc_tell_up(struct dpc *dpc);
void dpc_tell_down(struct dpc *dpc, const char *why);
void dpc_tell_unblocked(struct dpc *dpc);
void dpc_tell_flow_changed(struct dpc *dpc, weft_tenant_id tenant,
	const struct weft_ipc_flow_change *change, const struct dpc_flow *flow);
void dpc_tell_flow_removed(struct dpc *dpc, weft_tenant_id tenant, const struct dpc_flow *flow);
void dpc_tell_flow_triggered(struct dpc *dpc, weft_tenant_id tenant, const struct dpc_flow *flow);
void dpc_tell_port_status(
	struct dpc *dpc, weft_tenant_id tenant, const struct weft_ipc_port_status *port);
void dpc_tell_table_status(
	struct dpc *dpc, weft_tenant_id tenant, const struct weft_table_desc *table);
void dpc_tell_busy(struct dpc *dpc, weft_tenant_id tenant, bool busy);
void dpc_tell_neigh_wanted(struct dpc *dpc, const struct weft_ipc_nexthop *nexthop);
void dpc_tell_vtep(
	struct dpc *dpc, weft_tenant_id tenant, const struct weft_ipc_vtep *vtep, bool wanted);
void dpc_tell_punt(struct dpc *dpc, weft_tenant_id tenant, const struct weft_ipc_punt *punt,
	const void *frame);
void dpc_listeners_free(struct dpc *dpc);
