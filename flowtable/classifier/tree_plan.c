// SPDX-License-Identifier: Apache-2.0
#include "flowtable/classifier/tree_plan.h"

#include "flowtable/classifier/lookup.h"
#include "flowtable/classifier/tree_masks.h"

#include <stdlib.h>

#define SAMPLE 1024u
#define ENOUGH 8u // bits of a word: rules that want so many don't get everywhere
#define HALVES (2 * FT_TREE_KEY_WORDS)

void ft_tree_plan_free(struct ft_tree_plan *p)
{
	if (!p)
		return;
	ft_tree_cut_free(p);
	ft_tree_free(p->tree);
	free(p->item);
	free(p->spare);
	free(p->ports);
	free(p->bits);
	free(p->left);
	free(p->taken);
	free(p->kinds);
	free(p);
}

// ---- parts

static bool wants_enough(const struct ft_tree_plan *p, uint32_t rank_of, unsigned half)
{
	uint32_t mask = ft_tree_half(ft_tree_masks(p, rank_of), half);

	return (unsigned)__builtin_popcount(mask) >= ENOUGH;
}

// A part has either spans or masks of the ports.
static bool may_be_in(const struct ft_tree_plan *p, uint32_t rank)
{
	return !p->n_odd || ft_span_is_odd(p->ports[rank]) == p->odd_part;
}

// How many rules of a sample want enough of this word, less those that want the same as many do.
static uint64_t score(const struct ft_tree_plan *p, unsigned half)
{
	uint32_t n = p->n_left < SAMPLE ? p->n_left : SAMPLE, enough = 0;
	uint16_t count[256] = {0};
	uint64_t same = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t rank_of = p->left[(uint64_t)i * p->n_left / n];

		if (!may_be_in(p, rank_of) || !wants_enough(p, rank_of, half))
			continue;
		enough++;
		count[ft_hash_end(ft_tree_half(ft_tree_values(p, rank_of), half)) & 255]++;
	}
	for (unsigned i = 0; i < 256; i++)
		same += (uint64_t)count[i] * count[i];
	if (!enough)
		return 0;
	// Ports are two fields: who wants one may leave the other open.
	return (1024u * (uint64_t)enough - 1024u * same / enough) /
	       (ft_tree_is_span(p, half) ? 2 : 1);
}

static unsigned best_half(const struct ft_tree_plan *p)
{
	uint64_t best = 0, s;
	unsigned at = HALVES;

	for (unsigned i = 0; i < 2 * p->n_words; i++) {
		s = score(p, i);
		if (s > best) {
			best = s;
			at = i;
		}
	}
	return at;
}

static void see(struct ft_tree_survey *s, uint32_t value, uint32_t mask, bool first)
{
	if (first)
		*s = (struct ft_tree_survey){.value = value, .mask = mask};
	s->differs |= value != s->value || mask != s->mask;
	s->mask |= mask;
}

static void take_rule(struct ft_tree_plan *p, uint32_t rank_of)
{
	for (unsigned h = 0; h < 2 * p->n_words; h++) {
		uint32_t mask = ft_tree_lane_mask(p, rank_of, h);

		ft_tree_kind(&p->kinds[h], mask);
		see(&p->survey[h], ft_tree_lane_value(p, rank_of, h),
			ft_tree_is_span(p, h) ? ~mask : mask, !p->n_taken);
	}
	p->taken[p->n_taken++] = rank_of;
}

static void add_common(struct ft_tree_part *part, unsigned half, const struct ft_tree_survey *s)
{
	uint32_t i = part->commons;

	if (!i || part->common[i - 1] != half / 2)
		part->common[part->commons++] = (uint8_t)(half / 2);
	else
		i--;
	memcpy((char *)&part->common_value[i] + 4 * (half % 2), &s->value, 4);
	memcpy((char *)&part->common_mask[i] + 4 * (half % 2), &s->mask, 4);
}

