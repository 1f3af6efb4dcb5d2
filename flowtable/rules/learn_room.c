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

// ---- workers

uint32_t ft_learn_room_take(struct ft_switch *sw, const struct weft_action_learn *l)
{
	struct ft_learn_room *r = room_of(sw, l->table, l->cookie);
	uint32_t used = r ? atomic_load_explicit(&r->used, memory_order_relaxed) : 0;

	while (r && used < l->limit)
		if (atomic_compare_exchange_weak_explicit(
			    &r->used, &used, used + 1, memory_order_relaxed, memory_order_relaxed))
			return r->serial;
	return 0;
}

void ft_learn_room_give_back(
	struct ft_switch *sw, const struct weft_action_learn *l, uint32_t serial)
{
	struct ft_learn_room *r = room_of(sw, l->table, l->cookie);

	if (r && r->serial == serial)
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
	for (struct ft_learn_room *room = first_of(sw); room; room = next_of(room))
		room->staged += is_in(room, r) ? by : 0;
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
