// SPDX-License-Identifier: Apache-2.0
// Nodes. The bits of a node are found one by one: each time the one that leaves the
// least to compare, by a sample of the rules, if it is worth having them in both halves where they
// leave it open. All bits of a node are of one word of the key; the best word has it.
#include "flowtable/lines.h"
#include "flowtable/classifier/tree_plan.h"

#include <stdlib.h>

#define SAMPLE 1024u
#define ENTRIES (4 * SAMPLE)
#define ROOT_BITS 14u
#define FEW FT_TREE_BLOCK // rules, of which a leaf is made at once
#define WORTH 20u         // a bit saves this part of what is compared, at least;
#define WORTH_SMALL 50u   // in a small tree

// A rule of the sample, in one of its cells; those of a cell lie together.
struct entry {
	uint64_t value, mask;
	bool last; // of its cell
};

struct best {
	uint32_t word; // of the plan's; FT_TREE_NONE: none is worth it
	uint64_t bits;
	uint32_t n_bits;
	uint64_t cost;
};

struct cut {
	uint32_t word; // of the plan's
	uint64_t bits;
	uint32_t n;     // children
	uint32_t *from; // where the rules of each begin; n + 1 of them
	uint32_t *rank; // these; NULL: they are being counted
};

enum stage {
	NOTHING,
	CHOOSING,
	COUNTING,
	FILLING,
};

// The node that is being made, and what is known of its bits.
struct ft_tree_choice {
	enum stage stage;
	struct ft_tree_seed seed;
	struct best best;
	struct cut cut;
	uint32_t done; // rules that were counted, or filled in
	// of the word that is being looked at
	uint32_t word;
	uint32_t most_bits;
	uint32_t max; // entries
	uint64_t telling;
	struct entry entry[ENTRIES], other[ENTRIES];
	uint32_t n;
	uint32_t sampled;
	uint32_t few; // FEW, as the sample sees it
	uint32_t worth;
	uint64_t bits;
	uint32_t n_bits;
	uint64_t cost;
};

// ---- the bits of a word

// What a cell of so many costs those that come to it.
static uint64_t cost_of(const struct ft_tree_choice *c, uint32_t rules)
{
	return (uint64_t)rules * (rules > c->few ? rules : c->few);
}

// With this bit as well. *copies: entries there would be.
static uint64_t cost_with(const struct ft_tree_choice *c, unsigned bit, uint32_t *copies)
{
	uint32_t count[2] = {0, 0}, open = 0, all = c->n;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < c->n; i++) {
		const struct entry *e = &c->entry[i];
		uint32_t closed = e->mask >> bit & 1;

		open += 1 - closed;
		count[e->value >> bit & 1] += closed;
		if (!e->last)
			continue;
		sum += cost_of(c, count[0] + open) + cost_of(c, count[1] + open);
		all += open;
		count[0] = count[1] = open = 0;
	}
	*copies = all;
	return sum;
}

// The half of a cell with this value of the bit.
static uint32_t copy_half(struct ft_tree_choice *c, uint32_t from, uint32_t to, unsigned bit,
	uint64_t value, uint32_t n)
{
	uint32_t before = n;

	for (uint32_t i = from; i < to; i++) {
		const struct entry *e = &c->entry[i];

		if ((e->mask >> bit & 1) && (e->value >> bit & 1) != value)
			continue;
		c->other[n] = *e;
		c->other[n++].last = false;
	}
	if (n > before)
		c->other[n - 1].last = true;
	return n;
}

static void split(struct ft_tree_choice *c, unsigned bit)
{
	uint32_t n = 0;

	for (uint32_t from = 0, i = 0; i < c->n; i++) {
		if (!c->entry[i].last)
			continue;
		n = copy_half(c, from, i + 1, bit, 0, n);
		n = copy_half(c, from, i + 1, bit, 1, n);
		from = i + 1;
	}
	memcpy(c->entry, c->other, n * sizeof(c->entry[0]));
	c->n = n;
	c->bits |= 1ull << bit;
	c->n_bits++;
}

