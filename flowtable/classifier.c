// SPDX-License-Identifier: Apache-2.0
// The writer's side: subtables come and go, and are published in the order of their priorities.
#include "flowtable/classifier.h"

#include "flowtable/subtable.h"

#include <stdlib.h>

void ft_classifier_init(struct ft_classifier *c, uint64_t seed)
{
	memset(c, 0, sizeof(*c));
	c->seed = seed;
	ft_idmap_init(&c->by_mask, seed);
}

void ft_classifier_fini(struct ft_classifier *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		ft_subtable_free(c->subtable[i]);
	free(c->subtable);
	free(c->spare);
	free(atomic_load_explicit(&c->published, memory_order_relaxed));
	ft_idmap_fini(&c->by_mask);
}

// ---- subtables by mask

static uint32_t mask_hash(const struct ft_classifier *c, uint64_t map, const uint64_t *mask)
{
	uint64_t h = ft_hash_bytes(mask, 8 * (size_t)__builtin_popcountll(map), c->seed ^ map);

	return (uint32_t)(h >> 33); // never the idmap's forbidden number
}

static struct ft_subtable *find_subtable(const struct ft_classifier *c, const struct weft_match *m)
{
	struct ft_subtable *st = ft_idmap_find(&c->by_mask, mask_hash(c, m->map, m->mask));

	while (st && !ft_subtable_has_mask(st, m))
		st = st->same_hash;
	return st;
}

static void by_mask_add(struct ft_classifier *c, struct ft_subtable *st)
{
	uint32_t hash = mask_hash(c, st->map, st->mask);

	st->same_hash = ft_idmap_find(&c->by_mask, hash);
	ft_idmap_set(&c->by_mask, hash, st);
}

static void by_mask_remove(struct ft_classifier *c, struct ft_subtable *st)
{
	uint32_t hash = mask_hash(c, st->map, st->mask);
	struct ft_subtable *at = ft_idmap_find(&c->by_mask, hash);

	if (at == st) {
		if (st->same_hash)
			ft_idmap_set(&c->by_mask, hash, st->same_hash);
		else
			ft_idmap_del(&c->by_mask, hash);
		return;
	}
	while (at->same_hash != st)
		at = at->same_hash;
	at->same_hash = st->same_hash;
}

static bool vector_reserve(struct ft_classifier *c)
{
	uint32_t room = c->room ? 2 * c->room : 8;
	struct ft_subtable **v;

	if (c->n < c->room)
		return true;
	v = realloc(c->subtable, room * sizeof(*v));
	if (!v)
		return false;
	c->subtable = v;
	c->room = room;
	return true;
}

static struct ft_subtable *add_subtable(
	struct ft_classifier *c, struct ft_garbage_list *garbage, const struct weft_match *m)
{
	struct ft_subtable *st;

	if (!vector_reserve(c) || !ft_idmap_reserve(&c->by_mask, garbage))
		return NULL;
	st = ft_subtable_new(m, ft_hash_end(c->seed ^ m->map));
	if (!st)
		return NULL;
	st->index = c->n;
	c->subtable[c->n++] = st;
	c->changes++;
	by_mask_add(c, st);
	return st;
}

static void subtable_garbage(struct ft_garbage *g)
{
	ft_subtable_free(
		(struct ft_subtable *)(void *)((char *)g - offsetof(struct ft_subtable, garbage)));
}

// Readers may still be in it.
static void remove_subtable(
	struct ft_classifier *c, struct ft_garbage_list *garbage, struct ft_subtable *st)
{
	by_mask_remove(c, st);
	c->n--;
	memmove(&c->subtable[st->index], &c->subtable[st->index + 1],
		(c->n - st->index) * sizeof(c->subtable[0]));
	for (uint32_t i = st->index; i < c->n; i++)
		c->subtable[i]->index = i;
	ft_garbage_add(garbage, &st->garbage, subtable_garbage);
}

// ---- publication

// So that a publication of `n` subtables needs no memory any more.
static bool spare_reserve(struct ft_classifier *c, uint32_t n)
{
	uint32_t room = n + n / 4 + 4;
	struct ft_subtable_array *a;

	if (c->spare && c->spare->room >= n)
		return true;
	a = malloc(sizeof(*a) + room * sizeof(a->at[0]));
	if (!a)
		return false;
	a->room = room;
	free(c->spare);
	c->spare = a;
	return true;
}

