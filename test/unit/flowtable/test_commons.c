// SPDX-License-Identifier: Apache-2.0
// What switches have in common: fronts and counters of tables are nobody else's, and masks are one
// for all who say the same, and for nobody else. Held against lists of who has what.

#include "world.h"

#include "flowtable/cache/commons.h"
#include "flowtable/cache/front.h"
#include "flowtable/cache/relevance.h"

enum {
	FRONTS = 3000, // three chunks
	USERS = 200,
	KINDS = 20,
	TURNS = 20000,
	WORKERS = 2,
	TABLES = WEFT_TABLES + 1,
};

// Of some worker's some table.
static struct ft_table_counter *counter(const struct ft_share *s, size_t i)
{
	return &s->counters[i * s->step];
}

// What it has counted is its number, and each other counter of its is zero.
static void check_counters(const struct ft_share *s, uint32_t number)
{
	size_t own = number % (WORKERS * TABLES);

	for (size_t i = 0; i < WORKERS * TABLES; i++) {
		assert_int_equal(atomic_load(&counter(s, i)->lookups), i == own ? number : 0);
		assert_int_equal(atomic_load(&counter(s, i)->matched), 0);
	}
}

static void leave(struct ft_commons *c, struct ft_share *s, uint32_t number)
{
	assert_int_equal(s->front->number, number);
	check_counters(s, number);
	ft_share_free(c, WORKERS, s);
	*s = (struct ft_share){0};
}

static void join(struct ft_commons *c, struct ft_share *s, uint32_t number)
{
	assert_true(ft_share_new(c, WORKERS, s));
	assert_int_equal((uintptr_t)s->front % 64, 0);
	assert_int_equal(s->front->number, 0);
	assert_null(s->front->sw);
	check_counters(s, 0);
	s->front->number = number;
	atomic_store(&counter(s, number % (WORKERS * TABLES))->lookups, number);
}

// The lines of two workers' counters are never the same, whoever has them.
static void check_lines(const struct ft_share *s, const struct ft_share *other)
{
	uintptr_t last = (uintptr_t)counter(s, TABLES - 1) / 64;

	assert_true(last != (uintptr_t)counter(other, TABLES) / 64);
	assert_true(last != (uintptr_t)counter(s, TABLES) / 64);
}

static void shares_are_ones_own(void **state)
{
	static struct ft_share have[FRONTS];
	struct ft_commons *c = *state;

	for (uint32_t turn = 0; turn < TURNS; turn++) {
		uint32_t i = rng() % FRONTS;

		if (have[i].front) {
			leave(c, &have[i], i + 1);
			continue;
		}
		join(c, &have[i], i + 1);
		check_lines(&have[i], have[i ^ 1].front ? &have[i ^ 1] : &have[i]);
	}
	for (uint32_t i = 0; i < FRONTS; i++)
		if (have[i].front)
			leave(c, &have[i], i + 1);
}

static void masks_of(unsigned kind, struct ft_masks *m)
{
	memset(m, 0, sizeof(*m));
	m->mask[kind % FT_FRAME_KINDS][kind % 8] = 1 + kind % 3;
	m->word[kind % FT_ALIKE_WORDS] = kind;
	m->all_tcp6 = kind == 1;
	m->hash = rng(); // says nothing
}

// Who else has masks of this kind; NULL: nobody.
static const struct ft_masks *other(
	struct ft_masks *const have[], const unsigned kind[], unsigned of)
{
	for (unsigned i = 0; i < USERS; i++)
		if (have[i] && kind[i] == of)
			return have[i];
	return NULL;
}

static void masks_are_shared_by_those_alike(void **state)
{
	struct ft_masks *have[USERS] = {NULL}, draft;
	unsigned kind[USERS] = {0};

	for (unsigned turn = 0; turn < TURNS + USERS; turn++) {
		unsigned i = turn < TURNS ? rng() % USERS : turn - TURNS;

		if (have[i]) {
			struct ft_masks *left = have[i];
			bool last = ft_masks_leave(*state, left);

			have[i] = NULL;
			assert_int_equal(last, !*state || !other(have, kind, kind[i]));
			if (last)
				free(left);
		} else if (turn < TURNS) {
			const struct ft_masks *known = other(have, kind, kind[i] = rng() % KINDS);

			masks_of(kind[i], &draft);
			have[i] = ft_masks_take(*state, &draft);
			assert_non_null(have[i]);
			assert_memory_equal(have[i], &draft, FT_MASKS_SAY);
			if (*state && known)
				assert_ptr_equal(have[i], known);
		}
	}
}

// The same with none: everybody has his own.
static void without(void **state)
{
	void *none = NULL;

	shares_are_ones_own(&none);
	masks_are_shared_by_those_alike(&none);
}

static int setup(void **state)
{
	*state = ft_commons_new(WORKERS);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	ft_commons_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(shares_are_ones_own, setup, teardown),
		cmocka_unit_test_setup_teardown(masks_are_shared_by_those_alike, setup, teardown),
		cmocka_unit_test(without),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
