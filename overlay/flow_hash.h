// SPDX-License-Identifier: Apache-2.0
#pragma once
// The hash of an inner flow: the entropy that the underlay spreads load by.
//
// All packets of a flow must hash alike, or the underlay reorders them. So the hash takes what a
// flow keeps and nothing that may change underway: Ethernet addresses, VLAN IDs (not priorities),
// the EtherType, the IP addresses, the protocol, and the ports of TCP, UDP, UDP-Lite, SCTP and
// DCCP. A fragment, the first included, goes without ports, since the later ones have none;
// fragments of one datagram hash alike. Over IPv6 that goes with a real fragment header, not an
// atomic one (RFC 6946), and the protocol is then that header's, which all fragments carry.
//
// The hash is not symmetric: the two directions of a connection differ. It is keyed by `seed` so
// that a tenant cannot aim flows at one path of the underlay; it is no cryptographic promise. Pure;
// any thread; a few multiplications per packet. All 32 bits are fit to be scaled.

#include <stdint.h>

// `frame` begins at the Ethernet header, of which at least `len` bytes lie in one piece; any length
// and content, headers beyond `len` do not count. Never 0, which struct weft_packet reads as "not
// computed".
uint32_t overlay_flow_hash(const uint8_t *frame, uint32_t len, uint64_t seed);
// The same number, sooner, for a frame that is known to be untagged IPv4 without options, no
// fragment, with 4 bytes or more after the IP header.
uint32_t overlay_flow_hash_plain(const uint8_t *frame, uint64_t seed);
