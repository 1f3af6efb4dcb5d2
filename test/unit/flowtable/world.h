// SPDX-License-Identifier: Apache-2.0
#pragma once
// A switch and its surroundings for tests: a clock that stands still until told, a grace period
// that ends when told, meters that count, a list of what was told as removed.

#include "flowtable/cache/commons.h"
#include "flowtable/flowtable.h"
#include "flowtable/rules/table.h"
#include "flowtable/switch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../rng.h"

#define SECOND 1000000000ull

struct told {
	struct weft_flow_stats stats;
	struct weft_match match;
	uint32_t first_out; // port of the first action, 0: none
};

struct retired {
	void (*fn)(void *obj);
	void *obj;
};

struct world {
	struct ft_env env;
	struct ft_switch *sw;
	uint64_t now;
	bool deferred; // a grace period ends by world_grace() only
	struct retired queue[65536];
	size_t queued;
	struct told *told;
	size_t told_n, told_room;
	unsigned meters; // alive
};

static inline uint32_t instr_first_out(const struct weft_instructions *i)
{
	const struct weft_action *a = (const void *)(i + 1);

	return i->apply_len ? a->arg : 0;
}

static void world_retire(void *ctx, void (*fn)(void *), void *obj)
{
	struct world *w = ctx;

	if (!w->deferred) {
		fn(obj);
		return;
	}
	assert_true(w->queued < sizeof(w->queue) / sizeof(w->queue[0]));
	w->queue[w->queued++] = (struct retired){fn, obj};
}

// One grace period: what is retired meanwhile waits for the next.
static inline void world_grace(struct world *w)
{
	size_t n = w->queued;

	for (size_t i = 0; i < n; i++)
		w->queue[i].fn(w->queue[i].obj);
	memmove(w->queue, w->queue + n, (w->queued - n) * sizeof(w->queue[0]));
	w->queued -= n;
}

static inline void world_drain(struct world *w)
{
	while (w->queued)
		world_grace(w);
}

// Nothing changes for a while, and what is made of tables that rest is made.
static inline void come_to_rest(struct ft_switch *sw)
{
	assert_null(sw->txn);
	while (sw->restless)
		ft_settle(sw);
	ft_settle_gist(sw);
	while (ft_settle_more(sw))
		;
}

static uint64_t world_now(void *ctx)
{
	return ((struct world *)ctx)->now;
}

static void *world_meter_new(void *ctx, const struct weft_meter_mod *mod, const struct weft_band *b)
{
	struct world *w = ctx;
	void *meter = malloc(8);

	w->meters += meter != NULL;
	return meter;
}

static void world_meter_free(void *ctx, void *meter)
{
	struct world *w = ctx;

	w->meters--;
	free(meter);
}

// Over 1000 bytes: the first band.
static int world_meter_run(void *ctx, void *meter, unsigned worker, uint64_t now, uint32_t bytes)
{
	return bytes > 1000 ? 0 : FT_METER_PASS;
}

static void world_removed(void *ctx, void *sw_ctx, const struct weft_flow_stats *stats,
	const struct weft_match *match, const struct weft_instructions *instr)
{
	struct world *w = ctx;

	assert_ptr_equal(sw_ctx, w);
	if (w->told_n == w->told_room) {
		w->told_room = w->told_room ? 2 * w->told_room : 64;
		w->told = realloc(w->told, w->told_room * sizeof(*w->told));
		assert_non_null(w->told);
	}
	w->told[w->told_n++] = (struct told){*stats, *match, instr_first_out(instr)};
}

// All that is due, in steps of any size.
static inline unsigned world_expire(struct world *w)
{
	unsigned gone = 0, looks = 0;

	while (!looks) {
		looks = 1 + (unsigned)(rng() % 8);
		gone += ft_expire(w->sw, &looks);
	}
	return gone;
}

static inline struct world *world_new(unsigned workers, uint32_t max_rules)
{
	struct world *w = calloc(1, sizeof(*w));
	struct ft_limits limits = {max_rules, 64, 16, 1024};

	assert_non_null(w);
	w->now = 1000 * SECOND;
	w->env = (struct ft_env){
		.ctx = w,
		.retire = world_retire,
		.now_ns = world_now,
		.commons = rng() % 2 ? ft_commons_new(workers) : NULL,
		.seed = rng(),
		.workers = workers,
		.meter_new = world_meter_new,
		.meter_free = world_meter_free,
		.meter_run = world_meter_run,
		.removed = world_removed,
	};
	w->sw = ft_switch_new(&w->env, &limits, w);
	assert_non_null(w->sw);
	return w;
}

static inline void world_free(struct world *w)
{
	ft_switch_free(w->sw);
	world_drain(w);
	assert_int_equal(w->meters, 0);
	ft_commons_free(w->env.commons);
	free(w->told);
	free(w);
}

