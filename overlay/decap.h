// SPDX-License-Identifier: Apache-2.0
#pragma once
// The receive side: what is this frame from the underlay, and where in it is the tenant's frame?
//
// Each frame that an uplink receives gets one verdict. The question comes in two parts, and the
// order matters, because a VTEP shares its address with the host's kernel.
//
// Is it ours? Ours is what goes to the VTEP's own address and is UDP to the VXLAN port, or GRE that
// carries Ethernet (protocol type 0x6558), each only if the VTEP speaks that encapsulation. All
// else is OVERLAY_FOREIGN and belongs to the kernel: ARP, ND, BGP, other UDP, other GRE (0x0800,
// ERSPAN, PPTP's version 1), later fragments (they do not say what they are part of), IPv6 packets
// whose routing header leads on or that pile up extension headers.
//
// If it is ours, is it right? If not, OVERLAY_DROP with the reason. A packet to the VTEP's address
// over UDP or GRE that is so malformed that nobody could find its port or protocol type is dropped
// here too: the kernel would do just that, but without a name for the operator to find.
//
// Read strictly, as the RFCs say:
//
// - VXLAN (RFC 7348, 5): the I flag must be set; all other flags and reserved fields are ignored.
//   A zero UDP checksum is accepted over IPv4 unless the VTEP says no; over IPv6 if it says so
//   (RFC 6935, 6936). Any other is verified. The UDP length, not the IP length, ends the packet.
// - NVGRE (RFC 7637, 3.2): K set, C and S clear, version 0. Bit 1, nameless in RFC 7637, must be
//   clear: it is RFC 1701's "routing present", after which bytes of unknown length would follow.
//   Reserved0, which RFC 7637 draws as bits 4 to 12, is ignored; RFC 2784, 2.3 would have bits 4
//   and 5 discarded as well, but they change no layout (RFC 1701: strict source route, recursion),
//   and the narrower document rules. VSIDs 0 to 0xfff and 0xffffff are reserved.
// - IPv4: header checksum, options skipped, Ethernet padding cut off. Fragments are not reassembled
//   (RFC 7348, 4.3 lets a VTEP discard them): the first is dropped under its own reason. If the
//   caller reassembles, each fragment that may be ours (to the VTEP's address, of UDP or GRE) is
//   OVERLAY_FRAGMENT, its lengths sound; whether it is ours, the whole will tell. Over IPv6 only
//   those whose fragment header is the first extension header.
// - IPv6: hop-by-hop, destination and used up routing headers are skipped, OVERLAY_IPV6_EXT_MAX of
//   them at most; an atomic fragment (RFC 6946) is a whole packet. A source that is an IPv4-mapped
//   address is refused, since struct weft_ip could not tell it from the IPv4 peer.
// - The underlay may have one 802.1Q tag.
// - What goes to a multicast group is ours if the VTEP says so.
//
// The Ethernet destination is not looked at (that is the port's business), nor is an inner VLAN tag
// judged (that is the tenant's): both are the caller's policy.
//
// Pure functions: nothing is allocated, kept or written but the result. Any thread.

#include <assert.h>

#include <weft/checksum.h>
#include <weft/drop.h>
#include <weft/packet.h>

#define OVERLAY_IPV6_EXT_MAX 8u // extension headers of an outer packet

enum overlay_verdict {
	OVERLAY_FOREIGN = 0, // not overlay: for the host's kernel
	OVERLAY_INNER = 1,   // a tenant's frame
	OVERLAY_DROP = 2,    // overlay, but wrong: see `drop`
	OVERLAY_PULLUP = 3,  // a header lies beyond the first piece: make it contiguous, call again
	OVERLAY_FRAGMENT = 4, // of what may be ours, to be put together; only if vtep->reassemble
};

// What a NIC said about the checksums of a frame, any of these or'ed; 0: nothing.
#define OVERLAY_HINT_IP_GOOD 1u
#define OVERLAY_HINT_IP_BAD 2u
#define OVERLAY_HINT_UDP_GOOD 4u // or not yet filled in, in a frame that never left the machine
#define OVERLAY_HINT_UDP_BAD 8u  // not heeded if the field is zero: there some NICs err

// Adds to `acc` the first `len` bytes that follow the contiguous pkt->len ones. `len` is at most
// pkt->total_len - pkt->len. The caller's, since only it knows its segments (by pkt->owner).
typedef void overlay_tail_fn(const struct weft_packet *pkt, uint32_t len, struct weft_csum *acc);

// Which packets are ours. Zero it, set what applies, and leave it be while workers read it.
struct overlay_vtep {
	struct weft_ip ipv4; // none: no IPv4 underlay
	struct weft_ip ipv6;
	uint16_t vxlan_port; // host order, usually OVERLAY_VXLAN_PORT; 0: no VXLAN
	bool nvgre;
	bool udp6_zero_csum_ok;       // accept zero UDP checksums over IPv6 (RFC 6935, 6936)
	bool udp4_zero_csum_bad;      // refuse them over IPv4 too
	bool reassemble;              // the caller puts fragments together
	uint32_t group_count;         // multicast groups that are ours too
	const struct weft_ip *groups; // sorted by their bytes
	overlay_tail_fn *tail; // NULL: sums over several pieces go unverified (RFC 7348, 5: MAY)
};

// The result. Whatever parsing did not reach is zero.
struct overlay_rx {
	struct weft_ip src; // outer; set unless OVERLAY_FOREIGN
	struct weft_ip dst;
	uint32_t vni;       // or VSID
	uint32_t inner_ofs; // of the inner Ethernet header, from pkt->data
	uint32_t inner_len; // bytes of the inner frame, at least 14; what follows them is padding
	uint16_t outer_vid; // underlay VLAN; 0: none
	uint8_t verdict;    // enum overlay_verdict
	uint8_t encap;      // enum weft_encap; set from when it is known to be ours
	uint8_t drop;       // enum weft_drop, if OVERLAY_DROP
	uint8_t flow_id;    // NVGRE
	uint8_t tos;        // outer DSCP and ECN, as in the header
	uint8_t ttl;        // outer TTL or hop limit
	bool inner_vlan;    // the inner frame's first EtherType is a VLAN tag's
	uint8_t pad[11];
};
static_assert(sizeof(struct overlay_rx) == 64, "one cache line");
static_assert(WEFT_DROP_MAX <= 256, "drop is a byte");

// Reads pkt->data, len, total_len and owner (the last for vtep->tail alone). `hints`:
// OVERLAY_HINT_*. Returns the verdict, which is also in `rx`. Never reads beyond pkt->len bytes.
enum overlay_verdict overlay_decap(const struct overlay_vtep *vtep, const struct weft_packet *pkt,
	unsigned hints, struct overlay_rx *rx);

// Moves `pkt` from the outer frame to the inner one that `rx` (OVERLAY_INNER) describes: the header
// becomes headroom, trailing padding is no longer counted. The owner must follow (trim its segments
// to total_len). Layer offsets become unknown.
static inline void overlay_strip(struct weft_packet *pkt, const struct overlay_rx *rx)
{
	pkt->data += rx->inner_ofs;
	pkt->headroom = (uint16_t)(pkt->headroom + rx->inner_ofs);
	pkt->len -= rx->inner_ofs;
	pkt->total_len = rx->inner_len;
	if (pkt->len > pkt->total_len)
		pkt->len = pkt->total_len;
	pkt->l2_len = 0;
	pkt->l3_ofs = 0;
	pkt->l4_ofs = 0;
}
