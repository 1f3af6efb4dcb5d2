// SPDX-License-Identifier: Apache-2.0
#include "flowtable/rules/learn_room.h"

#include "flowtable/rules/select.h"
#include "flowtable/switch.h"

#include <stdlib.h>

static struct ft_learn_room *first_of(const struct ft_switch *sw)
{
	return atomic_load_explicit(&sw->learners.rooms.first, memory_order_acquire);
}

static struct ft_learn_room *next_of(const struct ft_learn_room *r)
{
	return atomic_load_explicit(&r->next, memory_order_acquire);
}

static struct ft_learn_room *room_of(const struct ft_switch *sw, uint8_t table, uint64_t cookie)
{
	struct ft_learn_room *r = first_of(sw);

	while (r && (r->table != table || r->cookie != cookie))
		r = next_of(r);
	return r;
}

// ---- prints

enum {
	NOWHERE,
	TRIED,  // somebody has a place, and is about to hand it over
	ON_WAY, // and has done so
	THERE,
	STATES = 3, // the bits
};

static uint64_t key_of(uint64_t print)
{
	return (print | STATES) ^ STATES;
}

static _Atomic uint64_t *window(const struct ft_learn_room *r, uint64_t print)
{
	return (_Atomic uint64_t *)(uintptr_t)&r->asked[print >> 32 & (FT_LEARN_ASKED - 1)];
}

static uint64_t look(const _Atomic uint64_t *at)
{
	return atomic_load_explicit(at, memory_order_acquire);
}

// Puts `now` in the place of `was`, unless that has changed.
static bool put(_Atomic uint64_t *at, uint64_t was, uint64_t now)
{
	return atomic_compare_exchange_strong_explicit(
		at, &was, now, memory_order_acq_rel, memory_order_relaxed);
}

// In a place that is empty, else in one of what is there; nowhere, if all eight are on their way.
static void note(struct ft_learn_room *r, uint64_t print, unsigned state)
{
	_Atomic uint64_t *at = window(r, print);

	for (unsigned there = 0; there < 2; there++)
		for (unsigned i = 0; i < FT_LEARN_WINDOW; i++) {
			uint64_t was = look(&at[i]);

			if (was ? there && (was & STATES) == THERE : true)
				if (put(&at[i], was, key_of(print) | state))
					return;
		}
}

// What is noted of it in the state `was` (STATES: any) is in another one now. False: nothing is.
static bool turn(struct ft_learn_room *r, uint64_t print, unsigned was, unsigned now)
{
	_Atomic uint64_t *at = window(r, print);
	bool any = false;

	for (unsigned i = 0; i < FT_LEARN_WINDOW; i++) {
		uint64_t v = look(&at[i]);

		while (v && key_of(v) == key_of(print) && (was == STATES || (v & STATES) == was)) {
			any |= put(&at[i], v, now ? key_of(print) | now : 0);
			if ((v = look(&at[i])) == (key_of(print) | now))
				break;
		}
	}
	return any;
}

static void forget_all_there(struct ft_learn_room *r)
{
	for (unsigned i = 0; i < FT_LEARN_ASKED + FT_LEARN_WINDOW; i++) {
		uint64_t v = look(&r->asked[i]);

		if ((v & STATES) == THERE)
			put(&r->asked[i], v, 0);
	}
}

// ---- workers

bool ft_learn_room_knows(
	const struct ft_switch *sw, const struct weft_action_learn *l, uint64_t print)
{
	const struct ft_learn_room *r = room_of(sw, l->table, l->cookie);
	const _Atomic uint64_t *at = r ? window(r, print) : NULL;

	for (unsigned i = 0; r && i < FT_LEARN_WINDOW; i++) {
		uint64_t v = look(&at[i]);

		if (v && key_of(v) == key_of(print) && (v & STATES) != TRIED)
			return true;
	}
	return false;
}

uint32_t ft_learn_room_take(struct ft_switch *sw, const struct weft_action_learn *l, uint64_t print)
{
	struct ft_learn_room *r = room_of(sw, l->table, l->cookie);
	uint32_t used = r ? atomic_load_explicit(&r->used, memory_order_relaxed) : 0;

	while (r && used < l->limit) {
		if (!atomic_compare_exchange_weak_explicit(
			    &r->used, &used, used + 1, memory_order_relaxed, memory_order_relaxed))
			continue;
		note(r, print, TRIED);
		return r->serial;
	}
	return 0;
}

void ft_learn_room_handed(struct ft_switch *sw, const struct weft_action_learn *l, uint64_t print)
{
	struct ft_learn_room *r = room_of(sw, l->table, l->cookie);

	if (r)
		turn(r, print, TRIED, ON_WAY);
}

void ft_learn_room_give_back(
	struct ft_switch *sw, const struct weft_action_learn *l, uint32_t serial, uint64_t print)
{
	struct ft_learn_room *r = room_of(sw, l->table, l->cookie);

	if (!r || r->serial != serial)
		return;
	turn(r, print, TRIED, NOWHERE);
	atomic_fetch_sub_explicit(&r->used, 1, memory_order_relaxed);
}

