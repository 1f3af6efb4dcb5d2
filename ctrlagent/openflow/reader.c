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

struct of_span of_get_match(struct of_reader *r)
{
	const struct of_span none = {NULL, 0};
	struct of_span oxm;
	size_t len;

	if (r->failed)
		return none;
	if (of_left(r) < 4) {
		of_fail(r, OFPET_BAD_MATCH, OFPBMC_BAD_LEN);
		return none;
	}
	if (of_load16(r->p) != OFPMT_OXM) {
		of_fail(r, OFPET_BAD_MATCH, OFPBMC_BAD_TYPE);
		return none;
	}
	len = of_load16(r->p + 2);
	if (len < 4 || round_up(len, 8) > of_left(r)) {
		of_fail(r, OFPET_BAD_MATCH, OFPBMC_BAD_LEN);
		return none;
	}
	oxm = (struct of_span){r->p + 4, len - 4};
	r->p += round_up(len, 8);
	return oxm;
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
