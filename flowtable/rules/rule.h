// SPDX-License-Identifier: Apache-2.0
#pragma once
// One rule as it lies in memory, what it does, and its counters.
//
// There may be a million of them, so what many rules share is kept once: the mask lies in a
// shape (shape.h), the instructions and timeouts in an interned program, and the counters in pages
// by the rule's id (counter.h). A five-tuple over IPv4 is 64 bytes and three words of value.
//
// A rule never changes. A modify makes a successor with the same id, and so the same counters; a
// walk by id thus meets it once.

#include "flowtable/rules/counter.h"
#include "flowtable/txn.h"
#include "flowtable/version.h"

struct ft_shape;

// What a rule does and how long it lives; immutable, shared by all rules that say the same, freed
// with the last of them. Everything above `instr` is the writer's (program.c).
struct ft_program {
	struct ft_program *hash_next;
	uint64_t hash;
	uint32_t refs;
	uint16_t idle_timeout; // seconds
	uint16_t hard_timeout;
	uint16_t importance;
	uint16_t flags;                 // WEFT_FLOW_*
	bool conjunctive;               // conjunction.h
	bool learns;                    // learn.h
	bool triggers;                  // trigger.h
	uint32_t size;                  // bytes of instr and its actions
	struct ft_program_users *users; // NULL: names no group and no meter
	// The actions follow: a line for most.
	_Alignas(64) struct weft_instructions instr;
};

struct ft_rule {
	_Atomic(struct ft_rule *) next; // same match, same or lower priority
	struct ft_life life;
	struct ft_program *program;
	uint32_t id; // of its counters
	uint16_t priority;
	uint8_t table;
	uint8_t flags;          // FT_RULE_*
	struct ft_shape *shape; // has the mask
	uint64_t cookie;
	uint64_t created_ns;
	uint64_t value[];
};
static_assert(sizeof(struct ft_rule) == 64, "one line before the values");

#define FT_RULE_COUNTER_BASE 1u // counters were reset: subtract what counter_base has for the id

// Workers: all that they nearly always read of it, which may straddle two lines.
static inline void ft_rule_prefetch(const struct ft_rule *r)
{
	__builtin_prefetch(r);
	__builtin_prefetch((const char *)r + offsetof(struct ft_rule, shape) - 1);
}

// Workers: what to do. Lives as long as the rule.
static inline const struct weft_instructions *ft_rule_instructions(const struct ft_rule *r)
{
	return &r->program->instr;
}

// Nothing but write-metadata and goto-table, as most rules of most tables.
static inline bool ft_only_goes_on(const struct weft_instructions *i)
{
	return i->flags == WEFT_INSTR_GOTO && !i->apply_len && !i->write_len && !i->meter_id;
}

static inline void ft_write_metadata(struct weft_flow_key *k, const struct weft_instructions *i)
{
	k->metadata = (k->metadata & ~i->metadata_mask) | (i->metadata & i->metadata_mask);
}
