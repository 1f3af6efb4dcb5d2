// SPDX-License-Identifier: Apache-2.0
// Rules that go with the last one that learned them, and very many of them: in steps, each bounded,
// and in the end as if all had been done at once.

#include "aftermath_kit.h"

#define MANY 3000u
#define STEP 512u // rules that go in one

static enum weft_error change(
	uint8_t command, uint8_t table, uint32_t n, uint64_t cookie, const struct program *p)
{
	struct weft_flow_mod mod = flow_mod_of(command, table, 10);
	struct weft_match m = match_of(n);

	mod.cookie = cookie;
	mod.flags = command == WEFT_FLOW_ADD ? WEFT_FLOW_SEND_REMOVED : 0;
	return ft_flow_mod(t.w->sw, &mod, &m, &p->instr);
}

static void add(uint8_t table, uint32_t n, uint64_t cookie)
{
	struct program p = program_out(1);

	assert_int_equal(change(WEFT_FLOW_ADD, table, n, cookie, &p), WEFT_E_NONE);
}

static struct learn deleting(uint64_t cookie)
{
	struct learn l = mac_learning();

	l.head.cookie = cookie;
	l.head.flags |= WEFT_LEARN_DELETE;
	return l;
}

// Which rules learn is told by their number, in table 0.
static void add_learner(uint32_t n, uint64_t cookie)
{
	struct learn l = deleting(cookie);
	struct program p = {0};

	add_learn(&p, &l);
	assert_int_equal(change(WEFT_FLOW_ADD, 0, n, 0, &p), WEFT_E_NONE);
}

static void del(uint8_t table, uint32_t n)
{
	const struct program none = {0};

	assert_int_equal(change(WEFT_FLOW_DELETE_STRICT, table, n, 0, &none), WEFT_E_NONE);
}

static unsigned count(uint8_t table, uint64_t cookie)
{
	return world_count_cookie(t.w, table, cookie);
}

// ---- what was learned by rules that have gone

static void few_go_with_their_learner(void **state)
{
	add_learner(1, 7);
	for (uint32_t i = 0; i < 300; i++)
		add(TABLE, i, 7);
	del(0, 1);
	assert_int_equal(count(TABLE, 7), 0);
	assert_int_equal(came, 0);
	assert_int_equal(t.w->told_n, 301);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(t.w->told[i].stats.reason, WEFT_REMOVED_DELETE);
}

static void many_go_in_steps(void **state)
{
	unsigned left = MANY, steps = 0;

	add_learner(1, 7);
	add_learner(2, 8);
	for (uint32_t i = 0; i < MANY; i++)
		add(TABLE, i, 7);
	for (uint32_t i = 0; i < 10; i++) {
		add(TABLE, MANY + i, 8);
		add(TABLE + 1, i, 7);
	}
	t.w->now += SECOND;
	del(0, 1);
	assert_in_range(left - count(TABLE, 7), 1, STEP);
	assert_int_equal(awaited, 1);
	while (ft_aftermath_awaited(t.w->sw)) {
		left = count(TABLE, 7);
		assert_true(ft_aftermath_run(t.w->sw));
		assert_true(left - count(TABLE, 7) <= STEP);
		steps++;
	}
	assert_in_range(steps, MANY / STEP - 1, 2 * MANY / STEP + 2);
	assert_false(ft_aftermath_run(t.w->sw));
	assert_int_equal(count(TABLE, 7), 0);
	assert_int_equal(count(TABLE, 8), 10);
	assert_int_equal(count(TABLE + 1, 7), 10);
	assert_int_equal(t.w->told_n, MANY + 1);
	assert_null(t.w->sw->learners.owners->next); // that of 8
}

// Where nobody was ever asked for a cookie, the index of them is made in steps, too.
static void the_index_is_made_in_steps(void **state)
{
	for (uint32_t i = 0; i < 20000; i++)
		add(2, i, 1);
	for (uint32_t i = 0; i < 700; i++)
		add(TABLE, i, 7);
	add_learner(1, 7);
	assert_int_equal(t.w->sw->cookies.built, 0);
	del(0, 1);
	assert_in_range(t.w->sw->cookies.built, 1, 4096);
	assert_int_equal(count(TABLE, 7), 700);
	assert_in_range(run_all(), 20000 / 4096 + 1, 12);
	assert_int_equal(count(TABLE, 7), 0);
	assert_int_equal(count(2, 1), 20000);
}

