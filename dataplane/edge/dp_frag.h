// SPDX-License-Identifier: Apache-2.0
#pragma once
// Fragmentation: of a tenant's IPv4 packet, or of the outer packet that carries it.
//
// Both by rte_ip_frag, which makes each fragment of a header of its own and a reference to the
// packet's bytes, and leaves checksums (IPv4) and identification (IPv6) to us.
//
// An outer packet that is to be fragmented needs an identification that no other of its tunnel's
// has for as long as fragments may wait to be put together (RFC 6864, 4.2; RFC 8200, 4.5). All
// others are atomic and may have any. So the fragmented ones, and only they, are numbered by one
// counter of the host's, which workers share: it is the one line that they all write, for packets
// that cost much more than that. IPv4's 16 bits wrap within a second at 65,536 such packets a
// second, and then the far end may put together what does not belong (RFC 4963): turn udp_checksum
// on where that matters.

#include <weft/packet.h>

#include "tenants/dp_drop.h"
#include "edge/dp_oversize.h"

// Makes fragments of the IPv4 packet in a frame (DF clear, `l2` bytes before it), each of at most
// `mtu` bytes, each a frame. Takes the buffer if it returns how many; 0: it cannot be done, and `p`
// is untouched.
unsigned dp_frag_inner(struct dp_worker *w, const struct weft_packet *p, uint32_t l2, uint32_t mtu,
	struct weft_packet out[DP_FRAGS_MAX]);

// Encapsulates a frame and sends the outer packet in fragments. Takes the buffer.
void dp_frag_outer(struct dp_worker *w, struct dp_tenant *t, const struct dp_remote *r,
	const struct weft_packet *p, const struct dp_cause *cause);
