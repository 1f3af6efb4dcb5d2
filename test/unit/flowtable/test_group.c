// SPDX-License-Identifier: Apache-2.0
// Groups, meters and ports: commands, errors, references, versions, counters.

#include "world.h"

static struct world *world;

static int setup(void **state)
{
	world = world_new(2, 1000);
	assert_int_equal(ft_port_set(world->sw, &(struct ft_port){.ofport = 1, .live = true}), 0);
	return 0;
}

static int teardown(void **state)
{
	world_free(world);
	return 0;
}

// ---- groups under construction

struct buckets {
	uint8_t bytes[4096];
	size_t len;
	uint16_t n;
};

static struct weft_bucket *bucket(
	struct buckets *b, uint16_t weight, enum weft_action_type type, uint32_t arg)
{
	struct weft_bucket *spec = (void *)(b->bytes + b->len);
	struct program p = {0};

	program_add(&p, false, type, arg);
	*spec = (struct weft_bucket){.bucket_id = b->n,
		.watch_port = WEFT_OFPORT_ANY,
		.watch_group = WEFT_GROUP_ANY,
		.weight = weight,
		.actions_len = p.instr.apply_len};
	memcpy(spec + 1, p.actions, p.instr.apply_len);
	b->len += sizeof(*spec) + p.instr.apply_len;
	b->n++;
	return spec;
}

static enum weft_error group(uint8_t command, uint32_t id, uint8_t type, const struct buckets *b)
{
	static const struct buckets none;
	struct weft_group_mod mod = {.group = id, .command = command, .type = type};

	b = b ? b : &none;
	mod.bucket_count = b->n;
	return ft_group_mod(world->sw, &mod, b->bytes, b->len);
}

static enum weft_error group_to(uint8_t command, uint32_t id, uint32_t target)
{
	struct buckets b = {0};

	bucket(&b, 0, WEFT_ACTION_GROUP, target);
	return group(command, id, WEFT_GROUP_TYPE_ALL, &b);
}

static enum weft_error group_out(uint8_t command, uint32_t id, uint32_t port)
{
	struct buckets b = {0};

	bucket(&b, 0, WEFT_ACTION_OUTPUT, port);
	return group(command, id, WEFT_GROUP_TYPE_ALL, &b);
}

static enum weft_error rule_to(uint64_t cookie, enum weft_action_type type, uint32_t arg)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, 1);
	struct pattern p = {0};
	struct program prog = {0};
	struct weft_match m;

	pattern_exact(&p, WEFT_FIELD_IN_PORT, cookie);
	m = pattern_match(&p);
	program_add(&prog, cookie & 1, type, arg);
	mod.cookie = cookie;
	mod.flags = WEFT_FLOW_SEND_REMOVED;
	return ft_flow_mod(world->sw, &mod, &m, &prog.instr);
}

struct seen_group {
	struct weft_group_stats stats;
	struct weft_bucket_counters first;
	unsigned n;
};

static void saw_group(void *arg, const struct weft_group_stats *s, const void *buckets,
	const struct weft_bucket_counters *c)
{
	struct seen_group *seen = arg;

	seen->stats = *s;
	seen->n++;
	if (s->group.bucket_count)
		seen->first = c[0];
}

static struct seen_group show(uint32_t id)
{
	struct seen_group seen = {0};

	ft_groups(world->sw, id, saw_group, &seen);
	return seen;
}

