// SPDX-License-Identifier: Apache-2.0
#pragma once
// A heap of rules by a number that only grows: when one is due, how dear it is.
//
// An entry is a hint. What it says of its rule was true when it was put in; whoever takes it out
// looks at the rule, and puts it in again if its number has grown meanwhile. An entry whose rule
// has gone, or has left its number to another rule, is forgotten. So a rule that is used, modified
// or removed costs the heap nothing. Where most entries are such, they are swept out, some at a
// time and with no transaction open: one that is aborted brings back what it means. A rule that
// stays as good as it was needs no second entry when a modify makes it anew. Entries lie in pages:
// no number of them is ever copied because they are one more. Writer only.

#include "flowtable/pages.h"
#include "flowtable/rules/rule.h"

struct ft_heap_entry {
	uint64_t key;
	uint32_t id;
	uint32_t stamp; // low bits of the rule's created_ns
};

#define FT_HEAP_PAGE 4096u // entries; the first page grows up to that

struct ft_heap {
	struct ft_pages pages; // of entries, the least key first
	uint32_t n, room;
	uint32_t swept;  // entries of the sweep that is under way; 0: none is
	uint32_t enough; // entries that are no reason to sweep, as the latest one left many
};

// Room for one more; at first for `least`. False: no memory.
bool ft_heap_reserve(struct ft_heap *, uint32_t least);
void ft_heap_push(struct ft_heap *, const struct ft_rule *, uint64_t key);
// The least; NULL: there is none.
const struct ft_heap_entry *ft_heap_first(const struct ft_heap *);
// The same, taken out. There is one.
struct ft_heap_entry ft_heap_pop(struct ft_heap *);
// The rule that the entry means, as staged; NULL: it has gone.
struct ft_rule *ft_heap_rule(const struct ft_switch *, const struct ft_heap_entry *);
// Should it be swept, if so many of its rules are there?
bool ft_heap_untidy(const struct ft_heap *, uint32_t live);
// If it should: looks at `max` entries at most, and forgets those whose rule has gone or is not
// `wanted`. False: it has gone through all.
bool ft_heap_sweep(const struct ft_switch *, struct ft_heap *, uint32_t live,
	bool (*wanted)(const struct ft_rule *), uint32_t max);
void ft_heap_fini(struct ft_heap *);
