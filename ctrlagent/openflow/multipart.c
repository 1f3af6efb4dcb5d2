// SPDX-License-Identifier: Apache-2.0
#include "openflow/multipart.h"

#include "openflow/of_wire.h"

#define HEADER 16u // ofp_multipart_reply without its body

static void put_header(struct of_multipart *mp)
{
	mp->message = mp->w->len;
	of_put_u8(mp->w, mp->w->version);
	of_put_u8(mp->w, OFPT_MULTIPART_REPLY);
	of_put_u16(mp->w, 0);
	of_put_u32(mp->w, mp->xid);
	of_put_u16(mp->w, mp->type);
	of_put_u16(mp->w, 0);
	of_put_zeros(mp->w, 4);
	mp->element = mp->w->len;
}

void of_multipart_begin(struct of_multipart *mp, struct of_writer *w, uint32_t xid, uint16_t type)
{
	*mp = (struct of_multipart){.w = w, .xid = xid, .type = type};
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
	size_t start = mp->element, len = w->len - start, new_start;

	if (len > UINT16_MAX - HEADER)
		return w->error = -EMSGSIZE;
	if (finish(mp, start, OFPMPF_REPLY_MORE))
		return w->error;
	new_start = mp->flush ? mp->message : start;
	of_put_zeros(w, HEADER);
	if (w->error)
		return w->error;
	memmove(w->data + new_start + HEADER, w->data + start, len);
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
