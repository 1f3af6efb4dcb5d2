// SPDX-License-Identifier: Apache-2.0
#pragma once
// The oracle: what OpenFlow 1.3.5 says of flow entries, over one unsorted array, every question
// answered by looking at all of it. Stupid on purpose; nothing is shared with flowtable/.

#include "oracle_match.h"

#define ORACLE_MAX 4096u
#define ORACLE_TOLD 16384u

struct oracle_rule {
	struct weft_match match;
	uint64_t cookie; // also tells rules apart: never used twice
	uint64_t created;
	unsigned counter;
	bool reset; // at commit
	uint32_t out;
	uint16_t idle, hard, priority, flags;
	uint8_t table;
};

struct oracle_counter {
	uint64_t packets, bytes;
};

struct oracle_told {
	uint64_t cookie;
	uint8_t reason;
	uint64_t packets, bytes, duration;
};

struct oracle_state {
	struct oracle_rule rule[ORACLE_MAX];
	unsigned n;
};

struct oracle {
	struct oracle_state committed, staged;
	bool open;
	struct oracle_counter counter[1u << 20]; // never used again
	uint64_t used[1u << 20];
	unsigned counters;
	struct oracle_rule gone[ORACLE_TOLD]; // staged removals that are to be told
	uint8_t gone_reason[ORACLE_TOLD];
	unsigned gone_n;
	struct oracle_told told[ORACLE_TOLD];
	unsigned told_n;
	unsigned max_rules;
};

// Does every key that `inner` matches match `outer`?
static bool oracle_within(const struct weft_match *inner, const struct weft_match *outer)
{
	struct weft_flow_key iv, im, ov, om;
	const uint8_t *a = (void *)&iv, *am = (void *)&im, *b = (void *)&ov, *bm = (void *)&om;

	weft_match_to_key(inner, &iv, &im);
	weft_match_to_key(outer, &ov, &om);
	for (size_t i = 0; i < sizeof(iv); i++)
		if ((bm[i] & ~am[i]) || ((a[i] ^ b[i]) & bm[i]))
			return false;
	return true;
}

static bool oracle_overlap(const struct weft_match *x, const struct weft_match *y)
{
	struct weft_flow_key xv, xm, yv, ym;
	const uint8_t *a = (void *)&xv, *am = (void *)&xm, *b = (void *)&yv, *bm = (void *)&ym;

	weft_match_to_key(x, &xv, &xm);
	weft_match_to_key(y, &yv, &ym);
	for (size_t i = 0; i < sizeof(xv); i++)
		if ((a[i] ^ b[i]) & am[i] & bm[i])
			return false;
	return true;
}

static void oracle_begin(struct oracle *o)
{
	o->staged = o->committed;
	o->gone_n = 0;
	o->open = true;
}

static void oracle_commit(struct oracle *o, uint64_t now)
{
	for (unsigned i = 0; i < o->staged.n; i++) {
		struct oracle_rule *r = &o->staged.rule[i];

		if (!r->reset)
			continue;
		o->used[o->counters] = o->used[r->counter];
		r->counter = o->counters++;
		r->reset = false;
	}
	o->committed = o->staged;
	for (unsigned i = 0; i < o->gone_n; i++) {
		const struct oracle_rule *r = &o->gone[i];

		// Reset, then removed: nothing was counted in between.
		o->told[o->told_n++] = (struct oracle_told){r->cookie, o->gone_reason[i],
			r->reset ? 0 : o->counter[r->counter].packets,
			r->reset ? 0 : o->counter[r->counter].bytes, now - r->created};
	}
	o->gone_n = 0;
	o->open = false;
}

static void oracle_abort(struct oracle *o)
{
	o->staged = o->committed;
	o->gone_n = 0;
	o->open = false;
}

static void oracle_remove(struct oracle *o, unsigned i, int reason)
{
	struct oracle_rule *r = &o->staged.rule[i];

	if (reason >= 0 && (r->flags & WEFT_FLOW_SEND_REMOVED)) {
		o->gone[o->gone_n] = *r;
		o->gone_reason[o->gone_n++] = (uint8_t)reason;
	}
	*r = o->staged.rule[--o->staged.n];
}

