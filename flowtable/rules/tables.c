// SPDX-License-Identifier: Apache-2.0
#include "flowtable/rules/tables.h"

#include "flowtable/cache/gist.h"
#include "flowtable/classifier/bits.h"
#include "flowtable/classifier/conjunction.h"
#include "flowtable/hash.h"
#include "flowtable/switch.h"
#include "flowtable/classifier/tree.h"

#include <stdlib.h>

static struct ft_classifier *soft_of(const struct ft_table *t)
{
	return atomic_load_explicit(&t->soft, memory_order_acquire);
}

// ---- workers

void ft_table_lookup_burst(const struct ft_switch *sw, uint8_t table, uint64_t version,
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_rule *rules[])
{
	const struct ft_table *t = table < WEFT_TABLES ? ft_table_of(sw, table) : NULL;
	const struct ft_classifier *soft;

	if (!t) {
		memset(rules, 0, n * sizeof(rules[0]));
		return;
	}
	ft_classifier_lookup(&t->classifier, version, keys, n, rules);
	soft = soft_of(t);
	if (__builtin_expect(soft != NULL, 0))
		ft_conjunction_lookup(&t->classifier, soft, version, keys, n, rules);
}

void ft_table_count(
	struct ft_switch *sw, unsigned worker, uint8_t table, uint64_t lookups, uint64_t matched)
{
	struct ft_table_counter *c = ft_table_counter(sw, worker, table);

	ft_counter_bump(&c->lookups, lookups);
	ft_counter_bump(&c->matched, matched);
}

struct ft_counter *ft_rule_counter(
	const struct ft_switch *sw, const struct ft_rule *r, unsigned worker)
{
	return ft_counter_at(&sw->counters, r->id, worker);
}

void ft_rule_count(struct ft_switch *sw, const struct ft_rule *r, unsigned worker, uint64_t packets,
	uint64_t bytes, uint64_t now_ns)
{
	struct ft_counter *c = ft_rule_counter(sw, r, worker);

	ft_counter_bump(&c->packets, packets);
	ft_counter_bump(&c->bytes, bytes);
	atomic_store_explicit(&c->used_ns, now_ns, memory_order_relaxed);
}

// ---- tables

// Where the pointer to it is; NULL: there is no place for it yet.
static const _Atomic(struct ft_table *) *place_of(const struct ft_switch *sw, uint8_t number)
{
	struct ft_more_tables *more;

	if (__builtin_expect(number < FT_TABLES_HERE, 1))
		return &sw->tables[number];
	more = atomic_load_explicit(&sw->more_tables, memory_order_acquire);
	return more ? &more->table[number - FT_TABLES_HERE] : NULL;
}

// The same, made. NULL: no memory.
static _Atomic(struct ft_table *) *place_get(struct ft_switch *sw, uint8_t number)
{
	struct ft_more_tables *more;

	if (number >= FT_TABLES_HERE &&
		!atomic_load_explicit(&sw->more_tables, memory_order_relaxed)) {
		more = calloc(1, sizeof(*more));
		atomic_store_explicit(&sw->more_tables, more, memory_order_release);
	}
	return (void *)(uintptr_t)place_of(sw, number);
}

struct ft_table *ft_table_of(const struct ft_switch *sw, uint8_t number)
{
	const _Atomic(struct ft_table *) *place = place_of(sw, number);

	return place ? atomic_load_explicit(place, memory_order_acquire) : NULL;
}

struct ft_table *ft_table_get(struct ft_switch *sw, uint8_t number)
{
	_Atomic(struct ft_table *) *place;
	struct ft_table *t = ft_table_of(sw, number);

	if (t)
		return t;
	place = place_get(sw, number);
	t = place ? calloc(1, sizeof(*t)) : NULL;
	if (!t)
		return NULL;
	t->number = number;
	ft_classifier_init(&t->classifier, ft_hash_end(sw->env.seed + number));
	atomic_store_explicit(place, t, memory_order_release);
	return t;
}

struct ft_classifier *ft_table_part(const struct ft_table *t, const struct ft_program *p)
{
	return p->conjunctive ? soft_of(t) : (struct ft_classifier *)(uintptr_t)&t->classifier;
}

// Makes it if need be. NULL: no memory.
static struct ft_classifier *part_get(
	struct ft_switch *sw, struct ft_table *t, const struct ft_program *p)
{
	struct ft_classifier *part = ft_table_part(t, p);

	if (part)
		return part;
	part = malloc(sizeof(*part));
	if (!part)
		return NULL;
	ft_classifier_init(part, ft_hash_end(sw->env.seed + t->number + WEFT_TABLES));
	atomic_store_explicit(&t->soft, part, memory_order_release);
	return part;
}

struct ft_rule *ft_table_find(
	const struct ft_table *t, const struct weft_match *m, bool conjunctive)
{
	const struct ft_classifier *part = conjunctive ? soft_of(t) : &t->classifier;

	return part ? ft_classifier_find(part, m) : NULL;
}

