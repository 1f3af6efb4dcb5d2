// SPDX-License-Identifier: Apache-2.0
#pragma once
// The numbers of the headers that overlay/ reads and writes, and big-endian loads and stores.
//
// Headers are addressed as bytes, not as packed structs: a frame has no alignment (its IP header
// lies 14 or 18 bytes in), and memcpy of a constant size is one instruction on every machine that
// matters.

#include <assert.h>

#include <weft/types.h>

// Ethernet
#define OVERLAY_ETH_LEN 14u
#define OVERLAY_VLAN_LEN 4u
#define OVERLAY_ETHERTYPE_IPV4 0x0800u
#define OVERLAY_ETHERTYPE_VLAN 0x8100u  // IEEE 802.1Q customer tag
#define OVERLAY_ETHERTYPE_SVLAN 0x88a8u // IEEE 802.1ad service tag
#define OVERLAY_ETHERTYPE_IPV6 0x86ddu
#define OVERLAY_ETHERTYPE_TEB 0x6558u // transparent Ethernet bridging, in GRE

// IP
#define OVERLAY_IPV4_LEN 20u
#define OVERLAY_IPV4_DF 0x4000u
#define OVERLAY_IPV4_MF 0x2000u
#define OVERLAY_IPV4_OFFSET 0x1fffu
#define OVERLAY_IPV6_LEN 40u
#define OVERLAY_IPV6_FRAG_OFFSET 0xfff8u
#define OVERLAY_IPV6_FRAG_MORE 1u

#define OVERLAY_PROTO_HOPOPTS 0
#define OVERLAY_PROTO_TCP 6
#define OVERLAY_PROTO_UDP 17
#define OVERLAY_PROTO_DCCP 33
#define OVERLAY_PROTO_ROUTING 43
#define OVERLAY_PROTO_FRAGMENT 44
#define OVERLAY_PROTO_GRE 47
#define OVERLAY_PROTO_DSTOPTS 60
#define OVERLAY_PROTO_SCTP 132
#define OVERLAY_PROTO_UDPLITE 136

#define OVERLAY_UDP_LEN 8u

// VXLAN (RFC 7348, 5): flags, 24 reserved bits, VNI, 8 reserved bits.
#define OVERLAY_VXLAN_LEN 8u
#define OVERLAY_VXLAN_PORT 4789u
#define OVERLAY_VXLAN_I 0x08u // in the first byte

// GRE (RFC 2784, 2890) as NVGRE uses it (RFC 7637, 3.2): flags, protocol type, VSID, FlowID.
#define OVERLAY_GRE_LEN 4u
#define OVERLAY_NVGRE_LEN 8u
#define OVERLAY_GRE_C 0x8000u
#define OVERLAY_GRE_R 0x4000u // routing present, in RFC 1701 alone
#define OVERLAY_GRE_K 0x2000u
#define OVERLAY_GRE_S 0x1000u
#define OVERLAY_GRE_VERSION 0x0007u

// The most that overlay_encap() puts before a frame: Ethernet, a tag, IPv6, UDP, VXLAN.
#define OVERLAY_ENCAP_MAX_LEN                                                                      \
	(OVERLAY_ETH_LEN + OVERLAY_VLAN_LEN + OVERLAY_IPV6_LEN + OVERLAY_UDP_LEN +                 \
		OVERLAY_VXLAN_LEN)
static_assert(OVERLAY_ENCAP_MAX_LEN == 74, "fits the usual 128 bytes of headroom");

static inline uint16_t overlay_get16(const uint8_t *p)
{
	return ntohs(weft_load16(p));
}

static inline uint32_t overlay_get32(const uint8_t *p)
{
	return ntohl(weft_load32(p));
}

static inline void overlay_put16(uint8_t *p, uint16_t v)
{
	weft_be16 be = htons(v);

	memcpy(p, &be, 2);
}

static inline void overlay_put32(uint8_t *p, uint32_t v)
{
	weft_be32 be = htonl(v);

	memcpy(p, &be, 4);
}
