// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which rules a modify, a delete, a dump or an aggregate is about. Writer only.

#include "flowtable/rules/tables.h"

struct ft_selector {
	const struct weft_match *match;
	uint64_t cookie;
	uint64_t cookie_mask; // 0: any cookie
	uint32_t out_port;    // WEFT_OFPORT_ANY
	uint32_t out_group;   // WEFT_GROUP_ANY
	uint8_t table;        // or WEFT_TABLE_ALL
	bool hidden;          // the switch's own rules, or the controller's
};

struct ft_selection {
	struct ft_rule **rule;
	uint32_t n, room;
	bool failed; // no memory
};

struct ft_selector ft_selector_of_filter(
	const struct weft_flow_filter *, const struct weft_match *);

// All that the selector says but table and match.
bool ft_selector_fits(const struct ft_selector *, const struct ft_rule *);
// And that it is staged.
bool ft_selector_wants(const struct ft_selector *, const struct ft_rule *);
// Those whose match lies within the selector's. Collected first, because what is done with
// them may move everything. False: no memory. The caller frees ->rule.
bool ft_select_within(struct ft_switch *, const struct ft_selector *, struct ft_selection *);
// The same rule with other timeouts, seconds; its counters and age go on. flow_mod.c; the switch
// has no transaction open. 0 or NO_MEMORY.
enum weft_error ft_flow_retime(
	struct ft_switch *, struct ft_rule *, uint16_t idle_timeout, uint16_t hard_timeout);
// The one with exactly this match and priority in this table. NULL: none.
struct ft_rule *ft_select_strict(struct ft_switch *, const struct ft_selector *, uint16_t priority);
