// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bands of a meter on their way to a message.

#include <weft/flow.h>

#include "openflow/of_wire.h"

void session_bands_write(struct of_writer *w, const struct weft_band *bands, unsigned n);
