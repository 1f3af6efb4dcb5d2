// SPDX-License-Identifier: Apache-2.0
#include "flowtable/cache/cache_own.h"
#include "flowtable/hash.h"
#include "flowtable/lines.h"
#include "flowtable/rules/table.h"

#include <assert.h>

#define LUCK_FLOWS 4u // one in 16
#define LUCK_WAYS 2u
#define LUCK_LEAST 8u
#define MARKS_KEPT 4u  // one in 16 replaces another
#define WINDOW 8192u   // packets
#define NEWS 4096u     // of them
#define NEWS_CHANCE 3u // one burst in 8 is looked for by its prints anyway

static void new_keys(struct ft_cache *c)
{
	ft_print_keys_init(&c->keys, c->seed ^ ft_hash_end(++c->lives));
	__atomic_store_n(&c->used, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&c->flows, 0, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < FT_HERDS; i++)
		c->herd[i].number = 0;
}

struct ft_cache *ft_cache_init(void *memory, unsigned flows, unsigned worker, uint64_t seed)
{
	struct ft_cache *c = memory;

	ft_cache_carve(c, ft_cache_rounded(flows));
	c->worker = worker;
	c->flows_luck = (struct luck){.best = LUCK_FLOWS, .now = LUCK_FLOWS};
	c->ways_luck = (struct luck){.best = LUCK_WAYS, .now = LUCK_WAYS};
	c->seed = ft_hash_end(seed ^ (0xcac4e + worker));
	new_keys(c);
	return c;
}

// ---- looking up

static bool one_in(struct ft_cache *c, unsigned log2)
{
	c->chance = c->chance * 1664525u + 1013904223u;
	return c->chance >> (32 - log2) == 0;
}

// The epochs before anything else: what is found out from here on is at least as new.
static inline void look_at_the_clocks(struct ft_cache *c, const struct ft_arrival a[], unsigned n)
{
	const struct ft_masks *masks = NULL;
	struct now *now = &c->now[0];

	now->front = NULL;
	for (unsigned i = 0; i < n; i++) {
		const struct ft_front *f = a[i].front;

		if (f != now->front) {
			now = &c->now[i];
			now->front = f;
			now->epoch = atomic_load_explicit(&f->epoch, memory_order_acquire);
			now->since = now->epoch;
			now->asked = false;
			now->fdb_epoch = atomic_load_explicit(&f->fdb_epoch, memory_order_acquire);
			masks = atomic_load_explicit(&f->masks, memory_order_acquire);
		}
		c->at[i] = (uint8_t)(now - c->now);
		c->masks[i] = masks;
	}
}

// Learning what never comes again is a waste, as many flows are under a flood of new ones: it is
// done less often while less is known than is learned.
static void reconsider_luck(struct luck *l)
{
	if (l->hits > l->learned)
		l->now -= l->now > l->best;
	else
		l->now += l->now < LUCK_LEAST;
	l->hits = l->learned = 0;
}

// More than a third would have to be known for a look at their prints to pay.
static void reconsider_news(struct news *n)
{
	n->most = n->known * (n->most ? 4 : 5) < n->asked && 2 * n->derived > n->asked;
	n->asked = n->known = n->derived = 0;
}

static void looked(struct ft_cache *c, unsigned n)
{
	c->seen += n;
	if (c->seen < WINDOW)
		return;
	c->seen = 0;
	reconsider_luck(&c->flows_luck);
	reconsider_luck(&c->ways_luck);
	if (c->news.asked >= NEWS)
		reconsider_news(&c->news);
}

static inline struct ft_print_lines print_lines(const struct ft_cache *c)
{
	return (struct ft_print_lines){(const char *)c->line, c->mask};
}

// Those of n that have a bit in `which`, by their prints, whose lines are on their way; returns how
// many are known. `all`, a constant: that is all of them.
static inline __attribute__((always_inline)) unsigned look_up(
	struct ft_cache *c, unsigned n, bool all, uint64_t which, const struct ft_path *paths[])
{
	struct ft_path *path[FT_BURST];
	unsigned known = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct line *l = line_of(c, &c->print[i]);
		unsigned way = c->printed >> i & 1 ? find(l, &c->print[i]) : WAYS;

		path[i] = way == WAYS ? NULL : &c->path[l->path[way] - 1];
		if (path[i])
			__builtin_prefetch(path[i], 1);
	}
	for (unsigned i = 0; i < n; i++) {
		if (!all && !(which >> i & 1))
			continue;
		paths[i] = path[i] && holds(c, path[i], now_of(c, i)) ? path[i] : NULL;
		known += paths[i] != NULL;
		if (!path[i])
			__builtin_prefetch(mark_place(c, &c->print[i]), 1);
	}
	c->flows_luck.hits += known;
	return known;
}