bool ft_table_each_within(
	const struct ft_table *t, const struct weft_match *m, ft_rule_fn *fn, void *arg)
{
	const struct ft_classifier *soft = soft_of(t);

	return ft_classifier_each_within(&t->classifier, m, fn, arg) &&
	       (!soft || ft_classifier_each_within(soft, m, fn, arg));
}

bool ft_table_is_inner(const struct ft_table *t, const struct weft_match *m)
{
	const struct ft_classifier *soft = soft_of(t);

	return ft_classifier_is_inner(&t->classifier, m) &&
	       (!soft || ft_classifier_is_inner(soft, m));
}

bool ft_table_each_overlap(const struct ft_table *t, const struct weft_match *m, uint16_t priority,
	ft_rule_fn *fn, void *arg)
{
	const struct ft_classifier *soft = soft_of(t);

	return ft_classifier_each_overlap(&t->classifier, m, priority, fn, arg) &&
	       (!soft || ft_classifier_each_overlap(soft, m, priority, fn, arg));
}

static void table_dirty(struct ft_switch *sw, struct ft_table *t)
{
	if (t->dirty)
		return;
	t->dirty = true;
	t->dirty_next = sw->dirty;
	sw->dirty = t;
}

void ft_tables_publish(struct ft_switch *sw)
{
	for (struct ft_table *t = sw->dirty; t; t = t->dirty_next) {
		ft_classifier_publish(&t->classifier, &sw->garbage);
		if (soft_of(t))
			ft_classifier_publish(soft_of(t), &sw->garbage);
		t->dirty = false;
		t->restless = 2;
		sw->restless = true;
	}
	sw->dirty = NULL;
	if (sw->shapes_went)
		ft_relevance_shrink(sw);
	sw->shapes_went = false;
}

// Whether it has come to rest.
static bool settle(struct ft_switch *sw, struct ft_table *t)
{
	struct ft_classifier *soft = soft_of(t);
	bool did, grows;

	if (!t->restless || --t->restless)
		return false;
	did = ft_bits_settle(&t->classifier, &sw->garbage);
	if (soft)
		did |= ft_bits_settle(soft, &sw->garbage);
	grows = ft_tree_begin(&t->classifier);
	sw->grows |= grows;
	return did || grows;
}

bool ft_settle_has_more(const struct ft_switch *sw)
{
	return sw->grows;
}

bool ft_settle_more(struct ft_switch *sw)
{
	bool more = false;

	if (!sw->grows || sw->txn)
		return sw->grows;
	ft_enter(sw);
	for (unsigned i = 0; i < WEFT_TABLES && !more; i++) {
		struct ft_table *t = ft_table_of(sw, (uint8_t)i);

		more = t && ft_tree_grow(&t->classifier, &sw->garbage);
	}
	if (!more)
		more = ft_gist_grow(sw);
	sw->grows = more;
	ft_leave(sw);
	return more;
}

bool ft_settle(struct ft_switch *sw)
{
	bool did = false, left = false;

	if (!sw->restless || sw->txn)
		return false;
	ft_enter(sw);
	for (unsigned i = 0; i < WEFT_TABLES; i++) {
		struct ft_table *t = ft_table_of(sw, (uint8_t)i);

		if (t && !did)
			did = settle(sw, t);
		left |= t && t->restless;
	}
	sw->restless = left;
	ft_leave(sw);
	return did;
}

bool ft_rules_bury(struct ft_switch *sw, uint32_t max)
{
	for (; max && sw->buried < sw->ids.count; max--, sw->buried++) {
		struct ft_rule *r = ft_ids_rule(sw, sw->buried);

		if (r)
			ft_rule_free(sw, r);
	}
	return sw->buried < sw->ids.count;
}

// Its rules have gone.
static void table_free(struct ft_table *t)
{
	ft_classifier_fini(&t->classifier);
	if (soft_of(t))
		ft_classifier_fini(soft_of(t));
	free(soft_of(t));
	ft_heap_fini(&t->evictable);
	free(t);
}

void ft_tables_fini(struct ft_switch *sw)
{
	for (unsigned i = 0; i < WEFT_TABLES; i++) {
		struct ft_table *t = ft_table_of(sw, (uint8_t)i);

		if (t)
			table_free(t);
	}
	free(atomic_load_explicit(&sw->more_tables, memory_order_relaxed));
}

// ---- staging

static void rule_counted(struct ft_switch *sw, const struct ft_rule *r, int by)
{
	sw->rules += (uint32_t)by;
	ft_table_of(sw, r->table)->rules += (uint32_t)by;
	if (ft_learn_rooms_any(&sw->learners.rooms))
		ft_learn_room_count(sw, r, by);
	if (ft_rule_times_out(r))
		sw->timers.live += (uint32_t)by;
}

static struct ft_rule *rule_new(const struct ft_switch *sw, const struct ft_rule_spec *spec)
{
	struct ft_rule *r = malloc(ft_rule_bytes(spec->match));

	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->life.added = sw->txn->version;
	atomic_init(&r->life.removed, FT_VERSION_NEVER);
	r->program = spec->program;
	r->cookie = spec->cookie;
	r->created_ns = spec->created_ns;
	r->priority = spec->priority;
	r->table = spec->table;
	r->flags = spec->flags;
	memcpy(r->value, spec->match->value, 8 * weft_match_words(spec->match));
	return r;
}

