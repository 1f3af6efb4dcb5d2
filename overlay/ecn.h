// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the DSCP and ECN bits of a frame become on the way into a tunnel and out of it.
//
// The two halves of the byte that IPv4 calls TOS and IPv6 Traffic Class have different owners. DSCP
// follows one of two models (RFC 2983): "pipe", in which outer and inner have nothing to do with
// each other, or "uniform", in which the tunnel is no boundary and the value goes in and comes out
// again. ECN has no choice of models: RFC 6040 says how a router in the underlay that marks the
// outer header is heard by the inner flow, and an egress that did not do so would make every mark
// get lost. What an operator may choose is whether outer headers take part at all ("compatibility
// mode", outer always Not-ECT: for peers that would ignore the marks).
//
// On the way in, RFC 6040, 4.1: normal mode copies the field, CE included.
// On the way out, RFC 6040, 4.2, figure 4:
//
//	             outer  Not-ECT   ECT(0)    ECT(1)    CE
//	inner Not-ECT       Not-ECT   Not-ECT   Not-ECT   drop
//	      ECT(0)        ECT(0)    ECT(0)    ECT(1)    CE
//	      ECT(1)        ECT(1)    ECT(1)    ECT(1)    CE
//	      CE            CE        CE        CE        CE
//
// An inner frame that is not IP has neither field: it goes in with the tunnel's own DSCP and
// Not-ECT, and comes out as it is, whatever its outer header says. IP counts behind up to two VLAN
// tags.
//
// Pure functions; any thread.

#include <weft/packet.h>

#define OVERLAY_ECN_NOT_ECT 0u
#define OVERLAY_ECN_ECT1 1u
#define OVERLAY_ECN_ECT0 2u
#define OVERLAY_ECN_CE 3u
#define OVERLAY_ECN_MASK 0x03u // of a TOS byte
#define OVERLAY_DSCP_MASK 0xfcu

// The ECN field that a packet leaves the tunnel with, by that of its inner and its outer header
// (the lower two bits of each count); -1: it must be dropped.
int overlay_ecn_egress(uint8_t inner, uint8_t outer);

// The TOS byte of the IP header that an Ethernet frame bears, of which `len` bytes are readable;
// -1: it bears none, or it is cut short.
int overlay_tos_get(const uint8_t *frame, uint32_t len);

// Gives the frame's IP header another TOS byte, and IPv4's its checksum. Only if overlay_tos_get()
// found one.
void overlay_tos_set(uint8_t *frame, uint8_t tos);

// What remains to be done to an inner frame after decapsulation: ECN always, DSCP too if `uniform`.
// `outer` is the TOS byte of the outer header. False: drop it (CE met Not-ECT).
bool overlay_tos_egress(uint8_t *frame, uint32_t len, uint8_t outer, bool uniform);

// Whether overlay_tos_egress() could have any effect: spares the common packet a look.
static inline bool overlay_tos_egress_matters(uint8_t outer, bool uniform)
{
	return uniform || (outer & OVERLAY_ECN_MASK);
}
