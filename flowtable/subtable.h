// SPDX-License-Identifier: Apache-2.0
#pragma once
// One mask's rules: the hash table inside classifier.h. Only for classifier.c and lookup.c.

#include "flowtable/classifier.h"
#include "flowtable/hash.h"
#include "flowtable/prio_set.h"

// A slot: 0 is free, 1 was used (probing goes on), else 16 bits of hash over the address of the
// chain's first rule. Addresses of programs have 48 bits on every 64-bit machine that Weft runs on.
#define FT_SLOT_FREE 0u
#define FT_SLOT_GONE 1u
#define FT_SLOT_SIG_SHIFT 48

struct ft_slots {
	struct ft_garbage garbage;
	uint32_t mask; // number of slots - 1
	uint32_t used; // not free
	_Atomic uint64_t slot[];
};

struct ft_subtable {
	_Atomic(struct ft_slots *) slots;
	uint64_t seed;
	uint64_t map; // as in weft_match
	uint32_t words;
	uint8_t word[WEFT_KEY_WORDS]; // the bits of map
	// the writer's
	struct ft_garbage garbage;
	struct ft_subtable *same_hash; // in by_mask
	uint32_t chains;               // slots with a rule
	uint32_t rules;                // linked
	uint32_t index;                // in ft_classifier.subtable
	struct ft_prio_set priorities;
	uint64_t mask[];
};

struct ft_subtable_array {
	struct ft_garbage garbage;
	uint32_t n, room;
	struct {
		int max_priority;
		const struct ft_subtable *subtable;
	} at[];
};

static inline uint64_t ft_key_word(const struct weft_flow_key *key, unsigned word)
{
	uint64_t v;

	memcpy(&v, (const char *)key + 8 * word, 8);
	return v;
}

static inline uint64_t ft_subtable_hash_key(
	const struct ft_subtable *st, const struct weft_flow_key *key)
{
	uint64_t h = st->seed;

	for (unsigned i = 0; i < st->words; i++)
		h = ft_hash_word(h, ft_key_word(key, st->word[i]) & st->mask[i], st->seed);
	return ft_hash_end(h);
}

static inline uint64_t ft_subtable_hash_values(const struct ft_subtable *st, const uint64_t *value)
{
	uint64_t h = st->seed;

	for (unsigned i = 0; i < st->words; i++)
		h = ft_hash_word(h, value[i], st->seed);
	return ft_hash_end(h);
}

static inline bool ft_slot_may_be(uint64_t slot, uint64_t hash)
{
	return slot > FT_SLOT_GONE && slot >> FT_SLOT_SIG_SHIFT == hash >> FT_SLOT_SIG_SHIFT;
}

static inline struct ft_rule *ft_slot_rule(uint64_t slot)
{
	return (struct ft_rule *)(uintptr_t)(slot & ((1ull << FT_SLOT_SIG_SHIFT) - 1));
}

// Empty, with no slots yet. NULL: no memory.
struct ft_subtable *ft_subtable_new(const struct weft_match *, uint64_t seed);
void ft_subtable_free(struct ft_subtable *);
// Room for one more chain.
bool ft_subtable_reserve(struct ft_subtable *, struct ft_garbage_list *);
bool ft_subtable_has_mask(const struct ft_subtable *, const struct weft_match *);
// The slot whose chain has these values; NULL: none.
_Atomic uint64_t *ft_subtable_find(const struct ft_subtable *, const uint64_t *value);
void ft_subtable_link(struct ft_subtable *, struct ft_rule *);
void ft_subtable_unlink(struct ft_subtable *, struct ft_rule *);
