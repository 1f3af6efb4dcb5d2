// SPDX-License-Identifier: Apache-2.0
#include "openflow/oxs.h"

static size_t field_bytes(unsigned field)
{
	switch (field) {
	case OFPXST_DURATION:
	case OFPXST_IDLE_TIME:
	case OFPXST_PACKET_COUNT:
	case OFPXST_BYTE_COUNT:
		return 8;
	case OFPXST_FLOW_COUNT:
		return 4;
	default:
		return 0;
	}
}

static void get_field(struct of_reader *r, unsigned field, struct of_oxs *out)
{
	switch (field) {
	case OFPXST_DURATION:
		out->duration_sec = of_get_u32(r);
		out->duration_nsec = of_get_u32(r);
		break;
	case OFPXST_IDLE_TIME:
		out->idle_sec = of_get_u32(r);
		out->idle_nsec = of_get_u32(r);
		break;
	case OFPXST_FLOW_COUNT:
		out->flow_count = of_get_u32(r);
		break;
	case OFPXST_PACKET_COUNT:
		out->packet_count = of_get_u64(r);
		break;
	case OFPXST_BYTE_COUNT:
		out->byte_count = of_get_u64(r);
		break;
	default:
		break;
	}
}

static void get_tlv(struct of_reader *r, struct of_oxs *out)
{
	unsigned class = of_get_u16(r), field = of_get_u8(r) >> 1, len = of_get_u8(r);

	if (r->failed)
		return;
	if (class != OFPXSC_OPENFLOW_BASIC || !field_bytes(field) || out->present >> field & 1)
		of_fail(r, OFPET_BAD_REQUEST, OFPBRC_BAD_TYPE);
	else if (len != field_bytes(field))
		of_fail_error(r, r->bad_len);
	if (r->failed)
		return;
	get_field(r, field, out);
	out->present |= 1u << field;
}

int of_oxs_read(struct of_span oxs, struct of_oxs *out, struct of_error *error)
{
	struct of_reader r = of_list(oxs, 6);

	memset(out, 0, sizeof(*out));
	while (of_left(&r))
		get_tlv(&r, out);
	*error = r.error;
	return of_status(&r);
}

static void put_header(struct of_writer *w, unsigned field)
{
	of_put_u16(w, OFPXSC_OPENFLOW_BASIC);
	of_put_u8(w, (uint8_t)(field << 1));
	of_put_u8(w, (uint8_t)field_bytes(field));
}

static void put_words(struct of_writer *w, unsigned field, uint32_t a, uint32_t b)
{
	put_header(w, field);
	of_put_u32(w, a);
	if (field_bytes(field) == 8)
		of_put_u32(w, b);
}

int of_oxs_write(struct of_writer *w, const struct of_oxs *in)
{
	if (in->present >> OFPXST_DURATION & 1)
		put_words(w, OFPXST_DURATION, in->duration_sec, in->duration_nsec);
	if (in->present >> OFPXST_IDLE_TIME & 1)
		put_words(w, OFPXST_IDLE_TIME, in->idle_sec, in->idle_nsec);
	if (in->present >> OFPXST_FLOW_COUNT & 1)
		put_words(w, OFPXST_FLOW_COUNT, in->flow_count, 0);
	if (in->present >> OFPXST_PACKET_COUNT & 1)
		put_words(w, OFPXST_PACKET_COUNT, (uint32_t)(in->packet_count >> 32),
			(uint32_t)in->packet_count);
	if (in->present >> OFPXST_BYTE_COUNT & 1)
		put_words(w, OFPXST_BYTE_COUNT, (uint32_t)(in->byte_count >> 32),
			(uint32_t)in->byte_count);
	return w->error;
}
