// SPDX-License-Identifier: Apache-2.0
#pragma once
// Into which parts the rules of a gist go, if they are too many for one (gist.h).
//
// A bit of the key halves what a packet can meet, of those rules that look at it; the others are in
// both halves. So bits are taken one after the other, each time that one after which a rule of the
// parts that are still too large has the fewest beside it: of what all want alike, or leave open,
// it has as many as before. All parts are halved by it: a key's part is then known from its bits
// alone.
//
// The writer's; only ft_gist_part() is asked by workers.

#include "flowtable/cache/gist.h"
#include "flowtable/classifier/tree.h"

struct ft_gist_plan;
struct ft_making;

// The key's part. Compiled for each instruction set, as where it is used.
static inline unsigned ft_gist_part(const struct ft_gist_split *s, const struct weft_flow_key *key)
{
	unsigned part = 0, at = 0;

	for (unsigned i = 0; i < s->words; i++) {
		part |= ft_tree_bits(ft_key_word(key, s->word[i]), s->mask[i]) << at;
		at += (unsigned)__builtin_popcountll(s->mask[i]);
	}
	return part;
}

// Of these rules, which stay. NULL: no memory.
struct ft_gist_plan *ft_gist_plan_new(const struct ft_making *);
// Chooses another bit. False: nothing is left to do.
bool ft_gist_plan_step(struct ft_gist_plan *);
// How many parts there are, and by which bits; 0: too many rules would be in too many.
unsigned ft_gist_plan_end(struct ft_gist_plan *, struct ft_gist_split *);
// Sets the rules of a part, in the order in which they were.
void ft_gist_plan_part(
	const struct ft_gist_plan *, unsigned part, const struct ft_making *of, struct ft_making *);
void ft_gist_plan_free(struct ft_gist_plan *);
