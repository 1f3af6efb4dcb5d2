// SPDX-License-Identifier: Apache-2.0
// The flow tables against the oracle: random rules, modifications, transactions, packets, time.

#include "world.h"

#include "flowtable/classifier/bits.h"
#include "flowtable/classifier/lookup.h"
#include "flowtable/rules/tables.h"
#include "flowtable/classifier/tuple.h"

#include "oracle.h"

#define WORKERS 3u
#define TABLES 3u
#if defined(__SANITIZE_THREAD__)
#define SHARE 4u // of the steps: there is one thread
#else
#define SHARE 1u
#endif

static struct oracle *oracle;
static bool wide; // hundreds of masks, thousands of priorities

static uint64_t random_prefix(void)
{
	return 0xffffffff00000000u >> rng() % 33 & 0xffffffffu;
}

static uint32_t random_address(void)
{
	return 0x0a000000u | (rng() % 3) << 16 | (rng() % 3) << 8 | rng() % 40;
}

static struct weft_match wide_match(void)
{
	struct pattern p = {0};

	if (rng() % 16 == 0)
		pattern_masked(&p, WEFT_FIELD_METADATA, rng() % 4, rng());
	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x0800);
	pattern_masked(&p, WEFT_FIELD_IPV4_SRC, random_address(), random_prefix());
	pattern_masked(&p, WEFT_FIELD_IPV4_DST, random_address(), random_prefix());
	if (rng() % 2) {
		pattern_exact(&p, WEFT_FIELD_IP_PROTO, 6);
		if (rng() % 2)
			pattern_exact(&p, WEFT_FIELD_TCP_DST, rng() % 3);
	}
	return pattern_match(&p);
}

static struct weft_flow_key wide_key(void)
{
	struct pattern p = {0};

	pattern_exact(&p, WEFT_FIELD_IN_PORT, 1);
	pattern_exact(&p, WEFT_FIELD_METADATA, rng() % 4);
	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x0800);
	pattern_exact(&p, WEFT_FIELD_IPV4_SRC, random_address());
	pattern_exact(&p, WEFT_FIELD_IPV4_DST, random_address());
	pattern_exact(&p, WEFT_FIELD_IP_PROTO, rng() % 2 ? 6 : 17);
	pattern_exact(&p, WEFT_FIELD_TCP_DST, rng() % 3);
	return p.value;
}

// A small universe, so that matches collide, contain and overlap each other all the time.
static struct weft_match random_match(void)
{
	struct pattern p = {0};

	if (wide)
		return wide_match();
	if (rng() % 4 == 0)
		pattern_exact(&p, WEFT_FIELD_IN_PORT, 1 + rng() % 2);
	if (rng() % 4 == 0)
		pattern_masked(&p, WEFT_FIELD_METADATA, rng() % 4, 1 + rng() % 3);
	if (rng() % 8 == 0)
		pattern_exact(&p, WEFT_FIELD_VLAN_VID, rng() % 2 ? 0 : 0x1000 | rng() % 2);
	if (rng() % 4) {
		static const uint32_t masks[] = {0, 0xff000000, 0xffff0000, 0xffffff00, 0xffffffff};
		static const uint32_t addresses[] = {
			0x0a000001, 0x0a000002, 0x0a000101, 0x0b000001};

		pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x0800);
		pattern_masked(&p, WEFT_FIELD_IPV4_SRC, addresses[rng() % 4], masks[rng() % 5]);
		pattern_masked(&p, WEFT_FIELD_IPV4_DST, addresses[rng() % 4], masks[rng() % 5]);
		if (rng() % 2) {
			pattern_exact(&p, WEFT_FIELD_IP_PROTO, 6);
			if (rng() % 2)
				pattern_exact(&p, WEFT_FIELD_TCP_DST, rng() % 3);
		}
	}
	return pattern_match(&p);
}

static struct weft_flow_key random_key(void)
{
	static const uint32_t addresses[] = {0x0a000001, 0x0a000002, 0x0a000101, 0x0b000001};
	struct pattern p = {0};

