// SPDX-License-Identifier: Apache-2.0
// Eviction against an oracle that looks at every rule, and vacancy events.

#include "world.h"

#define ROOM 50u
#define PORTS 400u

static struct world *world;
static struct weft_table_desc status[64];
static unsigned n_status;

static void on_status(void *ctx, void *sw_ctx, const struct weft_table_desc *d)
{
	assert_true(n_status < 64);
	status[n_status++] = *d;
}

static int setup(void **state)
{
	world = world_new(1, ROOM);
	world->sw->env.table_status = on_status;
	n_status = 0;
	return 0;
}

static int teardown(void **state)
{
	world_free(world);
	return 0;
}

static enum weft_error evicts(uint8_t table, uint8_t flags)
{
	return ft_table_mod(world->sw,
		&(struct weft_table_mod){
			.table = table, .set = WEFT_TABLE_SET_EVICTION, .eviction = flags});
}

static enum weft_error add(unsigned port, uint16_t importance, uint16_t idle, uint16_t hard)
{
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, 0, 1);
	struct program p = program_out(1);
	struct weft_match m = match_port(port);

	mod.importance = importance;
	mod.idle_timeout = idle;
	mod.hard_timeout = hard;
	mod.flags = WEFT_FLOW_SEND_REMOVED;
	mod.cookie = port;
	return ft_flow_mod(world->sw, &mod, &m, &p.instr);
}

struct oracle {
	bool there;
	uint16_t importance, idle, hard;
	uint64_t created, used;
};

// As in evict.c, worked out anew.
static uint64_t worth(const struct oracle *o, unsigned flags)
{
	uint64_t key = flags & WEFT_EVICT_IMPORTANCE ? (uint64_t)o->importance << 48 : 0;
	uint64_t last = o->used > o->created ? o->used : o->created, due = UINT64_MAX;

	if ((flags & WEFT_EVICT_LIFETIME) && o->idle)
		due = last + o->idle * SECOND;
	if ((flags & WEFT_EVICT_LIFETIME) && o->hard && o->created + o->hard * SECOND < due)
		due = o->created + o->hard * SECOND;
	return due != UINT64_MAX ? key | due >> 20 : key | 1ull << 47 | last >> 20;
}

static void use(struct oracle *all, unsigned port)
{
	struct weft_flow_key key = {.in_port = htonl(port)};
	const struct ft_rule *r = world_lookup(world, 0, &key);

	if (!all[port].there)
		return;
	assert_non_null(r);
	ft_rule_count(world->sw, r, 0, 1, 100, world->now);
	all[port].used = world->now;
}

// Adds to the full table, and says which went; 0: none.
static unsigned add_full(const struct oracle *o, unsigned port, enum weft_error *e)
{
	world->told_n = 0;
	*e = add(port, o->importance, o->idle, o->hard);
	assert_true(world->told_n <= 1);
	if (!world->told_n)
		return 0;
	assert_int_equal(world->told[0].stats.reason, WEFT_REMOVED_EVICTION);
	return (unsigned)world->told[0].stats.cookie;
}

static void one_add(struct oracle *all, unsigned flags, unsigned *n)
{
	struct oracle o = {true, rng() % 4, rng() % 3 ? rng() % 60 : 0, rng() % 3 ? rng() % 60 : 0,
		world->now, 0};
	unsigned port = 1 + rng() % (PORTS - 1), gone;
	uint64_t least = UINT64_MAX;
	enum weft_error e;

	if (all[port].there)
		return;
	for (unsigned i = 0; i < PORTS; i++)
		if (all[i].there && worth(&all[i], flags) < least)
			least = worth(&all[i], flags);
	gone = add_full(&o, port, &e);
	if (*n < ROOM) {
		assert_int_equal(e, WEFT_E_NONE);
		assert_int_equal(gone, 0);
		++*n;
	} else if ((flags & WEFT_EVICT_IMPORTANCE) && least >> 48 > o.importance) {
		assert_int_equal(e, WEFT_E_TABLE_FULL);
		return;
	} else {
		assert_int_equal(e, WEFT_E_NONE);
		assert_true(all[gone].there);
		assert_true(worth(&all[gone], flags) == least);
		all[gone].there = false;
	}
	all[port] = o;
}