// ---- building requests

// An instruction list under construction.
struct program {
	struct weft_instructions instr;
	uint8_t actions[4096];
};

static inline struct weft_action *program_add(
	struct program *p, bool write, enum weft_action_type type, uint32_t arg)
{
	struct weft_action *a, header = {.type = (uint16_t)type, .len = sizeof(header), .arg = arg};
	size_t payload = weft_action_payload_bytes(&header, &header, 0);
	uint16_t len = (uint16_t)(sizeof(header) + (payload + 7) / 8 * 8);

	a = (void *)(p->actions + p->instr.apply_len + p->instr.write_len);
	header.len = len;
	*a = header;
	memset(a + 1, 0, len - 8u);
	if (write) {
		p->instr.write_len += len;
		p->instr.flags |= WEFT_INSTR_WRITE;
	} else {
		assert_int_equal(p->instr.write_len, 0); // apply first
		p->instr.apply_len += len;
		p->instr.flags |= WEFT_INSTR_APPLY;
	}
	return a;
}

static inline struct weft_action *program_set(
	struct program *p, bool write, enum weft_field f, uint64_t value)
{
	struct weft_action *a = program_add(p, write, WEFT_ACTION_SET_FIELD, f);
	struct weft_action_set_field *s = (void *)(a + 1);
	unsigned bytes = f < WEFT_FIELD_MAX ? weft_field_infos[f].bytes : 1;

	for (unsigned i = 0; i < bytes && i < 8; i++)
		s->value[bytes - 1 - i] = (uint8_t)(value >> 8 * i);
	memset(s->mask, 0xff, bytes);
	return a;
}

static inline struct program program_out(uint32_t port)
{
	struct program p = {0};

	program_add(&p, false, WEFT_ACTION_OUTPUT, port);
	return p;
}

// A match under construction: value and mask of a whole key.
struct pattern {
	struct weft_flow_key value, mask;
};

static inline void pattern_masked(
	struct pattern *p, enum weft_field f, uint64_t value, uint64_t mask)
{
	unsigned bytes = weft_field_infos[f].bytes;

	for (unsigned i = 0; i < bytes && i < 8; i++) {
		weft_key_field(&p->mask, f)[bytes - 1 - i] = (uint8_t)(mask >> 8 * i);
		weft_key_field(&p->value, f)[bytes - 1 - i] = (uint8_t)((value & mask) >> 8 * i);
	}
}

static inline void pattern_exact(struct pattern *p, enum weft_field f, uint64_t value)
{
	unsigned bits = weft_field_infos[f].bits;

	pattern_masked(p, f, value, bits < 64 ? (1ull << bits) - 1 : UINT64_MAX);
}

static inline struct weft_match pattern_match(const struct pattern *p)
{
	struct weft_match m;

	weft_match_from_key(&m, &p->value, &p->mask);
	return m;
}

// All that comes in at the port.
static inline struct weft_match match_port(uint32_t in_port)
{
	struct pattern p = {0};

	pattern_exact(&p, WEFT_FIELD_IN_PORT, in_port);
	return pattern_match(&p);
}

static inline struct weft_flow_mod flow_mod_of(uint8_t command, uint8_t table, uint16_t priority)
{
	return (struct weft_flow_mod){
		.command = command,
		.table = table,
		.priority = priority,
		.out_port = WEFT_OFPORT_ANY,
		.out_group = WEFT_GROUP_ANY,
	};
}

static inline struct weft_flow_filter filter_all(void)
{
	return (struct weft_flow_filter){
		.out_port = WEFT_OFPORT_ANY,
		.out_group = WEFT_GROUP_ANY,
		.table = WEFT_TABLE_ALL,
	};
}

// How many rules of the table have all that the match asks for.
static inline unsigned world_count(struct world *w, uint8_t table, const struct weft_match *match)
{
	struct weft_flow_filter f = filter_all();
	struct weft_aggregate a;

	f.table = table;
	ft_aggregate(w->sw, &f, match, &a);
	return (unsigned)a.flows;
}

static inline unsigned world_count_cookie(struct world *w, uint8_t table, uint64_t cookie)
{
	struct weft_flow_filter f = filter_all();
	static const struct weft_match all;
	struct weft_aggregate a;

	f.table = table;
	f.cookie = cookie;
	f.cookie_mask = UINT64_MAX;
	ft_aggregate(w->sw, &f, &all, &a);
	return (unsigned)a.flows;
}

static inline const struct ft_rule *world_lookup(
	struct world *w, uint8_t table, const struct weft_flow_key *key)
{
	const struct weft_flow_key *keys[1] = {key};
	const struct ft_rule *rules[1];

	ft_table_lookup_burst(w->sw, table, ft_version(w->sw), keys, 1, rules);
	return rules[0];
}
