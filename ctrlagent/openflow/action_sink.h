// SPDX-License-Identifier: Apache-2.0
#pragma once
// A neutral list of actions under construction, and the readers that fill it. Internal to the
// codec.

#include <weft/action.h>

#include "openflow/of_wire.h"

struct of_action_sink {
	uint8_t *p;
	size_t len;
	size_t room;
	uint8_t version;
	bool packet_out;
	unsigned depth; // lists that may still lie within this one
	int code;       // the OFPBAC_* of the first failure, -1: none
};

// The first failure counts.
static inline void of_sink_fail(struct of_action_sink *s, int code)
{
	if (s->code < 0)
		s->code = code;
}

// Appends an action, its payload `bytes` zeros that the caller fills. NULL: no room, which is
// noted.
void *of_sink_reserve(struct of_action_sink *s, uint16_t type, uint32_t arg, size_t bytes);

// Appends an action, its payload padded with zeros to a multiple of 8.
void of_sink_emit(
	struct of_action_sink *s, uint16_t type, uint32_t arg, const void *payload, size_t bytes);

// A set-field or a load of `value`, as wide as the field, on the bits of `mask`; NULL: all.
void of_sink_set(struct of_action_sink *s, uint16_t type, enum weft_field f, const uint8_t *value,
	const uint8_t *mask);

// Bits of a field that an action names. False, and the failure noted, if there is no such field, it
// is too narrow, or it is to be written and may not be.
bool of_sink_subfield(struct of_action_sink *s, const struct of_oxm_id *id, unsigned ofs,
	unsigned n_bits, bool write, struct weft_subfield *out);

// Likewise, the field named by the 32 bits of a header, the bits by Nicira's ofs_nbits.
bool of_sink_subfield_nx(struct of_action_sink *s, uint32_t header, uint16_t ofs_nbits, bool write,
	struct weft_subfield *out);

void of_sink_group(struct of_action_sink *s, uint32_t group);
bool of_sink_port_ok(const struct of_action_sink *s, uint32_t port);
void of_sink_push(
	struct of_action_sink *s, uint16_t type, uint16_t ethertype, uint16_t a, uint16_t b);
// `masked`: the TLV may have a mask.
void of_sink_set_oxm(struct of_action_sink *s, struct of_span oxm, bool masked);

// A set-field or a load of the bits of `mask` of what a header of NXM names (nxm.h), one action for
// each field that has some.
void of_sink_set_nxm(
	struct of_action_sink *s, uint16_t type, uint32_t header, uint64_t value, uint64_t mask);

// Appends what is in the list; `it` fails with the first thing wrong.
void of_sink_list(struct of_action_sink *s, struct of_reader *it);

// Nicira's action that `r` begins with, which is whole; `r` fails if its inside is wrong.
void of_sink_nicira(struct of_action_sink *s, struct of_reader *r);

// The specs of a learn action, as they lie on the wire; the number of them, -1 noted as failure.
int of_sink_learn_specs(
	struct of_action_sink *s, struct of_span specs, struct weft_learn_spec *out, int room);

// Actions of OpenFlow 1.0 alone.
void of_sink_action_1_0(struct of_action_sink *s, const struct of_action *a);
