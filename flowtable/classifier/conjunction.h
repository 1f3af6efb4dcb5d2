// SPDX-License-Identifier: Apache-2.0
#pragma once
// Conjunctive matches: ovs-fields(7), conj_id; ovs-actions(7), conjunction.
//
// A set of rules, all of one priority, describes a product of dimensions without multiplying it
// out: each rule says by conjunction(id, k/n) that a packet which matches it satisfies dimension k
// of n. Where all n are satisfied, the packet is looked up again as one whose conj_id is `id`, and
// what that finds is the answer.
//
// So such rules ("soft") are never an answer themselves, and a search for the best rule can't stop
// at the first that matches: it must meet all of them. They are therefore kept apart, in a
// classifier of their own that a table has from its first soft rule on; the other rules ("hard")
// are searched as if there were no conjunctions, at the same cost, and a table without any pays one
// untaken branch a burst.
//
// What the answer is. Let H be the best hard rule for the packet as it is. Priorities above H's
// are taken one by one, from the highest: of the soft rules of that priority that match, those ids
// are complete whose dimensions are all there. Each complete id gives the best hard rule for the
// packet with that conj_id; the best of these is the answer. Without one, the next priority is
// taken, and at last H is the answer. This is Open vSwitch's meaning; where it leaves open which of
// several complete ids counts, it is the one with the best rule.
//
// The bound. Soft rules of a table have FT_CONJ_SHAPES masks at most (the flow-mod for another one
// is refused: table full), of each of which a packet matches one chain; FT_CONJ_STEPS conjunction
// actions of theirs are looked at for one packet, some tens of microseconds, and the first
// FT_CONJ_TRIES complete ids of a priority are looked up. What is beyond counts as not complete.

#include "flowtable/classifier/classifier.h"

#define FT_CONJ_SHAPES 256u
#define FT_CONJ_STEPS 4096u
#define FT_CONJ_TRIES 16u
#define FT_CONJ_CLAUSES 64u // dimensions of one id, as the action can say

// Workers. rules[] has the hard answers to the keys at this version, and is made to have the
// answers.
void ft_conjunction_lookup(const struct ft_classifier *hard, const struct ft_classifier *soft,
	uint64_t version, const struct weft_flow_key *const keys[], unsigned n,
	const struct ft_rule *rules[]);

// For each mask, the best rule that matches the key at this version and has a priority above
// `floor` (-1: any). Returns how many were written, at most `max`.
unsigned ft_classifier_matches(const struct ft_classifier *, uint64_t version,
	const struct weft_flow_key *, int floor, const struct ft_rule *found[], unsigned max);

// Do the instructions conjoin?
bool ft_conjunctive(const struct weft_instructions *);
// Of those that do: nothing but conjunctions and notes may be there. CONJUNCTION.
enum weft_error ft_check_conjunction(const struct weft_instructions *);
// TABLE_FULL: a soft rule with this mask would be one of too many.
enum weft_error ft_conjunction_room(const struct ft_classifier *soft, const struct weft_match *);
