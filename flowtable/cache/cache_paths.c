// SPDX-License-Identifier: Apache-2.0
// The paths of a flow cache, of which one like a new one is looked for, so that all flows that go
// the same way share it.
//
// It is found by *hints*, four to a set, in which a hash of the path's bytes leads to its number.
// What a hint says is asked of the path itself, so it may be another's, or of a path that has been
// forgotten; and one that was driven out costs nothing but that the path is there twice.
//
// Hints lie all over their memory from the first path on, and each page of it must be there before
// a worker touches it. So of the hints that there is room for only as many are used as paths may
// want: whoever makes paths ready makes hints ready before (cache_memory.c). When there are twice
// as many, what was put in before is found by a bit of the hash less, and put in anew then.
#include "flowtable/cache/cache_own.h"
#include "flowtable/hash.h"

#define SET 4u
#define NUMBER_BITS 25u // above them a hint has as many bits of the hash as find room
static_assert(FT_CACHE_MAX_PATHS < 1u << NUMBER_BITS, "and 1 more");

static uint32_t *set_of(const struct ft_cache *c, uint64_t hash, uint32_t hints)
{
	return &c->known[(uint32_t)hash & (hints - 1) & ~(SET - 1)];
}

static uint32_t hint_of(uint64_t hash, uint32_t number)
{
	return (uint32_t)(hash >> (32 + NUMBER_BITS)) << NUMBER_BITS | number;
}

// Is it like this one, but for the epoch and what is pending, and does it hold as of now or can be
// made to?
static bool is_like(struct ft_cache *c, struct ft_path *known, struct ft_path *p, struct now *now)
{
	bool like;

	p->epoch = known->epoch;
	p->packets = known->packets;
	p->bytes = known->bytes;
	p->used_ns = known->used_ns;
	like = !memcmp(known, p, ft_path_places(p) * sizeof(*p)) && holds(c, known, now);
	p->epoch = now->epoch;
	p->packets = p->bytes = p->used_ns = 0;
	return like;
}

// Its number + 1; 0: there is none among these.
static uint32_t find_in(struct ft_cache *c, const uint32_t set[SET], uint64_t hash,
	struct ft_path *p, struct now *now)
{
	uint32_t n = ft_path_places(p);

	for (unsigned i = 0; i < SET; i++) {
		uint32_t at = (set[i] ^ hint_of(hash, 0)) - 1; // beyond all, if of another hash

		if (at < c->used && n <= c->used - at && is_like(c, &c->path[at], p, now))
			return at + 1;
	}
	return 0;
}

// In the place of none, or of one like it that holds no more, or of any.
static void put_hint(struct ft_cache *c, uint64_t hash, uint32_t number)
{
	uint32_t *set = set_of(c, hash, __atomic_load_n(&c->hints, __ATOMIC_RELAXED));
	unsigned at = SET;

	for (unsigned i = 0; i < SET; i++) {
		uint32_t known = set[i] & ((1u << NUMBER_BITS) - 1);

		if (!known || known > c->used ||
			set[i] >> NUMBER_BITS == hint_of(hash, 0) >> NUMBER_BITS)
			at = i;
	}
	set[at == SET ? c->turn++ % SET : at] = hint_of(hash, number);
}

static uint32_t find_like(struct ft_cache *c, uint64_t hash, struct ft_path *p, struct now *now)
{
	uint32_t hints = __atomic_load_n(&c->hints, __ATOMIC_RELAXED), number;
	const uint32_t *set = set_of(c, hash, hints), *before = set;

	if (hints > FT_CACHE_FIRST_HINTS)
		before = set_of(c, hash, hints / 2);
	__builtin_prefetch(before); // both are far away
	number = find_in(c, set, hash, p, now);
	if (number || before == set)
		return number;
	number = find_in(c, before, hash, p, now);
	if (number)
		put_hint(c, hash, number);
	return number;
}

static void join(struct ft_cache *c, uint32_t number)
{
	const struct ft_path *p = &c->path[number - 1];

	ft_herd_join(ft_herd_of(c->herd, p->sw->front->number), p, alike_of(c, number - 1));
}

uint32_t ft_cache_path(
	struct ft_cache *c, struct ft_path *p, const struct ft_alike *alike, struct now *now)
{
	uint32_t n = ft_path_places(p), number;
	size_t bytes = n * sizeof(*p);
	uint64_t hash;

	p->epoch = 0;
	hash = ft_hash_bytes(p, bytes, c->seed);
	p->epoch = now->epoch;
	number = find_like(c, hash, p, now);
	if (number) {
		ft_alike_merge(alike_of(c, number - 1), alike);
		join(c, number);
		return number;
	}
	if (c->used + n > c->room)
		return 0;
	memcpy(&c->path[c->used], p, bytes);
	*alike_of(c, c->used) = *alike;
	number = c->used + 1;
	__atomic_store_n(&c->used, c->used + n, __ATOMIC_RELAXED);
	put_hint(c, hash, number);
	join(c, number);
	return number;
}
