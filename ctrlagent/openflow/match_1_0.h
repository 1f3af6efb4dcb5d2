// SPDX-License-Identifier: Apache-2.0
#pragma once
// Between the ofp_match of OpenFlow 1.0 (1.0.2, 5.2.3), fixed fields and a word of wildcards, and
// struct weft_match. Internal to the codec; of_match_read() and of_match_write() come here for
// version 1.

#include <weft/match.h>

#include "openflow/of_wire.h"

// Fields whose prerequisite is not matched are ignored, as 1.0 says, and no value is out of range
// but a VLAN id of more than 12 bits (other than 0xffff, no tag) or a priority of more than three.
int of_match_1_0_read(struct of_span in, struct weft_match *out, struct of_error *error);

// What 1.0 cannot say is left out.
int of_match_1_0_write(struct of_writer *w, const struct weft_match *in);
