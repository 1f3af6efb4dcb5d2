// SPDX-License-Identifier: Apache-2.0
#pragma once
// Thresholds on rules' statistics (weft/trigger.h; OpenFlow 1.5.1, 5.5 and 7.2.5).
//
// No packet pays for them: what workers count anyway is looked at by the writer, ten times a
// second, rule by rule for those that have a trigger and for no other. So an event comes up to a
// tenth of a second after what caused it was counted (ft_env.counted_ns), and one event stands for
// all thresholds, and all multiples of them, that were reached since the look before.
//
// A rule's place in the list (struct ft_trigger) belongs to its number, as its counters do, and
// remembers what it was made for: if the rule says something else now, or was added anew in its
// predecessor's place, the thresholds are set anew at the next look. What a counter has reached
// already is told then, too. A transaction that comes to nothing thus leaves nothing to undo.
//
// duration, packets and bytes only grow, until counters are reset, which sets their thresholds
// anew. The idle time falls back with every packet, and reaches its threshold again in the next
// silence.
//
// Writer only.

#include "flowtable/idmap.h"
#include "flowtable/rules/rule.h"

struct ft_trigger {
	uint32_t id;         // of the rule
	uint32_t place;      // in the list
	uint64_t created_ns; // of the rule for which it is set; 0: of none yet
	struct weft_trigger set;
	unsigned counts; // bit n: the threshold of enum weft_stat n still does
	unsigned armed;  // and next[n] is to come
	uint64_t next[WEFT_STATS];
};

struct ft_triggers {
	struct ft_idmap of; // number to struct ft_trigger
	struct ft_trigger **list;
	uint32_t n, room;
	bool looking;    // a look is under way
	uint32_t look;   // and has come so far
	uint64_t due_ns; // of the next one
	struct ft_trigger *spare;
};

#define FT_TRIGGERS_NS 100000000u // from one look to the next

void ft_triggers_init(struct ft_triggers *, uint64_t seed);
// Makes the next ft_triggers_add() succeed. False: no memory.
bool ft_triggers_reserve(struct ft_switch *);
// A rule with a trigger is staged.
void ft_triggers_add(struct ft_switch *, const struct ft_rule *);
// The number's counters start again at zero.
void ft_triggers_rearm(struct ft_switch *, uint32_t id);
// The number is free, or its rule has no trigger any more.
void ft_triggers_drop(struct ft_switch *, uint32_t id);
void ft_triggers_fini(struct ft_switch *);