	if (wide)
		return wide_key();
	pattern_exact(&p, WEFT_FIELD_IN_PORT, 1 + rng() % 2);
	pattern_exact(&p, WEFT_FIELD_METADATA, rng() % 4);
	if (rng() % 2)
		pattern_exact(&p, WEFT_FIELD_VLAN_VID, 0x1000 | rng() % 2);
	pattern_exact(&p, WEFT_FIELD_ETH_TYPE, 0x0800);
	pattern_exact(&p, WEFT_FIELD_IPV4_SRC, addresses[rng() % 4]);
	pattern_exact(&p, WEFT_FIELD_IPV4_DST, addresses[rng() % 4]);
	pattern_exact(&p, WEFT_FIELD_IP_PROTO, rng() % 2 ? 6 : 17);
	pattern_exact(&p, WEFT_FIELD_TCP_DST, rng() % 3);
	return p.value;
}

static uint16_t random_flags(void)
{
	uint16_t flags = 0;

	if (rng() % 2)
		flags |= WEFT_FLOW_SEND_REMOVED;
	if (rng() % 8 == 0)
		flags |= WEFT_FLOW_CHECK_OVERLAP;
	if (rng() % 3 == 0)
		flags |= WEFT_FLOW_RESET_COUNTS;
	if (rng() % 8 == 0)
		flags |= WEFT_FLOW_NO_BYTE_COUNTS;
	return flags;
}

// At once, or a few rules a step, perhaps given up and begun again.
static enum weft_error in_steps(struct ft_switch *sw, const struct weft_flow_mod *mod,
	const struct weft_match *m, const struct weft_instructions *instr)
{
	struct ft_flow_steps s = {0};
	enum weft_error e;

	if (rng() % 2)
		return ft_flow_mod(sw, mod, m, instr);
	while (ft_flow_mod_some(sw, mod, m, instr, 1 + rng() % 8, &s, &e))
		if (rng() % 64 == 0)
			ft_flow_mod_cancel(&s);
	return e;
}

static void random_flow_mod(struct world *w)
{
	static uint64_t serial;
	struct weft_flow_mod mod = flow_mod_of(
		rng() % (wide ? 6 : 2) ? WEFT_FLOW_ADD : (uint8_t)(rng() % 5),
		(uint8_t)(rng() % (wide ? 1 : TABLES)), (uint16_t)(rng() % (wide ? 65536 : 10)));
	struct weft_match match = random_match();
	uint32_t out = 1 + rng() % 4;
	struct program p = program_out(out);
	bool add = mod.command == WEFT_FLOW_ADD, del = mod.command >= WEFT_FLOW_DELETE;

	// Half of the strict ones name a rule that is there.
	if (!add && oracle->staged.n && rng() % 2) {
		const struct oracle_rule *r = &oracle->staged.rule[rng() % oracle->staged.n];

		match = r->match;
		mod.priority = r->priority;
	}
	mod.cookie = add ? ++serial : rng() % 4;
	mod.flags = random_flags();
	if (add && rng() % 3 == 0)
		mod.idle_timeout = (uint16_t)(1 + rng() % 20);
	if (add && rng() % 3 == 0)
		mod.hard_timeout = (uint16_t)(1 + rng() % 60);
	if (!add && rng() % 2)
		mod.cookie_mask = 3;
	if (!add && oracle->staged.n && rng() % 4 == 0) { // one that is there, or was
		mod.cookie = oracle->staged.rule[rng() % oracle->staged.n].cookie - rng() % 2;
		mod.cookie_mask = UINT64_MAX;
		if (rng() % 2)
			match = (struct weft_match){0};
	}
	if (del && rng() % 3 == 0)
		mod.out_port = 1 + rng() % 4;
	if (del && rng() % 4 == 0)
		mod.table = WEFT_TABLE_ALL;
	assert_int_equal(in_steps(w->sw, &mod, &match, &p.instr),
		oracle_flow_mod(oracle, &mod, &match, out, w->now));
}

// Bursts that there was this for.
static struct {
	unsigned full, sieve, tail, direct, tree, since, packed;
} by;
static unsigned settled; // tables
static enum ft_trees trees = FT_TREES_IF_QUICKER;

