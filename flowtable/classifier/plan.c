// SPDX-License-Identifier: Apache-2.0
// Planning by climbing: start with a tuple that hashes by nothing, add the byte of the key that
// lets most rules of a sample in (those that have the byte's whole mask, and not more than
// FT_TUPLE_CROWD of one hash), until no byte helps. What the tuple doesn't take is left for the
// next one.
//
// Rules come in by descending priority: so the later tuples have low ones and are seldom reached.
#include "flowtable/classifier/plan.h"

#include "flowtable/classifier/tree.h"
#include "flowtable/vector.h"

#include <stdlib.h>

#define SAMPLE 1024u
#define BYTES 64u // of the key, that are looked at
#define COUNTS (4 * SAMPLE)
#define KEY_BYTES sizeof(struct weft_flow_key)

struct item {
	struct ft_rule *rule;
	uint16_t priority; // here, so that sorting touches no rule
};

struct sampled {
	const struct ft_rule *rule;
	uint64_t full; // bit i: the mask has all of byte[i]
	uint64_t hash; // by the bytes chosen so far
	uint8_t value[BYTES];
};

struct plan {
	struct item *left; // by descending priority
	uint32_t n_left;
	struct ft_tuple **tuple;
	uint32_t n, room;
	struct sampled sample[SAMPLE];
	uint32_t n_sample;
	uint32_t crowd; // FT_TUPLE_CROWD, as the sample sees it, times 256
	uint16_t byte[BYTES];
	unsigned n_bytes;
	uint64_t chosen;
	uint32_t used[COUNTS]; // a map from hashes to counts
	uint16_t count[COUNTS];
	uint32_t key[COUNTS], stamp;
};

uint32_t ft_plan_due(const struct ft_classifier *c)
{
	if (c->n > 3 && c->n > c->planned_all + 3 && c->links >= c->heads / 2 + 16)
		return 0;
	return c->planned_all && c->n > c->planned + 1 ? c->planned : c->n;
}

// ---- the sample

static void sample_take(struct plan *p)
{
	uint32_t n = p->n_left < SAMPLE ? p->n_left : SAMPLE;

	p->n_sample = n;
	for (uint32_t i = 0; i < n; i++)
		p->sample[i] = (struct sampled){.rule = p->left[(uint64_t)i * p->n_left / n].rule};
	p->crowd = (uint32_t)((uint64_t)FT_PLAN_CROWD * 256 * n / p->n_left);
	if (p->crowd < 256)
		p->crowd = 256;
}

// How many rules have the whole byte in their mask; 0 where they all have the same value.
static void bytes_count(const struct plan *p, uint16_t full[KEY_BYTES])
{
	uint8_t ones[KEY_BYTES] = {0}, zeros[KEY_BYTES] = {0};

	memset(full, 0, KEY_BYTES * sizeof(full[0]));
	for (uint32_t i = 0; i < p->n_sample; i++) {
		const struct ft_rule *r = p->sample[i].rule;
		const uint8_t *mask = (const uint8_t *)r->shape->mask;
		const uint8_t *value = (const uint8_t *)r->value;

		for (unsigned at = 0; at < 8 * r->shape->words; at++) {
			unsigned byte = 8u * r->shape->word[at / 8] + at % 8;

			if (mask[at] != 0xff)
				continue;
			full[byte]++;
			ones[byte] |= value[at];
			zeros[byte] |= (uint8_t)~value[at];
		}
	}
	for (unsigned i = 0; i < KEY_BYTES; i++)
		if (!(ones[i] & zeros[i]))
			full[i] = 0;
}

static void bytes_pick(struct plan *p)
{
	uint16_t full[KEY_BYTES];

	bytes_count(p, full);
	for (p->n_bytes = 0; p->n_bytes < BYTES; p->n_bytes++) {
		unsigned best = 0;

		for (unsigned i = 1; i < KEY_BYTES; i++)
			if (full[i] > full[best])
				best = i;
		if (!full[best])
			break;
		full[best] = 0;
		p->byte[p->n_bytes] = (uint16_t)best;
	}
}

static void sample_expand(const struct plan *p, struct sampled *s)
{
	const struct ft_shape *shape = s->rule->shape;

	for (unsigned i = 0; i < p->n_bytes; i++) {
		unsigned word = p->byte[i] / 8u;
		size_t at = 8 * (size_t)ft_map_index(shape->map, word) + p->byte[i] % 8u;

		if (!(shape->map >> word & 1) || ((const uint8_t *)shape->mask)[at] != 0xff)
			continue;
		s->full |= 1ull << i;
		s->value[i] = ((const uint8_t *)s->rule->value)[at];
	}
}

// ---- climbing

