// SPDX-License-Identifier: Apache-2.0
#include "openflow/reader.h"

#include "openflow/of_wire.h"

static size_t round_up(size_t n, size_t to)
{
	return to ? (n + to - 1) / to * to : n;
}

struct of_reader of_open(
	struct of_reader *r, size_t at, size_t align, size_t pad, struct of_error bad_len)
{
	struct of_reader s = *r;
	size_t len;

	s.bad_len = bad_len;
	if (r->failed)
		return s;
	if (of_left(r) < at + 2) {
		of_fail_error(&s, bad_len);
		return s;
	}
	len = of_load16(r->p + at);
	if (len < at + 2 || (align && len % align) || round_up(len, pad) > of_left(r))
		of_fail_error(&s, bad_len);
	else
		s.end = s.p + len;
	return s;
}

int of_close(struct of_reader *r, struct of_reader *s, size_t pad)
{
	if (!s->failed && s->p != s->end)
		of_fail_error(s, s->bad_len);
	if (s->failed)
		return of_fail_error(r, s->error);
	r->p += round_up((size_t)(s->end - r->p), pad);
	return 0;
}

int of_resume(struct of_reader *r, const struct of_reader *s)
{
	if (s->failed)
		return of_fail_error(r, s->error);
	r->p = s->p;
	return 0;
}

void of_get_slack(struct of_reader *r)
{
	of_take(r, of_left(r) < 8 ? of_left(r) : SIZE_MAX);
}

// What stands behind a 16-bit type and a length that counts both but not the padding to 8.
static struct of_span get_framed(struct of_reader *r, struct of_error bad_len)
{
	struct of_span body = {NULL, 0};
	size_t len = of_left(r) < 4 ? 0 : of_load16(r->p + 2);

	if (len < 4 || round_up(len, 8) > of_left(r)) {
		of_fail_error(r, bad_len);
		return body;
	}
	body = (struct of_span){r->p + 4, len - 4};
	r->p += round_up(len, 8);
	return body;
}

struct of_span of_get_match(struct of_reader *r)
{
	const struct of_error bad_len = {OFPET_BAD_MATCH, OFPBMC_BAD_LEN, 0};

	if (r->version == 1)
		return of_get_span(r, OF_MATCH_1_0_LEN);
	if (of_left(r) >= 4 && of_load16(r->p) != OFPMT_OXM)
		of_fail(r, OFPET_BAD_MATCH, OFPBMC_BAD_TYPE);
	return get_framed(r, bad_len);
}

struct of_span of_get_stats(struct of_reader *r)
{
	return get_framed(r, r->bad_len);
}

struct of_span of_get_nxm(struct of_reader *r, size_t len)
{
	struct of_span s = of_get_span(r, len);

	of_take(r, round_up(len, 8) - len);
	return s;
}

struct of_span of_get_message(struct of_reader *r)
{
	size_t len = of_left(r) < 8 ? 0 : of_load16(r->p + 2), pad;
	struct of_span message = {NULL, 0};

	if (len < 8 || len > of_left(r)) {
		of_fail_error(r, r->bad_len);
		return message;
	}
	message = of_get_span(r, len);
	pad = round_up(len, 8) - len;
	if (of_left(r))
		of_take(r, pad);
	return message;
}

struct of_span of_get_oxm(struct of_reader *r)
{
	struct of_span all = of_get_rest(r);

	if (r->failed)
		return all;
	if (all.len < 4 || 4u + all.p[3] > all.len || all.len - 4 - all.p[3] > 7) {
		of_fail_error(r, r->bad_len);
		return (struct of_span){NULL, 0};
	}
	all.len = 4u + all.p[3];
	return all;
}
