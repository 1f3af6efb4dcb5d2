// SPDX-License-Identifier: Apache-2.0
#include "flowtable/packet/subfield.h"

#include <weft/match.h>

typedef unsigned __int128 wide;

static wide wide_from(const uint8_t *bytes, unsigned n)
{
	wide v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | bytes[i];
	return v;
}

static void wide_to(wide v, uint8_t *bytes, unsigned n)
{
	while (n--) {
		bytes[n] = (uint8_t)v;
		v >>= 8;
	}
}

static wide ones(unsigned n)
{
	return n < 128 ? ((wide)1 << n) - 1 : ~(wide)0;
}

static wide read_wide(const struct weft_flow_key *k, const struct weft_subfield *f)
{
	wide v = f->field == WEFT_FIELD_VLAN_TCI ? ft_vlan_tci(k)
						 : wide_from(weft_key_field_const(k, f->field),
							   weft_field_infos[f->field].bytes);

	return v >> f->ofs & ones(f->n_bits);
}

struct ft_value ft_subfield_read(const struct weft_flow_key *k, const struct weft_subfield *f)
{
	struct ft_value v;

	wide_to(read_wide(k, f), v.b, sizeof(v.b));
	return v;
}

uint64_t ft_subfield_number(const struct weft_flow_key *k, const struct weft_subfield *f)
{
	return (uint64_t)read_wide(k, f);
}

static enum weft_drop write_wide(
	struct weft_packet *p, struct weft_flow_key *k, const struct weft_subfield *f, wide v)
{
	unsigned bytes = weft_field_infos[f->field].bytes;
	uint8_t value[16] = {0}, mask[16] = {0};

	wide_to((v & ones(f->n_bits)) << f->ofs, value, bytes);
	wide_to(ones(f->n_bits) << f->ofs, mask, bytes);
	return ft_set_field(p, k, (enum weft_field)f->field, value, mask);
}

enum weft_drop ft_subfield_write(struct weft_packet *p, struct weft_flow_key *k,
	const struct weft_subfield *f, const struct ft_value *v)
{
	return write_wide(p, k, f, wide_from(v->b, sizeof(v->b)));
}

enum weft_drop ft_subfield_write_number(
	struct weft_packet *p, struct weft_flow_key *k, const struct weft_subfield *f, uint64_t v)
{
	return write_wide(p, k, f, v);
}
