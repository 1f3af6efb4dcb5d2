// SPDX-License-Identifier: Apache-2.0
#pragma once
// The classifier of one table: which rule of the highest priority matches a key.
//
// Tuple space search. Rules with the same mask form a subtable: an open-addressed hash of the
// masked values. A slot is one word, 16 bits of hash beside the pointer to the rule, so a probe
// that does not belong here costs no second cache miss. Rules with the same match hang in a chain
// by descending priority. The subtables lie in an array by the highest priority in them: a search
// ends at the first one that cannot beat what it has.
//
// The bound. A key costs at most one probe sequence per subtable of this one table, and each probe
// sequence is short, because slots are at most 3/4 full and the hash is keyed: neither a packet
// nor a controller can choose collisions. So the worst case is (masks of the table) probes. A
// packet creates nothing here, and another tenant's masks are in another classifier.
//
// Readers hold no lock: a slot, a chain link and the array change by one store each, what is
// replaced or unlinked is freed after a grace period, and a rule is seen only if its version is
// (version.h). During the short time in which a removed rule and its successor are both linked, a
// chain is longer by that one.
//
// Behind this header there is nothing about tuple space; another structure can take its place.

#include "flowtable/idmap.h"
#include "flowtable/rule.h"

struct ft_subtable_array;

struct ft_classifier {
	_Atomic(struct ft_subtable_array *) published; // NULL: never had a rule
	// the writer's
	struct ft_subtable_array *spare; // big enough for the next publication
	struct ft_subtable **subtable;   // by descending priority once published
	uint32_t n, room;
	uint32_t changes;        // subtables that moved or came since the last publication
	struct ft_idmap by_mask; // hash of a mask to the first subtable with it
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

// The subtable for rules with this match's mask, made if there is none, with room for one rule of
// this priority: ft_classifier_link() can't fail then. NULL: no memory.
struct ft_subtable *ft_classifier_reserve(struct ft_classifier *, struct ft_garbage_list *,
	const struct weft_match *, uint16_t priority);
// rule->subtable and everything else is set. Before rules of the same priority in its chain.
void ft_classifier_link(struct ft_classifier *, struct ft_rule *);
// Takes out a rule that no later version sees. Readers may still stand on it.
void ft_classifier_unlink(struct ft_classifier *, struct ft_garbage_list *, struct ft_rule *);
// Lets readers see new subtables and the order, from memory that reserve() set aside. Before the
// version that needs them is published, and after rules were unlinked.
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

// The rule's match as it was given.
void ft_rule_match(const struct ft_rule *, struct weft_match *);
unsigned ft_rule_words(const struct ft_rule *);
// Words that a rule with this match needs behind its struct.
static inline size_t ft_rule_bytes(const struct weft_match *m)
{
	return sizeof(struct ft_rule) + 8 * weft_match_words(m);
}
// Does the rule match nothing but what `m` matches?
bool ft_rule_within(const struct ft_rule *, const struct weft_match *m);
