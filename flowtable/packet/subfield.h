// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bits of a field as a number, and back. What move, load, the stack and the hashes write with.
//
// A value is 16 bytes, a big-endian number of which the lowest bits count. The key holds every
// field so (flow_key.h), hence none but vlan_tci, which is two, is a special case here; writing
// goes through ft_set_field(), which knows the packet. Worker threads.

#include "flowtable/packet/edit.h"

#include <weft/action_payload.h>

struct ft_value {
	uint8_t b[16];
};

// A field that the packet doesn't have reads as zero.
struct ft_value ft_subfield_read(const struct weft_flow_key *, const struct weft_subfield *);
// The lowest 64 bits of it.
uint64_t ft_subfield_number(const struct weft_flow_key *, const struct weft_subfield *);

// Writes the lowest f->n_bits bits. As ft_set_field().
enum weft_drop ft_subfield_write(struct weft_packet *, struct weft_flow_key *,
	const struct weft_subfield *f, const struct ft_value *);
enum weft_drop ft_subfield_write_number(
	struct weft_packet *, struct weft_flow_key *, const struct weft_subfield *f, uint64_t);
