// SPDX-License-Identifier: Apache-2.0
#include "openflow/action_sink.h"

#include "openflow/oxm.h"

void *of_sink_reserve(struct of_action_sink *s, uint16_t type, uint32_t arg, size_t bytes)
{
	size_t len = sizeof(struct weft_action) + (bytes + 7) / 8 * 8;
	struct weft_action a = {.type = type, .len = (uint16_t)len, .arg = arg};
	uint8_t *at = s->p + s->len;

	if (s->room - s->len < len) {
		of_sink_fail(s, OFPBAC_TOO_MANY);
		return NULL;
	}
	memset(at, 0, len);
	memcpy(at, &a, sizeof(a));
	s->len += len;
	return at + sizeof(a);
}

void of_sink_emit(
	struct of_action_sink *s, uint16_t type, uint32_t arg, const void *payload, size_t bytes)
{
	void *at = of_sink_reserve(s, type, arg, bytes);

	if (at && bytes)
		memcpy(at, payload, bytes);
}

void of_sink_set(struct of_action_sink *s, uint16_t type, enum weft_field f, const uint8_t *value,
	const uint8_t *mask)
{
	struct weft_action_set_field set;

	memset(&set, 0, sizeof(set));
	memcpy(set.value, value, weft_field_infos[f].bytes);
	if (mask)
		memcpy(set.mask, mask, weft_field_infos[f].bytes);
	else
		of_oxm_full_mask(f, set.mask);
	of_sink_emit(s, type, f, &set, sizeof(set));
}

// The lowest 16 bits at most of a number, as a field of so many bytes has them.
static void put_bits(uint8_t *field, unsigned bytes, uint64_t v)
{
	for (unsigned i = 0; i < bytes && i < 8; i++)
		field[bytes - 1 - i] = (uint8_t)(v >> 8 * i);
}

void of_sink_set_nxm(
	struct of_action_sink *s, uint16_t type, uint32_t header, uint64_t value, uint64_t mask)
{
	unsigned bits = of_nxm_bits(header), n;

	if (header == OF_NXM_VLAN_TCI && mask & WEFT_VLAN_PRESENT) {
		const uint8_t v[16] = {(uint8_t)(value >> 8), (uint8_t)value};
		const uint8_t m[16] = {(uint8_t)(mask >> 8), (uint8_t)mask};

		of_sink_set(s, WEFT_ACTION_LOAD, WEFT_FIELD_VLAN_TCI, v, m);
		return;
	}
	for (unsigned i = 0; i < bits; i += n) {
		uint8_t v[16] = {0}, m[16] = {0};
		struct weft_subfield f;
		uint64_t ones;

		n = of_nxm_part(header, i, bits - i, &f);
		ones = mask >> i & ((1ull << n) - 1);
		if (f.n_bits && ones) {
			put_bits(v, weft_field_infos[f.field].bytes, (value >> i & ones) << f.ofs);
			put_bits(m, weft_field_infos[f.field].bytes, ones << f.ofs);
			of_sink_set(s, type, f.field, v, m);
		} else if (value >> i & ones) {
			of_sink_fail(s, OFPBAC_BAD_ARGUMENT); // bits that nobody has
		}
	}
}

static bool nxm_subfield(struct of_action_sink *s, uint32_t header, unsigned ofs, unsigned n_bits,
	struct weft_subfield *out)
{
	if (!n_bits || ofs + n_bits > of_nxm_bits(header) ||
		(!of_nxm_whole(header, ofs, n_bits, out) &&
			(of_nxm_part(header, ofs, n_bits, out) != n_bits || !out->n_bits)))
		of_sink_fail(s, OFPBAC_BAD_ARGUMENT);
	return s->code < 0;
}

bool of_sink_subfield(struct of_action_sink *s, const struct of_oxm_id *id, unsigned ofs,
	unsigned n_bits, bool write, struct weft_subfield *out)
{
	const struct of_oxm_form *form = of_oxm_form_of_id(id, s->version);
	const struct weft_field_info *info;

	if (!id->experimenter && of_nxm_bits(id->header))
		return nxm_subfield(s, id->header, ofs, n_bits, out);
	if (!form) {
		of_sink_fail(s, OFPBAC_BAD_SET_TYPE);
		return false;
	}
	info = &weft_field_infos[form->field];
	if (write && !(info->flags & WEFT_FIELD_S))
		of_sink_fail(s, OFPBAC_BAD_SET_TYPE);
	else if (!n_bits || ofs + n_bits > info->bits || ofs + n_bits > 8u * form->bytes)
		of_sink_fail(s, OFPBAC_BAD_ARGUMENT);
	else
		*out = (struct weft_subfield){form->field, (uint16_t)ofs, (uint16_t)n_bits, 0};
	return s->code < 0;
}

bool of_sink_subfield_nx(struct of_action_sink *s, uint32_t header, uint16_t ofs_nbits, bool write,
	struct weft_subfield *out)
{
	return of_sink_subfield(s, &(struct of_oxm_id){.header = header}, ofs_nbits >> 6,
		(ofs_nbits & 63u) + 1, write, out);
}