// Bits that some rules want to be 1 and others to be 0.
static uint64_t telling_bits(const struct ft_tree_choice *c)
{
	uint64_t ones = 0, zeros = 0;

	for (uint32_t i = 0; i < c->n; i++) {
		ones |= c->entry[i].value;
		zeros |= c->entry[i].mask & ~c->entry[i].value;
	}
	return ones & zeros;
}

// Adds the best one. False: none is worth it.
static bool add_bit(struct ft_tree_choice *c, uint64_t telling, uint32_t max)
{
	uint64_t best = c->cost - c->cost / c->worth;
	unsigned at = 64;
	uint32_t copies;

	for (uint64_t left = telling & ~c->bits; left; left &= left - 1) {
		unsigned bit = (unsigned)__builtin_ctzll(left);
		uint64_t cost = cost_with(c, bit, &copies);

		if (cost < best && copies <= max) {
			best = cost;
			at = bit;
		}
	}
	if (at == 64)
		return false;
	split(c, at);
	c->cost = best;
	return true;
}

static void sample_word(struct ft_tree_choice *c, const struct ft_tree_plan *p,
	const struct ft_tree_seed *seed, uint32_t word)
{
	c->sampled = c->n = seed->n < SAMPLE ? seed->n : SAMPLE;
	c->few = (uint32_t)((uint64_t)FEW * c->n / seed->n);
	c->few = c->few ? c->few : 1;
	for (uint32_t i = 0; i < c->n; i++) {
		uint32_t rank = seed->rank[(uint64_t)i * seed->n / c->n];

		c->entry[i] = (struct entry){
			ft_tree_values(p, rank)[word], ft_tree_masks(p, rank)[word], false};
	}
	c->entry[c->n - 1].last = true;
	c->bits = c->n_bits = 0;
	c->cost = cost_of(c, c->n);
}

// So many that leaves come out half full, if they come out even.
static uint32_t most_bits(const struct ft_tree_seed *seed)
{
	uint32_t bits = 1, max = seed->depth ? FT_NODE_BITS : ROOT_BITS;

	while (bits < max && seed->n > (FEW / 2) << bits)
		bits++;
	return bits;
}

static bool is_small(const struct ft_tree_plan *p)
{
	return p->n_spans <= FT_TREE_SMALL;
}

static void begin_word(struct ft_tree_choice *c, const struct ft_tree_plan *p)
{
	float room = (float)(c->seed.n < SAMPLE ? c->seed.n : SAMPLE) * c->seed.copies;

	c->max = room < (float)ENTRIES ? (uint32_t)room : ENTRIES;
	c->most_bits = most_bits(&c->seed);
	sample_word(c, p, &c->seed, c->word);
	c->telling = telling_bits(c);
	c->worth = is_small(p) ? WORTH_SMALL : WORTH;
}

// ---- memory

static uint32_t nodes_new(struct ft_tree_plan *p, uint32_t n)
{
	// So many at once that growing is rare: what is not touched is no memory.
	uint32_t first = p->n_nodes, room = 2 * (first + n) + p->n / 2;
	struct ft_node *v;

	if (first + n > p->room_nodes) {
		v = ft_lines_resize(
			&p->tree->nodes, p->tree->node, first * sizeof(*v), room * sizeof(*v));
		if (!v)
			return FT_TREE_NONE;
		p->tree->node = v;
		p->room_nodes = room;
	}
	p->n_nodes += n;
	return first;
}

static struct ft_tree_seed *seeds_push(struct ft_tree_plan *p, uint32_t n)
{
	uint32_t room = 2 * (p->n_seeds + n);
	struct ft_tree_seed *v;

	if (p->n_seeds + n > p->room_seeds) {
		v = realloc(p->seed, room * sizeof(*v));
		if (!v)
			return NULL;
		p->seed = v;
		p->room_seeds = room;
	}
	p->n_seeds += n;
	return &p->seed[p->n_seeds - n];
}

// ---- nodes

// Calls for each child that a rule goes to; `child` is its number.
#define FOR_EACH_CHILD(child, value, open)                                                         \
	for (uint32_t sub_ = 0, more_ = 1; more_ && ((child) = (value) | sub_, true);              \
		sub_ = (sub_ - (open)) & (open), more_ = sub_)

