// SPDX-License-Identifier: Apache-2.0
// New flows on the ways of others (gist.h): from a key to its way, and from that to a path.
#include "flowtable/cache/cache_own.h"
#include "flowtable/cache/frame_ipv4.h"
#include "flowtable/hash.h"

static const struct ft_gist *gist_of(const struct ft_arrival *a)
{
	return atomic_load_explicit(&a->front->gist, memory_order_acquire);
}

bool ft_cache_may_derive(const struct ft_arrival a[], uint64_t which)
{
	for (; which; which &= which - 1)
		if (gist_of(&a[__builtin_ctzll(which)]))
			return true;
	return false;
}

// What a frame's kind follows from is part of it.
static struct ft_print print_of_way(const struct ft_cache *c, const struct ft_arrival *a,
	const struct weft_flow_key *key, const struct ft_gist *g, uint64_t way)
{
	uint64_t word[4 + sizeof(struct ft_tunnel) / 8];
	size_t n = 4;

	memcpy(word, &a->from, sizeof(a->from));
	word[2] = (uint64_t)g->number << 32 | (uint32_t)key->eth_type << 16 | key->ip_proto << 8 |
		  (key->vlan_vid != 0);
	word[3] = way;
	if (a->tunnel) {
		memcpy(&word[n], a->tunnel, sizeof(*a->tunnel));
		n += sizeof(*a->tunnel) / 8;
	}
	return (struct ft_print){
		ft_hash_bytes(word, 8 * n, c->keys.from[1][0]),
		ft_hash_bytes(word, 8 * n, c->keys.from[1][1]),
	};
}

// Those of `ask` that have a gist, which is being fetched; their bits.
static uint64_t find_gists(struct ft_cache *c, const struct ft_arrival a[], uint64_t ask)
{
	uint64_t have = 0;

	for (; ask; ask &= ask - 1) {
		unsigned i = (unsigned)__builtin_ctzll(ask);

		c->gist[i] = gist_of(&a[i]);
		if (!c->gist[i])
			continue;
		ft_gist_prefetch(c->gist[i]);
		have |= 1ull << i;
	}
	return have;
}

static inline bool is_ipv4(const struct ft_arrival *a)
{
	return weft_load16(a->data + 12) == htons(FT_ETH_IPV4);
}

// As ft_gist_key() wants it? It has a print.
static bool is_plain(const struct ft_arrival *a)
{
	const uint32_t protos = 1u << FT_PROTO_ICMP | 1u << FT_PROTO_TCP | 1u << FT_PROTO_UDP;
	uint8_t proto = a->data[23];

	return is_ipv4(a) && proto < 32 && protos >> proto & 1;
}

// The keys of those that have a gist; the bits of those that fill() was asked for.
static uint64_t find_keys(struct ft_cache *c, const struct ft_arrival a[], uint64_t have,
	ft_fill_fn *fill, void *ctx, const struct weft_flow_key *key[])
{
	uint64_t filled = 0;
	unsigned n = 0;

	do {
		unsigned i = (unsigned)__builtin_ctzll(have);
		struct ft_packet *p;

		if (__builtin_expect(c->gist[i]->plain && is_plain(&a[i]), 1)) {
			ft_gist_key(a[i].data, a[i].from.in_port, &c->frame[n].key);
			key[n] = &c->frame[n].key;
			continue;
		}
		p = fill(ctx, i);
		ft_extract(&p->pkt, &p->key);
		key[n] = &p->key;
		filled |= 1ull << i;
	} while (n++, have &= have - 1);
	return filled;
}

// Those of them that have ways, which c->ways gets.
static uint64_t find_ways(struct ft_cache *c, const struct ft_arrival a[], uint64_t have,
	const struct weft_flow_key *const key[])
{
	const struct ft_gist *gist[FT_BURST];
	uint64_t way[FT_BURST];
	uint64_t left = have, found = 0;
	unsigned n = 0;

	do
		gist[n++] = c->gist[__builtin_ctzll(left)];
	while (left &= left - 1);
	ft_gist_walk(gist, key, n, way);
	for (n = 0; have; have &= have - 1, n++) {
		unsigned i = (unsigned)__builtin_ctzll(have);

		if (way[n] == FT_GIST_NO_WAY)
			continue;
		c->way[i] = way[n];
		c->way_print[i] = print_of_way(c, &a[i], key[n], gist[n], way[n]);
		found |= 1ull << i;
		__builtin_prefetch(line_of(c, &c->way_print[i]));
	}
	c->ways |= found;
	return found;
}

