// SPDX-License-Identifier: Apache-2.0
#pragma once
// One session: a stream whose peer is a controller, and the protocol's state.
//
// Life. A session begins when its stream is there, is `up` once a version is agreed on (hello.c),
// and is over when the stream closes or the switch lets go of it. Requests that the data plane
// still works on hold a reference, so memory outlives the session until their callbacks have come;
// c->stream and c->sw are NULL then and answers go nowhere.
//
// Order. Messages are handled in the order they came, one at a time. While a barrier or a dump is
// not answered, or the data plane is blocked or the switch's share of it is spent, the session is
// paused and later messages wait. So replies come in the order of requests, and a barrier's reply
// after every error and reply that it covers. A dump of rules stands still in the data plane while
// its controller does not read.
//
// A handler reads the message with its generated reader and returns what of_fail() returned if it
// is not to be; the error is then sent with the head of the message. Errors that the data plane
// finds later are sent by pending.h.

#include <sys/queue.h>

#include <event2/event.h>

#include "openflow/header.h"
#include "openflow/of_wire.h"
#include "session/async.h"
#include "session/bundle.h"
#include "session/monitor.h"
#include "session/multipart.h"
#include "session/pending.h"
#include "session/share.h"
#include "session/stream.h"
#include "session/switch.h"

#define SESSION_PAUSE_BARRIER 1u
#define SESSION_PAUSE_DUMP 2u
#define SESSION_PAUSE_DPC 4u     // the data plane has enough to do
#define SESSION_PAUSE_SHARE 8u   // and this switch in particular has asked enough of it
#define SESSION_PAUSE_BUNDLE 16u // a bundle of the switch is being committed

// Wire versions spoken here, a bit each: OpenFlow 1.0, 1.3, 1.4 and 1.5.
#define SESSION_VERSIONS                                                                           \
	(1u << OF_VERSION_1_0 | 1u << OF_VERSION_1_3 | 1u << OF_VERSION_1_4 | 1u << OF_VERSION_1_5)

static inline uint8_t session_highest_version(uint32_t versions)
{
	return versions ? (uint8_t)(31 - __builtin_clz(versions)) : 0;
}

#define SESSION_MISS_SEND_LEN 128u // OFP_DEFAULT_MISS_SEND_LEN

struct session_conn {
	LIST_ENTRY(session_conn) link; // in sw->conns
	struct session_switch *sw;     // NULL once it is over
	struct session_endpoint *endpoint;
	uint32_t number;               // of no other session, and not 0
	struct session_stream *stream; // NULL once it is over
	unsigned refs;                 // the stream's one, and one a request under way
	uint8_t version;               // agreed on; 0 before that
	uint8_t role;                  // OFPCR_ROLE_*
	uint16_t short_id;             // that its controller chose (1.5.1, 7.3.8); 0: none
	bool connected;                // the stream is open
	uint16_t miss_send_len;
	uint16_t controller_id;   // of the packet-ins that it takes
	uint8_t packet_in_format; // SESSION_PACKET_IN_*
	bool nxm;                 // 1.0: flow-removed messages in Nicira's format
	bool table_in_command;    // 1.0: the upper byte of a flow mod's command is the table
	unsigned pauses;          // SESSION_PAUSE_*
	struct session_async async;
	struct session_multipart multipart;
	struct session_pending_pool pool;
	struct session_bundles bundles;
	struct session_monitors monitors;
	struct session_share *share; // of its switch
	struct dpc_dump *dump;       // of rules, under way; NULL: none
	uint32_t asked; // the place (dpc_place()) behind what its messages have asked for
	uint32_t barrier_xid;
	bool behind;       // what it has asked for is not all done, though answered (barrier.h)
	bool barrier_done; // by the data plane; replies before it may still be due
	struct event *probe;
	uint64_t probe_seen; // messages received when the timer fired last
	uint64_t probe_sent; // and bytes that had left
	bool probing;
	time_t since; // agent_seconds()
	char peer[80];
	struct of_writer out; // the message being made
};

// A message being handled.
struct session_request {
	const uint8_t *msg;
	size_t len;
	uint32_t xid;
	struct of_reader r;
};

// Without a stream at first: make one with session_conn_ops and the result as argument, and put it
// into `stream`.
struct session_conn *session_conn_new(
	struct session_switch *sw, struct session_endpoint *endpoint, const char *peer);
extern const struct session_stream_ops session_conn_ops;
void session_conn_close(struct session_conn *c); // at once, without a word to the endpoint

static inline bool session_conn_is_up(const struct session_conn *c)
{
	return c->stream && c->version;
}

struct session_conn *session_conn_ref(struct session_conn *c);
void session_conn_unref(struct session_conn *c);

void session_conn_pause(struct session_conn *c, unsigned why);
void session_conn_resume(struct session_conn *c, unsigned why);

// Write one message into what session_begin() returns, then send it.
struct of_writer *session_begin(struct session_conn *c);
void session_end(struct session_conn *c);
void session_end_now(struct session_conn *c);   // its receiver is waiting for it
bool session_end_offer(struct session_conn *c); // it may be lost; false: it was

// hello.c
void session_hello_write(struct of_writer *w); // in the highest version
void session_hello_send(struct session_conn *c);
void session_hello_receive(struct session_conn *c, struct session_request *rq);

// probe.c: keep-alive (OpenFlow 1.3.5, 6.3.2). From the start, and anew when the stream is open.
void session_probe_start(struct session_conn *c);
void session_probe_stop(struct session_conn *c);

// dispatch.c
void session_dispatch(struct session_conn *c, struct session_request *rq);