// Counts the rules of each child, or fills them in. Returns the work; all were looked at if
// c->done says so.
static uint32_t go_to_children(
	struct ft_tree_choice *c, const struct ft_tree_plan *p, uint32_t most)
{
	const struct cut *cut = &c->cut;
	uint32_t work = 1;

	for (; c->done < c->seed.n && work < most; c->done++) {
		uint32_t rank = c->seed.rank[c->done], child;
		uint64_t mask = ft_tree_masks(p, rank)[cut->word];
		uint32_t value = ft_tree_bits(ft_tree_values(p, rank)[cut->word], cut->bits);
		uint32_t open = ft_tree_bits(~mask, cut->bits);

		FOR_EACH_CHILD(child, value, open)
		{
			work++;
			if (cut->rank)
				cut->rank[cut->from[child]++] = rank;
			else
				cut->from[child + 1]++;
		}
	}
	return work;
}

static void push_children(struct ft_tree_seed *to, const struct ft_tree_seed *seed,
	const struct cut *cut, uint32_t *rank, uint32_t first)
{
	uint32_t all = cut->from[cut->n], from = 0;

	for (uint32_t i = 0; i < cut->n; i++) {
		to[i] = (struct ft_tree_seed){
			.node = first + i,
			.n = cut->from[i] - from,
			.rank = rank + from,
			.ends = i ? NULL : rank,
			.copies = seed->copies * (float)seed->n / (float)all,
			.depth = (uint8_t)(seed->depth + 1),
		};
		from = cut->from[i];
	}
}

// False: no memory.
static bool begin_cut(struct ft_tree_choice *c)
{
	c->stage = COUNTING;
	c->done = 0;
	c->cut =
		(struct cut){.word = c->best.word, .bits = c->best.bits, .n = 1u << c->best.n_bits};
	c->cut.from = calloc(c->cut.n + 2, sizeof(*c->cut.from));
	return c->cut.from;
}

// All are counted.
static bool begin_filling(struct ft_tree_choice *c)
{
	struct cut *cut = &c->cut;

	for (uint32_t i = 0; i < cut->n; i++)
		cut->from[i + 1] += cut->from[i];
	cut->rank = malloc((cut->from[cut->n] + 1) * sizeof(*cut->rank));
	c->stage = FILLING;
	c->done = 0;
	return cut->rank;
}

static void end_node(struct ft_tree_choice *c)
{
	free(c->cut.from);
	free(c->seed.ends);
	c->cut = (struct cut){0};
	c->seed = (struct ft_tree_seed){0};
	c->stage = NOTHING;
}

// Numbers of the bits of the mask.
static void list_bits(uint8_t *bit, uint64_t mask)
{
	for (; mask; mask &= mask - 1)
		*bit++ = (uint8_t)__builtin_ctzll(mask);
}

static void write_root(struct ft_tree_part *part, const struct cut *cut, uint32_t first)
{
	part->at = first;
	part->root = (uint8_t)cut->word;
	part->bits = cut->bits;
	part->keep = (uint16_t)(cut->n - 1);
	list_bits(part->bit, cut->bits);
}

static void write_node(struct ft_node *node, const struct ft_tree_choice *c, uint32_t first)
{
	*node = (struct ft_node){
		.at = first,
		.about = c->cut.word | (c->cut.n - 1) << FT_NODE_KEEP_AT |
			 c->seed.rank[0] << FT_NODE_FIRST_AT,
	};
	list_bits(node->bit, c->cut.bits);
}

// All are filled in, so `from` says where those of each child end.
static bool end_cut(struct ft_tree_choice *c, struct ft_tree_plan *p)
{
	uint32_t first = nodes_new(p, c->cut.n);
	struct ft_tree_seed *to = first == FT_TREE_NONE ? NULL : seeds_push(p, c->cut.n);

	if (!to)
		return false;
	push_children(to, &c->seed, &c->cut, c->cut.rank, first);
	if (c->seed.depth)
		write_node(&p->tree->node[c->seed.node], c, first);
	else
		write_root(&p->tree->part[p->tree->parts - 1], &c->cut, first);
	end_node(c); // the ranks are the first child's
	return true;
}

