// SPDX-License-Identifier: Apache-2.0
#include "flowtable/rules/program.h"

#include "flowtable/classifier/conjunction.h"
#include "flowtable/hash.h"
#include "flowtable/lines.h"
#include "flowtable/switch.h"
#include "flowtable/vector.h"

#include <stdlib.h>

// ---- what a list of instructions names

struct names {
	uint32_t *v;
	uint32_t n, room;
	bool failed;
};

static void names_add(struct names *names, uint32_t from, uint32_t id)
{
	uint32_t *v;

	for (uint32_t i = from; i < names->n; i++)
		if (names->v[i] == id)
			return;
	v = ft_vector_reserve(names->v, names->n, &names->room, 8, sizeof(*v));
	if (!v) {
		names->failed = true;
		return;
	}
	names->v = v;
	names->v[names->n++] = id;
}

static uint32_t controller_meter(const struct weft_action *a)
{
	const struct weft_action_controller *c = weft_action_payload(a);

	return c->meter_id;
}

static void names_of_list(struct names *names, uint32_t from, enum weft_action_type type,
	const void *actions, size_t len)
{
	WEFT_ACTION_FOR_EACH (a, actions, len) {
		if (a->type == type)
			names_add(names, from, a->arg);
		else if (a->type == WEFT_ACTION_CLONE)
			names_of_list(names, from, type, a + 1, a->len - sizeof(*a));
		else if (a->type == WEFT_ACTION_CONTROLLER && type == WEFT_ACTION_METER &&
			 controller_meter(a))
			names_add(names, from, controller_meter(a));
	}
}

// The distinct arguments of all actions of this type, appended.
static void names_of(
	struct names *names, const struct weft_instructions *instr, enum weft_action_type type)
{
	uint32_t from = names->n;

	if (type == WEFT_ACTION_METER && instr->meter_id)
		names_add(names, from, instr->meter_id);
	names_of_list(names, from, type, instr + 1, (size_t)instr->apply_len + instr->write_len);
}

// True, and *users NULL where there is nothing to know. False: no memory.
static bool users_new(const struct weft_instructions *instr, struct ft_program_users **users)
{
	struct names names = {0};
	uint32_t groups;

	*users = NULL;
	names_of(&names, instr, WEFT_ACTION_GROUP);
	groups = names.n;
	names_of(&names, instr, WEFT_ACTION_METER);
	if (names.n && !names.failed)
		*users = calloc(1, sizeof(**users) + names.n * sizeof((*users)->named[0]));
	if (*users) {
		memcpy((*users)->named, names.v, names.n * sizeof(names.v[0]));
		(*users)->groups = groups;
		(*users)->meters = names.n - groups;
	}
	free(names.v);
	return *users || (!names.n && !names.failed);
}

static void users_link(struct ft_programs *ps, struct ft_program *p)
{
	struct ft_program_users *u = p->users;

	if (!u)
		return;
	u->program = p;
	u->next = ps->users;
	if (u->next)
		u->next->prev = u;
	ps->users = u;
}

static void users_free(struct ft_programs *ps, struct ft_program_users *u)
{
	if (!u)
		return;
	if (u->prev)
		u->prev->next = u->next;
	else
		ps->users = u->next;
	if (u->next)
		u->next->prev = u->prev;
	free(u->id);
	free(u);
}

// ---- interning

static uint64_t spec_hash(const struct ft_programs *ps, const struct ft_program_spec *spec)
{
	uint64_t attr = (uint64_t)spec->idle_timeout << 48 | (uint64_t)spec->hard_timeout << 32 |
			(uint32_t)spec->importance << 16 | spec->flags;
	uint64_t h = ft_hash_bytes(spec->instr, weft_instructions_bytes(spec->instr), ps->seed);

	return ft_hash_end(ft_hash_word(h, attr, ps->seed));
}

static bool program_says(
	const struct ft_program *p, const struct ft_program_spec *spec, uint64_t hash, size_t size)
{
	return p->hash == hash && p->size == size && p->idle_timeout == spec->idle_timeout &&
	       p->hard_timeout == spec->hard_timeout && p->importance == spec->importance &&
	       p->flags == spec->flags && memcmp(&p->instr, spec->instr, size) == 0;
}

static bool programs_grow(struct ft_programs *ps)
{
	uint32_t n = ps->buckets ? 2 * ps->buckets : 16;
	struct ft_program **bucket = calloc(n, sizeof(*bucket));

	if (!bucket)
		return false;
	for (uint32_t i = 0; i < ps->buckets; i++) {
		for (struct ft_program *p = ps->bucket[i], *next; p; p = next) {
			next = p->hash_next;
			p->hash_next = bucket[p->hash & (n - 1)];
			bucket[p->hash & (n - 1)] = p;
		}
	}
	free(ps->bucket);
	ps->bucket = bucket;
	ps->buckets = n;
	return true;
}

static struct ft_program *program_new(
	const struct ft_program_spec *spec, uint64_t hash, size_t size)
{
	struct ft_program *p = ft_alloc_lines(offsetof(struct ft_program, instr) + size);

	if (!p)
		return NULL;
	p->hash = hash;
	p->size = (uint32_t)size;
	p->idle_timeout = spec->idle_timeout;
	p->hard_timeout = spec->hard_timeout;
	p->importance = spec->importance;
	p->flags = spec->flags;
	p->conjunctive = ft_conjunctive(spec->instr);
	p->triggers = weft_instructions_trigger(spec->instr);
	p->learns = ft_learn_next(spec->instr + 1, spec->instr->apply_len, NULL);
	memcpy(&p->instr, spec->instr, size);
	if (!users_new(&p->instr, &p->users)) {
		free(p);
		return NULL;
	}
	return p;
}

