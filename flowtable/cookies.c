// SPDX-License-Identifier: Apache-2.0
#include "flowtable/cookies.h"

#include "flowtable/hash.h"
#include "flowtable/switch.h"

#include <stdlib.h>

#define FT_BUCKET_TAG 0x80000000u // in prev: the rest is the bucket

static uint32_t bucket_of(const struct ft_cookies *c, uint8_t table, uint64_t cookie)
{
	uint64_t h = ft_hash_word(ft_hash_word(c->seed, cookie, c->seed), table, c->seed);

	return (uint32_t)(ft_hash_end(h) >> 32) & c->mask;
}

static void link_in(struct ft_cookies *c, const struct ft_rule *r)
{
	uint32_t b = bucket_of(c, r->table, r->cookie), first = c->bucket[b];

	c->link[r->id].next = first;
	c->link[r->id].prev = b | FT_BUCKET_TAG;
	if (first != FT_COOKIES_END)
		c->link[first].prev = r->id;
	c->bucket[b] = r->id;
	c->n++;
}

static void link_out(struct ft_cookies *c, uint32_t id)
{
	uint32_t next = c->link[id].next, prev = c->link[id].prev;

	if (prev & FT_BUCKET_TAG)
		c->bucket[prev & ~FT_BUCKET_TAG] = next;
	else
		c->link[prev].next = next;
	if (next != FT_COOKIES_END)
		c->link[next].prev = prev;
	c->n--;
}

// Makes the chains anew, of all rules there are.
static bool rebuild(struct ft_switch *sw, uint32_t buckets)
{
	struct ft_cookies *c = &sw->cookies;
	uint32_t *bucket = malloc(buckets * sizeof(*bucket));

	if (!bucket)
		return false;
	free(c->bucket);
	c->bucket = bucket;
	c->mask = buckets - 1;
	c->n = 0;
	memset(bucket, 0xff, buckets * sizeof(*bucket));
	for (uint32_t id = 0; id < sw->ids.count; id++) {
		const struct ft_rule *r = ft_ids_rule(sw, id);

		if (r)
			link_in(c, r);
	}
	return true;
}

static bool grow(struct ft_switch *sw, uint32_t room)
{
	struct ft_cookies *c = &sw->cookies;
	void *link = realloc(c->link, room * sizeof(c->link[0]));
	uint32_t buckets = 64;

	if (!link)
		return false;
	c->link = link;
	while (buckets < room / 2)
		buckets *= 2;
	if ((!c->bucket || buckets > c->mask + 1) && !rebuild(sw, buckets))
		return false;
	c->room = room;
	return true;
}

bool ft_cookies_keep(struct ft_switch *sw)
{
	struct ft_cookies *c = &sw->cookies;

	if (c->room)
		return true;
	c->seed = ft_hash_end(sw->env.seed ^ 0xc00c1e);
	return grow(sw, sw->ids.count > 32 ? sw->ids.count + sw->ids.count / 4 : 64);
}

bool ft_cookies_reserve(struct ft_switch *sw, uint32_t count)
{
	struct ft_cookies *c = &sw->cookies;

	return !c->room || count <= c->room || grow(sw, count + count / 2);
}

void ft_cookies_move(struct ft_switch *sw, const struct ft_rule *old, const struct ft_rule *r)
{
	struct ft_cookies *c = &sw->cookies;

	if (!c->room || (old && r && old->cookie == r->cookie && old->table == r->table))
		return;
	if (old)
		link_out(c, old->id);
	if (r)
		link_in(c, r);
}

struct ft_rule *ft_cookies_next(
	const struct ft_switch *sw, uint8_t table, uint64_t cookie, const struct ft_rule *at)
{
	const struct ft_cookies *c = &sw->cookies;
	uint32_t id = at ? c->link[at->id].next : c->bucket[bucket_of(c, table, cookie)];

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