// Once begun it grows with the rules, and is made whole again by those that come.
static void the_index_grows(void **state)
{
	const struct ft_cookies *c = &t.w->sw->cookies;
	uint32_t room, most = 0, n = 0;
	unsigned grew = 0;

	for (; n < 6400; n++)
		add(TABLE, n, n);
	assert_true(ft_cookies_begin(t.w->sw));
	room = c->room;
	for (; n < 40000; n++) {
		uint32_t left = t.w->sw->ids.count - c->built;

		add(TABLE, n, n);
		if (c->room != room)
			grew++;
		else // the one that came is there, and some that were not
			assert_true(left ? t.w->sw->ids.count - c->built < left
					 : ft_cookies_is_whole(t.w->sw));
		room = c->room;
		most = left > most ? left : most;
	}
	assert_true(most > 6000 && grew > 2);
	assert_true(c->mask + 1 >= c->room / 2); // so that chains stay short
	assert_int_equal(count(TABLE, 39999), 1);
}

// Commits take a step along where there is always a transaction open.
static void commits_take_steps_along(void **state)
{
	unsigned commits = 0;

	add_learner(1, 7);
	for (uint32_t i = 0; i < MANY; i++)
		add(TABLE, i, 7);
	t.w->now += SECOND;
	del(0, 1);
	for (; ft_aftermath_awaited(t.w->sw); commits++) {
		assert_true(ft_txn_begin(t.w->sw));
		assert_false(ft_aftermath_run(t.w->sw)); // a look of the control loop
		ft_txn_commit(t.w->sw);
		assert_true(commits < 100);
	}
	assert_in_range(commits, MANY / STEP - 1, 2 * MANY / STEP + 2);
	assert_int_equal(count(TABLE, 7), 0);
}

// One that packets must meet whole.
static void a_transaction_is_completed(void **state)
{
	unsigned steps = 0;
	uint64_t version;

	add_learner(1, 7);
	for (uint32_t i = 0; i < MANY; i++)
		add(TABLE, i, 7);
	version = ft_version(t.w->sw);
	for (unsigned commits = 0; commits < 2; commits++) {
		assert_true(ft_txn_begin(t.w->sw));
		del(0, 1);
		while (ft_txn_complete_some(t.w->sw))
			steps++;
		assert_int_equal(t.w->sw->rules, 0);
		for (uint32_t i = 0; i < MANY; i += 100) {
			struct weft_flow_key key = {0};

			memcpy(&key.eth_dst, (uint8_t[]){0, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i},
				6);
			assert_non_null(world_lookup(t.w, TABLE, &key));
		}
		if (!commits) {
			while (ft_txn_abort_some(t.w->sw, 100))
				;
			assert_int_equal(t.w->sw->rules, MANY + 1);
			assert_false(ft_aftermath_any(t.w->sw));
		}
	}
	assert_in_range(steps, 2 * (MANY / STEP), 4 * MANY / STEP + 4);
	assert_true(ft_version(t.w->sw) == version);
	ft_txn_commit(t.w->sw);
	assert_true(ft_version(t.w->sw) > version);
	assert_int_equal(came, 0);
	assert_false(ft_aftermath_any(t.w->sw));
}

// A learner that came and went within a transaction that was undone has never been there.
static void an_aborted_learner_takes_nothing_along(void **state)
{
	for (uint32_t i = 0; i < 10; i++)
		add(TABLE, i, 7);
	assert_true(ft_txn_begin(t.w->sw));
	add_learner(1, 7);
	ft_txn_abort(t.w->sw);
	add(TABLE, 100, 7);
	assert_int_equal(count(TABLE, 7), 11);
}

// A rule that goes has learned in turn.
static void a_chain_of_learners(void **state)
{
	struct learn l = deleting(8);
	struct program p = {0};

	add_learn(&p, &l);
	add_learner(1, 7);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(change(WEFT_FLOW_ADD, TABLE, i, 7, &p), WEFT_E_NONE);
		if (i % 2)
			add(TABLE, MANY + i, 8);
	}
	t.w->now += SECOND;
	del(0, 1);
	run_all();
	assert_int_equal(t.w->sw->rules, 0);
	assert_null(t.w->sw->learners.owners);
}

// ---- at random, against a switch that does all at once

#define RULES 1500u // of each cookie
#define COOKIES 2u
#define LEARNERS 2u // of each

struct model {
	bool rule[COOKIES * RULES];
	bool learner[COOKIES * LEARNERS];
	bool orphaned[COOKIES]; // in the open transaction
};

static struct model now, before; // before: the open transaction
static bool open;

