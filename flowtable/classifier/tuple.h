// SPDX-License-Identifier: Apache-2.0
#pragma once
// A tuple: the hash table inside classifier.h, for rules of several shapes.
//
// It hashes by a mask that all its rules' masks contain. So rules that differ only elsewhere fall
// together; what keeps that cheap is that a bin is searched for sixteen rules at a time, before
// any of them is touched. A bin has sixteen lanes of
//
//   sig     16 bits of the hash over the priority: equal hash, and better than what was found?
//   value   three 16-bit pieces of the key, where the shapes of this tuple have most to say, with
//   mask    the rule's own mask: a ternary comparison, as a TCAM's
//   rule    the first of the chain of rules with one match, by descending priority
//
// and a rule is looked at only where all fit, which is nearly always the rule sought. A tuple whose
// rules all have its own mask ("exact") needs no pieces, and its bins are half as long.
//
// A lane is empty (0) or has a signature, whose upper half is never 0. Fifteen lanes have rules.
// The sixteenth has one bit for each 32nd part of all hashes: set if one of that part found the bin
// full and went on, so that a search nearly always knows where to end. Bits are cleared when the
// tuple is copied, which is due when many that went on are gone. A copy of a large tuple is made
// piece by piece, with each rule that comes some bins, begun early enough to be whole before it is
// needed; until then readers see the old slots, and the writer changes both. The way from bin to
// bin is the hash's own, so that crowds don't pile up. Not more than FT_TUPLE_CROWD rules of one
// hash are let into a tuple that is not exact; in an exact one they would be equal. Filled to 27/32
// at most.
//
// Where a tree (tree.h) stands in front, a tuple is asked by few and takes no rules. Then it is
// packed: copied into bins without pieces and fuller, 15 bytes a rule and not 30 to 55. All is
// found as before, but more rules are touched, so it is refitted when it may be asked more.
//
// One writer. It writes a lane's rule, value and mask first and the signature last, and readers
// load in the reverse order. A lane that is used again can show a reader a signature and a rule
// that do not belong together; both are of this tuple, and the reader compares the rule itself.

#include "flowtable/classifier/shape.h"

#define FT_LANES 16u
#define FT_PIECES 3u
#define FT_TUPLE_CROWD 48u
#define FT_FILL 27u         // 32nd parts of the lanes, at most
#define FT_FILL_PACKED 28u  // when they are packed,
#define FT_FILL_MOST 30u    // and what comes then, at most
#define FT_COPY_AT_ONCE 64u // bins
#define FT_COPY_BINS 3u     // a rule that comes, at least
#define FT_SETTLE_BINS 64u  // a rule that goes, at most
#define FT_LANE_PASSED 15u
#define FT_RULE_LANES 15u // of a bin
#define FT_LANE_EMPTY 0u
#define FT_LANE_USED 0x10000u // or more

struct ft_bin {
	_Atomic uint32_t sig[FT_LANES];
	_Atomic(struct ft_rule *) rule[FT_LANES];
	// not in exact tuples
	_Atomic uint32_t value[FT_LANES]; // of the first two pieces
	_Atomic uint32_t mask[FT_LANES];
	_Atomic uint16_t value2[FT_LANES]; // of the third
	_Atomic uint16_t mask2[FT_LANES];
};
#define FT_BIN_EXACT offsetof(struct ft_bin, value)
static_assert(sizeof(struct ft_bin) == 384 && FT_BIN_EXACT == 192, "whole lines");

struct ft_slots {
	struct ft_garbage garbage;
	void *block; // what it lies in
	uint32_t bins;
	uint32_t stride;          // bytes from bin to bin
	bool bare;                // bins are without pieces
	bool packed;              // fuller than others may be
	_Atomic uint32_t longest; // way of any rule in it, in bins; it only grows
	_Alignas(64) uint8_t bytes[];
};

struct ft_tuple {
	_Atomic(struct ft_slots *) slots; // never NULL
	uint64_t seed;
	uint32_t words;
	bool exact;
	uint8_t piece[FT_PIECES];     // 16-bit words of the key
	uint8_t word[WEFT_KEY_WORDS]; // the bits of map
	// the writer's
	uint64_t map;
	struct ft_slots *copy; // under way, to take the place of `slots`; NULL: none
	uint32_t copied;       // bins of `slots` that are in it
	uint32_t copy_pace;    // bins a rule that comes
	uint32_t heads;        // lanes with a rule
	uint32_t gone;         // rules that went from beyond their first bin, since the latest copy
	int max_priority;      // of its rules, or more
	bool stale;            // one of that priority went; not yet looked for another:
	bool settling;         // it is being found out anew,
	uint32_t settled;      // bins that were looked at,
	int settling_max;      // the highest there and of what came since
	struct ft_garbage garbage;
	uint64_t mask[]; // workers too
};