static void note_bits(struct world *w, uint8_t table)
{
	const struct ft_table *t = ft_table_of(w->sw, table);
	const struct ft_bits *b = t ? atomic_load(&t->classifier.bits) : NULL;

	if (!b)
		return;
	by.full += !b->n_pieces;
	by.sieve += b->n_pieces && b->n_columns;
	by.direct += b->n_pieces && !b->n_columns;
	by.tail += b->n_pieces && b->n_columns && atomic_load(&b->tail);
}

static void note_tree(struct world *w, uint8_t table)
{
	const struct ft_table *t = ft_table_of(w->sw, table);
	const struct ft_tuple_array *a = t ? atomic_load(&t->classifier.published) : NULL;

	by.tree += a && a->tree;
	by.since += a && a->since;
	for (uint32_t i = 0; a && i < a->n; i++)
		by.packed += atomic_load(&a->at[i].tuple->slots)->packed;
}

// Every instruction set finds the same, by bit vectors, by trees and by tuples alone.
static void look_up(struct world *w, uint8_t table, const struct weft_flow_key *const keys[],
	unsigned n, const struct ft_rule *rules[])
{
	const struct ft_rule *other[FT_BURST];

	note_bits(w, table);
	note_tree(w, table);
	assert_true(ft_isa_use(FT_ISA_SCALAR));
	ft_trees_use(FT_TREES_NEVER);
	ft_bits_use(false);
	ft_table_lookup_burst(w->sw, table, ft_version(w->sw), keys, n, rules);
	for (unsigned i = 0; i < 3 * FT_ISA_MAX; i++) {
		if (!ft_isa_use((enum ft_isa)(i / 3)))
			continue;
		ft_bits_use(i % 3);
		ft_trees_use(i % 3 > 1 ? trees : FT_TREES_NEVER);
		ft_table_lookup_burst(w->sw, table, ft_version(w->sw), keys, n, other);
		for (unsigned k = 0; k < n; k++)
			assert_int_equal(rules[k] ? rules[k]->priority : -1,
				other[k] ? other[k]->priority : -1);
	}
	ft_bits_use(true);
	ft_trees_use(trees);
}

static void check_burst(struct world *w)
{
	unsigned n = 1 + rng() % FT_BURST, worker = rng() % WORKERS, matched = 0;
	struct weft_flow_key key[FT_BURST];
	const struct weft_flow_key *keys[FT_BURST];
	const struct ft_rule *rules[FT_BURST];
	uint8_t table = (uint8_t)(wide ? 0 : rng() % (TABLES + 1));

	for (unsigned i = 0; i < n; i++) {
		key[i] = random_key();
		keys[i] = &key[i];
	}
	look_up(w, table, keys, n, rules);
	for (unsigned i = 0; i < n; i++) {
		int want = oracle_lookup(oracle, table, keys[i]);
		const struct oracle_rule *r;
		uint64_t bytes = 64 + rng() % 1400;

		assert_int_equal(rules[i] ? rules[i]->priority : -1, want);
		if (!rules[i])
			continue;
		matched++;
		r = oracle_by_cookie(&oracle->committed, rules[i]->cookie);
		assert_non_null(r);
		assert_int_equal(r->table, table);
		assert_true(oracle_matches(&r->match, keys[i]));
		assert_int_equal(instr_first_out(ft_rule_instructions(rules[i])), r->out);
		ft_rule_count(w->sw, rules[i], worker, 1, bytes, w->now);
		oracle->counter[r->counter].packets++;
		oracle->counter[r->counter].bytes += bytes;
		oracle->used[r->counter] = w->now;
	}
	ft_table_count(w->sw, worker, table, n, matched);
}

struct dump {
	struct world *w;
	unsigned n;
	uint64_t packets, bytes;
	struct weft_match match;
	struct weft_flow_filter filter;
};

