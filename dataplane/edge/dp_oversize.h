// SPDX-License-Identifier: Apache-2.0
#pragma once
// Frames that are too big for where they go: for a port, for the tenant's MTU, for the path to a
// VTEP.
//
// A frame that just vanishes is a black hole: the connection hangs with its first full segment. So
// the tenant says (weft_ipc_tenant.too_big) what is done:
//
//	icmp       IPv4 with DF and IPv6: the sender is told by ICMP, at most
//	           DP_OVERSIZE_RATE times a second per worker. IPv4 without DF: the packet
//	           is fragmented, as RFC 791 lets anybody on the way
//	fragment   what is too big for a path is encapsulated all the same, and the outer
//	           packet is fragmented (dp_frag.h); for ports and the tenant's own MTU as
//	           `icmp`
//	drop       nothing
//
// What cannot be helped is dropped under too-big; a packet whose sender was told is consumed
// (too-big-told).
//
// All of this is the worker's, off the path of ordinary packets.

#include "tenants/dp_drop.h"

#include <weft/ipc.h>
#include <weft/packet.h>

struct dp_tenant;
struct dp_worker;
struct dp_remote;

#define DP_OVERSIZE_RATE 1000u // ICMP messages a second, of a worker for one tenant
#define DP_OVERSIZE_BURST 100u
#define DP_FRAGS_MAX 64u // that one packet is made into

// Ethernet's header with its tags: what an MTU does not count. *tags: how many there are.
#define DP_L2_TAGS 2u // what devices have room for
static inline uint32_t dp_l2_len(const struct weft_packet *p, bool *tagged)
{
	uint32_t ofs = 12;

	while (ofs + 6 <= p->len && ofs < 12 + 4 * DP_L2_TAGS) {
		uint16_t type = (uint16_t)(p->data[ofs] << 8 | p->data[ofs + 1]);

		if (type != 0x8100 && type != 0x88a8)
			break;
		ofs += 4;
	}
	*tagged = ofs > 12;
	return ofs + 2;
}

// Takes the buffer of `p`, whose IP packet may have `mtu` bytes and has more. Returns how many
// frames are in `out` to go the same way instead: fragments, or none. `from` is the VTEP that it
// came from (used if cause->in_port is the overlay).
unsigned dp_oversize(struct dp_worker *w, struct dp_tenant *t, const struct weft_packet *p,
	uint32_t mtu, const struct weft_ip *from, const struct dp_cause *cause,
	struct weft_packet out[DP_FRAGS_MAX]);

// The same for a frame that is too big for the path to a VTEP: does all that is to be done.
void dp_oversize_remote(struct dp_worker *w, struct dp_tenant *t, const struct dp_remote *r,
	const struct weft_packet *p, const struct dp_cause *cause);
