// SPDX-License-Identifier: Apache-2.0
#include "flowtable/classifier/tree.h"

#include "flowtable/classifier/bits.h"
#include "flowtable/lines.h"
#include "flowtable/classifier/lookup.h"
#include "flowtable/classifier/lookup_key.h"
#include "flowtable/classifier/plan.h"
#include "flowtable/classifier/tree_lanes.h"
#include "flowtable/classifier/tree_plan.h"
#include "flowtable/classifier/tuple.h"

#include <stdlib.h>

void ft_tree_free(struct ft_tree *t)
{
	if (!t)
		return;
	free(t->nodes);
	free(t->lane);
	free(t->rule);
	free(t);
}

static void tree_garbage(struct ft_garbage *g)
{
	ft_tree_free((struct ft_tree *)(void *)g); // the first member
}

void ft_tree_drop(struct ft_tree *t, struct ft_garbage_list *garbage)
{
	ft_garbage_add(garbage, &t->garbage, tree_garbage);
}

// ---- workers

uint64_t ft_tree_at_version(uint64_t version, unsigned n, const struct ft_rule *rules[])
{
	uint64_t ask = 0;

	for (unsigned i = 0; i < n; i++)
		if (rules[i])
			__builtin_prefetch(rules[i]);
	for (unsigned i = 0; i < n; i++) {
		const struct ft_rule *head = rules[i], *r = ft_chain_visible(head, version);

		// Another priority would be another slot's.
		rules[i] = r && r->priority == head->priority ? r : NULL;
		ask |= (uint64_t)(head && !rules[i]) << i;
	}
	return ask;
}

// ---- a chain's slot

static uint64_t value_of(const struct ft_rule *r, unsigned word)
{
	const struct ft_shape *s = r->shape;

	return s->map >> word & 1 ? r->value[ft_map_index(s->map, word)] : 0;
}

// Where a key goes that has the rule's values and else zeros: so wherever the rule is, if it is in
// the part.
static const struct ft_node *leaf_of(
	const struct ft_tree *t, const struct ft_tree_part *p, const struct ft_rule *r)
{
	const struct ft_node *n =
		&t->node[p->at + ft_tree_bits(value_of(r, t->word[p->root]), p->bits)];

	while (!ft_node_is_leaf(n))
		n = &t->node[n->at + ft_node_child(n, value_of(r, t->word[ft_node_word(n)]))];
	return n;
}

// The rule's slot, if this lane is the rule's; else NULL or any other's.
static _Atomic(struct ft_rule *) *slot_of_lane(const struct ft_tree *t,
	const struct ft_tree_part *p, const uint32_t *block, uint32_t n, uint32_t i, uint32_t ports)
{
	uint32_t word = block[ft_tree_ranks_at(p, n) + i], rank = ft_lane_rank(word);
	struct ft_span s;

	if (!p->spans)
		return &t->rule[rank];
	s = (struct ft_span){block[ft_tree_lows_at(p, n) + i], ft_lane_size(t, word)};
	return ft_span_has(s, ports) ? &t->rule[rank - ft_span_piece(s, ports).behind] : NULL;
}

static _Atomic(struct ft_rule *) *slot_in_leaf(const struct ft_tree *t,
	const struct ft_tree_part *p, const struct ft_node *leaf, const struct ft_rule *r)
{
	uint32_t ports = ft_ports_swap((uint32_t)(value_of(r, FT_PORTS_WORD) >> 32)), n;
	const uint32_t *block = t->lane + leaf->at;

	for (uint32_t left = ft_node_lanes(leaf); left; left -= n) {
		n = left < FT_TREE_BLOCK ? left : FT_TREE_BLOCK;
		for (uint32_t i = 0; i < n; i++) {
			_Atomic(struct ft_rule *) *slot = slot_of_lane(t, p, block, n, i, ports);

			if (slot && atomic_load_explicit(slot, memory_order_relaxed) == r)
				return slot;
		}
		block += ft_tree_block_words(p, n);
	}
	return NULL;
}

static _Atomic(struct ft_rule *) *slot_of(const struct ft_tree *t, const struct ft_rule *r)
{
	_Atomic(struct ft_rule *) *slot = NULL;

	for (uint32_t i = 0; i < t->parts && !slot; i++)
		slot = slot_in_leaf(t, &t->part[i], leaf_of(t, &t->part[i], r), r);
	return slot;
}

// ---- changes

static void give_up(struct ft_classifier *c)
{
	ft_tree_plan_free(c->tree_plan);
	c->tree_plan = NULL;
	c->young = c->tree_young; // 0: there is no tree
}

// While a tree is made a chain got another first rule, or it has gone.
static void note(struct ft_classifier *c, const struct ft_rule *old, bool gone)
{
	struct ft_tree_plan *p = c->tree_plan;

	if (p->phase <= FT_TREE_COPY || !gone || p->n_noted == FT_TREE_NOTES) {
		give_up(c);
		return;
	}
	p->noted[p->n_noted++] = old;
	p->emptied = 0;
}

void ft_tree_head(struct ft_classifier *c, const struct ft_rule *old, struct ft_rule *now)
{
	bool moved = now && now->priority != old->priority;
	_Atomic(struct ft_rule *) *slot = c->tree ? slot_of(c->tree, old) : NULL;

	if (c->tree_plan)
		note(c, old, !now);
	if (!slot)
		return;
	if (now)
		ft_calm_adds(&c->calm, now);
	atomic_store_explicit(slot, moved ? NULL : now, memory_order_release);
	c->tree_ends |= moved;
	c->changed |= moved;
}

void ft_tree_uproot(struct ft_classifier *c)
{
	if (c->tree_plan)
		give_up(c);
	c->tree_ends = c->tree;
	c->young = c->tree_young = 0;
}

