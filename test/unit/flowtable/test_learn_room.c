// SPDX-License-Identifier: Apache-2.0
// learn(limit=, result_dst=): a packet is told at once whether there was room, and what it is told
// is true whenever and in whatever order the writer gets to the rules.

#include "learn_kit.h"

#define TABLE 1u
#define COOKIE 7u
#define ROOM 3u    // the port of those who were told that there was room
#define NO_ROOM 2u // and of the others

// reg0 is 2; its lowest bit is the result; then output to the port that it says.
static struct learn asking(uint32_t limit)
{
	struct learn l = mac_learning();

	l.head.limit = limit;
	l.head.flags |= WEFT_LEARN_WRITE_RESULT;
	l.head.result = bits_of(WEFT_FIELD_REG0, 0, 1);
	return l;
}

static enum weft_error install_asking(struct learn *l, uint64_t cookie)
{
	struct weft_action_output_field out = {.port = bits_of(WEFT_FIELD_REG0, 0, 32)};
	struct program p = {0};

	program_set(&p, false, WEFT_FIELD_REG0, NO_ROOM);
	add_learn(&p, l);
	program_raw(&p, false, WEFT_ACTION_OUTPUT_FIELD, 0, &out, sizeof(out));
	return put(0, 1, cookie, &p);
}

static bool told_room(unsigned worker, uint8_t src)
{
	frame_only(worker, src, 200, 1);
	assert_true(last_port() == ROOM || last_port() == NO_ROOM);
	return last_port() == ROOM;
}

static const struct ft_learned *asked(unsigned i)
{
	return (const struct ft_learned *)t.rule[i];
}

static uint32_t used(void)
{
	return atomic_load(&atomic_load(&t.w->sw->learners.rooms.first)->used);
}

static struct weft_match match_of(uint8_t mac)
{
	struct pattern p = {0};

	pattern_exact(&p, WEFT_FIELD_ETH_DST, 0x020000000000 + mac);
	return pattern_match(&p);
}

static void change(uint8_t command, uint8_t mac)
{
	struct weft_flow_mod mod = flow_mod_of(command, TABLE, 10);
	struct weft_match m = match_of(mac);
	struct program p = program_out(1);

	mod.cookie = COOKIE;
	assert_int_equal(ft_flow_mod(t.w->sw, &mod, &m, &p.instr), WEFT_E_NONE);
}

