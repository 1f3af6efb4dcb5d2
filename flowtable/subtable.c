// SPDX-License-Identifier: Apache-2.0
#include "flowtable/subtable.h"

#include <stdlib.h>

#define FT_SLOTS_MIN 4u

struct ft_subtable *ft_subtable_new(const struct weft_match *m, uint64_t seed)
{
	unsigned words = weft_match_words(m);
	struct ft_subtable *st = calloc(1, sizeof(*st) + words * sizeof(st->mask[0]));

	if (!st)
		return NULL;
	st->seed = seed;
	st->map = m->map;
	st->words = words;
	memcpy(st->mask, m->mask, words * sizeof(st->mask[0]));
	for (uint64_t map = m->map, i = 0; map; map &= map - 1, i++)
		st->word[i] = (uint8_t)__builtin_ctzll(map);
	return st;
}

static struct ft_slots *slots_of(const struct ft_subtable *st)
{
	return atomic_load_explicit(&st->slots, memory_order_relaxed);
}

void ft_subtable_free(struct ft_subtable *st)
{
	free(slots_of(st));
	ft_prio_fini(&st->priorities);
	free(st);
}

bool ft_subtable_has_mask(const struct ft_subtable *st, const struct weft_match *m)
{
	return st->map == m->map && memcmp(st->mask, m->mask, st->words * sizeof(m->mask[0])) == 0;
}

static bool rule_has_values(
	const struct ft_subtable *st, const struct ft_rule *r, const uint64_t *v)
{
	return memcmp(r->value, v, st->words * sizeof(v[0])) == 0;
}

_Atomic uint64_t *ft_subtable_find(const struct ft_subtable *st, const uint64_t *value)
{
	struct ft_slots *slots = slots_of(st);
	uint64_t hash = ft_subtable_hash_values(st, value);

	for (uint32_t i = (uint32_t)hash; slots; i++) {
		_Atomic uint64_t *at = &slots->slot[i & slots->mask];
		uint64_t slot = atomic_load_explicit(at, memory_order_relaxed);

		if (slot == FT_SLOT_FREE)
			return NULL;
		if (ft_slot_may_be(slot, hash) && rule_has_values(st, ft_slot_rule(slot), value))
			return at;
	}
	return NULL;
}

static void slot_set(_Atomic uint64_t *at, uint64_t hash, const struct ft_rule *r)
{
	uint64_t sig = hash >> FT_SLOT_SIG_SHIFT << FT_SLOT_SIG_SHIFT;

	atomic_store_explicit(at, sig | (uintptr_t)r, memory_order_release);
}

// The first slot on the way that has no chain.
static _Atomic uint64_t *slot_without_rule(struct ft_slots *slots, uint64_t hash)
{
	for (uint32_t i = (uint32_t)hash;; i++) {
		_Atomic uint64_t *at = &slots->slot[i & slots->mask];

		if (atomic_load_explicit(at, memory_order_relaxed) <= FT_SLOT_GONE)
			return at;
	}
}

static struct ft_slots *slots_new(const struct ft_subtable *st, const struct ft_slots *old)
{
	uint32_t size = FT_SLOTS_MIN;
	struct ft_slots *slots;

	// Half full or less when new, so that the next copy is far away.
	while ((st->chains + 1) * 2ull > size)
		size *= 2;
	slots = calloc(1, sizeof(*slots) + size * sizeof(slots->slot[0]));
	if (!slots)
		return NULL;
	slots->mask = size - 1;
	slots->used = st->chains;
	for (uint32_t i = 0; old && i <= old->mask; i++) {
		uint64_t slot = atomic_load_explicit(&old->slot[i], memory_order_relaxed);

		if (slot > FT_SLOT_GONE) {
			const struct ft_rule *r = ft_slot_rule(slot);
			uint64_t hash = ft_subtable_hash_values(st, r->value);

			slot_set(slot_without_rule(slots, hash), hash, r);
		}
	}
	return slots;
}

static void slots_free(struct ft_garbage *g)
{
	free(g); // the first member
}

bool ft_subtable_reserve(struct ft_subtable *st, struct ft_garbage_list *garbage)
{
	struct ft_slots *old = slots_of(st), *slots;

	if (old && (old->used + 1) * 4ull <= (old->mask + 1) * 3ull)
		return true;
	slots = slots_new(st, old);
	if (!slots)
		return false;
	atomic_store_explicit(&st->slots, slots, memory_order_release);
	if (old)
		ft_garbage_add(garbage, &old->garbage, slots_free);
	return true;
}

static struct ft_rule *next_of(const struct ft_rule *r)
{
	return atomic_load_explicit(&r->next, memory_order_relaxed);
}

void ft_subtable_link(struct ft_subtable *st, struct ft_rule *r)
{
	_Atomic uint64_t *at = ft_subtable_find(st, r->value);
	uint64_t hash = ft_subtable_hash_values(st, r->value);
	struct ft_rule *before = NULL, *after = NULL;

	if (at)
		after = ft_slot_rule(atomic_load_explicit(at, memory_order_relaxed));
	for (; after && after->priority > r->priority; after = next_of(after))
		before = after;
	atomic_store_explicit(&r->next, after, memory_order_relaxed);
	st->rules++;
	if (before) {
		atomic_store_explicit(&before->next, r, memory_order_release);
		return;
	}
	if (!at) {
		struct ft_slots *slots = slots_of(st);

		at = slot_without_rule(slots, hash);
		slots->used += atomic_load_explicit(at, memory_order_relaxed) == FT_SLOT_FREE;
		st->chains++;
	}
	slot_set(at, hash, r);
}

void ft_subtable_unlink(struct ft_subtable *st, struct ft_rule *r)
{
	_Atomic uint64_t *at = ft_subtable_find(st, r->value);
	struct ft_rule *head = ft_slot_rule(atomic_load_explicit(at, memory_order_relaxed));
	struct ft_rule *next = next_of(r);

	st->rules--;
	if (head != r) {
		while (next_of(head) != r)
			head = next_of(head);
		atomic_store_explicit(&head->next, next, memory_order_release);
	} else if (next) {
		slot_set(at, ft_subtable_hash_values(st, r->value), next);
	} else {
		atomic_store_explicit(at, FT_SLOT_GONE, memory_order_release);
		st->chains--;
	}
}
