// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a flow cache (cache.h) is made of, and how its lines are read; for cache.c, and for
// cache_derive.c, which looks at gists.

#include "flowtable/cache/cache_key.h"
#include "flowtable/cache/gist.h"
#include "flowtable/cache/herd.h"
#include "flowtable/cache/pending.h"
#include "flowtable/switch.h"
#include "flowtable/cache/trace.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define WAYS 4u
#define MARKS 65536u // of flows, at least
#define WAY_MARKS 65536u
#define FT_CACHE_MAX_PATHS (1u << 24)
#define FT_CACHE_FIRST_HINTS 32768u // or as many as paths have room

// Four flows. A flow's path is its number + 1; 0: no flow.
struct line {
	uint32_t path[WAYS];
	uint32_t tag[WAYS];   // the upper half of the print's `lo`, whose lower half found the line
	uint64_t check[WAYS]; // its `hi`
};
static_assert(sizeof(struct line) == 64, "one look, one cache line");
// A switch as the burst met it.
struct now {
	const struct ft_front *front;
	uint64_t epoch, fdb_epoch;
	uint64_t since; // a path that held then holds at `epoch`
	bool asked;     // the herd for it
};

// Who is taken in without having been seen before.
struct luck {
	uint32_t hits, learned; // of the latest packets: what was known, what was learned
	unsigned best, now;     // one in 1 << now
};

// Of the latest packets that were looked for by their prints.
struct news {
	uint32_t asked, known, derived;
	bool most; // were new and went the ways of others
};

struct ft_cache {
	struct ft_print_keys keys;
	// of the latest lookup
	struct ft_print print[FT_BURST];
	struct now now[FT_BURST];
	uint8_t at[FT_BURST];                   // which `now` a packet's switch has
	const struct ft_masks *masks[FT_BURST]; // what a packet's print was made by
	uint64_t printed;                       // bit: has a print
	uint64_t traced;                        // was given a trace
	struct ft_trace trace[FT_BURST];
	uint64_t own;    // of the traced: is to be taken in by its own print
	uint64_t sought; // bit: its way was asked for before its print was made
	// of those that the tables are asked for
	uint64_t ways; // bit: has a way in its gist
	const struct ft_gist *gist[FT_BURST];
	uint64_t way[FT_BURST];
	struct ft_print way_print[FT_BURST];
	struct ft_gist_frame {
		struct weft_flow_key key;
	} __attribute__((aligned(64))) frame[FT_BURST]; // ft_gist_key() only

	uint64_t seed;
	uint64_t lives;    // how often all was forgotten
	uint32_t mask;     // lines - 1
	uint32_t room;     // paths
	uint32_t used;     // atomic
	uint32_t prepared; // paths; ft_cache_prepare()'s own
	uint32_t flows;    // atomic
	uint32_t turn;     // which way gives way next
	uint32_t chance;   // random
	uint32_t seen;     // of the latest packets
	uint32_t hints;    // atomic; in use, a power of two; ft_cache_prepare() brings more
	struct luck flows_luck, ways_luck;
	struct news news;
	unsigned worker;
	bool full; // is to be forgotten
	struct ft_pending pending;
	struct ft_herd herd[FT_HERDS];
	struct line *line;
	struct ft_path *path;
	struct ft_alike *alike; // of the first path; the others' before it: alike_of()
	uint32_t *known;        // hints, by a path's hash; cache_paths.c
	uint16_t *life;         // of each line: when it was written last, of `lives`
	uint16_t *mark;         // mark_place()
	unsigned mark_shift;
	uint16_t way_mark[WAY_MARKS];
};

// ---- reading

// Which of the four have the tag.
static inline unsigned tags_equal(const struct line *l, uint32_t tag)
{
#if defined(__SSE2__)
	__m128i tags = _mm_load_si128((const __m128i *)(const void *)l->tag);

	return (unsigned)_mm_movemask_ps(
		_mm_castsi128_ps(_mm_cmpeq_epi32(tags, _mm_set1_epi32((int)tag))));
#else
	unsigned m = 0;

	for (unsigned i = 0; i < WAYS; i++)
		m |= (unsigned)(l->tag[i] == tag) << i;
	return m;
#endif
}

static inline struct line *line_of(const struct ft_cache *c, const struct ft_print *p)
{
	return &c->line[(uint32_t)p->lo & c->mask];
}

// Where a flow's mark is, by bits of its print that the mark itself has none of.
static inline uint16_t *mark_place(const struct ft_cache *c, const struct ft_print *p)
{
	return &c->mark[p->hi >> c->mark_shift];
}

// The way, or WAYS.
static inline unsigned find(const struct line *l, const struct ft_print *p)
{
	for (unsigned m = tags_equal(l, (uint32_t)(p->lo >> 32)); m; m &= m - 1) {
		unsigned i = (unsigned)__builtin_ctz(m);

		if (l->check[i] == p->hi && l->path[i])
			return i;
	}
	return WAYS;
}

static inline struct ft_alike *alike_of(const struct ft_cache *c, uint32_t path)
{
	return c->alike - path;
}

// Only rules have changed since the path's epoch, and none that could matter? From then on it holds
// at this one.
bool ft_cache_renew(struct ft_cache *, struct ft_path *, struct now *);

static inline bool holds(struct ft_cache *c, struct ft_path *p, struct now *now)
{
	if (p->asks_fdb && p->fdb_epoch != now->fdb_epoch)
		return false;
	if (__builtin_expect(p->epoch - now->since <= now->epoch - now->since, 1)) {
		p->epoch = now->epoch; // or the history might no longer go back to it
		return true;
	}
	return ft_cache_renew(c, p, now);
}

static inline struct now *now_of(struct ft_cache *c, unsigned i)
{
	return &c->now[c->at[i]];
}

// ---- cache_memory.c

uint32_t ft_cache_rounded(unsigned flows);
// Of a cache for so many flows, rounded: where its parts lie.
void ft_cache_carve(struct ft_cache *, uint32_t flows);

// ---- cache_paths.c

// The number + 1 of a path like this one, which from now on has the packets of `alike`, too. 0: all
// paths are used.
uint32_t ft_cache_path(struct ft_cache *, struct ft_path *, const struct ft_alike *, struct now *);

// ---- cache.c

// Was the flow of the i-th packet of the latest lookup, whose way is known, seen before, and not
// long ago? If not, it may have been now.
bool ft_cache_was_seen(struct ft_cache *, unsigned i);
// From now on this print, of packet i, leads to the path of that number.
void ft_cache_take_in(struct ft_cache *, unsigned i, const struct ft_print *, uint32_t number);

// ---- cache_derive.c

// A burst whose packets have no prints yet: those that the gist takes for others'. Sets `sought`
// and paths[], NULL of the others; their bits are returned.
uint64_t ft_cache_seek(
	struct ft_cache *, const struct ft_arrival a[], unsigned n, const struct ft_path *paths[]);
