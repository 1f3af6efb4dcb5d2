// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a table is set: what it does when it is full, and when it tells that it gets full (OpenFlow
// 1.5.1, 6.5 and 7.3.4.1). Of the writer, in struct ft_switch; not versioned: a change holds at
// once.
//
// Tables share the tenant's quota of rules, so each is as full as all are.
//
// Eviction (evict.c). A table that evicts keeps its rules in a heap (heap.h), least first, by
// importance, then remaining lifetime, then the time of the latest packet, as far as its flags say
// so. An add to a full tenant takes the place of the least rule of its table; with
// WEFT_EVICT_IMPORTANCE never of a more important one. A step is O(log rules); 64 rules at most are
// looked at anew because they were used since.
//
// When eviction is turned on, or what counts is changed, the rules that are there enter step by
// step (aftermath.h), and a barrier waits for that. So does an add to a full tenant that comes
// before.
//
// Vacancy. Told at the commit that crosses a threshold: down below vacancy_down, then, and only
// then, up above vacancy_up, and so on.

#include "flowtable/rules/heap.h"

struct ft_table_config {
	uint8_t eviction; // WEFT_EVICT_*
	uint8_t vacancy;  // 1: told
	uint8_t vacancy_down;
	uint8_t vacancy_up;
	bool low; // vacancy is below: what is told next is VACANCY_UP
};

struct ft_table;

// What a table is set to; all zero where nothing ever was.
const struct ft_table_config *ft_table_config(const struct ft_switch *, uint8_t table);

// A rule of an evicting table: room for it, and it came. False: no memory.
bool ft_evict_reserve(struct ft_switch *, struct ft_table *);
void ft_evict_enter(struct ft_switch *, struct ft_table *, const struct ft_rule *);
// It came back by an undo; as far as there is memory.
void ft_evict_reenter(struct ft_switch *, struct ft_table *, const struct ft_rule *);
// Stages the removal of one rule, so that one of this importance can come. TABLE_FULL: none may go.
enum weft_error ft_evict(struct ft_switch *, uint8_t table, uint16_t importance);
// The heap of all rules that the table has, for what it is set to now. It grows in steps, and the
// first are done. False: no memory.
bool ft_evict_rebuild(struct ft_switch *, struct ft_table *);
bool ft_evict_grows(const struct ft_switch *);
void ft_evict_grow(struct ft_switch *);
// Before an add to the table. True: it may have to evict, and waits: for a heap that grows, or for
// very many entries to be forgotten that come first and mean nothing; a step was made.
bool ft_evict_step_for(struct ft_switch *, uint8_t table);
// Some of a sweep, if one is due (heap.h). True: there is more.
bool ft_evict_sweep(struct ft_switch *, uint32_t max);

// After a commit, or when the quota has changed: tells of tables that crossed a threshold.
void ft_vacancy_check(struct ft_switch *);
