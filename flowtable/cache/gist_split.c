// SPDX-License-Identifier: Apache-2.0
#include "flowtable/cache/gist_split.h"

#include "flowtable/classifier/bits_make.h"

#include <stdlib.h>

#define PARTS (1u << FT_GIST_SPLIT_BITS)
#define CANDIDATES 256u // bits that some rule looks at
#define LARGEST 16u     // parts that a bit is chosen by
#define PAYS 0.97       // a bit that leaves more of what there is tells nothing
#define NO_CANDIDATE UINT16_MAX

struct rules {
	uint64_t word[FT_GIST_RULES / 64];
};

// Rules that a key with this bit can meet, when it is 0 and when it is 1.
struct candidate {
	uint8_t word, bit; // of the key
	struct rules with[2];
};

struct ft_gist_plan {
	uint32_t n, words; // rules, and words of a set of them
	uint32_t candidates;
	uint32_t bits; // chosen
	struct {
		uint8_t word, bit;
	} bit[FT_GIST_SPLIT_BITS];
	uint16_t number[PARTS]; // of the part that a key's bits say; since the plan has ended
	uint32_t size[PARTS];
	struct rules part[PARTS]; // the lowest bit of its number is that which was chosen first
	struct candidate candidate[CANDIDATES];
};

// ---- what there is to choose from

static struct candidate *add_candidate(struct ft_gist_plan *p, unsigned word, unsigned bit)
{
	struct candidate *c = &p->candidate[p->candidates++];

	c->word = (uint8_t)word;
	c->bit = (uint8_t)bit;
	c->with[0] = c->with[1] = p->part[0];
	return c;
}

// What the rule wants of word number i of its shape's is that.
static void sort_out(struct ft_gist_plan *p, uint16_t at[64], const struct ft_rule *r, unsigned i,
	uint32_t number)
{
	for (uint64_t left = r->shape->mask[i]; left; left &= left - 1) {
		unsigned bit = (unsigned)__builtin_ctzll(left);

		if (at[bit] == NO_CANDIDATE) {
			if (p->candidates == CANDIDATES)
				continue;
			at[bit] = (uint16_t)p->candidates;
			add_candidate(p, r->shape->word[i], bit);
		}
		p->candidate[at[bit]].with[!(r->value[i] >> bit & 1)].word[number / 64] &=
			~(1ull << number % 64);
	}
}

static void list_candidates(struct ft_gist_plan *p, const struct ft_making *m)
{
	uint16_t at[WEFT_KEY_WORDS][64];

	memset(at, 0xff, sizeof(at));
	for (uint32_t number = 0; number < m->n; number++) {
		const struct ft_rule *r = m->rule[number];

		for (unsigned i = 0; i < r->shape->words; i++)
			sort_out(p, at[r->shape->word[i]], r, i, number);
	}
}

struct ft_gist_plan *ft_gist_plan_new(const struct ft_making *m)
{
	struct ft_gist_plan *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->n = m->n;
	p->words = (m->n + 63) / 64;
	p->size[0] = m->n;
	for (uint32_t i = 0; i < m->n; i++)
		p->part[0].word[i / 64] |= 1ull << i % 64;
	list_candidates(p, m);
	return p;
}

// ---- choosing

static uint32_t count_both(
	const struct ft_gist_plan *p, const struct rules *a, const struct rules *b)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->words; i++)
		n += (uint32_t)__builtin_popcountll(a->word[i] & b->word[i]);
	return n;
}

// The first of those that are too large. Returns how many.
static unsigned find_large(const struct ft_gist_plan *p, uint16_t large[LARGEST])
{
	unsigned n = 0;

	for (unsigned i = 0; i < 1u << p->bits && n < LARGEST; i++)
		if (p->size[i] > FT_GIST_PART)
			large[n++] = (uint16_t)i;
	return n;
}

// How many rules are where a rule is, on the average, in both halves of these parts.
static double cost_with(
	const struct ft_gist_plan *p, const struct candidate *c, const uint16_t large[], unsigned n)
{
	uint64_t rules = 0, squares = 0;

	for (unsigned i = 0; i < n; i++)
		for (unsigned value = 0; value < 2; value++) {
			uint64_t size = count_both(p, &p->part[large[i]], &c->with[value]);

			rules += size;
			squares += size * size;
		}
	return (double)squares / (double)rules;
}

