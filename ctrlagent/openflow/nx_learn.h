// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a learn action learns (ovs-actions(7), learn), from neutral to the wire; the way back is in
// action_sink.h. Internal to the codec.

#include <weft/action_payload.h>

#include "openflow/of_wire.h"

// Appends one spec. 0, the writer's error, or -ENOTSUP if its version cannot name a field.
int of_learn_spec_write(struct of_writer *w, const struct weft_learn_spec *spec);
