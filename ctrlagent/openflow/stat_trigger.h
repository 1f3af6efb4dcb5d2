// SPDX-License-Identifier: Apache-2.0
#pragma once
// The stat-trigger instruction (OpenFlow 1.5.1, 7.2.5), between the wire and weft/trigger.h.

#include <weft/trigger.h>

#include "openflow/of_wire.h"

// 0, or -EBADMSG with the error in *it: OFPBIC_UNSUP_INST for flags that there are not, for no
// threshold at all, and for the multiples of 0; what of_oxs_read() says of the list.
int of_stat_trigger_read(struct of_reader *it, const struct of_instruction_stat_trigger *in,
	struct weft_trigger *out);

// Appends the instruction, its thresholds in the order of their numbers.
void of_stat_trigger_write(struct of_writer *w, const struct weft_trigger *in);
