// SPDX-License-Identifier: Apache-2.0
#include "flowtable/rules/learn_orphans.h"

#include "flowtable/rules/select.h"
#include "flowtable/switch.h"

#include <stdlib.h>

#define FT_ORPHANS_WORK 4096u // of a step: rules looked at,
#define FT_ORPHANS_REMOVAL 8u // each that goes for so many

static void search_anew(struct ft_learn_owner *o)
{
	o->at = FT_COOKIES_END;
	o->found = true;
}

static void set_going(struct ft_switch *sw, struct ft_learn_owner *o, bool going)
{
	sw->learners.going += going - o->going;
	sw->learners.done |= !going;
	o->going = going;
}

static void start(struct ft_switch *sw, struct ft_learn_owner *o)
{
	if (!o->going || o->until.version != sw->txn->version)
		o->before = o->going ? o->until : (struct ft_learn_until){0};
	o->until.version = sw->txn->version;
	o->until.ns = sw->env.now_ns(sw->env.ctx);
	o->until.cause = sw->txn->cause;
	set_going(sw, o, true);
	sw->learners.started = true;
	search_anew(o);
}

static void stop(struct ft_switch *sw, struct ft_learn_owner *o)
{
	set_going(sw, o, false);
	o->stopped = sw->txn ? sw->txn->version : 0;
}

static void start_all(struct ft_switch *sw)
{
	for (struct ft_learn_owner *o = sw->learners.owners; o; o = o->next) {
		if (o->went && !o->rules)
			start(sw, o);
		o->went = 0;
	}
	sw->learners.orphans = false;
}

static bool is_due(const struct ft_learn_owner *o, const struct ft_rule *r)
{
	return ft_life_staged(&r->life) && !ft_rule_hidden(r) &&
	       (r->life.added <= o->until.version || r->created_ns < o->until.ns);
}

static struct ft_rule *next(const struct ft_switch *sw, const struct ft_learn_owner *o)
{
	const struct ft_rule *at = o->at == FT_COOKIES_END ? NULL : ft_ids_rule(sw, o->at);

	if (at && (at->table != o->table || at->cookie != o->cookie))
		at = NULL; // its number is another's
	return ft_cookies_next(sw, o->table, o->cookie, at);
}

// False: there are no more, or no memory.
static bool remove_some(struct ft_switch *sw, struct ft_learn_owner *o, unsigned *work)
{
	while (*work) {
		struct ft_rule *r = next(sw, o);
		unsigned cost = 1;

		if (!r && !o->found)
			return false;
		o->at = r ? r->id : FT_COOKIES_END;
		o->found &= r != NULL;
		if (r && is_due(o, r)) {
			if (!ft_txn_reserve(sw->txn, 1))
				return false;
			ft_stage_del(sw, r, WEFT_REMOVED_DELETE);
			o->found = true;
			cost = FT_ORPHANS_REMOVAL;
		}
		*work -= cost < *work ? cost : *work;
	}
	return true;
}

static void step(struct ft_switch *sw, struct ft_learn_owner *o, unsigned *work)
{
	uint64_t cause = sw->txn->cause;

	sw->txn->cause = o->until.cause;
	if (!remove_some(sw, o, work))
		stop(sw, o);
	sw->txn->cause = cause;
}

// Is each rule in the chain of its cookie?
static bool index_whole(struct ft_switch *sw, unsigned *work)
{
	uint32_t built = sw->cookies.built, left;

	if (ft_cookies_is_whole(sw))
		return true;
	left = sw->ids.count - built;
	left = left < *work ? left : *work;
	ft_cookies_build(sw, built + left);
	*work -= left;
	for (struct ft_learn_owner *o = sw->learners.owners; o; o = o->next)
		search_anew(o); // the chains are others now
	return ft_cookies_is_whole(sw);
}

void ft_learn_orphans(struct ft_switch *sw)
{
	unsigned work = FT_ORPHANS_WORK;

	start_all(sw);
	sw->learners.stepped = true;
	if (!sw->learners.going)
		return;
	if (!ft_cookies_begin(sw)) {
		ft_learn_orphans_give_up(sw);
		return;
	}
	while (index_whole(sw, &work) && work && sw->learners.going) {
		for (struct ft_learn_owner *o = sw->learners.owners; o; o = o->next)
			if (o->going)
				step(sw, o, &work);
		start_all(sw);
	}
}

void ft_learn_orphans_give_up(struct ft_switch *sw)
{
	for (struct ft_learn_owner *o = sw->learners.owners; o; o = o->next)
		if (o->going)
			stop(sw, o);
}

void ft_learn_orphans_committed(struct ft_switch *sw)
{
	struct ft_learn_owner **at = &sw->learners.owners, *o;

	if (!sw->learners.done)
		return;
	while ((o = *at)) {
		if (o->rules || o->going) {
			at = &o->next;
			continue;
		}
		*at = o->next;
		free(o);
	}
	sw->learners.done = false;
}

// What had gone is back, and whoever learned it, or else it must go once more.
static void abort_one(struct ft_switch *sw, struct ft_learn_owner *o, uint64_t version)
{
	bool began = o->until.version == version;
	bool going = began ? o->before.version : o->going || o->stopped == version;

	if (began)
		o->until = o->before;
	set_going(sw, o, going);
	search_anew(o);
	o->went = 0;
}

void ft_learn_orphans_aborted(struct ft_switch *sw, const struct ft_txn *t)
{
	for (struct ft_learn_owner *o = sw->learners.owners; o; o = o->next)
		abort_one(sw, o, t->version);
	sw->learners.orphans = false;
}