static void places_are_counted_before_there_are_rules(void **state)
{
	struct learn l = asking(3);

	assert_int_equal(install_asking(&l, 1), WEFT_E_NONE);
	for (uint8_t mac = 1; mac <= 5; mac++)
		assert_int_equal(told_room(0, mac), mac <= 3);
	assert_true(told_room(0, 3)); // on its way; the others' slots may be the same one's
	assert_int_equal(t.asked, 3);
	assert_int_equal(used(), 3);
	assert_int_equal(t.w->sw->rules, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(ft_learn_apply(t.w->sw, asked(i)), WEFT_E_NONE);
	t.asked = 0;
	assert_int_equal(used(), 3);
	assert_true(told_room(1, 3)); // there
	assert_false(told_room(1, 4));
	change(WEFT_FLOW_DELETE_STRICT, 1);
	assert_int_equal(used(), 2);
	assert_true(told_room(1, 4));
	assert_false(told_room(0, 1));
}

// What is not handed over, refused, there already, or let go of gives its place back.
static void places_come_back(void **state)
{
	struct learn l = asking(2);

	assert_int_equal(install_asking(&l, 1), WEFT_E_NONE);
	t.full = true;
	assert_false(told_room(0, 1)); // it will not be there
	t.full = false;
	assert_int_equal(used(), 0);
	assert_true(told_room(0, 1));
	assert_true(told_room(1, 1)); // another worker takes no second place
	assert_int_equal(used(), 1);
	assert_int_equal(t.asked, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(ft_learn_apply(t.w->sw, asked(i)), WEFT_E_NONE);
	assert_int_equal(used(), 1);
	t.asked = 0;
	assert_true(told_room(0, 2));
	ft_learn_drop(t.w->sw, asked(0));
	assert_int_equal(used(), 1);
	t.asked = 0;
	ft_switch_set_limits(t.w->sw, &(struct ft_limits){2, 1, 1, 1});
	assert_true(told_room(1, 2));
	assert_int_equal(ft_learn_apply(t.w->sw, asked(0)), WEFT_E_TABLE_FULL);
	assert_int_equal(used(), 1);
}

// As many flows as may be, each met by both workers before the writer has seen any: who forgets
// what it has asked for, as more is asked than it remembers, is known all the same.
static void nobody_takes_two_places(void **state)
{
	const uint8_t flows = 40;
	struct learn l = asking(flows);

	assert_int_equal(install_asking(&l, 1), WEFT_E_NONE);
	for (unsigned round = 0; round < 8; round++)
		for (uint8_t mac = 1; mac <= flows; mac++) {
			assert_true(told_room(rng() % 2, mac));
			if (!asked(t.asked - 1)->room)
				t.asked--; // once more: of no consequence
		}
	assert_int_equal(used(), flows);
	assert_false(told_room(0, flows + 1));
	for (unsigned i = 0; i < t.asked; i++)
		assert_int_equal(ft_learn_apply(t.w->sw, asked(i)), WEFT_E_NONE);
	assert_int_equal(used(), flows);
}

// What another rule hides is learned once, and known as long as it is there.
static void a_hidden_rule_takes_one_place(void **state)
{
	static const struct weft_match all;
	struct weft_flow_mod mod = flow_mod_of(WEFT_FLOW_ADD, TABLE, 20);
	struct learn l = asking(1);

	assert_int_equal(install_asking(&l, 1), WEFT_E_NONE);
	assert_int_equal(ft_flow_mod(t.w->sw, &mod, &all, NULL), WEFT_E_NONE);
	for (unsigned round = 0; round < 10; round++) {
		t.asked = 0;
		assert_true(told_room(round % 2, 1));
		assert_false(told_room(round % 2, 2));
		assert_int_equal(used(), 1);
		for (unsigned i = 0; i < t.asked; i++)
			assert_int_equal(ft_learn_apply(t.w->sw, asked(i)), WEFT_E_NONE);
		t.w->now += SECOND;
	}
	change(WEFT_FLOW_DELETE_STRICT, 1);
	assert_int_equal(used(), 0);
	t.asked = 0;
	assert_true(told_room(0, 2)); // the place of the other one
	assert_false(told_room(1, 1));
}

// Prints that find no place are not kept, and each is right all the same.
static void more_prints_than_places(void **state)
{
	struct ft_learn_room *room;
	struct learn l = asking(1000000);
	const struct weft_action_learn *a = &l.head;

	assert_int_equal(install_asking(&l, 1), WEFT_E_NONE);
	room = atomic_load(&t.w->sw->learners.rooms.first);
	for (uint64_t n = 1; n <= 20; n++) { // all of one window
		assert_int_equal(ft_learn_room_take(t.w->sw, a, n << 2), room->serial);
		assert_false(ft_learn_room_knows(t.w->sw, a, n << 2));
		ft_learn_room_handed(t.w->sw, a, n << 2);
		assert_true(ft_learn_room_knows(t.w->sw, a, n << 2) == (n <= FT_LEARN_WINDOW));
	}
	for (uint64_t n = 1; n <= 20; n++) {
		struct ft_learned done = {
			.mod = {.cookie = COOKIE, .table = TABLE}, .print = n << 2};

		ft_learn_room_answer(t.w->sw, &done, n % 2);
		assert_true(ft_learn_room_knows(t.w->sw, a, n << 2) == n % 2);
	}
	assert_int_equal(ft_learn_room_take(t.w->sw, a, 100 << 2), room->serial);
	ft_learn_room_give_back(t.w->sw, a, room->serial, 100 << 2);
	assert_false(ft_learn_room_knows(t.w->sw, a, 100 << 2));
	assert_int_equal(used(), 20);
	atomic_store(&room->used, 0); // of nobody's
}

// Rules that were there before, staged and thrown away, or added by who asks nobody.
static void all_rules_count(void **state)
{
	struct learn l = asking(4), silent = mac_learning();

	change(WEFT_FLOW_ADD, 1);
	assert_true(ft_txn_begin(t.w->sw));
	change(WEFT_FLOW_ADD, 2);
	change(WEFT_FLOW_ADD, 1); // in its own place
	assert_int_equal(install_asking(&l, 1), WEFT_E_NONE);
	assert_int_equal(used(), 1);
	ft_txn_commit(t.w->sw);
	assert_int_equal(used(), 2);
	assert_true(ft_txn_begin(t.w->sw));
	change(WEFT_FLOW_ADD, 3);
	change(WEFT_FLOW_DELETE_STRICT, 1);
	assert_int_equal(used(), 2);
	ft_txn_abort(t.w->sw);
	assert_int_equal(used(), 2);
	assert_true(told_room(0, 3));
	assert_true(told_room(0, 4));
	silent.head.limit = 4;
	assert_int_equal(put(0, 0, 1, &(struct program){0}), WEFT_E_NONE);
	assert_int_equal(install(&silent, 1), WEFT_E_NONE); // in place of the one that asks
	assert_int_equal(t.asked, 2);
	assert_null(atomic_load(&t.w->sw->learners.rooms.first));
	for (unsigned i = 0; i < 2; i++) // their room has gone, they have not
		assert_int_equal(ft_learn_apply(t.w->sw, asked(i)), WEFT_E_NONE);
	assert_int_equal(install_asking(&l, 1), WEFT_E_NONE);
	assert_int_equal(used(), 4);
	ft_learn_drop(t.w->sw, asked(0)); // a place of the other room
	assert_int_equal(used(), 4);
}

static void without_a_limit_there_is_room(void **state)
{
	struct learn l = asking(0);

	assert_int_equal(install_asking(&l, 1), WEFT_E_NONE);
	for (uint8_t mac = 1; mac < 50; mac++)
		assert_true(told_room(0, mac));
	assert_null(atomic_load(&t.w->sw->learners.rooms.first));
}

static void the_result_is_one_bit_that_may_be_written(void **state)
{
	struct learn l = asking(3);

	l.head.result.n_bits = 2;
	assert_int_equal(install_asking(&l, 1), WEFT_E_ACTION_ARG);
	l.head.result = bits_of(WEFT_FIELD_IN_PHY_PORT, 0, 1);
	assert_int_equal(install_asking(&l, 1), WEFT_E_ACTION_SET_TYPE);
}

// ---- at random, against what was said before

#define MACS 24u

static unsigned rules_there(void)
{
	return world_count_cookie(t.w, TABLE, COOKIE);
}

static bool is_there(uint8_t mac)
{
	struct weft_match m = match_of(mac);

	return world_count(t.w, TABLE, &m);
}

// Those that wait are done, in any order, but for some that are let go of.
static void writer_works(bool promised[MACS])
{
	while (t.asked) {
		unsigned i = rng() % t.asked;

		if (rng() % 8 == 0) {
			memset(promised, 0, MACS * sizeof(promised[0])); // whichever it was
			ft_learn_drop(t.w->sw, asked(i));
		} else {
			enum weft_error error = ft_learn_apply(t.w->sw, asked(i));

			// It was there when it was asked for, and has been deleted since.
			assert_true(!error || (error == WEFT_E_TABLE_FULL && !asked(i)->room));
		}
		memmove(t.rule[i], t.rule[--t.asked], sizeof(t.rule[0]));
	}
}

static void nobody_is_told_a_lie(void **state)
{
	const uint32_t limit = 6;
	bool promised[MACS] = {0};
	struct learn l = asking(limit);

	assert_int_equal(install_asking(&l, 1), WEFT_E_NONE);
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t mac = (uint8_t)(rng() % MACS);
		unsigned places = used();

		t.full = rng() % 16 == 0;
		if (told_room(rng() % 2, mac))
			promised[mac] = true;
		else if (!is_there(mac))
			assert_true(t.full || places >= limit);
		assert_true(used() <= limit);
		if (rng() % 40 == 0) {
			change(WEFT_FLOW_DELETE_STRICT, mac);
			promised[mac] = false;
		}
		if (rng() % 10 && t.asked < limit)
			continue;
		writer_works(promised);
		assert_int_equal(used(), rules_there());
		for (uint8_t m = 0; m < MACS; m++)
			assert_true(!promised[m] || is_there(m));
		memset(promised, 0, sizeof(promised));
		t.w->now += rng() % SECOND;
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(places_are_counted_before_there_are_rules),
		TEST(places_come_back),
		TEST(nobody_takes_two_places),
		TEST(a_hidden_rule_takes_one_place),
		TEST(more_prints_than_places),
		TEST(all_rules_count),
		TEST(without_a_limit_there_is_room),
		TEST(the_result_is_one_bit_that_may_be_written),
		TEST(nobody_is_told_a_lie),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