static bool oracle_selects(const struct oracle_rule *r, const struct weft_flow_mod *mod,
	const struct weft_match *match)
{
	bool strict = mod->command == WEFT_FLOW_MODIFY_STRICT ||
		      mod->command == WEFT_FLOW_DELETE_STRICT || mod->command == WEFT_FLOW_ADD;
	bool del = mod->command >= WEFT_FLOW_DELETE;

	if (mod->table != WEFT_TABLE_ALL && mod->table != r->table)
		return false;
	if (mod->command != WEFT_FLOW_ADD && ((r->cookie ^ mod->cookie) & mod->cookie_mask))
		return false;
	if (del && mod->out_port != WEFT_OFPORT_ANY && mod->out_port != r->out)
		return false;
	if (strict)
		return mod->priority == r->priority && weft_match_equal(&r->match, match);
	return oracle_within(&r->match, match);
}

static enum weft_error oracle_add(struct oracle *o, const struct weft_flow_mod *mod,
	const struct weft_match *match, uint32_t out, uint64_t now)
{
	unsigned counter = o->counters;
	bool replaces = false, reset = false;

	for (unsigned i = 0; i < o->staged.n && (mod->flags & WEFT_FLOW_CHECK_OVERLAP); i++)
		if (o->staged.rule[i].table == mod->table &&
			o->staged.rule[i].priority == mod->priority &&
			oracle_overlap(&o->staged.rule[i].match, match))
			return WEFT_E_OVERLAP;
	for (unsigned i = 0; i < o->staged.n; i++) {
		if (!oracle_selects(&o->staged.rule[i], mod, match))
			continue;
		replaces = true;
		if (!(mod->flags & WEFT_FLOW_RESET_COUNTS)) {
			counter = o->staged.rule[i].counter;
			reset = o->staged.rule[i].reset;
		}
		oracle_remove(o, i, -1);
		break;
	}
	if (!replaces && o->staged.n >= o->max_rules)
		return WEFT_E_TABLE_FULL;
	if (counter == o->counters)
		o->counters++;
	o->staged.rule[o->staged.n++] = (struct oracle_rule){
		.match = *match,
		.cookie = mod->cookie,
		.created = now,
		.counter = counter,
		.reset = reset,
		.out = out,
		.idle = mod->idle_timeout,
		.hard = mod->hard_timeout,
		.priority = mod->priority,
		.flags = mod->flags & (WEFT_FLOW_SEND_REMOVED | WEFT_FLOW_NO_BYTE_COUNTS),
		.table = mod->table,
	};
	return WEFT_E_NONE;
}

static enum weft_error oracle_flow_mod(struct oracle *o, const struct weft_flow_mod *mod,
	const struct weft_match *match, uint32_t out, uint64_t now)
{
	bool alone = !o->open;
	enum weft_error error = WEFT_E_NONE;

	if (alone)
		oracle_begin(o);
	if (mod->command == WEFT_FLOW_ADD)
		error = oracle_add(o, mod, match, out, now);
	for (unsigned i = o->staged.n; i-- > 0 && mod->command != WEFT_FLOW_ADD;) {
		if (!oracle_selects(&o->staged.rule[i], mod, match))
			continue;
		if (mod->command >= WEFT_FLOW_DELETE) {
			oracle_remove(o, i, WEFT_REMOVED_DELETE);
			continue;
		}
		o->staged.rule[i].out = out;
		if (mod->flags & WEFT_FLOW_RESET_COUNTS)
			o->staged.rule[i].reset = true;
	}
	if (alone)
		oracle_commit(o, now);
	return error;
}

static unsigned oracle_expire(struct oracle *o, uint64_t now)
{
	unsigned gone = 0;

	oracle_begin(o);
	for (unsigned i = o->staged.n; i-- > 0;) {
		const struct oracle_rule *r = &o->staged.rule[i];
		uint64_t used = o->used[r->counter] > r->created ? o->used[r->counter] : r->created;

		if (r->hard && now >= r->created + r->hard * 1000000000ull)
			oracle_remove(o, i, WEFT_REMOVED_HARD);
		else if (r->idle && now >= used + r->idle * 1000000000ull)
			oracle_remove(o, i, WEFT_REMOVED_IDLE);
		else
			continue;
		gone++;
	}
	oracle_commit(o, now);
	return gone;
}

// The highest priority that matches in the committed state; -1: none.
static int oracle_lookup(const struct oracle *o, uint8_t table, const struct weft_flow_key *key)
{
	int best = -1;

	for (unsigned i = 0; i < o->committed.n; i++)
		if (o->committed.rule[i].table == table && o->committed.rule[i].priority > best &&
			oracle_matches(&o->committed.rule[i].match, key))
			best = o->committed.rule[i].priority;
	return best;
}

static const struct oracle_rule *oracle_by_cookie(const struct oracle_state *s, uint64_t cookie)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->rule[i].cookie == cookie)
			return &s->rule[i];
	return NULL;
}
