// SPDX-License-Identifier: Apache-2.0
#pragma once
// A packet as flow tables and overlay see it: a view of bytes that somebody else owns.
//
// The data plane makes one per mbuf of its burst; a test makes one over an array. Whoever edits the
// packet (push, pop, encap) moves `data` within the headroom and keeps the lengths true; the owner
// reads them back when the packet goes out.

#include <weft/types.h>

struct weft_packet {
	uint8_t *data;      // first byte of the Ethernet header
	uint32_t len;       // bytes that lie in one piece from `data`; every header must
	uint32_t total_len; // bytes of the whole packet
	uint16_t headroom;  // bytes free before `data`
	uint16_t l2_len;    // Ethernet header with its VLAN tags, up to the last EtherType's end
	uint16_t l3_ofs;    // of the IP or ARP header (behind VLAN, MPLS, PBB); 0: none
	uint16_t l4_ofs;    // of the TCP, UDP, SCTP, ICMP header, first fragment only; 0: none
	uint32_t hash; // of the inner flow: symmetric in nothing, stable per flow; 0: not computed
	uint32_t network; // VNI or VSID that it goes out with, where the tunnel leaves it to the
			  // packet
	void *owner;      // the mbuf; never looked into here
};
