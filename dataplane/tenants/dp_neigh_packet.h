// SPDX-License-Identifier: Apache-2.0
#pragma once
// ARP (RFC 826) and neighbour discovery (RFC 4861) as a switch reads them: who says where he is,
// and who is asked for; and the answer in another's name.
//
// Only what leaves no doubt is believed: Ethernet and IPv4 in ARP; a hop limit of 255, a right
// checksum and whole options in neighbour discovery (RFC 4861, 7.1); and a sender who tells of the
// very MAC address that the frame came from. Anything else is no such packet, and passes as any
// other.
//
// Pure: bytes in, bytes out; no allocation, any thread.

#include <weft/types.h>

struct dp_neigh_packet {
	bool tells;  // a binding: `ip` is at `mac`
	bool asks;   // all, who has `target`
	bool router; // of the binding: it said that it is one
	bool is_nd;
	uint16_t vlan;   // of the outermost tag, 0: none
	uint16_t l3_ofs; // of the ARP or IPv6 header
	struct weft_ip ip;
	struct weft_mac mac;
	struct weft_ip target;
};

#define DP_NEIGH_ANSWER_MAX (14 + 2 * 4 + 40 + 32)

// False: neither ARP nor neighbour discovery, or not sound. The frame has `len` bytes.
bool dp_neigh_parse(const uint8_t *frame, uint32_t len, struct dp_neigh_packet *q);

// Writes the answer to `request`, for which dp_neigh_parse() said that it asks: q->target is at
// `mac`. With the request's own VLAN tags. Returns its length, at most DP_NEIGH_ANSWER_MAX.
uint32_t dp_neigh_answer(const uint8_t *request, const struct dp_neigh_packet *q,
	const struct weft_mac *mac, bool router, uint8_t out[static DP_NEIGH_ANSWER_MAX]);
