// SPDX-License-Identifier: Apache-2.0
// What known ways have counted, and rules and tables are told later (flowtable/cache/pending.h):
// nothing is lost, nothing is early, and no step is long. test_cache.c holds all of it against a
// switch without a cache.

#include "side.h"
#include "twins.h"

#include "flowtable/cache/pending.h"

enum {
	FLOWS = 200, // each a way of its own, through three tables
	WAY = 3,
};

static struct twin it;
static uint64_t counted_ns;
static struct pattern flow[FLOWS];

static uint64_t counted(void *ctx)
{
	return counted_ns;
}

// Everything so far is in the counters.
static void pulse(void)
{
	twin_fold(&it);
	counted_ns = it.w->now;
}

static void add(uint8_t table, const struct pattern *p, const struct program *what,
	uint16_t idle_timeout, uint16_t flags)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, table, 1);
	struct weft_match match = pattern_match(p);

	mod.idle_timeout = idle_timeout;
	mod.flags = flags;
	assert_int_equal(ft_flow_mod(it.w->sw, &mod, &match, &what->instr), 0);
}

static struct program next_table(uint8_t table)
{
	return (struct program){.instr = {.flags = WEFT_INSTR_GOTO, .goto_table = table}};
}

static void arrives(const struct frame *f)
{
	struct ft_packet *pkts[FT_BURST] = {books_packet(it.b, f, 1)};

	cached_burst(&it, pkts, 1);
}

// Of n flows in turn.
static void come_from(unsigned first, unsigned n, unsigned packets)
{
	for (unsigned i = 0; i < packets; i++) {
		struct frame f;

		ip_frame(&f, 17, 64);
		frame_set16(&f, 36, first + i % n);
		if (i % FT_BURST == 0)
			books_clear(it.b);
		arrives(&f);
	}
}

static void come(unsigned n, unsigned packets)
{
	come_from(0, n, packets);
}

static int setup(void **state)
{
	struct program on[2] = {next_table(1), next_table(2)}, out = program_out(2);
	struct pattern any = {0};

	twin_init(&it, 4096, 5);
	it.w->sw->env.counted_ns = counted;
	for (uint32_t i = 1; i <= PORTS; i++)
		ft_port_set(it.w->sw, &(struct ft_port){i, 0, true});
	add(0, &any, &on[0], 0, 0);
	add(1, &any, &on[1], 0, 0);
	for (unsigned i = 0; i < FLOWS; i++) {
		flow[i] = (struct pattern){0};
		pattern_exact(&flow[i], WEFT_FIELD_ETH_TYPE, 0x800);
		pattern_exact(&flow[i], WEFT_FIELD_IP_PROTO, 17);
		pattern_exact(&flow[i], WEFT_FIELD_UDP_DST, i);
		add(2, &flow[i], &out, i == 0 ? 2 : 0, WEFT_FLOW_SEND_REMOVED);
	}
	for (unsigned before = 0; it.hits - before < FLOWS;) { // until all are known
		before = it.hits;
		come(FLOWS, FLOWS);
	}
	pulse();
	return 0;
}

static int teardown(void **state)
{
	twin_end(&it);
	return 0;
}

static struct weft_aggregate sum_of(const struct pattern *p)
{
	struct weft_flow_filter all = filter_all();
	struct weft_match match = pattern_match(p);
	struct weft_aggregate sum;

	all.table = 2;
	ft_aggregate(it.w->sw, &all, &match, &sum);
	return sum;
}

static uint64_t lookups(void)
{
	struct weft_table_stats s[WEFT_TABLES];
	uint64_t sum = 0;

	for (unsigned n = ft_table_stats(it.w->sw, s); n; n--)
		sum += s[n - 1].lookups;
	return sum;
}

static void counters_are_told_by_the_fold(void **state)
{
	struct weft_aggregate before = sum_of(&flow[0]), after;
	uint64_t looked = lookups();

	come(1, 10);
	after = sum_of(&flow[0]);
	assert_int_equal(after.packets, before.packets);
	assert_int_equal(lookups(), looked);
	pulse();
	after = sum_of(&flow[0]);
	assert_int_equal(after.packets - before.packets, 10);
	assert_int_equal(after.bytes - before.bytes, 740);
	assert_int_equal(lookups() - looked, 10 * WAY);
	pulse(); // and only once
	assert_int_equal(sum_of(&flow[0]).packets, after.packets);
}

// Packets keep coming.
static void steps_are_short_and_have_an_end(void **state)
{
	uint64_t packets = sum_of(&(struct pattern){0}).packets;
	unsigned steps = 0;
	bool more = true;

	come(FLOWS, FLOWS);
	for (; more; steps++) {
		uint64_t before = lookups();

		more = ft_cache_fold(it.cache);
		assert_in_range(lookups() - before, more ? FT_FOLD_TABLES : 0,
			FT_FOLD_TABLES + FT_PATH_TABLES);
		if (more)
			come(FLOWS, FLOWS);
	}
	assert_in_range(steps, 2, 1 + FLOWS * WAY / FT_FOLD_TABLES);
	assert_int_equal(sum_of(&(struct pattern){0}).packets - packets, FLOWS * (uint64_t)steps);
}

