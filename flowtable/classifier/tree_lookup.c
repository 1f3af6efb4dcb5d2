// SPDX-License-Identifier: Apache-2.0
// The workers' side of trees: a burst through one part after the other, in stages, so that the
// cache misses of all keys overlap.
//
// Compiled for each instruction set, with FT_TREE as the name.
#include "flowtable/classifier/tree_compare.h"
#include "flowtable/classifier/tree_pieces.h"
#include "flowtable/classifier/tree_walk.h"
#include "flowtable/classifier/tree_walk512.h"

// ---- the lanes of a leaf

// More than most leaves have.
#if defined(__AVX512BW__)
#define FT_LEAF_LINES 5u // of brief lanes
#else
#define FT_LEAF_LINES 6u
#endif

static inline void ft_leaf_prefetch(const struct ft_tree *t, uint64_t there)
{
	const uint32_t *p = t->lane + (uint32_t)there;

	for (unsigned line = 0; line < FT_LEAF_LINES; line++)
		__builtin_prefetch(p + 16 * line);
}

static inline uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

// As ft_walk.best: the first lane that fits; a larger number than any: `none`, all ones.
static inline __attribute__((always_inline)) uint64_t first_lane(
	uint32_t fits, uint64_t none, const uint32_t *ranks, const uint32_t *lows)
{
	size_t lane = (uint32_t)__builtin_ctz(fits | 1u << FT_TREE_BLOCK);

	return (uint64_t)ranks[lane] << FT_BEST_LANE_AT | (lows ? lows[lane] : 0) | none;
}
static_assert(FT_TREE_BLOCK < FT_TREE_BEYOND, "a rank is read behind the last");

// A block of each leaf. Lanes are in the order of their ranks, so the first that fits is the
// leaf's; keys that have none, and more blocks, stay: returns how many these are. No branch, for
// what one key finds the next does not.
static inline __attribute__((always_inline)) unsigned compare_blocks(struct ft_walk *w,
	const struct ft_tree_part *p, struct ft_lanes_form form, const struct ft_against *against)
{
	const uint64_t behind = ft_tree_block_words(p, FT_TREE_BLOCK) -
				((uint64_t)FT_TREE_BLOCK << FT_THERE_LANES_AT);
	uint32_t step = form.brief ? 1 : 2, ranks_at = ft_form_wide(form) * step;
	uint32_t lows_at = ranks_at - step;
	_Atomic(struct ft_rule *) *rule = w->tree->rule;
	const uint32_t *lanes_at = w->tree->lane;
	unsigned n_there = w->n_there, left = 0;

	for (unsigned j = 0; j < n_there; j++) {
		uint64_t there = w->there[j], best;
		size_t i = ft_there_key(there), lanes = ft_there_lanes(there);
		size_t n = lanes < FT_TREE_BLOCK ? lanes : FT_TREE_BLOCK;
		const uint32_t *lane = lanes_at + (uint32_t)there;
		uint32_t fits = ft_lanes_fit(form, against, lane, n, i);
		const uint32_t *lows = form.spans ? lane + lows_at * n : NULL;
		uint64_t none = (uint64_t)(((int64_t)fits - 1) >> 63);

		best = min64(w->best[i], first_lane(fits, none, lane + ranks_at * n, lows));
		w->best[i] = best;
		__builtin_prefetch(&rule[ft_best_rank(best)]);
		w->there[left] = there + behind;
		left += (unsigned)none & (lanes > FT_TREE_BLOCK);
	}
	return left;
}

static inline __attribute__((always_inline)) void compare_leaves(
	struct ft_walk *w, const struct ft_tree_part *p, struct ft_lanes_form form)
{
	struct ft_against against;

	ft_against(&against, w, p, form);
	while (w->n_there)
		w->n_there = compare_blocks(w, p, form, &against);
}

// By itself, so that it has all registers.
#define COMPARE(name, form)                                                                        \
	static __attribute__((noinline)) void name(                                                \
		struct ft_walk *w, const struct ft_tree_part *p)                                   \
	{                                                                                          \
		compare_leaves(w, p, form);                                                        \
	}

