// SPDX-License-Identifier: Apache-2.0
#include "flowtable/cache.h"

#include "flowtable/cache_key.h"
#include "flowtable/hash.h"
#include "flowtable/pending.h"
#include "flowtable/switch.h"
#include "flowtable/table.h"
#include "flowtable/trace.h"

#include <assert.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define WAYS 4u
#define MARKS 65536u
#define LUCK_BEST 4u // one in 16
#define LUCK_LEAST 8u
#define WINDOW 8192u // packets
#define MIN_FLOWS 256u
#define MAX_FLOWS (1u << 24)

// Four flows. A flow's path is its number + 1; 0: no flow.
struct line {
	uint32_t path[WAYS];
	uint32_t tag[WAYS];   // the upper half of the print's `lo`, whose lower half found the line
	uint64_t check[WAYS]; // its `hi`
};
static_assert(sizeof(struct line) == 64, "one look, one cache line");
// A switch as the burst met it.
struct now {
	struct ft_switch *sw;
	uint64_t epoch, fdb_epoch;
	uint64_t turn; // of the relevance
};

struct ft_cache {
	struct ft_print_keys keys;
	// of the latest lookup
	struct ft_print print[FT_BURST];
	struct now now[FT_BURST];
	uint8_t at[FT_BURST]; // which `now` a packet's switch has
	uint64_t printed;     // bit: has a print
	uint64_t traced;      // was given a trace
	struct ft_trace trace[FT_BURST];

	uint64_t seed;
	uint64_t lives; // how often all was forgotten
	uint32_t mask;  // lines - 1
	uint32_t room;  // paths
	uint32_t used;
	uint32_t flows;  // atomic
	uint32_t turn;   // which way gives way next
	uint32_t chance; // random
	// Of the latest packets: how many, known ones, learned ones.
	uint32_t seen, hits, learned;
	unsigned luck; // one new flow in 1 << luck is taken unseen
	unsigned worker;
	bool full; // is to be forgotten
	struct ft_pending pending;
	struct line *line;
	struct ft_path *path;
	struct ft_alike *alike; // of each path
	uint32_t *known;        // hash of a path to its number + 1; a hint
	uint16_t *life;         // of each line: when it was written last, of `lives`
	uint16_t mark[MARKS];
};

// ---- memory

static uint32_t rounded(unsigned flows)
{
	uint32_t n = MIN_FLOWS;

	while (n < flows && n < MAX_FLOWS)
		n *= 2;
	return n;
}