static uint16_t *count_of(struct plan *p, uint32_t key)
{
	uint32_t i = key % COUNTS;

	while (p->used[i] == p->stamp && p->key[i] != key)
		i = (i + 1) % COUNTS;
	if (p->used[i] != p->stamp) {
		p->used[i] = p->stamp;
		p->key[i] = key;
		p->count[i] = 0;
	}
	return &p->count[i];
}

static uint32_t capped(const struct plan *p, uint32_t rules)
{
	return 256 * rules < p->crowd ? 256 * rules : p->crowd;
}

// Rules that come in with the bytes chosen and this one, times 256. BYTES: no more.
static uint32_t score(struct plan *p, unsigned byte)
{
	uint64_t need = p->chosen | (byte < BYTES ? 1ull << byte : 0);
	uint32_t sum = 0;

	p->stamp++;
	for (uint32_t i = 0; i < p->n_sample; i++) {
		const struct sampled *s = &p->sample[i];
		uint64_t value = byte < BYTES ? s->value[byte] + 1u : 0;
		uint16_t *count;

		if ((s->full & need) != need)
			continue;
		count = count_of(p, (uint32_t)(ft_hash_end(s->hash ^ value) >> 20));
		sum += capped(p, *count + 1u) - capped(p, *count);
		++*count;
	}
	return sum;
}

static void choose(struct plan *p, unsigned byte)
{
	p->chosen |= 1ull << byte;
	for (uint32_t i = 0; i < p->n_sample; i++)
		p->sample[i].hash =
			ft_hash_end(p->sample[i].hash ^ (p->sample[i].value[byte] + 1u));
}

static void climb(struct plan *p)
{
	uint32_t best, now;
	unsigned at;

	p->chosen = 0;
	now = score(p, BYTES);
	do {
		at = BYTES;
		best = now + now / 512;
		for (unsigned i = 0; i < p->n_bytes; i++) {
			uint32_t s = p->chosen >> i & 1 ? 0 : score(p, i);

			if (s > best) {
				best = s;
				at = i;
			}
		}
		if (at < BYTES)
			choose(p, at);
		now = best;
	} while (at < BYTES);
}

// ---- a tuple from what was chosen

static bool in_tuple(const struct plan *p, const struct sampled *s)
{
	return (s->full & p->chosen) == p->chosen;
}

// The pieces with the most mask bits, of those that differ from rule to rule, left to compare.
static void pick_pieces(
	const struct plan *p, const struct weft_flow_key *hashed, uint8_t piece[FT_PIECES])
{
	uint32_t bits[KEY_BYTES / 2] = {0};
	struct weft_flow_key ones = {0}, zeros = {0};
	uint64_t *one = (uint64_t *)(void *)&ones, *zero = (uint64_t *)(void *)&zeros;

	for (uint32_t i = 0; i < p->n_sample; i++) {
		const struct ft_rule *r = p->sample[i].rule;

		for (unsigned w = 0; in_tuple(p, &p->sample[i]) && w < r->shape->words; w++) {
			one[r->shape->word[w]] |= r->value[w];
			zero[r->shape->word[w]] |= ~r->value[w] & r->shape->mask[w];
		}
	}
	for (uint32_t i = 0; i < p->n_sample; i++) {
		const struct ft_shape *s = p->sample[i].rule->shape;

		for (unsigned w = 0; in_tuple(p, &p->sample[i]) && w < s->words; w++) {
			unsigned word = s->word[w];
			uint64_t m =
				s->mask[w] & ~ft_key_word(hashed, word) & one[word] & zero[word];

			for (unsigned k = 0; k < 4; k++)
				bits[4 * word + k] +=
					(uint32_t)__builtin_popcountll(m >> 16 * k & 0xffff);
		}
	}
	for (unsigned n = 0; n < FT_PIECES; n++) {
		unsigned best = 0;

		for (unsigned i = 1; i < KEY_BYTES / 2; i++)
			if (bits[i] > bits[best])
				best = i;
		piece[n] = (uint8_t)best;
		bits[best] = 0;
	}
}

static struct ft_tuple *tuple_of_choice(const struct plan *p, uint64_t seed, uint32_t rules)
{
	struct weft_flow_key mask = {0};
	struct weft_match m;
	uint8_t piece[FT_PIECES];

	for (unsigned i = 0; i < p->n_bytes; i++)
		if (p->chosen >> i & 1)
			((uint8_t *)&mask)[p->byte[i]] = 0xff;
	weft_match_from_key(&m, &mask, &mask);
	pick_pieces(p, &mask, piece);
	return ft_tuple_new(m.map, m.mask, seed, piece, rules);
}

// Moves in what it takes. False: no memory.
static bool fill(struct plan *p, struct ft_tuple *t, struct ft_garbage_list *garbage)
{
	uint32_t left = 0;
	uint64_t hash;

	for (uint32_t i = 0; i < p->n_left; i++) {
		struct ft_rule *r = p->left[i].rule;

		if (!ft_classifier_choose(&t, 1, r->shape, r->value, &hash)) {
			p->left[left++] = p->left[i];
			continue;
		}
		if (!ft_tuple_reserve(t, garbage))
			return false;
		ft_tuple_insert(t, r, hash);
	}
	p->n_left = left;
	return true;
}