static bool learns(unsigned cookie)
{
	return now.learner[LEARNERS * cookie] || now.learner[LEARNERS * cookie + 1];
}

static void committed(void)
{
	for (unsigned c = 0; c < COOKIES; c++) {
		if (now.orphaned[c] && !learns(c))
			memset(&now.rule[c * RULES], 0, RULES);
		now.orphaned[c] = false;
	}
}

static void done(void)
{
	if (!open)
		committed();
}

static void random_learner(void)
{
	unsigned n = rng() % (COOKIES * LEARNERS);

	if (now.learner[n] && rng() % 4) {
		del(0, n);
		now.orphaned[n / LEARNERS] = true;
		now.learner[n] = false;
	} else {
		now.orphaned[n / LEARNERS] |= now.learner[n]; // in its own place
		add_learner(n, n / LEARNERS);
		now.learner[n] = true;
	}
	done();
}

static void random_rules(void)
{
	for (unsigned k = rng() % 200; k; k--) {
		unsigned n = rng() % (COOKIES * RULES);
		struct program p = program_out(1 + rng() % 4);

		switch (rng() % 6) {
		case 0:
			del(TABLE, n);
			now.rule[n] = false;
			break;
		case 1:
			assert_int_equal(
				change(WEFT_FLOW_MODIFY_STRICT, TABLE, n, 0, &p), WEFT_E_NONE);
			break;
		default:
			add(TABLE, n, n / RULES);
			now.rule[n] = true;
		}
	}
	done();
}

static void random_end(void)
{
	open = false;
	switch (rng() % 3) {
	case 0:
		ft_txn_abort(t.w->sw);
		now = before;
		return;
	case 1:
		for (unsigned k = rng() % 12; k && ft_txn_complete_some(t.w->sw); k--)
			;
		if (rng() % 2) {
			while (ft_txn_abort_some(t.w->sw, 1 + rng() % 500))
				;
			now = before;
			return;
		}
		break;
	default:
		break;
	}
	ft_txn_commit(t.w->sw);
	committed();
}

static void check_all(void)
{
	unsigned want = 0;

	run_all();
	for (unsigned n = 0; n < COOKIES * RULES; n++) {
		struct weft_match m = match_of(n);

		want += now.rule[n];
		if (n % 7)
			continue;
		assert_int_equal(world_count(t.w, TABLE, &m), now.rule[n]);
	}
	assert_int_equal(count(TABLE, 0) + count(TABLE, 1), want);
}

// As it came, with commits in one go, is what it is in the end, whatever came in between.
static void as_if_at_once(void **state)
{
	memset(&now, 0, sizeof(now));
	open = false;
	for (unsigned i = 0; i < 4000; i++) {
		unsigned what = rng() % 8;

		t.w->now += 1 + rng() % 1000;
		if (t.w->deferred && rng() % 4 == 0)
			world_grace(t.w);
		if (what == 0)
			random_learner();
		else if (what <= 3)
			random_rules();
		else if (what == 4 && !open && (open = ft_txn_begin(t.w->sw)))
			before = now;
		else if (what == 5 && open)
			random_end();
		else if (what == 6)
			ft_aftermath_run(t.w->sw);
		if (!open && rng() % 40 == 0)
			check_all();
		if (rng() % 100 == 0 && !(t.w->deferred = !t.w->deferred))
			world_drain(t.w);
	}
	if (open)
		random_end();
	t.w->deferred = false;
	world_drain(t.w);
	check_all();
}

// ---- the end of a large switch

static void a_large_switch_goes_in_steps(void **state)
{
	uint32_t left = 30000;
	unsigned graces = 0;

	add_learner(1, 7);
	for (uint32_t i = 0; i < left; i++)
		add(TABLE, i, 7);
	t.w->deferred = true;
	ft_switch_free(t.w->sw);
	for (; t.w->queued; graces++)
		world_grace(t.w);
	assert_in_range(graces, left / 4096 + 1, left / 4096 + 4);
	ft_commons_free(t.w->env.commons);
	free(t.w->told);
	free(t.w);
	books_balance(t.b);
	books_free(t.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(few_go_with_their_learner),
		TEST(many_go_in_steps),
		TEST(the_index_is_made_in_steps),
		TEST(the_index_grows),
		TEST(commits_take_steps_along),
		TEST(a_transaction_is_completed),
		TEST(an_aborted_learner_takes_nothing_along),
		TEST(a_chain_of_learners),
		TEST(as_if_at_once),
		cmocka_unit_test_setup(a_large_switch_goes_in_steps, setup_large),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