bool ft_tree_plant(struct ft_tree_plan *p, uint32_t *rank, uint32_t n)
{
	uint32_t root = nodes_new(p, 1);
	struct ft_tree_seed *seed = root == FT_TREE_NONE ? NULL : seeds_push(p, 1);

	if (!seed || !ft_tree_lanes_begin(p)) {
		p->n_seeds -= seed != NULL;
		free(rank);
		return false;
	}
	p->tree->part[p->tree->parts - 1].at = root; // without bits: its only child
	p->part_lanes = p->part_depth = 0;
	p->blocks = 0;
	*seed = (struct ft_tree_seed){
		.node = root,
		.n = n,
		.rank = rank,
		.ends = rank,
		.copies = is_small(p) ? FT_TREE_COPIES_SMALL : FT_TREE_COPIES,
	};
	return true;
}

// ---- one node after the other

static bool end_leaf(struct ft_tree_choice *c, struct ft_tree_plan *p)
{
	bool made = ft_tree_leaf(p, &c->seed);

	end_node(c);
	return made;
}

static uint32_t begin_node(struct ft_tree_choice *c, struct ft_tree_plan *p)
{
	c->seed = p->seed[--p->n_seeds];
	if (c->seed.n <= FEW || c->seed.depth == FT_TREE_DEPTH) {
		uint32_t work = c->seed.n + 1;

		return end_leaf(c, p) ? work : 0;
	}
	c->stage = CHOOSING;
	c->best = (struct best){.word = FT_TREE_NONE};
	c->word = 0;
	begin_word(c, p);
	return c->n;
}

// The word has all the bits that are worth it.
static bool end_word(struct ft_tree_choice *c, struct ft_tree_plan *p)
{
	if (c->bits && (c->best.word == FT_TREE_NONE || c->cost < c->best.cost))
		c->best = (struct best){c->word, c->bits, c->n_bits, c->cost};
	if (++c->word < p->n_words) {
		begin_word(c, p);
		return true;
	}
	return c->best.word == FT_TREE_NONE ? end_leaf(c, p) : begin_cut(c);
}

// One bit more, or the word ends.
static uint32_t choose(struct ft_tree_choice *c, struct ft_tree_plan *p)
{
	uint32_t work = c->n * (uint32_t)__builtin_popcountll(c->telling) / 16 + c->n / 4 + 1;

	if (c->n_bits < c->most_bits && c->cost > (uint64_t)c->sampled * c->few &&
		add_bit(c, c->telling, c->max))
		return work;
	return end_word(c, p) ? work : 0;
}

static uint32_t cut_some(struct ft_tree_choice *c, struct ft_tree_plan *p, uint32_t most)
{
	uint32_t work = go_to_children(c, p, most);
	bool counted = c->stage == COUNTING;

	if (c->done < c->seed.n)
		return work;
	work += c->cut.n / 2;
	return (counted ? begin_filling(c) : end_cut(c, p)) ? work : 0;
}

uint32_t ft_tree_cut(struct ft_tree_plan *p, uint32_t most)
{
	if (!p->choice)
		p->choice = calloc(1, sizeof(*p->choice));
	if (!p->choice)
		return 0;
	switch (p->choice->stage) {
	case CHOOSING:
		return choose(p->choice, p);
	case COUNTING:
	case FILLING:
		return cut_some(p->choice, p, most);
	default:
		return begin_node(p->choice, p);
	}
}

bool ft_tree_is_cut(const struct ft_tree_plan *p)
{
	return !p->n_seeds && p->choice->stage == NOTHING;
}

void ft_tree_cut_free(struct ft_tree_plan *p)
{
	if (p->choice) {
		free(p->choice->cut.rank);
		end_node(p->choice);
	}
	while (p->n_seeds)
		free(p->seed[--p->n_seeds].ends);
	free(p->seed);
	free(p->choice);
}
