// SPDX-License-Identifier: Apache-2.0
#include "flowtable/rules/trigger.h"

#include "flowtable/switch.h"
#include "flowtable/rules/tables.h"
#include "flowtable/vector.h"

#include <stdlib.h>

// ---- the list

void ft_triggers_init(struct ft_triggers *ts, uint64_t seed)
{
	ft_idmap_init(&ts->of, seed);
}

static bool list_reserve(struct ft_triggers *ts)
{
	struct ft_trigger **list =
		ft_vector_reserve(ts->list, ts->n, &ts->room, 16, sizeof(struct ft_trigger *));

	if (list)
		ts->list = list;
	return list;
}

bool ft_triggers_reserve(struct ft_switch *sw)
{
	struct ft_triggers *ts = &sw->triggers;

	if (!ts->spare)
		ts->spare = calloc(1, sizeof(*ts->spare));
	return ts->spare && list_reserve(ts) && ft_idmap_reserve(&ts->of, &sw->garbage);
}

void ft_triggers_add(struct ft_switch *sw, const struct ft_rule *r)
{
	struct ft_triggers *ts = &sw->triggers;
	struct ft_trigger *t = ts->spare;

	if (ft_idmap_find(&ts->of, r->id))
		return;
	ts->spare = NULL;
	t->id = r->id;
	t->place = ts->n;
	ts->list[ts->n++] = t;
	ft_idmap_set(&ts->of, r->id, t);
}

void ft_triggers_rearm(struct ft_switch *sw, uint32_t id)
{
	struct ft_trigger *t = ft_idmap_find(&sw->triggers.of, id);

	if (!t)
		return;
	for (unsigned i = WEFT_STAT_PACKETS; i <= WEFT_STAT_BYTES; i++) {
		t->armed |= t->counts & 1u << i;
		t->next[i] = t->set.at[i];
	}
}

void ft_triggers_drop(struct ft_switch *sw, uint32_t id)
{
	struct ft_triggers *ts = &sw->triggers;
	struct ft_trigger *t = ft_idmap_find(&ts->of, id);

	if (!t)
		return;
	ts->list[t->place] = ts->list[--ts->n];
	ts->list[t->place]->place = t->place;
	ft_idmap_del(&ts->of, id);
	free(t);
}

void ft_triggers_fini(struct ft_switch *sw)
{
	struct ft_triggers *ts = &sw->triggers;

	for (uint32_t i = 0; i < ts->n; i++)
		free(ts->list[i]);
	free(ts->list);
	free(ts->spare);
	ft_idmap_fini(&ts->of);
}

// ---- thresholds

static void arm(struct ft_trigger *t, const struct ft_rule *r, const struct weft_trigger *set)
{
	t->created_ns = r->created_ns;
	t->set = *set;
	t->counts = t->armed = set->present;
	memcpy(t->next, set->at, sizeof(t->next));
}

static void values_of(const struct weft_flow_stats *s, uint64_t value[WEFT_STATS])
{
	value[WEFT_STAT_DURATION] = s->duration_ns;
	value[WEFT_STAT_IDLE] = s->idle_ns;
	value[WEFT_STAT_FLOWS] = 1;
	value[WEFT_STAT_PACKETS] = s->packets;
	value[WEFT_STAT_BYTES] = s->bytes;
}

// The idle time is below its threshold: the silence that reached it, or multiples of it, is over.
static void next_silence(struct ft_trigger *t, uint64_t idle_ns)
{
	if (!(t->counts >> WEFT_STAT_IDLE & 1) || idle_ns >= t->set.at[WEFT_STAT_IDLE])
		return;
	t->armed |= 1u << WEFT_STAT_IDLE;
	t->next[WEFT_STAT_IDLE] = t->set.at[WEFT_STAT_IDLE];
}

// One threshold's: has it been reached? Then the next multiple is to come, or nothing.
static bool reached(struct ft_trigger *t, unsigned i, uint64_t value)
{
	uint64_t at = t->set.at[i], next;

	if (!(t->armed >> i & 1) || value < t->next[i])
		return false;
	t->armed &= ~(1u << i);
	if (t->set.flags & WEFT_TRIGGER_PERIODIC &&
		!__builtin_mul_overflow(value / at + 1, at, &next)) {
		t->armed |= 1u << i;
		t->next[i] = next;
	}
	return true;
}

static bool any_reached(struct ft_trigger *t, const uint64_t value[WEFT_STATS])
{
	bool any = false;

	for (unsigned i = 0; i < WEFT_STATS; i++) {
		if (!reached(t, i, value[i]))
			continue;
		any = true;
		if (t->set.flags & WEFT_TRIGGER_ONLY_FIRST) {
			t->counts = t->armed &= 1u << i;
			break;
		}
	}
	return any;
}

// ---- looking

// False: this is no rule with a trigger any more, and has lost its place.
static bool look_at(struct ft_switch *sw, struct ft_trigger *t, uint64_t counted_ns)
{
	const struct ft_rule *r = ft_ids_rule(sw, t->id);
	const struct weft_trigger *set = r ? weft_instructions_trigger(&r->program->instr) : NULL;
	struct weft_flow_stats stats;
	uint64_t value[WEFT_STATS];
	struct weft_match match;

	if (!set || !ft_life_staged(&r->life)) {
		ft_triggers_drop(sw, t->id);
		return false;
	}
	if (t->created_ns != r->created_ns || memcmp(&t->set, set, sizeof(*set)))
		arm(t, r, set);
	ft_rule_stats(sw, r, counted_ns, &stats);
	values_of(&stats, value);
	next_silence(t, stats.idle_ns);
	if (any_reached(t, value) && sw->env.triggered) {
		ft_rule_match(r, &match);
		sw->env.triggered(sw->env.ctx, sw->ctx, &stats, &match, &r->program->instr);
	}
	return true;
}

bool ft_triggers_tell(struct ft_switch *sw, unsigned max)
{
	struct ft_triggers *ts = &sw->triggers;
	uint64_t now_ns, counted_ns = ft_counted_ns(sw);

	if (!ts->n)
		return false;
	now_ns = sw->env.now_ns(sw->env.ctx);
	if (!ts->looking && now_ns < ts->due_ns)
		return false;
	if (sw->txn) // what is staged is nobody's yet
		return true;
	if (!ts->looking)
		ts->due_ns = now_ns + FT_TRIGGERS_NS;
	while (ts->look < ts->n && max--)
		ts->look += look_at(sw, ts->list[ts->look], counted_ns);
	ts->looking = ts->look < ts->n;
	if (!ts->looking)
		ts->look = 0;
	return ts->looking;
}
