// SPDX-License-Identifier: Apache-2.0
#pragma once
// Programs: what rules do, each distinct one kept once (struct ft_program in rule.h).
//
// A controller's million rules have a few thousand distinct instruction lists. They are interned by
// content, timeouts and flags included, and counted by the rule objects that point to them, the
// removed ones that workers may still execute included.
//
// A program that names groups or meters also knows the numbers of its rules, so that deleting a
// group finds them without a look at all others. Writer only.

#include "flowtable/rules/rule.h"

// Numbers are appended as rules are staged, and looked at when needed: those whose rule is gone or
// runs something else are skipped, and swept out when they are the majority.
struct ft_program_users {
	struct ft_program *program;
	struct ft_program_users *prev, *next;
	uint32_t *id;
	uint32_t n, room;
	uint32_t live; // staged rules
	uint32_t groups, meters;
	uint32_t named[]; // distinct group numbers, then distinct meter numbers
};

struct ft_programs {
	struct ft_program **bucket;
	uint32_t buckets; // a power of two, or 0
	uint32_t count;
	struct ft_program_users *users; // all that name something
	uint64_t seed;
};

struct ft_program_spec {
	uint16_t idle_timeout;
	uint16_t hard_timeout;
	uint16_t importance;
	uint16_t flags;
	const struct weft_instructions *instr;
};

// The program that says this, with a reference for the caller. NULL: no memory.
struct ft_program *ft_program_get(struct ft_switch *, const struct ft_program_spec *);
// Drops a reference.
void ft_program_put(struct ft_switch *, struct ft_program *);

// A rule with this program is staged, or is no longer: keeps the users and the reference counts of
// the named groups and meters. reserve() makes the next join() succeed.
bool ft_program_reserve(struct ft_switch *, struct ft_program *);
void ft_program_join(struct ft_switch *, const struct ft_rule *);
void ft_program_leave(struct ft_switch *, const struct ft_rule *);
// Undoes a leave of the same transaction.
void ft_program_rejoin(struct ft_switch *, const struct ft_rule *);
// Is this number one of the users, as staged?
bool ft_program_used_by(const struct ft_switch *, const struct ft_program_users *, uint32_t id);

// Does it output to the port, or name the group or meter?
bool ft_program_outputs(const struct ft_program *, uint32_t ofport);
bool ft_program_names_group(const struct ft_program *, uint32_t group);
bool ft_program_names_meter(const struct ft_program *, uint32_t meter);

void ft_programs_fini(struct ft_switch *);