// The paths that ways lead to, which are being fetched; NULL: none is known.
static void find_paths(struct ft_cache *c, uint64_t ways, struct ft_path *path[])
{
	for (; ways; ways &= ways - 1) {
		unsigned i = (unsigned)__builtin_ctzll(ways);
		const struct line *l = line_of(c, &c->way_print[i]);
		unsigned way = find(l, &c->way_print[i]);

		path[i] = way == WAYS ? NULL : &c->path[l->path[way] - 1];
		if (path[i])
			__builtin_prefetch(path[i], 1);
	}
}

// The bits of those whose paths hold.
static uint64_t take_paths(struct ft_cache *c, uint64_t ways, struct ft_path *const path[],
	const struct ft_path *paths[])
{
	uint64_t derived = 0;

	for (; ways; ways &= ways - 1) {
		unsigned i = (unsigned)__builtin_ctzll(ways);

		if (!path[i] || !holds(c, path[i], now_of(c, i)))
			continue;
		paths[i] = path[i];
		derived |= 1ull << i;
	}
	c->ways_luck.hits += (unsigned)__builtin_popcountll(derived);
	return derived;
}

// ---- where most is new

// Frames of which ft_gist_key() says all that their gists may ask.
static uint64_t find_plain(const struct ft_arrival a[], unsigned n)
{
	uint64_t plain = 0;

	for (unsigned i = 0; i < n; i++)
		plain |= (uint64_t)(a[i].len >= FT_IPV4_MIN && is_plain(&a[i]) &&
				    ft_frame_ipv4(&a[i], 0) != FT_FRAME_OTHER)
			 << i;
	return plain;
}

// The keys of those of `have` whose gists take them for plain, which are asked only when all keys
// are there: they were far away. Returns their bits.
static uint64_t find_plain_keys(struct ft_cache *c, const struct ft_arrival a[], uint64_t have,
	const struct weft_flow_key *key[])
{
	uint64_t plain = 0;
	unsigned n = 0;

	for (uint64_t left = have; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		ft_gist_key(a[i].data, a[i].from.in_port, &c->frame[i].key);
	}
	for (; have; have &= have - 1) {
		unsigned i = (unsigned)__builtin_ctzll(have);

		key[n] = &c->frame[i].key;
		n += c->gist[i]->plain;
		plain |= (uint64_t)c->gist[i]->plain << i;
	}
	return plain;
}

uint64_t ft_cache_seek(
	struct ft_cache *c, const struct ft_arrival a[], unsigned n, const struct ft_path *paths[])
{
	const struct weft_flow_key *key[FT_BURST];
	uint64_t ways, have = find_gists(c, a, ~0ull >> (64 - n));
	struct ft_path *path[FT_BURST];

	memset(paths, 0, n * sizeof(paths[0]));
	c->sought = find_plain_keys(c, a, have & find_plain(a, n), key);
	if (!c->sought)
		return 0;
	ways = find_ways(c, a, c->sought, key);
	find_paths(c, ways, path);
	return take_paths(c, ways, path, paths);
}

// ---- of what was looked up

static uint64_t take_in_known(struct ft_cache *c, uint64_t derived, const struct ft_path *paths[])
{
	uint64_t taken_in = 0;

	for (; derived; derived &= derived - 1) {
		unsigned i = (unsigned)__builtin_ctzll(derived);

		if (!ft_cache_was_seen(c, i))
			continue;
		ft_cache_take_in(c, i, &c->print[i], (uint32_t)(paths[i] - c->path) + 1);
		c->flows_luck.learned++;
		taken_in |= 1ull << i;
	}
	return taken_in;
}

struct ft_derived ft_cache_derive(struct ft_cache *c, const struct ft_arrival a[], unsigned n,
	uint64_t left, ft_fill_fn *fill, void *ctx, const struct ft_path *paths[])
{
	const struct weft_flow_key *key[FT_BURST];
	uint64_t ask = left & c->printed & ~c->sought, ways, derived;
	struct ft_path *path[FT_BURST];
	struct ft_derived d = {0, 0};

	for (unsigned i = 0; i < n; i++) {
		ask &= ~((uint64_t)(paths[i] != NULL) << i); // it does not fit this packet
		paths[i] = NULL;
	}
	ask = find_gists(c, a, ask);
	if (!ask)
		return d;
	d.filled = find_keys(c, a, ask, fill, ctx, key);
	ways = find_ways(c, a, ask, key);
	find_paths(c, ways, path);
	derived = take_paths(c, ways, path, paths);
	c->news.derived += (unsigned)__builtin_popcountll(derived);
	d.taken_in = take_in_known(c, derived, paths);
	return d;
}