static void errors(void **state)
{
	struct buckets two = {0}, weighted = {0}, ff = {0}, unwatched = {0}, out = {0};

	bucket(&two, 0, WEFT_ACTION_OUTPUT, 1);
	bucket(&two, 0, WEFT_ACTION_OUTPUT, 2);
	bucket(&weighted, 5, WEFT_ACTION_OUTPUT, 1);
	bucket(&unwatched, 0, WEFT_ACTION_OUTPUT, 1);
	bucket(&out, 0, WEFT_ACTION_OUTPUT, 0);
	assert_int_equal(group(9, 1, 0, NULL), WEFT_E_GROUP_COMMAND);
	assert_int_equal(group(WEFT_GROUP_ADD, WEFT_GROUP_MAX + 1, 0, NULL), WEFT_E_GROUP_INVALID);
	assert_int_equal(group(WEFT_GROUP_ADD, WEFT_GROUP_ALL, 0, NULL), WEFT_E_GROUP_INVALID);
	assert_int_equal(group(WEFT_GROUP_ADD, 1, 4, NULL), WEFT_E_GROUP_TYPE);
	assert_int_equal(group(WEFT_GROUP_MODIFY, 1, 0, NULL), WEFT_E_GROUP_UNKNOWN);
	assert_int_equal(
		group(WEFT_GROUP_ADD, 1, WEFT_GROUP_TYPE_INDIRECT, &two), WEFT_E_GROUP_INVALID);
	assert_int_equal(
		group(WEFT_GROUP_ADD, 1, WEFT_GROUP_TYPE_INDIRECT, NULL), WEFT_E_GROUP_INVALID);
	assert_int_equal(
		group(WEFT_GROUP_ADD, 1, WEFT_GROUP_TYPE_ALL, &weighted), WEFT_E_GROUP_INVALID);
	assert_int_equal(
		group(WEFT_GROUP_ADD, 1, WEFT_GROUP_TYPE_FF, &unwatched), WEFT_E_GROUP_INVALID);
	assert_int_equal(group(WEFT_GROUP_ADD, 1, WEFT_GROUP_TYPE_ALL, &out), WEFT_E_ACTION_PORT);
	assert_int_equal(group_to(WEFT_GROUP_ADD, 1, 2), WEFT_E_ACTION_GROUP);
	assert_int_equal(group_to(WEFT_GROUP_ADD, 1, 1), WEFT_E_GROUP_LOOP);
	bucket(&ff, 0, WEFT_ACTION_OUTPUT, 1)->watch_port = 99;
	assert_int_equal(group(WEFT_GROUP_ADD, 1, WEFT_GROUP_TYPE_FF, &ff), WEFT_E_GROUP_WATCH_BAD);
	((struct weft_bucket *)ff.bytes)->watch_port = WEFT_OFPORT_ANY;
	((struct weft_bucket *)ff.bytes)->watch_group = 7;
	assert_int_equal(group(WEFT_GROUP_ADD, 1, WEFT_GROUP_TYPE_FF, &ff), WEFT_E_GROUP_WATCH_BAD);
	two.len--;
	assert_int_equal(group(WEFT_GROUP_ADD, 1, WEFT_GROUP_TYPE_ALL, &two), WEFT_E_MALFORMED);
	two.len++;
	two.n = 3;
	assert_int_equal(group(WEFT_GROUP_ADD, 1, WEFT_GROUP_TYPE_ALL, &two), WEFT_E_MALFORMED);
	two.n = 1;
	assert_int_equal(group(WEFT_GROUP_ADD, 1, WEFT_GROUP_TYPE_ALL, &two), WEFT_E_MALFORMED);
	assert_int_equal(show(WEFT_GROUP_ALL).n, 0);
	// And what is right.
	two.n = 2;
	assert_int_equal(group(WEFT_GROUP_ADD, 1, WEFT_GROUP_TYPE_ALL, &two), WEFT_E_NONE);
	assert_int_equal(group(WEFT_GROUP_ADD, 1, WEFT_GROUP_TYPE_ALL, &two), WEFT_E_GROUP_EXISTS);
	((struct weft_bucket *)ff.bytes)->watch_port = 1;
	((struct weft_bucket *)ff.bytes)->watch_group = 1;
	assert_int_equal(group(WEFT_GROUP_ADD, 2, WEFT_GROUP_TYPE_FF, &ff), WEFT_E_NONE);
	assert_int_equal(group(WEFT_GROUP_ADD, 3, WEFT_GROUP_TYPE_SELECT, &weighted), WEFT_E_NONE);
	assert_int_equal(group(WEFT_GROUP_ADD, 4, WEFT_GROUP_TYPE_ALL, NULL), WEFT_E_NONE);
	assert_int_equal(show(WEFT_GROUP_ALL).n, 4);
	assert_int_equal(show(2).stats.group.type, WEFT_GROUP_TYPE_FF);
	assert_int_equal(
		ft_groups(world->sw, 77, saw_group, &(struct seen_group){0}), WEFT_E_GROUP_UNKNOWN);
}

