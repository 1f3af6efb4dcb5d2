// SPDX-License-Identifier: Apache-2.0
#pragma once
// Trees: a large classifier's second form, for workers alone, made when it has come to rest.
//
// Tuples (tuple.h) take any change at once, and pay for it: a key hashes for some of them, each
// time at six cache lines, whatever it is. A tree is made for the rules that are there. A node has
// a few bits of one word of the key, wherever in it, that tell its rules apart best; they are the
// number of the child (the idea is that of HyperCuts, Singh et al. 2003, with bits that are chosen
// instead of ranges that are cut, as in Modular Packet Classification, Woo 2000). A rule that
// leaves some of the bits open is in several children. Two or three nodes lead to a leaf of about
// sixteen rules, and these are compared at once and exactly, with all that they look at.
//
// A rule that leaves most of such bits open would be everywhere. So there are up to four trees
// ("parts"): the first has the rules that all want enough of the field that most rules want (of
// ClassBench's an address), the next those that want another, the last what is left. The planner
// (tree_plan.h) sees no fields, only words of 32 bits. A key goes through one part after the other;
// if it has a rule already, it passes by parts, and leaves, whose best rule is not better.
//
// Rules that are pieces of one range of ports are one rule here, a span (tree_span.h).
//
// Rules are known by their rank here: the slot number in the order of descending priority, so the
// lower rank wins and no rule need be touched to know that. A slot has the first rule of its chain,
// NULL when the chain has gone; a key whose slot has nothing for its version, or something of lower
// priority, asks all the tuples. So nothing is ever found that the tuples would not find, and slots
// are the only thing in a tree that changes.
//
// A rule's own line is far, too, and its version is all that a lookup would want of it. So nobody
// asks while all first rules are there for everybody, which the classifier knows (ft_calm).
//
// Rules that come go into tuples of their own ("since"), which are looked at besides. A chain of
// the tree that gets another priority would have another rank: it ends the tree, and workers go to
// the tuples until there is another. The tree and the order of the tuples are published together.
//
// With a tree in front the tuples behind it are packed (tuple.h), and refitted when it has ended,
// or when so many of its slots have nothing any more that another is due.
//
// The bound. A key takes at most FT_TREE_DEPTH nodes and one leaf, of FT_TREE_LEAF lanes at most, a
// part, and then the tuples that came since, or all of them (classifier.h).

#include "flowtable/classifier/tree_span.h"

#if defined(__BMI2__)
#include <immintrin.h>
#endif

#define FT_TREE_PARTS 4u
#define FT_TREE_DEPTH 4u
#define FT_TREE_LEAF 1024u   // lanes
#define FT_TREE_KEY_WORDS 8u // of 64 bits, that all rules look at
#define FT_TREE_WORDS 12u    // of 32 bits, that the rules of a part look at
#define FT_TREE_COMMON 4u    // of 64 bits, of which all want the same
#define FT_TREE_BLOCK 16u    // lanes that are compared at once
#define FT_TREE_NONE UINT32_MAX
#define FT_TREE_RULES 512u // chains at least
#define FT_TREE_RULES_MAX ((1u << 20) - 1)
#define FT_TREE_WORN 64u       // made anew when one in so many has changed
#define FT_TREE_PAYS 120u      // cycles that the tuples cost
#define FT_TREE_FAR (2u << 20) // bytes
#define FT_TREE_BEYOND 64u     // words that a vector may read behind the last lane

#define FT_NODE_BITS 8u
#define FT_ROOT_BITS 16u
#define FT_NODE_NONE 0xfffffu // no rank: there are fewer

// Four to a cache line, and all that is needed to go on in two loads.
struct ft_node {
	uint8_t bit[FT_NODE_BITS]; // numbers in the word; their values are those of the child's
				   // number
	uint32_t at;               // the first child's; in a leaf where in `lane` its lanes begin
	uint32_t about;            // from below:
			// 11 bits  a leaf's lanes; or 3 of the word (ft_tree.word), and 8
			//          for each of the bits, whether it is one
			// 1 bit    whether it is a leaf
			// 20 bits  the lowest rank in it; FT_NODE_NONE: it is empty
} __attribute__((aligned(16)));
static_assert(sizeof(struct ft_node) == 16, "four in a line");

#define FT_NODE_KEEP_AT 3u
#define FT_NODE_LEAF_AT 11u
#define FT_NODE_FIRST_AT 12u
static_assert(FT_TREE_LEAF < 1u << FT_NODE_LEAF_AT, "lanes fit");
static_assert(FT_TREE_RULES_MAX <= FT_NODE_NONE, "ranks fit");

