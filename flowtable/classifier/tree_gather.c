// SPDX-License-Identifier: Apache-2.0
// The first phases of a plan: which rules there are, in which order, and what they look at.
#include "flowtable/classifier/tree_plan.h"

#include "flowtable/classifier/classifier.h"
#include "flowtable/classifier/tuple.h"

#include <assert.h>
#include <stdlib.h>

#define HASH_BITS (FT_TREE_DIGITS * FT_TREE_DIGIT - 16) // of a key; its priority is above
// Spans cost a nanosecond a lookup. That comes back if one rule in so many is saved; in a tree that
// is near anyway, more.
#define SAVES 16u
#define SAVES_SMALL 3u

// ---- gathering

static bool gather_end(struct ft_tree_plan *p)
{
	unsigned n = (unsigned)__builtin_popcountll(p->map);

	for (; p->n_sizes < FT_SPAN_BLOCKS; p->n_sizes++)
		p->tree->size[p->n_sizes] = (uint16_t)((1u << p->n_sizes) - 1);

	if (!p->n || !n || n > FT_TREE_KEY_WORDS)
		return false;
	for (uint64_t map = p->map; map; map &= map - 1)
		p->word[p->n_words++] = (uint8_t)__builtin_ctzll(map);
	p->tree->n_words = p->n_words;
	memcpy(p->tree->word, p->word, sizeof(p->word));
	p->tree->rule = calloc(p->n + 1, sizeof(p->tree->rule[0]));
	p->bits = malloc(2 * (size_t)p->n_words * p->n * sizeof(p->bits[0]));
	p->left = malloc(p->n * sizeof(p->left[0]));
	p->tree->slots = p->n;
	return p->tree->rule && p->bits && p->left;
}

// Descending by priority; then those side by side that want the same but for the ports.
static struct ft_tree_item item_of(struct ft_rule *r)
{
	const struct ft_shape *s = r->shape;
	struct ft_span ports = FT_SPAN_ALL;
	uint64_t hash = 0;

	for (uint32_t i = 0; i < s->words; i++) {
		uint64_t mask = s->mask[i], value = r->value[i];

		if (s->word[i] == FT_PORTS_WORD) {
			if (!ft_span_of_mask(
				    (uint32_t)(value >> 32), (uint32_t)(mask >> 32), &ports))
				ports = FT_SPAN_ODD;
			mask &= UINT32_MAX;
			value &= UINT32_MAX;
		}
		if (mask)
			hash = ft_hash_end(ft_hash_end(hash ^ value) ^ mask) + s->word[i];
	}
	return (struct ft_tree_item){
		.rule = r,
		.key = (uint64_t)(0xffff - r->priority) << HASH_BITS |
		       (ft_hash_end(hash) & ((1ull << HASH_BITS) - 1)),
		.pieces = 1,
		.ports = ports,
	};
}

static uint32_t digit_of(const struct ft_tree_item *i, uint32_t digit)
{
	return (uint32_t)(i->key >> FT_TREE_DIGIT * digit) & ((1u << FT_TREE_DIGIT) - 1);
}

static void add(struct ft_tree_plan *p, struct ft_rule *r)
{
	struct ft_tree_item *i = &p->item[p->n++];

	*i = item_of(r);
	p->spare[p->n - 1].rule =
		NULL; // or sorting would meet all pages for the first time at once
	p->map |= r->shape->map;
	if (r->life.added > p->newest)
		p->newest = r->life.added;
	for (uint32_t d = 0; d < FT_TREE_DIGITS; d++)
		p->below[d][digit_of(i, d)]++;
}

// Of the tuples before the first `young` one.
uint32_t ft_tree_gather(struct ft_tree_plan *p, const struct ft_classifier *c, uint32_t most)
{
	uint32_t work = 1;
	struct ft_rule *r;

	for (; work < most && p->tuple < c->young; work += 2) {
		r = ft_tuple_next(c->tuple[p->tuple], &p->at);
		if (!r) {
			p->tuple++;
			p->at = 0;
			continue;
		}
		assert(p->n < p->room);
		add(p, r);
	}
	if (p->tuple < c->young)
		return work;
	p->phase = gather_end(p) ? FT_TREE_SORT : FT_TREE_FAILED;
	return work;
}

// ---- sorting, by one digit after the other, the last one first

static void begin_digit(struct ft_tree_plan *p)
{
	uint32_t sum = 0, n;

	for (uint32_t i = 0; i < 1u << FT_TREE_DIGIT; i++) {
		n = p->below[p->digit][i];
		p->below[p->digit][i] = sum;
		sum += n;
	}
}

static void end_digit(struct ft_tree_plan *p)
{
	struct ft_tree_item *item = p->spare;

	p->spare = p->item;
	p->item = item;
	p->done = 0;
	if (++p->digit == FT_TREE_DIGITS)
		p->phase = FT_TREE_MERGE;
}

uint32_t ft_tree_sort(struct ft_tree_plan *p, uint32_t most)
{
	uint32_t end = p->n - p->done < most ? p->n : p->done + most, work = end - p->done + 1;

	if (!p->done)
		begin_digit(p);
	for (; p->done < end; p->done++) {
		const struct ft_tree_item *i = &p->item[p->done];

		p->spare[p->below[p->digit][digit_of(i, p->digit)]++] = *i;
	}
	if (p->done == p->n)
		end_digit(p);
	return work;
}