// What its rules have in common is asked once, what they differ in by each lane, and ports that are
// spans. Returns which halves that is.
static uint32_t add_commons(const struct ft_tree_plan *p, struct ft_tree_part *part)
{
	uint32_t left = 0;

	for (unsigned h = 0; h < 2 * p->n_words; h++) {
		const struct ft_tree_survey *s = &p->survey[h];

		if (s->mask && !s->differs && part->commons < FT_TREE_COMMON &&
			!ft_tree_is_span(p, h))
			add_common(part, h, s);
		else if (s->mask)
			left |= 1u << h;
	}
	return left;
}

// Which byte alone the rules look at; 4: at several.
static unsigned byte_of(uint32_t mask)
{
	unsigned i = 0;

	while (i < 4 && mask & ~(0xffu << 8 * i))
		i++;
	return i;
}

// How many tables brief lanes need of a half, 0: it is narrow. FT_TREE_MASKS: they can't be.
static uint32_t tables_of(const struct ft_tree_plan *p, unsigned half)
{
	if (byte_of(p->survey[half].mask) < 4)
		return 0;
	return p->kinds[half].tables ? p->kinds[half].tables : FT_TREE_MASKS;
}

static bool wants_brief(void)
{
	return ft_lanes == FT_LANES_BRIEF ||
	       (ft_lanes == FT_LANES_IF_QUICK && ft_tree_likes_brief());
}

static bool can_be_brief(struct ft_tree_plan *p, uint32_t halves)
{
	bool can = true;

	for (; halves; halves &= halves - 1) {
		unsigned half = (unsigned)__builtin_ctz(halves);

		ft_tree_kinds_end(&p->kinds[half]);
		can &= tables_of(p, half) < FT_TREE_MASKS;
	}
	return can;
}

static void add_word(const struct ft_tree_plan *p, struct ft_tree_part *part, unsigned half)
{
	uint8_t word = (uint8_t)(2 * p->word[half / 2] + half % 2);

	part->byte[part->words] = (uint16_t)(4 * word + byte_of(p->survey[half].mask) % 4);
	part->half[part->words] = (uint8_t)half;
	part->word[part->words++] = word;
}

// Those of the halves that need so many tables.
static uint8_t add_words(
	const struct ft_tree_plan *p, struct ft_tree_part *part, uint32_t halves, uint32_t tables)
{
	uint32_t before = part->words;

	for (; halves; halves &= halves - 1)
		if (tables_of(p, (unsigned)__builtin_ctz(halves)) == tables)
			add_word(p, part, (unsigned)__builtin_ctz(halves));
	return (uint8_t)(part->words - before);
}

// Spans are in no table.
static bool add_spans(const struct ft_tree_plan *p, struct ft_tree_part *part, uint32_t spans)
{
	if (spans)
		add_word(p, part, p->ports_half);
	return spans;
}

// False: its rules look at too much.
static bool describe(struct ft_tree_plan *p)
{
	struct ft_tree_part *part = &p->tree->part[p->tree->parts++];
	uint32_t halves = add_commons(p, part);
	uint32_t spans = ft_tree_is_span(p, p->ports_half) ? halves & 1u << p->ports_half : 0;

	part->first = p->taken[0];
	if (__builtin_popcount(halves) > (int)FT_TREE_WORDS)
		return false;
	halves &= ~spans;
	part->brief = wants_brief() && can_be_brief(p, halves);
	if (part->brief) {
		add_words(p, part, halves, 1);
		part->split = add_words(p, part, halves, 2);
		part->spans = add_spans(p, part, spans);
		part->narrow = add_words(p, part, halves, 0);
		return true;
	}
	for (; halves; halves &= halves - 1)
		add_word(p, part, (unsigned)__builtin_ctz(halves));
	part->spans = add_spans(p, part, spans);
	return true;
}

// As measured: lists and prefetches; a node; a block of lanes.
static void part_ends(struct ft_tree_plan *p)
{
	if (!p->tree->parts)
		p->cost = 10;
	else
		p->cost += 8 + 6 * p->part_depth +
			   (uint32_t)(8 * p->blocks / (p->part_lanes ? p->part_lanes : 1));
}