static size_t lines(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

size_t ft_cache_bytes(unsigned flows)
{
	size_t n = rounded(flows);

	return lines(sizeof(struct ft_cache)) + n / WAYS * sizeof(struct line) +
	       n * (sizeof(struct ft_path) + sizeof(struct ft_alike) + 2 * sizeof(uint32_t)) +
	       n / WAYS * sizeof(uint16_t);
}

static void new_keys(struct ft_cache *c)
{
	ft_print_keys_init(&c->keys, c->seed ^ ft_hash_end(++c->lives));
	c->used = 0;
	__atomic_store_n(&c->flows, 0, __ATOMIC_RELAXED);
}

struct ft_cache *ft_cache_init(void *memory, unsigned flows, unsigned worker, uint64_t seed)
{
	struct ft_cache *c = memory;
	uint32_t n = rounded(flows);

	c->line = (void *)((char *)memory + lines(sizeof(*c)));
	c->path = (void *)(c->line + n / WAYS);
	c->alike = (void *)(c->path + n);
	c->known = (void *)(c->alike + n);
	c->pending.list = c->known + n;
	c->life = (void *)(c->pending.list + n);
	c->mask = n / WAYS - 1;
	c->room = n;
	c->worker = worker;
	c->luck = LUCK_BEST;
	c->seed = ft_hash_end(seed ^ (0xcac4e + worker));
	new_keys(c);
	return c;
}

// ---- looking up

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

// Only rules have changed since, and none that could matter?
static bool renew(const struct ft_cache *c, struct ft_path *p, const struct now *now)
{
	if (p->sw != now->sw || p->epoch < ft_base_epoch(now->sw) || (now->epoch | p->epoch) & 1 ||
		p->epoch > now->epoch || !ft_history_spares(now->sw, p, &c->alike[p - c->path]))
		return false;
	p->epoch = now->epoch;
	return true;
}

static inline bool holds(const struct ft_cache *c, struct ft_path *p, const struct now *now)
{
	return (!p->asks_fdb || p->fdb_epoch == now->fdb_epoch) &&
	       (p->epoch == now->epoch || renew(c, p, now));
}

// The epochs before anything else: what is found out from here on is at least as new.
static inline void look_at_the_clocks(struct ft_cache *c, const struct ft_arrival a[], unsigned n)
{
	struct now *now = &c->now[0];

	now->sw = NULL;
	for (unsigned i = 0; i < n; i++) {
		if (a[i].sw != now->sw) {
			now = &c->now[i];
			now->sw = a[i].sw;
			now->epoch = ft_epoch(a[i].sw);
			now->fdb_epoch = ft_fdb_epoch(a[i].sw);
			now->turn = ft_relevance_turn(a[i].sw);
		}
		c->at[i] = (uint8_t)(now - c->now);
	}
}

static inline const struct now *now_of(const struct ft_cache *c, unsigned i)
{
	return &c->now[c->at[i]];
}

// Learning what never comes again is a waste, as many flows are under a flood of new ones: it is
// done less often while less is known than is learned.
static void reconsider_luck(struct ft_cache *c)
{
	if (c->hits > c->learned)
		c->luck -= c->luck > LUCK_BEST;
	else
		c->luck += c->luck < LUCK_LEAST;
	c->seen = c->hits = c->learned = 0;
}

void ft_cache_prefetch(const struct ft_switch *sw)
{
	if (!sw)
		return;
	__builtin_prefetch(&sw->cache);
	__builtin_prefetch(&sw->cache.relevance.mask[FT_FRAME_TCP4]);
	__builtin_prefetch(&sw->cache.relevance.mask[FT_FRAME_UDP4]);
}

void ft_cache_lookup(
	struct ft_cache *c, const struct ft_arrival a[], unsigned n, const struct ft_path *paths[])
{
	struct ft_path *path[FT_BURST];
	unsigned hits = 0;

	c->traced = 0;
	look_at_the_clocks(c, a, n);
	c->printed = ft_prints(&c->keys, a, n, c->print);
	for (uint64_t left = c->printed; left; left &= left - 1)
		__builtin_prefetch(line_of(c, &c->print[__builtin_ctzll(left)]));
	for (unsigned i = 0; i < n; i++) {
		const struct line *l = line_of(c, &c->print[i]);
		unsigned way = c->printed >> i & 1 ? find(l, &c->print[i]) : WAYS;

		path[i] = way == WAYS ? NULL : &c->path[l->path[way] - 1];
		if (path[i])
			__builtin_prefetch(path[i], 1);
	}
	for (unsigned i = 0; i < n; i++) {
		paths[i] = path[i] && holds(c, path[i], now_of(c, i)) ? path[i] : NULL;
		hits += paths[i] != NULL;
		if (!path[i])
			__builtin_prefetch(&c->mark[c->print[i].hi >> 48], 1);
	}
	c->hits += hits;
	c->seen += n;
	if (c->seen >= WINDOW)
		reconsider_luck(c);
}

// ---- counting

void ft_cache_count(
	struct ft_cache *c, const struct ft_path *path, unsigned n, uint64_t bytes, uint64_t now_ns)
{
	struct ft_path *p = &c->path[path - c->path];

	if (__builtin_expect(c->pending.folding, 0)) {
		ft_path_count(p, c->worker, n, bytes, now_ns);
		return;
	}
	if (!p->packets)
		c->pending.list[c->pending.n++] = (uint32_t)(p - c->path);
	p->packets += n;
	p->bytes += bytes;
	p->used_ns = now_ns;
}

bool ft_cache_fold(struct ft_cache *c)
{
	return ft_pending_fold(&c->pending, c->path, c->worker);
}

// ---- learning

// Seen before, and not long ago? If not, it has been now. Flows that come in turn and share a mark
// would never see their own: so some are taken unseen.
static bool second_sight(struct ft_cache *c, const struct ft_print *p)
{
	uint16_t *mark = &c->mark[p->hi >> 48], now = (uint16_t)(p->hi >> 32) | 1;
	bool seen = *mark == now;

	*mark = now;
	c->chance = c->chance * 1664525u + 1013904223u;
	return seen || c->chance >> (32 - c->luck) == 0;
}

struct ft_trace *ft_cache_trace(struct ft_cache *c, unsigned i)
{
	struct ft_trace *t = &c->trace[i];
	const struct ft_print *p = &c->print[i];

	if (!(c->printed >> i & 1))
		return NULL;
	if (find(line_of(c, p), p) == WAYS && !second_sight(c, p))
		return NULL;
	ft_trace_begin(t);
	c->traced |= 1ull << i;
	return t;
}

// Is it like this one, but for the epoch and what is pending, and does it hold as of now or can be
// made to?
static bool is_like(
	const struct ft_cache *c, struct ft_path *known, struct ft_path *p, const struct now *now)
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

// The number + 1 of a path like this one, which from now on has the packets of `alike`, too. 0: all
// paths are used.
static uint32_t path_number(
	struct ft_cache *c, struct ft_path *p, const struct ft_alike *alike, const struct now *now)
{
	uint32_t n = ft_path_places(p), *known;
	size_t bytes = n * sizeof(*p);

	p->epoch = 0;
	known = &c->known[ft_hash_bytes(p, bytes, c->seed) & (c->room - 1)];
	p->epoch = now->epoch;
	if (*known && *known + n <= c->used + 1 && is_like(c, &c->path[*known - 1], p, now)) {
		ft_alike_merge(&c->alike[*known - 1], alike);
		return *known;
	}
	if (c->used + n > c->room)
		return 0;
	memcpy(&c->path[c->used], p, bytes);
	c->alike[c->used] = *alike;
	*known = c->used + 1;
	c->used += n;
	return *known;
}

// Only what the packet's print is made of do all packets of its flow have. Where the masks have
// changed since it was made, nothing is known.
static void limit_alike(struct ft_alike *a, const struct now *now)
{
	static const uint64_t nothing[FT_ALIKE_WORDS];
	uint64_t words[FT_ALIKE_WORDS];
	bool same = ft_relevance_words(now->sw, now->turn, words);

	ft_alike_limit(a, same ? words : nothing);
}

static unsigned choose_way(struct ft_cache *c, const struct line *l, unsigned i)
{
	unsigned way = find(l, &c->print[i]);

	for (unsigned w = 0; way == WAYS && w < WAYS; w++) {
		struct ft_path *p = &c->path[l->path[w] - 1];

		// Free, or of this switch and outdated. Nothing is known of other switches: theirs
		// may be gone.
		if (!l->path[w] || (p->sw == now_of(c, i)->sw && !holds(c, p, now_of(c, i))))
			way = w;
	}
	return way == WAYS ? c->turn++ % WAYS : way;
}

static void take_in(
	struct ft_cache *c, struct line *l, unsigned way, const struct ft_print *p, uint32_t number)
{
	__atomic_store_n(&c->flows, c->flows + !l->path[way], __ATOMIC_RELAXED);
	l->path[way] = number;
	l->tag[way] = (uint32_t)(p->lo >> 32);
	l->check[way] = p->hi;
}

// What the line has by earlier keys is nobody's.
static void clear_if_old(struct ft_cache *c, struct line *l)
{
	uint16_t *life = &c->life[l - c->line], now = (uint16_t)c->lives;

	if (*life != now)
		memset(l->path, 0, sizeof(l->path));
	*life = now;
}

static bool learn(struct ft_cache *c, unsigned i)
{
	struct ft_trace *t = &c->trace[i];
	struct line *l = line_of(c, &c->print[i]);
	const struct now *now = now_of(c, i);
	uint32_t number;

	// In the midst of a commit the way may be the one from before; who knows it later must not
	// be behind whom the tables told of the commit meanwhile.
	if (t->spoilt || !t->ended || now->epoch & 1)
		return true;
	t->path.sw = now->sw;
	t->path.fdb_epoch = t->path.asks_fdb ? now->fdb_epoch : 0;
	for (unsigned r = 0; r < t->path.rules; r++)
		*ft_path_counter(&t->path, r) =
			ft_rule_counter(t->path.sw, *ft_path_rule(&t->path, r), c->worker);
	limit_alike(&t->alike, now);
	ft_trace_end(t);
	number = path_number(c, &t->path, &t->alike, now);
	if (!number)
		return false;
	c->learned++;
	clear_if_old(c, l);
	take_in(c, l, choose_way(c, l, i), &c->print[i], number);
	return true;
}

// What is pending is in the paths.
static void forget_all(struct ft_cache *c)
{
	c->full = c->pending.n && ft_cache_fold(c);
	if (c->full)
		return; // at the next call
	new_keys(c);
	c->printed = 0; // by the old ones
}

unsigned ft_cache_learn(struct ft_cache *c)
{
	uint32_t before = c->learned;

	for (uint64_t left = c->traced; left && !c->full; left &= left - 1)
		c->full = !learn(c, (unsigned)__builtin_ctzll(left));
	if (c->full)
		forget_all(c);
	c->traced = 0;
	return c->learned - before;
}

unsigned ft_cache_flows(const struct ft_cache *c)
{
	return __atomic_load_n(&c->flows, __ATOMIC_RELAXED);
}

unsigned ft_cache_room(const struct ft_cache *c)
{
	return c->room;
}