struct ft_tree_part {
	uint32_t first; // the lowest rank in it
	uint32_t at;    // the root's first child
	uint64_t bits;  // that lead to one, a mask of the word,
	uint8_t root;   // which is this one of ft_tree.word;
	uint16_t keep;  // as many ones as there are bits,
	// Which are these; fetched as two words.
	uint8_t bit[FT_ROOT_BITS] __attribute__((aligned(8)));
	uint32_t words;
	uint32_t commons;
	bool brief;                     // as tree_lanes.h has it: lanes are so,
	uint8_t split, narrow;          // of so many words,
	bool spans;                     // and the last but for these has those of ports,
	uint32_t tables;                // with tables of masks that begin there in `lane`
	uint16_t byte[FT_TREE_WORDS];   // of the key, of those that are narrow
	uint8_t word[FT_TREE_WORDS];    // which 32 bits of the key it is,
	uint8_t half[FT_TREE_WORDS];    // and of the words of ft_tree.word, side by side
	uint8_t common[FT_TREE_COMMON]; // of ft_tree.word
	uint64_t common_value[FT_TREE_COMMON];
	uint64_t common_mask[FT_TREE_COMMON];
};

struct ft_tree {
	struct ft_garbage garbage;
	uint32_t parts;
	uint32_t slots;
	bool far;                     // larger than a core's second cache
	bool spans;                   // parts have spans,
	uint8_t ports;                // of this one of the words,
	uint16_t size[FT_SPAN_SIZES]; // and of so many sizes
	uint32_t n_words;
	uint8_t word[FT_TREE_KEY_WORDS]; // of 64 bits, that rules look at
	struct ft_node *node;
	void *nodes;                     // the block they lie in
	uint32_t *lane;                  // tree_lanes.h
	_Atomic(struct ft_rule *) *rule; // of each slot; one more is NULL
	struct ft_tree_part part[FT_TREE_PARTS];
};

static inline bool ft_node_is_leaf(const struct ft_node *n)
{
	return n->about >> FT_NODE_LEAF_AT & 1;
}

static inline uint32_t ft_node_first(const struct ft_node *n)
{
	return n->about >> FT_NODE_FIRST_AT;
}

static inline uint32_t ft_node_lanes(const struct ft_node *leaf)
{
	return leaf->about & ((1u << FT_NODE_LEAF_AT) - 1);
}

// Of ft_tree.word.
static inline unsigned ft_node_word(const struct ft_node *n)
{
	return n->about & ((1u << FT_NODE_KEEP_AT) - 1);
}

static inline uint32_t ft_node_keep(const struct ft_node *n)
{
	return n->about >> FT_NODE_KEEP_AT & ((1u << FT_NODE_BITS) - 1);
}

// Half number i of some words, as they lie in the key.
static inline uint32_t ft_tree_half(const void *words, unsigned i)
{
	uint32_t v;

	memcpy(&v, (const char *)words + 4 * i, 4);
	return v;
}

// The bits of the word that the mask has, side by side.
static inline uint32_t ft_tree_bits(uint64_t word, uint64_t mask)
{
#if defined(__BMI2__)
	return (uint32_t)_pext_u64(word, mask);
#else
	uint32_t bits = 0;

	for (unsigned i = 0; mask; mask &= mask - 1, i++)
		bits |= (uint32_t)(word >> __builtin_ctzll(mask) & 1) << i;
	return bits;
#endif
}

// The child's number.
static inline uint32_t ft_node_child(const struct ft_node *n, uint64_t word)
{
	uint32_t child = 0;

	for (unsigned i = 0; i < FT_NODE_BITS; i++)
		child |= (uint32_t)(word >> n->bit[i] & 1) << i;
	return child & ft_node_keep(n);
}

// ---- workers

// As ft_classifier_lookup(), without rules that came since, and of a chain the first rule, whatever
// its version: none is touched. Returns a bit for each key that has to ask all tuples; its rule is
// NULL. For each instruction set; isa.c chooses.
typedef uint64_t ft_tree_fn(const struct ft_tree *, const struct weft_flow_key *const keys[],
	unsigned n, const struct ft_rule *rules[]);
ft_tree_fn ft_tree_scalar;
ft_tree_fn ft_tree_avx2;
ft_tree_fn ft_tree_avx512;
// Puts what is there at this version for the first rules of chains that it found. Returns as it
// does.
uint64_t ft_tree_at_version(uint64_t version, unsigned n, const struct ft_rule *rules[]);

// Whether the one in use is quick with brief lanes.
bool ft_tree_likes_brief(void);

// ---- writer; for classifier.c

struct ft_classifier;
extern enum ft_trees ft_trees; // lookup.h
extern enum ft_lanes ft_lanes;

// A chain began with `old`; now with another rule, or there is none any more.
void ft_tree_head(struct ft_classifier *, const struct ft_rule *old, struct ft_rule *now);
// All rules are about to be put into other tuples.
void ft_tree_uproot(struct ft_classifier *);
// The classifier has come to rest: begins one, if that is worth it.
bool ft_tree_begin(struct ft_classifier *);
// Whether the tuples behind a tree are asked by few.
bool ft_tree_serves(const struct ft_classifier *);
// A step of that (tree_plan.h), or of packing the tuples behind it. False: nothing is left to do.
bool ft_tree_grow(struct ft_classifier *, struct ft_garbage_list *);
// With no reader left.
void ft_tree_free(struct ft_tree *);
// Readers may still be in it.
void ft_tree_drop(struct ft_tree *, struct ft_garbage_list *);
