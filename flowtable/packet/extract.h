// SPDX-License-Identifier: Apache-2.0
#pragma once
// From the bytes of a frame to the flow key (OpenFlow 1.3.5, 7.2.3.7 and 7.2.3.8).
//
// One pass, front to back. Whatever the frame claims, no byte beyond pkt->len is read, and the work
// is bounded: FT_MAX_VLANS tags, FT_MAX_EXTHDRS IPv6 extension headers, FT_MAX_ND_OPTIONS options
// of a neighbour message. What lies beyond a bound is left alone: the tag stays the Ethernet type,
// the extension header stays the protocol.
//
// A layer that is cut short or contradicts itself is not there: its fields stay zero, and so do the
// layers in it. In detail:
//   - A VLAN tag cut off by the end of the frame is no tag; its TPID is the Ethernet type.
//   - 802.3 with LLC/SNAP of OUI 0 has SNAP's type, every other length field is type 0x05ff.
//   - Below MPLS and PBB nothing is looked at, as the specification wants.
//   - IPv4 with a version, an IHL or a total length that cannot be has no IPv4 fields; nor has IPv6
//   whose
//     payload length exceeds the frame. The header checksum is not verified.
//   - ARP that is not Ethernet over IPv4 has no ARP fields.
//   - Bytes after the IP packet (padding of short frames) are not read as part of it.
//   - A later fragment has no ports. A later IPv6 fragment has protocol 44, as in ovs-fields(7):
//   what its
//     fragment header names as next need not be what the ports belong to.
//   - A neighbour message with a broken or doubled option has none of the ND fields.

#include <weft/flow_key.h>
#include <weft/packet.h>

#define FT_MAX_VLANS 8
#define FT_MAX_EXTHDRS 8
#define FT_MAX_ND_OPTIONS 16

#define FT_ETH_IPV4 0x0800
#define FT_ETH_ARP 0x0806
#define FT_ETH_VLAN 0x8100
#define FT_ETH_SVLAN 0x88a8
#define FT_ETH_IPV6 0x86dd
#define FT_ETH_MPLS 0x8847
#define FT_ETH_MPLS_MC 0x8848
#define FT_ETH_PBB 0x88e7
#define FT_ETH_LLC 0x05ff // OFP_DL_TYPE_NOT_ETH_TYPE: a length and no SNAP
#define FT_ETH_MIN 0x0600 // below it is a length

#define FT_PROTO_ICMP 1
#define FT_PROTO_TCP 6
#define FT_PROTO_UDP 17
#define FT_PROTO_FRAGMENT 44
#define FT_PROTO_ICMPV6 58
#define FT_PROTO_SCTP 132

#define FT_ND_SOLICIT 135
#define FT_ND_ADVERT 136

// enum ofp_ipv6exthdr_flags
#define FT_EXTHDR_NONEXT 0x001
#define FT_EXTHDR_ESP 0x002
#define FT_EXTHDR_AUTH 0x004
#define FT_EXTHDR_DEST 0x008
#define FT_EXTHDR_FRAG 0x010
#define FT_EXTHDR_ROUTER 0x020
#define FT_EXTHDR_HOP 0x040
#define FT_EXTHDR_UNREP 0x080 // one more often than RFC 8200, 4.1 has it
#define FT_EXTHDR_UNSEQ 0x100 // not in RFC 8200's order

// Fills what of the key comes from the packet, all of it (what is not there is zero), and
// pkt->l2_len, l3_ofs and l4_ofs. Leaves alone the pipeline fields (metadata, in_port, …), the
// tunnel and the registers, so that it may be called again after an edit.
void ft_extract(struct weft_packet *, struct weft_flow_key *);

// A hash of the flow: MAC addresses, EtherType and VLAN, the addresses of IP or ARP, protocol and
// ports. Never 0. Needs an extracted key; all fragments of an IPv4 packet that has fragments hash
// alike.
uint32_t ft_flow_hash(const struct weft_flow_key *, uint64_t seed);

// ---- for edit*.c, which must find again what extraction found

// Where the walk over the IPv6 extension headers ended.
struct ft_ip6_walk {
	unsigned proto_ofs; // of the byte that names `proto`
	unsigned end_ofs;   // of the header that `proto` names
	uint16_t exthdr;    // FT_EXTHDR_*
	uint8_t proto;
	uint8_t frag;      // WEFT_FRAG_*
	bool routing_left; // a routing header with segments left: the last address is in there
};

// From the IPv6 header at `l3`, of which 40 bytes are there; nothing at or after `end` is read.
void ft_ip6_walk(const uint8_t *data, unsigned l3, unsigned end, struct ft_ip6_walk *);

// Offsets in the frame, 0: not there.
struct ft_nd {
	unsigned target, sll, tll;
};
// Of the neighbour solicitation or advertisement at `l4`; false: malformed.
bool ft_nd_find(const uint8_t *data, unsigned l4, unsigned end, struct ft_nd *);

// One past the last byte of the IP packet, or of what of it lies in one piece. Needs pkt->l3_ofs.
unsigned ft_ip_end(const struct weft_packet *, const struct weft_flow_key *);

static inline bool ft_eth_is_mpls(weft_be16 type)
{
	return type == htons(FT_ETH_MPLS) || type == htons(FT_ETH_MPLS_MC);
}

static inline bool ft_eth_is_vlan(weft_be16 type)
{
	return type == htons(FT_ETH_VLAN) || type == htons(FT_ETH_SVLAN);
}
