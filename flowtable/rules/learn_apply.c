// SPDX-License-Identifier: Apache-2.0
// The writer's side of learn.
#include "flowtable/rules/learn.h"

#include "flowtable/rules/fin.h"
#include "flowtable/lines.h"
#include "flowtable/rules/select.h"
#include "flowtable/switch.h"

// ---- may the action be there?

static bool bits_ok(const struct weft_subfield *f, unsigned n_bits)
{
	return f->field < WEFT_FIELDS_ALL && n_bits && f->n_bits == n_bits &&
	       f->ofs + n_bits <= weft_field_infos[f->field].bits;
}

static enum weft_error check_spec(const struct weft_learn_spec *s)
{
	unsigned n = s->dst.n_bits;

	if (s->dst_type > WEFT_LEARN_OUTPUT ||
		(s->immediate ? !n || n > 128 : !bits_ok(&s->src, n)))
		return WEFT_E_ACTION_ARG;
	if (s->dst_type == WEFT_LEARN_OUTPUT)
		return n <= 32 ? WEFT_E_NONE : WEFT_E_ACTION_ARG;
	if (!bits_ok(&s->dst, n))
		return WEFT_E_ACTION_ARG;
	if (s->dst_type == WEFT_LEARN_LOAD &&
		!(weft_field_infos[s->dst.field].flags & WEFT_FIELD_S))
		return WEFT_E_ACTION_SET_TYPE;
	return WEFT_E_NONE;
}

// Words of the key that a field touches.
static uint64_t words_of(const struct weft_learn_spec *s)
{
	const struct weft_field_info *f = &weft_field_infos[s->dst.field];
	const uint64_t more = s->dst.field == WEFT_FIELD_VLAN_TCI
				      ? 1ull << offsetof(struct weft_flow_key, vlan_pcp) / 8
				      : 0;
	unsigned first = f->offset / 8, last = (f->offset + f->bytes - 1u) / 8;

	return (UINT64_MAX >> (63 - (last - first))) << first | more;
}

static size_t action_bytes(const struct weft_learn_spec *s)
{
	if (s->dst_type == WEFT_LEARN_LOAD)
		return sizeof(struct weft_action) + sizeof(struct weft_action_set_field);
	if (s->dst_type == WEFT_LEARN_OUTPUT)
		return sizeof(struct weft_action) + sizeof(struct weft_action_output);
	return 0;
}

enum weft_error ft_check_learn(const struct weft_action *a)
{
	const struct weft_action_learn *l = weft_action_payload(a);
	const struct weft_learn_spec *s = (const void *)(l + 1);
	size_t bytes = sizeof(struct ft_learned) + sizeof(struct weft_instructions);
	enum weft_error error = WEFT_E_NONE;
	uint64_t map = 0;

	if (l->table >= WEFT_TABLES || l->flags & ~WEFT_LEARN_FLAGS ||
		(l->flags & WEFT_LEARN_WRITE_RESULT && l->result.n_bits != 1))
		return WEFT_E_ACTION_ARG;
	if (l->fin_idle_timeout || l->fin_hard_timeout)
		bytes += sizeof(struct weft_action) + sizeof(struct weft_action_fin_timeout);
	for (unsigned i = 0; i < l->n_specs && !error; i++) {
		error = check_spec(&s[i]);
		if (!error && s[i].dst_type == WEFT_LEARN_MATCH)
			map |= words_of(&s[i]);
		bytes += action_bytes(&s[i]);
	}
	bytes += 16 * (size_t)__builtin_popcountll(map);
	if (!error && bytes > FT_LEARN_BYTES)
		return WEFT_E_ACTION_TOO_MANY;
	return error;
}

const struct weft_action *ft_learn_next(
	const void *actions, size_t len, const struct weft_action *from)
{
	WEFT_ACTION_FOR_EACH (a, actions, len) {
		const struct weft_action *inner;

		if (a->type == WEFT_ACTION_LEARN && (const char *)a >= (const char *)from)
			return a;
		if (a->type != WEFT_ACTION_CLONE)
			continue;
		inner = ft_learn_next(a + 1, a->len - sizeof(*a), from);
		if (inner)
			return inner;
	}
	return NULL;
}

// Over all learn actions of instructions that check_instructions() has passed.
#define FOR_EACH_LEARN(a, instr)                                                                   \
	for (const struct weft_action *a = ft_learn_next((instr) + 1, (instr)->apply_len, NULL);   \
		a; a = ft_learn_next((instr) + 1, (instr)->apply_len, weft_action_next(a)))

// ---- whose rules they are

static struct ft_learn_owner *owner_of(
	const struct ft_switch *sw, const struct weft_action_learn *l)
{
	struct ft_learn_owner *o = sw->learners.owners;

	while (o && (o->table != l->table || o->cookie != l->cookie))
		o = o->next;
	return o;
}

static bool owner_make(struct ft_switch *sw, const struct weft_action_learn *l)
{
	struct ft_learn_owner *o;

	if (!(l->flags & WEFT_LEARN_DELETE) || owner_of(sw, l))
		return true;
	o = calloc(1, sizeof(*o));
	if (!o)
		return false;
	o->cookie = l->cookie;
	o->table = l->table;
	o->next = sw->learners.owners;
	sw->learners.owners = o;
	return true;
}