static bool filter_wants(
	const struct weft_flow_filter *f, const struct weft_match *m, const struct oracle_rule *r)
{
	return (f->table == WEFT_TABLE_ALL || f->table == r->table) &&
	       !((r->cookie ^ f->cookie) & f->cookie_mask) &&
	       (f->out_port == WEFT_OFPORT_ANY || f->out_port == r->out) &&
	       oracle_within(&r->match, m);
}

static void dumped(void *arg, const struct weft_flow_stats *s, const struct weft_match *m,
	const struct weft_instructions *instr)
{
	struct dump *d = arg;
	const struct oracle_rule *r = oracle_by_cookie(&oracle->staged, s->cookie);
	uint64_t used;

	assert_non_null(r);
	assert_true(filter_wants(&d->filter, &d->match, r));
	assert_true(weft_match_equal(m, &r->match));
	assert_int_equal(s->priority, r->priority);
	assert_int_equal(s->table, r->table);
	assert_int_equal(s->flags, r->flags);
	assert_int_equal(s->idle_timeout, r->idle);
	assert_int_equal(s->hard_timeout, r->hard);
	assert_int_equal(s->packets, oracle->counter[r->counter].packets);
	assert_int_equal(s->bytes, oracle->counter[r->counter].bytes);
	assert_int_equal(s->duration_ns, d->w->now - r->created);
	used = oracle->used[r->counter] > r->created ? oracle->used[r->counter] : r->created;
	assert_int_equal(s->idle_ns, d->w->now - used);
	assert_int_equal(instr_first_out(instr), r->out);
	d->n++;
	d->packets += s->packets;
	d->bytes += s->bytes;
}

static void check_dump(struct world *w)
{
	struct dump d = {.w = w, .filter = filter_all()};
	struct weft_aggregate sum;
	struct ft_flow_walk *walk;
	unsigned want = 0;

	if (rng() % 2)
		d.match = random_match();
	if (rng() % 3 == 0)
		d.filter.table = (uint8_t)(rng() % TABLES);
	if (rng() % 3 == 0)
		d.filter.out_port = 1 + rng() % 4;
	if (rng() % 3 == 0) {
		d.filter.cookie = rng() % 4;
		d.filter.cookie_mask = 3;
	}
	for (unsigned i = 0; i < oracle->staged.n; i++)
		want += filter_wants(&d.filter, &d.match, &oracle->staged.rule[i]);
	walk = ft_flow_walk_new(w->sw, &d.filter, &d.match);
	assert_non_null(walk);
	while (ft_flow_walk_next(walk, 1 + rng() % 50, dumped, &d))
		;
	ft_flow_walk_free(walk);
	assert_int_equal(d.n, want);
	ft_aggregate(w->sw, &d.filter, &d.match, &sum);
	assert_int_equal(sum.flows, d.n);
	assert_int_equal(sum.packets, d.packets);
	assert_int_equal(sum.bytes, d.bytes);
}

static int by_cookie_told(const void *a, const void *b)
{
	uint64_t x = ((const struct told *)a)->stats.cookie;
	uint64_t y = ((const struct told *)b)->stats.cookie;

	return (x > y) - (x < y);
}

static int by_cookie_oracle(const void *a, const void *b)
{
	uint64_t x = ((const struct oracle_told *)a)->cookie;
	uint64_t y = ((const struct oracle_told *)b)->cookie;

	return (x > y) - (x < y);
}

static void check_told(struct world *w)
{
	world_drain(w);
	assert_int_equal(w->told_n, oracle->told_n);
	if (!w->told_n)
		return;
	qsort(w->told, w->told_n, sizeof(w->told[0]), by_cookie_told);
	qsort(oracle->told, oracle->told_n, sizeof(oracle->told[0]), by_cookie_oracle);
	for (size_t i = 0; i < w->told_n; i++) {
		const struct oracle_told *want = &oracle->told[i];
		const struct weft_flow_stats *got = &w->told[i].stats;

		assert_int_equal(got->cookie, want->cookie);
		assert_int_equal(got->reason, want->reason);
		assert_int_equal(got->packets, want->packets);
		assert_int_equal(got->bytes, want->bytes);
		assert_int_equal(got->duration_ns, want->duration);
	}
	w->told_n = 0;
	oracle->told_n = 0;
}