// Of the phases nothing is needed any more but the tree and the notes.
static void done(struct ft_tree_plan *p)
{
	p->phase = FT_TREE_DONE;
	free(p->bits);
	free(p->left);
	free(p->ports);
	p->bits = NULL;
	p->left = NULL;
	p->ports = NULL;
}

// Odd ones are the last part.
static uint32_t part(struct ft_tree_plan *p)
{
	bool last = p->tree->parts + (p->n_odd > 0) >= FT_TREE_PARTS - 1;

	part_ends(p);
	if (!p->n_left) {
		done(p);
		return FT_TREE_STEP;
	}
	p->taken = malloc(p->n_left * sizeof(*p->taken));
	p->n_taken = p->n_kept = p->done = 0;
	memset(p->kinds, 0, HALVES * sizeof(p->kinds[0]));
	p->odd_part = p->n_odd && p->n_odd == p->n_left;
	p->half = last || p->odd_part || p->n_left - p->n_odd <= 2 * FT_TREE_BLOCK ? HALVES
										   : best_half(p);
	p->phase = p->taken ? FT_TREE_TAKE : FT_TREE_FAILED;
	return p->n_words * SAMPLE / 4;
}

// Moves those that want enough of the word out of `left`. HALVES: all.
static uint32_t take(struct ft_tree_plan *p, uint32_t most)
{
	uint32_t end = p->n_left - p->done < most ? p->n_left : p->done + most;
	uint32_t work = end - p->done + 1, *taken;

	for (; p->done < end; p->done++) {
		if (may_be_in(p, p->left[p->done]) &&
			(p->half == HALVES || wants_enough(p, p->left[p->done], p->half)))
			take_rule(p, p->left[p->done]);
		else
			p->left[p->n_kept++] = p->left[p->done];
	}
	if (p->done < p->n_left)
		return work;
	p->n_left = p->n_kept;
	p->phase = FT_TREE_FAILED;
	if (!describe(p))
		return work;
	taken = p->taken;
	p->taken = NULL;
	if (ft_tree_plant(p, taken, p->n_taken))
		p->phase = FT_TREE_CUT;
	return work;
}

static uint32_t cut(struct ft_tree_plan *p, uint32_t most)
{
	uint32_t work = ft_tree_cut(p, most);

	if (!work)
		p->phase = FT_TREE_FAILED;
	else if (ft_tree_is_cut(p))
		p->phase = FT_TREE_PART;
	return work + 1;
}

static uint32_t step(struct ft_tree_plan *p, const struct ft_classifier *c, uint32_t most)
{
	switch (p->phase) {
	case FT_TREE_GATHER:
		return ft_tree_gather(p, c, most);
	case FT_TREE_SORT:
		return ft_tree_sort(p, most);
	case FT_TREE_MERGE:
		return ft_tree_merge(p, most);
	case FT_TREE_COPY:
		return ft_tree_copy(p, most);
	case FT_TREE_PART:
		return part(p);
	case FT_TREE_TAKE:
		return take(p, most);
	case FT_TREE_CUT:
		return cut(p, most);
	default:
		return most;
	}
}

bool ft_tree_plan_step(struct ft_tree_plan *p, const struct ft_classifier *c)
{
	uint32_t work = 0;

	while (work < FT_TREE_STEP && p->phase < FT_TREE_DONE)
		work += step(p, c, FT_TREE_STEP - work);
	return p->phase < FT_TREE_DONE;
}

struct ft_tree_plan *ft_tree_plan_new(uint32_t rules)
{
	struct ft_tree_plan *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->tree = calloc(1, sizeof(*p->tree));
	p->item = malloc(rules * sizeof(p->item[0]));
	p->spare = malloc(rules * sizeof(p->spare[0]));
	p->kinds = calloc(HALVES, sizeof(p->kinds[0]));
	p->room = rules;
	if (p->tree && p->item && p->spare && p->kinds)
		return p;
	ft_tree_plan_free(p);
	return NULL;
}
