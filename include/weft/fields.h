// SPDX-License-Identifier: Apache-2.0
#pragma once
// The match fields, once: X(ID, name, member, low-byte offset in the member, bits, flags,
// prerequisite)
//
//   ID      WEFT_FIELD_<ID>; travels over IPC, so append only
//   name    OXM's name in lower case, as controllers and ovs-fields(7) write it
//   member  of struct weft_flow_key; `skip` bytes of it are passed over (ICMP type is the low byte
//           of l4_src)
//   bits    width of the field, right-aligned in (bits + 7) / 8 bytes
//   flags   M: may bear a mask (OpenFlow 1.3.5, table 12, and besides what ovs-fields(7) lets be masked).
//           S: set-field, and whatever else writes fields, may name it. V: a view of bits that other
//           fields name, too (registers)
//   prereq  what else must be matched (OpenFlow 1.3.5, 7.2.3.6); WEFT_PREREQ_*
//
// Connection-tracking fields are reserved: nothing sets them, so they match as zero.
//
// The wire codes of the fields (OXM class and number) are the agent's business.

#include <weft/flow_key.h>

#define WEFT_FIELD_M 1u
#define WEFT_FIELD_S 2u
#define WEFT_FIELD_V 8u

#define WEFT_FIELDS(X)                                                                             \
	X(IN_PORT, in_port, in_port, 0, 32, WEFT_FIELD_S, NONE)                                    \
	X(IN_PHY_PORT, in_phy_port, in_phy_port, 0, 32, 0, IN_PORT)                                \
	X(METADATA, metadata, metadata, 0, 64, WEFT_FIELD_M | WEFT_FIELD_S, NONE)                  \
	X(ETH_DST, eth_dst, eth_dst, 0, 48, WEFT_FIELD_M | WEFT_FIELD_S, NONE)                     \
	X(ETH_SRC, eth_src, eth_src, 0, 48, WEFT_FIELD_M | WEFT_FIELD_S, NONE)                     \
	X(ETH_TYPE, eth_type, eth_type, 0, 16, WEFT_FIELD_S, NONE)                                 \
	X(VLAN_VID, vlan_vid, vlan_vid, 0, 13, WEFT_FIELD_M | WEFT_FIELD_S, NONE)                  \
	X(VLAN_PCP, vlan_pcp, vlan_pcp, 0, 3, WEFT_FIELD_S, VLAN)                                  \
	X(IP_DSCP, ip_dscp, ip_dscp, 0, 6, WEFT_FIELD_S, IP)                                       \
	X(IP_ECN, ip_ecn, ip_ecn, 0, 2, WEFT_FIELD_S, IP)                                          \
	X(IP_PROTO, ip_proto, ip_proto, 0, 8, WEFT_FIELD_S, IP)                                    \
	X(IPV4_SRC, ipv4_src, ipv4_src, 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, IPV4)                  \
	X(IPV4_DST, ipv4_dst, ipv4_dst, 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, IPV4)                  \
	X(TCP_SRC, tcp_src, l4_src, 0, 16, WEFT_FIELD_M | WEFT_FIELD_S, TCP) \
	X(TCP_DST, tcp_dst, l4_dst, 0, 16, WEFT_FIELD_M | WEFT_FIELD_S, TCP) \
	X(UDP_SRC, udp_src, l4_src, 0, 16, WEFT_FIELD_M | WEFT_FIELD_S, UDP) \
	X(UDP_DST, udp_dst, l4_dst, 0, 16, WEFT_FIELD_M | WEFT_FIELD_S, UDP) \
	X(SCTP_SRC, sctp_src, l4_src, 0, 16, WEFT_FIELD_M | WEFT_FIELD_S, SCTP) \
	X(SCTP_DST, sctp_dst, l4_dst, 0, 16, WEFT_FIELD_M | WEFT_FIELD_S, SCTP) \
	X(ICMPV4_TYPE, icmpv4_type, l4_src, 1, 8, WEFT_FIELD_S, ICMPV4)                            \
	X(ICMPV4_CODE, icmpv4_code, l4_dst, 1, 8, WEFT_FIELD_S, ICMPV4)                            \
	X(ARP_OP, arp_op, l4_src, 0, 16, WEFT_FIELD_S, ARP)                                        \
	X(ARP_SPA, arp_spa, ipv4_src, 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, ARP)                     \
	X(ARP_TPA, arp_tpa, ipv4_dst, 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, ARP)                     \
	X(ARP_SHA, arp_sha, arp_sha, 0, 48, WEFT_FIELD_M | WEFT_FIELD_S, ARP)                      \
	X(ARP_THA, arp_tha, arp_tha, 0, 48, WEFT_FIELD_M | WEFT_FIELD_S, ARP)                      \
	X(IPV6_SRC, ipv6_src, ipv6_src, 0, 128, WEFT_FIELD_M | WEFT_FIELD_S, IPV6)                 \
	X(IPV6_DST, ipv6_dst, ipv6_dst, 0, 128, WEFT_FIELD_M | WEFT_FIELD_S, IPV6)                 \
	X(IPV6_FLABEL, ipv6_flabel, ipv6_flabel, 1, 20, WEFT_FIELD_M | WEFT_FIELD_S, IPV6)         \
	X(ICMPV6_TYPE, icmpv6_type, l4_src, 1, 8, WEFT_FIELD_S, ICMPV6)                            \
	X(ICMPV6_CODE, icmpv6_code, l4_dst, 1, 8, WEFT_FIELD_S, ICMPV6)                            \
	X(IPV6_ND_TARGET, ipv6_nd_target, nd_target, 0, 128, WEFT_FIELD_M | WEFT_FIELD_S, ND)      \
	X(IPV6_ND_SLL, ipv6_nd_sll, arp_sha, 0, 48, WEFT_FIELD_M | WEFT_FIELD_S, ND_SOLICIT)       \
	X(IPV6_ND_TLL, ipv6_nd_tll, arp_tha, 0, 48, WEFT_FIELD_M | WEFT_FIELD_S, ND_ADVERT)        \
	X(MPLS_LABEL, mpls_label, mpls_label, 1, 20, WEFT_FIELD_S, MPLS)                           \
	X(MPLS_TC, mpls_tc, mpls_tc, 0, 3, WEFT_FIELD_S, MPLS)                                     \
	X(MPLS_BOS, mpls_bos, mpls_bos, 0, 1, WEFT_FIELD_S, MPLS)                                  \
	X(PBB_ISID, pbb_isid, pbb_isid, 1, 24, WEFT_FIELD_M | WEFT_FIELD_S, PBB)                   \
	X(TUNNEL_ID, tunnel_id, tunnel_id, 0, 64, WEFT_FIELD_M | WEFT_FIELD_S, NONE)               \
	X(IPV6_EXTHDR, ipv6_exthdr, ipv6_exthdr, 0, 9, WEFT_FIELD_M, IPV6)                         \
	X(PBB_UCA, pbb_uca, pbb_uca, 0, 1, WEFT_FIELD_S, PBB)                                      \
	X(TCP_FLAGS, tcp_flags, tcp_flags, 0, 12, WEFT_FIELD_M, TCP)                               \
	X(ACTSET_OUTPUT, actset_output, actset_output, 0, 32, 0, NONE)                             \
	X(PACKET_TYPE, packet_type, packet_type, 0, 32, 0, NONE)                                   \
	X(TUN_SRC, tun_ipv4_src, tun_src, 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE)                \
	X(TUN_DST, tun_ipv4_dst, tun_dst, 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE)                \
	X(TUN_IPV6_SRC, tun_ipv6_src, tun_ipv6_src, 0, 128, WEFT_FIELD_M | WEFT_FIELD_S, NONE)     \
	X(TUN_IPV6_DST, tun_ipv6_dst, tun_ipv6_dst, 0, 128, WEFT_FIELD_M | WEFT_FIELD_S, NONE)     \
	X(TUN_FLAGS, tun_flags, tun_flags, 0, 16, WEFT_FIELD_M | WEFT_FIELD_S, NONE)               \
	X(REG0, reg0, reg[0], 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE) \
	X(REG1, reg1, reg[1], 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE) \
	X(REG2, reg2, reg[2], 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE) \
	X(REG3, reg3, reg[3], 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE) \
	X(REG4, reg4, reg[4], 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE) \
	X(REG5, reg5, reg[5], 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE) \
	X(REG6, reg6, reg[6], 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE) \
	X(REG7, reg7, reg[7], 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE) \
	X(REG8, reg8, reg[8], 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE) \
	X(REG9, reg9, reg[9], 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE) \
	X(REG10, reg10, reg[10], 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE) \
	X(REG11, reg11, reg[11], 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE) \
	X(REG12, reg12, reg[12], 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE) \
	X(REG13, reg13, reg[13], 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE) \
	X(REG14, reg14, reg[14], 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE) \
	X(REG15, reg15, reg[15], 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE) \
	X(XREG0, xreg0, reg[0], 0, 64, WEFT_FIELD_M | WEFT_FIELD_S | WEFT_FIELD_V, NONE) \
	X(XREG1, xreg1, reg[2], 0, 64, WEFT_FIELD_M | WEFT_FIELD_S | WEFT_FIELD_V, NONE) \
	X(XREG2, xreg2, reg[4], 0, 64, WEFT_FIELD_M | WEFT_FIELD_S | WEFT_FIELD_V, NONE) \
	X(XREG3, xreg3, reg[6], 0, 64, WEFT_FIELD_M | WEFT_FIELD_S | WEFT_FIELD_V, NONE) \
	X(XREG4, xreg4, reg[8], 0, 64, WEFT_FIELD_M | WEFT_FIELD_S | WEFT_FIELD_V, NONE) \
	X(XREG5, xreg5, reg[10], 0, 64, WEFT_FIELD_M | WEFT_FIELD_S | WEFT_FIELD_V, NONE) \
	X(XREG6, xreg6, reg[12], 0, 64, WEFT_FIELD_M | WEFT_FIELD_S | WEFT_FIELD_V, NONE) \
	X(XREG7, xreg7, reg[14], 0, 64, WEFT_FIELD_M | WEFT_FIELD_S | WEFT_FIELD_V, NONE) \
	X(XXREG0, xxreg0, reg[0], 0, 128, WEFT_FIELD_M | WEFT_FIELD_S | WEFT_FIELD_V, NONE) \
	X(XXREG1, xxreg1, reg[4], 0, 128, WEFT_FIELD_M | WEFT_FIELD_S | WEFT_FIELD_V, NONE) \
	X(XXREG2, xxreg2, reg[8], 0, 128, WEFT_FIELD_M | WEFT_FIELD_S | WEFT_FIELD_V, NONE) \
	X(XXREG3, xxreg3, reg[12], 0, 128, WEFT_FIELD_M | WEFT_FIELD_S | WEFT_FIELD_V, NONE) \
	X(PKT_MARK, pkt_mark, pkt_mark, 0, 32, WEFT_FIELD_M | WEFT_FIELD_S, NONE) \
	X(CT_STATE, ct_state, ct_state, 0, 32, WEFT_FIELD_M, NONE) \
	X(CT_ZONE, ct_zone, ct_zone, 0, 16, 0, NONE) \
	X(CT_MARK, ct_mark, ct_mark, 0, 32, WEFT_FIELD_M, NONE) \
	X(CT_LABEL, ct_label, ct_label, 0, 128, WEFT_FIELD_M, NONE) \
	X(NW_TTL, nw_ttl, ip_ttl, 0, 8, WEFT_FIELD_S, IP) \
	X(IP_FRAG, ip_frag, ip_frag, 0, 2, WEFT_FIELD_M, IP) \
	X(MPLS_TTL, mpls_ttl, mpls_ttl, 0, 8, WEFT_FIELD_S, MPLS) \
	X(CONJ_ID, conj_id, conj_id, 0, 32, 0, NONE)

