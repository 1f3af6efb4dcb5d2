// SPDX-License-Identifier: Apache-2.0
#pragma once
// Between the OXM list of an ofp_match and the neutral struct weft_match (OpenFlow 1.3.5, 7.2.3).
//
// Reading is strict, field by field in the order of the list, and the first thing wrong is the
// answer:
//
//   OFPBMC_BAD_LEN        a TLV runs over the end, or is not as long as its field
//   OFPBMC_BAD_FIELD      unknown field, class or experimenter
//   OFPBMC_DUP_FIELD      the field was there already, in whatever form
//   OFPBMC_BAD_MASK       a mask on a field that may have none
//   OFPBMC_BAD_VALUE      a bit beyond the field's width; a VLAN id without OFPVID_PRESENT
//   OFPBMC_BAD_WILDCARDS  a value bit outside the mask
//   OFPBMC_BAD_PREREQ     what the field needs was not matched before it
//
// In OpenFlow 1.0 the `match` is of another shape, see match_1_0.h; the functions are the same.
// A mask of all ones is as none, a mask of all zeros as leaving the field out. Pure functions.

#include <weft/match.h>

#include "openflow/of_wire.h"

// `oxm` is the `match` member of a message. 0, or -EBADMSG with what to send in *error.
int of_match_read(
	struct of_span oxm, uint8_t version, struct weft_match *out, struct of_error *error);

// The same of NXM, the extensible match of Nicira's messages, in whatever version they come
// (ovs-fields(7)): a list of TLVs in 1.0, too.
int of_nxm_read(
	struct of_span nxm, uint8_t version, struct weft_match *out, struct of_error *error);
int of_nxm_write(struct of_writer *w, const struct weft_match *in);

// Appends the OXM list (no ofp_match header: the message's writer adds that), each field after its
// prerequisites, exact ones without mask. Fields that the writer's version lacks are left out. 0 or
// the writer's error.
int of_match_write(struct of_writer *w, const struct weft_match *in);

// The same for a packet-in: the pipeline fields of the packet. in_port always; in_phy_port if it is
// another; metadata, tunnel id and tunnel addresses if not zero.
int of_packet_match_write(struct of_writer *w, const struct weft_flow_key *key);
// Whether it writes the field if it is not zero; the ports apart.
bool of_packet_match_tells(unsigned field);