void of_sink_group(struct of_action_sink *s, uint32_t group)
{
	if (group > OFPG_MAX)
		of_sink_fail(s, OFPBAC_BAD_OUT_GROUP);
	else
		of_sink_emit(s, WEFT_ACTION_GROUP, group, NULL, 0);
}

bool of_sink_port_ok(const struct of_action_sink *s, uint32_t port)
{
	switch (port) {
	case 0:
	case OFPP_ANY:
		return false;
	case OFPP_TABLE:
		return s->packet_out;
	default:
		return port <= OFPP_MAX || (port >= OFPP_IN_PORT && port <= OFPP_LOCAL);
	}
}

void of_sink_push(
	struct of_action_sink *s, uint16_t type, uint16_t ethertype, uint16_t a, uint16_t b)
{
	if (ethertype != a && ethertype != b)
		of_sink_fail(s, OFPBAC_BAD_ARGUMENT);
	else
		of_sink_emit(s, type, ethertype, NULL, 0);
}

// OpenFlow 1.5 says it aloud, and before it is as true: a VLAN id to set bears OFPVID_PRESENT.
static bool value_ok(enum weft_field f, const uint8_t *value, const uint8_t *mask)
{
	return of_oxm_is_within(f, value, mask) &&
	       (f != WEFT_FIELD_VLAN_VID || (value[0] & 0x10) || !(mask[0] & 0x10));
}

static bool is_zero(const uint8_t *p, size_t n)
{
	while (n && !p[n - 1])
		n--;
	return n == 0;
}

// The OFPBAC_* of a TLV to set, or -1. OpenFlow 1.3.5, 7.2.5, set-field; masks since 1.5.
static int check_oxm(const struct of_oxm *o, bool masked, uint8_t *value, uint8_t *mask)
{
	const struct weft_field_info *info;

	if (!o->form)
		return OFPBAC_BAD_SET_TYPE;
	info = &weft_field_infos[o->form->field];
	if (!(info->flags & WEFT_FIELD_S) || (o->hasmask && !masked))
		return OFPBAC_BAD_SET_TYPE;
	if (!of_oxm_len_ok(o))
		return OFPBAC_BAD_SET_LEN;
	if (o->hasmask && !(info->flags & WEFT_FIELD_M))
		return OFPBAC_BAD_SET_MASK;
	if (!of_oxm_value(o->form, o->body.p, value))
		return OFPBAC_BAD_SET_ARGUMENT;
	of_oxm_mask(o, mask);
	if (is_zero(mask, info->bytes))
		return OFPBAC_BAD_SET_MASK;
	return value_ok(o->form->field, value, mask) ? -1 : OFPBAC_BAD_SET_ARGUMENT;
}

// A set-field of a header that several fields have a part of, or one that has another form.
static bool is_parted(const struct of_oxm *o, uint32_t *header)
{
	size_t bytes = o->body.len >> o->hasmask;

	*header = (uint32_t)o->class_ << 16 | (uint32_t)o->number << 9 | (uint32_t)bytes;
	return o->body.len == bytes << o->hasmask &&
	       (*header == OF_NXM_VLAN_TCI || *header == OF_NXM_IP_TOS);
}

static uint64_t number(const uint8_t *p, unsigned bytes)
{
	return bytes == 2 ? of_load16(p) : *p;
}

static void set_parted(
	struct of_action_sink *s, const struct of_oxm *o, uint32_t header, bool masked)
{
	unsigned bytes = header & 0xff;
	uint64_t value = number(o->body.p, bytes), mask = (1u << 8 * bytes) - 1;

	if (o->hasmask)
		mask = number(o->body.p + bytes, bytes);
	if (o->hasmask && (!masked || header == OF_NXM_IP_TOS))
		of_sink_fail(s, masked ? OFPBAC_BAD_SET_MASK : OFPBAC_BAD_SET_TYPE);
	else if (!mask)
		of_sink_fail(s, OFPBAC_BAD_SET_MASK);
	else if (value & ~mask)
		of_sink_fail(s, OFPBAC_BAD_SET_ARGUMENT);
	else
		of_sink_set_nxm(s, WEFT_ACTION_SET_FIELD, header, value, mask);
}

void of_sink_set_oxm(struct of_action_sink *s, struct of_span oxm, bool masked)
{
	struct of_reader it = of_list(oxm, s->version);
	uint8_t value[16], mask[16];
	uint32_t header;
	struct of_oxm o;
	int code;

	if (of_oxm_read(&it, &o)) {
		of_sink_fail(s, OFPBAC_BAD_SET_LEN);
		return;
	}
	if (is_parted(&o, &header)) {
		set_parted(s, &o, header, masked);
		return;
	}
	code = check_oxm(&o, masked, value, mask);
	if (code >= 0)
		of_sink_fail(s, code);
	else
		of_sink_set(s, WEFT_ACTION_SET_FIELD, o.form->field, value, mask);
}