static void random_step(struct world *w)
{
	unsigned what = rng() % 100;

	if (what < 55) {
		random_flow_mod(w);
	} else if (what < 80) {
		check_burst(w);
	} else if (what < 86) {
		if (!oracle->open) {
			assert_true(ft_txn_begin(w->sw));
			oracle_begin(oracle);
		}
	} else if (what < 90) {
		if (oracle->open) {
			ft_txn_commit(w->sw);
			oracle_commit(oracle, w->now);
		}
	} else if (what < 92) {
		if (oracle->open) {
			while (ft_txn_abort_some(w->sw, 1 + rng() % 8))
				;
			oracle_abort(oracle);
		}
	} else if (what < 95) {
		w->now += rng() % (5 * SECOND);
		if (!oracle->open)
			assert_int_equal(world_expire(w), oracle_expire(oracle, w->now));
		for (unsigned n = rng() % 3; n; n--)
			settled += ft_settle(w->sw);
		ft_lanes_use((enum ft_lanes)(rng() % 3));
		for (unsigned n = rng() % 8; n && ft_settle_more(w->sw); n--)
			;
	} else if (what < 97) {
		check_dump(w);
	} else {
		world_grace(w);
	}
	// Told is what a grace period old commit removed; draining ends all of them.
	if (rng() % 50 == 0 || oracle->told_n > ORACLE_TOLD / 2)
		check_told(w);
}

// Has each structure been met that such a table has?
static bool covered(struct world *w, uint32_t max_rules)
{
	if (!settled)
		return false;
	if (trees == FT_TREES_ALWAYS)
		return by.tree && by.since && by.packed;
	if (wide && max_rules > FT_SIEVE_RULES)
		return ft_table_of(w->sw, 0)->classifier.planned_all && by.full;
	return by.sieve && (wide ? by.tail : by.direct);
}

// Some steps more, where chance has not come by all that is to be met.
static void run(bool deferred, uint32_t max_rules, unsigned steps)
{
	struct world *w = world_new(WORKERS, max_rules);

	w->deferred = deferred;
	oracle = calloc(1, sizeof(*oracle));
	assert_non_null(oracle);
	oracle->max_rules = max_rules;
	ft_trees_use(trees);
	memset(&by, 0, sizeof(by));
	settled = 0;
	for (unsigned i = 0; i < steps / SHARE || (i < 10 * steps && !covered(w, max_rules)); i++)
		random_step(w);
	assert_true(covered(w, max_rules));
	if (oracle->open) {
		ft_txn_commit(w->sw);
		oracle_commit(oracle, w->now);
	}
	check_dump(w);
	check_told(w);
	free(oracle);
	world_free(w);
}

static void immediate_grace(void **state)
{
	run(false, 1000, 6000);
}

static void deferred_grace(void **state)
{
	run(true, 1000, 6000);
}

static void small_table(void **state)
{
	run(true, 20, 6000);
}

// So that there is nearly always a sieve, that has a tail, and rules that have gone.
static void a_hundred_rules(void **state)
{
	wide = true;
	run(true, 100, 6000);
	wide = false;
}

// So that tuples are shared, crowded, planned and planned again.
static void many_masks(void **state)
{
	wide = true;
	run(true, 3000, 8000);
	wide = false;
}

// Made whenever a table has come to rest, of whatever rules there are.
static void trees_of_few_rules(void **state)
{
	trees = FT_TREES_ALWAYS;
	run(true, 1000, 6000);
	trees = FT_TREES_IF_QUICKER;
}

static void trees_of_many_masks(void **state)
{
	trees = FT_TREES_ALWAYS;
	wide = true;
	run(true, 3000, 8000);
	wide = false;
	trees = FT_TREES_IF_QUICKER;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(immediate_grace),
		cmocka_unit_test(deferred_grace),
		cmocka_unit_test(small_table),
		cmocka_unit_test(a_hundred_rules),
		cmocka_unit_test(many_masks),
		cmocka_unit_test(trees_of_few_rules),
		cmocka_unit_test(trees_of_many_masks),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
