// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an uplink's card does for us: checksums, and segments of TCP inside tunnels.
//
// A device says what it can do (rte_eth_dev_info_get()); of that it is asked for what is of use
// here, when it is configured, and only that may be used afterwards. A device that says nothing, or
// a port with `offload: off`, costs nothing: whatever is not asked for is done in software as if no
// card could do it.
//
// Received. The checksums that are worth being spared run over a whole packet: the outer UDP one,
// where the sender fills it in, and the inner TCP one, which must be right before frames are joined
// for a machine (dp_gro.h). What a card says of an inner packet and of an outer one it says by the
// same flags, RTE_MBUF_F_RX_L4_CKSUM_*, depending on whether it has looked into the tunnel; that it
// has, packet_type tells. What is not certain is unknown, and checked in software.
//
// Sent. A machine's big segment, which came as one (dp_big.h), is cut by the card, or cut here and
// summed by the card. For that rte_mbuf.h wants the lengths of all headers, flags for both halves
// of the tunnel, zero in the IPv4 checksums, and in TCP's and the outer UDP's the sum of the pseudo
// header: with the length, unless the card is to cut, for then each segment has its own. A card
// that knows nothing of tunnels can still sum what is inside, if everything before the inner IP
// header is called its Ethernet header; the outer UDP checksum must then be zero.
//
// LRO is not asked for: a switch must pass on what came, and a card that has joined frames may not
// be able to say what they were.

#include "ports/dp_port.h"
#include "offload/dp_tcp.h"

#include "overlay/encap.h"

// ---- control thread

// Adds to `conf` what is to be asked of an uplink's device that says `info`; the port remembers it.
void dp_offload_ask(
	struct dp_port *p, const struct rte_eth_dev_info *info, struct rte_eth_conf *conf);
// Tells devices by which UDP port they know VXLAN: one that has been started, or all when the
// port's number changes from `old`.
void dp_offload_tell_port(const struct dp *dp, const struct dp_port *p);
// The same of a bond's member that came later.
void dp_offload_tell_device(const struct dp *dp, const struct dp_port *p, uint16_t dev);
void dp_offload_change_port(const struct dp *dp, uint16_t old);
// Whether machines' segments are worth keeping in one, after uplinks came or went.
void dp_offload_refresh(struct dp *dp);

// ---- workers

#define DP_OFFLOAD_RX (WEFT_OFFLOAD_RX_OUTER | WEFT_OFFLOAD_RX_INNER)

// What the card says of outer checksums, for overlay_decap(). In RX_L4_CKSUM of the buffer is left
// what it says of the inner packet, and nothing else.
uint8_t dp_offload_hints(struct rte_mbuf *m);

// Whether the card behind `port` can cut what this template encapsulates.
bool dp_offload_cuts(const struct dp_port *port, const struct overlay_template *t);
// Whether it can fill in TCP's and IP's checksums inside.
bool dp_offload_sums(const struct dp_port *port, const struct overlay_template *t);

// Says so in a buffer whose frame begins with the template's header, and prepares the checksum
// fields. `in` tells where things are in the inner frame (dp_tcp.h); `mss` 0: nothing to cut.
void dp_offload_mark(struct rte_mbuf *m, const struct dp_port *port,
	const struct overlay_template *t, const struct dp_tcp *in, uint32_t mss);
// Does in software what was to be done for a frame of one segment that is not to be cut.
void dp_offload_finish(
	struct rte_mbuf *m, const struct overlay_template *t, const struct dp_tcp *in);
