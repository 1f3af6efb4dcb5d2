// SPDX-License-Identifier: Apache-2.0
#pragma once
// The writer's view of the tables, and how rules are staged into them.
//
// A table exists from its first rule on, and stays. ft_stage_add() and ft_stage_del() are the only
// ways to change a rule; each logs itself in the open transaction.

#include "flowtable/classifier/classifier.h"
#include "flowtable/rules/heap.h"
#include "flowtable/rules/program.h"
#include "flowtable/txn.h"

struct ft_table {
	_Atomic(struct ft_classifier *) soft; // conjunction.h; NULL: never had such a rule
	struct ft_classifier classifier;      // of all other rules
	struct ft_table *dirty_next;          // in ft_switch.dirty
	bool dirty;
	uint8_t restless; // 2: changed since the latest ft_settle(); 1: since the one before
	uint8_t number;
	uint32_t rules;           // as staged
	struct ft_heap evictable; // if the table evicts: its rules
	bool evict_grows;         // not all of them are in it yet
	uint64_t evict_forgot;    // version of the transaction that took out what it removes
};

// NULL: no rule was ever in it.
struct ft_table *ft_table_of(const struct ft_switch *, uint8_t number);
// Workers: were there ever rules of a conjunction in it?
static inline bool ft_table_has_soft(const struct ft_switch *sw, uint8_t number)
{
	const struct ft_table *t = ft_table_of(sw, number);

	return t && atomic_load_explicit(&t->soft, memory_order_acquire);
}
// Makes it if need be. NULL: no memory.
struct ft_table *ft_table_get(struct ft_switch *, uint8_t number);
// The classifier that has rules with this program, or would have; NULL: there is none yet.
struct ft_classifier *ft_table_part(const struct ft_table *, const struct ft_program *);
// As ft_classifier_find(), _each_within() and _each_overlap(), over all rules of the table.
struct ft_rule *ft_table_find(const struct ft_table *, const struct weft_match *, bool conjunctive);
bool ft_table_each_within(
	const struct ft_table *, const struct weft_match *, ft_rule_fn *, void *arg);
// Whether these look at no more than a rule a mask.
bool ft_table_is_inner(const struct ft_table *, const struct weft_match *);
bool ft_table_each_overlap(const struct ft_table *, const struct weft_match *, uint16_t priority,
	ft_rule_fn *, void *arg);
// Publishes the classifiers of tables whose rules were linked or unlinked.
void ft_tables_publish(struct ft_switch *);
// No worker is left, and nothing waits to be freed: frees `max` rules, those that the tables still
// have. True: there are more.
bool ft_rules_bury(struct ft_switch *, uint32_t max);
void ft_tables_fini(struct ft_switch *); // when there are none

struct ft_rule_spec {
	const struct weft_match *match;
	struct ft_program *program; // the caller's reference passes to the rule, even on error
	const struct ft_rule *predecessor; // whose number and counters it inherits; NULL: none
	uint64_t cookie;
	uint64_t created_ns;
	uint16_t priority;
	uint8_t table;
	uint8_t flags; // FT_RULE_*
};

// NULL: no memory, nothing staged. A predecessor must be staged for removal before.
struct ft_rule *ft_stage_add(struct ft_switch *, const struct ft_rule_spec *);
// One entry of the log must be reserved. reason: enum weft_removed or FT_REASON_SILENT.
void ft_stage_del(struct ft_switch *, struct ft_rule *, uint8_t reason);

// Stages the removal of every rule that names the group or meter. False: no memory.
bool ft_stage_del_users(struct ft_switch *, enum ft_users, uint32_t id);

// For txn.c.
void ft_rule_undo_add(struct ft_switch *, struct ft_rule *);
// `reason`: why it was to go.
void ft_rule_undo_del(struct ft_switch *, struct ft_rule *, uint8_t reason);
void ft_rule_unlink(struct ft_switch *, struct ft_rule *);
void ft_rule_free(struct ft_switch *, struct ft_rule *);
// Tells env.removed that it went at now_ns.
void ft_rule_tell_removed(
	struct ft_switch *, const struct ft_rule *, uint8_t reason, uint64_t now_ns);

void ft_rule_stats(const struct ft_switch *, const struct ft_rule *, uint64_t now_ns,
	struct weft_flow_stats *);
static inline bool ft_rule_hidden(const struct ft_rule *r)
{
	return r->program->flags & WEFT_FLOW_HIDDEN;
}
