// SPDX-License-Identifier: Apache-2.0
#include "openflow/oxm.h"

#include "openflow/header.h"

int of_oxm_read(struct of_reader *it, struct of_oxm *out)
{
	const uint8_t *h = of_take(it, 4);

	if (!h)
		return -EBADMSG;
	out->class_ = of_load16(h);
	out->number = h[2] >> 1;
	out->hasmask = h[2] & 1;
	out->experimenter = 0;
	out->body = of_get_span(it, h[3]);
	if (!it->failed && out->class_ == OF_EXPERIMENTER_CLASS) {
		if (out->body.len < 4)
			return of_fail_error(it, it->bad_len);
		out->experimenter = of_load32(out->body.p);
		out->body.p += 4;
		out->body.len -= 4;
	}
	out->form = of_oxm_form(out->class_, out->number, out->experimenter, it->version);
	return of_status(it);
}

bool of_oxm_value(const struct of_oxm_form *form, const uint8_t *wire, uint8_t *field)
{
	const struct weft_field_info *info = &weft_field_infos[form->field];
	unsigned surplus;

	if (form->bytes < info->bytes) {
		weft_be32 port = htonl(of_port_widen(of_load16(wire))); // in_port of 16 bits

		memcpy(field, &port, 4);
		return true;
	}
	surplus = form->bytes - info->bytes;
	for (unsigned i = 0; i < surplus; i++)
		if (wire[i])
			return false;
	memcpy(field, wire + surplus, info->bytes);
	return info->bits % 8 == 0 || field[0] >> info->bits % 8 == 0;
}

void of_oxm_full_mask(enum weft_field f, uint8_t *mask)
{
	const struct weft_field_info *info = &weft_field_infos[f];

	memset(mask, 0xff, info->bytes);
	if (info->bits % 8)
		mask[0] = (uint8_t)(0xff >> (8 - info->bits % 8));
}

bool of_oxm_is_full_mask(enum weft_field f, const uint8_t *mask)
{
	uint8_t full[16];

	of_oxm_full_mask(f, full);
	return memcmp(mask, full, weft_field_infos[f].bytes) == 0;
}

bool of_oxm_is_within(enum weft_field f, const uint8_t *value, const uint8_t *mask)
{
	for (unsigned i = 0; i < weft_field_infos[f].bytes; i++)
		if (value[i] & ~mask[i])
			return false;
	return true;
}

void of_oxm_mask(const struct of_oxm *o, uint8_t *mask)
{
	unsigned bytes = weft_field_infos[o->form->field].bytes;

	of_oxm_full_mask(o->form->field, mask);
	for (unsigned i = 0; o->hasmask && i < bytes; i++)
		mask[i] &= o->body.p[2 * o->form->bytes - bytes + i];
}

static void put_header(struct of_writer *w, const struct of_oxm_form *form, bool hasmask)
{
	unsigned len = (unsigned)form->bytes << hasmask;

	of_put_u16(w, form->class_);
	of_put_u8(w, (uint8_t)(form->number << 1 | hasmask));
	of_put_u8(w, (uint8_t)(len + (form->experimenter ? 4 : 0)));
	if (form->experimenter)
		of_put_u32(w, form->experimenter);
}

static void put_value(struct of_writer *w, const struct of_oxm_form *form, const uint8_t *field)
{
	unsigned bytes = weft_field_infos[form->field].bytes;

	if (form->bytes < bytes) { // in_port of 16 bits
		of_put_u16(w, of_port_narrow(w, of_load32(field)));
		return;
	}
	of_put_zeros(w, form->bytes - bytes);
	of_put_bytes(w, field, bytes);
}

static int write_form(struct of_writer *w, const struct of_oxm_form *form, const uint8_t *value,
	const uint8_t *mask)
{
	if (!form)
		return -ENOTSUP;
	put_header(w, form, mask != NULL);
	put_value(w, form, value);
	if (mask)
		put_value(w, form, mask);
	return w->error;
}

int of_oxm_write(struct of_writer *w, enum weft_field f, const uint8_t *value, const uint8_t *mask)
{
	return write_form(w, of_oxm_form_of_field(f, w->version), value, mask);
}

// Ports with a meaning have numbers of 16 bits, too.
static bool fits_nxm(uint32_t port)
{
	return port < 0xff00 || port >= 0xffffff00;
}

int of_oxm_write_set(
	struct of_writer *w, enum weft_field f, const uint8_t *value, const uint8_t *mask)
{
	if (f == WEFT_FIELD_IN_PORT && !mask && fits_nxm(of_load32(value)))
		return write_form(w, of_oxm_form(0, 0, 0, w->version), value, NULL);
	if (f == WEFT_FIELD_VLAN_TCI)
		return write_form(w, of_oxm_form(0, 4, 0, w->version), value, mask);
	return of_oxm_write(w, f, value, mask);
}

int of_oxm_id_of_field(struct of_writer *w, enum weft_field f, bool hasmask)
{
	const struct of_oxm_form *form = of_oxm_form_of_field(f, w->version);

	if (!form)
		return -ENOTSUP;
	put_header(w, form, hasmask);
	return w->error;
}

int of_oxm_id(const struct weft_subfield *f, uint8_t version, struct of_oxm_id *out)
{
	const struct of_oxm_form *form;

	*out = (struct of_oxm_id){.header = of_nxm_name(f)};
	if (out->header)
		return 0;
	form = of_oxm_form_of_field(f->field, version);
	if (form && f->ofs + f->n_bits > 8u * form->bytes) // in_port of 16 bits
		form = of_oxm_form_of_field(f->field, OF_VERSION_1_3);
	if (!form)
		return -ENOTSUP;
	*out = (struct of_oxm_id){
		.header = (uint32_t)form->class_ << 16 | (uint32_t)form->number << 9 |
			  (form->bytes + (form->experimenter ? 4u : 0u)),
		.experimenter = form->experimenter,
	};
	return 0;
}

const struct of_oxm_form *of_oxm_form_of_id(const struct of_oxm_id *id, uint8_t version)
{
	const struct of_oxm_form *form = of_oxm_form(
		(uint16_t)(id->header >> 16), id->header >> 9 & 0x7f, id->experimenter, version);
	unsigned len = id->header & 0xff;

	if (!form || id->header >> 8 & 1 || len != form->bytes + (form->experimenter ? 4u : 0u))
		return NULL;
	return form;
}
