// SPDX-License-Identifier: Apache-2.0
#pragma once
// Writing actions for OpenFlow 1.0, and 1.0's for later versions. Internal to the codec.

#include <weft/action.h>

#include "openflow/of_wire.h"

// One action in OpenFlow 1.0's form, or else in Nicira's.
int of_action_1_0_put(struct of_writer *w, const struct weft_action *a);

// An action that 1.0 alone has, in the words of later versions, as near as they come: enqueue as
// set-queue, output and pop-queue, the tag and address actions without the push or the test that
// they imply. Ports of an unknown protocol have no words: -ENOTSUP.
int of_action_1_0_put_later(struct of_writer *w, const struct weft_action *a);