// ---- writer

static bool is_in(const struct ft_learn_room *room, const struct ft_rule *r)
{
	return r->table == room->table && r->cookie == room->cookie && !ft_rule_hidden(r);
}

// What the transaction's entries change of the number of rules.
static int32_t change_of(const struct ft_learn_room *room, const struct ft_txn *t)
{
	int32_t n = 0;

	for (size_t i = 0; t && i < t->n; i++) {
		const struct ft_op *op = ft_txn_op(t, i);

		if (op->type == FT_OP_RULE_ADD)
			n += is_in(room, op->obj);
		else if (op->type == FT_OP_RULE_DEL)
			n -= is_in(room, op->obj);
	}
	return n;
}

static uint32_t staged_rules(const struct ft_switch *sw, const struct ft_learn_room *room)
{
	struct ft_rule *r = NULL;
	uint32_t n = 0;

	while ((r = ft_cookies_next(sw, room->table, room->cookie, r)))
		n += ft_life_staged(&r->life) && is_in(room, r);
	return n;
}

bool ft_learn_room_make(struct ft_switch *sw, const struct weft_action_learn *l)
{
	struct ft_learn_rooms *all = &sw->learners.rooms;
	struct ft_learn_room *r;

	if (!weft_learn_asks(l) || room_of(sw, l->table, l->cookie))
		return true;
	r = ft_cookies_keep(sw) ? calloc(1, sizeof(*r)) : NULL;
	if (!r)
		return false;
	r->table = l->table;
	r->cookie = l->cookie;
	r->serial = ++all->serial ? all->serial : ++all->serial;
	// Those that are published: what is staged counts when it is committed.
	r->staged = change_of(r, sw->txn);
	atomic_init(&r->used, staged_rules(sw, r) - (uint32_t)r->staged);
	atomic_init(&r->next, first_of(sw));
	atomic_store_explicit(&all->first, r, memory_order_release);
	all->idle = true;
	return true;
}

void ft_learn_room_count(struct ft_switch *sw, const struct ft_rule *r, int by)
{
	for (struct ft_learn_room *room = first_of(sw); room; room = next_of(room)) {
		if (!is_in(room, r))
			continue;
		room->staged += by;
		room->went |= by < 0;
	}
}

void ft_learn_room_refer(struct ft_switch *sw, const struct weft_action_learn *l, int by)
{
	struct ft_learn_room *r = weft_learn_asks(l) ? room_of(sw, l->table, l->cookie) : NULL;

	if (!r)
		return;
	r->askers += (uint32_t)by;
	sw->learners.rooms.idle |= !r->askers;
}

bool ft_learn_room_is_full(const struct ft_switch *sw, const struct ft_learned *l)
{
	const struct ft_learn_room *r = room_of(sw, l->mod.table, l->mod.cookie);

	return r && atomic_load_explicit(&r->used, memory_order_relaxed) >= l->limit;
}

void ft_learn_room_used(struct ft_switch *sw, const struct ft_learned *l)
{
	struct ft_learn_room *r = l->room ? room_of(sw, l->mod.table, l->mod.cookie) : NULL;

	if (r && r->serial == l->room)
		r->delta--;
}

static void settle(struct ft_learn_room *r)
{
	if (r->delta)
		atomic_fetch_add_explicit(&r->used, (uint32_t)r->delta, memory_order_relaxed);
	r->delta = 0;
}

void ft_learn_room_settled(struct ft_switch *sw)
{
	for (struct ft_learn_room *r = first_of(sw); r; r = next_of(r))
		settle(r);
}

void ft_learn_room_answer(struct ft_switch *sw, const struct ft_learned *l, bool there)
{
	struct ft_learn_room *r = l->print ? room_of(sw, l->mod.table, l->mod.cookie) : NULL;

	if (r && !turn(r, l->print, STATES, there ? THERE : NOWHERE) && there)
		note(r, l->print, THERE);
}

static void room_free(struct ft_garbage *g)
{
	free(g); // its first member
}

static void let_go(struct ft_switch *sw)
{
	_Atomic(struct ft_learn_room *) *at = &sw->learners.rooms.first;
	struct ft_learn_room *r;

	while ((r = atomic_load_explicit(at, memory_order_relaxed))) {
		if (r->askers) {
			at = &r->next;
			continue;
		}
		atomic_store_explicit(at, next_of(r), memory_order_release);
		ft_garbage_add(&sw->garbage, &r->garbage, room_free);
	}
	sw->learners.rooms.idle = false;
}

void ft_learn_rooms_committed(struct ft_switch *sw)
{
	for (struct ft_learn_room *r = first_of(sw); r; r = next_of(r)) {
		r->delta += r->staged;
		r->staged = 0;
		if (r->went)
			forget_all_there(r);
		r->went = false;
		settle(r);
	}
	if (sw->learners.rooms.idle)
		let_go(sw);
}

void ft_learn_rooms_fini(struct ft_switch *sw)
{
	struct ft_learn_room *r = first_of(sw), *next;

	for (; r; r = next) {
		next = next_of(r);
		free(r);
	}
}
