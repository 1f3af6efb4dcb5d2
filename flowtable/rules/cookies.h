// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rules by table and cookie: what a delete or a modify with a whole cookie is about, and what a
// learn action has learned, without a look at all others.
//
// Chains of rules' numbers (ids.h), eight bytes a number and four a bucket. Most switches are never
// asked, so there is nothing until the first question; from then on it is kept. Of a switch with
// very many rules it is made number by number: `built` says how far. What is numbered beyond that
// is in no chain yet, and who cannot wait looks at the rules themselves. Writer only.

#include "flowtable/rules/rule.h"

#define FT_COOKIES_END UINT32_MAX

struct ft_cookies {
	struct {
		uint32_t next, prev; // FT_COOKIES_END; prev of a chain's first: its bucket, tagged
	} * link;                    // by number
	uint32_t *bucket;            // the first number of a chain, plus one; 0: there is none
	uint32_t mask;               // buckets - 1
	uint32_t room;               // of link; 0: not kept
	uint32_t built;              // numbers below this are in chains, if they have a rule
	uint64_t seed;
};

// From now on it is kept, and whole: looks at each rule that is in no chain. False: no memory.
bool ft_cookies_keep(struct ft_switch *);
// From now on it is kept, and made by ft_cookies_build(). False: no memory.
bool ft_cookies_begin(struct ft_switch *);
// Numbers below `end` are in chains from now on, if it is kept.
void ft_cookies_build(struct ft_switch *, uint32_t end);
bool ft_cookies_is_whole(const struct ft_switch *);
// Room for numbers below `count`, if it is kept. False: no memory.
bool ft_cookies_reserve(struct ft_switch *, uint32_t count);
// The number holds this rule, and held `old` before; either may be NULL.
void ft_cookies_move(struct ft_switch *, const struct ft_rule *old, const struct ft_rule *r);
// The first, or the next after `at`, rule of this table and cookie, removed ones included; it is
// whole. NULL: none.
struct ft_rule *ft_cookies_next(
	const struct ft_switch *, uint8_t table, uint64_t cookie, const struct ft_rule *at);
void ft_cookies_fini(struct ft_switch *);