static bool plan_push(struct plan *p, struct ft_tuple *t)
{
	struct ft_tuple **v;

	if (!t)
		return false;
	v = ft_vector_reserve(p->tuple, p->n, &p->room, FT_PLAN_TUPLES, sizeof(struct ft_tuple *));
	if (!v) {
		ft_tuple_free(t);
		return false;
	}
	p->tuple = v;
	p->tuple[p->n++] = t;
	return true;
}

// One tuple. False: no memory.
static bool plan_step(struct plan *p, uint64_t seed, struct ft_garbage_list *garbage)
{
	uint32_t rules;

	sample_take(p);
	bytes_pick(p);
	for (uint32_t i = 0; i < p->n_sample; i++)
		sample_expand(p, &p->sample[i]);
	climb(p);
	rules = (uint32_t)((uint64_t)score(p, BYTES) / 256 * p->n_left / p->n_sample);
	return plan_push(p, tuple_of_choice(p, seed, rules)) &&
	       fill(p, p->tuple[p->n - 1], garbage);
}

// The rest go into tuples of their shapes.
static bool plan_rest(struct plan *p, uint64_t seed, struct ft_garbage_list *garbage)
{
	for (uint32_t i = 0; i < p->n_left; i++) {
		struct ft_rule *r = p->left[i].rule;
		uint64_t hash;
		struct ft_tuple *t =
			ft_classifier_choose(p->tuple, p->n, r->shape, r->value, &hash);

		if (!t) {
			t = ft_tuple_new(r->shape->map, r->shape->mask,
				ft_hash_end(seed ^ r->shape->map), NULL, 1);
			if (!plan_push(p, t))
				return false;
			hash = ft_tuple_hash(t, r->shape, r->value);
		}
		if (!ft_tuple_reserve(t, garbage))
			return false;
		ft_tuple_insert(t, r, hash);
	}
	return true;
}

// ---- the whole

static int by_priority(const void *a, const void *b)
{
	return ((const struct item *)b)->priority - ((const struct item *)a)->priority;
}

static void plan_free(struct plan *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		ft_tuple_free(p->tuple[i]);
	free(p->tuple);
	free(p->left);
	free(p);
}

static struct plan *plan_new(const struct ft_classifier *c, uint32_t from)
{
	struct plan *p = calloc(1, sizeof(*p));
	uint64_t n = 0, at;
	struct ft_rule *r;

	if (!p)
		return NULL;
	for (uint32_t i = from; i < c->n; i++)
		n += c->tuple[i]->heads;
	p->left = malloc((n + 1) * sizeof(p->left[0]));
	if (!p->left) {
		free(p);
		return NULL;
	}
	for (uint32_t i = from; i < c->n; i++)
		for (at = 0; (r = ft_tuple_next(c->tuple[i], &at));)
			p->left[p->n_left++] = (struct item){r, r->priority};
	qsort(p->left, p->n_left, sizeof(p->left[0]), by_priority);
	return p;
}

static bool plan_make(struct plan *p, uint64_t seed, struct ft_garbage_list *garbage)
{
	while (p->n_left && p->n < FT_PLAN_TUPLES)
		if (!plan_step(p, ft_hash_end(seed + p->n), garbage))
			return false;
	return plan_rest(p, seed, garbage);
}

// For the tuple of what comes next and fits nowhere.
static void plan_spill(struct ft_classifier *c, struct plan *p)
{
	static const struct weft_flow_key nothing;

	p->chosen = 0;
	sample_take(p);
	pick_pieces(p, &nothing, c->spill_piece);
}

bool ft_plan(struct ft_classifier *c, struct ft_garbage_list *garbage, uint32_t from)
{
	struct plan *p = plan_new(c, from);

	if (!p)
		return false;
	if (!from && p->n_left)
		plan_spill(c, p);
	if (!plan_make(p, ft_hash_end(c->seed ^ ++c->plans), garbage) ||
		!ft_classifier_reserve_tuples(c, from + p->n)) {
		plan_free(p);
		return false;
	}
	if (from < c->young)
		ft_tree_uproot(c);
	for (uint32_t i = from; i < c->n; i++)
		ft_tuple_drop(c->tuple[i], garbage);
	for (uint32_t i = 0; i < p->n; i++)
		c->tuple[from + i] = p->tuple[i];
	c->n = c->planned = from + p->n;
	c->packed = c->packed < from ? c->packed : from;
	if (!from) {
		c->planned_all = c->n;
		c->links = 0;
	}
	c->changed = true;
	p->n = 0;
	plan_free(p);
	return true;
}