void ft_cache_lookup(
	struct ft_cache *c, const struct ft_arrival a[], unsigned n, const struct ft_path *paths[])
{
	c->traced = c->ways = c->sought = 0;
	look_at_the_clocks(c, a, n);
	c->printed = ft_prints(&c->keys, a, c->masks, n, print_lines(c), c->print);
	c->news.known += look_up(c, n, true, 0, paths);
	c->news.asked += n;
	looked(c, n);
}

// `which` is not 0.
static void print_some(struct ft_cache *c, const struct ft_arrival a[], uint64_t which)
{
	const struct ft_masks *masks[FT_BURST];
	struct ft_arrival some[FT_BURST];
	struct ft_print print[FT_BURST];
	uint64_t printed, left = which;
	unsigned n = 0;

	do {
		some[n] = a[__builtin_ctzll(left)];
		masks[n] = c->masks[__builtin_ctzll(left)];
	} while (n++, left &= left - 1);
	printed = ft_prints(&c->keys, some, masks, n, print_lines(c), print);
	c->printed = 0;
	for (n = 0; which; which &= which - 1, n++) {
		unsigned i = (unsigned)__builtin_ctzll(which);

		c->print[i] = print[n];
		c->printed |= (printed >> n & 1) << i;
	}
}

uint64_t ft_cache_find(
	struct ft_cache *c, const struct ft_arrival a[], unsigned n, const struct ft_path *paths[])
{
	uint64_t derived, rest;

	if (__builtin_expect(!c->news.most, 1) || one_in(c, NEWS_CHANCE)) {
		ft_cache_lookup(c, a, n, paths);
		return 0;
	}
	c->traced = c->ways = 0;
	look_at_the_clocks(c, a, n);
	derived = ft_cache_seek(c, a, n, paths);
	rest = ~derived & ~0ull >> (64 - n);
	if (rest) {
		print_some(c, a, rest);
		look_up(c, n, false, rest, paths);
	} else {
		c->printed = 0;
	}
	looked(c, n);
	return derived;
}

// ---- counting

void ft_cache_count(
	struct ft_cache *c, const struct ft_path *path, unsigned n, uint64_t bytes, uint64_t now_ns)
{
	struct ft_path *p = &c->path[path - c->path];

	if (__builtin_expect(c->pending.folding, 0)) {
		ft_pending_tell(&c->pending, p, c->worker, n, bytes, now_ns);
		return;
	}
	if (!p->packets)
		c->pending.list[c->pending.n++] = (uint32_t)(p - c->path);
	p->packets += n;
	p->bytes += bytes;
	p->used_ns = now_ns;
}

void ft_cache_tell(struct ft_cache *c, ft_told_fn *told, void *ctx)
{
	c->pending.told = told;
	c->pending.ctx = ctx;
}

bool ft_cache_fold(struct ft_cache *c)
{
	return ft_pending_fold(&c->pending, c->path, c->worker);
}

// ---- learning

static uint16_t mark_of(const struct ft_print *p)
{
	return (uint16_t)(p->hi >> 16) | 1;
}

// Seen before, and not long ago? If not, it has been now.
static bool second_sight(uint16_t *mark, const struct ft_print *p)
{
	bool seen = *mark == mark_of(p);

	*mark = mark_of(p);
	return seen;
}

// Flows that come in turn and share a mark would never see their own: so some are taken unseen.
static bool is_lucky(struct ft_cache *c, const struct luck *l)
{
	return one_in(c, l->now);
}

// The same against sharing: a mark that is seldom replaced may last until its flow comes again.
bool ft_cache_was_seen(struct ft_cache *c, unsigned i)
{
	const struct ft_print *p = &c->print[i];
	uint16_t *mark = mark_place(c, p);
	bool seen = *mark == mark_of(p);

	if (!seen && (!*mark || one_in(c, MARKS_KEPT)))
		*mark = mark_of(p);
	return seen;
}

static bool is_worthy(struct ft_cache *c, unsigned i)
{
	const struct ft_print *p = &c->print[i];

	return second_sight(mark_place(c, p), p) || is_lucky(c, &c->flows_luck);
}

static bool is_worthy_way(struct ft_cache *c, unsigned i)
{
	const struct ft_print *p = &c->way_print[i];

	return c->ways >> i & 1 &&
	       (second_sight(&c->way_mark[p->hi >> 48], p) || is_lucky(c, &c->ways_luck));
}

void ft_cache_expect(struct ft_cache *c, uint64_t which)
{
	for (; which; which &= which - 1) {
		unsigned i = (unsigned)__builtin_ctzll(which);
		const struct ft_trace *t = &c->trace[i];

		ft_prefetch_lines(&t->path, sizeof(t->path));
		ft_prefetch_lines(&t->alike, sizeof(t->alike));
		ft_prefetch_lines(t->packet, sizeof(*t) - offsetof(struct ft_trace, packet));
	}
}