enum weft_field {
#define WEFT_X(id, name, member, skip, bits, flags, prereq) WEFT_FIELD_##id,
	WEFT_FIELDS(WEFT_X)
#undef WEFT_X
		WEFT_FIELD_MAX,
	// The outermost tag whole, vlan_vid with WEFT_VLAN_PRESENT below and vlan_pcp above, or
	// zero. No match and no set-field names it, but whatever reads or writes bits of fields may
	// (ovs-fields(7), vlan_tci): a tag comes and goes with WEFT_VLAN_PRESENT.
	WEFT_FIELD_VLAN_TCI = WEFT_FIELD_MAX,
	WEFT_FIELDS_ALL
};

// What must be matched besides, by exact values. IP: eth_type 0x0800 or 0x86dd. TCP and the like:
// IP, and ip_proto. ND: ICMPv6 type 135 or 136, whatever the code (OpenFlow 1.3.5, table 12). VLAN:
// vlan_vid matches a present tag.
enum weft_prereq {
	WEFT_PREREQ_NONE,
	WEFT_PREREQ_IN_PORT,
	WEFT_PREREQ_VLAN,
	WEFT_PREREQ_IP,
	WEFT_PREREQ_IPV4,
	WEFT_PREREQ_IPV6,
	WEFT_PREREQ_ARP,
	WEFT_PREREQ_MPLS,
	WEFT_PREREQ_PBB,
	WEFT_PREREQ_TCP,
	WEFT_PREREQ_UDP,
	WEFT_PREREQ_SCTP,
	WEFT_PREREQ_ICMPV4,
	WEFT_PREREQ_ICMPV6,
	WEFT_PREREQ_ND,
	WEFT_PREREQ_ND_SOLICIT,
	WEFT_PREREQ_ND_ADVERT,
};

