// SPDX-License-Identifier: Apache-2.0
#pragma once
// The classifier of one table: which rule of the highest priority matches a key.
//
// Tuple space search over few tuples. A hash table for each distinct mask would be simple, and with
// 90 masks a lookup would be 90 probes. But a table may hash by less than its rules' masks: then
// rules of many shapes share it, some collide, and a probe finds several to choose from (the idea
// is that of TupleMerge, Daly et al. 2019). A tuple (tuple.h) compares sixteen at a time, so that
// many collisions are cheap and few tuples are enough: ClassBench's sets of 10,000 filters with 400
// to 1,400 shapes need about ten, and a lookup probes two or three of them.
//
// Which masks to hash by is planned (plan.c) from a sample of the rules there are. Then a rule goes
// into the first tuple that takes its shape and is not crowded at its place, or else into a tuple
// that hashes by nothing at all. When that is full its rules are planned for, and all rules when
// many tuples have come and a part of all rules was linked since: so planning costs a bounded time
// per change. The few tuples before the first plan are each of one shape.
//
// Rules with the same match hang in a chain by descending priority; a tuple has the chain's first.
// The tuples lie in an array by the highest priority in them: a search ends at the first one that
// cannot beat what it has.
//
// The bound. A key costs at most one probe per tuple of this one table: FT_PLAN_TUPLES of the
// latest plan of all rules; one for each shape whose rules fitted none of those; and one for every
// FT_PLAN_CROWD rules that were linked since and fitted none, until all rules are planned for
// again. A probe reads the bins of one hash, of which at most FT_TUPLE_CROWD lanes are let in (four
// bins; a few more when neighbours run over), and looks at as many rules at most. The hash is
// keyed: neither a packet nor a controller can choose other collisions. A packet creates nothing
// here, and another tenant's rules are in another classifier.
//
// Readers hold no lock: a lane, a chain link and the array change by one store each, what is
// replaced or unlinked is freed after a grace period, and a rule is seen only if its version is
// (version.h). During the short time in which a removed rule and its successor are both linked, a
// chain is longer by that one.
//
// A table's rules may be had in a second form besides, which is quicker and made when the table has
// come to rest: a small table's by bit vectors (bits.h), a large one's by trees (tree.h). Behind
// this header there is nothing about any of them; another structure can take their place.

#include "flowtable/classifier/calm.h"
#include "flowtable/rules/rule.h"
#include "flowtable/classifier/shape.h"

struct ft_bits;
struct ft_tree;
struct ft_tree_plan;
struct ft_tuple;
struct ft_tuple_array;

struct ft_classifier {
	_Atomic(struct ft_tuple_array *) published; // NULL: never had a rule
	_Atomic(struct ft_bits *) bits;             // bits.h: quicker; NULL: there are none
	struct ft_calm calm;
	// the writer's
	struct ft_tuple_array *spare; // big enough for the next publication
	struct ft_tuple **tuple;      // in the order in which rules try them
	uint32_t n, room;
	uint32_t planned;               // tuples that were planned
	uint32_t planned_all;           // as many came of the latest plan of all rules; 0: never
	bool changed;                   // since the last publication
	uint64_t heads;                 // distinct matches
	uint64_t links;                 // since the latest plan of all rules
	uint64_t plans;                 // and other events that need a seed
	uint64_t bits_changes;          // since bits were made, or found not to be worth it,
	uint64_t bits_wait;             // of which there must be so many before they are made again
	struct ft_tree *tree;           // tree.h: as published, but if it ends; NULL: there is none
	struct ft_tree_plan *tree_plan; // one that is being made
	bool tree_ends;                 // with the next publication
	uint32_t tree_young;            // the first tuple of rules that are not in it
	uint32_t young;                 // the first that takes new chains
	uint32_t packed;                // tuples that are packed behind it (tuple.h)
	uint64_t tree_changes;          // of chains, since one was begun, of which there must be
	uint64_t tree_wait;             // so many before the next, since the latest was no good
	uint8_t spill_piece[3];         // of a tuple for whatever fits nowhere
	struct ft_tuple *reserved;      // for the next link; NULL: its chain is there already
	struct ft_shapes shapes;
	uint64_t seed;
};

// ---- workers

// As ft_table_lookup_burst(), and rules[] is written whole.
void ft_classifier_lookup(const struct ft_classifier *, uint64_t version,
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_rule *rules[]);

// ---- writer

void ft_classifier_init(struct ft_classifier *, uint64_t seed);
// With no reader left, and no rule linked.
void ft_classifier_fini(struct ft_classifier *);

// The shape for rules with this match's mask, and room for one rule with this match:
// ft_classifier_link() of it can't fail then, if it is the next call. NULL: no memory.
struct ft_shape *ft_classifier_reserve(
	struct ft_classifier *, struct ft_garbage_list *, const struct weft_match *);
// rule->shape and everything else is set. Before rules of the same priority in its chain.
void ft_classifier_link(struct ft_classifier *, struct ft_garbage_list *, struct ft_rule *);
// A rule will be removed by the version that is staged; from before that is published to when the
// rule is unlinked, or stays after all.
void ft_classifier_removes(struct ft_classifier *);
void ft_classifier_keeps(struct ft_classifier *);
// Takes out a rule that no later version sees. Readers may still stand on it.
void ft_classifier_unlink(struct ft_classifier *, struct ft_garbage_list *, struct ft_rule *);
// Lets readers see new tuples and the order, from memory that reserve() set aside. Before the
// version that needs them is published, and after rules were unlinked. The place to plan anew.
void ft_classifier_publish(struct ft_classifier *, struct ft_garbage_list *);

// The rules with exactly this match, linked by `next`, removed ones included; NULL: none.
struct ft_rule *ft_classifier_find(const struct ft_classifier *, const struct weft_match *);
// Each linked rule that matches nothing but what `m` matches, removed ones included. fn must not
// link or unlink; false from it ends the walk.
typedef bool ft_rule_fn(void *arg, struct ft_rule *);
bool ft_classifier_each_within(
	const struct ft_classifier *, const struct weft_match *m, ft_rule_fn *fn, void *arg);
// Each linked rule of this priority that a packet of `m` could match too.
bool ft_classifier_each_overlap(const struct ft_classifier *, const struct weft_match *m,
	uint16_t priority, ft_rule_fn *fn, void *arg);

// Whether the two above look at no more than a rule a mask, since every mask lies in the match's.
bool ft_classifier_is_inner(const struct ft_classifier *, const struct weft_match *);

// The rule's match as it was given.
void ft_rule_match(const struct ft_rule *, struct weft_match *);
// Bytes of a rule with this match: its values lie behind its struct.
static inline size_t ft_rule_bytes(const struct weft_match *m)
{
	return sizeof(struct ft_rule) + 8 * weft_match_words(m);
}
// Does the rule match nothing but what `m` matches?
bool ft_rule_within(const struct ft_rule *, const struct weft_match *m);
// Could a packet of `m` match it?
bool ft_rule_overlaps(const struct ft_rule *, const struct weft_match *m);