// ---- merging

static void merge_end(struct ft_tree_plan *p)
{
	uint32_t saves = p->n > FT_TREE_SMALL ? SAVES : SAVES_SMALL;

	free(p->spare);
	p->spare = NULL;
	p->done = 0;
	p->spans = p->n - p->n_spans > p->n / saves && p->map >> FT_PORTS_WORD & 1;
	if (!p->spans)
		p->n_spans = p->n;
	p->tree->spans = p->spans;
	p->ports_half = 2 * ft_map_index(p->map, FT_PORTS_WORD) + 1;
	p->tree->ports = (uint8_t)(p->ports_half / 2);
	p->ports = p->spans ? malloc(p->n * sizeof(p->ports[0])) : NULL;
	p->phase = p->ports || !p->spans ? FT_TREE_COPY : FT_TREE_FAILED;
}

// Where those end that have the first one's priority, and as it seems its wants.
static uint32_t run_length(const struct ft_tree_plan *p)
{
	const struct ft_tree_item *i = &p->item[p->done];
	uint32_t n = 1;

	while (p->done + n < p->n && n < FT_TREE_RUN && i[n].key == i->key)
		n++;
	return n;
}

uint32_t ft_tree_merge(struct ft_tree_plan *p, uint32_t most)
{
	uint32_t work = 1, n;

	for (; work < most && p->done < p->n; p->done += n) {
		n = run_length(p);
		p->n_spans += n > 1 ? ft_tree_find_spans(p, &p->item[p->done], n) : 1;
		work += n > 1 ? 4 * n : 1;
	}
	if (p->done == p->n)
		merge_end(p);
	return work;
}

// ---- copying

static void copy_rule(struct ft_tree_plan *p, uint32_t rank)
{
	struct ft_rule *r = p->item[rank].rule;
	uint64_t *to = p->bits + 2 * (size_t)p->n_words * rank;

	atomic_init(&p->tree->rule[rank], r);
	memset(to, 0, 2 * p->n_words * sizeof(*to));
	for (uint32_t i = 0; i < r->shape->words; i++) {
		unsigned at = ft_map_index(p->map, r->shape->word[i]);

		to[at] = r->value[i];
		to[p->n_words + at] = r->shape->mask[i];
	}
}

// Whether the n rules from this one on are alike in all but the ports: hashes may be equal by
// chance.
static bool are_alike(const struct ft_tree_plan *p, uint32_t rank, uint32_t n)
{
	const uint64_t *first = ft_tree_values(p, rank);
	uint64_t differ = 0;

	for (uint32_t k = 1; k < n; k++)
		for (uint32_t i = 0; i < 2 * p->n_words; i++)
			differ |= (first[i] ^ ft_tree_values(p, rank + k)[i]) &
				  (i % p->n_words == p->ports_half / 2 ? UINT32_MAX : UINT64_MAX);
	return !differ;
}

static void leave(struct ft_tree_plan *p, uint32_t rank)
{
	struct ft_span ports;

	p->left[p->n_left++] = rank;
	if (!p->spans)
		return;
	if (!ft_span_of_mask(ft_tree_half(ft_tree_values(p, rank), p->ports_half),
		    ft_tree_half(ft_tree_masks(p, rank), p->ports_half), &ports)) {
		ports = FT_SPAN_ODD;
		p->n_odd++;
	}
	p->ports[rank] = ports;
}

// As one rule, which wants what all have in common.
static void leave_span(struct ft_tree_plan *p, uint32_t rank, struct ft_span ports)
{
	uint64_t *bits = p->bits + 2 * (size_t)p->n_words * rank;
	uint32_t mask = ft_span_mask(ports), value = ft_ports_swap(ports.low) & mask;

	memcpy((char *)bits + 4 * p->ports_half, &value, 4);
	memcpy((char *)(bits + p->n_words) + 4 * p->ports_half, &mask, 4);
	p->ports[rank] = ports;
	p->left[p->n_left++] = rank;
}

static uint32_t copy_span(struct ft_tree_plan *p)
{
	const struct ft_tree_item *i = &p->item[p->done];
	uint32_t n = p->spans ? i->pieces : 1;

	for (uint32_t k = 0; k < n; k++)
		copy_rule(p, p->done + k);
	if (n > 1 && are_alike(p, p->done, n)) {
		leave_span(p, p->done + n - 1, i->ports);
		return n;
	}
	for (uint32_t k = 0; k < n; k++)
		leave(p, p->done + k);
	return n;
}

uint32_t ft_tree_copy(struct ft_tree_plan *p, uint32_t most)
{
	uint32_t work = 1, n;

	for (; p->done < p->n && work < most; p->done += n, work += n) {
		uint32_t soon = p->done + 8 < p->n ? p->done + 8 : p->done;

		__builtin_prefetch(p->item[soon].rule);
		n = copy_span(p);
	}
	if (p->done < p->n)
		return work;
	free(p->item);
	p->item = NULL;
	p->phase = FT_TREE_PART;
	return work;
}
