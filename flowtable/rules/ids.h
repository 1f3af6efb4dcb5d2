// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rules by number. The number names the rule's counters and gives walks an order that survives
// changes: a modify's successor inherits it, and it is given to another rule only when nobody
// can count on it any more (one grace period after the rule was unlinked).
//
// Writer only, but for the counters that workers reach by ft_counter_at().

#include "flowtable/idmap.h"
#include "flowtable/rules/rule.h"

struct ft_ids {
	struct ft_rule **rule; // by number; free ones hold the next free number, tagged by bit 0
	uint32_t count;        // numbers ever given out
	uint32_t room;
	uint32_t free;         // first free number, UINT32_MAX: none
	struct ft_idmap bases; // number to struct ft_counter_base
	struct ft_idmap fresh; // number to when its rule was learned again, uint64_t
};

struct ft_counter_sum {
	uint64_t packets;
	uint64_t bytes;
	uint64_t used_ns;
};

void ft_ids_init(struct ft_ids *, uint64_t seed);
// Makes ft_ids_take() succeed once. False: no memory.
bool ft_ids_reserve(struct ft_switch *);
// A number for the rule, its counters zero.
void ft_ids_take(struct ft_switch *, struct ft_rule *);
// The rule now holds its number (a successor, or the predecessor again).
void ft_ids_own(struct ft_switch *, struct ft_rule *);
// The rule is about to be freed: its number becomes free unless another rule holds it.
void ft_ids_release(struct ft_switch *, const struct ft_rule *);
// NULL: the number is free.
struct ft_rule *ft_ids_rule(const struct ft_switch *, uint32_t id);
struct ft_counter_sum ft_ids_sum(const struct ft_switch *, const struct ft_rule *);
// Room for a later ft_ids_reset() of this number. False: no memory.
bool ft_ids_reserve_reset(struct ft_switch *, uint32_t id);
// Counters of a rule with FT_RULE_COUNTER_BASE start again from here.
void ft_ids_reset(struct ft_switch *, const struct ft_rule *);
// The rule's timeouts start anew now. False: no memory.
bool ft_ids_refresh(struct ft_switch *, const struct ft_rule *);
// When that was; 0: never.
uint64_t ft_ids_refreshed(const struct ft_switch *, const struct ft_rule *);
void ft_ids_fini(struct ft_switch *);
