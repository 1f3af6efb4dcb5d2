// SPDX-License-Identifier: Apache-2.0
#pragma once
// One rule as it lies in memory, what it does, and its counters.
//
// There may be a million of them, so what many rules share is kept once: the mask lies in a
// shape (shape.h), the instructions and timeouts in an interned program, and the counters
// in pages by the rule's id, one page per worker, so that no worker writes a line that another
// writes. A five-tuple over IPv4 is 64 bytes and three words of value.
//
// A rule never changes. A modify makes a successor with the same id, and so the same counters; a
// walk by id thus meets it once.

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

// ---- counters

// Written by one worker only; the writer reads it at any time and zeroes it before the id is used.
struct ft_counter {
	_Atomic uint64_t packets;
	_Atomic uint64_t bytes;
	_Atomic uint64_t used_ns; // 0: never
};

// No read-modify-write instruction: there is one writer.
static inline void ft_counter_bump(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(
		c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

#define FT_COUNTER_IDS                                                                             \
	16u // of the first page; a power of two. Each other has as many
	    // as all before it.
#define FT_COUNTER_PAGES 29u
// Behind a worker's block: a line's worth, wherever malloc put the page.
#define FT_COUNTER_GAP 3u
static_assert(FT_COUNTER_GAP * sizeof(struct ft_counter) >= 64, "no line is shared by workers");

// A switch of a few rules has room for a few. Pages hold one worker's block after the other, and
// stay where they are.
struct ft_counters {
	_Atomic(struct ft_counter *) page[FT_COUNTER_PAGES]; // NULL: no such id was ever given out
};

static inline unsigned ft_counter_page(uint32_t id)
{
	static_assert(FT_COUNTER_IDS == 16 && FT_COUNTER_PAGES == 1 + 32 - 4, "28 - 0 to 28 - 28");
	return 28u - (unsigned)__builtin_clz(id | (FT_COUNTER_IDS - 1));
}

// The page's first id, and how many it has.
static inline uint32_t ft_counter_first(unsigned page)
{
	return (FT_COUNTER_IDS / 2 << page) & ~(FT_COUNTER_IDS - 1);
}

static inline uint32_t ft_counter_ids(unsigned page)
{
	return page ? ft_counter_first(page) : FT_COUNTER_IDS;
}

static inline struct ft_counter *ft_counter_at(
	const struct ft_counters *c, uint32_t id, unsigned worker)
{
	unsigned page = ft_counter_page(id);

	return atomic_load_explicit(&c->page[page], memory_order_acquire) +
	       (size_t)worker * (ft_counter_ids(page) + FT_COUNTER_GAP) +
	       (id - ft_counter_first(page));
}