static void limit(void **state)
{
	for (uint32_t i = 1; i <= 64; i++)
		assert_int_equal(group_out(WEFT_GROUP_ADD, i, 1), WEFT_E_NONE);
	assert_int_equal(group_out(WEFT_GROUP_ADD, 65, 1), WEFT_E_GROUP_FULL);
	assert_int_equal(group_out(WEFT_GROUP_DELETE, 7, 1), WEFT_E_NONE);
	assert_int_equal(group_out(WEFT_GROUP_ADD, 65, 1), WEFT_E_NONE);
}

static void loops_and_chains(void **state)
{
	struct buckets ff = {0};

	assert_int_equal(group_out(WEFT_GROUP_ADD, 3, 1), WEFT_E_NONE);
	assert_int_equal(group_to(WEFT_GROUP_ADD, 2, 3), WEFT_E_NONE);
	assert_int_equal(group_to(WEFT_GROUP_ADD, 1, 2), WEFT_E_NONE);
	assert_int_equal(group_to(WEFT_GROUP_MODIFY, 3, 1), WEFT_E_GROUP_LOOP);
	assert_int_equal(group_to(WEFT_GROUP_MODIFY, 3, 3), WEFT_E_GROUP_LOOP);
	bucket(&ff, 0, WEFT_ACTION_OUTPUT, 1)->watch_group = 1;
	assert_int_equal(group(WEFT_GROUP_MODIFY, 3, WEFT_GROUP_TYPE_FF, &ff), WEFT_E_GROUP_LOOP);
	assert_int_equal(group_to(WEFT_GROUP_MODIFY, 1, 3), WEFT_E_NONE);
	assert_int_equal(show(3).stats.ref_count, 2);
	assert_int_equal(show(2).stats.ref_count, 0);
	assert_int_equal(group_out(WEFT_GROUP_DELETE, 3, 1), WEFT_E_GROUP_CHAINED);
	assert_int_equal(group_out(WEFT_GROUP_DELETE, 1, 1), WEFT_E_NONE);
	assert_int_equal(group_out(WEFT_GROUP_DELETE, 2, 1), WEFT_E_NONE);
	assert_int_equal(show(3).stats.ref_count, 0);
	assert_int_equal(group_out(WEFT_GROUP_DELETE, 3, 1), WEFT_E_NONE);
	assert_int_equal(group_out(WEFT_GROUP_DELETE, 3, 1), WEFT_E_NONE); // no error
	// All at once, though chained; in a transaction that comes to nothing, then for good.
	assert_int_equal(group_out(WEFT_GROUP_ADD, 1, 1), WEFT_E_NONE);
	assert_int_equal(group_to(WEFT_GROUP_ADD, 2, 1), WEFT_E_NONE);
	assert_true(ft_txn_begin(world->sw));
	assert_int_equal(group(WEFT_GROUP_DELETE, WEFT_GROUP_ALL, 0, NULL), WEFT_E_NONE);
	assert_int_equal(show(WEFT_GROUP_ALL).n, 0);
	assert_int_equal(group_out(WEFT_GROUP_ADD, 1, 5), WEFT_E_NONE);
	ft_txn_abort(world->sw);
	assert_int_equal(show(WEFT_GROUP_ALL).n, 2);
	assert_int_equal(show(1).stats.ref_count, 1);
	assert_int_equal(group_out(WEFT_GROUP_DELETE, 1, 1), WEFT_E_GROUP_CHAINED);
	assert_int_equal(group(WEFT_GROUP_DELETE, WEFT_GROUP_ALL, 0, NULL), WEFT_E_NONE);
	assert_int_equal(show(WEFT_GROUP_ALL).n, 0);
}

