// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a controller says of a packet's pipeline fields, as actions that come before all others: so
// it is checked and bounded as any set-field is.

#include <sys/types.h>

#include <weft/flow_key.h>

// A set-field for each field of which `mask` has bits. Bytes of `room` used, or -1: a field that
// cannot be set is among them, or there are more than `size` bytes.
ssize_t session_set_fields(void *room, size_t size, const struct weft_flow_key *value,
	const struct weft_flow_key *mask);