static void idle_times_are_not_early(void **state)
{
	uint64_t start = it.w->now, packets = sum_of(&flow[0]).packets;

	it.w->now = start + 3 * SECOND / 2;
	come(1, 1);
	it.w->now = start + 3 * SECOND; // and none was told since
	assert_int_equal(world_expire(it.w), 0);
	pulse();
	assert_int_equal(world_expire(it.w), 0);
	it.w->now = start + 4 * SECOND;
	assert_int_equal(world_expire(it.w), 0); // for all that is known
	pulse();
	assert_int_equal(world_expire(it.w), 1);
	pulse();
	world_drain(it.w);
	assert_int_equal(it.w->told_n, 1);
	assert_int_equal(it.w->told[0].stats.packets, packets + 1);
	assert_int_equal(it.w->told[0].stats.reason, WEFT_REMOVED_IDLE);
}

// Counted on two ways: the older of which is told later.
static void times_do_not_run_back(void **state)
{
	struct weft_flow_filter all = filter_all();
	struct weft_match any = {0};
	static struct told_all told;
	struct ft_flow_walk *walk;

	come(1, 1);
	it.w->now += SECOND;
	come_from(1, 1, 1);
	it.w->now += SECOND;
	pulse();
	told.n = 0;
	walk = ft_flow_walk_new(it.w->sw, &all, &any);
	while (ft_flow_walk_next(walk, 64, tell, &told))
		;
	ft_flow_walk_free(walk);
	for (unsigned i = 0; i < told.n; i++)
		if (told.stats[i].table < 2)
			assert_int_equal(told.stats[i].idle_ns, SECOND);
}

static void a_reset_is_of_all_that_came_before(void **state)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_MODIFY_STRICT, 2, 1);
	struct weft_match match = pattern_match(&flow[1]);
	struct program out = program_out(3);

	come(2, 20);
	mod.flags = WEFT_FLOW_RESET_COUNTS;
	assert_int_equal(ft_flow_mod(it.w->sw, &mod, &match, &out.instr), 0);
	pulse();
	assert_int_equal(sum_of(&flow[1]).packets, 0);
	come(2, 20);
	pulse();
	assert_int_equal(sum_of(&flow[1]).packets, 10);
}

static void removed_rules_tell_their_last(void **state)
{
	uint64_t packets = sum_of(&flow[1]).packets;
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_DELETE, 2, 0);
	struct weft_match match = pattern_match(&flow[1]);

	come(2, 20);
	assert_int_equal(ft_flow_mod(it.w->sw, &mod, &match, NULL), 0);
	come(2, 20); // are dropped
	pulse();
	world_grace(it.w);
	assert_int_equal(it.w->told_n, 1);
	assert_int_equal(it.w->told[0].stats.packets, packets + 10);
}

// A tag longer than it came, and then no further.
static void what_a_meter_drops_has_its_length(void **state)
{
	struct program tag = next_table(3), metered = program_out(2);
	struct weft_table_stats tables[WEFT_TABLES];
	struct pattern tcp = {0}, any = {0};
	struct weft_aggregate sum;
	unsigned hits = it.hits;

	pattern_exact(&tcp, WEFT_FIELD_ETH_TYPE, 0x800);
	pattern_exact(&tcp, WEFT_FIELD_IP_PROTO, 6);
	program_add(&tag, false, WEFT_ACTION_PUSH_VLAN, 0x8100);
	metered.instr.meter_id = 1; // drops what is longer than 1000 bytes
	add(2, &tcp, &tag, 0, 0);
	add(3, &any, &metered, 0, 0);
	for (unsigned i = 0; i < 30; i++) {
		struct frame f;

		ip_frame(&f, 6, 64);
		f.len = i < 10 ? 74 : 1100; // what passes is remembered
		frame_set16(&f, 16, f.len - 14);
		arrives(&f);
	}
	assert_true(it.hits - hits >= 20 && it.steps[FT_STEP_METER] >= 20);
	pulse();
	ft_aggregate(it.w->sw,
		&(struct weft_flow_filter){
			.out_port = WEFT_OFPORT_ANY, .out_group = WEFT_GROUP_ANY, .table = 3},
		&(struct weft_match){0}, &sum);
	assert_int_equal(sum.packets, 30);
	assert_int_equal(sum.bytes, 10 * 78 + 20 * 1104);
	assert_int_equal(ft_table_stats(it.w->sw, tables), 4);
	assert_int_equal(tables[3].matched, 30);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(counters_are_told_by_the_fold),
		TEST(steps_are_short_and_have_an_end),
		TEST(idle_times_are_not_early),
		TEST(times_do_not_run_back),
		TEST(a_reset_is_of_all_that_came_before),
		TEST(removed_rules_tell_their_last),
		TEST(what_a_meter_drops_has_its_length),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