// A chain as long as there may be must not overflow anything.
static void long_chain(void **state)
{
	struct ft_limits limits = {1000, 200000, 16, 16};

	ft_switch_set_limits(world->sw, &limits);
	assert_int_equal(group_out(WEFT_GROUP_ADD, 1, 1), WEFT_E_NONE);
	assert_true(ft_txn_begin(world->sw));
	// Downwards: each is new, and what it leads to is one group with no way on but its own.
	for (uint32_t i = 2; i <= 2000; i++)
		assert_int_equal(group_to(WEFT_GROUP_ADD, i, i - 1), WEFT_E_NONE);
	ft_txn_commit(world->sw);
	assert_int_equal(group_to(WEFT_GROUP_MODIFY, 1, 2000), WEFT_E_GROUP_LOOP);
	assert_int_equal(group(WEFT_GROUP_DELETE, WEFT_GROUP_ALL, 0, NULL), WEFT_E_NONE);
}

static void rules_go_with_their_group(void **state)
{
	assert_int_equal(group_out(WEFT_GROUP_ADD, 1, 1), WEFT_E_NONE);
	assert_int_equal(group_out(WEFT_GROUP_ADD, 2, 1), WEFT_E_NONE);
	for (unsigned i = 1; i <= 10; i++)
		assert_int_equal(rule_to(i, WEFT_ACTION_GROUP, 1), WEFT_E_NONE);
	assert_int_equal(rule_to(11, WEFT_ACTION_GROUP, 2), WEFT_E_NONE);
	assert_int_equal(show(1).stats.ref_count, 10);
	assert_int_equal(rule_to(3, WEFT_ACTION_GROUP, 2), WEFT_E_NONE); // moves over
	assert_int_equal(show(1).stats.ref_count, 9);
	assert_int_equal(show(2).stats.ref_count, 2);
	assert_true(ft_txn_begin(world->sw));
	assert_int_equal(group_out(WEFT_GROUP_DELETE, 1, 1), WEFT_E_NONE);
	assert_int_equal(world->sw->rules, 2);
	ft_txn_abort(world->sw);
	assert_int_equal(world->sw->rules, 11);
	assert_int_equal(show(1).stats.ref_count, 9);
	assert_int_equal(world->told_n, 0);
	assert_int_equal(group_out(WEFT_GROUP_DELETE, 1, 1), WEFT_E_NONE);
	assert_int_equal(world->sw->rules, 2);
	assert_int_equal(world->told_n, 9);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(world->told[i].stats.reason, WEFT_REMOVED_GROUP);
	// Rules come and go under the same numbers, many times over.
	for (unsigned round = 0; round < 300; round++) {
		struct weft_flow_mod del = flow_mod_of(WEFT_FLOW_DELETE, 0, 0);
		static const struct weft_match all;

		assert_int_equal(rule_to(20 + round % 7, WEFT_ACTION_GROUP, 2), WEFT_E_NONE);
		if (round % 13 == 12) {
			assert_int_equal(ft_flow_mod(world->sw, &del, &all, NULL), WEFT_E_NONE);
			assert_int_equal(show(2).stats.ref_count, 0);
		}
	}
	assert_int_equal(show(2).stats.ref_count, world->sw->rules);
	assert_int_equal(group_out(WEFT_GROUP_DELETE, 2, 1), WEFT_E_NONE);
	assert_int_equal(world->sw->rules, 0);
}

