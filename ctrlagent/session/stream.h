// SPDX-License-Identifier: Apache-2.0
#pragma once
// One connected byte stream, cut into OpenFlow messages, bounded on both sides.
//
// Input. Bytes are cut at the length field of OpenFlow's header (1.3.5, 7.1). In one turn of the
// event loop at most `turn_messages` messages are handed up; what is left waits for the next turn,
// so that a controller that floods gets its share and no more. What has not been handed up is kept,
// up to `in_bytes`; then the socket is not read and TCP slows the sender down.
//
// Pausing. While session_stream_pause() is in force (a barrier waits) no message is handed up. The
// stream pauses by itself while more than `out_soft` bytes wait to be sent: who does not read his
// answers gets to ask no more questions.
//
// Gating. While session_stream_gate() is in force, messages are handed up as long as ops->passes()
// lets them: the first one that may not pass waits, and all behind it.
//
// Output. session_stream_send() takes a message always up to `out_hard` bytes of backlog; past
// that, the stream is closed ("does not read"), for a controller that misses a message must not
// believe that it saw all. session_stream_offer() is for what may be lost (packet-in): refused
// above out_soft.
//
// Single-threaded: everything runs in the thread of the event_base. Callbacks come from its loop
// only, except `closed`, which never comes from session_stream_free(). Any callback may call any
// function here, session_stream_free() included.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session/tls.h"

struct event_base;
struct session_target;

struct session_stream_limits {
	size_t in_bytes; // at least 64 KiB, a message
	size_t out_soft;
	size_t out_hard;
	unsigned turn_messages;
};
extern const struct session_stream_limits session_stream_default_limits;

struct session_stream_ops {
	// Connected, and for TLS: shaken hands.
	void (*open)(void *arg);
	// One message of len >= 8 bytes, as long as its header says; valid during the call.
	void (*message)(void *arg, const uint8_t *msg, size_t len);
	// One message that was given to be sent, whole. May be NULL.
	void (*sent)(void *arg, const void *msg, size_t len);
	// Whether this message, which is here whole, need not wait at the gate. May be NULL: none.
	bool (*passes)(void *arg, const uint8_t *msg, size_t len);
	// A header that says less than 8 bytes; the stream cannot be cut any more. Send an error
	// and call session_stream_finish().
	void (*bad_frame)(void *arg, const uint8_t header[8]);
	// Of what waited to be sent, half of out_soft or less is left. May be NULL.
	void (*drained)(void *arg);
	// The stream is over; call session_stream_free().
	void (*closed)(void *arg, const char *why);
};

struct session_stream_stats {
	uint64_t rx_messages, rx_bytes;
	uint64_t tx_messages, tx_bytes;
	uint64_t shed;      // messages offered and refused
	uint64_t throttled; // turns that ended with input left over
};

struct session_stream;

// Both return NULL with errno set. Connecting goes on in the background; `open` or `closed`
// follows. session_stream_accept() takes the descriptor over, on failure too. tls may be NULL.
struct session_stream *session_stream_connect(struct event_base *base,
	const struct session_target *target, struct session_tls *tls,
	const struct session_stream_ops *ops, void *arg);
struct session_stream *session_stream_accept(struct event_base *base, int fd,
	struct session_tls *tls, const struct session_stream_ops *ops, void *arg);
void session_stream_free(
	struct session_stream *s); // at once; what was not sent yet is lost; NULL is fine

// limits must live as long as the stream.
void session_stream_set_limits(
	struct session_stream *s, const struct session_stream_limits *limits);

void session_stream_send(struct session_stream *s, const void *msg, size_t len);
// Not only when the turn ends, for somebody waits for it: costs a system call.
void session_stream_send_now(struct session_stream *s, const void *msg, size_t len);
bool session_stream_offer(struct session_stream *s, const void *msg, size_t len);

// Hand nothing up any more, send what is waiting (5 s at most), then `closed` with this reason.
void session_stream_finish(struct session_stream *s, const char *why);

void session_stream_pause(struct session_stream *s);
void session_stream_resume(struct session_stream *s);
void session_stream_gate(struct session_stream *s, bool shut);

size_t session_stream_backlog(const struct session_stream *s); // bytes that wait to be sent
// More waits than out_soft. `drained` will tell of the end of it.
bool session_stream_is_full(const struct session_stream *s);
const struct session_stream_stats *session_stream_stats(const struct session_stream *s);