// What workers see.
struct ft_tuple_array {
	struct ft_garbage garbage;
	uint32_t n, room;
	uint32_t since;             // tuples of rules that are not in the tree
	const struct ft_tree *tree; // has the others, too (tree.h); NULL: there is none
	struct {
		int max_priority;
		bool since;
		const struct ft_tuple *tuple;
	} at[]; // by descending priority
};

// Of lanes: where they lie, for prefetching and vector loads.
#define FT_LINE(lanes) ((const void *)(uintptr_t)(lanes))

static inline struct ft_bin *ft_bin_at(const struct ft_slots *s, uint32_t i)
{
	return (struct ft_bin *)(uintptr_t)(s->bytes + (size_t)i * s->stride);
}

// The way of a hash through the bins.
struct ft_way {
	uint32_t at, step;
};

static inline struct ft_way ft_way_of(uint64_t hash)
{
	return (struct ft_way){(uint32_t)(hash >> 32), (uint32_t)(hash >> 16) | 0x20000001};
}

static inline struct ft_bin *ft_way_bin(const struct ft_slots *s, struct ft_way way)
{
	return ft_bin_at(s, (uint32_t)((uint64_t)way.at * s->bins >> 32));
}

// The bit of FT_LANE_PASSED.
static inline uint32_t ft_pass_bit(uint64_t hash)
{
	return 1u << (hash >> 16 & 31);
}

// The signature, in place: its lower half, for the priority, is 0.
static inline uint32_t ft_sig(uint64_t hash)
{
	uint32_t sig = (uint32_t)hash << 16;

	return sig ? sig : FT_LANE_USED;
}

static inline uint64_t ft_tuple_hash_step(const struct ft_tuple *t, uint64_t h, uint64_t word)
{
	return ft_hash_fold(h ^ word, t->seed | 1);
}

// Where in a tuple a rule's chain is.
struct ft_place {
	struct ft_tuple *tuple; // NULL: nowhere
	struct ft_bin *bin;
	unsigned lane;
};

// With room for `rules`. `pieces` NULL: exact. NULL: no memory.
struct ft_tuple *ft_tuple_new(
	uint64_t map, const uint64_t *mask, uint64_t seed, const uint8_t *pieces, uint32_t rules);
void ft_tuple_free(struct ft_tuple *);
// Readers may still be in it.
void ft_tuple_drop(struct ft_tuple *, struct ft_garbage_list *);

bool ft_tuple_takes(const struct ft_tuple *, const struct ft_shape *);
// Only if it takes the shape.
uint64_t ft_tuple_hash(const struct ft_tuple *, const struct ft_shape *, const uint64_t *value);
// The chain with these values of this shape; tuple NULL: not here.
struct ft_place ft_tuple_find(
	struct ft_tuple *, const struct ft_shape *, const uint64_t *value, uint64_t hash);
// May one more rule with this hash come in?
bool ft_tuple_has_room(const struct ft_tuple *, uint64_t hash);
// Lanes for one more. False: no memory.
bool ft_tuple_reserve(struct ft_tuple *, struct ft_garbage_list *);
// A chain's first rule, that is not here.
void ft_tuple_insert(struct ft_tuple *, struct ft_rule *head, uint64_t hash);
// The first of the chain is another now; NULL: there is no chain any more.
void ft_place_set(const struct ft_place *, struct ft_rule *head);
// Packs it, so many bins a call, or begins again what has begun otherwise. How many bins were
// copied; 0: nothing is left to do, or no memory.
uint32_t ft_tuple_pack(struct ft_tuple *, struct ft_garbage_list *, uint32_t bins);
// Undoes that, likewise. True: more is to be done.
bool ft_tuple_refit(struct ft_tuple *, struct ft_garbage_list *);
// A rule of this priority went: finds out the highest priority again, some bins a call. True: it is
// lower now.
bool ft_tuple_settle(struct ft_tuple *, int priority);

static inline struct ft_rule *ft_place_rule(const struct ft_place *p)
{
	return atomic_load_explicit(&p->bin->rule[p->lane], memory_order_relaxed);
}

// Each chain's first rule; the next after *at, which starts at 0. NULL: the end.
struct ft_rule *ft_tuple_next(const struct ft_tuple *, uint64_t *at);