static void versions_and_counters(void **state)
{
	const struct ft_group *g;
	uint64_t before;

	assert_int_equal(group_out(WEFT_GROUP_ADD, 1, 1), WEFT_E_NONE);
	world->now += SECOND;
	before = ft_version(world->sw);
	g = ft_group_find(world->sw, 1, before);
	assert_non_null(g);
	ft_group_count(g, 0, 100);
	ft_group_count(g, 1, 50);
	ft_bucket_count(g, 0, 1, 50);
	assert_int_equal(show(1).stats.packets, 2);
	assert_int_equal(show(1).stats.bytes, 150);
	assert_int_equal(show(1).first.bytes, 50);
	assert_int_equal(show(1).stats.duration_ns, SECOND);
	world->deferred = true;
	assert_true(ft_txn_begin(world->sw));
	assert_int_equal(group_out(WEFT_GROUP_MODIFY, 1, 2), WEFT_E_NONE);
	assert_ptr_equal(ft_group_find(world->sw, 1, ft_version(world->sw)), g);
	ft_txn_commit(world->sw);
	assert_ptr_equal(ft_group_find(world->sw, 1, before), g);
	assert_ptr_not_equal(ft_group_find(world->sw, 1, ft_version(world->sw)), g);
	world_drain(world);
	world->deferred = false;
	// 6.5: the group's counters and age stay, its buckets' start again.
	assert_int_equal(show(1).stats.packets, 2);
	assert_int_equal(show(1).stats.duration_ns, SECOND);
	assert_int_equal(show(1).first.packets, 0);
	before = ft_version(world->sw);
	world->deferred = true;
	assert_int_equal(group_out(WEFT_GROUP_DELETE, 1, 1), WEFT_E_NONE);
	assert_non_null(ft_group_find(world->sw, 1, before));
	assert_null(ft_group_find(world->sw, 1, ft_version(world->sw)));
	assert_int_equal(group_out(WEFT_GROUP_ADD, 1, 1), WEFT_E_NONE); // anew
	world_drain(world);
	world->deferred = false;
	assert_int_equal(show(1).stats.packets, 0);
	assert_int_equal(show(1).stats.duration_ns, 0);
}

// ---- meters

static enum weft_error meter(
	uint8_t command, uint32_t id, uint16_t flags, uint8_t n, const struct weft_band *bands)
{
	struct weft_meter_mod mod = {
		.meter = id, .flags = flags, .command = command, .band_count = n};

	return ft_meter_mod(world->sw, &mod, bands);
}

static void saw_meter(void *arg, const struct weft_meter_stats *s, const struct weft_band *bands,
	const struct weft_bucket_counters *c)
{
	struct weft_meter_stats *out = arg;

	*out = *s;
	if (s->meter.band_count)
		out->duration_ns = c[0].packets; // what the tests below ask for
}