#define FORM(...) ((struct ft_lanes_form){__VA_ARGS__})
#define PLAIN FORM(.brief = true, .plain = 3, .narrow = 1)
#define PLAIN2 FORM(.brief = true, .plain = 2, .narrow = 2)
#define SPLIT FORM(.brief = true, .plain = 2, .split = 1, .narrow = 1)
#define WHOLE FORM(.plain = 4)
#define PLAIN_SPANS FORM(.brief = true, .plain = 2, .narrow = 1, .spans = true)
#define PLAIN2_SPANS FORM(.brief = true, .plain = 1, .narrow = 2, .spans = true)
#define WHOLE_SPANS FORM(.plain = 3, .spans = true)
COMPARE(compare_plain, PLAIN)
COMPARE(compare_plain2, PLAIN2)
COMPARE(compare_split, SPLIT)
COMPARE(compare_whole, WHOLE)
COMPARE(compare_plain_spans, PLAIN_SPANS)
COMPARE(compare_plain2_spans, PLAIN2_SPANS)
COMPARE(compare_whole_spans, WHOLE_SPANS)
COMPARE(compare_any, ft_form_of(p))

static bool is_form(struct ft_lanes_form a, struct ft_lanes_form b)
{
	return a.brief == b.brief && a.plain == b.plain && a.split == b.split &&
	       a.narrow == b.narrow && a.spans == b.spans;
}

// Of five-tuples, addresses and ports are plain words, ports may be split; protocols are narrow.
static void compare(struct ft_walk *w, const struct ft_tree_part *p)
{
	const struct ft_lanes_form form = ft_form_of(p);

	if (is_form(form, PLAIN_SPANS))
		compare_plain_spans(w, p);
	else if (is_form(form, PLAIN2_SPANS))
		compare_plain2_spans(w, p);
	else if (is_form(form, WHOLE_SPANS))
		compare_whole_spans(w, p);
	else if (is_form(form, PLAIN))
		compare_plain(w, p);
	else if (is_form(form, PLAIN2))
		compare_plain2(w, p);
	else if (is_form(form, SPLIT))
		compare_split(w, p);
	else if (is_form(form, WHOLE))
		compare_whole(w, p);
	else
		compare_any(w, p);
}

// ---- parts

static void search_part(struct ft_walk *w, const struct ft_tree_part *p)
{
	ft_walk_part(w, p);
	compare(w, p);
}

#if defined(__AVX512BITALG__)

// Few keys are left for a later part, too few to hide one load behind another. So two are gone
// through at the same time where most keys have to go to the second, too, or few to either.
static uint32_t search_some(struct ft_walk *w, uint32_t part)
{
	const struct ft_tree_part *p = &w->tree->part[part];

	if (part + 1 == w->tree->parts || (!part && p[1].first > w->tree->slots / 4)) {
		search_part(w, p);
		return 1;
	}
	ft_walk_two(w, p);
	compare(w, p);
	ft_walk_next(w);
	compare(w, p + 1);
	return 2;
}

#else

static uint32_t search_some(struct ft_walk *w, uint32_t part)
{
	search_part(w, &w->tree->part[part]);
	return 1;
}

#endif

uint64_t FT_TREE(const struct ft_tree *t, const struct weft_flow_key *const keys[], unsigned n,
	const struct ft_rule *rules[])
{
	uint32_t none_lane = t->slots << FT_LANE_RANK_AT | FT_LANE_ALL;
	uint64_t ask = 0, none = (uint64_t)none_lane << FT_BEST_LANE_AT;
	struct ft_walk w;

	w.tree = t;
	w.keys = keys;
	w.n = n;
	for (unsigned i = 0; i < n; i++)
		w.best[i] = none;
	ft_walk_begin(&w);
	for (uint32_t part = 0; part < t->parts;)
		part += search_some(&w, part);
	if (t->spans)
		ft_walk_to_pieces(&w);
	for (unsigned i = 0; i < n; i++) {
		uint32_t rank = t->spans ? w.rank[i] : ft_best_rank(w.best[i]);

		rules[i] = atomic_load_explicit(&t->rule[rank], memory_order_acquire);
		ask |= (uint64_t)(!rules[i] & (rank != t->slots)) << i;
	}
	return ask;
}
