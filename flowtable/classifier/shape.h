// SPDX-License-Identifier: Apache-2.0
#pragma once
// Shapes: the distinct masks of a classifier's rules, each kept once. A rule has its values only
// and points to its shape. Made and dropped by the writer; workers read what lies above "the
// writer's" for as long as they may hold a rule of the shape.

#include "flowtable/hash.h"
#include "flowtable/idmap.h"
#include "flowtable/rules/rule.h"

struct ft_shape {
	uint64_t map; // as in weft_match
	uint32_t words;
	uint8_t word[WEFT_KEY_WORDS]; // the bits of map
	// the writer's
	uint32_t rules; // linked
	uint32_t index; // in ft_shapes.at
	struct ft_shape *same_hash;
	struct ft_garbage garbage;
	uint64_t mask[]; // workers too
};

struct ft_shapes {
	struct ft_shape **at;
	uint32_t n, room;
	struct ft_idmap by_mask; // hash of a mask to the first shape with it
	uint64_t seed;
};

static inline uint64_t ft_key_word(const struct weft_flow_key *key, unsigned word)
{
	uint64_t v;

	memcpy(&v, (const char *)key + 8 * word, 8);
	return v;
}

// Where a word of the key lies among the values of a match with this map, which has it.
static inline unsigned ft_map_index(uint64_t map, unsigned word)
{
	return (unsigned)__builtin_popcountll(map & ((1ull << word) - 1));
}

void ft_shapes_init(struct ft_shapes *, uint64_t seed);
// With no reader left.
void ft_shapes_fini(struct ft_shapes *);
// NULL: no rule has this mask.
struct ft_shape *ft_shapes_find(const struct ft_shapes *, const struct weft_match *);
// Made if there is none. NULL: no memory.
struct ft_shape *ft_shapes_get(
	struct ft_shapes *, struct ft_garbage_list *, const struct weft_match *);
// Its last rule was unlinked; readers may still look at it.
void ft_shapes_drop(struct ft_shapes *, struct ft_garbage_list *, struct ft_shape *);
// Does the mask of `m` have every bit of the shape's, or the shape's every bit of the mask of `m`?
bool ft_shape_in_match(const struct ft_shape *, const struct weft_match *m);
bool ft_match_in_shape(const struct weft_match *m, const struct ft_shape *);
