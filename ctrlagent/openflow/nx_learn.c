// SPDX-License-Identifier: Apache-2.0
// The specs of a learn action. Each: 16 bits, which are where the bits come from, what becomes of
// them and how many they are; the source; the destination, unless that is an output. Sixteen zero
// bits are the end.
#include "openflow/nx_learn.h"

#include "openflow/action_sink.h"
#include "openflow/header.h"
#include "openflow/oxm.h"

#define SRC_IMMEDIATE 0x2000u
#define N_BITS 0x7ffu
#define DST(header) ((header) >> 11 & 3)

static size_t immediate_bytes(unsigned n_bits)
{
	return (n_bits + 15) / 16 * 2;
}

static void get_field(struct of_action_sink *s, struct of_reader *r, unsigned n_bits, bool write,
	struct weft_subfield *out)
{
	struct of_oxm_id id;
	unsigned ofs;

	of_oxm_id_read(r, &id);
	ofs = of_get_u16(r);
	if (!r->failed)
		of_sink_subfield(s, &id, ofs, n_bits, write, out);
}

static void get_immediate(
	struct of_action_sink *s, struct of_reader *r, unsigned n_bits, uint8_t *value)
{
	size_t n = immediate_bytes(n_bits);

	if (n > 16)
		of_sink_fail(s, OFPBAC_BAD_ARGUMENT);
	else
		of_get_bytes(r, value + 16 - n, n);
}

static void get_spec(
	struct of_action_sink *s, struct of_reader *r, unsigned header, struct weft_learn_spec *out)
{
	unsigned n_bits = header & N_BITS;

	memset(out, 0, sizeof(*out));
	out->dst_type = (uint8_t)DST(header);
	out->immediate = (header & SRC_IMMEDIATE) != 0;
	if (header & 0xc000 || DST(header) > WEFT_LEARN_OUTPUT || !n_bits)
		of_sink_fail(s, OFPBAC_BAD_ARGUMENT);
	else if (out->immediate)
		get_immediate(s, r, n_bits, out->value);
	else
		get_field(s, r, n_bits, false, &out->src);
	if (s->code < 0 && out->dst_type != WEFT_LEARN_OUTPUT)
		get_field(s, r, n_bits, out->dst_type == WEFT_LEARN_LOAD, &out->dst);
	if (out->dst_type == WEFT_LEARN_OUTPUT)
		out->dst.n_bits = (uint16_t)n_bits;
}

int of_sink_learn_specs(
	struct of_action_sink *s, struct of_span specs, struct weft_learn_spec *out, int room)
{
	struct of_reader r = of_list(specs, s->version);
	int n = 0;

	while (of_left(&r) >= 2 && s->code < 0) {
		unsigned header = of_get_u16(&r);

		if (!header)
			return n;
		if (n == room)
			of_sink_fail(s, OFPBAC_TOO_MANY);
		else
			get_spec(s, &r, header, &out[n++]);
	}
	if (r.failed)
		of_sink_fail(s, OFPBAC_BAD_LEN);
	return s->code < 0 ? n : -1;
}

static int put_field(struct of_writer *w, const struct weft_subfield *f)
{
	struct of_oxm_id id, nxm;

	if (of_oxm_id(f, w->version, &id))
		return -ENOTSUP;
	if (id.experimenter && !of_oxm_id(f, OF_VERSION_1_0, &nxm))
		id = nxm; // ovs-ofctl reads four bytes here, where there are
	of_oxm_id_write(w, &id);
	of_put_u16(w, f->ofs);
	return w->error;
}

int of_learn_spec_write(struct of_writer *w, const struct weft_learn_spec *spec)
{
	size_t n = immediate_bytes(spec->dst.n_bits);

	of_put_u16(w, (uint16_t)((spec->immediate ? SRC_IMMEDIATE : 0) |
				 (unsigned)spec->dst_type << 11 | spec->dst.n_bits));
	if (spec->immediate)
		of_put_bytes(w, spec->value + 16 - n, n);
	else if (put_field(w, &spec->src))
		return -ENOTSUP;
	return spec->dst_type == WEFT_LEARN_OUTPUT ? w->error : put_field(w, &spec->dst);
}
