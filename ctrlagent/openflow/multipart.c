// SPDX-License-Identifier: Apache-2.0
#include "openflow/multipart.h"

#include "openflow/of_wire.h"

#define STATS_REPLY_1_0 17u // OFPT_STATS_REPLY, its number in 1.0

// ofp_multipart_reply without its body.
static size_t header_len(const struct of_multipart *mp)
{
	if (mp->type == OFPMP_EXPERIMENTER)
		return 24;
	return mp->w->version == 1 ? 12 : 16;
}

static void put_header(struct of_multipart *mp)
{
	bool first = mp->w->version == 1;

	mp->message = mp->w->len;
	of_put_u8(mp->w, mp->w->version);
	of_put_u8(mp->w, first ? STATS_REPLY_1_0 : OFPT_MULTIPART_REPLY);
	of_put_u16(mp->w, 0);
	of_put_u32(mp->w, mp->xid);
	of_put_u16(mp->w, mp->type);
	of_put_u16(mp->w, 0);
	of_put_zeros(mp->w, first ? 0 : 4);
	if (mp->type == OFPMP_EXPERIMENTER) {
		of_put_u32(mp->w, mp->experimenter);
		of_put_u32(mp->w, mp->exp_type);
		of_put_zeros(mp->w, first ? 4 : 0);
	}
	mp->element = mp->w->len;
}

void of_multipart_begin(struct of_multipart *mp, struct of_writer *w, uint32_t xid, uint16_t type)
{
	*mp = (struct of_multipart){.w = w, .xid = xid, .type = type};
	put_header(mp);
}

void of_multipart_begin_experimenter(struct of_multipart *mp, struct of_writer *w, uint32_t xid,
	uint32_t experimenter, uint32_t exp_type)
{
	*mp = (struct of_multipart){.w = w,
		.xid = xid,
		.type = OFPMP_EXPERIMENTER,
		.experimenter = experimenter,
		.exp_type = exp_type};
	put_header(mp);
}

// Finishes the message that ends where `end` says.
static int finish(struct of_multipart *mp, size_t end, uint16_t flags)
{
	uint8_t *m = mp->w->data + mp->message;

	of_store16(m + 2, (uint16_t)(end - mp->message));
	of_store16(m + 10, flags);
	if (mp->flush && !mp->w->error)
		mp->w->error = mp->flush(mp->arg, (struct of_span){m, end - mp->message});
	return mp->w->error;
}

// The element just written goes behind a new header: room is made for one, or the old one's is
// used.
static int split(struct of_multipart *mp)
{
	struct of_writer *w = mp->w;
	size_t start = mp->element, len = w->len - start, header = header_len(mp), new_start;

	if (len > UINT16_MAX - header)
		return w->error = -EMSGSIZE;
	if (finish(mp, start, OFPMPF_REPLY_MORE))
		return w->error;
	new_start = mp->flush ? mp->message : start;
	of_put_zeros(w, header);
	if (w->error)
		return w->error;
	memmove(w->data + new_start + header, w->data + start, len);
	w->len = new_start;
	put_header(mp);
	w->len += len;
	return 0;
}

int of_multipart_next(struct of_multipart *mp)
{
	if (!mp->w->error && mp->w->len - mp->message > UINT16_MAX)
		split(mp);
	mp->element = mp->w->len;
	return mp->w->error;
}

int of_multipart_end(struct of_multipart *mp)
{
	struct of_writer *w = mp->w;

	if (w->error || finish(mp, w->len, 0))
		return w->error;
	if (mp->flush)
		w->len = mp->message;
	return 0;
}
