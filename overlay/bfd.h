// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bidirectional Forwarding Detection (RFC 5880): one session with one other system.
//
// A session is a small state machine: packets and times go in, packets and a state come out. It
// knows neither sockets nor clocks nor threads, so a test plays hours of it in a moment, with any
// loss and delay it likes. Who owns a session calls
//
//	overlay_bfd_receive()  for each control packet that came for it,
//	overlay_bfd_run()      until it returns false, whenever overlay_bfd_next() is due,
//
// sends what run() writes, and looks at `state` afterwards. Asynchronous mode, both sides active;
// demand mode is honoured if the peer asks for it and never asked for; no echo, no authentication
// (a packet that bears one is discarded, 6.8.6).
//
// Silence counts only while somebody listens. An owner that was not scheduled for a while finds
// every detection time run out, though the peers' packets are waiting in its queues. It tells the
// session by overlay_bfd_excuse() how long it was away, and that much later the alarm is raised.
//
// A session has one owner; other threads may read `state`, `diag` and the counters, each of which
// is written as a whole.

#include <weft/types.h>

enum overlay_bfd_state {
	OVERLAY_BFD_ADMIN_DOWN = 0,
	OVERLAY_BFD_DOWN = 1,
	OVERLAY_BFD_INIT = 2,
	OVERLAY_BFD_UP = 3,
};

// RFC 5880, 4.1; those that we send.
enum overlay_bfd_diag {
	OVERLAY_BFD_DIAG_NONE = 0,
	OVERLAY_BFD_DIAG_EXPIRED = 1,
	OVERLAY_BFD_DIAG_NEIGHBOUR_DOWN = 3,
	OVERLAY_BFD_DIAG_ADMIN_DOWN = 7,
};

#define OVERLAY_BFD_LEN 24u          // of a control packet without authentication
#define OVERLAY_BFD_SLOW_US 1000000u // not more often while the session is not up (6.8.3)

struct overlay_bfd_settings {
	uint32_t tx_us; // desired min TX interval, 1 at least
	uint32_t rx_us; // required min RX interval, 1 at least
	uint8_t mult;   // detection multiplier, 1 at least
};

// A control packet as read: RFC 5880, 4.1; host order.
struct overlay_bfd_packet {
	uint8_t diag;
	uint8_t state;
	bool poll;
	bool final;
	bool demand;
	uint8_t mult;
	uint32_t my_discr;
	uint32_t your_discr;
	uint32_t tx_us;
	uint32_t rx_us;
};

struct overlay_bfd {
	// What others may read.
	uint8_t state; // enum overlay_bfd_state
	uint8_t diag;  // enum overlay_bfd_diag: why it left the state Up last
	uint8_t remote_state;
	uint8_t remote_diag;
	uint8_t remote_mult;
	bool remote_demand;
	uint32_t discr; // ours, never 0
	uint32_t remote_discr;
	uint32_t remote_tx_us;
	uint32_t remote_rx_us;
	uint64_t since_ns; // of the state
	uint64_t sent;
	uint64_t received;
	uint64_t discarded; // packets that 6.8.6 says to discard
	uint32_t downs;     // times that it left the state Up
	// The owner's.
	struct overlay_bfd_settings want; // as advertised
	struct overlay_bfd_settings set;  // as configured
	uint32_t use_tx_us;               // what of `want` holds already (6.8.3)
	uint32_t use_rx_us;
	bool polling;
	bool final_due;
	bool admin_down;
	uint32_t random; // state of the jitter's generator
	uint64_t last_tx_ns;
	uint64_t next_tx_ns;
	uint64_t detect_ns; // when silence has lasted long enough; 0: not running
};

// A new session, in state Down. `discr` is unique on this system and not 0.
void overlay_bfd_init(struct overlay_bfd *s, const struct overlay_bfd_settings *set, uint32_t discr,
	uint64_t now_ns);
// Other intervals or another multiplier; of a session that is up, by a poll sequence (6.5, 6.8.3).
void overlay_bfd_set(
	struct overlay_bfd *s, const struct overlay_bfd_settings *set, uint64_t now_ns);
// Administratively down, or no longer (6.8.16).
void overlay_bfd_admin(struct overlay_bfd *s, bool down, uint64_t now_ns);

// `len` bytes of a UDP payload. False: to be discarded whatever the session (6.8.6).
bool overlay_bfd_parse(const uint8_t *p, uint32_t len, struct overlay_bfd_packet *out);
// A packet for this session, by the addresses it came between. False: discarded.
bool overlay_bfd_receive(
	struct overlay_bfd *s, const struct overlay_bfd_packet *p, uint64_t now_ns);

// When run() has something to do next; UINT64_MAX: not before a packet comes.
uint64_t overlay_bfd_next(const struct overlay_bfd *s);
// Does what is due. True: `out` is to be sent now; call again.
bool overlay_bfd_run(struct overlay_bfd *s, uint64_t now_ns, uint8_t out[static OVERLAY_BFD_LEN]);
// A packet that is not due: before the owner ends.
void overlay_bfd_say(struct overlay_bfd *s, uint64_t now_ns, uint8_t out[static OVERLAY_BFD_LEN]);
// For so long nobody listened.
void overlay_bfd_excuse(struct overlay_bfd *s, uint64_t gap_ns);

// Silence of this length is an alarm (6.8.4); 0: no packet has come yet.
uint64_t overlay_bfd_detection_us(const struct overlay_bfd *s);
// How often we send, without jitter (6.8.2, 6.8.7); 0: not at all.
uint32_t overlay_bfd_tx_us(const struct overlay_bfd *s);
