// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a tree (tree.h) is made, in steps, beside rules that come and go.
//
//   gather    the first rule of each chain of the tuples there are
//   sort      by descending priority, those that are alike side by side
//   merge     which of these are the pieces of a span (tree_span.h): one rule from now on
//   copy      what each looks at, side by side: nothing below touches a rule
//   part      what those want that go into the next part
//   take      which of those that are left these are
//   cut       one node after the other, depth first, in tree_cut.c
//
// A step does FT_TREE_STEP rules' worth of this, which is some 200 microseconds; nothing is done in
// one go that is a matter of all rules, or of all bits of a node.
//
// New chains go into new tuples meanwhile. If a chain that is there gets another first rule the
// plan is given up; if one goes, that too, as long as rules are touched. After that it is noted,
// and its slot is emptied before anybody sees the tree.

#include "flowtable/classifier/tree.h"
#include "flowtable/classifier/tree_span.h"

#define FT_TREE_STEP 8192u
#define FT_TREE_COPIES 3.0f       // lanes of a part, for each of its rules, at most on an average;
#define FT_TREE_COPIES_SMALL 8.0f // in a tree of not more than
#define FT_TREE_SMALL 16384u      // rules, which are near whatever they weigh
#define FT_TREE_NOTES 4096u       // chains that go meanwhile, before it is given up
#define FT_TREE_DIGIT 11u         // bits,
#define FT_TREE_DIGITS 4u         // and so many are sorted by
#define FT_TREE_RUN 1024u         // rules that spans are looked for among, at once

struct ft_tree_choice;
struct ft_tree_kinds; // tree_masks.h

enum ft_tree_phase {
	FT_TREE_GATHER,
	FT_TREE_SORT,
	FT_TREE_MERGE,
	FT_TREE_COPY,
	FT_TREE_PART,
	FT_TREE_TAKE,
	FT_TREE_CUT,
	FT_TREE_DONE,
	FT_TREE_FAILED, // not worth it, or no memory
};

struct ft_tree_item {
	struct ft_rule *rule;
	uint64_t key : FT_TREE_DIGIT *FT_TREE_DIGITS;         // by which they are sorted
	uint64_t pieces : 64 - FT_TREE_DIGIT *FT_TREE_DIGITS; // of the span that begins with it
	struct ft_span ports;
};
static_assert(sizeof(struct ft_tree_item) == 24, "there is one for each rule");

// Masks of ports that are not a block's: those of which only some bits are asked.
#define FT_SPAN_ODD ((struct ft_span){UINT32_MAX, UINT32_MAX})
static inline bool ft_span_is_odd(struct ft_span s)
{
	return (s.low & s.size) == UINT32_MAX;
}

// Pieces of one range of the lower port, or any other rule by itself.
struct ft_tree_row {
	uint32_t at, n;
	struct ft_span ports;
};

// Half a word of some rules.
struct ft_tree_survey {
	uint32_t value, mask; // of the first; mask: of all
	bool differs;
};

// A node that is still to be made of these rules.
struct ft_tree_seed {
	uint32_t node;
	uint32_t n;
	uint32_t *rank; // ascending
	void *ends;     // a block whose last user this is; NULL: it is not
	float copies;   // that a rule may be in below, on an average
	uint8_t depth;
};

struct ft_tree_plan {
	enum ft_tree_phase phase;
	struct ft_tree *tree; // slots; the arrays of nodes and lanes are whole at the end
	uint32_t done;        // of the phase
	uint32_t tuple;       // gathering: which, and where in it
	uint64_t at;
	struct ft_tree_item *item;
	struct ft_tree_item *spare; // as many, while they are sorted and merged
	uint32_t n, room;
	uint64_t newest; // version that one of them was added by
	uint32_t digit;  // that they are sorted by,
	uint32_t below[FT_TREE_DIGITS][1u << FT_TREE_DIGIT]; // of which so many are smaller
	struct ft_tree_row row[FT_TREE_RUN];
	uint32_t n_sizes;      // of tree->size
	uint32_t n_spans;      // with rules that are by themselves
	bool spans;            // there are enough, so parts have them, but for one:
	uint32_t n_odd;        // rules whose ports are in no span, and are still left
	bool odd_part;         // the part that is begun is theirs
	struct ft_span *ports; // of each rank; NULL: there are no spans
	unsigned ports_half;   // as in `half`
	uint64_t map;          // words that some rule looks at,
	uint32_t n_words;      // which are
	uint8_t word[FT_TREE_KEY_WORDS];
	uint64_t *bits; // of each rank n_words values and n_words masks
	uint32_t *left; // ranks that are in no part yet
	uint32_t n_left;
	uint32_t *taken; // of these, for the part that is begun,
	uint32_t n_taken, n_kept;
	unsigned half; // that they want,
	struct ft_tree_survey survey[2 * FT_TREE_KEY_WORDS];
	struct ft_tree_kinds *kinds; // of their masks, by half
	struct ft_tree_seed *seed;   // a stack
	uint32_t n_seeds, room_seeds;
	uint32_t n_nodes, room_nodes;
	uint64_t n_lanes, room_lanes;  // lanes; words of these
	uint64_t blocks;               // of the leaves, each times its lanes
	struct ft_tree_choice *choice; // tree_cut.c: the node that is being made
	uint32_t part_lanes;
	uint32_t part_depth;
	uint32_t cost; // of a key, in cycles, roughly
	const struct ft_rule *noted[FT_TREE_NOTES];
	uint32_t n_noted;
	uint32_t emptied; // slots that were looked for among these, when all is done
};

