// SPDX-License-Identifier: Apache-2.0
#pragma once
// Neutral actions as Nicira's. Internal to the codec.

#include <weft/action.h>

#include "openflow/of_wire.h"

// As of_actions_write(), one action that the writer's version has no form of its own for.
int of_nx_action_put(struct of_writer *w, const struct weft_action *a);
