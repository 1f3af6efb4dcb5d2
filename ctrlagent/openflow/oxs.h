// SPDX-License-Identifier: Apache-2.0
#pragma once
// OXS fields (OpenFlow 1.5.1, 7.2.4): the statistics of a flow or of several, and the thresholds of
// a stat-trigger instruction, between the list of an ofp_stats and a struct. Pure functions.

#include "openflow/of_wire.h"

struct of_oxs {
	unsigned present; // bit n: the field OFPXST_n
	uint32_t duration_sec;
	uint32_t duration_nsec;
	uint32_t idle_sec;
	uint32_t idle_nsec;
	uint32_t flow_count;
	uint64_t packet_count;
	uint64_t byte_count;
};

// `oxs` is the `stats` member of a message. 0, or -EBADMSG with what to send in *error: a TLV that
// runs over the end or is not as long as its field draws OFPBRC_BAD_LEN, a field given twice or not
// known OFPBRC_BAD_TYPE.
int of_oxs_read(struct of_span oxs, struct of_oxs *out, struct of_error *error);

// Appends the fields that are present (no ofp_stats header: the message's writer adds that).
int of_oxs_write(struct of_writer *w, const struct of_oxs *in);
