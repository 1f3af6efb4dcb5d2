// SPDX-License-Identifier: Apache-2.0
// Leaves and their lanes (tree_lanes.h).
#include "flowtable/classifier/tree_masks.h"
#include "flowtable/classifier/tree_plan.h"

#include <stdlib.h>

// ---- the tables of masks

// Where in the table the mask is, which has n; put there if it is not. FT_TREE_MASKS: it is full.
static uint32_t place_in(uint32_t *table, uint32_t n, uint32_t mask)
{
	uint32_t i = 0;

	while (i < n && table[i] != mask)
		i++;
	if (i < FT_TREE_MASKS)
		table[i] = mask;
	return i;
}

// Of the masks' bits that are in `part` makes table number t. False: there are too many.
static bool make_table(struct ft_tree_kinds *k, unsigned t, uint32_t part)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < k->n; i++) {
		uint32_t at = place_in(k->table[t], n, k->mask[i] & part);

		if (at == FT_TREE_MASKS)
			return false;
		n = at == n ? n + 1 : n;
		k->in[t][i] = (uint8_t)at;
	}
	return true;
}

void ft_tree_kinds_end(struct ft_tree_kinds *k)
{
	k->tables = 0;
	if (k->too_many)
		return;
	if (make_table(k, 0, UINT32_MAX))
		k->tables = 1;
	else if (make_table(k, 0, 0xffff) && make_table(k, 1, 0xffff0000))
		k->tables = 2;
}

// ---- memory

static struct ft_tree_part *part_of(const struct ft_tree_plan *p)
{
	return &p->tree->part[p->tree->parts - 1];
}

static bool lanes_reserve(struct ft_tree_plan *p, uint64_t words)
{
	uint64_t room = 3 * (p->n_lanes + words) / 2 + FT_TREE_BEYOND +
			2 * (uint64_t)ft_tree_leaf_words(part_of(p), p->n_taken);
	uint32_t *v;

	if (p->n_lanes + words + FT_TREE_BEYOND <= p->room_lanes)
		return true;
	v = room < UINT32_MAX ? realloc(p->tree->lane, room * sizeof(*v)) : NULL;
	if (!v)
		return false;
	p->tree->lane = v;
	p->room_lanes = room;
	return true;
}

// Which of the plan's halves word number i of the part is.
static unsigned half_of(const struct ft_tree_plan *p, uint32_t i)
{
	return part_of(p)->half[i];
}

bool ft_tree_lanes_begin(struct ft_tree_plan *p)
{
	struct ft_tree_part *part = part_of(p);
	uint32_t wide = ft_tree_wide(part) - part->spans, tables = wide + part->split, *to;

	if (!part->brief)
		return true;
	if (!lanes_reserve(p, tables * FT_TREE_MASKS))
		return false;
	part->tables = (uint32_t)p->n_lanes;
	to = p->tree->lane + p->n_lanes;
	for (uint32_t i = 0; i < wide; i++) {
		const struct ft_tree_kinds *k = &p->kinds[half_of(p, i)];

		memcpy(to, k->table, k->tables * sizeof(k->table[0]));
		to += k->tables * FT_TREE_MASKS;
	}
	p->n_lanes += tables * FT_TREE_MASKS;
	return true;
}

// ---- lanes

static uint32_t rank_word(const struct ft_tree_plan *p, uint32_t rank)
{
	uint32_t numbers = FT_LANE_ALL, size;

	if (part_of(p)->spans) {
		size = p->ports[rank].size;
		numbers = ft_tree_size_number(p, ft_port_of(size, 0)) |
			  ft_tree_size_number(p, ft_port_of(size, 1)) << FT_LANE_SIZE_AT;
	}
	return rank << FT_LANE_RANK_AT | numbers;
}

static uint32_t *write_ranks(
	const struct ft_tree_plan *p, uint32_t *to, const uint32_t *rank, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		to[i] = rank_word(p, rank[i]);
	return to + n;
}

