// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a worker asks of the tables: the rules for a burst, and where to count.

#include "flowtable/rules/rule.h"

// For each of the n <= FT_BURST keys the rule of the highest priority that matches it at this
// version, or NULL. A rule may be used until the worker's next quiescent state. Does not count.
// Worst case per key: one hash probe for each mask shape in this table of this tenant, fewer when
// a rule is found whose priority no later mask reaches (classifier.h).
void ft_table_lookup_burst(const struct ft_switch *, uint8_t table, uint64_t version,
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_rule *rules[]);

// Counts a burst of `lookups` at a table, `matched` of which found a rule.
void ft_table_count(
	struct ft_switch *, unsigned worker, uint8_t table, uint64_t lookups, uint64_t matched);

// Counts packets at a rule and notes the time for its idle timeout. now_ns: env's clock.
void ft_rule_count(struct ft_switch *, const struct ft_rule *, unsigned worker, uint64_t packets,
	uint64_t bytes, uint64_t now_ns);

// Where ft_rule_count() counts, for as long as the rule is there.
struct ft_counter *ft_rule_counter(
	const struct ft_switch *, const struct ft_rule *, unsigned worker);

// Whether it is its table's table-miss rule: priority 0, every field wildcarded (OpenFlow 1.3.5,
// 5.4).
bool ft_rule_is_miss(const struct ft_rule *);
