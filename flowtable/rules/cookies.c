// SPDX-License-Identifier: Apache-2.0
#include "flowtable/rules/cookies.h"

#include "flowtable/hash.h"
#include "flowtable/switch.h"

#include <stdlib.h>

#define FT_COOKIES_STEP 64u       // numbers a rule that comes
#define FT_BUCKET_TAG 0x80000000u // in prev: the rest is the bucket

static uint32_t bucket_of(const struct ft_cookies *c, uint8_t table, uint64_t cookie)
{
	uint64_t h = ft_hash_word(ft_hash_word(c->seed, cookie, c->seed), table, c->seed);

	return (uint32_t)(ft_hash_end(h) >> 32) & c->mask;
}

static void link_in(struct ft_cookies *c, const struct ft_rule *r)
{
	uint32_t b = bucket_of(c, r->table, r->cookie), first = c->bucket[b] - 1;

	c->link[r->id].next = first;
	c->link[r->id].prev = b | FT_BUCKET_TAG;
	if (first != FT_COOKIES_END)
		c->link[first].prev = r->id;
	c->bucket[b] = r->id + 1;
}

static void link_out(struct ft_cookies *c, uint32_t id)
{
	uint32_t next = c->link[id].next, prev = c->link[id].prev;

	if (prev & FT_BUCKET_TAG)
		c->bucket[prev & ~FT_BUCKET_TAG] = next + 1;
	else
		c->link[prev].next = next;
	if (next != FT_COOKIES_END)
		c->link[next].prev = prev;
}

// Buckets without any chain: all is to be built again. Those of very many rules come as zeroed
// pages that nobody has touched.
static bool start_over(struct ft_cookies *c, uint32_t buckets)
{
	uint32_t *bucket = calloc(buckets, sizeof(*bucket));

	if (!bucket)
		return false;
	free(c->bucket);
	c->bucket = bucket;
	c->mask = buckets - 1;
	c->built = 0;
	return true;
}

static bool grow(struct ft_cookies *c, uint32_t room)
{
	void *link = realloc(c->link, room * sizeof(c->link[0]));
	uint32_t buckets = 64;

	if (!link)
		return false;
	c->link = link;
	while (buckets < room / 2)
		buckets *= 2;
	if ((!c->bucket || buckets > c->mask + 1) && !start_over(c, buckets))
		return false;
	c->room = room;
	return true;
}

bool ft_cookies_begin(struct ft_switch *sw)
{
	struct ft_cookies *c = &sw->cookies;

	if (c->room)
		return true;
	c->seed = ft_hash_end(sw->env.seed ^ 0xc00c1e);
	return grow(c, sw->ids.count > 32 ? sw->ids.count + sw->ids.count / 4 : 64);
}

void ft_cookies_build(struct ft_switch *sw, uint32_t end)
{
	struct ft_cookies *c = &sw->cookies;

	if (end > sw->ids.count)
		end = sw->ids.count;
	for (; c->room && c->built < end; c->built++) {
		const struct ft_rule *r = ft_ids_rule(sw, c->built);

		if (r)
			link_in(c, r);
	}
}

bool ft_cookies_is_whole(const struct ft_switch *sw)
{
	return sw->cookies.room && sw->cookies.built == sw->ids.count;
}

bool ft_cookies_keep(struct ft_switch *sw)
{
	if (!ft_cookies_begin(sw))
		return false;
	ft_cookies_build(sw, UINT32_MAX);
	return true;
}

bool ft_cookies_reserve(struct ft_switch *sw, uint32_t count)
{
	struct ft_cookies *c = &sw->cookies;

	if (!c->room)
		return true;
	if (count > c->room && !grow(c, count + count / 2))
		return false;
	ft_cookies_build(sw, c->built + FT_COOKIES_STEP);
	return true;
}

void ft_cookies_move(struct ft_switch *sw, const struct ft_rule *old, const struct ft_rule *r)
{
	struct ft_cookies *c = &sw->cookies;
	uint32_t id = old ? old->id : r->id;

	c->built += c->room && !old && id == c->built; // a new number keeps it whole
	if (id >= c->built || (old && r && old->cookie == r->cookie && old->table == r->table))
		return;
	if (old)
		link_out(c, id);
	if (r)
		link_in(c, r);
}

struct ft_rule *ft_cookies_next(
	const struct ft_switch *sw, uint8_t table, uint64_t cookie, const struct ft_rule *at)
{
	const struct ft_cookies *c = &sw->cookies;
	uint32_t id = at ? c->link[at->id].next : c->bucket[bucket_of(c, table, cookie)] - 1;

	for (; id != FT_COOKIES_END; id = c->link[id].next) {
		struct ft_rule *r = ft_ids_rule(sw, id);

		if (r->table == table && r->cookie == cookie)
			return r;
	}
	return NULL;
}

void ft_cookies_fini(struct ft_switch *sw)
{
	free(sw->cookies.link);
	free(sw->cookies.bucket);
}
