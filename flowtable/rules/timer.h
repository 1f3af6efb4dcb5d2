// SPDX-License-Identifier: Apache-2.0
#pragma once
// When to look at a rule's timeouts: a heap of due times, only for rules that have one. When one is
// due, expire.c looks at the rule; one that was used meanwhile is entered again. Writer only.

#include "flowtable/rules/heap.h"

struct ft_timers {
	struct ft_heap heap; // by due time, nanoseconds
	uint32_t live;       // staged rules with a timeout
};

#define FT_SECOND_NS 1000000000ull

static inline bool ft_rule_times_out(const struct ft_rule *r)
{
	return r->program->idle_timeout || r->program->hard_timeout;
}

// When the rule is due if no packet matches it after used_ns, and it is not learned again.
uint64_t ft_rule_due_ns(const struct ft_switch *, const struct ft_rule *, uint64_t used_ns);
// When the seconds of its hard timeout begin.
uint64_t ft_rule_since_ns(const struct ft_switch *, const struct ft_rule *);

// Room for one more. False: no memory.
bool ft_timers_reserve(struct ft_switch *);
// Some of a sweep, if one is due (heap.h). True: there is more.
bool ft_timers_sweep(struct ft_switch *, uint32_t max);
void ft_timers_add(struct ft_switch *, const struct ft_rule *, uint64_t due_ns);
// Whether ft_timers_pop() has one that is due.
bool ft_timers_due(const struct ft_switch *, uint64_t now_ns);
// Takes out the first; there is one. Its rule, whose timeouts must still be looked at, or NULL: it
// has gone.
struct ft_rule *ft_timers_pop(struct ft_switch *);
void ft_timers_fini(struct ft_switch *);
