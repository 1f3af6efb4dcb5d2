// SPDX-License-Identifier: Apache-2.0
// Flow monitors against a mirror: whoever applies the changes that are told, in order, has what a
// dump has, after every transaction that has been told.

#include "world.h"

#include <cmocka.h>

#define PORTS 40u

struct mirror {
	bool there[2][PORTS]; // by table and in_port
	uint32_t out[2][PORTS];
	uint64_t cause[2][PORTS];
	unsigned told;
};

static struct mirror mirror;
static uint64_t mask; // of the monitor that the mirror is for

static uint32_t in_port_of(const struct weft_match *m)
{
	struct weft_flow_key value, bits;

	weft_match_to_key(m, &value, &bits);
	return ntohl(value.in_port);
}

static void on_change(void *ctx, void *sw_ctx, const struct ft_change *c,
	const struct weft_flow_stats *s, const struct weft_match *m,
	const struct weft_instructions *instr)
{
	uint32_t port = in_port_of(m);
	unsigned t = s->table;

	assert_true(c->monitors);
	if (!(c->monitors & mask))
		return;
	mirror.told++;
	assert_true(t < 2 && port < PORTS);
	if (c->kind == FT_CHANGE_REMOVED || c->kind == FT_CHANGE_MODIFIED)
		assert_true(mirror.there[t][port]);
	mirror.there[t][port] = c->kind != FT_CHANGE_REMOVED;
	mirror.out[t][port] = instr_first_out(instr);
	mirror.cause[t][port] = c->cause;
}

static void put(struct world *w, uint8_t command, uint8_t table, uint32_t port, uint32_t out)
{
	struct weft_flow_mod mod = flow_mod_of(command, table, 5);
	struct weft_match m = match_port(port);
	struct program p = program_out(out);

	assert_int_equal(ft_flow_mod(w->sw, &mod, &m, &p.instr), WEFT_E_NONE);
}

static struct mirror found;

static void collect(void *arg, const struct weft_flow_stats *s, const struct weft_match *m,
	const struct weft_instructions *instr)
{
	uint32_t port = in_port_of(m);

	found.there[s->table][port] = true;
	found.out[s->table][port] = instr_first_out(instr);
}

static void check_mirror(struct world *w, const struct weft_flow_filter *filter)
{
	static const struct weft_match all;
	struct ft_flow_walk *walk = ft_flow_walk_new(w->sw, filter, &all);

	memset(&found, 0, sizeof(found));
	while (ft_flow_walk_next(walk, 64, collect, NULL))
		;
	ft_flow_walk_free(walk);
	assert_memory_equal(mirror.there, found.there, sizeof(found.there));
	for (unsigned t = 0; t < 2; t++)
		for (unsigned i = 0; i < PORTS; i++)
			if (found.there[t][i])
				assert_int_equal(mirror.out[t][i], found.out[t][i]);
}

static void random_change(struct world *w)
{
	static const struct weft_match all;
	static const uint8_t commands[] = {
		WEFT_FLOW_ADD, WEFT_FLOW_ADD, WEFT_FLOW_MODIFY_STRICT, WEFT_FLOW_DELETE_STRICT};
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_DELETE, (uint8_t)(rng() % 2), 0);

	if (rng() % 60 == 0)
		assert_int_equal(ft_flow_mod(w->sw, &mod, &all, NULL), WEFT_E_NONE);
	else
		put(w, commands[rng() % 4], (uint8_t)(rng() % 2), rng() % PORTS, 1 + rng() % 5);
}

static void the_mirror_has_what_a_dump_has(void **state)
{
	static const struct weft_match all;

	for (unsigned round = 0; round < 30; round++) {
		struct weft_flow_filter filter = filter_all();
		struct world *w = world_new(1, 10000);

		w->deferred = round & 1;
		w->sw->env.changed = on_change;
		memset(&mirror, 0, sizeof(mirror));
		mask = 1ull << (round % FT_MONITORS);
		if (round % 3 == 0)
			filter.table = 1;
		assert_int_equal(
			ft_monitor_set(w->sw, round % FT_MONITORS, &filter, &all, 7), WEFT_E_NONE);
		for (unsigned txn = 0; txn < 60; txn++) {
			bool large = txn % 20 == 7;

			assert_true(ft_txn_begin(w->sw));
			for (unsigned n = rng() % (large ? 4000 : 30); n; n--)
				random_change(w);
			if (rng() % 5 == 0)
				ft_txn_abort(w->sw);
			else
				ft_txn_commit(w->sw);
			if (rng() % 3 == 0)
				world_grace(w);
			if (rng() % 2)
				continue; // what waits goes on waiting
			while (ft_changes_tell(w->sw, 1 + rng() % 300))
				;
			check_mirror(w, &filter);
		}
		assert_true(mirror.told > 0);
		world_free(w);
	}
}