static inline const uint64_t *ft_tree_values(const struct ft_tree_plan *p, uint32_t rank)
{
	return p->bits + 2 * (size_t)p->n_words * rank;
}

static inline const uint64_t *ft_tree_masks(const struct ft_tree_plan *p, uint32_t rank)
{
	return ft_tree_values(p, rank) + p->n_words;
}

// What the lanes of the part that is begun want of half a word: a value and a mask, or of the ports
// a span's numbers.
static inline bool ft_tree_is_span(const struct ft_tree_plan *p, unsigned half)
{
	return p->spans && !p->odd_part && half == p->ports_half;
}

static inline uint32_t ft_tree_lane_value(
	const struct ft_tree_plan *p, uint32_t rank, unsigned half)
{
	return ft_tree_is_span(p, half) ? p->ports[rank].low
					: ft_tree_half(ft_tree_values(p, rank), half);
}

static inline uint32_t ft_tree_lane_mask(const struct ft_tree_plan *p, uint32_t rank, unsigned half)
{
	return ft_tree_is_span(p, half) ? p->ports[rank].size
					: ft_tree_half(ft_tree_masks(p, rank), half);
}

// Of so many chains. NULL: no memory.
struct ft_tree_plan *ft_tree_plan_new(uint32_t rules);
// With the tree, if that is still in it; NULL is fine.
void ft_tree_plan_free(struct ft_tree_plan *);
// One step. False: it has come to its end.
bool ft_tree_plan_step(struct ft_tree_plan *, const struct ft_classifier *);

// ---- tree_gather.c: of each phase about so many rules' work. Return what was done.

uint32_t ft_tree_gather(struct ft_tree_plan *, const struct ft_classifier *, uint32_t most);
uint32_t ft_tree_sort(struct ft_tree_plan *, uint32_t most);
uint32_t ft_tree_merge(struct ft_tree_plan *, uint32_t most);
uint32_t ft_tree_copy(struct ft_tree_plan *, uint32_t most);

// ---- tree_span.c

// Of n rules of one priority that want the same but for the ports, FT_TREE_RUN at most: puts the
// pieces of spans side by side, each in its place. Returns how many spans there are, with rules
// that are by themselves.
uint32_t ft_tree_find_spans(struct ft_tree_plan *, struct ft_tree_item *, uint32_t n);
// Which of tree->size it is; as many as there are: none.
uint32_t ft_tree_size_number(const struct ft_tree_plan *, uint32_t size);

// ---- tree_leaf.c

// What the lanes of the part need that was begun; a leaf of it. False: no memory, or it is too
// large.
bool ft_tree_lanes_begin(struct ft_tree_plan *);
bool ft_tree_leaf(struct ft_tree_plan *, const struct ft_tree_seed *);

// ---- tree_cut.c

// The rules of a part, in an array that the plan owns from now on, also if it returns false: no
// memory.
bool ft_tree_plant(struct ft_tree_plan *, uint32_t *rank, uint32_t n);
// Goes on with the part's nodes. Returns the work in rules, about `most` or less; 0: no memory, or
// it is not worth it.
uint32_t ft_tree_cut(struct ft_tree_plan *, uint32_t most);
// Whether a node is left to be made.
bool ft_tree_is_cut(const struct ft_tree_plan *);
void ft_tree_cut_free(struct ft_tree_plan *);