static void least_goes(void **state)
{
	static const uint8_t kinds[] = {WEFT_EVICT_OTHER, WEFT_EVICT_IMPORTANCE,
		WEFT_EVICT_LIFETIME, WEFT_EVICT_IMPORTANCE | WEFT_EVICT_LIFETIME};

	for (unsigned k = 0; k < 4; k++) {
		struct oracle all[PORTS] = {{0}};
		struct weft_flow_mod del = flow_mod_of(WEFT_FLOW_DELETE, 0, 0);
		static const struct weft_match any;
		unsigned n = 0;

		// On when rules are there already, every other time.
		if (k % 2)
			assert_int_equal(evicts(0, kinds[k]), WEFT_E_NONE);
		while (n < ROOM)
			one_add(all, kinds[k], &n);
		assert_int_equal(evicts(WEFT_TABLE_ALL, kinds[k]), WEFT_E_NONE);
		for (unsigned i = 0; i < 2000; i++) {
			world->now += rng() % (SECOND / 4);
			use(all, 1 + rng() % (PORTS - 1));
			if (rng() % 8 == 0) { // what an abort brings back may be evicted again
				assert_true(ft_txn_begin(world->sw));
				add(PORTS, 9, 0, 0);
				ft_txn_abort(world->sw);
			}
			one_add(all, kinds[k], &n);
		}
		assert_int_equal(ft_flow_mod(world->sw, &del, &any, NULL), WEFT_E_NONE);
	}
	assert_int_equal(evicts(0, 0), WEFT_E_NONE);
	for (unsigned i = 0; i < ROOM; i++)
		assert_int_equal(add(1 + i, 0, 0, 0), WEFT_E_NONE);
	assert_int_equal(add(ROOM + 1, 0, 0, 0), WEFT_E_TABLE_FULL);
}

static enum weft_error vacancy(uint8_t down, uint8_t up)
{
	return ft_table_mod(world->sw, &(struct weft_table_mod){.table = 3,
					       .set = WEFT_TABLE_SET_VACANCY,
					       .vacancy = 1,
					       .vacancy_down = down,
					       .vacancy_up = up});
}

static void fill(unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		assert_int_equal(add(1 + i, 0, 0, 0), WEFT_E_NONE);
}

static void empty(unsigned from, unsigned to)
{
	struct weft_flow_mod del = flow_mod_of(WEFT_FLOW_DELETE, 0, 0);
	static const struct weft_match any;

	del.cookie_mask = UINT64_MAX;
	for (del.cookie = from + 1; del.cookie < to + 1; del.cookie++)
		assert_int_equal(ft_flow_mod(world->sw, &del, &any, NULL), WEFT_E_NONE);
}

static void thresholds(void **state)
{
	struct weft_table_desc d;

	assert_int_equal(vacancy(30, 20), WEFT_E_TABLE_CONFIG);
	assert_int_equal(vacancy(30, 101), WEFT_E_TABLE_CONFIG);
	assert_int_equal(vacancy(20, 60), WEFT_E_NONE);
	fill(0, 40); // 20 % are free: not below yet
	assert_int_equal(n_status, 0);
	fill(40, 41);
	assert_int_equal(n_status, 1);
	assert_int_equal(status[0].reason, WEFT_TABLE_VACANCY_DOWN);
	assert_int_equal(status[0].table, 3);
	assert_int_equal(status[0].vacant, 18);
	empty(40, 41); // above down again, but it is up that comes next
	fill(40, 50);
	empty(30, 50);
	assert_int_equal(n_status, 1);
	empty(19, 30);
	assert_int_equal(n_status, 2);
	assert_int_equal(status[1].reason, WEFT_TABLE_VACANCY_UP);
	assert_int_equal(status[1].vacant, 62);
	assert_true(ft_txn_begin(world->sw)); // what is undone is not told
	fill(19, 50);
	ft_txn_abort(world->sw);
	assert_int_equal(n_status, 2);
	ft_switch_set_limits(world->sw, &(struct ft_limits){20, 1, 1, 1});
	assert_int_equal(n_status, 3);
	assert_int_equal(status[2].reason, WEFT_TABLE_VACANCY_DOWN);
	ft_table_describe(world->sw, 3, &d);
	assert_int_equal(d.vacant, 5);
	assert_int_equal(d.vacancy_down, 20);
	assert_int_equal(d.role, WEFT_TABLE_INGRESS);
	assert_int_equal(d.reason, 0);
}

static void errors(void **state)
{
	struct weft_table_mod mod = {.table = 1, .set = 8};

	assert_int_equal(ft_table_mod(world->sw, &mod), WEFT_E_TABLE_CONFIG);
	assert_int_equal(evicts(1, 8), WEFT_E_TABLE_CONFIG);
	mod = (struct weft_table_mod){.table = WEFT_TABLE_ALL, .set = WEFT_TABLE_SET_EGRESS};
	assert_int_equal(ft_table_mod(world->sw, &mod), WEFT_E_TABLE_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(least_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(thresholds, setup, teardown),
		cmocka_unit_test_setup_teardown(errors, setup, teardown),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
