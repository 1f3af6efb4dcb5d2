// SPDX-License-Identifier: Apache-2.0
#pragma once
// OXM TLVs (OpenFlow 1.3.5, 7.2.3.2): a field of a match, or the value of a set-field action.
//
// On the wire a field may be wider than it is (mpls_label: 20 bits in four bytes) and may have
// several headers (tunnel_id as OXM and as NXM, tcp_flags as the ONF's experimenter field in 1.3);
// of_wire.h has the table of all forms. Pure functions, any thread.

#include <weft/action_payload.h>
#include <weft/fields.h>

#include "openflow/nxm.h"
#include "openflow/of_wire.h"

#define OF_EXPERIMENTER_ONF 0x4f4e4600u
#define OF_EXPERIMENTER_NICIRA 0x2320u
#define OF_EXPERIMENTER_CLASS 0xffffu

// One TLV, checked to lie within its list, not yet to be a known field.
struct of_oxm {
	uint16_t class_;
	uint8_t number;
	bool hasmask;
	uint32_t experimenter;          // 0 unless the class is experimenter
	struct of_span body;            // value, and mask if there is one
	const struct of_oxm_form *form; // NULL: not known in this version
};

// Takes the next TLV of a list. A TLV that runs over the end draws `it->bad_len`.
int of_oxm_read(struct of_reader *it, struct of_oxm *out);

static inline bool of_oxm_next(struct of_reader *it, struct of_oxm *out)
{
	return of_left(it) && of_oxm_read(it, out) == 0;
}

// Whether the body is as long as the form and the mask bit say.
static inline bool of_oxm_len_ok(const struct of_oxm *o)
{
	return o->body.len == (size_t)o->form->bytes << o->hasmask;
}

// Copies a value of form->bytes bytes into the field's weft_field_infos[].bytes. False if a bit is
// set beyond the field's width.
bool of_oxm_value(const struct of_oxm_form *form, const uint8_t *wire, uint8_t *field);

// The mask of a TLV that of_oxm_len_ok() approves, as wide as the field; all ones if it has none.
// Bits beyond the field's width are dropped: the value has none there, so they say nothing.
void of_oxm_mask(const struct of_oxm *o, uint8_t *mask);

// The mask that covers a field whole, right-aligned like the field.
void of_oxm_full_mask(enum weft_field f, uint8_t *mask);
bool of_oxm_is_full_mask(enum weft_field f, const uint8_t *mask);
// Whether a value has no bit that its mask has not.
bool of_oxm_is_within(enum weft_field f, const uint8_t *value, const uint8_t *mask);

// Appends the TLV of a field, value and mask as they lie in a flow key (see weft_key_field());
// `mask` NULL: no mask. -ENOTSUP if the writer's version has no form for it, and nothing is
// written.
int of_oxm_write(struct of_writer *w, enum weft_field f, const uint8_t *value, const uint8_t *mask);
// The same for what is to be set, in the form of the field that can be.
int of_oxm_write_set(
	struct of_writer *w, enum weft_field f, const uint8_t *value, const uint8_t *mask);

// The four or eight bytes that name a field in table features.
int of_oxm_id_of_field(struct of_writer *w, enum weft_field f, bool hasmask);

// The name for bits of a field, -ENOTSUP if `version` has no form for the field. Some go by a name
// of NXM, for which they nearly always stand (nxm.h).
int of_oxm_id(const struct weft_subfield *f, uint8_t version, struct of_oxm_id *out);

// The form that a field's name tells; NULL if it is not known, has the mask bit set or another
// length.
const struct of_oxm_form *of_oxm_form_of_id(const struct of_oxm_id *id, uint8_t version);
