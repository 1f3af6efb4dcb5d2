// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which tuples a classifier's rules are best kept in. For classifier.c.

#include "flowtable/classifier/classifier.h"
#include "flowtable/classifier/tuple.h"

#define FT_PLAN_TUPLES 24u
#define FT_PLAN_CROWD 12u // far below FT_TUPLE_CROWD: rules will come

// From which of its tuples on is a plan worth the time now? From those that came since the latest
// plan, or, if many came and a part of all rules was linked meanwhile, from the first. c->n: none.
uint32_t ft_plan_due(const struct ft_classifier *);
// Replaces the tuples from `from` on, not published yet, and drops the old ones. False: no memory,
// nothing changed.
bool ft_plan(struct ft_classifier *, struct ft_garbage_list *, uint32_t from);

// ---- classifier.c, for the plan

// Room for `n` tuples, and so that their publication needs no memory any more.
bool ft_classifier_reserve_tuples(struct ft_classifier *, uint32_t n);
// The first of `tuple[0..n)` that takes the rule at its place, and its hash there; NULL: none.
struct ft_tuple *ft_classifier_choose(struct ft_tuple *const tuple[], uint32_t n,
	const struct ft_shape *, const uint64_t *value, uint64_t *hash);
