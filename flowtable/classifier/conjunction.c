// SPDX-License-Identifier: Apache-2.0
#include "flowtable/classifier/conjunction.h"

#include "flowtable/classifier/lookup_key.h"

// ---- the writer's questions

static bool is_conjunction(const struct weft_action *a)
{
	return a->type == WEFT_ACTION_CONJUNCTION;
}

bool ft_conjunctive(const struct weft_instructions *i)
{
	WEFT_ACTION_FOR_EACH (a, i + 1, (size_t)i->apply_len + i->write_len)
		if (is_conjunction(a))
			return true;
	return false;
}

enum weft_error ft_check_conjunction(const struct weft_instructions *i)
{
	if (i->flags != WEFT_INSTR_APPLY || i->meter_id || i->metadata_mask)
		return WEFT_E_CONJUNCTION;
	WEFT_ACTION_FOR_EACH (a, weft_instructions_apply(i), i->apply_len) {
		const struct weft_action_conjunction *c = weft_action_payload(a);

		if (a->type == WEFT_ACTION_NOTE)
			continue;
		if (!is_conjunction(a) || c->n_clauses < 2 || c->n_clauses > FT_CONJ_CLAUSES ||
			c->clause >= c->n_clauses)
			return WEFT_E_CONJUNCTION;
	}
	return WEFT_E_NONE;
}

enum weft_error ft_conjunction_room(const struct ft_classifier *soft, const struct weft_match *m)
{
	if (!soft || soft->shapes.n < FT_CONJ_SHAPES || ft_shapes_find(&soft->shapes, m))
		return WEFT_E_NONE;
	return WEFT_E_TABLE_FULL;
}

// ---- which ids are complete

struct id {
	uint32_t id;
	uint32_t complete; // 1: counted in done[]
	uint64_t clauses;  // a bit each
};

// The ids of one priority, in an open hash table as large as they need.
struct ids {
	struct id at[FT_CONJ_STEPS];
	uint16_t slot[2 * FT_CONJ_STEPS]; // index in at[], plus 1
	uint32_t done[FT_CONJ_TRIES];
	unsigned n, mask, n_done;
};

static void ids_start(struct ids *ids, unsigned actions)
{
	ids->n = ids->n_done = 0;
	ids->mask = 15;
	while (ids->mask + 1 < 2 * actions)
		ids->mask = 2 * ids->mask + 1;
	memset(ids->slot, 0, (ids->mask + 1) * sizeof(ids->slot[0]));
}

static struct id *ids_find(struct ids *ids, uint32_t id)
{
	uint32_t i = (uint32_t)(ft_hash_end(id + 1ull) >> 32) & ids->mask;

	for (; ids->slot[i]; i = (i + 1) & ids->mask)
		if (ids->at[ids->slot[i] - 1].id == id)
			return &ids->at[ids->slot[i] - 1];
	ids->at[ids->n] = (struct id){.id = id};
	ids->slot[i] = (uint16_t)++ids->n;
	return &ids->at[ids->n - 1];
}

static void ids_add(struct ids *ids, const struct weft_action *a)
{
	const struct weft_action_conjunction *c = weft_action_payload(a);
	struct id *id = ids_find(ids, a->arg);

	id->clauses |= 1ull << c->clause;
	if (id->clauses != UINT64_MAX >> (FT_CONJ_CLAUSES - c->n_clauses) || id->complete)
		return;
	id->complete = 1;
	if (ids->n_done < FT_CONJ_TRIES)
		ids->done[ids->n_done++] = id->id;
}

// ---- the search

struct search {
	const struct ft_classifier *hard;
	const struct weft_flow_key *key;
	uint64_t version;
	const struct ft_rule *soft[FT_CONJ_SHAPES]; // the best left of each mask; NULL: none
	unsigned n;
	unsigned steps; // left
	struct ids ids;
};

static unsigned count_actions(const struct ft_rule *r)
{
	const struct weft_instructions *i = ft_rule_instructions(r);
	unsigned n = 0;

	WEFT_ACTION_FOR_EACH (a, weft_instructions_apply(i), i->apply_len)
		n += is_conjunction(a);
	return n;
}

// The highest priority left, above `floor`, and how many actions its rules have; -1: none.
static int next_priority(const struct search *s, int floor, unsigned *actions)
{
	int best = floor;

	*actions = 0;
	for (unsigned i = 0; i < s->n; i++) {
		const struct ft_rule *r = s->soft[i];

		if (!r || r->priority < best || r->priority <= floor)
			continue;
		if (r->priority > best)
			*actions = 0;
		best = r->priority;
		*actions += count_actions(r);
	}
	return *actions ? best : -1;
}

static void take_priority(struct search *s, int priority)
{
	for (unsigned i = 0; i < s->n; i++) {
		const struct ft_rule *r = s->soft[i];
		const struct weft_instructions *instr;

		if (!r || r->priority != priority)
			continue;
		instr = ft_rule_instructions(r);
		WEFT_ACTION_FOR_EACH (a, weft_instructions_apply(instr), instr->apply_len)
			if (is_conjunction(a))
				ids_add(&s->ids, a);
	}
}

// Of the complete ids, the one with the best rule. NULL: none has one.
static const struct ft_rule *best_answer(const struct search *s)
{
	struct weft_flow_key key = *s->key;
	const struct weft_flow_key *keys[] = {&key};
	const struct ft_rule *best = NULL, *r;

	for (unsigned i = 0; i < s->ids.n_done; i++) {
		key.conj_id = htonl(s->ids.done[i]);
		ft_classifier_lookup(s->hard, s->version, keys, 1, &r);
		if (r && (!best || r->priority > best->priority))
			best = r;
	}
	return best;
}

// Where rules of this priority were, those below them in their chains.
static void step_down(struct search *s, int priority)
{
	for (unsigned i = 0; i < s->n; i++) {
		const struct ft_rule *r = s->soft[i];

		while (r && r->priority == priority)
			r = ft_chain_visible(
				atomic_load_explicit(&r->next, memory_order_acquire), s->version);
		s->soft[i] = r;
	}
}

static const struct ft_rule *answer(struct search *s, const struct ft_rule *hard)
{
	int floor = hard ? hard->priority : -1, priority;
	unsigned actions;

	while ((priority = next_priority(s, floor, &actions)) >= 0 && actions <= s->steps) {
		const struct ft_rule *r;

		s->steps -= actions;
		ids_start(&s->ids, actions);
		take_priority(s, priority);
		r = best_answer(s);
		if (r)
			return r;
		step_down(s, priority);
	}
	return hard;
}

__attribute__((noinline)) void ft_conjunction_lookup(const struct ft_classifier *hard,
	const struct ft_classifier *soft, uint64_t version,
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_rule *rules[])
{
	struct search s;

	s.hard = hard;
	s.version = version;
	for (unsigned i = 0; i < n; i++) {
		s.key = keys[i];
		s.steps = FT_CONJ_STEPS;
		s.n = ft_classifier_matches(soft, version, keys[i],
			rules[i] ? rules[i]->priority : -1, s.soft, FT_CONJ_SHAPES);
		if (s.n)
			rules[i] = answer(&s, rules[i]);
	}
}