static uint32_t *write_whole(
	const struct ft_tree_plan *p, uint32_t *to, const uint32_t *rank, uint32_t n)
{
	for (uint32_t w = 0; w < part_of(p)->words; w++, to += 2 * n) {
		unsigned half = half_of(p, w);

		for (uint32_t i = 0; i < n; i++) {
			to[i] = ft_tree_lane_value(p, rank[i], half);
			to[n + i] = ft_tree_lane_mask(p, rank[i], half);
		}
	}
	return write_ranks(p, to, rank, n);
}

// Which masks n rules have of word w.
static uint8_t *write_kinds(
	const struct ft_tree_plan *p, uint8_t *to, const uint32_t *rank, uint32_t n, uint32_t w)
{
	unsigned half = half_of(p, w);
	struct ft_tree_kinds *k = &p->kinds[half];

	for (uint32_t i = 0; i < n; i++) {
		uint32_t kind = ft_tree_kind(k, ft_tree_lane_mask(p, rank[i], half));

		for (unsigned t = 0; t < k->tables; t++)
			to[t * n + i] = k->in[t][kind];
	}
	return to + k->tables * n;
}

static uint8_t *write_narrow(
	const struct ft_tree_plan *p, uint8_t *to, const uint32_t *rank, uint32_t n, uint32_t w)
{
	unsigned half = half_of(p, w), shift = 8 * (part_of(p)->byte[w] % 4);

	for (uint32_t i = 0; i < n; i++) {
		to[i] = (uint8_t)(ft_tree_lane_value(p, rank[i], half) >> shift);
		to[n + i] = (uint8_t)(ft_tree_lane_mask(p, rank[i], half) >> shift);
	}
	return to + 2 * n;
}

static uint32_t *write_brief(
	const struct ft_tree_plan *p, uint32_t *to, const uint32_t *rank, uint32_t n)
{
	const struct ft_tree_part *part = part_of(p);
	uint32_t wide = ft_tree_wide(part), *end = to + ft_tree_block_words(part, n);
	uint8_t *bytes;

	for (uint32_t w = 0; w < wide; w++, to += n)
		for (uint32_t i = 0; i < n; i++)
			to[i] = ft_tree_lane_value(p, rank[i], half_of(p, w));
	bytes = (uint8_t *)write_ranks(p, to, rank, n);
	for (uint32_t w = 0; w < wide - part->spans; w++)
		bytes = write_kinds(p, bytes, rank, n, w);
	for (uint32_t w = wide; w < part->words; w++)
		bytes = write_narrow(p, bytes, rank, n, w);
	memset(bytes, 0, (size_t)((uint8_t *)end - bytes));
	return end;
}

bool ft_tree_leaf(struct ft_tree_plan *p, const struct ft_tree_seed *seed)
{
	uint32_t words = ft_tree_leaf_words(part_of(p), seed->n), *to, n;

	if (seed->n > FT_TREE_LEAF || !lanes_reserve(p, words))
		return false;
	p->tree->node[seed->node] = (struct ft_node){
		.at = (uint32_t)p->n_lanes,
		.about = seed->n | 1u << FT_NODE_LEAF_AT |
			 (seed->n ? seed->rank[0] : FT_NODE_NONE) << FT_NODE_FIRST_AT,
	};
	to = p->tree->lane + p->n_lanes;
	for (uint32_t i = 0; i < seed->n; i += n) {
		n = seed->n - i < FT_TREE_BLOCK ? seed->n - i : FT_TREE_BLOCK;
		to = part_of(p)->brief ? write_brief(p, to, seed->rank + i, n)
				       : write_whole(p, to, seed->rank + i, n);
	}
	p->n_lanes += words;
	p->part_lanes += seed->n;
	p->blocks += (uint64_t)seed->n * ((seed->n + FT_TREE_BLOCK - 1) / FT_TREE_BLOCK);
	if (seed->depth > p->part_depth)
		p->part_depth = seed->depth;
	return true;
}