static struct ft_learn_memory *memory_of(const struct ft_learners *ls)
{
	return atomic_load_explicit(&ls->memory, memory_order_relaxed);
}

bool ft_learn_prepare(struct ft_switch *sw, const struct weft_instructions *instr)
{
	struct ft_learners *ls = &sw->learners;

	if (!memory_of(ls)) {
		struct ft_learn_memory *m = ft_alloc_lines(sw->env.workers * sizeof(*m));

		if (!m)
			return false;
		atomic_store_explicit(&ls->memory, m, memory_order_release);
	}
	FOR_EACH_LEARN(a, instr)
	if (!owner_make(sw, weft_action_payload(a)) ||
		!ft_learn_room_make(sw, weft_action_payload(a)))
		return false;
	return true;
}

void ft_learn_refer(struct ft_switch *sw, const struct ft_program *p, int by)
{
	FOR_EACH_LEARN(a, &p->instr)
	{
		const struct weft_action_learn *l = weft_action_payload(a);
		struct ft_learn_owner *o = l->flags & WEFT_LEARN_DELETE ? owner_of(sw, l) : NULL;

		ft_learn_room_refer(sw, l, by);
		if (o)
			o->rules += (uint32_t)by;
	}
}

void ft_learn_went(struct ft_switch *sw, const struct ft_program *p, int by)
{
	FOR_EACH_LEARN(a, &p->instr)
	{
		const struct weft_action_learn *l = weft_action_payload(a);
		struct ft_learn_owner *o = l->flags & WEFT_LEARN_DELETE ? owner_of(sw, l) : NULL;

		if (!o)
			continue;
		o->went += (uint32_t)by;
		sw->learners.orphans |= !o->rules;
	}
}

void ft_learn_fini(struct ft_switch *sw)
{
	struct ft_learn_owner *o;

	while ((o = sw->learners.owners)) {
		sw->learners.owners = o->next;
		free(o);
	}
	ft_learn_rooms_fini(sw);
	free(memory_of(&sw->learners));
}

// ---- learning

static bool says_the_same(
	const struct ft_rule *r, const struct ft_learned *l, const struct weft_instructions *instr)
{
	const struct ft_program *p = r->program;

	return r->cookie == l->mod.cookie && p->idle_timeout == l->mod.idle_timeout &&
	       p->hard_timeout == l->mod.hard_timeout && p->flags == l->mod.flags &&
	       p->size == l->instr_len && memcmp(&p->instr, instr, l->instr_len) == 0;
}

static bool is_full(struct ft_switch *sw, const struct ft_learned *l)
{
	uint32_t left = l->limit;
	struct ft_rule *r = NULL;

	if (!left || !ft_cookies_keep(sw))
		return false;
	if (ft_learn_room_is_full(sw, l))
		return true;
	while (left && (r = ft_cookies_next(sw, l->mod.table, l->mod.cookie, r)))
		left -= ft_life_staged(&r->life);
	return !left;
}

static enum weft_error refresh(struct ft_switch *sw, const struct ft_rule *r)
{
	bool ok;

	ft_enter(sw);
	ok = ft_ids_refresh(sw, r);
	ft_leave(sw);
	return ok ? WEFT_E_NONE : WEFT_E_NO_MEMORY;
}

static enum weft_error learn(struct ft_switch *sw, const struct ft_learned *l)
{
	const uint64_t *at = l->bytes;
	const struct weft_instructions *instr = (const void *)(at + 2 * l->words);
	struct weft_match m = {.map = l->map};
	const struct ft_selector s = {
		.match = &m,
		.out_port = WEFT_OFPORT_ANY,
		.out_group = WEFT_GROUP_ANY,
		.table = l->mod.table,
	};
	struct ft_rule *old;

	memcpy(m.value, at, 8 * l->words);
	memcpy(m.mask, at + l->words, 8 * l->words);
	old = ft_select_strict(sw, &s, l->mod.priority);
	if (old && says_the_same(old, l, instr))
		return refresh(sw, old);
	if (!old && !l->room && is_full(sw, l))
		return WEFT_E_TABLE_FULL;
	return ft_flow_mod(sw, &l->mod, &m, instr);
}

enum weft_error ft_learn_apply(struct ft_switch *sw, const struct ft_learned *l)
{
	enum weft_error error;

	if (ft_is_fin(l))
		return ft_fin_apply(sw, l);
	if (sw->txn)
		return WEFT_E_STATE;
	ft_learn_room_used(sw, l);
	error = learn(sw, l);
	ft_learn_room_settled(sw); // if it was not committed
	ft_learn_room_answer(sw, l, !error);
	return error;
}

void ft_learn_drop(struct ft_switch *sw, const struct ft_learned *l)
{
	atomic_fetch_add_explicit(&sw->learners.dropped, 1, memory_order_relaxed);
	ft_learn_room_used(sw, l);
	ft_learn_room_settled(sw);
	ft_learn_room_answer(sw, l, false);
}
