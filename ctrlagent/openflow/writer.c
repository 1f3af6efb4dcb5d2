// SPDX-License-Identifier: Apache-2.0
#include "openflow/writer.h"

#include <stdlib.h>

#include "openflow/of_wire.h"

void of_writer_free(struct of_writer *w)
{
	free(w->data);
	*w = (struct of_writer){.version = w->version};
}

int of_writer_grow(struct of_writer *w, size_t n)
{
	size_t room = w->room ? 2 * w->room : 256;
	uint8_t *data;

	while (room < w->len + n)
		room *= 2;
	data = realloc(w->data, room);
	if (!data)
		return w->error = -ENOMEM;
	w->data = data;
	w->room = room;
	return 0;
}

void of_put_str(struct of_writer *w, const char *s, size_t n)
{
	size_t len = strnlen(s, n - 1);

	of_put_bytes(w, s, len);
	of_put_zeros(w, n - len);
}

static void pad_to(struct of_writer *w, size_t begin, size_t multiple)
{
	size_t over = multiple ? (w->len - begin) % multiple : 0;

	if (over)
		of_put_zeros(w, multiple - over);
}

static void put_framed(struct of_writer *w, uint16_t type, struct of_span body)
{
	size_t begin = of_begin(w);

	of_put_u16(w, type);
	of_put_u16(w, of_len16(w, 4 + body.len));
	of_put_span(w, body);
	pad_to(w, begin, 8);
}

void of_put_match(struct of_writer *w, struct of_span oxm)
{
	if (w->version == 1)
		of_put_span(w, oxm);
	else
		put_framed(w, OFPMT_OXM, oxm);
}

void of_put_stats(struct of_writer *w, struct of_span oxs)
{
	put_framed(w, 0, oxs);
}

void of_put_message(struct of_writer *w, struct of_span message, size_t more)
{
	size_t begin = of_begin(w);

	of_put_span(w, message);
	if (more)
		pad_to(w, begin, 8);
}

int of_end(struct of_writer *w, size_t begin, size_t at, size_t align, size_t pad)
{
	uint16_t len;

	pad_to(w, begin, align);
	len = of_len16(w, w->len - begin);
	if (!w->error)
		of_store16(w->data + begin + at, len);
	pad_to(w, begin, pad);
	return w->error;
}
