// SPDX-License-Identifier: Apache-2.0
#pragma once
// Headers of NXM that cut the packet otherwise than our fields do (ovs-fields(7)): the port in 16
// bits, the VLAN tag whole, DSCP where it lies in its octet. Actions name bits of them; here is
// which bits of which field those are. Pure functions.

#include <weft/action_payload.h>

// Class 0, without a mask.
#define OF_NXM_IN_PORT 0x0002u
#define OF_NXM_VLAN_TCI 0x0802u // vlan_vid with OFPVID_PRESENT below, vlan_pcp above
#define OF_NXM_IP_TOS 0x0a01u   // ip_dscp above two bits that are zero

// Bits that the header has; 0: it is none of these.
unsigned of_nxm_bits(uint32_t header);

// Whether they are bits of WEFT_FIELD_VLAN_TCI, the tag's presence among them: *out.
bool of_nxm_whole(uint32_t header, unsigned ofs, unsigned n_bits, struct weft_subfield *out);

// How many of its bits from `ofs` on lie together, `n_bits` (not 0) at most: *out is where, of the
// same number of bits. out->n_bits is 0 if no field has them: they read as zero, and stay so.
unsigned of_nxm_part(uint32_t header, unsigned ofs, unsigned n_bits, struct weft_subfield *out);

// The header by which these bits of a field go, because the manuals' examples name them so; they
// have the same offset there. 0: the field's own.
uint32_t of_nxm_name(const struct weft_subfield *f);
