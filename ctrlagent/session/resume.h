// SPDX-License-Identifier: Apache-2.0
#pragma once
// Packets that stopped for their controller, and go on when it says so: NXT_PACKET_IN2 with
// NXPINT_CONTINUATION, and NXT_RESUME.
//
// A continuation is the data plane's (weft/continuation.h), which keeps nothing of the packet. A
// controller must neither make one up nor change one: it would set what no action may, like the
// port that the packet came in by in fact. So it goes out sealed, an HMAC-SHA256 (RFC 2104) before
// it, by a key of the switch's own that lives as long as the switch in this agent. What does not
// fit the seal, be it another switch's or of an agent before, is stale (NXR_STALE).
//
// Open vSwitch's continuations are properties, so they are aligned to 8 bytes, and programs that
// use its library send zeros in the four bytes before: these are not ours.
//
// A controller may send the packet changed, and its metadata: what differs in those from the
// continuation is done by set-fields before the packet goes on. Whatever else NXT_RESUME repeats of
// the packet-in means nothing. The same packet may be sent on more than once: a packet-out could
// send it as often.

#include <weft/continuation.h>

#define SESSION_SEAL_PAD 4u
#define SESSION_SEAL_BYTES 32u
#define SESSION_SEALED_MAX (SESSION_SEAL_PAD + SESSION_SEAL_BYTES + WEFT_PAUSE_BYTES)

struct session_switch;

// `len` bytes at most WEFT_PAUSE_BYTES. Bytes of `out`; 0: it is too long, or cannot be sealed.
size_t session_continuation_seal(struct session_switch *sw, const void *continuation, size_t len,
	uint8_t out[static SESSION_SEALED_MAX]);
// The continuation within `sealed`, copied to `out`; its bytes, 0: it is not this switch's.
size_t session_continuation_open(struct session_switch *sw, const void *sealed, size_t len,
	uint64_t out[static WEFT_PAUSE_BYTES / 8]);
