// SPDX-License-Identifier: Apache-2.0
// The writer's questions to a classifier that more than one rule may answer.
#include "flowtable/classifier/classifier.h"
#include "flowtable/classifier/tuple.h"

struct each {
	const struct ft_classifier *classifier;
	const struct weft_match *match;
	bool (*wants)(const struct weft_match *, const struct ft_rule *);
	int priority; // -1: any
	ft_rule_fn *fn;
	void *arg;
};

// Do the rule's values agree with those of `m` where both have a mask?
static bool values_agree(const struct weft_match *m, const struct ft_rule *r)
{
	const struct ft_shape *s = r->shape;
	uint64_t diff = 0;

	for (unsigned i = 0; i < s->words; i++) {
		unsigned at = ft_map_index(m->map, s->word[i]);

		if (m->map >> s->word[i] & 1)
			diff |= (r->value[i] ^ m->value[at]) & s->mask[i] & m->mask[at];
	}
	return !diff;
}

bool ft_rule_within(const struct ft_rule *r, const struct weft_match *m)
{
	return ft_match_in_shape(m, r->shape) && values_agree(m, r);
}

bool ft_rule_overlaps(const struct ft_rule *r, const struct weft_match *m)
{
	return values_agree(m, r);
}

static bool within(const struct weft_match *m, const struct ft_rule *r)
{
	return ft_rule_within(r, m);
}

static bool overlaps(const struct weft_match *m, const struct ft_rule *r)
{
	return values_agree(m, r);
}

static bool each_in_chain(const struct each *e, struct ft_rule *r)
{
	if (!r || r->priority < e->priority || !e->wants(e->match, r))
		return true;
	for (; r; r = atomic_load_explicit(&r->next, memory_order_relaxed))
		if ((e->priority < 0 || r->priority == e->priority) && !e->fn(e->arg, r))
			return false;
	return true;
}

static bool each_of_all(const struct each *e)
{
	for (uint32_t i = 0; i < e->classifier->n; i++) {
		uint64_t at = 0;
		struct ft_rule *r;

		while ((r = ft_tuple_next(e->classifier->tuple[i], &at)))
			if (!each_in_chain(e, r))
				return false;
	}
	return true;
}

// What of `m` the shape looks at.
static void project(const struct ft_shape *s, const struct weft_match *m, struct weft_match *out)
{
	out->map = s->map;
	for (unsigned i = 0; i < s->words; i++) {
		out->mask[i] = s->mask[i];
		out->value[i] = m->value[ft_map_index(m->map, s->word[i])] & s->mask[i];
	}
}

// Of a shape that lies in `m` one chain at most is wanted, and a hash finds it.
static bool each_of_inner(const struct each *e)
{
	const struct ft_shapes *shapes = &e->classifier->shapes;

	for (uint32_t i = 0; i < shapes->n; i++) {
		struct weft_match chain;

		if (!shapes->at[i]->rules)
			continue;
		project(shapes->at[i], e->match, &chain);
		if (!each_in_chain(e, ft_classifier_find(e->classifier, &chain)))
			return false;
	}
	return true;
}

static bool shapes_are_inner(const struct each *e)
{
	const struct ft_shapes *shapes = &e->classifier->shapes;

	for (uint32_t i = 0; i < shapes->n; i++)
		if (shapes->at[i]->rules && !ft_shape_in_match(shapes->at[i], e->match))
			return false;
	return true;
}

bool ft_classifier_is_inner(const struct ft_classifier *c, const struct weft_match *m)
{
	return shapes_are_inner(&(struct each){.classifier = c, .match = m});
}

static bool each(const struct each *e)
{
	return shapes_are_inner(e) ? each_of_inner(e) : each_of_all(e);
}

bool ft_classifier_each_within(
	const struct ft_classifier *c, const struct weft_match *m, ft_rule_fn *fn, void *arg)
{
	const struct each e = {c, m, within, -1, fn, arg};

	return each(&e);
}

bool ft_classifier_each_overlap(const struct ft_classifier *c, const struct weft_match *m,
	uint16_t priority, ft_rule_fn *fn, void *arg)
{
	const struct each e = {c, m, overlaps, priority, fn, arg};

	return each(&e);
}
