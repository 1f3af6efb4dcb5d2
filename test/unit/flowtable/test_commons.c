// SPDX-License-Identifier: Apache-2.0
// What switches have in common: fronts are nobody else's, and masks are one for all who say the
// same, and for nobody else. Held against lists of who has what.

#include "world.h"

#include "flowtable/commons.h"
#include "flowtable/front.h"
#include "flowtable/relevance.h"

enum {
	FRONTS = 3000, // three chunks
	USERS = 200,
	KINDS = 20,
	TURNS = 20000,
};

static void fronts_are_ones_own(void **state)
{
	static struct ft_front *have[FRONTS];
	struct ft_commons *c = *state;

	for (unsigned turn = 0; turn < TURNS; turn++) {
		unsigned i = rng() % FRONTS;

		if (have[i]) {
			assert_int_equal(have[i]->number, i + 1);
			ft_front_free(c, have[i]);
			have[i] = NULL;
			continue;
		}
		have[i] = ft_front_new(c);
		assert_non_null(have[i]);
		assert_int_equal((uintptr_t)have[i] % 64, 0);
		assert_int_equal(have[i]->number, 0);
		assert_null(have[i]->sw);
		have[i]->number = i + 1;
	}
	for (unsigned i = 0; i < FRONTS; i++) {
		if (have[i])
			assert_int_equal(have[i]->number, i + 1);
		ft_front_free(c, have[i]);
		have[i] = NULL;
	}
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

	fronts_are_ones_own(&none);
	masks_are_shared_by_those_alike(&none);
}

static int setup(void **state)
{
	*state = ft_commons_new();
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
		cmocka_unit_test_setup_teardown(fronts_are_ones_own, setup, teardown),
		cmocka_unit_test_setup_teardown(masks_are_shared_by_those_alike, setup, teardown),
		cmocka_unit_test(without),
	};

	rng_seed_from_env();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