// ---- a new one

// So many rules, and have so many changed, that it may be worth it?
static bool may_pay(const struct ft_classifier *c)
{
	uint64_t enough = c->tree ? c->heads / FT_TREE_WORN : c->tree_wait;

	if (ft_trees == FT_TREES_ALWAYS)
		return c->heads && c->heads <= FT_TREE_RULES_MAX && c->tree_changes;
	return c->planned_all && c->heads >= FT_TREE_RULES && c->heads <= FT_TREE_RULES_MAX &&
	       c->tree_changes > enough && ft_tuples_cost(c) >= FT_TREE_PAYS &&
	       ft_trees == FT_TREES_IF_QUICKER;
}

bool ft_tree_begin(struct ft_classifier *c)
{
	if (c->tree_plan || !may_pay(c))
		return false;
	c->tree_changes = 0;
	c->tree_plan = ft_tree_plan_new((uint32_t)c->heads);
	if (!c->tree_plan)
		return false;
	c->young = c->planned = c->n;
	return true;
}

static int by_address(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t) * (void *const *)a, y = (uintptr_t) * (void *const *)b;

	return (x > y) - (x < y);
}

// What was noted has no slot any more. True: there are slots left to look at.
static bool empty_some_slots(struct ft_tree_plan *p)
{
	uint32_t end = p->tree->slots - p->emptied < FT_TREE_STEP ? p->tree->slots
								  : p->emptied + FT_TREE_STEP;

	if (!p->n_noted)
		return false;
	if (!p->emptied)
		qsort(p->noted, p->n_noted, sizeof(p->noted[0]), by_address);
	for (; p->emptied < end; p->emptied++) {
		_Atomic(struct ft_rule *) *slot = &p->tree->rule[p->emptied];
		const struct ft_rule *r = atomic_load_explicit(slot, memory_order_relaxed);

		if (bsearch(&r, p->noted, p->n_noted, sizeof(p->noted[0]), by_address))
			atomic_store_explicit(slot, NULL, memory_order_relaxed);
	}
	return p->emptied < p->tree->slots;
}

// Gives back what was reserved beyond the need.
static void trim(struct ft_tree_plan *p)
{
	size_t bytes = p->n_nodes * sizeof(struct ft_node);
	void *node = ft_lines_resize(&p->tree->nodes, p->tree->node, bytes, bytes);
	uint32_t *lane;

	if (node)
		p->tree->node = node;
	p->tree->far = bytes + p->n_lanes * sizeof(*lane) > FT_TREE_FAR;
	lane = realloc(p->tree->lane, (p->n_lanes + FT_TREE_BEYOND) * sizeof(*lane));
	if (lane)
		p->tree->lane = lane;
}

// By vectors two thirds of what it is at one key a time, as measured.
static uint32_t cost_of(const struct ft_tree_plan *p)
{
	return ft_tree_likes_brief() ? 2 * p->cost / 3 : p->cost;
}

static bool pays(const struct ft_classifier *c)
{
	const struct ft_tree_plan *p = c->tree_plan;

	if (p->phase != FT_TREE_DONE || ft_trees == FT_TREES_ALWAYS)
		return p->phase == FT_TREE_DONE;
	// As measured: where there are bit vectors they are quicker than three parts, one key at a
	// time.
	if (ft_bits_cost(c) < UINT32_MAX && p->tree->parts > 2 && !ft_tree_likes_brief())
		return false;
	return cost_of(p) < ft_tuples_cost(c) && cost_of(p) < ft_bits_cost(c);
}

static void end(struct ft_classifier *c, struct ft_garbage_list *garbage)
{
	struct ft_tree_plan *p = c->tree_plan;
	struct ft_tree *old = c->tree;

	if (!pays(c) || !ft_classifier_reserve_tuples(c, c->n)) {
		c->tree_wait = c->heads / 4 + 1;
		give_up(c);
		return;
	}
	trim(p);
	ft_calm_since(&c->calm, p->newest);
	c->tree = p->tree;
	c->tree_young = c->young;
	c->tree_ends = false;
	c->changed = true;
	p->tree = NULL;
	ft_tree_plan_free(p);
	c->tree_plan = NULL;
	c->packed = 0; // those that are so already are passed by
	ft_classifier_publish(c, garbage);
	if (old)
		ft_tree_drop(old, garbage);
	ft_bits_drop(c, garbage);
}

bool ft_tree_serves(const struct ft_classifier *c)
{
	return c->tree && !c->tree_ends && c->tree_changes <= c->heads / FT_TREE_WORN;
}

// Packs the tuples behind the tree, some bins.
static bool pack_some(struct ft_classifier *c, struct ft_garbage_list *garbage)
{
	uint32_t bins = FT_TREE_STEP / FT_RULE_LANES / 4, copied;

	if (!ft_tree_serves(c))
		return false;
	while (c->packed < c->tree_young && bins) {
		copied = ft_tuple_pack(c->tuple[c->packed], garbage, bins);
		bins -= copied;
		c->packed += !copied;
	}
	return c->packed < c->tree_young;
}

bool ft_tree_grow(struct ft_classifier *c, struct ft_garbage_list *garbage)
{
	if (!c->tree_plan)
		return pack_some(c, garbage);
	if (c->tree_plan->phase == FT_TREE_DONE) {
		if (!empty_some_slots(c->tree_plan))
			end(c, garbage);
	} else if (!ft_tree_plan_step(c->tree_plan, c) && c->tree_plan->phase != FT_TREE_DONE) {
		end(c, garbage);
	}
	return c->tree_plan || c->packed < c->tree_young;
}