// A key's part is found out of a few words.
static bool may_take(const struct ft_gist_plan *p, const struct candidate *c)
{
	uint64_t words = 0;

	for (unsigned i = 0; i < p->bits; i++)
		words |= 1ull << p->bit[i].word;
	return words >> c->word & 1 || (unsigned)__builtin_popcountll(words) < FT_GIST_SPLIT_WORDS;
}

static void halve(struct ft_gist_plan *p, const struct candidate *c)
{
	unsigned n = 1u << p->bits;

	for (unsigned i = 0; i < n; i++) {
		for (uint32_t w = 0; w < p->words; w++) {
			p->part[n + i].word[w] = p->part[i].word[w] & c->with[1].word[w];
			p->part[i].word[w] &= c->with[0].word[w];
		}
		p->size[n + i] = count_both(p, &p->part[n + i], &p->part[n + i]);
		p->size[i] = count_both(p, &p->part[i], &p->part[i]);
	}
	p->bit[p->bits].word = c->word;
	p->bit[p->bits++].bit = c->bit;
}

// Of all rules in all parts.
static uint64_t copies_with(const struct ft_gist_plan *p, const struct candidate *c)
{
	uint64_t copies = 0;

	for (unsigned i = 0; i < 1u << p->bits; i++)
		for (unsigned value = 0; value < 2; value++)
			copies += count_both(p, &p->part[i], &c->with[value]);
	return copies;
}

bool ft_gist_plan_step(struct ft_gist_plan *p)
{
	const struct candidate *best = NULL;
	uint16_t large[LARGEST];
	unsigned n = find_large(p, large);
	uint64_t rules = 0, squares = 0;
	double least;

	if (!n || p->bits == FT_GIST_SPLIT_BITS)
		return false;
	for (unsigned i = 0; i < n; i++) {
		rules += p->size[large[i]];
		squares += (uint64_t)p->size[large[i]] * p->size[large[i]];
	}
	least = PAYS * (double)squares / (double)rules;
	for (uint32_t i = 0; i < p->candidates; i++) {
		const struct candidate *c = &p->candidate[i];
		double cost = may_take(p, c) ? cost_with(p, c, large, n) : least;

		if (cost >= least)
			continue;
		least = cost;
		best = c;
	}
	if (!best || copies_with(p, best) > (uint64_t)FT_GIST_COPIES * p->n)
		return false;
	halve(p, best);
	return true;
}

// ---- the end

static bool is_good(const struct ft_gist_plan *p)
{
	for (unsigned i = 0; i < 1u << p->bits; i++)
		if (p->size[i] > FT_GIST_WHOLE)
			return false;
	return true;
}

static void say_bits(const struct ft_gist_plan *p, struct ft_gist_split *s)
{
	for (unsigned i = 0; i < p->bits; i++) {
		unsigned k = 0;

		while (k < s->words && s->word[k] != p->bit[i].word)
			k++;
		s->words += k == s->words;
		s->word[k] = p->bit[i].word;
		s->mask[k] |= 1ull << p->bit[i].bit;
	}
}

// The bits of a part as they were chosen are in a key where they lie.
static unsigned number_of(
	const struct ft_gist_plan *p, const struct ft_gist_split *s, unsigned part)
{
	struct weft_flow_key key;
	uint64_t word[WEFT_KEY_WORDS] = {0};

	for (unsigned i = 0; i < p->bits; i++)
		word[p->bit[i].word] |= (uint64_t)(part >> i & 1) << p->bit[i].bit;
	memcpy(&key, word, sizeof(key));
	return ft_gist_part(s, &key);
}

unsigned ft_gist_plan_end(struct ft_gist_plan *p, struct ft_gist_split *s)
{
	*s = (struct ft_gist_split){.words = 0};
	if (!is_good(p))
		return 0;
	say_bits(p, s);
	for (unsigned i = 0; i < 1u << p->bits; i++)
		p->number[number_of(p, s, i)] = (uint16_t)i;
	return 1u << p->bits;
}

void ft_gist_plan_part(const struct ft_gist_plan *p, unsigned part, const struct ft_making *of,
	struct ft_making *m)
{
	const struct rules *rules = &p->part[p->number[part]];

	m->n = 0;
	for (uint32_t w = 0; w < p->words; w++)
		for (uint64_t left = rules->word[w]; left; left &= left - 1)
			m->rule[m->n++] = of->rule[64 * w + (unsigned)__builtin_ctzll(left)];
}

void ft_gist_plan_free(struct ft_gist_plan *p)
{
	free(p);
}
