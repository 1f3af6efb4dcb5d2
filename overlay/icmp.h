// SPDX-License-Identifier: Apache-2.0
#pragma once
// Telling a sender that its packet is too big for the way: ICMP "fragmentation needed" (RFC 792,
// RFC 1191) and ICMPv6 "packet too big" (RFC 4443, 3.2).
//
// The edge of the overlay is a bridge to the tenant and has no address there. So the answer bears
// the address that the packet was for, in both IP and Ethernet, as bridges' answers do: that is an
// address which the sender will take it from, whatever its filters (the sender looks at the packet
// that is quoted, not at who quotes it). It goes out of the port that the packet came in by, under
// the same VLAN tags.
//
// Not everything may be answered (RFC 1122, 3.2.2; RFC 1812, 4.3.2.7; RFC 4443, 2.4 e): no ICMP
// error, no fragment but the first, nothing that was for or from a multicast, broadcast, loopback
// or unspecified address. RFC 4443 would let a "packet too big" answer a multicast; every edge of
// the overlay would send one, so none does.
//
// Pure; any thread.

#include <weft/packet.h>

// The longest answer: IPv6's minimum MTU, Ethernet and two tags.
#define OVERLAY_ICMP_MAX_LEN 1302u
// Its IP packet may be so long in any case: the headers and 8 bytes behind the one that is quoted.
#define OVERLAY_ICMP_LEAST 96u

enum overlay_oversize {
	OVERLAY_OVERSIZE_SILENT,   // nobody may be told
	OVERLAY_OVERSIZE_TELL,     // an ICMP message is due
	OVERLAY_OVERSIZE_FRAGMENT, // IPv4 without DF: it may be made smaller (RFC 791, 3.2)
};

// What may be done about an Ethernet frame that is too big; `len` bytes of it are readable.
enum overlay_oversize overlay_oversize(const uint8_t *frame, uint32_t len);

// Writes the answer to `frame` (which overlay_oversize() said TELL of), that packets of at most
// `mtu` bytes from the IP header on would pass, to `out`: a whole Ethernet frame with all
// checksums, of at most OVERLAY_ICMP_MAX_LEN bytes and itself within `mtu` or OVERLAY_ICMP_LEAST.
// Returns its length.
uint32_t overlay_icmp_too_big(
	const uint8_t *frame, uint32_t len, uint32_t mtu, uint8_t out[OVERLAY_ICMP_MAX_LEN]);