// All that may fail, so that what follows can't.
static struct ft_rule *rule_prepare(struct ft_switch *sw, const struct ft_rule_spec *spec)
{
	struct ft_table *t = ft_table_get(sw, spec->table);
	struct ft_classifier *part = t ? part_get(sw, t, spec->program) : NULL;
	struct ft_rule *r;

	if (!part || !ft_txn_reserve(sw->txn, 1) || !ft_program_reserve(sw, spec->program) ||
		(!spec->predecessor && !ft_ids_reserve(sw)))
		return NULL;
	r = rule_new(sw, spec);
	if (!r)
		return NULL;
	r->shape = ft_classifier_reserve(part, &sw->garbage, spec->match);
	if (!r->shape || (ft_rule_times_out(r) && !ft_timers_reserve(sw)) ||
		!ft_evict_reserve(sw, t) || (r->program->triggers && !ft_triggers_reserve(sw))) {
		free(r);
		return NULL;
	}
	return r;
}

// Whether what the heaps have of the predecessor holds for the rule: its number, its time, and what
// they ask for are the same.
static bool heaps_have(const struct ft_rule *old, const struct ft_rule *r)
{
	const struct ft_program *p = r->program;

	return old && old->created_ns == r->created_ns &&
	       old->program->idle_timeout == p->idle_timeout &&
	       old->program->hard_timeout == p->hard_timeout &&
	       old->program->importance == p->importance &&
	       ft_rule_hidden(old) == ft_rule_hidden(r);
}

struct ft_rule *ft_stage_add(struct ft_switch *sw, const struct ft_rule_spec *spec)
{
	struct ft_rule *r = rule_prepare(sw, spec);
	struct ft_table *t = ft_table_of(sw, spec->table);
	bool had;

	if (!r) {
		ft_program_put(sw, spec->program);
		return NULL;
	}
	if (spec->predecessor) {
		r->id = spec->predecessor->id;
		ft_ids_own(sw, r);
	} else {
		ft_ids_take(sw, r);
	}
	ft_program_join(sw, r);
	ft_classifier_link(ft_table_part(t, r->program), &sw->garbage, r);
	ft_relevance_grow(sw, r->shape);
	table_dirty(sw, t);
	rule_counted(sw, r, 1);
	had = heaps_have(spec->predecessor, r);
	if (ft_rule_times_out(r) && !had)
		ft_timers_add(sw, r, ft_rule_due_ns(sw, r, 0));
	if (r->program->triggers)
		ft_triggers_add(sw, r);
	if (!had || t->evict_grows)
		ft_evict_enter(sw, t, r);
	ft_txn_log(sw->txn, FT_OP_RULE_ADD, r, 0);
	return r;
}

static struct ft_classifier *part_of(struct ft_switch *sw, const struct ft_rule *r)
{
	return ft_table_part(ft_table_of(sw, r->table), r->program);
}

void ft_stage_del(struct ft_switch *sw, struct ft_rule *r, uint8_t reason)
{
	ft_classifier_removes(part_of(sw, r));
	atomic_store_explicit(&r->life.removed, sw->txn->version, memory_order_relaxed);
	ft_program_leave(sw, r);
	if (r->program->learns)
		ft_learn_went(sw, r->program, 1);
	rule_counted(sw, r, -1);
	ft_txn_log(sw->txn, FT_OP_RULE_DEL, r, reason);
}

void ft_rule_undo_add(struct ft_switch *sw, struct ft_rule *r)
{
	ft_program_leave(sw, r);
	rule_counted(sw, r, -1);
	ft_rule_unlink(sw, r);
	atomic_store_explicit(&r->life.removed, 0, memory_order_relaxed);
}

void ft_rule_undo_del(struct ft_switch *sw, struct ft_rule *r, uint8_t reason)
{
	struct ft_table *t = ft_table_of(sw, r->table);

	atomic_store_explicit(&r->life.removed, FT_VERSION_NEVER, memory_order_relaxed);
	ft_classifier_keeps(part_of(sw, r));
	ft_ids_own(sw, r);
	ft_program_rejoin(sw, r);
	if (r->program->learns)
		ft_learn_went(sw, r->program, -1);
	rule_counted(sw, r, 1);
	if (reason == WEFT_REMOVED_EVICTION || t->evict_grows ||
		t->evict_forgot == sw->txn->version)
		ft_evict_reenter(sw, t, r); // else it is in there still
}

void ft_rule_unlink(struct ft_switch *sw, struct ft_rule *r)
{
	struct ft_table *t = ft_table_of(sw, r->table);

	sw->shapes_went |= r->shape->rules == 1;
	ft_classifier_unlink(part_of(sw, r), &sw->garbage, r);
	table_dirty(sw, t);
}

void ft_rule_free(struct ft_switch *sw, struct ft_rule *r)
{
	ft_ids_release(sw, r);
	ft_program_put(sw, r->program);
	free(r);
}