// Those for output to one port: by the old rule and by the new; and each kind by itself.
static void what_is_wanted(void **state)
{
	static const struct weft_match all;
	struct weft_flow_filter filter = filter_all();
	struct world *w = world_new(1, 100);

	w->sw->env.changed = on_change;
	memset(&mirror, 0, sizeof(mirror));
	mask = 1;
	filter.out_port = 3;
	assert_int_equal(ft_monitor_set(w->sw, FT_MONITORS, &filter, &all, 7), WEFT_E_TABLE_FULL);
	assert_int_equal(ft_monitor_set(w->sw, 0, &filter, &all, 7), WEFT_E_NONE);
	put(w, WEFT_FLOW_ADD, 0, 1, 2);
	assert_int_equal(mirror.told, 0);
	put(w, WEFT_FLOW_ADD, 0, 1, 3);
	assert_int_equal(mirror.told, 1);
	put(w, WEFT_FLOW_MODIFY_STRICT, 0, 1, 2); // it had that port
	assert_int_equal(mirror.told, 2);
	put(w, WEFT_FLOW_MODIFY_STRICT, 0, 1, 4);
	put(w, WEFT_FLOW_DELETE_STRICT, 0, 1, 0);
	assert_int_equal(mirror.told, 2);
	filter.out_port = WEFT_OFPORT_ANY;
	assert_int_equal(ft_monitor_set(w->sw, 0, &filter, &all, FT_CHANGE_BIT(FT_CHANGE_MODIFIED)),
		WEFT_E_NONE);
	mirror.there[0][1] = true;
	put(w, WEFT_FLOW_ADD, 0, 1, 2);
	put(w, WEFT_FLOW_MODIFY_STRICT, 0, 1, 2); // nothing changes
	assert_int_equal(mirror.told, 2);
	put(w, WEFT_FLOW_MODIFY_STRICT, 0, 1, 5);
	assert_int_equal(mirror.told, 3);
	ft_monitor_clear(w->sw, 0);
	put(w, WEFT_FLOW_MODIFY_STRICT, 0, 1, 6);
	assert_int_equal(mirror.told, 3);
	world_free(w);
}

static void whose_it_is(void **state)
{
	static const struct weft_match all;
	struct weft_flow_filter filter = filter_all();
	struct world *w = world_new(1, 100);

	w->sw->env.changed = on_change;
	memset(&mirror, 0, sizeof(mirror));
	mask = 1;
	assert_int_equal(ft_monitor_set(w->sw, 0, &filter, &all, 7), WEFT_E_NONE);
	ft_cause(w->sw, 7);
	assert_true(ft_txn_begin(w->sw));
	put(w, WEFT_FLOW_ADD, 0, 1, 2);
	ft_cause(w->sw, 8);
	put(w, WEFT_FLOW_ADD, 0, 2, 2);
	ft_txn_commit(w->sw);
	put(w, WEFT_FLOW_ADD, 0, 3, 2); // the transaction's end is the cause's
	assert_int_equal(mirror.cause[0][1], 7);
	assert_int_equal(mirror.cause[0][2], 8);
	assert_int_equal(mirror.cause[0][3], 0);
	world_free(w);
}

// What waits is told to nobody any more, and leaves nothing behind.
static void a_switch_ends_while_changes_wait(void **state)
{
	static const struct weft_match all;
	struct weft_flow_filter filter = filter_all();
	struct world *w = world_new(1, 10000);
	unsigned told;

	w->sw->env.changed = on_change;
	memset(&mirror, 0, sizeof(mirror));
	mask = 1;
	assert_int_equal(ft_monitor_set(w->sw, 0, &filter, &all, 7), WEFT_E_NONE);
	for (unsigned txn = 0; txn < 2; txn++) {
		assert_true(ft_txn_begin(w->sw));
		for (unsigned n = 0; n < 3000; n++)
			random_change(w);
		ft_txn_commit(w->sw);
	}
	assert_true(ft_changes_tell(w->sw, 100));
	told = mirror.told;
	assert_in_range(told, 1, 100);
	world_free(w);
	assert_int_equal(mirror.told, told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mirror_has_what_a_dump_has),
		cmocka_unit_test(what_is_wanted),
		cmocka_unit_test(whose_it_is),
		cmocka_unit_test(a_switch_ends_while_changes_wait),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
