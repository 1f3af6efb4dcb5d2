// SPDX-License-Identifier: Apache-2.0
#pragma once
// The flow key: everything of a packet that a rule can match, in one flat block of 64-bit words.
//
// Every field is kept in network byte order, right-aligned in its container, whatever its width in
// bits. So a field is (offset, bits) and nothing else: matching, set-field, move and the wire
// codecs all treat it as a big-endian number. in_port and metadata are no exception.
//
// Fields that exclude each other by their prerequisites share a container, as in the packet: the
// ports with ICMP type and code and with the ARP operation, the IPv4 addresses with ARP's, ND's
// link-layer addresses with ARP's. fields.h says which prerequisites apply. A container of a layer
// that the packet does not have is zero.
//
// The order is by layer, so that the key of a packet touches few words: an IPv4 five-tuple lies in
// the word of eth_type (for the prerequisite) and two more.

#include <assert.h>

#include <weft/types.h>

#define WEFT_VLAN_PRESENT 0x1000u // in vlan_vid, host order: there is a tag (OFPVID_PRESENT)

struct weft_flow_key {
	// pipeline
	weft_be64 metadata;
	weft_be64 tunnel_id;       // VNI or VSID, right-aligned
	weft_be32 in_port;         // OpenFlow port number in the tenant's switch
	weft_be32 in_phy_port;
	weft_be32 actset_output;   // OpenFlow 1.5
	weft_be32 packet_type;     // OpenFlow 1.5; 0 is Ethernet
	// Ethernet, VLAN, MPLS, PBB
	struct weft_mac eth_dst;
	weft_be16 eth_type;        // after all VLAN tags; 0x05ff for a length field without SNAP
	struct weft_mac eth_src;
	weft_be16 vlan_vid;        // of the outermost tag, with WEFT_VLAN_PRESENT; 0: no tag
	uint8_t vlan_pcp;
	uint8_t mpls_tc;
	uint8_t mpls_bos;
	uint8_t mpls_ttl;
	weft_be32 mpls_label;
	weft_be32 pbb_isid;
	uint8_t pbb_uca;
	uint8_t ip_frag;           // WEFT_FRAG_*
	uint8_t pad0[2];
	// IPv4, ARP; and L4 for both IP versions
	weft_be32 ipv4_src;        // or arp_spa
	weft_be32 ipv4_dst;        // or arp_tpa
	uint8_t ip_proto;          // IPv6: the last next-header, past the extension headers
	uint8_t ip_dscp;
	uint8_t ip_ecn;
	uint8_t ip_ttl;
	weft_be16 l4_src;          // port; ICMP type in the low byte; arp_op
	weft_be16 l4_dst;          // port; ICMP code in the low byte
	weft_be16 tcp_flags;
	weft_be16 ipv6_exthdr;     // OFPIEH_* bits
	weft_be32 ipv6_flabel;
	// IPv6, ND
	uint8_t ipv6_src[16];
	uint8_t ipv6_dst[16];
	uint8_t nd_target[16];
	struct weft_mac arp_sha;   // or nd_sll
	uint8_t pad1[2];
	struct weft_mac arp_tha;   // or nd_tll
	uint8_t pad2[2];
	// tunnel: set by decap, or by an action for encap
	weft_be32 tun_src;
	weft_be32 tun_dst;
	weft_be16 tun_flags;
	uint8_t pad3[2];
	weft_be32 conj_id;         // only while a lookup asks for a conjunction's rule; else 0
	uint8_t tun_ipv6_src[16];
	uint8_t tun_ipv6_dst[16];
	// registers and marks
	weft_be32 reg[16];
	weft_be32 pkt_mark;
	weft_be32 ct_state;
	weft_be16 ct_zone;
	uint8_t pad4[2];
	weft_be32 ct_mark;
	uint8_t ct_label[16];
};

#define WEFT_KEY_WORDS (sizeof(struct weft_flow_key) / 8)
static_assert(sizeof(struct weft_flow_key) % 8 == 0, "the key is an array of words");
static_assert(sizeof(struct weft_flow_key) / 8 <= 64, "a bitmap of words fits 64 bits");
static_assert(offsetof(struct weft_flow_key, ipv4_src) % 8 == 0, "addresses share a word");
static_assert(offsetof(struct weft_flow_key, ip_proto) % 8 == 0, "protocol and ports share a word");
static_assert(offsetof(struct weft_flow_key, ipv6_src) % 8 == 0, "aligned");

// Bytes of the key that come from the packet and its port; what follows (tunnel, registers, marks)
// changes only by decap or by an action.
#define WEFT_KEY_PACKET_BYTES offsetof(struct weft_flow_key, tun_src)

// ip_frag: the bits of nw_frag in ovs-fields(7).
#define WEFT_FRAG_ANY 1   // is a fragment
#define WEFT_FRAG_LATER 2 // and not the first