struct weft_field_info {
	const char *name;
	uint16_t offset; // of the field's first byte in struct weft_flow_key
	uint8_t bytes;   // (bits + 7) / 8
	uint8_t bits;
	uint8_t flags;
	uint8_t prereq;
};

// A table for whoever needs one; `static const`, so that no folder must link another for it.
static const struct weft_field_info weft_field_infos[WEFT_FIELDS_ALL] __attribute__((unused)) = {
#define WEFT_X(id, name_, member, skip, bits_, flags_, prereq_)                                    \
	[WEFT_FIELD_##id] = {                                                                      \
		.name = #name_,                                                                    \
		.offset = offsetof(struct weft_flow_key, member) + (skip),                         \
		.bytes = ((bits_) + 7) / 8,                                                        \
		.bits = (bits_),                                                                   \
		.flags = (flags_),                                                                 \
		.prereq = WEFT_PREREQ_##prereq_,                                                   \
	},
	WEFT_FIELDS(WEFT_X)
#undef WEFT_X
	[WEFT_FIELD_VLAN_TCI] = {
		.name = "vlan_tci",
		.offset = offsetof(struct weft_flow_key, vlan_vid),
		.bytes = 2,
		.bits = 16,
		.flags = WEFT_FIELD_S,
		.prereq = WEFT_PREREQ_NONE,
	},
};