struct ft_trace *ft_cache_trace(struct ft_cache *c, unsigned i)
{
	struct ft_trace *t = &c->trace[i];
	const struct ft_print *p = &c->print[i];
	uint64_t bit = 1ull << i;
	bool own;

	if (!(c->printed & bit))
		return NULL;
	own = find(line_of(c, p), p) != WAYS || is_worthy(c, i);
	if (!is_worthy_way(c, i) && !own)
		return NULL;
	ft_trace_begin(t);
	c->traced |= bit;
	c->own = own ? c->own | bit : c->own & ~bit;
	return t;
}

static unsigned choose_way(
	struct ft_cache *c, const struct line *l, const struct ft_print *p, unsigned i)
{
	unsigned way = find(l, p);

	for (unsigned w = 0; way == WAYS && w < WAYS; w++) {
		struct ft_path *path = &c->path[l->path[w] - 1];

		// Free, or of this switch and outdated. Nothing is known of other switches: theirs
		// may be gone.
		if (!l->path[w] ||
			(path->sw == now_of(c, i)->front->sw && !holds(c, path, now_of(c, i))))
			way = w;
	}
	return way == WAYS ? c->turn++ % WAYS : way;
}

static void put_in(
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

void ft_cache_take_in(struct ft_cache *c, unsigned i, const struct ft_print *p, uint32_t number)
{
	struct line *l = line_of(c, p);

	clear_if_old(c, l);
	put_in(c, l, choose_way(c, l, p, i), p, number);
}

// Do all packets of the way that it has in the gist go this path?
static bool is_ways(const struct ft_cache *c, unsigned i, const struct ft_path *p)
{
	return c->ways >> i & 1 && !p->steps && !p->asks_fdb &&
	       ft_gist_own(c->gist[i])->version == ft_version(p->sw) &&
	       ft_gist_is_way(c->gist[i], c->way[i], p);
}

// What they have in common is what the rules ask for.
static void limit_to_rules(struct ft_trace *t)
{
	uint64_t words[FT_ALIKE_WORDS] = {0};

	for (unsigned r = 0; r < t->path.rules; r++) {
		const struct ft_shape *s = (*ft_path_rule(&t->path, r))->shape;

		for (unsigned k = 0; k < s->words; k++)
			if (s->word[k] < FT_ALIKE_WORDS)
				words[s->word[k]] |= s->mask[k];
	}
	ft_alike_limit(&t->alike, words);
}

static bool learn(struct ft_cache *c, unsigned i)
{
	struct ft_trace *t = &c->trace[i];
	struct now *now = now_of(c, i);
	bool own = c->own >> i & 1, ways;
	uint32_t number;

	// In the midst of a commit the way may be the one from before; who knows it later must not
	// be behind whom the tables told of the commit meanwhile.
	if (t->spoilt || !t->ended || now->epoch & 1)
		return true;
	t->path.sw = now->front->sw;
	t->path.fdb_epoch = t->path.asks_fdb ? now->fdb_epoch : 0;
	for (unsigned r = 0; r < t->path.rules; r++)
		*ft_path_counter(&t->path, r) =
			ft_rule_counter(t->path.sw, *ft_path_rule(&t->path, r), c->worker);
	ways = is_ways(c, i, &t->path);
	if (!own && !ways)
		return true;
	// Only what the packet's print is made of do all packets of its flow have.
	ft_alike_limit(&t->alike, c->masks[i]->word);
	if (ways)
		limit_to_rules(t);
	ft_trace_end(t);
	number = ft_cache_path(c, &t->path, &t->alike, now);
	if (!number)
		return false;
	c->flows_luck.learned += own;
	c->ways_luck.learned += ways;
	if (own)
		ft_cache_take_in(c, i, &c->print[i], number);
	if (ways)
		ft_cache_take_in(c, i, &c->way_print[i], number);
	return true;
}

// What is pending is in the paths.
static void forget_all(struct ft_cache *c)
{
	c->full = c->pending.n && ft_cache_fold(c);
	if (c->full)
		return; // at the next call
	new_keys(c);
	c->printed = c->ways = 0; // by the old ones
}

unsigned ft_cache_learn(struct ft_cache *c)
{
	uint32_t before = c->flows_luck.learned + c->ways_luck.learned;

	for (uint64_t left = c->traced; left && !c->full; left &= left - 1)
		c->full = !learn(c, (unsigned)__builtin_ctzll(left));
	if (c->full)
		forget_all(c);
	c->traced = 0;
	return c->flows_luck.learned + c->ways_luck.learned - before;
}

// ---- any thread's

unsigned ft_cache_flows(const struct ft_cache *c)
{
	return __atomic_load_n(&c->flows, __ATOMIC_RELAXED);
}

unsigned ft_cache_room(const struct ft_cache *c)
{
	return c->room;
}
