// SPDX-License-Identifier: Apache-2.0
// The writer's side: rules come and go, and the tuples are published in the order of priorities.
#include "flowtable/classifier/classifier.h"

#include "flowtable/classifier/bits.h"
#include "flowtable/classifier/plan.h"
#include "flowtable/rules/table.h"
#include "flowtable/classifier/tree.h"
#include "flowtable/classifier/tree_plan.h"
#include "flowtable/classifier/tuple.h"

#include <stdlib.h>

void ft_classifier_init(struct ft_classifier *c, uint64_t seed)
{
	*c = (struct ft_classifier){.seed = seed};
	ft_shapes_init(&c->shapes, seed);
}

void ft_classifier_fini(struct ft_classifier *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		ft_tuple_free(c->tuple[i]);
	ft_bits_fini(c);
	ft_tree_plan_free(c->tree_plan);
	ft_tree_free(c->tree);
	free(c->tuple);
	free(c->spare);
	free(atomic_load_explicit(&c->published, memory_order_relaxed));
	ft_shapes_fini(&c->shapes);
}

// ---- where a rule is, and where one would be

static struct ft_place find_place(
	const struct ft_classifier *c, const struct ft_shape *shape, const uint64_t *value)
{
	struct ft_place p = {0};

	for (uint32_t i = 0; i < c->n && !p.tuple; i++)
		if (ft_tuple_takes(c->tuple[i], shape))
			p = ft_tuple_find(c->tuple[i], shape, value,
				ft_tuple_hash(c->tuple[i], shape, value));
	return p;
}

struct ft_tuple *ft_classifier_choose(struct ft_tuple *const tuple[], uint32_t n,
	const struct ft_shape *shape, const uint64_t *value, uint64_t *hash)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!ft_tuple_takes(tuple[i], shape))
			continue;
		*hash = ft_tuple_hash(tuple[i], shape, value);
		if (ft_tuple_has_room(tuple[i], *hash))
			return tuple[i];
	}
	return NULL;
}

static bool vector_reserve(struct ft_classifier *c, uint32_t n)
{
	uint32_t room = n + n / 2 + 4;
	struct ft_tuple **v;

	if (n <= c->room)
		return true;
	v = realloc(c->tuple, room * sizeof(struct ft_tuple *));
	if (!v)
		return false;
	c->tuple = v;
	c->room = room;
	return true;
}

static struct ft_tuple *add_tuple(struct ft_classifier *c, const struct ft_shape *shape)
{
	bool spill = c->planned && c->n == c->planned;
	struct ft_tuple *t;

	if (spill)
		t = ft_tuple_new(0, NULL, ft_hash_end(c->seed ^ ++c->plans), c->spill_piece, 1);
	else
		t = ft_tuple_new(
			shape->map, shape->mask, ft_hash_end(c->seed ^ ++c->plans), NULL, 1);
	if (!t)
		return NULL;
	c->tuple[c->n++] = t;
	c->changed = true;
	return t;
}

// ---- publication