static void meters(void **state)
{
	struct weft_band ok = {.rate = 1000, .type = WEFT_BAND_DROP}, bad = ok, many[17] = {{0}};
	struct weft_meter_stats s;
	const struct ft_meter *m;

	assert_int_equal(meter(7, 1, 1, 1, &ok), WEFT_E_METER_COMMAND);
	assert_int_equal(meter(WEFT_METER_ADD, 0, 1, 1, &ok), WEFT_E_METER_INVALID);
	assert_int_equal(
		meter(WEFT_METER_ADD, WEFT_METER_MAX + 1, 1, 1, &ok), WEFT_E_METER_INVALID);
	assert_int_equal(meter(WEFT_METER_ADD, 1, 3, 1, &ok), WEFT_E_METER_FLAGS);
	assert_int_equal(meter(WEFT_METER_ADD, 1, 16, 1, &ok), WEFT_E_METER_FLAGS);
	assert_int_equal(meter(WEFT_METER_ADD, 1, 1, 17, many), WEFT_E_METER_BANDS);
	bad.type = 9;
	assert_int_equal(meter(WEFT_METER_ADD, 1, 1, 1, &bad), WEFT_E_METER_BAND);
	bad = (struct weft_band){.type = WEFT_BAND_DROP};
	assert_int_equal(meter(WEFT_METER_ADD, 1, 1, 1, &bad), WEFT_E_METER_RATE);
	assert_int_equal(meter(WEFT_METER_ADD, 1, 5, 1, &ok), WEFT_E_METER_BURST);
	bad = (struct weft_band){.rate = 1, .type = WEFT_BAND_DSCP_REMARK, .prec_level = 3};
	assert_int_equal(meter(WEFT_METER_ADD, 1, 1, 1, &bad), WEFT_E_METER_BAND_VALUE);
	assert_int_equal(meter(WEFT_METER_MODIFY, 1, 1, 1, &ok), WEFT_E_METER_UNKNOWN);
	assert_int_equal(meter(WEFT_METER_DELETE, 1, 1, 0, NULL), WEFT_E_NONE);
	assert_int_equal(world->meters, 0);

	assert_int_equal(meter(WEFT_METER_ADD, 1, 1, 1, &ok), WEFT_E_NONE);
	assert_int_equal(meter(WEFT_METER_ADD, 1, 1, 1, &ok), WEFT_E_METER_EXISTS);
	assert_int_equal(rule_to(1, WEFT_ACTION_METER, 1), WEFT_E_NONE);
	m = ft_meter_find(world->sw, 1, ft_version(world->sw));
	assert_non_null(m);
	assert_int_equal(ft_meter_run(world->sw, m, 0, 0, 100), FT_METER_PASS);
	assert_int_equal(ft_meter_run(world->sw, m, 1, 0, 2000), 0);
	assert_int_equal(ft_meters(world->sw, 1, saw_meter, &s), WEFT_E_NONE);
	assert_int_equal(s.packets, 2);
	assert_int_equal(s.bytes, 2100);
	assert_int_equal(s.flow_count, 1);
	assert_int_equal(s.duration_ns, 1);
	assert_int_equal(meter(WEFT_METER_MODIFY, 1, 2, 1, &ok), WEFT_E_NONE);
	assert_int_equal(world->meters, 1);
	assert_int_equal(ft_meters(world->sw, WEFT_METER_ALL, saw_meter, &s), WEFT_E_NONE);
	assert_int_equal(s.packets, 2);
	assert_int_equal(s.duration_ns, 0);
	assert_true(ft_txn_begin(world->sw));
	assert_int_equal(meter(WEFT_METER_DELETE, WEFT_METER_ALL, 0, 0, NULL), WEFT_E_NONE);
	assert_int_equal(ft_meters(world->sw, 1, saw_meter, &s), WEFT_E_METER_UNKNOWN);
	ft_txn_abort(world->sw);
	assert_int_equal(ft_meters(world->sw, 1, saw_meter, &s), WEFT_E_NONE);
	assert_int_equal(s.flow_count, 1);
	assert_int_equal(meter(WEFT_METER_DELETE, 1, 0, 0, NULL), WEFT_E_NONE);
	assert_int_equal(world->meters, 0);
	assert_int_equal(world->sw->rules, 0);
	assert_int_equal(world->told_n, 1);
	assert_int_equal(world->told[0].stats.reason, WEFT_REMOVED_METER);
	for (uint32_t i = 1; i <= 16; i++)
		assert_int_equal(meter(WEFT_METER_ADD, i, 1, 0, NULL), WEFT_E_NONE);
	assert_int_equal(meter(WEFT_METER_ADD, 17, 1, 0, NULL), WEFT_E_METER_FULL);
}

// ---- ports

static void ports(void **state)
{
	const uint32_t numbers[] = {9, 3, WEFT_OFPORT_OVERLAY, 5};
	const struct ft_port_list *list;

	assert_int_equal(ft_port_set(world->sw, &(struct ft_port){.ofport = 0}), WEFT_E_NO_PORT);
	assert_int_equal(ft_port_set(world->sw, &(struct ft_port){.ofport = WEFT_OFPORT_ALL}),
		WEFT_E_NO_PORT);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(
			ft_port_set(world->sw, &(struct ft_port){.ofport = numbers[i]}), 0);
	list = ft_ports(world->sw);
	assert_int_equal(list->n, 5);
	for (unsigned i = 1; i < list->n; i++)
		assert_true(list->port[i - 1]->ofport < list->port[i]->ofport);
	assert_false(ft_port_live(ft_port_find(world->sw, 5)));
	ft_port_set(world->sw,
		&(struct ft_port){.ofport = 5, .config = WEFT_PORT_NO_FWD, .live = true});
	assert_true(ft_port_live(ft_port_find(world->sw, 5)));
	assert_int_equal(ft_port_config(ft_port_find(world->sw, 5)), WEFT_PORT_NO_FWD);
	ft_port_del(world->sw, 5);
	ft_port_del(world->sw, 5);
	assert_null(ft_port_find(world->sw, 5));
	assert_int_equal(ft_ports(world->sw)->n, 4);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(errors),
		TEST(limit),
		TEST(loops_and_chains),
		TEST(long_chain),
		TEST(rules_go_with_their_group),
		TEST(versions_and_counters),
		TEST(meters),
		TEST(ports),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