struct ft_program *ft_program_get(struct ft_switch *sw, const struct ft_program_spec *spec)
{
	struct ft_programs *ps = &sw->programs;
	size_t size = weft_instructions_bytes(spec->instr);
	uint64_t hash = spec_hash(ps, spec);
	struct ft_program *p = ps->buckets ? ps->bucket[hash & (ps->buckets - 1)] : NULL;

	for (; p; p = p->hash_next) {
		if (program_says(p, spec, hash, size)) {
			p->refs++;
			return p;
		}
	}
	if (ps->count >= ps->buckets && !programs_grow(ps))
		return NULL;
	p = program_new(spec, hash, size);
	if (!p)
		return NULL;
	p->refs = 1;
	p->hash_next = ps->bucket[hash & (ps->buckets - 1)];
	ps->bucket[hash & (ps->buckets - 1)] = p;
	ps->count++;
	users_link(ps, p);
	return p;
}

void ft_program_put(struct ft_switch *sw, struct ft_program *p)
{
	struct ft_programs *ps = &sw->programs;
	struct ft_program **at;

	if (--p->refs)
		return;
	for (at = &ps->bucket[p->hash & (ps->buckets - 1)]; *at != p;)
		at = &(*at)->hash_next;
	*at = p->hash_next;
	ps->count--;
	users_free(ps, p->users);
	free(p);
}

void ft_programs_fini(struct ft_switch *sw)
{
	free(sw->programs.bucket);
}

// ---- users

bool ft_program_used_by(const struct ft_switch *sw, const struct ft_program_users *u, uint32_t id)
{
	const struct ft_rule *r = ft_ids_rule(sw, id);

	return r && r->program == u->program && ft_life_staged(&r->life);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

// A number is there twice when it was freed and given to a rule that runs the same.
static void users_sweep(const struct ft_switch *sw, struct ft_program_users *u)
{
	uint32_t n = 0;

	qsort(u->id, u->n, sizeof(u->id[0]), by_number);
	for (uint32_t i = 0; i < u->n; i++)
		if ((!n || u->id[n - 1] != u->id[i]) && ft_program_used_by(sw, u, u->id[i]))
			u->id[n++] = u->id[i];
	u->n = n;
}

bool ft_program_reserve(struct ft_switch *sw, struct ft_program *p)
{
	struct ft_program_users *u = p->users;
	uint32_t *id;

	if (p->learns && !ft_learn_prepare(sw, &p->instr))
		return false;
	if (!u || u->n < u->room)
		return true;
	// With a removal staged, an abort may bring back what a sweep would forget.
	if (u->n > 2 * u->live + 16 && !sw->txn->removals)
		users_sweep(sw, u);
	id = ft_vector_reserve(u->id, u->n, &u->room, 4, sizeof(*id));
	if (id)
		u->id = id;
	return id;
}

static void users_count(struct ft_switch *sw, const struct ft_program_users *u, int by)
{
	for (uint32_t i = 0; i < u->groups; i++)
		ft_group_refer(sw, u->named[i], by);
	for (uint32_t i = 0; i < u->meters; i++)
		ft_meter_refer(sw, u->named[u->groups + i], by);
}

void ft_program_join(struct ft_switch *sw, const struct ft_rule *r)
{
	struct ft_program_users *u = r->program->users;

	if (r->program->learns)
		ft_learn_refer(sw, r->program, 1);
	if (!u)
		return;
	u->id[u->n++] = r->id;
	u->live++;
	users_count(sw, u, 1);
}

void ft_program_rejoin(struct ft_switch *sw, const struct ft_rule *r)
{
	struct ft_program_users *u = r->program->users;

	if (r->program->learns)
		ft_learn_refer(sw, r->program, 1);
	if (!u)
		return;
	u->live++;
	users_count(sw, u, 1);
}

void ft_program_leave(struct ft_switch *sw, const struct ft_rule *r)
{
	struct ft_program_users *u = r->program->users;

	if (r->program->learns)
		ft_learn_refer(sw, r->program, -1);
	if (!u)
		return;
	u->live--;
	users_count(sw, u, -1);
}

// ---- questions

static bool list_outputs(const void *actions, size_t len, uint32_t ofport)
{
	WEFT_ACTION_FOR_EACH (a, actions, len) {
		bool to_port = a->type == WEFT_ACTION_OUTPUT ||
			       a->type == WEFT_ACTION_OUTPUT_TRUNC ||
			       a->type == WEFT_ACTION_ENQUEUE;

		if ((to_port && a->arg == ofport) ||
			(a->type == WEFT_ACTION_CONTROLLER && ofport == WEFT_OFPORT_CONTROLLER) ||
			(a->type == WEFT_ACTION_CLONE &&
				list_outputs(a + 1, a->len - sizeof(*a), ofport)))
			return true;
	}
	return false;
}

bool ft_program_outputs(const struct ft_program *p, uint32_t ofport)
{
	return list_outputs(&p->instr + 1, (size_t)p->instr.apply_len + p->instr.write_len, ofport);
}

bool ft_program_names_group(const struct ft_program *p, uint32_t group)
{
	for (uint32_t i = 0; p->users && i < p->users->groups; i++)
		if (p->users->named[i] == group)
			return true;
	return false;
}

bool ft_program_names_meter(const struct ft_program *p, uint32_t meter)
{
	const struct ft_program_users *u = p->users;

	for (uint32_t i = 0; u && i < u->meters; i++)
		if (u->named[u->groups + i] == meter)
			return true;
	return false;
}