static bool spare_reserve(struct ft_classifier *c, uint32_t n)
{
	uint32_t room = n + n / 4 + 4;
	struct ft_tuple_array *a;

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

bool ft_classifier_reserve_tuples(struct ft_classifier *c, uint32_t n)
{
	return vector_reserve(c, n) && spare_reserve(c, n);
}

static void array_free(struct ft_garbage *g)
{
	free(g); // the first member
}

static void sweep_empty(struct ft_classifier *c, struct ft_garbage_list *garbage)
{
	uint32_t n = 0, planned = c->planned, young = c->young, tree_young = c->tree_young;
	uint32_t packed = c->packed;

	for (uint32_t i = 0; i < c->n; i++) {
		if (c->tuple[i]->heads) {
			c->tuple[n++] = c->tuple[i];
			continue;
		}
		ft_tuple_drop(c->tuple[i], garbage);
		c->planned -= i < planned;
		c->young -= i < young;
		c->tree_young -= i < tree_young;
		c->packed -= i < packed;
	}
	c->n = n;
}

// Put in place one by one: there are few.
static void array_add(struct ft_tuple_array *a, const struct ft_tuple *t, bool since)
{
	uint32_t at = a->n++;

	for (; at && a->at[at - 1].max_priority < t->max_priority; at--)
		a->at[at] = a->at[at - 1];
	a->at[at].max_priority = t->max_priority;
	a->at[at].tuple = t;
	a->at[at].since = since;
	a->since += since;
}

// Returns what to drop when nobody can come to it any more.
static struct ft_tree *end_tree(struct ft_classifier *c)
{
	struct ft_tree *t = c->tree;

	if (!c->tree_ends)
		return NULL;
	c->tree = NULL;
	c->tree_ends = false;
	c->tree_young = 0;
	if (!c->tree_plan)
		c->young = 0;
	return t;
}

void ft_classifier_publish(struct ft_classifier *c, struct ft_garbage_list *garbage)
{
	struct ft_tuple_array *a, *old;
	uint32_t from = ft_plan_due(c);
	struct ft_tree *tree;

	if (from < c->n)
		ft_plan(c, garbage, from);
	ft_bits_publish(c, garbage);
	// No memory: only possible if nothing was added, and the old order still finds everything.
	if (!c->changed || !spare_reserve(c, c->n))
		return;
	sweep_empty(c, garbage);
	tree = end_tree(c);
	a = c->spare;
	c->spare = NULL;
	a->n = a->since = 0;
	a->tree = c->tree;
	for (uint32_t i = 0; i < c->n; i++)
		array_add(a, c->tuple[i], c->tree && i >= c->tree_young);
	old = atomic_load_explicit(&c->published, memory_order_relaxed);
	atomic_store_explicit(&c->published, a, memory_order_release);
	if (old)
		ft_garbage_add(garbage, &old->garbage, array_free);
	if (tree)
		ft_tree_drop(tree, garbage);
	c->changed = false;
}

// ---- rules

struct ft_shape *ft_classifier_reserve(
	struct ft_classifier *c, struct ft_garbage_list *garbage, const struct weft_match *m)
{
	struct ft_shape *shape = ft_shapes_get(&c->shapes, garbage, m);
	uint64_t hash;

	// Within a long transaction, too.
	if (ft_plan_due(c) < c->n)
		ft_classifier_publish(c, garbage);
	if (!shape || !ft_classifier_reserve_tuples(c, c->n + 1))
		return NULL;
	c->reserved = NULL;
	if (shape->rules && find_place(c, shape, m->value).tuple)
		return shape;
	c->reserved =
		ft_classifier_choose(c->tuple + c->young, c->n - c->young, shape, m->value, &hash);
	if (!c->reserved)
		c->reserved = add_tuple(c, shape);
	if (!c->reserved || !ft_tuple_reserve(c->reserved, garbage))
		return NULL;
	return shape;
}

static struct ft_rule *next_of(const struct ft_rule *r)
{
	return atomic_load_explicit(&r->next, memory_order_relaxed);
}

static void chain_link(const struct ft_place *p, struct ft_rule *r)
{
	struct ft_rule *before = NULL, *after = ft_place_rule(p);

	for (; after && after->priority > r->priority; after = next_of(after))
		before = after;
	atomic_store_explicit(&r->next, after, memory_order_relaxed);
	if (before)
		atomic_store_explicit(&before->next, r, memory_order_release);
	else
		ft_place_set(p, r);
}

// Packed tuples that are asked again are made what they were, some bins a change.
static void refit(struct ft_classifier *c, struct ft_garbage_list *garbage)
{
	if (!c->packed || ft_tree_serves(c))
		return;
	while (c->packed && !ft_tuple_refit(c->tuple[c->packed - 1], garbage))
		c->packed--;
}

static void head_changes(struct ft_classifier *c, const struct ft_rule *old, struct ft_rule *now)
{
	c->tree_changes++;
	ft_tree_head(c, old, now);
}

void ft_classifier_link(struct ft_classifier *c, struct ft_garbage_list *garbage, struct ft_rule *r)
{
	struct ft_place p = {.tuple = c->reserved};
	struct ft_rule *old = NULL;
	int max;

	r->shape->rules++;
	c->links++;
	refit(c, garbage);
	if (!p.tuple)
		p = find_place(c, r->shape, r->value);
	max = p.tuple->max_priority;
	if (c->reserved) {
		ft_tuple_insert(p.tuple, r, ft_tuple_hash(p.tuple, r->shape, r->value));
		c->heads++;
		c->tree_changes++;
	} else {
		old = ft_place_rule(&p);
		chain_link(&p, r);
		if (ft_place_rule(&p) == r)
			head_changes(c, old, r);
	}
	if (c->reserved || ft_place_rule(&p) == r)
		ft_bits_link(c, garbage, r, old);
	c->changed |= p.tuple->max_priority != max;
}

// A highest priority that is too high costs probes, never a rule: it may wait.
static void settle(struct ft_classifier *c, struct ft_tuple *t, uint16_t priority)
{
	if (!t->heads)
		c->changed = true; // to be swept
	else if (ft_tuple_settle(t, priority))
		c->changed = true;
}

void ft_classifier_removes(struct ft_classifier *c)
{
	ft_calm_begins(&c->calm);
}

void ft_classifier_keeps(struct ft_classifier *c)
{
	ft_calm_ends(&c->calm);
}

void ft_classifier_unlink(
	struct ft_classifier *c, struct ft_garbage_list *garbage, struct ft_rule *r)
{
	struct ft_rule *head;
	struct ft_place p;

	refit(c, garbage);
	p = find_place(c, r->shape, r->value);
	head = ft_place_rule(&p);
	if (head == r) {
		ft_place_set(&p, next_of(r));
		c->heads -= !next_of(r);
		ft_bits_unlink(c, r, next_of(r));
		head_changes(c, r, next_of(r));
	} else {
		while (next_of(head) != r)
			head = next_of(head);
		atomic_store_explicit(&head->next, next_of(r), memory_order_release);
	}
	if (!ft_life_staged(&r->life))
		ft_calm_ends(&c->calm);
	settle(c, p.tuple, r->priority);
	if (!--r->shape->rules)
		ft_shapes_drop(&c->shapes, garbage, r->shape);
}

struct ft_rule *ft_classifier_find(const struct ft_classifier *c, const struct weft_match *m)
{
	const struct ft_shape *shape = ft_shapes_find(&c->shapes, m);
	struct ft_place p = {0};

	if (shape && shape->rules)
		p = find_place(c, shape, m->value);
	return p.tuple ? ft_place_rule(&p) : NULL;
}

void ft_rule_match(const struct ft_rule *r, struct weft_match *m)
{
	const struct ft_shape *s = r->shape;

	m->map = s->map;
	memcpy(m->value, r->value, s->words * sizeof(m->value[0]));
	memcpy(m->mask, s->mask, s->words * sizeof(m->mask[0]));
}

bool ft_rule_is_miss(const struct ft_rule *rule)
{
	return !rule->priority && !rule->shape->words;
}