static int by_priority(const void *a, const void *b)
{
	const struct ft_subtable *x = *(struct ft_subtable *const *)a;
	const struct ft_subtable *y = *(struct ft_subtable *const *)b;

	return ft_prio_max(&y->priorities) - ft_prio_max(&x->priorities);
}

// A few that moved are put in place one by one, many by sorting all.
static void sort_subtables(struct ft_classifier *c)
{
	if (c->changes > 32) {
		qsort(c->subtable, c->n, sizeof(c->subtable[0]), by_priority);
	} else {
		for (uint32_t i = 1; i < c->n; i++) {
			struct ft_subtable *st = c->subtable[i];
			uint32_t at = i;

			for (; at && by_priority(&c->subtable[at - 1], &st) > 0; at--)
				c->subtable[at] = c->subtable[at - 1];
			c->subtable[at] = st;
		}
	}
	for (uint32_t i = 0; i < c->n; i++)
		c->subtable[i]->index = i;
}

static void array_free(struct ft_garbage *g)
{
	free(g); // the first member
}

void ft_classifier_publish(struct ft_classifier *c, struct ft_garbage_list *garbage)
{
	struct ft_subtable_array *a, *old;

	// No memory: only possible if nothing was added, and the old order still finds everything.
	if (!c->changes || !spare_reserve(c, c->n))
		return;
	sort_subtables(c);
	a = c->spare;
	c->spare = NULL;
	a->n = c->n;
	for (uint32_t i = 0; i < c->n; i++) {
		a->at[i].max_priority = ft_prio_max(&c->subtable[i]->priorities);
		a->at[i].subtable = c->subtable[i];
	}
	old = atomic_load_explicit(&c->published, memory_order_relaxed);
	atomic_store_explicit(&c->published, a, memory_order_release);
	if (old)
		ft_garbage_add(garbage, &old->garbage, array_free);
	c->changes = 0;
}

// ---- rules

struct ft_subtable *ft_classifier_reserve(struct ft_classifier *c, struct ft_garbage_list *garbage,
	const struct weft_match *m, uint16_t priority)
{
	struct ft_subtable *st = find_subtable(c, m);

	if (!spare_reserve(c, c->n + 1))
		return NULL;
	if (!st)
		st = add_subtable(c, garbage, m);
	if (!st || !ft_subtable_reserve(st, garbage))
		return NULL;
	return ft_prio_reserve(&st->priorities, priority) ? st : NULL;
}

void ft_classifier_link(struct ft_classifier *c, struct ft_rule *r)
{
	struct ft_subtable *st = r->subtable;

	if (r->priority > ft_prio_max(&st->priorities))
		c->changes++;
	ft_prio_add(&st->priorities, r->priority);
	ft_subtable_link(st, r);
}

void ft_classifier_unlink(
	struct ft_classifier *c, struct ft_garbage_list *garbage, struct ft_rule *r)
{
	struct ft_subtable *st = r->subtable;

	ft_subtable_unlink(st, r);
	ft_prio_remove(&st->priorities, r->priority);
	if (r->priority > ft_prio_max(&st->priorities))
		c->changes++;
	// Without the publication that takes it away from readers it must stay.
	if (!st->rules && spare_reserve(c, c->n))
		remove_subtable(c, garbage, st);
}

struct ft_rule *ft_classifier_find(const struct ft_classifier *c, const struct weft_match *m)
{
	const struct ft_subtable *st = find_subtable(c, m);
	_Atomic uint64_t *at = st ? ft_subtable_find(st, m->value) : NULL;

	return at ? ft_slot_rule(atomic_load_explicit(at, memory_order_relaxed)) : NULL;
}

void ft_rule_match(const struct ft_rule *r, struct weft_match *m)
{
	const struct ft_subtable *st = r->subtable;

	m->map = st->map;
	memcpy(m->value, r->value, st->words * sizeof(m->value[0]));
	memcpy(m->mask, st->mask, st->words * sizeof(m->mask[0]));
}

unsigned ft_rule_words(const struct ft_rule *r)
{
	return r->subtable->words;
}
